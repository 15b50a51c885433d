/* Operands turned so that rows of large values lie along neighbours.
 *
 * A product of a band runs its lanes along a row of the large value. An operand that moves
 * with the row but has other neighbours there is copied once, before the blocks, instead of
 * packed again for each block. */
#include "passes/band.h"

typedef struct {
    Module *m;
    Graph *g;
    const Eq *e;                       /* of the large value */
    int loops;
    Ref *src;
    int nsrc;
} Turn;

/* The distance of neighbours along index i; 0 if it is not fixed. */
static int64_t distance(const Type *t, const Expr *read, int i) {
    int64_t step = 0;
    for (int d = 0; d < t->rank; d++) {
        if (!ix_affine_in(read->sub[d], i))
            return 0;
        step = step * t->dim[d].n + ix_coef(read->sub[d], i);
    }
    return step;
}

static bool inside(Turn *u, const Expr *read, const Type *t) {
    Box box = eq_box(u->e);
    box.batch = u->g->batch;
    for (int d = 0; d < t->rank; d++)
        if (!ix_inside(u->m->pool, read->sub[d], t->dim[d], &box))
            return false;
    return true;
}

/* Does the read move along the row, far from neighbour to neighbour, and not with the
 * loop in blocks? */
static bool turns(Turn *u, const Expr *read) {
    int row = u->e->nfree - 1, used = 0;
    const Type *t = ref_type(u->src[read->u.slot]);
    for (int i = 0; i < u->e->nidx; i++)
        used += x_uses_var(read, i);
    return used <= MAX_RANK && !x_uses_var(read, u->loops - 1) && distance(t, read, row) > 1 &&
           inside(u, read, t);
}

static const Expr *turned(Pool *p, const Expr *read, void *user) {
    Turn *u = user;
    const Eq *e = u->e;
    if (read->kind != X_READ || read->u.slot >= u->nsrc || !turns(u, read))
        return read;
    Eq copy = {.nout = 0, .fold = FOLD_NONE, .parts = 1};
    Type t = {.dtype = read->type};
    const Ix *map[MAX_RANK * 4] = {0}, *store[MAX_RANK], *sub[MAX_RANK];
    Dim ext[MAX_RANK];
    int row = e->nfree - 1, n = 0;
    for (int i = 0; i <= e->nidx; i++) {           /* the row last */
        int of = i == e->nidx ? row : i;
        if ((i == row && i < e->nidx) || !x_uses_var(read, of))
            continue;
        t.dim[n] = ext[n] = e->ext[of];
        map[of] = store[n] = ix_var(p, n);
        sub[n++] = ix_var(p, of);
    }
    t.rank = copy.nout = copy.nidx = copy.nfree = n;
    copy.ext = ext;
    copy.store = store;
    copy.body = x_subst(p, read, e->nidx, map, NULL);
    Ref made = graph_eq(u->g, &copy, &t, u->nsrc, u->src);
    u->src[u->nsrc + read->u.slot] = made;
    return x_read(p, read->type, u->nsrc + read->u.slot, n, sub);
}

const Eq *band_turn(Module *m, Graph *g, const Member *n, int nsrc, Ref *src) {
    Turn u = {m, g, n->eq, n->loops, src, nsrc};
    Eq *r = NEW(m->arena, 1, Eq);
    if (n->role != ROLE_LARGE || n->eq->fold == FOLD_NONE || m->target->lanes == 1 ||
        n->eq->nidx > MAX_RANK * 4)
        return n->eq;
    *r = *n->eq;
    r->body = x_rewrite(m->pool, r->body, turned, &u);
    return r;
}
