/* What streaming needs to know: which tensors are wanted, cut along which dim, how much of
 * them is kept; and what cannot be streamed. */
#include "passes/stream.h"

#include "ir/scan.h"

void stream_fault(Streamer *s, const Node *n, const char *fmt, ...) {
    const Origin *o = n->origin;
    bool placed = o && o->loc.src;
    va_list ap;
    Text t = {0};
    va_start(ap, fmt);
    text_vprintf(&t, fmt, ap);
    va_end(ap);
    if (!s->failed)                    /* what follows may come from it */
        diag_error(placed ? o->loc : s->spec->loc, "deploy.stream: %s%s%s%s%s",
                   o && o->what ? o->what : "", o && o->name ? " '" : "",
                   o && o->name ? o->name : "",
                   o && o->name ? "' " : o && o->what ? " " : "the model ", t.s);
    s->failed = true;
    text_free(&t);
}

int stream_index(const Node *n, int d) {
    int i;
    return ix_is_var(n->eq->store[d], &i) && i < n->eq->nfree ? i : -1;
}

bool stream_apart(Pool *p, const Eq *e, const Ix *sub, int index, int64_t *lo, int64_t *hi) {
    Box box = eq_box(e);
    const Ix *rest = ix_sub(p, sub, ix_var(p, index));
    return ix_coef(sub, index) == 1 && !ix_uses(rest, index) && ix_range(rest, &box, lo, hi);
}

static int lowest(uint32_t bits) {
    int d = 0;
    while (!(bits >> d & 1))
        d++;
    return d;
}

/* --- from the results back: what is wanted, along which dim --- */

static void want(Streamer *s, const Node *n, Ref r, int own) {
    Flow *f = stream_flow(s, r);
    if (f->wanted && f->own >= 0 && own >= 0 && f->own != own)
        stream_fault(s, n, "reads '%s' along two dims of time",
                     r.node->origin && r.node->origin->name ? r.node->origin->name : "a tensor");
    f->wanted = true;
    f->own = own >= 0 ? own : f->own;
}

/* The dim of r that goes with the reader's own time. */
static int own_dim(const Flow *f, const EqRead *r, int index) {
    for (int d = 0; d < r->n && index >= 0; d++)
        if (f->time >> d & 1 && ix_uses(r->sub[d], index))
            return d;
    return f->time ? lowest(f->time) : -1;
}

static void want_of_eq(Streamer *s, const Node *n) {
    int own = stream_flow(s, (Ref){(Node *)(uintptr_t)n, 0})->own;
    int index = own >= 0 ? stream_index(n, own) : -1;
    EqReads r = stream_reads(s->old->arena, n->eq);
    if (own >= 0 && (index < 0 || n->eq->scatter)) {
        stream_fault(s, n, "mixes the steps of the sequence with something else");
        return;
    }
    for (int k = 0; k < r.n; k++) {
        Ref from = n->src[r.item[k].slot];
        want(s, n, from, own_dim(stream_flow(s, from), &r.item[k], index));
    }
}

static void want_of_scan(Streamer *s, const Node *n) {
    const Scan *c = n->scan;
    for (int k = 0; k < n->nsrc; k++) {
        const Flow *f = stream_flow(s, n->src[k]);
        bool stack = k >= c->ncarry && k < c->ncarry + c->nstack;
        if (f->time & ~(uint32_t)stack)
            stream_fault(s, n, "needs the whole sequence at each step");
        want(s, n, n->src[k], stack && f->time ? 0 : -1);
    }
    for (int res = 0; res < n->nres; res++) {
        Flow *f = stream_flow(s, (Ref){(Node *)(uintptr_t)n, res});
        f->wanted = true;
        f->own = f->time ? 0 : -1;
    }
}

static void wanted(Streamer *s) {
    for (int i = 0; i < s->old->nresult; i++) {
        Ref r = s->old->result[i].ref;
        const Flow *f = stream_flow(s, r);
        want(s, r.node, r, f->time ? lowest(f->time) : -1);
    }
    for (int i = s->old->nnode; i-- > 0 && !s->failed;) {
        const Node *n = s->old->node[i];
        bool any = false;
        for (int res = 0; res < n->nres; res++)
            any |= stream_flow(s, (Ref){s->old->node[i], res})->wanted;
        if (any && n->kind == N_EQ)
            want_of_eq(s, n);
        else if (any && n->kind == N_SCAN)
            want_of_scan(s, n);
        else if (any && n->kind == N_ARGSORT)
            want(s, n, n->src[0], stream_flow(s, (Ref){s->old->node[i], 0})->own);
    }
}

/* --- forward: shifts, and what is kept --- */

static void check_steps(Streamer *s, const Node *n, const Flow *f) {
    int64_t extent = n->types[0].dim[f->own].n, late = extent - s->spec->time - f->shift;
    if (late > 0)
        stream_fault(s, n, "needs %lld step%s of the future; make its padding 'causal'",
                     (long long)late, late == 1 ? "" : "s");
    else if (late < 0)
        stream_fault(s, n, "gives %lld steps for %lld; a stream needs one for each",
                     (long long)extent, (long long)s->spec->time);
}

typedef struct { const Node *n; int index; int64_t lo, hi; bool own; } Timed;

/* One read, along the dim that its source is cut. */
static bool timed(Streamer *s, const EqRead *r, Timed *t) {
    Ref from = t->n->src[r->slot];
    const Flow *f = stream_flow(s, from);
    const Ix *sub = r->sub[f->own];
    t->own = t->index >= 0 && ix_uses(sub, t->index);
    if (t->own && !stream_apart(s->old->pool, t->n->eq, sub, t->index, &t->lo, &t->hi)) {
        stream_fault(s, t->n, "does not take the steps one by one and in order");
        return false;
    }
    return true;
}

static int64_t shift_of(Streamer *s, const Node *n, const EqReads *r, int index) {
    int64_t own = INT64_MAX, any = INT64_MAX;
    for (int k = 0; k < r->n; k++) {
        const Flow *f = stream_flow(s, n->src[r->item[k].slot]);
        Timed t = {n, index, 0, 0, false};
        if (f->own < 0 || !timed(s, &r->item[k], &t))
            continue;
        if (t.own && f->shift - t.hi < own)
            own = f->shift - t.hi;
        any = f->shift < any ? f->shift : any;
    }
    return own < INT64_MAX ? own : any;
}

static void keep(Streamer *s, const Node *n, const EqReads *r, int index, int64_t shift) {
    for (int k = 0; k < r->n; k++) {
        Flow *f = stream_flow(s, n->src[r->item[k].slot]);
        Timed t = {n, index, 0, 0, false};
        if (f->own < 0 || !timed(s, &r->item[k], &t))
            continue;
        int64_t past = f->shift - shift - t.lo;
        if (!t.own)
            f->all = true;
        else if (past > f->past)
            f->past = past;
        if (f->shift > 0 && (!t.own || past > 0))
            stream_fault(s, n, "reads what stands before the sequence's first step");
    }
}

/* An equation without time of its own may read the last step. */
static void last_step(Streamer *s, const Node *n, const EqReads *r) {
    int64_t at;
    for (int k = 0; k < r->n; k++) {
        Ref from = n->src[r->item[k].slot];
        const Flow *f = stream_flow(s, from);
        if (f->own < 0)
            continue;
        if (!ix_is_const(r->item[k].sub[f->own], &at) || f->time != 1u << f->own ||
            at != from.node->types[from.res].dim[f->own].n - 1)
            stream_fault(s, n, "needs the whole sequence at once; a stream has only the steps "
                               "so far");
    }
}

static void flow_eq(Streamer *s, const Node *n) {
    Flow *f = stream_flow(s, (Ref){(Node *)(uintptr_t)n, 0});
    EqReads r = stream_reads(s->old->arena, n->eq);
    int index = f->own >= 0 ? stream_index(n, f->own) : -1;
    if (f->own < 0) {
        last_step(s, n, &r);
        return;
    }
    for (int k = 0; k < r.n; k++)
        if (stream_flow(s, n->src[r.item[k].slot])->late)
            stream_fault(s, n, "needs the end of the sequence at each step");
    f->shift = shift_of(s, n, &r, index);
    if (s->failed)
        return;
    check_steps(s, n, f);
    keep(s, n, &r, index, f->shift);
    if (!s->failed)
        stream_future(s, n);
    if (n->nres > 1) {
        Flow *arg = stream_flow(s, (Ref){(Node *)(uintptr_t)n, 1});
        arg->own = f->own;
        arg->shift = f->shift;
    }
}

static void flow_scan(Streamer *s, const Node *n) {
    const Scan *c = n->scan;
    bool timed = false;
    for (int k = 0; k < n->nsrc; k++) {
        const Flow *f = stream_flow(s, n->src[k]);
        timed |= f->own >= 0;
        if (f->own >= 0 && f->shift)
            stream_fault(s, n, "does not begin with the sequence's first step");
    }
    for (int k = 0; k < n->nsrc && timed; k++)
        if (stream_flow(s, n->src[k])->late)
            stream_fault(s, n, "needs the end of the sequence at each step");
    if (timed && c->reverse)
        stream_fault(s, n, "starts at the sequence's end (bidirectional?); a stream has none");
    else if (timed && c->steps != s->spec->time)
        stream_fault(s, n, "takes %lld steps of %lld", (long long)c->steps,
                     (long long)s->spec->time);
}

static void flow_argsort(Streamer *s, const Node *n) {
    Flow *f = stream_flow(s, (Ref){(Node *)(uintptr_t)n, 0});
    const Flow *from = stream_flow(s, n->src[0]);
    if (from->own == n->types[0].rank - 1)
        stream_fault(s, n, "sorts the steps of the sequence");
    f->shift = from->shift;
}

static void results(Streamer *s) {
    for (int i = 0; i < s->old->nresult && !s->failed; i++) {
        Ref r = s->old->result[i].ref;
        const Flow *f = stream_flow(s, r);
        if (f->own >= 0 && f->shift)
            stream_fault(s, r.node, "gives an output %lld step%s off the input",
                         (long long)(f->shift < 0 ? -f->shift : f->shift),
                         f->shift == 1 || f->shift == -1 ? "" : "s");
    }
}

void stream_analyse(Streamer *s) {
    wanted(s);
    for (int i = 0; i < s->old->nnode && !s->failed; i++) {
        const Node *n = s->old->node[i];
        bool any = false;
        for (int res = 0; res < n->nres; res++)
            any |= stream_flow(s, (Ref){s->old->node[i], res})->wanted;
        if (any && n->kind == N_EQ)
            flow_eq(s, n);
        else if (any && n->kind == N_SCAN)
            flow_scan(s, n);
        else if (any && n->kind == N_ARGSORT)
            flow_argsort(s, n);
    }
    if (!s->failed)
        results(s);
}
