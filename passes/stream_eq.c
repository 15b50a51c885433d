/* An equation at the next steps: its own time index becomes the position plus the number of
 * the step in this call; what it reads of the past comes from what is kept. */
#include "passes/stream.h"

Ref stream_position_ref(Streamer *s) {
    if (!s->position.node)
        s->position = graph_leaf(s->g, N_STATE, "position", &(Type){.dtype = I64});
    return s->position;
}

/* Operand k of the old equation is k of the new one where these steps suffice, nsrc + k
 * where what is kept is read; 2*nsrc is the position. */
typedef struct {
    Streamer *s;
    const Node *n;
    const Flow *flow;                  /* n's */
    Pool *p;
    int index;                         /* of the own time; -1: none */
    const Ix *step;                    /* number of the step in this call */
    const Ix **map;                    /* old indices in terms of the new */
} Cut;

static const Ix *cut_ix(Cut *c, const Ix *x);

static bool uses_time(const Cut *c, const Ix *x) { return c->index >= 0 && ix_uses(x, c->index); }

/* The model says what happens at so many steps, and no more. */
static void bounded(Cut *c) { c->s->spec->limit = c->s->spec->time; }

/* Is it the newest element that is read? */
static bool newest(const Cut *c, const Flow *f, const Ix *sub) {
    int64_t lo, hi;
    return stream_apart(c->p, c->n->eq, sub, c->index, &lo, &hi) && lo == hi &&
           f->shift - c->flow->shift == lo;
}

/* A read in the new graph's terms: returns its operand, subscripts in `to`. */
static int cut_read(Cut *c, int slot, int n, const Ix *const *sub, const Ix **to) {
    const Flow *f = stream_flow(c->s, c->n->src[slot]);
    const Type *t = ref_type(c->n->src[slot]);
    for (int d = 0; d < n; d++) {
        to[d] = cut_ix(c, sub[d]);
        if (f->time || !uses_time(c, sub[d]))
            continue;
        to[d] = ix_mod(c->p, to[d], t->dim[d].n);        /* a table with a row for each step */
        bounded(c);
    }
    if (f->own < 0)
        return slot;
    if (c->index < 0) {                /* the last one */
        to[f->own] = ix_const(c->p, c->s->spec->steps - 1);
        return slot;
    }
    if (uses_time(c, sub[f->own]) && newest(c, f, sub[f->own])) {
        to[f->own] = c->step;
        return slot;
    }
    if (uses_time(c, sub[f->own]))
        to[f->own] = ix_mod(c->p, to[f->own], f->rows);
    return c->n->nsrc + slot;
}

static const Ix *cut_ix(Cut *c, const Ix *x) {
    Pool *p = c->p;
    const Ix *sum = ix_const(p, x->c);
    for (int i = 0; i < x->n; i++) {
        const IxAtom *t = x->term[i].atom;
        const Ix *arg[MAX_RANK], *v;
        for (int j = 0; j < t->n && t->kind != IX_READ; j++) {
            arg[j] = cut_ix(c, t->a[j]);
            if (uses_time(c, t->a[j]))
                bounded(c);
        }
        if (t->kind == IX_READ) {
            int slot = cut_read(c, t->id, t->n, t->a, arg);
            v = ix_read(p, slot, t->n, arg);
        } else {
            v = t->kind == IX_VAR ? c->map[t->id] : ix_over(p, t, t->id, arg);
        }
        sum = ix_add(p, sum, ix_scale(p, v, x->term[i].coef));
    }
    return sum;
}

static Cond cut_cond(Cut *c, Cond cond) {
    Cond r = {0, NULL};
    for (int i = 0; i < cond.n; i++) {
        const Cmp *was = &cond.cmp[i];
        const Ix *e = cut_ix(c, was->e);
        if (uses_time(c, was->e) && (was->eq || ix_coef(was->e, c->index) <= 0))
            bounded(c);
        r = cond_and(c->p, r, was->eq ? cond_eq0(c->p, e) : cond_ge0(c->p, e));
    }
    return r;
}

static const Expr *cut_expr(Pool *p, const Expr *e, void *user) {
    Cut *c = user;
    const Ix *sub[MAX_RANK];
    if (e->kind == X_IX)
        return x_ix(p, e->type, cut_ix(c, e->u.ix));
    if (e->kind == X_READ) {
        int slot = cut_read(c, e->u.slot, e->n, e->sub, sub);
        return x_read(p, e->type, slot, e->n, sub);
    }
    return e->kind == X_WHEN ? x_when(p, cut_cond(c, e->cond), e->arg[0], e->arg[1]) : e;
}

/* Indices of the new equation: the own time counts the steps of the call, or is gone where
 * there is one. */
static void cut_indices(Cut *c, Eq *e) {
    Arena *a = c->s->g->arena;
    int64_t steps = c->s->spec->steps;
    Dim *ext = NEW(a, e->nidx + 1, Dim);
    int gone = c->index >= 0 && steps == 1;
    c->map = NEW(a, e->nidx + 1, const Ix *);
    for (int i = 0; i < e->nidx; i++) {
        int to = i - (gone && i > c->index);
        ext[to] = e->ext[i];
        c->map[i] = ix_var(c->p, to);
    }
    if (c->index >= 0) {
        c->step = gone ? ix_const(c->p, 0) : ix_var(c->p, c->index);
        if (!gone)
            ext[c->index].n = steps;
        const Ix *at = ix_add(c->p, ix_read(c->p, 2 * c->n->nsrc, 0, NULL), c->step);
        c->map[c->index] = ix_addc(c->p, at, c->flow->shift);
    }
    e->ext = ext;
    e->nidx -= gone;
    e->nfree -= gone;
}

Ref stream_eq(Streamer *s, const Node *n) {
    const Flow *f = stream_flow(s, (Ref){(Node *)(uintptr_t)n, 0});
    Cut c = {.s = s, .n = n, .flow = f, .p = s->g->pool, .index = -1};
    Type t = n->types[0];
    Ref *src = NEW(s->g->arena, 2 * n->nsrc + 1, Ref);
    const Ix **store = NEW(s->g->arena, t.rank, const Ix *);
    Eq e = *n->eq;
    if (f->own >= 0) {
        c.index = stream_index(n, f->own);
        t.dim[f->own].n = s->spec->steps;
    }
    cut_indices(&c, &e);
    for (int k = 0; k < n->nsrc; k++) {
        src[k] = stream_flow(s, n->src[k])->step;
        src[n->nsrc + k] = stream_flow(s, n->src[k])->kept;
    }
    for (int d = 0; d < e.nout; d++)
        store[d] = d == f->own ? c.step : cut_ix(&c, e.store[d]);
    e.store = store;
    e.body = x_rewrite(c.p, e.body, cut_expr, &c);
    Box box = eq_box(&e);
    e.body = x_simplify(c.p, e.body, &box);
    src[2 * n->nsrc] = stream_position_ref(s);
    s->g->origin = n->origin;
    return graph_eq(s->g, &e, &t, 2 * n->nsrc + 1, src);
}
