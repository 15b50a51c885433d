/* Simplification of a graph.
 * in: any graph   out: the same results; a fold and its twin with the winner's number are
 * one node, scans that step alike are one; dead nodes are gone */
#include "passes/scan.h"

static bool twins(const Node *a, const Node *b) {
    if (a->kind != N_EQ || b->kind != N_EQ || a->nsrc != b->nsrc || b->eq->arg == a->eq->arg)
        return false;
    for (int i = 0; i < a->nsrc; i++)
        if (!ref_equal(a->src[i], b->src[i]))
            return false;
    Eq same = *a->eq;
    same.arg = b->eq->arg;
    return eq_equal(&same, b->eq);
}

/* n, or its twin that also yields the winner, whose sources stand before n as well. */
static Node *joined(Graph *made, const Node *n, Node *const *map, void *user) {
    const Graph *old = user;
    bool folds = n->kind == N_EQ && (n->eq->fold == FOLD_MAX || n->eq->fold == FOLD_MIN);
    for (int j = (int)n->id + 1; folds && !n->eq->arg && j < old->nnode; j++)
        if (twins(n, old->node[j]))
            n = old->node[j];
    return graph_copy(made, n, map);
}

bool pass_simplify(Module *m, Graph **g) {
    Graph *tidy = simplify_scans(m, graph_live(*g));
    *g = graph_live(graph_rebuild(tidy, joined, tidy));
    return true;
}
