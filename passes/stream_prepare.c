/* Before streaming: equations in normal form, with what would otherwise be kept in several
 * forms, or made anew for all times, computed where it is read.
 * in: the graph of a whole sequence   out: the same results, bit for bit   keeps: origins */
#include "passes/fuse.h"
#include "passes/stream.h"

static Node *normal(Graph *g, const Node *n, Node *const *map, void *user) {
    (void)user;
    Node r = *n;
    if (n->kind == N_EQ)
        r.eq = eq_normalise(g->pool, n->eq, &n->types[0]);
    return graph_copy(g, &r, map);
}

/* Does a node read something only before its own time? */
static bool delayed(const Streamer *s, const Node *n) {
    EqReads r = stream_reads(s->old->arena, n->eq);
    uint64_t bits = stream_indices(s, n);
    int64_t lo, hi;
    for (int k = 0; k < r.n; k++)
        for (int d = 0; d < r.item[k].n; d++)
            for (int i = 0; stream_flow(s, n->src[r.item[k].slot])->time >> d & 1 &&
                            i < n->eq->nfree; i++)
                if (bits >> i & 1 &&
                    stream_apart(s->old->pool, n->eq, r.item[k].sub[d], i, &lo, &hi) && hi < 0)
                    return true;
    return false;
}

/* Is n's operand read at places in time? */
static bool read_by_time(const Streamer *s, const Node *n, int slot) {
    EqReads r = stream_reads(s->old->arena, n->eq);
    uint64_t bits = stream_indices(s, n);
    for (int k = 0; k < r.n; k++)
        for (int d = 0; d < r.item[k].n && r.item[k].slot == slot; d++)
            for (int i = 0; i < n->eq->nidx; i++)
                if (bits >> i & 1 && ix_uses(r.item[k].sub[d], i))
                    return true;
    return false;
}

/* Is operand `slot` of n, now the node p, computed where n reads it? */
static bool dissolves(const Streamer *s, const Node *n, int slot, const Node *p) {
    if (p->kind != N_EQ || p->nres != 1 || p->eq->fold != FOLD_NONE || !fuse_plain(p) ||
        fuse_as_index(n->eq, slot))
        return false;
    const Flow *f = stream_flow(s, n->src[slot]);
    if (f->time)
        return fuse_moves(p->eq->body) || delayed(s, n->src[slot].node);
    return !f->late && read_by_time(s, n, slot);
}

typedef struct { Streamer s; bool any; } Dissolve;

static Node *dissolved(Graph *g, const Node *n, Node *const *map, void *user) {
    enum { ROOM = 256 };
    Dissolve *d = user;
    if (n->kind != N_EQ)
        return NULL;
    Eq e = *n->eq;
    Ref *src = graph_sources(g->arena, n, map, ROOM);
    int nsrc = n->nsrc;
    for (int k = 0; k < n->nsrc; k++)
        if (nsrc + src[k].node->nsrc <= ROOM && dissolves(&d->s, n, k, src[k].node)) {
            fuse_substitute(g, src[k].node, k, &e, src, &nsrc);
            d->any = true;
        }
    g->origin = n->origin;
    return graph_eq(g, &e, &n->types[0], nsrc, src).node;
}

/* What is read late may show only when what it reads is dissolved. */
Graph *stream_prepare(Stream *spec, const Graph *whole) {
    Graph *g = graph_live(graph_rebuild(whole, normal, NULL));
    for (bool any = true; any;) {
        Dissolve d = {stream_new(spec, g), false};
        g = graph_live(graph_rebuild(g, dissolved, &d));
        any = d.any;
    }
    return g;
}
