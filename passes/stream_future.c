/* Reads of what is yet to come, as in causal attention, where all scores of a step are one
 * row: what the equation makes of them must be nothing. Proved by evaluating its body for
 * any element that is not there yet, as far as guards and constants decide it. An element
 * of which nothing is known counts as a finite number. */
#include "passes/stream.h"

#include <math.h>

typedef struct { bool known; double v; } Fact;

typedef struct {
    Streamer *s;
    const Node *n;
    int own, index;                    /* the own time; the index that looks ahead */
    int64_t beyond;                    /* index - own >= beyond: not there yet */
    bool odd;                          /* a read that is not understood */
} Ahead;

static const Fact unknown = {false, 0};
static Fact fact(double v) { return (Fact){true, v}; }

/* --- which elements are not there yet --- */

/* Does dim d of the read run with other times than the reader's? */
static bool looks(const Ahead *a, const EqRead *r, int d) {
    const Flow *f = stream_flow(a->s, a->n->src[r->slot]);
    return f->time >> d & 1 && !(d == f->own && ix_uses(r->sub[d], a->own));
}

/* The first index - own of elements that the read may not find; false: not that index. */
static bool first_missing(Ahead *a, const EqRead *r, int d, int64_t *first) {
    Pool *p = a->s->old->pool;
    const Flow *f = stream_flow(a->s, a->n->src[r->slot]);
    const Flow *me = stream_flow(a->s, (Ref){(Node *)(uintptr_t)a->n, 0});
    int64_t lo, hi, at, from, to;
    if (ix_is_const(r->sub[d], &at)) {
        a->odd |= d != f->own || at > f->shift;
        return false;
    }
    if (!ix_uses(r->sub[d], a->index))
        return false;
    if (!stream_apart(p, a->n->eq, r->sub[d], a->index, &lo, &hi) || lo != hi) {
        a->odd = true;
        return false;
    }
    if (d == f->own) {
        *first = 1 + f->shift - me->shift - lo;
        return true;
    }
    bool same = stream_apart(p, a->n->eq, r->sub[f->own], a->own, &from, &to) && from == to;
    a->odd |= !same;
    *first = same ? f->beyond + from - lo : 0;
    return same;
}

/* --- what the body is there --- */

static Fact eval(const Ahead *a, const Expr *e);

static int decide(const Ahead *a, Cond c) {
    Pool *p = a->s->old->pool;
    const Eq *e = a->n->eq;
    int64_t lo, hi;
    bool all = true;
    Dim *ext = NEW(a->s->old->arena, e->nidx + 1, Dim);
    const Ix **map = NEW(a->s->old->arena, e->nidx + 1, const Ix *);
    for (int i = 0; i < e->nidx; i++)
        ext[i] = e->ext[i];
    ext[e->nidx] = (Dim){INT64_C(1) << 31, false};
    map[a->index] = ix_addc(p, ix_add(p, ix_var(p, a->own), ix_var(p, e->nidx)), a->beyond);
    Box box = eq_box(e);
    box.n = e->nidx + 1;
    box.ext = ext;
    for (int i = 0; i < c.n; i++) {
        bool bounded = ix_range(ix_subst(p, c.cmp[i].e, e->nidx, map, NULL), &box, &lo, &hi);
        if (bounded && (hi < 0 || (c.cmp[i].eq && lo > 0)))
            return 0;
        all &= bounded && lo >= 0 && (!c.cmp[i].eq || hi == 0);
    }
    return all ? 1 : -1;
}

static Fact either(Fact a, Fact b) { return a.known && b.known && a.v == b.v ? a : unknown; }

static Fact eval_read(const Ahead *a, const Expr *e) {
    const Flow *f = stream_flow(a->s, a->n->src[e->u.slot]);
    EqRead r = {e->u.slot, e->n, e->sub};
    Ahead quiet = *a;
    int64_t first;
    for (int d = 0; d < e->n; d++)
        if (looks(a, &r, d) && d != f->own && f->filled &&
            first_missing(&quiet, &r, d, &first) && first <= a->beyond)
            return fact(f->filler);
    return unknown;
}

/* One argument is a number; the other may be any finite one. */
static Fact half_known(Fn fn, Fact x, Fact y) {
    double v = x.known ? x.v : y.v;
    if (x.known == y.known)
        return unknown;
    if (fn == FN_mul || fn == FN_and || (fn == FN_div && x.known))
        return v == 0 ? fact(0) : unknown;
    if (fn == FN_div)
        return isinf(v) ? fact(0) : unknown;
    if (fn == FN_add || fn == FN_sub)
        return isinf(v) ? fact(fn == FN_sub && y.known ? -v : v) : unknown;
    if (fn == FN_max || fn == FN_min)
        return isinf(v) && (v > 0) == (fn == FN_max) ? fact(v) : unknown;
    return unknown;
}

static Fact eval_number(const Expr *e, const Fact *x) {
    DType t = e->arg[e->n - 1]->type;
    Num in[MAX_ARGS];
    double wide[MAX_ARGS];
    for (int i = 0; i < e->n; i++) {
        DType ti = e->arg[i]->type;
        wide[i] = x[i].v;
        in[i] = dtype_info[ti].is_float ? (Num){.f = x[i].v} : (Num){.i = (int64_t)x[i].v};
    }
    if (!fn_info[e->fn].prim) {
        Num r = fun_eval_wide(e->fn, wide);
        return fact(fn_info[e->fn].rule == T_BOOL ? (double)r.i : r.f);
    }
    Num r = prim_eval(e->fn, t, in);
    return fact(dtype_info[e->type].is_float ? r.f : (double)r.i);
}

/* A comparison of two integers of indices. */
static Fact compare(const Ahead *a, const Expr *e) {
    Pool *p = a->s->old->pool;
    const Expr *x = e->arg[0], *y = e->arg[1];
    if (x->kind != X_IX || y->kind != X_IX)
        return unknown;
    const Ix *less = ix_sub(p, y->u.ix, x->u.ix);        /* x <= y: >= 0 */
    bool swap = e->fn == FN_ge || e->fn == FN_gt;
    less = swap ? ix_scale(p, less, -1) : less;
    int yes = e->fn == FN_eq                        ? decide(a, cond_eq0(p, less))
              : e->fn == FN_le || e->fn == FN_ge ? decide(a, cond_ge0(p, less))
              : e->fn == FN_lt || e->fn == FN_gt ? decide(a, cond_ge0(p, ix_addc(p, less, -1)))
                                                    : -1;
    return yes < 0 ? unknown : fact(yes);
}

static Fact eval_call(const Ahead *a, const Expr *e) {
    Fact x[MAX_ARGS];
    bool all = true;
    for (int i = 0; i < e->n; i++) {
        x[i] = eval(a, e->arg[i]);
        all &= x[i].known;
    }
    if (all)
        return eval_number(e, x);
    if (e->fn == FN_select)
        return x[0].known ? x[x[0].v != 0 ? 1 : 2] : either(x[1], x[2]);
    Fact half = e->n == 2 ? half_known(e->fn, x[0], x[1]) : unknown;
    return half.known || e->n != 2 ? half : compare(a, e);
}

static Fact eval(const Ahead *a, const Expr *e) {
    int yes;
    switch (e->kind) {
    case X_NUM:
        return fact(dtype_info[e->type].is_float ? e->u.num : (double)e->u.i);
    case X_IX:   return unknown;
    case X_READ: return eval_read(a, e);
    case X_CALL: return eval_call(a, e);
    case X_WHEN:
        yes = decide(a, e->cond);
        return yes < 0 ? either(eval(a, e->arg[0]), eval(a, e->arg[1]))
                       : eval(a, e->arg[!yes]);
    case X_VAR: case X_SPLAT: case X_TREE:
        break;
    }
    bug("expression of kind %d in an equation", e->kind);
}

/* --- the equation --- */

static bool ahead(Ahead *a, const EqReads *r) {
    bool any = false;
    int64_t first;
    for (int k = 0; k < r->n; k++)
        for (int d = 0; d < r->item[k].n; d++)
            if (looks(a, &r->item[k], d) && first_missing(a, &r->item[k], d, &first)) {
                a->beyond = any && a->beyond < first ? a->beyond : first;
                any = true;
            }
    return any;
}

static void leave(Ahead *a, Fact f) {
    for (int d = 0; d < a->n->eq->nout; d++) {
        Flow *me = stream_flow(a->s, (Ref){(Node *)(uintptr_t)a->n, 0});
        if (d == me->own || stream_index(a->n, d) != a->index)
            continue;
        me->beyond = a->beyond;
        me->filled = f.known;
        me->filler = f.v;
    }
}

void stream_future(Streamer *s, const Node *n) {
    const Eq *e = n->eq;
    const Flow *me = stream_flow(s, (Ref){(Node *)(uintptr_t)n, 0});
    EqReads r = stream_reads(s->old->arena, e);
    Ahead a = {.s = s, .n = n, .own = stream_index(n, me->own)};
    int looking = 0;
    for (a.index = 0; a.index < e->nidx && !a.odd; a.index++) {
        if (a.index == a.own || !ahead(&a, &r))
            continue;
        Fact f = eval(&a, e->body);
        bool nothing = f.known && f.v == fold_identity(e->fold, e->body->type);
        looking += a.index < e->nfree;
        if (a.index < e->nfree)
            leave(&a, f);
        else if (!nothing)
            stream_fault(s, n, "needs steps of the future: its sum or maximum over all steps "
                               "is not masked (causal: true?)");
    }
    if (a.odd || looking > 1)
        stream_fault(s, n, "reads steps of the sequence in a way that is not understood");
}
