/* Graphs: nodes are added, copied and dropped; results name what an entry yields. */
#include "ir/node.h"

#include <string.h>

Graph *graph_new(Arena *a, Pool *p, Strs *s, const char *name, int64_t batch) {
    if (batch < 1)
        bug("graph '%s': batch of %lld", name, (long long)batch);
    Graph *g = NEW(a, 1, Graph);
    g->arena = a;
    g->pool = p;
    g->strs = s;
    g->name = strs_z(s, name);
    g->batch = batch;
    g->table = node_table(a);
    return g;
}

const Type *ref_type(Ref r) { return &r.node->types[r.res]; }

bool ref_equal(Ref a, Ref b) { return a.node == b.node && a.res == b.res; }

static Node blank(NodeKind k, int nres, const Type *types) {
    return (Node){.kind = k, .nres = nres, .types = types, .kernel = -1};
}

Ref graph_leaf(Graph *g, NodeKind k, const char *name, const Type *t) {
    if (k >= N_CONST)
        bug("leaf '%s' of kind %d", name, k);
    Node key = blank(k, 1, t);
    key.name = name;
    return (Ref){node_intern(g, &key, g->origin), 0};
}

Ref graph_const(Graph *g, const Type *t, const void *data) {
    Node key = blank(N_CONST, 1, t);
    if (t->rank && t->dim[0].batch)
        bug("constant over the batch");
    key.data = data;
    return (Ref){node_intern(g, &key, g->origin), 0};
}

/* One element of type t with value v. */
static void put_number(void *at, DType t, double v) {
    switch (t) {
    case F32:  memcpy(at, &(float){(float)v}, 4); return;
    case F64:  memcpy(at, &v, 8); return;
    case I32:  memcpy(at, &(int32_t){(int32_t)v}, 4); return;
    case U32:  memcpy(at, &(uint32_t){(uint32_t)v}, 4); return;
    case I64:  memcpy(at, &(int64_t){(int64_t)v}, 8); return;
    case U64:  memcpy(at, &(uint64_t){(uint64_t)v}, 8); return;
    case U8:   memcpy(at, &(uint8_t){(uint8_t)v}, 1); return;
    case BOOL: memcpy(at, &(uint8_t){v != 0}, 1); return;
    case NDTYPE: break;
    }
    bug("number of type %d", t);
}

Ref graph_number(Graph *g, DType t, double v) {
    unsigned char data[8] = {0};
    put_number(data, t, v);
    return graph_const(g, &(Type){.dtype = t}, data);
}

/* --- equations: operands are those that are read, each once, in the order of reading --- */

typedef struct {
    const Ref *src;                    /* as given */
    int nsrc;
    int *slot;                         /* from given number to new; -1 = not read */
    Ref *kept;
    int nkept;
} Slots;

static void use_slot(Slots *s, int slot) {
    if (slot < 0 || slot >= s->nsrc)
        bug("equation reads operand %d of %d", slot, s->nsrc);
    if (s->slot[slot] >= 0)
        return;
    int k = 0;
    while (k < s->nkept && !ref_equal(s->kept[k], s->src[slot]))
        k++;
    if (k == s->nkept)
        s->kept[s->nkept++] = s->src[slot];
    s->slot[slot] = k;
}

static void use_ix(Slots *s, const Ix *ix) {
    for (int i = 0; i < ix->n; i++) {
        const IxAtom *t = ix->term[i].atom;
        if (t->kind == IX_READ)
            use_slot(s, t->id);
        for (int j = 0; j < t->n; j++)
            use_ix(s, t->a[j]);
    }
}

static void use_expr(const Expr *e, void *user) {
    Slots *s = user;
    switch (e->kind) {
    case X_IX:
        use_ix(s, e->u.ix);
        return;
    case X_READ:
        use_slot(s, e->u.slot);
        for (int i = 0; i < e->n; i++)
            use_ix(s, e->sub[i]);
        return;
    case X_WHEN:
        for (int i = 0; i < e->cond.n; i++)
            use_ix(s, e->cond.cmp[i].e);
        return;
    case X_NUM: case X_CALL:
        return;
    case X_VAR: case X_SPLAT: case X_TREE:
        bug("loop expression of kind %d in an equation", e->kind);
    }
    bug("expression of kind %d", e->kind);
}

static Slots find_slots(Arena *a, const Eq *e, int nsrc, const Ref *src) {
    Slots s = {.src = src, .nsrc = nsrc, .slot = NEW(a, nsrc, int), .kept = NEW(a, nsrc, Ref)};
    memset(s.slot, -1, (size_t)nsrc * sizeof *s.slot);
    for (int i = 0; i < e->nout; i++)
        use_ix(&s, e->store[i]);
    x_visit(e->body, use_expr, &s);
    return s;
}

static bool unchanged(const Slots *s) {
    for (int i = 0; i < s->nsrc; i++)
        if (s->slot[i] >= 0 && s->slot[i] != i)
            return false;
    return true;
}

Ref graph_eq(Graph *g, const Eq *e, const Type *result, int nsrc, const Ref *src) {
    return graph_eq_in(g, (Band){0}, e, result, nsrc, src);
}

Ref graph_eq_in(Graph *g, Band band, const Eq *e, const Type *result, int nsrc,
                const Ref *src) {
    Slots s = find_slots(g->arena, e, nsrc, src);
    const Ix *store[MAX_RANK];
    Eq renumbered = *e;
    if (!unchanged(&s)) {
        for (int i = 0; i < e->nout; i++)
            store[i] = ix_subst(g->pool, e->store[i], 0, NULL, s.slot);
        renumbered.store = store;
        renumbered.body = x_subst(g->pool, e->body, 0, NULL, s.slot);
    }
    Type types[2] = {*result, *result};
    types[1].dtype = I32;
    Node key = blank(N_EQ, e->arg ? 2 : 1, types);
    key.nsrc = s.nkept;
    key.src = s.kept;
    key.eq = &renumbered;
    key.band = band;
    return (Ref){node_intern(g, &key, g->origin), 0};
}

Ref graph_argsort(Graph *g, Ref x, bool descending) {
    Type t = *ref_type(x);
    if (t.rank == 0)
        bug("argsort of a scalar");
    t.dtype = I32;
    Node key = blank(N_ARGSORT, 1, &t);
    key.nsrc = 1;
    key.src = &x;
    key.descending = descending;
    return (Ref){node_intern(g, &key, g->origin), 0};
}

void graph_result(Graph *g, int to, const char *name, Ref r) {
    if (r.node->id >= (uint32_t)g->nnode || g->node[r.node->id] != r.node)
        bug("result '%s' is of another graph", name);
    PUSH(g->arena, g->result, g->nresult) = (Result){to, strs_z(g->strs, name), r};
}

/* --- rebuilding --- */

Node *graph_with(Graph *g, const Node *n, const Ref *src) {
    Node key = *n;
    key.src = src;
    if (n->kind == N_EQ) {             /* sources may have become equal */
        const Origin *now = g->origin;
        g->origin = n->origin;
        Node *r = graph_eq_in(g, n->band, n->eq, n->types, n->nsrc, src).node;
        g->origin = now;
        r->kernel = n->kernel;
        r->share = n->share;
        r->nest = n->nest;
        return r;
    }
    return node_intern(g, &key, n->origin);
}

Ref *graph_sources(Arena *a, const Node *n, Node *const *map, int room) {
    Ref *src = NEW(a, n->nsrc + room + 1, Ref);
    for (int i = 0; i < n->nsrc; i++)
        src[i] = (Ref){map[n->src[i].node->id], n->src[i].res};
    return src;
}

Node *graph_copy(Graph *g, const Node *n, Node *const *map) {
    return graph_with(g, n, graph_sources(g->arena, n, map, 0));
}

/* --- rebuilding --- */

Graph *graph_like(const Graph *g) {
    Graph *made = graph_new(g->arena, g->pool, g->strs, g->name, g->batch);
    made->strict = g->strict;
    made->origin = g->origin;
    return made;
}

void graph_results(Graph *made, const Graph *old, Node *const *map) {
    for (int i = 0; i < old->nresult; i++) {
        const Result *r = &old->result[i];
        graph_result(made, r->to, r->name, (Ref){map[r->ref.node->id], r->ref.res});
    }
}

Graph *graph_rebuild(const Graph *old, NodeWith *with, void *user) {
    Graph *made = graph_like(old);
    Node **map = NEW(old->arena, old->nnode + 1, Node *);
    for (int i = 0; i < old->nnode; i++) {
        map[i] = with(made, old->node[i], map, user);
        map[i] = map[i] ? map[i] : graph_copy(made, old->node[i], map);
    }
    graph_results(made, old, map);
    return made;
}

static void mark(const Graph *g, bool *live) {
    for (int i = 0; i < g->nresult; i++)
        live[g->result[i].ref.node->id] = true;
    for (int i = g->nnode; i-- > 0;)   /* sources stand before their users */
        for (int s = 0; live[i] && s < g->node[i]->nsrc; s++)
            live[g->node[i]->src[s].node->id] = true;
}

Graph *graph_live(const Graph *g) {
    Graph *r = graph_like(g);
    bool *live = NEW(g->arena, g->nnode, bool);
    Node **map = NEW(g->arena, g->nnode, Node *);
    mark(g, live);
    for (int i = 0; i < g->nnode; i++)
        if (live[i])
            map[i] = graph_copy(r, g->node[i], map);
    graph_results(r, g, map);
    return r;
}
