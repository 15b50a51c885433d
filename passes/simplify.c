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

bool pass_simplify(Module *m, Graph **g) {
    Graph *old = simplify_scans(m, graph_live(*g));
    Graph *made = graph_new(m->arena, m->pool, m->strs, old->name, old->batch);
    Node **map = NEW(m->temp, old->nnode + 1, Node *);
    made->strict = old->strict;
    for (int i = 0; i < old->nnode; i++) {
        const Node *n = old->node[i];
        bool folds = n->kind == N_EQ && (n->eq->fold == FOLD_MAX || n->eq->fold == FOLD_MIN);
        for (int j = i + 1; folds && !n->eq->arg && j < old->nnode; j++)
            if (twins(n, old->node[j]))
                n = old->node[j];      /* its sources stand before i as well */
        map[i] = graph_copy(made, n, map);
    }
    for (int i = 0; i < old->nresult; i++) {
        Result r = old->result[i];
        graph_result(made, r.to, r.name, (Ref){map[r.ref.node->id], r.ref.res});
    }
    *g = graph_live(made);
    return true;
}
