/* Gradient: reverse mode over equations, graph IR to graph IR.
 * in: a graph and values y   out: nodes for d sum(y*seed) / d wrt, in normal form
 * keeps: everything that was there
 *
 * For O[s] += body(A[t], ..) the part of A is  dA[t] += dO[s] * dbody/dA[t]  over the same
 * points: store and read change places, whatever the op was called. Max and min pass on
 * to the first winner, by its number, or evenly to all winners. */
#include "passes/grad.h"

#include <string.h>

/* Products with guards outside: 0 * inf never arises. */
static const Expr *guards_out(Pool *p, const Expr *e, void *user) {
    (void)user;
    return e->kind == X_CALL && e->fn == FN_mul ? x_times(p, e->arg[0], e->arg[1]) : e;
}

/* --- one equation --- */

typedef struct { const Expr *whole, *stored; } Reuse;

static const Expr *reuse(Pool *p, const Expr *e, void *user) {
    const Reuse *r = user;
    (void)p;
    return e == r->whole ? r->stored : e;
}

static void collect(const Expr *e, void *user) {
    Reads *r = user;
    if (e->kind != X_READ || !dtype_info[e->type].is_float)
        return;
    if (!r->need[r->node->src[e->u.slot].node->id])
        return;
    if (r->n == (int)COUNT(r->read))
        bug("equation with more than %d reads", r->n);
    r->read[r->n++] = e;
}

void grad_reads(Reads *r) { x_visit(r->node->eq->body, collect, r); }

/* The number of a reduced point, as the arg result counts. */
static const Ix *reduced_number(Pool *p, const Eq *e) {
    const Ix *at = ix_const(p, 0);
    for (int i = e->nfree; i < e->nidx; i++)
        at = ix_add(p, ix_scale(p, at, e->ext[i].n), ix_var(p, i));
    return at;
}

/* A twin of n that yields the winner's number too; `simplify` merges the two. */
static Ref winner(Graph *g, const Node *n) {
    Eq *e = NEW(g->arena, 1, Eq);
    *e = *n->eq;
    e->arg = true;
    Ref r = graph_eq(g, e, &n->types[0], n->nsrc, n->src);
    return (Ref){r.node, 1};
}

/* For O[f] = prod_r body(f, r): the product of all terms but one, as P[f, r]. */
static Ref others(Graph *g, const Node *n) {
    Pool *p = g->pool;
    const Eq *e = n->eq;
    int nred = e->nidx - e->nfree;
    Eq *q = NEW(g->arena, 1, Eq);
    Dim *ext = NEW(g->arena, e->nidx + nred, Dim);
    const Ix **store = NEW(g->arena, e->nidx, const Ix *), *map[64] = {0};
    const Ix *mine = reduced_number(p, e);
    Type t = {.dtype = e->body->type, .rank = e->nidx};

    if (e->nidx > MAX_RANK)
        bug("product over %d indices", e->nidx);
    memcpy(ext, e->ext, (size_t)e->nidx * sizeof *ext);
    memcpy(ext + e->nidx, e->ext + e->nfree, (size_t)nred * sizeof *ext);
    memcpy(t.dim, e->ext, (size_t)e->nidx * sizeof *ext);
    for (int i = 0; i < e->nidx; i++)
        store[i] = ix_var(p, i);
    for (int i = 0; i < nred; i++)
        map[e->nfree + i] = ix_var(p, e->nidx + i);
    *q = *e;
    q->nidx = e->nidx + nred;
    q->nfree = q->nout = e->nidx;
    q->ext = ext;
    q->store = store;
    q->body = x_when(p, cond_eq0(p, ix_sub(p, mine, ix_subst(p, mine, e->nidx, map, NULL))),
                     x_num(p, e->body->type, 1), x_subst(p, e->body, e->nidx, map, NULL));
    return graph_eq(g, q, &t, n->nsrc, n->src);
}

static const Expr *wins(Graph *g, const Eq *e, const Expr *stored, const Expr *yes) {
    return x_call3(g->pool, FN_select, x_call2(g->pool, FN_eq, e->body, stored), yes,
                   x_num(g->pool, yes->type, 0));
}

/* How many terms equal the maximum or minimum that n found. */
static Ref winners(Graph *g, const Node *n) {
    Eq *e = NEW(g->arena, 1, Eq);
    Ref *src = NEW(g->arena, n->nsrc + 1, Ref);
    memcpy(src, n->src, (size_t)n->nsrc * sizeof *src);
    src[n->nsrc] = (Ref){(Node *)(uintptr_t)n, 0};
    DType t = n->eq->body->type;
    *e = *n->eq;
    e->fold = FOLD_SUM;
    e->even = false;
    e->body = wins(g, n->eq, x_read(g->pool, t, n->nsrc, e->nout, e->store),
                   x_num(g->pool, t, 1));
    eq_set_order(e);
    return graph_eq(g, e, &n->types[0], n->nsrc + 1, src);
}

/* Operands of a gradient equation: those of the node, then these. */
typedef struct { int down, self, extra; } Slots;

/* d body * dO[store] for one read, guarded to the points that are stored. */
static const Expr *chain(Graph *g, const Node *n, const Expr *read, Slots s) {
    Pool *p = g->pool;
    const Eq *e = n->eq;
    Box box = eq_box(e);
    const Expr *d = x_derive(p, e->body, read);
    if (!d)
        return NULL;
    const Expr *upstream = x_read(p, n->types[0].dtype, s.down, e->nout, e->store);
    Cond in = {0, NULL};
    if (e->fold == FOLD_NONE) {
        Reuse r = {e->body, x_read(p, e->body->type, s.self, e->nout, e->store)};
        d = x_rewrite(p, d, reuse, &r);
    }
    for (int k = 0; k < e->nout; k++)
        if (!ix_inside(p, e->store[k], n->types[0].dim[k], &box))
            in = cond_and(p, in, cond_in(p, e->store[k], n->types[0].dim[k]));
    if (e->even) {
        const Expr *each = x_call2(p, FN_div, upstream,
                                   x_read(p, e->body->type, s.extra, e->nout, e->store));
        upstream = wins(g, e, x_read(p, e->body->type, s.self, e->nout, e->store), each);
    } else if (e->fold == FOLD_MAX || e->fold == FOLD_MIN) {
        in = cond_and(p, in, cond_eq0(p, ix_sub(p, reduced_number(p, e),
                                                ix_read(p, s.extra, e->nout, e->store))));
    }
    if (e->fold == FOLD_PROD) {
        const Ix *at[MAX_RANK];
        for (int i = 0; i < e->nidx; i++)
            at[i] = ix_var(p, i);
        upstream = x_times(p, upstream, x_read(p, e->body->type, s.extra, e->nidx, at));
    }
    d = x_times(p, upstream, x_rewrite(p, d, guards_out, NULL));
    d = x_when(p, in, d, x_num(p, d->type, 0));
    return x_cast(p, read->type, d);
}

Ref grad_eq_part(Graph *g, const Node *n, const Expr *read, Ref down) {
    const Eq *e = n->eq;
    Slots s = {n->nsrc, n->nsrc + 1, n->nsrc + 2};
    Ref *src = NEW(g->arena, n->nsrc + 3, Ref);

    memcpy(src, n->src, (size_t)n->nsrc * sizeof *src);
    src[s.down] = src[s.extra] = down;
    src[s.self] = (Ref){(Node *)(uintptr_t)n, 0};
    if (e->even)
        src[s.extra] = winners(g, n);
    else if (e->fold == FOLD_MAX || e->fold == FOLD_MIN)
        src[s.extra] = winner(g, n);
    else if (e->fold == FOLD_PROD)
        src[s.extra] = others(g, n);
    const Expr *body = chain(g, n, read, s);
    if (!body)
        return (Ref){0};
    const Type *t = ref_type(n->src[read->u.slot]);
    Eq *d = NEW(g->arena, 1, Eq);
    *d = (Eq){.nidx = e->nidx, .nfree = e->nidx, .ext = e->ext, .nout = read->n,
              .store = read->sub, .fold = FOLD_SUM, .scatter = true, .parts = 1,
              .body = body};
    return graph_eq(g, eq_normalise(g->pool, d, t), t, n->nsrc + 3, src);
}

void grad_add(Grad *gr, Ref r, Ref part) {
    Ref *sum = &gr->adjoint[gr->first[r.node->id] + (uint32_t)r.res];
    Ref src[] = {*sum, part};
    if (!sum->node)
        *sum = part;
    else if (part.node)
        *sum = graph_text(gr->g, "O[..] = A[..] + B[..]", 2, src, 0, NULL, NDTYPE);
}

static void eq_backward(Grad *gr, const Node *n) {
    Reads reads = {.node = n, .need = gr->need};
    Ref down = gr->adjoint[gr->first[n->id]];
    grad_reads(&reads);
    for (int i = 0; down.node && i < reads.n; i++)
        grad_add(gr, n->src[reads.read[i]->u.slot],
                 grad_eq_part(gr->g, n, reads.read[i], down));
}

/* --- the graph --- */

/* Nodes that a wanted node reaches. */
static bool *needed(const Graph *g, int nwrt, const Ref *wrt) {
    bool *need = NEW(g->arena, g->nnode + 1, bool);
    for (int i = 0; i < nwrt; i++)
        need[wrt[i].node->id] = true;
    for (int i = 0; i < g->nnode; i++)
        for (int s = 0; s < g->node[i]->nsrc && !need[i]; s++)
            need[i] = need[g->node[i]->src[s].node->id];
    return need;
}

static Ref one_like(Graph *g, const Type *t) {
    static const int64_t unit[MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    Attr shape = {.name = "shape", .kind = ATTR_LIST, .i = t->rank, .list = unit};
    Ref one = graph_number(g, t->dtype, 1);
    for (int d = 0; d < t->rank; d++)
        if (t->dim[d].n != 1 || t->dim[d].batch)
            bug("gradient of %s without a seed", type_text(g->arena, t));
    return t->rank ? graph_op(g, (Loc){0}, "reshape", 1, &one, 1, &shape) : one;
}

void graph_gradient(Graph *g, int ny, const Ref *y, const Ref *seed, int nwrt,
                    const Ref *wrt, Ref *grad) {
    uint32_t n = (uint32_t)g->nnode, nres = 0;
    uint32_t *first = NEW(g->arena, n + 1, uint32_t);
    for (uint32_t i = 0; i < n; i++) {
        first[i] = nres;
        nres += (uint32_t)g->node[i]->nres;
    }
    const Origin *own = g->origin;
    Grad gr = {g, needed(g, nwrt, wrt), first, NEW(g->arena, nres + 1, Ref)};

    for (int i = 0; i < ny; i++)
        grad_add(&gr, y[i], seed && seed[i].node ? seed[i] : one_like(g, ref_type(y[i])));
    for (uint32_t i = n; i-- > 0;) {
        if (!gr.need[i])
            continue;
        g->origin = g->node[i]->origin;
        if (g->node[i]->kind == N_SCAN)
            grad_scan(&gr, g->node[i]);
        else if (g->node[i]->kind == N_EQ)
            eq_backward(&gr, g->node[i]);
    }
    g->origin = own;
    for (int i = 0; i < nwrt; i++)
        grad[i] = gr.adjoint[first[wrt[i].node->id] + (uint32_t)wrt[i].res];
}
