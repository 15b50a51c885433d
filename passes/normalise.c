/* Normal form of every equation; see eq_normalise.
 * in: any graph   out: the same, without / and % where indices can be split */
#include "passes/pass.h"

static Node *normal(Graph *g, const Node *n, Node *const *map, void *user) {
    (void)user;
    if (n->kind != N_EQ)
        return NULL;
    g->origin = n->origin;
    return graph_eq(g, eq_normalise(g->pool, n->eq, &n->types[0]), &n->types[0], n->nsrc,
                    graph_sources(g->arena, n, map, 0)).node;
}

bool pass_normalise(Module *m, Graph **g) {
    (void)m;
    *g = graph_rebuild(*g, normal, NULL);
    return true;
}
