/* Launch order.
 * in: nodes, grouped into kernels or not   out: the nodes of a kernel stand together, others
 * are kernels of their own; an order in which a slot is overwritten after its other readers,
 * where that is possible
 * keeps: dependencies
 *
 * Of the kernels that may run, the one that stands first in the graph does; one that would
 * overwrite what others still have to read waits while there is another. */
#include "passes/fuse.h"

#include "base/map.h"

typedef struct { int n, *node; } Members;

/* A heap of kernels, the first in the graph on top. */
typedef struct { int n, *kernel; } Heap;

typedef struct {
    const Graph *g;
    int nkernel;
    int *kernel;                       /* by node: its kernel; what is in none has its own */
    Members *member;                   /* by kernel, in the graph's order */
    int *missing;                      /* by kernel: reads of what is not yet made */
    int *early;                        /* by kernel: reads by others of what it overwrites */
    int *writer;                       /* by leaf: the kernel that overwrites it, or -1 */
    Members *reader;                   /* by kernel: the nodes that read it, once per read */
    bool *done;                        /* by kernel */
    Heap ready, waiting;
} Work;

static int rank(const Work *w, int kernel) { return w->member[kernel].node[0]; }

static void heap_put(const Work *w, Heap *h, int kernel) {
    int i = h->n++;
    for (; i && rank(w, h->kernel[(i - 1) / 2]) > rank(w, kernel); i = (i - 1) / 2)
        h->kernel[i] = h->kernel[(i - 1) / 2];
    h->kernel[i] = kernel;
}

static int heap_take(const Work *w, Heap *h) {
    int top = h->kernel[0], last = h->kernel[--h->n], i = 0;
    for (int c; (c = 2 * i + 1) < h->n; i = c) {
        c += c + 1 < h->n && rank(w, h->kernel[c + 1]) < rank(w, h->kernel[c]);
        if (rank(w, last) <= rank(w, h->kernel[c]))
            break;
        h->kernel[i] = h->kernel[c];
    }
    h->kernel[i] = last;
    return top;
}

/* --- who reads whom --- */

static void number_kernels(Work *w, Arena *a) {
    int n = w->g->nnode;
    w->kernel = NEW(a, n + 1, int);
    for (int i = 0; i < n; i++)
        if (w->g->node[i]->kernel >= w->nkernel)
            w->nkernel = w->g->node[i]->kernel + 1;
    for (int i = 0; i < n; i++)
        w->kernel[i] = w->g->node[i]->kernel >= 0 ? w->g->node[i]->kernel : w->nkernel++;
    w->member = NEW(a, w->nkernel + 1, Members);
    for (int i = 0; i < n; i++) {
        Members *k = &w->member[w->kernel[i]];
        PUSH(a, k->node, k->n) = i;
    }
}

static void find_writers(Work *w, Arena *a) {
    Map by_name = {0};
    w->writer = NEW(a, w->g->nnode + 1, int);
    for (int i = 0; i < w->g->nresult; i++) {
        const Result *r = &w->g->result[i];
        if (r->to == TO_PARAM || r->to == TO_STATE)
            map_put(a, &by_name, r->name, r->to, w->kernel[r->ref.node->id]);
    }
    for (int i = 0; i < w->g->nnode; i++) {
        const Node *x = w->g->node[i];
        bool slot = x->kind == N_PARAM || x->kind == N_STATE;
        w->writer[i] = slot ? map_get(&by_name, x->name, x->kind == N_PARAM ? TO_PARAM : TO_STATE)
                            : -1;
    }
}

static void count_reads(Work *w, Arena *a) {
    w->missing = NEW(a, w->nkernel + 1, int);
    w->early = NEW(a, w->nkernel + 1, int);
    w->reader = NEW(a, w->nkernel + 1, Members);
    for (int i = 0; i < w->g->nnode; i++)
        for (int s = 0; s < w->g->node[i]->nsrc; s++) {
            int from = w->g->node[i]->src[s].node->id, k = w->kernel[i];
            int writer = w->writer[from];
            if (writer >= 0 && writer != k)
                w->early[writer]++;
            if (w->kernel[from] == k)
                continue;
            w->missing[k]++;
            PUSH(a, w->reader[w->kernel[from]].node, w->reader[w->kernel[from]].n) = i;
        }
}

/* --- the order --- */

static void offer(Work *w, int k) {
    if (w->missing[k] == 0 && !w->done[k])
        heap_put(w, w->early[k] ? &w->waiting : &w->ready, k);
}

/* Kernel k has run: others may. */
static void finish(Work *w, int k) {
    w->done[k] = true;
    for (int i = 0; i < w->member[k].n; i++) {
        const Node *x = w->g->node[w->member[k].node[i]];
        for (int s = 0; s < x->nsrc; s++) {
            int writer = w->writer[x->src[s].node->id];
            if (writer >= 0 && writer != k && --w->early[writer] == 0)
                offer(w, writer);
        }
    }
    for (int i = 0; i < w->reader[k].n; i++) {
        int reader = w->kernel[w->reader[k].node[i]];
        if (--w->missing[reader] == 0)
            offer(w, reader);
    }
}

/* A kernel that waited and then became ready is in both heaps. */
static int next(Work *w) {
    for (Heap *h; (h = w->ready.n ? &w->ready : &w->waiting)->n;) {
        int k = heap_take(w, h);
        if (!w->done[k])
            return k;
    }
    bug("kernels depend on each other in a circle");
}

static Graph *rebuild(Module *m, Work *w) {
    const Graph *old = w->g;
    Graph *made = graph_like(old);
    Node **map = NEW(m->temp, old->nnode + 1, Node *);
    for (int placed = 0; placed < old->nnode;) {
        int k = next(w);
        for (int nest = 0, last = 0; nest <= last; nest++)
            for (int i = 0; i < w->member[k].n; i++) {
                int id = w->member[k].node[i], own = old->node[id]->nest;
                last = own > last ? own : last;
                if (own != nest)
                    continue;
                map[id] = graph_copy(made, old->node[id], map);
                map[id]->kernel = old->node[id]->kind == N_EQ ? k : -1;
                map[id]->share = old->node[id]->share;
                placed++;
            }
        finish(w, k);
    }
    graph_results(made, old, map);
    return made;
}

bool pass_order(Module *m, Graph **g) {
    Work w = {.g = *g};
    number_kernels(&w, m->temp);
    find_writers(&w, m->temp);
    count_reads(&w, m->temp);
    w.done = NEW(m->temp, w.nkernel + 1, bool);
    w.ready.kernel = NEW(m->temp, w.nkernel + 1, int);
    w.waiting.kernel = NEW(m->temp, w.nkernel + 1, int);
    for (int k = 0; k < w.nkernel; k++)
        if (w.member[k].n)
            offer(&w, k);
    *g = rebuild(m, &w);
    return true;
}
