/* Tapes: expressions flattened into instructions, each of which works on a block of
 * points; guards become masks under which reads are done. */
#include "ir/tape.h"

typedef struct { const void *what; int mask, reg; } Memo;

Reg *tape_reg(Tape *t, int reg) { return t->reg[reg]; }

static int new_reg(Tape *t) {
    PUSH(t->arena, t->reg, t->nreg) = NEW(t->arena, 1, Reg);
    return t->nreg - 1;
}

Tape *tape_new(const Run *r, Arena *a, Pool *p, const Box *box, int nidx, const Value *src) {
    Tape *t = NEW(a, 1, Tape);
    *t = (Tape){.run = r, .arena = a, .pool = p, .box = *box, .src = src};
    t->memo_pool.arena = a;
    for (int i = 0; i < nidx; i++)
        new_reg(t);
    return t;
}

static Op blank(OpKind k, int a, int b, int c) {
    return (Op){.kind = k, .a = a, .b = b, .c = c, .mask = -1};
}

static int emit(Tape *t, Op op) {
    op.to = op.kind == OP_CHECK ? -1 : new_reg(t);
    PUSH(t->arena, t->op, t->nop) = op;
    return op.to;
}

static int emit3(Tape *t, OpKind k, int a, int b, int c) { return emit(t, blank(k, a, b, c)); }

static int constant(Tape *t, DType type, Num v) {
    int r = new_reg(t);
    for (int i = 0; i < BLOCK; i++) {
        if (dtype_info[type].is_float)
            t->reg[r]->f[i] = v.f;
        else
            t->reg[r]->i[i] = v.i;
    }
    return r;
}

static bool same_memo(const void *x, const void *y) {
    const Memo *a = x, *b = y;
    return a->what == b->what && a->mask == b->mask;
}

static Memo *memo(Tape *t, const void *what, uint32_t id, int mask) {
    Memo key = {what, mask, -1};
    bool fresh;
    return pool_intern(&t->memo_pool, &t->memo, &key, sizeof key,
                       hash_u64(hash_u64(43, id), (uint64_t)mask), same_memo, &fresh);
}

/* --- subscripts --- */

static int put_ix(Tape *t, const Ix *ix, int mask);

/* A read is checked, and masked, only where its subscripts may lead outside. */
static int put_read(Tape *t, int slot, int n, const Ix *const *sub, int mask) {
    const Value *v = &t->src[slot];
    const Ix *at = ix_const(t->pool, 0);
    int guard = -1;
    int64_t stride = 1;
    if (n != v->type.rank)
        bug("node %u: %d subscripts for rank %d", t->run->node, n, v->type.rank);
    for (int d = n; d-- > 0;) {
        Dim dim = v->type.dim[d];
        at = ix_add(t->pool, at, ix_scale(t->pool, sub[d], stride));
        stride *= dim_size(t->run, dim);
        if (ix_inside(t->pool, sub[d], dim, &t->box))
            continue;
        Op check = blank(OP_CHECK, put_ix(t, sub[d], mask), -1, -1);
        check.k = dim_size(t->run, dim);
        check.mask = guard = mask;
        check.slot = slot;
        check.dim = d;
        emit(t, check);
    }
    Op load = blank(OP_LOAD, put_ix(t, at, mask), -1, -1);
    load.mask = guard;
    load.type = v->type.dtype;
    load.data = v->data;
    return emit(t, load);
}

static int put_atom(Tape *t, const IxAtom *x, int mask) {
    static const OpKind kind[] = {[IX_DIV] = OP_DIV, [IX_MOD] = OP_MOD, [IX_MIN] = OP_MIN,
                                  [IX_MAX] = OP_MAX, [IX_ABS] = OP_ABS};
    if (x->kind == IX_VAR)
        return x->id;
    if (x->kind == IX_BATCH)
        return constant(t, I64, (Num){.i = t->run->n});
    if (x->kind == IX_READ)
        return put_read(t, x->id, x->n, x->a, mask);
    int a = put_ix(t, x->a[0], mask), b = x->n > 1 ? put_ix(t, x->a[1], mask) : -1;
    Op op = blank(kind[x->kind], a, b, -1);
    op.k = x->k;
    return emit(t, op);
}

static int put_sum(Tape *t, const Ix *ix, int mask) {
    if (ix->n == 0)
        return constant(t, I64, (Num){.i = ix->c});
    int r = put_atom(t, ix->term[0].atom, mask);
    if (ix->c || ix->term[0].coef != 1) {
        Op op = blank(OP_LINE, r, -1, -1);
        op.k = ix->term[0].coef;
        op.add = ix->c;
        r = emit(t, op);
    }
    for (int i = 1; i < ix->n; i++) {
        Op op = blank(OP_PLUS, r, put_atom(t, ix->term[i].atom, mask), -1);
        op.k = ix->term[i].coef;
        r = emit(t, op);
    }
    return r;
}

static int put_ix(Tape *t, const Ix *ix, int mask) {
    Memo *m = memo(t, ix, ix->id, mask);
    if (m->reg < 0)
        m->reg = put_sum(t, ix, mask);
    return m->reg;
}

int tape_place(Tape *t, int n, const Ix *const *sub, const Type *type) {
    const Ix *at = ix_const(t->pool, 0);
    int64_t stride = 1;
    int inside = -1;
    for (int d = n; d-- > 0;) {
        at = ix_add(t->pool, at, ix_scale(t->pool, sub[d], stride));
        stride *= dim_size(t->run, type->dim[d]);
        if (ix_inside(t->pool, sub[d], type->dim[d], &t->box))
            continue;
        Op op = blank(OP_INSIDE, put_ix(t, sub[d], -1), -1, -1);
        op.k = dim_size(t->run, type->dim[d]);
        int in = emit(t, op);
        inside = inside < 0 ? in : emit3(t, OP_AND, inside, in, -1);
    }
    int r = put_ix(t, at, -1);
    return inside < 0 ? r : emit3(t, OP_PLACE, r, inside, -1);
}

/* --- values --- */

static int put_expr(Tape *t, const Expr *e, int mask);

/* Each comparison is made under those before it. */
static int put_cond(Tape *t, Cond c, int mask) {
    for (int i = 0; i < c.n; i++) {
        int a = put_ix(t, c.cmp[i].e, mask);
        int holds = emit3(t, c.cmp[i].eq ? OP_ZERO : OP_NOT_NEGATIVE, a, -1, -1);
        mask = mask < 0 ? holds : emit3(t, OP_AND, mask, holds, -1);
    }
    return mask;
}

static int put_when(Tape *t, const Expr *e, int mask) {
    int yes = put_cond(t, e->cond, mask);
    int all = mask < 0 ? constant(t, I64, (Num){.i = 1}) : mask;
    int no = emit3(t, OP_BUT, all, yes, -1);
    int a = put_expr(t, e->arg[0], yes), b = put_expr(t, e->arg[1], no);
    return emit3(t, OP_PICK, yes, a, b);
}

/* Wide runs: a function with an integer result means its definition. */
static int put_definition(Tape *t, const Expr *e, const int *arg) {
    const Expr *var[MAX_ARGS];
    for (int i = 0; i < e->n; i++)
        var[i] = x_var(t->pool, e->arg[i]->type, 1, i);
    const int *outer = t->var;
    Table memo_outer = t->memo;
    t->var = arg;
    t->memo = (Table){0};
    int r = put_expr(t, x_expand(t->pool, x_call(t->pool, e->fn, e->n, var)), -1);
    t->var = outer;
    t->memo = memo_outer;
    return r;
}

static int put_wide(Tape *t, const Expr *e, const int *arg) {
    bool floats = dtype_info[e->arg[0]->type].is_float;
    if (!floats && !dtype_info[e->type].is_float)
        return put_definition(t, e, arg);
    int *copy = NEW(t->arena, e->n, int);
    for (int i = 0; i < e->n; i++)
        copy[i] = arg[i];
    Op op = blank(OP_WIDE_CALL, -1, -1, -1);
    op.arg = copy;
    op.fn = e->fn;
    op.type = e->arg[0]->type;
    op.result = e->type;
    return emit(t, op);
}

static int put_call(Tape *t, const Expr *e, int mask) {
    int arg[MAX_ARGS] = {-1, -1, -1};
    if (e->n > MAX_ARGS)
        bug("%s has more than %d arguments", fn_info[e->fn].name, MAX_ARGS);
    for (int i = 0; i < e->n; i++)
        arg[i] = put_expr(t, e->arg[i], mask);
    if (!fn_info[e->fn].prim)
        return put_wide(t, e, arg);
    if (e->fn == FN_select)
        return emit3(t, OP_PICK, arg[0], arg[1], arg[2]);
    Op op = blank(OP_CALL, arg[0], e->n > 1 ? arg[1] : -1, e->n > 2 ? arg[2] : -1);
    op.fn = e->fn;
    op.type = e->arg[0]->type;
    op.result = e->type;
    return emit(t, op);
}

static int put_new(Tape *t, const Expr *e, int mask) {
    switch (e->kind) {
    case X_NUM:
        return constant(t, e->type, dtype_info[e->type].is_float ? (Num){.f = e->u.num}
                                                                 : (Num){.i = e->u.i});
    case X_IX: {
        Op op = blank(OP_FROM_INT, put_ix(t, e->u.ix, mask), -1, -1);
        op.type = e->type;
        return emit(t, op);
    }
    case X_READ: return put_read(t, e->u.slot, e->n, e->sub, mask);
    case X_VAR:
        if (t->var)
            return t->var[e->u.slot];
        break;
    case X_CALL: return put_call(t, e, mask);
    case X_WHEN: return put_when(t, e, mask);
    case X_SPLAT: case X_TREE: break;
    }
    bug("node %u: expression of kind %d in an equation", t->run->node, e->kind);
}

static int put_expr(Tape *t, const Expr *e, int mask) {
    Memo *m = memo(t, e, e->id, mask);
    if (m->reg < 0)
        m->reg = put_new(t, e, mask);
    return m->reg;
}

int tape_expr(Tape *t, const Expr *e) {
    return put_expr(t, t->run->wide ? e : x_expand(t->pool, e), -1);
}
