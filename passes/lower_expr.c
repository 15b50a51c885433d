/* Expressions of equations as kernels compute them.
 *
 * Subscripts become flat element addresses. Guards move inward until they stand around
 * single reads, so that arithmetic is free of branches and may be shared; a comparison
 * with an integer that is read becomes a comparison of values. */
#include "passes/lower.h"

#include <string.h>

static int arg_buf(Lower *l, Ref r) {
    r = lower_base(l->g, r);
    for (int i = 0; i < l->narg; i++)
        if (ref_equal(l->arg[i], r))
            return l->arg_buf[i];
    const Type *t = ref_type(r);
    int64_t size = 1;
    if (!type_count(t, &size))
        bug("operand without a size");
    int b = kernel_buf(l->a, l->k, (Buf){.kind = BUF_ARG, .dtype = t->dtype, .size = size,
                                         .restricted = true, .name = r.node->name});
    int n = l->narg;
    PUSH(l->a, l->arg, l->narg) = r;
    PUSH(l->a, l->arg_buf, n) = b;
    return b;
}

static const Made *made_here(const Lower *l, Ref r) {
    for (int i = 0; i < l->nmade; i++)
        if (l->made[i].node == r.node && r.res == 0)
            return &l->made[i];
    return NULL;
}

const Ix *lower_flat(Pool *p, const Type *t, int from, const Ix *const *sub) {
    const Ix *at = ix_const(p, 0);
    for (int d = from; d < t->rank; d++)
        at = ix_add(p, ix_scale(p, at, t->dim[d].n), sub[d]);
    return at;
}

const Ix *lower_local(Lower *l, const Made *m, const Ix *const *sub) {
    const Type *t = &m->node->types[0];
    if (!m->stride)
        return lower_flat(l->p, t, m->local_from, sub);
    const Ix *row = ix_sub(l->p, sub[m->local_from], l->base);
    return ix_add(l->p, ix_scale(l->p, row, m->stride),
                  lower_flat(l->p, t, m->local_from + 1, sub));
}

const Ix *lower_ix(Lower *l, const Node *n, const Ix *x, const Ix *const *map) {
    Pool *p = l->p;
    const Ix *sum = ix_const(p, x->c);
    for (int i = 0; i < x->n; i++) {
        const IxAtom *t = x->term[i].atom;
        const Ix *arg[MAX_RANK], *v;
        for (int j = 0; j < t->n; j++)
            arg[j] = lower_ix(l, n, t->a[j], map);
        if (t->kind == IX_READ) {
            Ref r = n->src[t->id];
            const Ix *at = lower_flat(p, ref_type(r), 0, arg);
            int b = arg_buf(l, r);
            l->k->buf[b].read = true;
            v = ix_read(p, b, 1, &at);
        } else {
            v = t->kind == IX_VAR ? map[t->id] : ix_over(p, t, t->id, arg);
        }
        sum = ix_add(p, sum, ix_scale(p, v, x->term[i].coef));
    }
    return sum;
}

Cond lower_cond(Lower *l, const Node *n, Cond c, const Ix *const *map) {
    Cond r = {0, NULL};
    for (int i = 0; i < c.n; i++) {
        const Ix *e = lower_ix(l, n, c.cmp[i].e, map);
        r = cond_and(l->p, r, c.cmp[i].eq ? cond_eq0(l->p, e) : cond_ge0(l->p, e));
    }
    return r;
}

static const Expr *lower_read(Lower *l, const Node *n, const Expr *e, const Ix *const *map) {
    Ref r = n->src[e->u.slot];
    const Ix *sub[MAX_RANK];
    const Made *here = made_here(l, r);
    for (int d = 0; d < e->n; d++)
        sub[d] = lower_ix(l, n, e->sub[d], map);
    if (here && here->var >= 0)
        return x_var(l->p, e->type, 1, here->var);
    bool local = here && here->local >= 0;
    int b = local ? here->local : arg_buf(l, r);
    const Ix *at = local ? lower_local(l, here, sub) : lower_flat(l->p, ref_type(r), 0, sub);
    l->k->buf[b].read = true;
    return x_read(l->p, e->type, b, 1, &at);
}

/* --- guards --- */

typedef struct { Cond c; bool when; } Guard;       /* reads only if c is `when` */

static const Expr *guard_read(Pool *p, const Expr *e, void *user) {
    const Guard *g = user;
    if (e->kind != X_READ)
        return e;
    const Expr *zero = x_num(p, e->type, 0);
    return g->when ? x_when(p, g->c, e, zero) : x_when(p, g->c, zero, e);
}

/* Whens around reads are built bottom-up, so that reads within whens are met again: the
 * walk must not enter what it has just made. Hence guards are pushed by hand. */
static const Expr *push(Pool *p, const Expr *e, Guard *g) {
    const Expr *arg[MAX_ARGS];
    switch (e->kind) {
    case X_NUM: case X_IX: case X_VAR:
        return e;
    case X_READ:
        return guard_read(p, e, g);
    case X_WHEN: {
        const Expr *zero = x_num(p, e->type, 0);
        return g->when ? x_when(p, g->c, e, zero) : x_when(p, g->c, zero, e);
    }
    case X_CALL:
        for (int i = 0; i < e->n; i++)
            arg[i] = push(p, e->arg[i], g);
        return x_call(p, e->fn, e->n, arg);
    case X_SPLAT: case X_TREE:
        break;
    }
    bug("guard over an expression of kind %d", e->kind);
}

/* An equality with one integer that is read, as a comparison of values. */
static const Expr *eq_value(Lower *l, const Cmp *c, Cond before) {
    Pool *p = l->p;
    const IxTerm *read = NULL;
    for (int i = 0; i < c->e->n; i++) {
        const IxTerm *t = &c->e->term[i];
        if (t->atom->kind != IX_READ)
            continue;
        if (read || (t->coef != 1 && t->coef != -1))
            return NULL;
        read = t;
    }
    if (!c->eq || !read)
        return NULL;
    DType t = l->k->buf[read->atom->id].dtype;
    const Ix *rest = ix_sub(p, c->e, ix_scale(p, ix_read(p, read->atom->id, 1, read->atom->a),
                                              read->coef));
    if (ix_reads(rest) || (t != I32 && t != I64))
        return NULL;
    const Expr *value = x_read(p, t, read->atom->id, 1, read->atom->a);
    value = x_when(p, before, value, x_num(p, t, 0));
    return x_call2(p, FN_eq, value, x_ix(p, t, ix_scale(p, rest, -read->coef)));
}

static bool leaf(const Expr *e) { return e->kind == X_READ || e->kind == X_NUM; }

/* cond ? a : b with guards around reads only. c is in kernel terms. */
static const Expr *lower_when(Lower *l, Cond c, const Expr *a, const Expr *b) {
    Pool *p = l->p;
    const Expr *test = NULL;
    Cond plain = {0, NULL};
    for (int i = 0; i < c.n; i++) {
        const Expr *v = eq_value(l, &c.cmp[i], plain);
        if (v)
            test = test ? x_call2(p, FN_and, test, v) : v;
        else
            plain = cond_and(p, plain, c.cmp[i].eq ? cond_eq0(p, c.cmp[i].e)
                                                   : cond_ge0(p, c.cmp[i].e));
    }
    if (!test && leaf(a) && leaf(b) && (a->kind == X_NUM || b->kind == X_NUM))
        return x_when(p, plain, a, b);
    Guard on = {plain, true}, off = {plain, false};
    const Expr *yes = x_when(p, plain, x_int(p, BOOL, 1), x_int(p, BOOL, 0));
    if (plain.n) {
        a = push(p, a, &on);
        b = test ? b : push(p, b, &off);
    }
    test = test && plain.n ? x_call2(p, FN_and, yes, test) : test ? test : yes;
    return x_call3(p, FN_select, test, a, b);
}

static const Expr *inner(Lower *l, const Node *n, const Expr *e, const Ix *const *map) {
    const Expr *arg[MAX_ARGS];
    switch (e->kind) {
    case X_NUM:
        return e;
    case X_IX:
        return x_ix(l->p, e->type, lower_ix(l, n, e->u.ix, map));
    case X_READ:
        return lower_read(l, n, e, map);
    case X_CALL:
        for (int i = 0; i < e->n; i++)
            arg[i] = inner(l, n, e->arg[i], map);
        return x_call(l->p, e->fn, e->n, arg);
    case X_WHEN:
        for (int i = 0; i < 2; i++)
            arg[i] = inner(l, n, e->arg[i], map);
        return lower_when(l, lower_cond(l, n, e->cond, map), arg[0], arg[1]);
    case X_VAR: case X_SPLAT: case X_TREE:
        break;
    }
    bug("expression of kind %d in an equation", e->kind);
}

const Expr *lower_expr(Lower *l, const Node *n, const Expr *e, const Ix *const *map) {
    return x_expand(l->p, inner(l, n, e, map));
}
