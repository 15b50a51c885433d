/* Graph nodes are interned: equal nodes are one node, which keeps the origins of all. */
#include "ir/node.h"

#include "ir/pool.h"

#include <string.h>

static uint64_t hash_type(uint64_t h, const Type *t) {
    h = hash_u64(h, (uint64_t)t->dtype * 16 + (uint64_t)t->rank);
    for (int i = 0; i < t->rank; i++)
        h = hash_u64(h, (uint64_t)t->dim[i].n * 2 + t->dim[i].batch);
    return h;
}

static uint64_t hash_eq(uint64_t h, const Eq *e) {
    h = hash_u64(hash_u64(h, (uint64_t)e->nidx), (uint64_t)e->nfree);
    for (int i = 0; i < e->nidx; i++)
        h = hash_u64(h, (uint64_t)e->ext[i].n * 2 + e->ext[i].batch);
    for (int i = 0; i < e->nout; i++)
        h = hash_u64(h, e->store[i]->id);
    return hash_u64(hash_u64(h, e->fold), e->body->id);
}

static bool is_leaf(NodeKind k) { return k < N_CONST; }

static uint64_t hash_node(const Node *n) {
    uint64_t h = hash_u64(41, n->kind);
    if (is_leaf(n->kind))
        return hash_bytes(n->name, strlen(n->name), h);
    for (int i = 0; i < n->nres; i++)
        h = hash_type(h, &n->types[i]);
    for (int i = 0; i < n->nsrc; i++)
        h = hash_u64(hash_u64(h, n->src[i].node->id), (uint64_t)n->src[i].res);
    if (n->eq)
        h = hash_u64(hash_eq(h, n->eq), (uint64_t)n->band.id);
    if (n->data)
        h = hash_bytes(n->data, (size_t)type_bytes(n->types), h);
    if (n->scan)
        for (int i = 0; i < n->scan->body->nnode; i++)
            h = hash_u64(h, hash_node(n->scan->body->node[i]));
    return h;
}

static bool result_equal(const Result *a, const Result *b) {
    return a->to == b->to && a->ref.node->id == b->ref.node->id && a->ref.res == b->ref.res;
}

static bool body_equal(const Graph *a, const Graph *b) {
    if (a->nnode != b->nnode || a->nresult != b->nresult)
        return false;
    for (int i = 0; i < a->nnode; i++)
        if (!node_equal(a->node[i], b->node[i]))
            return false;
    for (int i = 0; i < a->nresult; i++)
        if (!result_equal(&a->result[i], &b->result[i]))
            return false;
    return true;
}

static bool scan_equal(const Scan *a, const Scan *b) {
    return a->ncarry == b->ncarry && a->nstack == b->nstack && a->nwhole == b->nwhole &&
           a->nout == b->nout && a->steps == b->steps && a->reverse == b->reverse &&
           body_equal(a->body, b->body);
}

bool node_equal(const Node *a, const Node *b) {
    if (a->kind != b->kind || a->nres != b->nres || a->nsrc != b->nsrc ||
        a->descending != b->descending)
        return false;
    for (int i = 0; i < a->nres; i++)
        if (!type_equal(&a->types[i], &b->types[i]))
            return false;
    for (int i = 0; i < a->nsrc; i++)
        if (a->src[i].node->id != b->src[i].node->id || a->src[i].res != b->src[i].res)
            return false;
    switch (a->kind) {
    case N_INPUT: case N_PARAM: case N_STATE: case N_VALUE:
        return strcmp(a->name, b->name) == 0;
    case N_CONST: return memcmp(a->data, b->data, (size_t)type_bytes(a->types)) == 0;
    case N_EQ:    return a->band.id == b->band.id && eq_equal(a->eq, b->eq);
    case N_SCAN:  return scan_equal(a->scan, b->scan);
    case N_ARGSORT: return true;
    }
    bug("node of kind %d", a->kind);
}

/* A leaf is known by its name alone, so that one slot cannot have two types. */
static bool same(const void *x, const void *y) {
    const Node *a = x, *b = y;
    if (!is_leaf(a->kind) || a->kind != b->kind)
        return node_equal(a, b);
    if (strcmp(a->name, b->name) != 0)
        return false;
    if (!type_equal(a->types, b->types))
        bug("'%s' is declared with two types", a->name);
    return true;
}

static void *copy(Arena *a, const void *p, size_t n) {
    void *d = arena_alloc(a, n ? n : 1);
    if (n)
        memcpy(d, p, n);
    return d;
}

static const Eq *copy_eq(Arena *a, const Eq *e) {
    Eq *r = copy(a, e, sizeof *e);
    r->ext = copy(a, e->ext, (size_t)e->nidx * sizeof *e->ext);
    r->store = copy(a, e->store, (size_t)e->nout * sizeof *e->store);
    return r;
}

/* n, a plain copy of key, becomes a node of its own in g. */
static void own(Graph *g, Node *n, const Node *key) {
    Arena *a = g->arena;
    n->id = (uint32_t)g->nnode;
    n->origin = NULL;
    n->types = n->type;
    if (key->nres > (int)COUNT(n->type))
        n->types = copy(a, key->types, (size_t)key->nres * sizeof *key->types);
    else
        memcpy(n->type, key->types, (size_t)key->nres * sizeof *n->type);
    n->src = copy(a, key->src, (size_t)key->nsrc * sizeof *key->src);
    if (key->name)
        n->name = strs_z(g->strs, key->name);
    if (key->data)
        n->data = copy(a, key->data, (size_t)type_bytes(key->types));
    if (key->eq)
        n->eq = copy_eq(a, key->eq);
    if (key->scan)
        n->scan = copy(a, key->scan, sizeof *key->scan);
    PUSH(a, g->node, g->nnode) = n;
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_origin(const Origin *a, const Origin *b) {
    return same_text(a->name, b->name) && same_text(a->what, b->what) &&
           a->loc.src == b->loc.src && a->loc.line == b->loc.line && a->loc.col == b->loc.col;
}

static void add_origins(Arena *a, Node *n, const Origin *from) {
    for (; from; from = from->next) {
        Origin *last = NULL;
        bool known = false;
        for (const Origin *o = n->origin; o && !known; o = o->next) {
            known = same_origin(o, from);
            last = (Origin *)(uintptr_t)o;             /* ours: made below */
        }
        if (known)
            continue;
        Origin *made = copy(a, from, sizeof *from);
        made->next = NULL;
        if (last)
            last->next = made;
        else
            n->origin = made;
    }
}

struct NodeTable {
    Pool pool;                         /* only its arena counts: the graph's */
    Table table;
};

struct NodeTable *node_table(Arena *a) {
    struct NodeTable *t = NEW(a, 1, struct NodeTable);
    t->pool.arena = a;
    return t;
}

Node *node_intern(Graph *g, const Node *key, const Origin *from) {
    bool fresh;
    Node *n = pool_intern(&g->table->pool, &g->table->table, key, sizeof *key,
                          hash_node(key), same, &fresh);
    if (fresh)
        own(g, n, key);
    add_origins(g->arena, n, from);
    return n;
}
