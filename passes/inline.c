/* Substitution of maps into the equations that read them.
 * in: a graph in normal form   out: the same results from fewer, larger equations
 * keeps: every value, bit for bit; no map is computed more often than before, but what
 * only moves data may be read again */
#include "passes/fuse.h"

#include <string.h>

/* store[d] is index d, or 0 where the extent is 1. */
bool fuse_plain(const Node *n) {
    const Eq *e = n->eq;
    int next = 0, var;
    for (int d = 0; d < e->nout; d++) {
        if (ix_is_var(e->store[d], &var) && var == next)
            next++;
        else if (!ix_is_const(e->store[d], NULL) || n->types[0].dim[d].n != 1)
            return false;
    }
    return next == e->nfree && !e->scatter;
}

bool fuse_contraction(const Node *n) {
    return n->kind == N_EQ && n->eq->nidx > n->eq->nfree && n->eq->order == ORDER_SERIAL &&
           n->eq->fold == FOLD_SUM && !n->eq->scatter && !eq_row_sum(n->eq);
}

static void count_calls(const Expr *e, void *user) {
    *(int *)user += e->kind == X_CALL;
}

bool fuse_moves(const Expr *e) {
    int calls = 0;
    x_visit(e, count_calls, &calls);
    return calls == 0;
}

static double points(const Eq *e) {
    double n = 1;
    for (int i = 0; i < e->nidx; i++)
        n *= (double)e->ext[i].n;
    return n;
}

static double elements(const Type *t) {
    double n = 1;
    for (int d = 0; d < t->rank; d++)
        n *= (double)t->dim[d].n;
    return n;
}

typedef struct { int slot, reads; } Reads;

static void count_reads(const Expr *e, void *user) {
    Reads *r = user;
    r->reads += e->kind == X_READ && e->u.slot == r->slot;
}

/* Is it worth, and no more work, to compute p inside c? uses: nodes that read p. */
static bool worthwhile(const Node *p, const Node *c, int slot, int uses) {
    if (p->kind != N_EQ || p->nres != 1 || p->eq->fold != FOLD_NONE || !fuse_plain(p) ||
        fuse_update(p))
        return false;
    if (fuse_moves(p->eq->body)) {
        bool bare = p->eq->body->kind == X_READ || p->eq->body->kind == X_NUM;
        return bare || (!fuse_contraction(c) && !c->eq->scatter);
    }
    Reads r = {slot, 0};
    x_visit(c->eq->body, count_reads, &r);
    return uses == 1 && !fuse_contraction(c) && !c->eq->scatter &&
           points(c->eq) * r.reads <= elements(&p->types[0]);
}

/* --- the substitution --- */

typedef struct {
    const Node *p;
    int slot, base;                    /* p's slot in c; first slot of p's operands */
    const int *shift;                  /* p's slots as c counts them */
} Into;

static const Expr *replace(Pool *pool, const Expr *e, void *user) {
    const Into *in = user;
    const Ix *map[MAX_RANK * 4] = {0};
    if (e->kind != X_READ || e->u.slot != in->slot)
        return e;
    for (int d = 0, next = 0; d < e->n; d++)
        if (ix_is_var(in->p->eq->store[d], NULL))
            map[next++] = e->sub[d];
    return x_subst(pool, in->p->eq->body, in->p->eq->nfree, map, in->shift);
}

/* Does the equation read the slot inside a subscript or a guard? Those reads stay. */
static bool ix_has(const Ix *x, int slot) {
    for (int i = 0; i < x->n; i++) {
        const IxAtom *t = x->term[i].atom;
        if (t->kind == IX_READ && t->id == slot)
            return true;
        for (int j = 0; j < t->n; j++)
            if (ix_has(t->a[j], slot))
                return true;
    }
    return false;
}

static void indexed(const Expr *e, void *user) {
    Reads *r = user;
    if (e->kind == X_IX)
        r->reads += ix_has(e->u.ix, r->slot);
    for (int i = 0; e->kind == X_READ && i < e->n; i++)
        r->reads += ix_has(e->sub[i], r->slot);
    for (int i = 0; e->kind == X_WHEN && i < e->cond.n; i++)
        r->reads += ix_has(e->cond.cmp[i].e, r->slot);
}

bool fuse_as_index(const Eq *e, int slot) {
    Reads r = {slot, 0};
    x_visit(e->body, indexed, &r);
    for (int d = 0; d < e->nout; d++)
        r.reads += ix_has(e->store[d], slot);
    return r.reads > 0;
}

/* c with p computed in place of its reads; sources of both. */
void fuse_substitute(Graph *g, const Node *p, int slot, Eq *e, Ref *src, int *nsrc) {
    int *shift = NEW(g->arena, p->nsrc + 1, int);
    Into in = {p, slot, *nsrc, shift};
    for (int s = 0; s < p->nsrc; s++) {
        shift[s] = *nsrc;
        src[(*nsrc)++] = p->src[s];
    }
    Box box = eq_box(e);
    e->body = x_simplify(g->pool, x_rewrite(g->pool, e->body, replace, &in), &box);
}

enum { MAX_SRC = 24 };

static Node *inlined(Graph *g, const Node *n, Node *const *map, void *user) {
    const int *uses = user;
    if (n->kind != N_EQ)
        return NULL;
    Eq *e = NEW(g->arena, 1, Eq);
    Ref *src = graph_sources(g->arena, n, map, MAX_SRC);
    int nsrc = n->nsrc;
    *e = *n->eq;
    for (int s = 0; s < n->nsrc; s++) {
        const Node *p = src[s].node;
        Node c = *n;
        c.eq = e;
        if (nsrc + p->nsrc <= MAX_SRC && worthwhile(p, &c, s, uses[n->src[s].node->id]) &&
            !fuse_as_index(e, s))
            fuse_substitute(g, p, s, e, src, &nsrc);
    }
    g->origin = n->origin;
    return graph_eq(g, e, &n->types[0], nsrc, src).node;
}

/* Nodes and results that read each node. */
static int *count_uses(const Graph *g, Arena *a) {
    int *uses = NEW(a, g->nnode + 1, int);
    for (int i = 0; i < g->nnode; i++)
        for (int s = 0; s < g->node[i]->nsrc; s++)
            uses[g->node[i]->src[s].node->id]++;
    for (int i = 0; i < g->nresult; i++)
        uses[g->result[i].ref.node->id] += 2;
    return uses;
}

bool pass_inline(Module *m, Graph **g) {
    *g = graph_live(graph_rebuild(*g, inlined, count_uses(*g, m->temp)));
    return true;
}
