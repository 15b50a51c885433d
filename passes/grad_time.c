/* Sums over time: an equation of a scan's body becomes one after the scan. */
#include "passes/grad.h"

typedef struct { const bool *stacked; const Ix *t; } Lift;

static const Ix *lift_ix(Pool *p, const Ix *x, const Lift *l) {
    const Ix *sum = ix_const(p, x->c);
    if (!ix_reads(x))
        return x;
    for (int i = 0; i < x->n; i++) {
        const IxAtom *t = x->term[i].atom;
        const Ix *arg[MAX_RANK + 1], *v;
        bool lead = t->kind == IX_READ && l->stacked[t->id];
        arg[0] = l->t;
        for (int j = 0; j < t->n; j++)
            arg[j + lead] = lift_ix(p, t->a[j], l);
        v = lead ? ix_read(p, t->id, t->n + 1, arg) : ix_over(p, t, t->id, arg);
        sum = ix_add(p, sum, ix_scale(p, v, x->term[i].coef));
    }
    return sum;
}

static const Expr *lift_expr(Pool *p, const Expr *e, void *user) {
    const Lift *l = user;
    const Ix *sub[MAX_RANK + 1] = {l->t};
    Cond c = {0, NULL};
    if (e->kind == X_IX)
        return x_ix(p, e->type, lift_ix(p, e->u.ix, l));
    if (e->kind == X_READ) {
        bool lead = l->stacked[e->u.slot];
        for (int i = 0; i < e->n; i++)
            sub[i + lead] = lift_ix(p, e->sub[i], l);
        return x_read(p, e->type, e->u.slot, e->n + lead, sub);
    }
    if (e->kind != X_WHEN)
        return e;
    for (int i = 0; i < e->cond.n; i++) {
        const Ix *x = lift_ix(p, e->cond.cmp[i].e, l);
        c = cond_and(p, c, e->cond.cmp[i].eq ? cond_eq0(p, x) : cond_ge0(p, x));
    }
    return x_when(p, c, e->arg[0], e->arg[1]);
}

/* One step: nothing is summed, as in rows an index of extent 1 is none. */
static Ref over_one_step(Graph *g, const Node *n, const bool *stacked, const Ref *src) {
    Eq *e = NEW(g->arena, 1, Eq);
    const Ix **store = NEW(g->arena, n->eq->nout, const Ix *);
    Lift l = {stacked, ix_const(g->pool, 0)};
    *e = *n->eq;
    for (int d = 0; d < e->nout; d++)
        store[d] = lift_ix(g->pool, e->store[d], &l);
    e->store = store;
    e->body = x_rewrite(g->pool, e->body, lift_expr, &l);
    return graph_eq(g, e, &n->types[0], n->nsrc, src);
}

Ref grad_over_time(Graph *g, const Node *n, int64_t steps, const bool *stacked,
                   const Ref *src) {
    if (steps == 1)
        return over_one_step(g, n, stacked, src);
    Pool *p = g->pool;
    Eq *e = NEW(g->arena, 1, Eq);
    Dim *ext = NEW(g->arena, n->eq->nidx + 1, Dim);
    const Ix **map = NEW(g->arena, n->eq->nidx + 1, const Ix *);
    const Ix **store = NEW(g->arena, n->eq->nout, const Ix *);
    *e = *n->eq;
    int at = e->scatter ? 0 : e->nfree;
    at += at < e->nidx && e->ext[at].batch;
    for (int i = 0; i < e->nidx; i++) {
        map[i] = ix_var(p, i + (i >= at));
        ext[i + (i >= at)] = e->ext[i];
    }
    ext[at] = (Dim){steps, false};
    Lift l = {stacked, ix_var(p, at)};
    for (int d = 0; d < e->nout; d++)
        store[d] = lift_ix(p, ix_subst(p, e->store[d], e->nidx, map, NULL), &l);
    e->body = x_rewrite(p, x_subst(p, e->body, e->nidx, map, NULL), lift_expr, &l);
    e->nidx++;
    e->nfree += e->scatter;
    e->ext = ext;
    e->store = store;
    e->fold = FOLD_SUM;
    if (!e->scatter)
        eq_set_order(e);
    return graph_eq(g, e, &n->types[0], n->nsrc, src);
}
