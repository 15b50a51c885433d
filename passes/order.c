/* Launch order.
 * in: nodes, grouped into kernels or not   out: the nodes of a kernel stand together, others
 * are kernels of their own; an order in which a slot is overwritten after its other readers,
 * where that is possible
 * keeps: dependencies */
#include "passes/fuse.h"

typedef struct {
    Module *m;
    const Graph *g;
    int nkernel;
    int *kernel;                       /* by node: its kernel; what is in none has its own */
    bool *done;                        /* by kernel */
} Work;

static bool overwrites(const Work *w, int kernel, const Node *leaf) {
    for (int i = 0; i < w->g->nresult; i++) {
        const Result *r = &w->g->result[i];
        bool slot = (r->to == TO_PARAM && leaf->kind == N_PARAM) ||
                    (r->to == TO_STATE && leaf->kind == N_STATE);
        if (slot && r->name == leaf->name && w->kernel[r->ref.node->id] == kernel)
            return true;
    }
    return false;
}

static bool ready(const Work *w, int k) {
    for (int i = 0; i < w->g->nnode; i++)
        for (int s = 0; w->kernel[i] == k && s < w->g->node[i]->nsrc; s++) {
            int from = w->kernel[w->g->node[i]->src[s].node->id];
            if (from != k && !w->done[from])
                return false;
        }
    return true;
}

/* Does someone else still have to read a slot that k overwrites? */
static bool too_early(const Work *w, int k) {
    for (int i = 0; i < w->g->nnode; i++) {
        if (w->kernel[i] == k || w->done[w->kernel[i]])
            continue;
        for (int s = 0; s < w->g->node[i]->nsrc; s++)
            if (overwrites(w, k, w->g->node[i]->src[s].node))
                return true;
    }
    return false;
}

static int next(const Work *w, const int *at) {
    int early = -1;
    for (int i = 0; i < w->g->nnode; i++) {
        int k = w->kernel[at[i]];
        if (w->done[k] || !ready(w, k))
            continue;
        if (!too_early(w, k))
            return k;
        early = early < 0 ? k : early;
    }
    return early;
}

bool pass_order(Module *m, Graph **g) {
    const Graph *old = *g;
    int n = old->nnode, placed = 0;
    Work w = {m, old, 0, NEW(m->temp, n + 1, int), NULL};
    int *at = NEW(m->temp, n + 1, int);
    for (int i = 0; i < n; i++) {
        at[i] = i;
        if (old->node[i]->kernel >= w.nkernel)
            w.nkernel = old->node[i]->kernel + 1;
    }
    for (int i = 0; i < n; i++)
        w.kernel[i] = old->node[i]->kernel >= 0 ? old->node[i]->kernel : w.nkernel++;
    w.done = NEW(m->temp, w.nkernel + 1, bool);
    Graph *made = graph_new(m->arena, m->pool, m->strs, old->name, old->batch);
    Node **map = NEW(m->temp, n + 1, Node *);
    made->strict = old->strict;
    while (placed < n) {
        int k = next(&w, at);
        if (k < 0)
            bug("kernels depend on each other in a circle");
        for (int i = 0; i < n; i++)
            if (w.kernel[i] == k) {
                map[i] = graph_copy(made, old->node[i], map);
                map[i]->kernel = old->node[i]->kind == N_EQ ? k : -1;
                placed++;
            }
        w.done[k] = true;
    }
    for (int i = 0; i < old->nresult; i++) {
        Result r = old->result[i];
        graph_result(made, r.to, r.name, (Ref){map[r.ref.node->id], r.ref.res});
    }
    *g = made;
    return true;
}
