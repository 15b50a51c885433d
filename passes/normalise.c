/* Normal form of every equation; see eq_normalise.
 * in: any graph   out: the same, without / and % where indices can be split */
#include "passes/pass.h"

bool pass_normalise(Module *m, Graph **g) {
    const Graph *old = *g;
    Graph *made = graph_new(m->arena, m->pool, m->strs, old->name, old->batch);
    Node **map = NEW(m->temp, old->nnode + 1, Node *);
    made->strict = old->strict;
    for (int i = 0; i < old->nnode; i++) {
        const Node *n = old->node[i];
        if (n->kind != N_EQ) {
            map[i] = graph_copy(made, n, map);
            continue;
        }
        Ref *src = NEW(m->temp, n->nsrc + 1, Ref);
        for (int s = 0; s < n->nsrc; s++)
            src[s] = (Ref){map[n->src[s].node->id], n->src[s].res};
        made->origin = n->origin;
        map[i] = graph_eq(made, eq_normalise(m->pool, n->eq, &n->types[0]), &n->types[0],
                          n->nsrc, src).node;
    }
    for (int i = 0; i < old->nresult; i++) {
        Result r = old->result[i];
        graph_result(made, r.to, r.name, (Ref){map[r.ref.node->id], r.ref.res});
    }
    *g = made;
    return true;
}
