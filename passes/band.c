/* Which equations may stand in a band, and with which loops in front. */
#include "passes/band.h"

#include <string.h>

enum { MOST_ROWS = 64, LEAST_ROWS = 16, LOCALS = 8, SMALL = 4 };

static bool same_dim(Dim a, Dim b) { return a.n == b.n && a.batch == b.batch; }

static int64_t elements(const Type *t) {
    int64_t n = 1;
    for (int d = 0; d < t->rank; d++)
        n *= t->dim[d].n;
    return n;
}

/* Dims but the last are the free indices in order; how many indices that is, or -1. */
static int leading(const Node *n) {
    const Eq *e = n->eq;
    int next = 0, var;
    for (int d = 0; d + 1 < e->nout; d++) {
        if (ix_is_var(e->store[d], &var) && var == next)
            next++;
        else if (!ix_is_const(e->store[d], NULL) || n->types[0].dim[d].n != 1)
            return -1;
    }
    return next;
}

/* --- large values --- */

typedef struct { const Node *n; const Member *before; int loops; bool ok; } Look;

/* Both factors move with the loops around the blocks: nothing is read anew for each. */
static void moves_with(const Expr *e, void *user) {
    Look *k = user;
    bool uses = e->kind != X_READ;
    for (int i = 0; i + 1 < k->loops && !uses; i++)
        uses = x_uses_var(e, i);
    k->ok &= uses;
}

/* More elements than both factors, and matrices that would fill much of the cache. */
static bool grows(const Module *m, const Node *n, int loops) {
    int64_t operands = 0;
    Look k = {.n = n, .loops = loops, .ok = fuse_contraction(n)};
    for (int s = 0; s < n->nsrc; s++)
        operands += elements(ref_type(n->src[s]));
    x_visit(n->eq->body, moves_with, &k);
    int64_t rows = n->eq->ext[loops - 1].n, row = n->types[0].dim[n->types[0].rank - 1].n;
    int64_t bytes = rows * row * dtype_info[n->types[0].dtype].bytes;
    return k.ok && elements(&n->types[0]) > operands && bytes >= m->target->l2 / SMALL;
}

static void reads_in_place(const Expr *e, void *user) {
    Look *k = user;
    if (e->kind != X_READ || k->before[k->n->src[e->u.slot].node->id].role != ROLE_LARGE)
        return;
    for (int d = 0; d + 1 < e->n; d++)
        k->ok &= e->sub[d] == k->n->eq->store[d];
}

static const Node *large_source(const Node *n, const Member *before) {
    for (int s = 0; s < n->nsrc; s++)
        if (before[n->src[s].node->id].role == ROLE_LARGE)
            return before[n->src[s].node->id].shape;
    return NULL;
}

bool band_same_shape(const Node *a, const Node *b) {
    bool same = a->types[0].rank == b->types[0].rank;
    for (int d = 0; same && d < a->types[0].rank; d++)
        same = same_dim(a->types[0].dim[d], b->types[0].dim[d]);
    return same;
}

static bool is_large(const Module *m, const Node *n, const Member *before, Member *out) {
    const Node *from = large_source(n, before);
    int loops = leading(n);
    Look k = {n, before, loops, true};
    if (loops < 2 || n->eq->ext[loops - 1].batch || n->eq->nfree <= loops)
        return false;
    if (from) {
        k.ok = n->eq->fold == FOLD_NONE && band_same_shape(n, from);
        if (k.ok)
            x_visit(n->eq->body, reads_in_place, &k);
    } else {
        k.ok = grows(m, n, loops);
    }
    *out = (Member){k.ok ? ROLE_LARGE : ROLE_NONE, n->eq, from ? from : n, loops, 0};
    return k.ok;
}

/* --- what reads them --- */

typedef struct {
    const Node *n;
    const Member *before;
    const Node *shape;
    int loops, var[MAX_RANK];          /* by loop: the reader's index, or -1 */
    bool ok;
} Loops;

/* Every read of a large value names the same indices. */
static void name_loops(const Expr *e, void *user) {
    Loops *l = user;
    if (e->kind != X_READ || l->before[l->n->src[e->u.slot].node->id].role != ROLE_LARGE)
        return;
    const Node *large = l->n->src[e->u.slot].node;
    int loop = 0, var;
    l->ok &= band_same_shape(large, l->shape);
    for (int d = 0; d + 1 < e->n && l->ok; d++) {
        if (!ix_is_var(large->eq->store[d], NULL))
            continue;
        l->ok = ix_is_var(e->sub[d], &var) && (l->var[loop] < 0 || l->var[loop] == var) &&
                same_dim(l->n->eq->ext[var], large->types[0].dim[d]);
        for (int i = 0; i < loop; i++)
            l->ok &= l->var[i] != var;
        l->var[loop++] = var;
    }
}

/* The equation with the named free indices in front. */
static const Eq *in_front(Module *m, const Eq *e, int n, const int *first) {
    Pool *p = m->pool;
    const Ix **map = NEW(m->arena, e->nidx + 1, const Ix *);
    Dim *ext = NEW(m->arena, e->nidx + 1, Dim);
    const Ix **store = NEW(m->arena, e->nout + 1, const Ix *);
    Eq *r = NEW(m->arena, 1, Eq);
    int next = n;
    for (int i = 0; i < n; i++)
        map[first[i]] = ix_var(p, i);
    for (int i = 0; i < e->nidx; i++) {
        int at = next;
        if (map[i])
            ix_is_var(map[i], &at);
        else
            map[i] = ix_var(p, next++);
        ext[at] = e->ext[i];
    }
    for (int d = 0; d < e->nout; d++)
        store[d] = ix_subst(p, e->store[d], e->nidx, map, NULL);
    *r = *e;
    r->ext = ext;
    r->store = store;
    r->body = x_subst(p, e->body, e->nidx, map, NULL);
    return r;
}

/* Does e sum over the last loops alone, in their order, in chunks that end with blocks? */
static bool sums_over(const Eq *e, const Loops *l, int sums) {
    int64_t terms = eq_terms(e), last = e->ext[e->nidx - 1].n;
    for (int i = 0; i < sums; i++)
        if (l->var[l->loops - sums + i] != e->nfree + i || e->ext[e->nfree + i].batch)
            return false;
    bool ends = e->chunk >= terms || e->chunk % last == 0 || e->chunk % MOST_ROWS == 0;
    return e->fold == FOLD_SUM && e->order == ORDER_SERIAL && e->parts == 1 && ends && sums > 0 &&
           e->nidx == e->nfree + sums && e->nfree > l->loops - sums;
}

/* One that reads large values. */
static Member reader(Module *m, const Node *n, const Node *shape, const Member *before) {
    const Eq *e = n->eq;
    Loops l = {n, before, shape, before[shape->id].loops, {0}, true};
    memset(l.var, -1, sizeof l.var);
    x_visit(e->body, name_loops, &l);
    int free = 0;
    for (int i = 0; i < l.loops; i++)
        free += l.var[i] >= 0 && l.var[i] < e->nfree;
    Role role = ROLE_NONE;
    if (l.ok && free == l.loops)
        role = ROLE_ROW;
    else if (l.ok && sums_over(e, &l, l.loops - free))
        role = ROLE_SUM;
    if (role == ROLE_NONE)
        return (Member){.role = ROLE_NONE};
    return (Member){role, in_front(m, e, free, l.var), shape, l.loops, l.loops - free};
}

/* A map of what rows were folded to, one element for each turn of the loops. */
static Member between(const Node *n, const Member *before) {
    Member none = {.role = ROLE_NONE};
    const Member *from = NULL;
    for (int s = 0; s < n->nsrc && !from; s++)
        if (before[n->src[s].node->id].role == ROLE_ROW)
            from = &before[n->src[s].node->id];
    if (!from || n->eq->fold != FOLD_NONE || n->eq->nfree != from->loops || leading(n) < 0)
        return none;
    for (int i = 0; i < from->loops; i++)
        if (!same_dim(n->eq->ext[i], from->eq->ext[i]))
            return none;
    return (Member){ROLE_ROW, n->eq, from->shape, from->loops, 0};
}

Member band_member(Module *m, const Node *n, const Member *before) {
    Member r = {.role = ROLE_NONE};
    if (n->kind != N_EQ || n->nres != 1 || n->eq->scatter || fuse_update(n) ||
        n->types[0].rank == 0 || !dtype_info[n->types[0].dtype].is_float ||
        is_large(m, n, before, &r))
        return r;
    const Node *shape = large_source(n, before);
    return shape ? reader(m, n, shape, before) : between(n, before);
}

/* --- reading within a band --- */

typedef struct { const Member *n, *source; int slot; bool own; } Own;

static void check_own(const Expr *e, void *user) {
    Own *o = user;
    int loop = 0, var;
    if (e->kind != X_READ || e->u.slot != o->slot)
        return;
    for (int d = 0; d < e->n && loop < o->source->loops; d++) {
        if (ix_is_const(o->source->eq->store[d], NULL))
            continue;
        int kept = o->n->loops - o->n->sums;
        int want = loop < kept ? loop : o->n->eq->nfree + loop - kept;
        o->own &= ix_is_var(o->source->eq->store[d], &var) && var == loop &&
                  ix_is_var(e->sub[d], &var) && var == want;
        loop++;
    }
    o->own &= loop == o->source->loops;
}

bool band_reads_own(const Member *n, const Member *source, int slot) {
    Own o = {n, source, slot, source->role != ROLE_SUM};
    x_visit(n->eq->body, check_own, &o);
    return o.own;
}

/* Rows that leave the cache to others; a number that divides the rows, if that is not much
 * smaller. Where sums have several chunks, blocks end where chunks end. */
int64_t band_block(const Module *m, const Node *shape) {
    const Type *t = &shape->types[0];
    int64_t rows = shape->eq->ext[leading(shape) - 1].n, row = t->dim[t->rank - 1].n;
    int64_t most = m->target->l2 / 2 / (row * dtype_info[t->dtype].bytes * LOCALS), block = 1;
    most = most > MOST_ROWS ? MOST_ROWS : most < LEAST_ROWS ? LEAST_ROWS : most;
    while (2 * block <= most)
        block *= 2;
    if (rows > SERIAL_CHUNK)
        return block;
    for (int64_t b = most; 2 * b > most; b--)
        if (rows % b == 0)
            return b;
    return most < rows ? most : rows;
}
