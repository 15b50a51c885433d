/* Building scans: sources are wired as they are named. */
#include "ir/scan.h"

#include <stdlib.h>

char scan_leaf(const Node *input, int *number) {
    *number = atoi(input->name + 1);
    return input->name[0];
}

ScanDraft scan_draft(Graph *g, int64_t steps, bool reverse) {
    ScanDraft d = {.g = g, .steps = steps, .reverse = reverse};
    d.body = graph_new(g->arena, g->pool, g->strs, "body", g->batch);
    d.body->strict = g->strict;
    d.body->origin = g->origin;
    return d;
}

static Ref add_source(ScanDraft *d, int kind, Ref src, const Type *t) {
    char name[16];
    int n = d->n[kind];
    snprintf(name, sizeof name, "%c%d", "cxw"[kind], n);
    PUSH(d->g->arena, d->src[kind], d->n[kind]) = src;
    Ref in = graph_leaf(d->body, N_INPUT, name, t);
    PUSH(d->g->arena, d->in[kind], n) = in;
    return in;
}

static Ref find_source(ScanDraft *d, int kind, Ref src, const Type *t) {
    for (int i = 0; i < d->n[kind]; i++)
        if (ref_equal(d->src[kind][i], src))
            return d->in[kind][i];
    return add_source(d, kind, src, t);
}

Ref scan_carry(ScanDraft *d, Ref start) { return add_source(d, 0, start, ref_type(start)); }

Ref scan_stack(ScanDraft *d, Ref stacked) {
    Type t = type_slice(ref_type(stacked));
    return find_source(d, 1, stacked, &t);
}

Ref scan_whole(ScanDraft *d, Ref whole) { return find_source(d, 2, whole, ref_type(whole)); }

Node *scan_done(ScanDraft *d, const Ref *next, int nout, const Ref *out) {
    Scan s = {d->body, d->n[0], d->n[1], d->n[2], nout, d->steps, d->reverse};
    Ref *src = NEW(d->g->arena, d->n[0] + d->n[1] + d->n[2], Ref);
    char name[16];
    int nsrc = 0;
    for (int i = 0; i < d->n[0] + nout; i++) {
        bool carry = i < d->n[0];
        snprintf(name, sizeof name, "%c%d", carry ? 'c' : 'y', carry ? i : i - d->n[0]);
        graph_result(d->body, TO_OUTPUT, name, carry ? next[i] : out[i - d->n[0]]);
    }
    for (int kind = 0; kind < 3; kind++)
        for (int i = 0; i < d->n[kind]; i++)
            src[nsrc++] = d->src[kind][i];
    return graph_scan(d->g, &s, nsrc, src);
}

Ref graph_filled(Graph *g, const Type *t, double value) {
    Eq *e = NEW(g->arena, 1, Eq);
    Dim *ext = NEW(g->arena, t->rank, Dim);
    const Ix **store = NEW(g->arena, t->rank, const Ix *);
    *e = (Eq){.ext = ext, .nout = t->rank, .store = store, .parts = 1};
    for (int d = 0; d < t->rank; d++) {
        store[d] = ix_const(g->pool, 0);
        if (t->dim[d].n == 1 && !t->dim[d].batch)
            continue;                  /* 0 where the extent is 1 */
        store[d] = ix_var(g->pool, e->nidx);
        ext[e->nidx++] = t->dim[d];
    }
    e->nfree = e->nidx;
    e->body = x_num(g->pool, t->dtype, value);
    return graph_eq(g, e, t, 0, NULL);
}
