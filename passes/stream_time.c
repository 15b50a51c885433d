/* Which dims of which tensors run with time. */
#include "passes/stream.h"

#include <string.h>

#include "passes/scan.h"

Flow *stream_flow(const Streamer *s, Ref r) {
    return &s->flow[s->first[r.node->id] + (uint32_t)r.res];
}

/* --- reads of an equation --- */

typedef struct { Arena *a; EqReads *r; } Collect;

static void add_read(Collect *c, int slot, int n, const Ix *const *sub) {
    PUSH(c->a, c->r->item, c->r->n) = (EqRead){slot, n, sub};
}

static void reads_of_ix(Collect *c, const Ix *x) {
    for (int i = 0; i < x->n; i++) {
        const IxAtom *t = x->term[i].atom;
        if (t->kind == IX_READ)
            add_read(c, t->id, t->n, t->a);
        for (int j = 0; j < t->n; j++)
            reads_of_ix(c, t->a[j]);
    }
}

static void reads_of_expr(const Expr *e, void *user) {
    Collect *c = user;
    if (e->kind == X_IX)
        reads_of_ix(c, e->u.ix);
    if (e->kind == X_READ)
        add_read(c, e->u.slot, e->n, e->sub);
    for (int i = 0; e->kind == X_READ && i < e->n; i++)
        reads_of_ix(c, e->sub[i]);
    for (int i = 0; e->kind == X_WHEN && i < e->cond.n; i++)
        reads_of_ix(c, e->cond.cmp[i].e);
}

EqReads stream_reads(Arena *a, const Eq *e) {
    EqReads r = {0};
    Collect c = {a, &r};
    for (int d = 0; d < e->nout; d++)
        reads_of_ix(&c, e->store[d]);
    x_visit(e->body, reads_of_expr, &c);
    return r;
}

/* --- time --- */

uint64_t stream_indices(const Streamer *s, const Node *n) {
    EqReads r = stream_reads(s->old->arena, n->eq);
    uint64_t bits = 0;
    for (int k = 0; k < r.n; k++) {
        uint32_t time = stream_flow(s, n->src[r.item[k].slot])->time;
        for (int d = 0; d < r.item[k].n; d++)
            for (int i = 0; time >> d & 1 && i < n->eq->nidx; i++)
                bits |= (uint64_t)ix_uses(r.item[k].sub[d], i) << i;
    }
    return bits;
}

static uint32_t eq_time(const Streamer *s, const Node *n) {
    uint64_t bits = stream_indices(s, n);
    uint32_t time = 0;
    for (int d = 0; d < n->eq->nout; d++)
        for (int i = 0; i < n->eq->nidx; i++)
            time |= (uint32_t)(bits >> i & 1 && ix_uses(n->eq->store[d], i)) << d;
    return time;
}

static uint32_t input_time(const Stream *spec, const char *name) {
    for (int i = 0; i < spec->ninput; i++)
        if (strcmp(spec->input[i], name) == 0)
            return 1u << spec->dim[i];
    return 0;
}

static uint32_t scan_time(const Streamer *s, const Node *n, int res) {
    uint32_t time = 0;
    for (int k = n->scan->ncarry; k < n->nsrc && res >= n->scan->ncarry; k++)
        time |= stream_flow(s, n->src[k])->time & 1;
    return time;
}

static uint32_t time_of(const Streamer *s, const Node *n, int res) {
    switch (n->kind) {
    case N_INPUT:   return input_time(s->spec, n->name);
    case N_EQ:      return eq_time(s, n);
    case N_SCAN:    return scan_time(s, n, res);
    case N_ARGSORT: return stream_flow(s, n->src[0])->time;
    case N_PARAM: case N_STATE: case N_VALUE: case N_CONST: return 0;
    }
    bug("node of kind %d", n->kind);
}

Streamer stream_new(Stream *spec, const Graph *old) {
    Streamer s = {.spec = spec, .old = old, .first = result_places(old->arena, old)};
    s.flow = NEW(old->arena, s.first[old->nnode] + 1, Flow);
    for (int i = 0; i < old->nnode; i++) {
        const Node *n = old->node[i];
        for (int res = 0; res < n->nres; res++) {
            Flow *f = stream_flow(&s, (Ref){old->node[i], res});
            *f = (Flow){.time = time_of(&s, n, res), .own = -1};
            for (int k = 0; k < n->nsrc && !f->time; k++) {
                const Flow *from = stream_flow(&s, n->src[k]);
                f->late |= from->time || from->late;
            }
        }
    }
    return s;
}
