/* Padding ahead of contractions.
 * in: sums guarded because a read may leave its operand   out: the operand copied once
 * into a wider tensor with zeros around, and a sum without guards
 * keeps: values, where the other factor is finite: 0 * inf is NaN, a guarded term is
 * nothing. Hence approximate, and never in strict mode. */
#include "passes/fuse.h"

typedef struct {
    Graph *g;
    Eq *e;                             /* the equation being rewritten */
    Ref *src;
    int nsrc;
    Cond left;                         /* guards that padding does not answer */
    bool ok;
} Pad;

enum { MAX_READS = 8, GROWTH = 4 };

typedef struct { const Expr *read[MAX_READS]; int n; bool many; } Reads;

static void collect(const Expr *e, void *user) {
    Reads *r = user;
    if (e->kind != X_READ)
        return;
    r->many |= r->n == MAX_READS;
    if (!r->many)
        r->read[r->n++] = e;
}

/* Guards that hold in the wider operand: 0 <= sub < dim. */
static Cond without(Pool *p, Cond c, const Ix *sub, int64_t dim) {
    Cond r = {0, NULL};
    const Ix *room = ix_addc(p, ix_scale(p, sub, -1), dim - 1);
    for (int i = 0; i < c.n; i++)
        if (c.cmp[i].eq || (c.cmp[i].e != sub && c.cmp[i].e != room))
            r = cond_and(p, r, c.cmp[i].eq ? cond_eq0(p, c.cmp[i].e) : cond_ge0(p, c.cmp[i].e));
    return r;
}

/* src with `lo[d]` zeros before and what is needed behind, as a node. */
static Ref wider(Pad *w, Ref src, const Type *t, const int64_t *lo) {
    Pool *p = w->g->pool;
    const Type *from = ref_type(src);
    Eq *e = NEW(w->g->arena, 1, Eq);
    Dim *ext = NEW(w->g->arena, t->rank, Dim);
    const Ix **store = NEW(w->g->arena, t->rank, const Ix *), *sub[MAX_RANK];
    Cond in = {0, NULL};
    for (int d = 0; d < t->rank; d++) {
        ext[d] = t->dim[d];
        store[d] = ix_var(p, d);
        sub[d] = ix_addc(p, store[d], lo[d]);
        if (lo[d] < 0 || t->dim[d].n + lo[d] > from->dim[d].n)
            in = cond_and(p, in, cond_in(p, sub[d], from->dim[d]));
    }
    const Expr *read = x_read(p, from->dtype, 0, t->rank, sub);
    *e = (Eq){.nidx = t->rank, .nfree = t->rank, .ext = ext, .nout = t->rank, .store = store,
              .fold = FOLD_NONE, .parts = 1,
              .body = x_when(p, in, read, x_num(p, from->dtype, 0))};
    Box box = eq_box(e);
    e->body = x_simplify(p, e->body, &box);
    return graph_eq(w->g, e, t, 1, &src);
}

typedef struct { const Expr *from, *to; } Swap;

static const Expr *swap(Pool *p, const Expr *e, void *user) {
    const Swap *s = user;
    (void)p;
    return e == s->from ? s->to : e;
}

/* One read: nothing to do where it stays inside. */
static void pad_read(Pad *w, const Expr *read, const Expr **body) {
    Pool *p = w->g->pool;
    const Type *from = ref_type(w->src[read->u.slot]);
    Type t = *from;
    int64_t lo[MAX_RANK] = {0}, hi, was = 1, now = 1;
    const Ix *sub[MAX_RANK];
    Cond left = w->left;
    Box box = eq_box(w->e);
    bool leaves = false;
    for (int d = 0; d < read->n; d++) {
        sub[d] = read->sub[d];
        was *= from->dim[d].n;
        if (!ix_inside(p, sub[d], from->dim[d], &box)) {
            if (from->dim[d].batch || !ix_affine(sub[d]) || !ix_range(sub[d], &box, &lo[d], &hi)) {
                w->ok = false;
                return;
            }
            lo[d] = lo[d] < 0 ? lo[d] : 0;
            hi = hi >= from->dim[d].n ? hi : from->dim[d].n - 1;
            t.dim[d].n = hi - lo[d] + 1;
            left = without(p, left, sub[d], from->dim[d].n);
            sub[d] = ix_addc(p, sub[d], -lo[d]);
            leaves = true;
        }
        now *= t.dim[d].n;
    }
    if (!leaves)
        return;
    w->ok &= now <= GROWTH * was;
    if (!w->ok)
        return;
    Swap s = {read, x_read(p, read->type, w->nsrc, read->n, sub)};
    w->src[w->nsrc++] = wider(w, w->src[read->u.slot], &t, lo);
    w->left = left;
    *body = x_rewrite(p, *body, swap, &s);
}

static Node *padded(Graph *g, const Node *n, Node *const *map) {
    const Expr *when = n->eq->body, *body;
    Pad w = {.g = g, .e = NEW(g->arena, 1, Eq), .nsrc = n->nsrc, .left = when->cond, .ok = true};
    Reads reads = {0};
    w.src = graph_sources(g->arena, n, map, MAX_READS);
    *w.e = *n->eq;
    body = when->arg[0];
    g->origin = n->origin;
    x_visit(body, collect, &reads);
    for (int i = 0; w.ok && !reads.many && i < reads.n; i++)
        pad_read(&w, reads.read[i], &body);
    if (!w.ok || reads.many)
        return NULL;
    w.e->body = x_when(g->pool, w.left, body, when->arg[1]);
    return graph_eq(g, w.e, &n->types[0], w.nsrc, w.src).node;
}

/* A sum whose guards are about places alone: a guard that reads needs the others. */
static bool guarded(const Node *n) {
    const Expr *body = n->kind == N_EQ ? n->eq->body : NULL;
    if (!body || !fuse_contraction(n) || body->kind != X_WHEN || !x_is_num(body->arg[1], 0.0))
        return false;
    for (int i = 0; i < body->cond.n; i++)
        if (ix_reads(body->cond.cmp[i].e))
            return false;
    return true;
}

static Node *widened(Graph *g, const Node *n, Node *const *map, void *user) {
    (void)user;
    return guarded(n) ? padded(g, n, map) : NULL;
}

bool pass_pad(Module *m, Graph **g) {
    if (m->target->vector)
        *g = graph_rebuild(*g, widened, NULL);
    return true;
}
