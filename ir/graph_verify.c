/* Is a graph sound? Order, types, equations, scans, slots. */
#include "ir/node.h"

#include <string.h>

static const char *check_type(Arena *a, const Graph *g, const Type *t) {
    int64_t count;
    if (t->dtype >= NDTYPE || t->rank < 0 || t->rank > MAX_RANK)
        return "type out of range";
    if (!type_count(t, &count))
        return arena_printf(a, "%s is too large", type_text(a, t));
    for (int i = 0; i < t->rank; i++) {
        if (t->dim[i].batch && t->dim[i].n != g->batch)
            return arena_printf(a, "%s in a graph with batch %lld", type_text(a, t),
                                (long long)g->batch);
        for (int j = 0; j < i; j++)
            if (t->dim[i].batch && t->dim[j].batch)
                return arena_printf(a, "%s has the batch twice", type_text(a, t));
    }
    return NULL;
}

static const char *check_leaf(Arena *a, const Graph *g, const Node *n) {
    if (!n->name)
        return "leaf without a name";
    for (uint32_t i = 0; i < n->id; i++) {
        const Node *o = g->node[i];
        if (o->kind == n->kind && strcmp(o->name, n->name) == 0)
            return arena_printf(a, "%s '%s' is declared twice", leaf_word[n->kind], n->name);
    }
    return NULL;
}

static const char *check_eq(Arena *a, const Graph *g, const Node *n) {
    const Type **src = NEW(a, n->nsrc, const Type *);
    Type second = n->types[0];
    second.dtype = I32;
    for (int i = 0; i < n->nsrc; i++)
        src[i] = ref_type(n->src[i]);
    if (n->nres != (n->eq->arg ? 2 : 1) || (n->eq->arg && !type_equal(&second, &n->types[1])))
        return "equation's second result does not fit its first";
    return eq_verify(a, g->pool, n->eq, n->nsrc, src, n->types);
}

static const char *check_body(Arena *a, const Graph *g, const Node *n) {
    const Scan *s = n->scan;
    const char *bad = scan_check(a, s, n->nsrc, n->src);
    if (!bad && s->body->batch != g->batch)
        bad = "scan's body has another batch";
    if (!bad && n->nres != s->body->nresult)
        bad = "scan's results are not its body's";
    for (int k = 0; !bad && k < n->nres; k++) {
        const Type *t = ref_type(s->body->result[k].ref);
        Type want = k < s->ncarry ? *t : type_stack(t, s->steps);
        if (!type_equal(&want, &n->types[k]))
            bad = arena_printf(a, "scan's result %d is %s, expected %s", k,
                               type_text(a, &n->types[k]), type_text(a, &want));
    }
    return bad ? bad : graph_verify(a, s->body);
}

static const char *check_argsort(Arena *a, const Node *n) {
    Type want = *ref_type(n->src[0]);
    want.dtype = I32;
    if (n->nsrc != 1 || n->nres != 1 || want.rank == 0 || !type_equal(&want, n->types))
        return arena_printf(a, "argsort of %s is %s", type_text(a, ref_type(n->src[0])),
                            type_text(a, n->types));
    return NULL;
}

static const char *check_kind(Arena *a, const Graph *g, const Node *n) {
    switch (n->kind) {
    case N_INPUT: case N_PARAM: case N_STATE: case N_VALUE: return check_leaf(a, g, n);
    case N_CONST: return n->data ? NULL : "constant without data";
    case N_EQ:    return check_eq(a, g, n);
    case N_SCAN:  return check_body(a, g, n);
    case N_ARGSORT: return check_argsort(a, n);
    }
    return "node of unknown kind";
}

static const char *check_node(Arena *a, const Graph *g, int i) {
    const Node *n = g->node[i];
    if (n->id != (uint32_t)i)
        return arena_printf(a, "node has number %u", n->id);
    for (int s = 0; s < n->nsrc; s++) {
        Ref r = n->src[s];
        if (!r.node || r.node->id >= n->id || g->node[r.node->id] != r.node)
            return arena_printf(a, "source %d is not an earlier node", s);
        if (r.res < 0 || r.res >= r.node->nres)
            return arena_printf(a, "source %d is result %d of %d", s, r.res, r.node->nres);
    }
    for (int k = 0; k < n->nres; k++) {
        const char *bad = check_type(a, g, &n->types[k]);
        if (bad)
            return bad;
    }
    return check_kind(a, g, n);
}

static const Node *leaf(const Graph *g, NodeKind k, const char *name) {
    for (int i = 0; i < g->nnode; i++)
        if (g->node[i]->kind == k && strcmp(g->node[i]->name, name) == 0)
            return g->node[i];
    return NULL;
}

static const char *check_result(Arena *a, const Graph *g, int i) {
    static const NodeKind slot[] = {
        [TO_OUTPUT] = N_INPUT, [TO_PARAM] = N_PARAM, [TO_STATE] = N_STATE, [TO_GRAD] = N_PARAM};
    const Result *r = &g->result[i];
    const Node *n = r->ref.node;
    if (n->id >= (uint32_t)g->nnode || g->node[n->id] != n || r->ref.res < 0 ||
        r->ref.res >= n->nres)
        return arena_printf(a, "%s '%s' is of no node", result_word[r->to], r->name);
    for (int j = 0; j < i; j++)
        if (g->result[j].to == r->to && strcmp(g->result[j].name, r->name) == 0)
            return arena_printf(a, "%s '%s' is written twice", result_word[r->to], r->name);
    const Node *of = r->to == TO_OUTPUT ? NULL : leaf(g, slot[r->to], r->name);
    if (of && !type_equal(of->types, ref_type(r->ref)))
        return arena_printf(a, "%s '%s' is %s, its slot is %s", result_word[r->to], r->name,
                            type_text(a, ref_type(r->ref)), type_text(a, of->types));
    return NULL;
}

const char *graph_verify(Arena *a, const Graph *g) {
    for (int i = 0; i < g->nnode; i++) {
        const char *bad = check_node(a, g, i);
        if (bad)
            return arena_printf(a, "graph @%s, node %d: %s", g->name, i, bad);
    }
    for (int i = 0; i < g->nresult; i++) {
        const char *bad = check_result(a, g, i);
        if (bad)
            return arena_printf(a, "graph @%s: %s", g->name, bad);
    }
    return NULL;
}
