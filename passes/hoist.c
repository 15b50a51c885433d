/* Guards out of folds.
 * in: a graph in normal form   out: what no reduced index decides is decided after the fold:
 * O[i,j] += when(i == 0, a[j,k], 0) becomes S[j] += a[j,k] and O[i,j] = when(i == 0, S[j], 0)
 * keeps: every value, bit for bit: a fold of nothing is what the guard leaves */
#include "passes/pass.h"

static bool reduced(const Eq *e, const Ix *x) {
    for (int i = e->nfree; i < e->nidx; i++)
        if (ix_uses(x, i))
            return true;
    return false;
}

typedef struct { Cond out, in; } Parts;

static Parts split(Pool *p, const Eq *e) {
    Parts r = {{0, NULL}, {0, NULL}};
    for (int i = 0; i < e->body->cond.n; i++) {
        const Cmp *c = &e->body->cond.cmp[i];
        Cond one = c->eq ? cond_eq0(p, c->e) : cond_ge0(p, c->e);
        if (reduced(e, c->e) || ix_reads(c->e))
            r.in = cond_and(p, r.in, one);
        else
            r.out = cond_and(p, r.out, one);
    }
    return r;
}

/* Free indices that the body uses, and the batch. */
static bool used(const Eq *e, const Expr *body, int i) {
    return i >= e->nfree || e->ext[i].batch || x_uses_var(body, i);
}

/* The fold alone, without the free indices it does not use. t: its type, which has a dim
 * for each of the others where one is left out; sub: where the map after it reads. */
static Eq *fold_alone(Pool *p, const Eq *e, Cond in, Type *t, const Ix **sub) {
    Arena *a = pool_arena(p);
    const Ix **map = NEW(a, e->nidx + 1, const Ix *), **store = NEW(a, MAX_RANK + 1, const Ix *);
    Dim *ext = NEW(a, e->nidx + 1, Dim);
    Eq *r = NEW(a, 1, Eq);
    *r = *e;
    r->body = x_when(p, in, e->body->arg[0], e->body->arg[1]);
    r->nidx = r->nfree = 0;
    for (int i = 0; i < e->nidx; i++)
        if (used(e, r->body, i)) {
            map[i] = ix_var(p, r->nidx);
            r->nfree += i < e->nfree;
            ext[r->nidx++] = e->ext[i];
        }
    r->ext = ext;
    r->body = x_subst(p, r->body, e->nidx, map, NULL);
    for (int d = 0; d < e->nout; d++)
        sub[d] = e->store[d];
    if (r->nfree == e->nfree)
        return r;
    int rank = 0;
    if (t->rank && t->dim[0].batch && t->dim[0].n == 1)
        sub[rank] = store[rank] = ix_const(p, 0), rank++;
    for (int i = 0; i < e->nfree && rank <= MAX_RANK; i++)
        if (map[i]) {
            sub[rank] = ix_var(p, i);
            t->dim[rank] = e->ext[i];
            store[rank++] = map[i];
        }
    r->store = store;
    r->nout = t->rank = rank;
    return rank <= MAX_RANK ? r : NULL;
}

static Node *hoisted(Graph *g, const Node *n, Node *const *map, void *user) {
    const Eq *e = n->eq;
    Pool *p = g->pool;
    (void)user;
    if (n->kind != N_EQ || e->nidx == e->nfree || e->scatter || e->arg || e->body->kind != X_WHEN ||
        e->body->arg[1] != fold_start(p, e->fold, e->body->type))
        return NULL;
    Parts parts = split(p, e);
    Type t = n->types[0];
    const Ix *sub[MAX_RANK + 1];
    Eq *fold = parts.out.n ? fold_alone(p, e, parts.in, &t, sub) : NULL;
    if (!fold || (parts.in.n && fold->nfree == e->nfree))
        return NULL;
    const Type **types = NEW(g->arena, n->nsrc, const Type *);
    Ref *src = graph_sources(g->arena, n, map, 0);
    for (int s = 0; s < n->nsrc; s++)
        types[s] = ref_type(src[s]);
    if (eq_verify(g->arena, p, fold, n->nsrc, types, &t))
        return NULL;                   /* the guard keeps reads inside */
    g->origin = n->origin;
    Ref sum = graph_eq(g, fold, &t, n->nsrc, src);
    Eq after = *e;
    after.nidx = e->nfree;
    after.fold = FOLD_NONE;
    after.even = false;
    after.body = x_when(p, parts.out, x_read(p, t.dtype, 0, t.rank, sub), e->body->arg[1]);
    eq_set_order(&after);
    return graph_eq(g, &after, &n->types[0], 1, &sum).node;
}

bool pass_hoist(Module *m, Graph **g) {
    (void)m;
    *g = graph_rebuild(*g, hoisted, NULL);
    return true;
}
