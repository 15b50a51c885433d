/* Streaming: the graph of a whole sequence becomes that of its next steps.
 * in: the forward graph   out: the same results for the steps of one call; what they need
 * of the past is state   keeps: the order of every sum, hence every bit
 *
 * Each tensor that runs with time is cut along one dim into steps. Elements that are read
 * later are kept in a ring of rows (all of them where any may be read: the keys and values
 * of attention); a scan over time goes on from its last carries. */
#include "passes/stream.h"

#include <string.h>

#include "ir/scan.h"

/* --- state --- */

static bool taken(const Stream *spec, const char *name) {
    for (int i = 0; i < spec->nslot; i++)
        if (!strcmp(spec->slot[i].name, name))
            return true;
    return false;
}

/* A new slot, named after the layer it serves. */
static Ref state(Streamer *s, const Node *n, const char *what, const Type *t) {
    const Origin *o = n->origin;
    const char *of = n->name ? n->name : o && o->name ? o->name : "model";
    const char *base = arena_printf(s->g->arena, "%s.%s", of, what), *name = base;
    for (int i = 2; taken(s->spec, name); i++)
        name = arena_printf(s->g->arena, "%s_%d", base, i);
    Slot slot = {.name = strs_z(s->g->strs, name), .type = *t};
    PUSH(s->g->arena, s->spec->slot, s->spec->nslot) = slot;
    return graph_leaf(s->g, N_STATE, slot.name, t);
}

/* rows[.., r, ..] of what is kept, with this call's elements put in their places: row r has
 * the one of step (r - first) mod rows of the call, if there is such a step. */
static void keep(Streamer *s, const Node *n, Flow *f) {
    Pool *p = s->g->pool;
    Type t = *ref_type(f->step);
    f->rows = f->all ? n->types[0].dim[f->own].n : f->past + s->spec->steps;
    t.dim[f->own].n = f->rows;
    if (f->all)
        s->spec->limit = s->spec->time;
    s->g->origin = n->origin;
    Ref old = state(s, n, "past", &t);
    Eq e = {.nout = t.rank, .parts = 1};
    Dim *ext = NEW(s->g->arena, t.rank, Dim);
    const Ix **store = NEW(s->g->arena, t.rank, const Ix *), *sub[MAX_RANK];
    for (int d = 0; d < t.rank; d++) {
        ext[d] = t.dim[d];
        sub[d] = store[d] = ix_var(p, d);
    }
    e.nidx = e.nfree = t.rank;
    e.ext = ext;
    e.store = store;
    const Ix *first = ix_addc(p, ix_read(p, 2, 0, NULL), f->shift);
    const Expr *was = x_read(p, t.dtype, 1, t.rank, sub);
    Cond here;
    if (s->spec->steps == 1) {
        here = cond_eq0(p, ix_sub(p, ix_var(p, f->own), ix_mod(p, first, f->rows)));
        sub[f->own] = ix_const(p, 0);
    } else {
        const Ix *step = ix_mod(p, ix_sub(p, ix_var(p, f->own), first), f->rows);
        here = cond_ge0(p, ix_addc(p, ix_scale(p, step, -1), s->spec->steps - 1));
        sub[f->own] = step;
    }
    e.body = x_when(p, here, x_read(p, t.dtype, 0, t.rank, sub), was);
    Ref src[] = {f->step, old, stream_position_ref(s)};
    f->kept = graph_eq(s->g, eq_normalise(p, &e, &t), &t, 3, src);
    graph_result(s->g, TO_STATE, old.node->name, f->kept);
}

/* --- scans --- */

static bool all_zero(const unsigned char *data, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (data[i])
            return false;
    return true;
}

static bool is_zero(const Node *n) {
    if (n->kind == N_CONST)
        return all_zero(n->data, type_bytes(n->types));
    return n->kind == N_EQ && n->eq->fold == FOLD_NONE && n->eq->body->kind == X_NUM &&
           x_is_num(n->eq->body, 0);
}

/* What a carry is before this call: its slot, or at the first step where it starts. */
static Ref carry(Streamer *s, const Node *n, Ref start, Ref slot) {
    if (is_zero(start.node))
        return slot;
    Ref src[] = {start, slot, stream_position_ref(s)};
    s->g->origin = n->origin;
    return graph_text(s->g, "O[..] = when(C[] == 0, A[..], B[..])", 3, src, 0, NULL, NDTYPE);
}

/* The rows of a table with one for each step that this call needs. */
static Ref table_rows(Streamer *s, Ref table) {
    Ref src[] = {table, stream_position_ref(s)};
    Attr a[] = {{.name = "steps", .kind = ATTR_INT, .i = s->spec->steps},
                {.name = "time", .kind = ATTR_INT, .i = s->spec->time}};
    s->spec->limit = s->spec->time;
    return graph_text(s->g, "O[t<steps,..] = A[(t+B[])%time,..]", 2, src, 2, a, NDTYPE);
}

static void stream_scan(Streamer *s, const Node *n) {
    Scan c = *n->scan;
    Ref *src = NEW(s->g->arena, n->nsrc, Ref), *slot = NEW(s->g->arena, c.ncarry + 1, Ref);
    bool timed = false;
    for (int k = 0; k < n->nsrc; k++) {
        src[k] = stream_flow(s, n->src[k])->step;
        timed |= stream_flow(s, n->src[k])->own >= 0;
    }
    for (int k = 0; k < c.ncarry && timed; k++) {
        slot[k] = state(s, n, "carry", ref_type(src[k]));
        src[k] = carry(s, n, src[k], slot[k]);
    }
    for (int k = c.ncarry; k < c.ncarry + c.nstack && timed; k++)
        if (stream_flow(s, n->src[k])->own < 0)
            src[k] = table_rows(s, src[k]);
    c.steps = timed ? s->spec->steps : c.steps;
    s->g->origin = n->origin;
    Node *made = graph_scan(s->g, &c, n->nsrc, src);
    for (int k = 0; k < c.ncarry && timed; k++)
        graph_result(s->g, TO_STATE, slot[k].node->name, (Ref){made, k});
    for (int res = 0; res < n->nres; res++)
        stream_flow(s, (Ref){(Node *)(uintptr_t)n, res})->step = (Ref){made, res};
}

/* --- the graph --- */

static Ref stream_leaf(Streamer *s, const Node *n, int own) {
    Type t = n->types[0];
    s->g->origin = n->origin;
    if (own < 0)
        return (Ref){graph_with(s->g, n, NULL), 0};
    t.dim[own].n = s->spec->steps;
    return graph_leaf(s->g, n->kind, n->name, &t);
}

static void stream_node(Streamer *s, Node *n) {
    Flow *f = stream_flow(s, (Ref){n, 0});
    switch (n->kind) {
    case N_INPUT: case N_PARAM: case N_STATE: case N_VALUE: case N_CONST:
        f->step = stream_leaf(s, n, f->own);
        break;
    case N_EQ:
        f->step = stream_eq(s, n);
        if (n->nres > 1)
            stream_flow(s, (Ref){n, 1})->step = (Ref){f->step.node, 1};
        break;
    case N_SCAN:
        stream_scan(s, n);
        break;
    case N_ARGSORT:
        s->g->origin = n->origin;
        f->step = graph_argsort(s->g, stream_flow(s, n->src[0])->step, n->descending);
        break;
    }
    for (int res = 0; res < n->nres; res++) {
        f = stream_flow(s, (Ref){n, res});
        if (f->own >= 0 && (f->past > 0 || f->all))
            keep(s, n, f);
    }
}

static void advance(Streamer *s) {
    Attr a = {.name = "steps", .kind = ATTR_INT, .i = s->spec->steps};
    Ref next = graph_text(s->g, "O[] = A[] + i64(steps)", 1, &s->position, 1, &a, NDTYPE);
    Slot slot = {.name = s->position.node->name, .type = {.dtype = I64}};
    if (s->spec->limit)
        slot.hi = s->spec->limit - s->spec->steps + 1;
    PUSH(s->g->arena, s->spec->slot, s->spec->nslot) = slot;
    graph_result(s->g, TO_STATE, slot.name, next);
}

/* Is anything but its next value made of the position? */
static bool counts(const Graph *g, const Node *position) {
    for (int i = 0; i < g->nnode; i++)
        for (int k = 0; k < g->node[i]->nsrc; k++)
            if (g->node[i]->src[k].node == position)
                return true;
    return false;
}

Graph *graph_stream(const Graph *whole, Stream *spec) {
    const Graph *old = stream_prepare(spec, whole);
    Streamer s = stream_new(spec, old);
    stream_analyse(&s);
    if (s.failed)
        return NULL;
    s.g = graph_new(old->arena, old->pool, old->strs, "stream", old->batch);
    s.g->strict = old->strict;
    for (int i = 0; i < old->nnode; i++) {
        bool any = false;
        for (int res = 0; res < old->node[i]->nres; res++)
            any |= stream_flow(&s, (Ref){old->node[i], res})->wanted;
        if (any)
            stream_node(&s, old->node[i]);
    }
    for (int i = 0; i < old->nresult; i++) {
        const Result *r = &old->result[i];
        graph_result(s.g, r->to, r->name, stream_flow(&s, r->ref)->step);
    }
    if (s.position.node && counts(s.g, s.position.node))
        advance(&s);
    return graph_live(s.g);
}
