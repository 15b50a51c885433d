/* Constant folding.
 * in: any graph   out: equations over constants alone are constants
 * keeps: bits: the oracle computes them, in f32 and in the canonical order */
#include "passes/pass.h"

#include "ir/oracle.h"

enum { MOST = 4096 };                  /* elements: larger constants cost more than work */

static bool foldable(const Node *n, Node *const *map) {
    int64_t size;
    if (n->kind != N_EQ || n->nres != 1 || n->nsrc == 0)
        return false;
    for (int d = 0; d < n->types[0].rank; d++)
        if (n->types[0].dim[d].batch)
            return false;
    for (int i = 0; i < n->eq->nidx; i++)
        if (n->eq->ext[i].batch)
            return false;
    for (int s = 0; s < n->nsrc; s++)
        if (map[n->src[s].node->id]->kind != N_CONST)
            return false;
    return type_count(&n->types[0], &size) && size <= MOST;
}

static Ref evaluate(Module *m, Graph *g, const Node *n, Node *const *map) {
    Graph *alone = graph_new(m->temp, m->pool, m->strs, "fold", g->batch);
    Ref *src = NEW(m->temp, n->nsrc, Ref);
    OracleTensor out;
    Diag *quiet = diag_new(m->temp, NULL, NULL);
    OracleOptions o = {.arena = m->temp, .loc = diag_nowhere(quiet)};
    for (int s = 0; s < n->nsrc; s++) {
        const Node *c = map[n->src[s].node->id];
        src[s] = graph_const(alone, &c->types[0], c->data);
    }
    graph_result(alone, TO_OUTPUT, strs_z(m->strs, "value"),
                 graph_eq(alone, n->eq, &n->types[0], n->nsrc, src));
    if (!oracle_run(alone, &o, 1, 0, NULL, &out))
        bug("constant of %s", type_text(m->temp, &n->types[0]));
    g->origin = n->origin;
    return graph_const(g, &n->types[0], out.data);
}

static void batch_value(const Expr *e, void *user) {
    bool *uses = user;
    for (int i = 0; e->kind == X_IX && i < e->u.ix->n; i++)
        *uses |= e->u.ix->term[i].atom->kind != IX_VAR;
}

static Node *folded(Graph *g, const Node *n, Node *const *map, void *user) {
    bool varies = false;
    if (n->kind == N_EQ)
        x_visit(n->eq->body, batch_value, &varies);
    return !varies && foldable(n, map) ? evaluate(user, g, n, map).node : NULL;
}

bool pass_fold(Module *m, Graph **g) {
    *g = graph_rebuild(*g, folded, m);
    return true;
}
