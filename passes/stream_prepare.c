/* Before streaming: equations in normal form, with what would otherwise be kept in several
 * forms, or made anew for all times, computed where it is read.
 * in: the graph of a whole sequence   out: the same results, bit for bit   keeps: origins */
#include "passes/fuse.h"
#include "passes/stream.h"

static Graph *empty(const Graph *like) {
    Graph *g = graph_new(like->arena, like->pool, like->strs, like->name, like->batch);
    g->strict = like->strict;
    return g;
}

static Graph *with_results(Graph *g, const Graph *old, Node *const *map) {
    for (int i = 0; i < old->nresult; i++) {
        const Result *r = &old->result[i];
        graph_result(g, r->to, r->name, (Ref){map[r->ref.node->id], r->ref.res});
    }
    return graph_live(g);
}

static Graph *normal(const Graph *old) {
    Graph *g = empty(old);
    Node **map = NEW(old->arena, old->nnode + 1, Node *);
    for (int i = 0; i < old->nnode; i++) {
        Node n = *old->node[i];
        if (n.kind == N_EQ)
            n.eq = eq_normalise(g->pool, n.eq, &n.types[0]);
        map[i] = graph_copy(g, &n, map);
    }
    return with_results(g, old, map);
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

static Node *dissolved(const Streamer *s, Graph *g, const Node *n, Node *const *map,
                       bool *any) {
    enum { ROOM = 256 };
    Eq e = *n->eq;
    Ref *src = NEW(g->arena, ROOM, Ref);
    int nsrc = n->nsrc;
    for (int k = 0; k < n->nsrc; k++)
        src[k] = (Ref){map[n->src[k].node->id], n->src[k].res};
    for (int k = 0; k < n->nsrc; k++)
        if (nsrc + src[k].node->nsrc <= ROOM && dissolves(s, n, k, src[k].node)) {
            fuse_substitute(g, src[k].node, k, &e, src, &nsrc);
            *any = true;
        }
    g->origin = n->origin;
    return graph_eq(g, &e, &n->types[0], nsrc, src).node;
}

static Graph *dissolve(Stream *spec, const Graph *old, bool *any) {
    Streamer s = stream_new(spec, old);
    Graph *g = empty(old);
    Node **map = NEW(old->arena, old->nnode + 1, Node *);
    for (int i = 0; i < old->nnode; i++) {
        const Node *n = old->node[i];
        map[i] = n->kind == N_EQ ? dissolved(&s, g, n, map, any) : graph_copy(g, n, map);
    }
    return with_results(g, old, map);
}

/* What is read late may show only when what it reads is dissolved. */
Graph *stream_prepare(Stream *spec, const Graph *whole) {
    Graph *g = normal(whole);
    bool any = true;
    while (any) {
        any = false;
        g = dissolve(spec, g, &any);
    }
    return g;
}
