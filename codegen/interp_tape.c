/* Flattens kernels into tapes: each value once, addresses as sums, loops as jumps. */
#include "codegen/interp_tape.h"

typedef struct { int *reg; uint32_t cap; } Known;      /* by id: register + 1, 0 = none */
typedef struct { Known *table; uint32_t id; } Mark;

typedef struct {
    Arena *arena;
    Pool *pool;
    Tape *t;
    const Stmt *stmt;
    int *var;                          /* value register of each local */
    int mask;                          /* lanes that may be read; -1 = all */
    Known expr, ix;                    /* what registers hold already */
    int nlog;
    Mark *log;                         /* what was learnt, newest last */
} Maker;

static int emit(Maker *m, Ins in) {
    in.stmt = m->stmt;
    PUSH(m->arena, m->t->ins, m->t->nins) = in;
    return m->t->nins - 1;
}

static int new_reg(Maker *m) { return m->t->nreg++; }

static int new_cells(Maker *m, int lanes) {
    int at = m->t->ncell;
    for (int l = 0; l < lanes; l++)
        PUSH(m->arena, m->t->preset, m->t->ncell) = (Num){0};
    return at;
}

static int recall(const Known *k, uint32_t id) { return id < k->cap ? k->reg[id] - 1 : -1; }

static void learn(Maker *m, Known *k, uint32_t id, int reg) {
    if (id >= k->cap) {
        uint32_t cap = (id + 1) * 2;
        k->reg = arena_grow(m->arena, k->reg, k->cap * sizeof *k->reg, cap * sizeof *k->reg);
        k->cap = cap;
    }
    k->reg[id] = reg + 1;
    PUSH(m->arena, m->log, m->nlog) = (Mark){k, id};
}

static void forget(Maker *m, int mark) {
    while (m->nlog > mark) {
        Mark at = m->log[--m->nlog];
        at.table->reg[at.id] = 0;
    }
}

/* --- integers --- */

static int make_ix(Maker *m, const Ix *x);

static int make_atom(Maker *m, const IxAtom *a) {
    static const InsKind kind[] = {[IX_DIV] = I_DIV, [IX_MOD] = I_MOD, [IX_MIN] = I_MIN,
                                   [IX_MAX] = I_MAX, [IX_ABS] = I_ABS, [IX_READ] = I_ELEMENT};
    if (a->kind == IX_VAR)
        return a->id;
    if (a->kind == IX_BATCH)
        return m->t->k->nloop;
    int arg[2] = {-1, -1};
    for (int i = 0; i < a->n && i < 2; i++)
        arg[i] = make_ix(m, a->a[i]);
    int to = new_reg(m);
    emit(m, (Ins){.kind = kind[a->kind], .to = to, .a = arg[0], .b = arg[1], .k = a->k,
                  .buf = a->id});
    return to;
}

static int make_ix(Maker *m, const Ix *x) {
    int id, to = recall(&m->ix, x->id);
    if (to >= 0)
        return to;
    if (ix_is_var(x, &id))
        return id;
    Term *term = NEW(m->arena, x->n + 1, Term);
    for (int i = 0; i < x->n; i++)
        term[i] = (Term){x->term[i].coef, make_atom(m, x->term[i].atom)};
    to = new_reg(m);
    emit(m, (Ins){.kind = I_SUM, .to = to, .k = x->c, .n = x->n, .term = term});
    learn(m, &m->ix, x->id, to);
    return to;
}

/* Jumps that are taken where c does not hold; their targets are set by land(). */
typedef struct { int n, at[64]; } Jumps;

static void jump_unless(Maker *m, Cmp c, int reg, Jumps *out) {
    if (out->n == (int)COUNT(out->at))
        bug("a guard of more than %d comparisons", out->n);
    out->at[out->n++] = emit(m, (Ins){.kind = c.eq ? I_UNLESS_EQ0 : I_UNLESS_GE0, .a = reg});
}

static void make_test(Maker *m, Cond c, Jumps *out) {
    out->n = 0;
    for (int i = 0; i < c.n; i++)
        jump_unless(m, c.cmp[i], make_ix(m, c.cmp[i].e), out);
}

static void land(Maker *m, const Jumps *j) {
    for (int i = 0; i < j->n; i++)
        m->t->ins[j->at[i]].jump = m->t->nins;
}

/* --- values --- */

static int make(Maker *m, const Expr *x);

static void move(Maker *m, int to, int from, int lanes) {
    emit(m, (Ins){.kind = V_MOVE, .to = to, .a = from, .lanes = lanes});
}

static int make_scalar_when(Maker *m, const Expr *x) {
    Jumps no, done = {1, {0}};
    int to = new_cells(m, x->lanes), mark = m->nlog;
    make_test(m, x->cond, &no);
    move(m, to, make(m, x->arg[0]), x->lanes);
    done.at[0] = emit(m, (Ins){.kind = I_JUMP});
    land(m, &no);
    forget(m, mark);
    move(m, to, make(m, x->arg[1]), x->lanes);
    land(m, &done);
    forget(m, mark);
    return to;
}

/* One mask bit for each lane: the condition with the lane's place put in. */
static int make_mask(Maker *m, const Expr *x) {
    int mask = new_cells(m, x->lanes), mark = m->nlog;
    const Ix **map = NEW(m->arena, x->lane_var + 1, const Ix *);
    emit(m, (Ins){.kind = V_TRUE, .to = mask, .lanes = x->lanes});
    for (int l = 0; l < x->lanes; l++) {
        Jumps no = {0, {0}};
        map[x->lane_var] = ix_addc(m->pool, ix_var(m->pool, x->lane_var), l);
        for (int i = 0; i < x->cond.n; i++) {
            Cmp c = x->cond.cmp[i];
            int reg = make_ix(m, ix_subst(m->pool, c.e, x->lane_var + 1, map, NULL));
            emit(m, (Ins){.kind = c.eq ? V_LANE_EQ0 : V_LANE_GE0, .to = mask, .a = reg, .k = l});
            jump_unless(m, c, reg, &no);
        }
        land(m, &no);
        forget(m, mark);
    }
    if (m->mask >= 0)
        emit(m, (Ins){.kind = V_AND, .to = mask, .a = mask, .b = m->mask, .lanes = x->lanes});
    forget(m, mark);
    return mask;
}

/* An arm is computed if any lane wants it, and reads for these lanes alone. */
static void make_arm(Maker *m, const Expr *x, int to, int mask) {
    int outer = m->mask, mark = m->nlog;
    int skip = emit(m, (Ins){.kind = V_UNLESS_ANY, .b = mask, .lanes = x->lanes});
    m->mask = mask;
    int v = make(m, x);
    emit(m, (Ins){.kind = V_PICK, .to = to, .a = v, .b = mask, .lanes = x->lanes});
    m->mask = outer;
    m->t->ins[skip].jump = m->t->nins;
    forget(m, mark);
}

static int make_lane_when(Maker *m, const Expr *x) {
    int to = new_cells(m, x->lanes), mask = make_mask(m, x), rest = new_cells(m, x->lanes);
    emit(m, (Ins){.kind = V_NOT, .to = rest, .a = mask, .lanes = x->lanes});
    if (m->mask >= 0)
        emit(m, (Ins){.kind = V_AND, .to = rest, .a = rest, .b = m->mask, .lanes = x->lanes});
    make_arm(m, x->arg[1], to, rest);
    make_arm(m, x->arg[0], to, mask);
    return to;
}

static int make_number(Maker *m, const Expr *x) {
    int to = new_cells(m, 1);
    m->t->preset[to] = dtype_info[x->type].is_float ? (Num){.f = x->u.num} : (Num){.i = x->u.i};
    return to;
}

static int make_read(Maker *m, const Expr *x) {
    int at = make_ix(m, x->sub[0]), to = new_cells(m, x->lanes);
    bool masked = x->lanes > 1 && m->mask >= 0;
    emit(m, (Ins){.kind = V_READ, .to = to, .a = at, .b = masked ? m->mask : -1,
                  .lanes = x->lanes, .active = x->lanes > 1 ? x->active : 1, .k = x->step,
                  .type = x->type, .buf = x->u.slot});
    return to;
}

static int make_call(Maker *m, const Expr *x) {
    int arg[3] = {-1, -1, -1};
    if (!fn_info[x->fn].prim)
        bug("interpreter: %s is no primitive", fn_info[x->fn].name);
    for (int i = 0; i < x->n; i++)
        arg[i] = make(m, x->arg[i]);
    int to = new_cells(m, x->lanes), typed = fn_info[x->fn].rule == T_SELECT ? 1 : 0;
    emit(m, (Ins){.kind = V_CALL, .to = to, .a = arg[0], .b = arg[1], .c = arg[2], .n = x->n,
                  .lanes = x->lanes, .fn = x->fn, .type = x->arg[typed]->type});
    return to;
}

/* What is inside a splat or tree has other lanes: the mask does not speak of them. */
static int make_inner(Maker *m, const Expr *x) {
    int outer = m->mask, mark = m->nlog;
    m->mask = -1;
    int a = make(m, x->arg[0]), to = new_cells(m, x->lanes);
    m->mask = outer;
    if (outer >= 0)
        forget(m, mark);
    emit(m, (Ins){.kind = x->kind == X_TREE ? V_TREE : V_SPLAT, .to = to, .a = a,
                  .lanes = x->kind == X_TREE ? x->arg[0]->lanes : x->lanes, .fn = x->fn,
                  .type = x->type});
    return to;
}

static int make_node(Maker *m, const Expr *x) {
    switch (x->kind) {
    case X_NUM:  return make_number(m, x);
    case X_READ: return make_read(m, x);
    case X_VAR:  return m->var[x->u.slot];
    case X_CALL: return make_call(m, x);
    case X_IX: {
        int at = make_ix(m, x->u.ix), to = new_cells(m, x->lanes);
        emit(m, (Ins){.kind = V_NUMBER, .to = to, .a = at, .lanes = x->lanes, .k = x->step,
                      .type = x->type});
        return to;
    }
    case X_WHEN:
        return x->lanes > 1 && x->lane_var >= 0 ? make_lane_when(m, x) : make_scalar_when(m, x);
    case X_SPLAT:
    case X_TREE:
        return make_inner(m, x);
    }
    bug("expression of kind %d", x->kind);
}

static int make(Maker *m, const Expr *x) {
    int to = recall(&m->expr, x->id);
    if (to >= 0)
        return to;
    to = make_node(m, x);
    learn(m, &m->expr, x->id, to);
    return to;
}

/* --- statements --- */

static void make_body(Maker *m, const Stmt *s);

static void make_for(Maker *m, const Stmt *s) {
    int lo = make_ix(m, s->lo), last = make_ix(m, ix_addc(m->pool, s->hi, -s->step));
    forget(m, 0);
    int head = emit(m, (Ins){.kind = I_FOR, .to = s->var, .a = lo, .b = last});
    make_body(m, s->body);
    m->stmt = s;
    emit(m, (Ins){.kind = I_NEXT, .to = s->var, .b = last, .k = s->step, .jump = head + 1});
    m->t->ins[head].jump = m->t->nins;
}

static void make_if(Maker *m, const Stmt *s) {
    Jumps no;
    make_test(m, s->cond, &no);
    forget(m, 0);
    make_body(m, s->body);
    land(m, &no);
}

static void make_store(Maker *m, const Stmt *s) {
    int at = make_ix(m, s->at), v = make(m, s->value), lanes = s->value->lanes;
    emit(m, (Ins){.kind = V_STORE, .a = v, .b = at, .lanes = lanes,
                  .active = lanes > 1 ? s->active : 1, .k = s->step, .type = s->value->type,
                  .buf = s->buf});
}

static void make_stmt(Maker *m, const Stmt *s) {
    m->stmt = s;
    switch (s->kind) {
    case S_FOR: make_for(m, s); break;
    case S_IF:  make_if(m, s); break;
    case S_LET:
    case S_SET:
        if (s->kind == S_LET)
            m->var[s->var] = new_cells(m, s->value->lanes);
        move(m, m->var[s->var], make(m, s->value), s->value->lanes);
        break;
    case S_STORE: make_store(m, s); break;
    case S_COMMENT: break;
    }
    forget(m, 0);
}

static void make_body(Maker *m, const Stmt *s) {
    for (; s; s = s->next)
        make_stmt(m, s);
}

Tape *interp_compile(Arena *a, Pool *p, const Kernel *k) {
    Tape *t = NEW(a, 1, Tape);
    k = kernel_expand(a, p, k);
    Maker m = {.arena = a, .pool = p, .t = t, .mask = -1, .var = NEW(a, k->nvar + 1, int)};
    t->k = k;
    t->nreg = k->nloop + 1;            /* loop variables, then the batch */
    make_body(&m, k->body);
    emit(&m, (Ins){.kind = I_END});
    return t;
}
