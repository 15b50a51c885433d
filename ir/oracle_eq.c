/* The oracle's equations: every point in order, folded in the canonical order. */
#include "ir/tape.h"

#include <math.h>
#include <string.h>

/* --- points --- */

typedef struct {
    int n;                             /* indices */
    int64_t ext[64], at[64];
} Counter;

static int64_t counter_init(const Run *r, Counter *c, int n, const Dim *ext) {
    int64_t points = 1;
    if (n > (int)COUNT(c->ext))
        bug("node %u has %d indices", r->node, n);
    *c = (Counter){.n = n};
    for (int i = 0; i < n; i++) {
        c->ext[i] = dim_size(r, ext[i]);
        points *= c->ext[i];
    }
    return points;
}

static void advance(Counter *c, int64_t by) {
    c->at[c->n - 1] += by;
    for (int i = c->n - 1; i > 0 && c->at[i] == c->ext[i]; i--) {
        c->at[i] = 0;
        c->at[i - 1]++;
    }
}

/* The next `count` points into the tape's index registers. */
static void fill(Counter *c, Tape *t, int count) {
    int last = c->n - 1;
    for (int from = 0; from < count && c->n;) {
        int64_t left = c->ext[last] - c->at[last];
        int run = left < count - from ? (int)left : count - from;
        for (int i = 0; i < last; i++)
            for (int k = from; k < from + run; k++)
                tape_reg(t, i)->i[k] = c->at[i];
        for (int k = 0; k < run; k++)
            tape_reg(t, last)->i[from + k] = c->at[last] + k;
        advance(c, run);
        from += run;
    }
}

/* --- folds --- */

typedef struct {
    Fold fold;
    DType type;
    bool is_float, single;             /* single: rounded to f32 */
    Num identity;
} Folder;

static Folder folder(const Run *r, Pool *p, Fold f, DType t) {
    const Expr *id = fold_start(p, f, t);
    Folder o = {.fold = f, .type = t, .is_float = dtype_info[t].is_float};
    o.single = t == F32 && !r->wide;
    o.identity = o.is_float ? (Num){.f = id->u.num} : (Num){.i = id->u.i};
    return o;
}

static bool int_less(DType t, int64_t a, int64_t b) {
    return t == U64 ? (uint64_t)a < (uint64_t)b : a < b;
}

/* FN_max is select(or(lt(b, a), ne(a, a)), a, b); FN_min likewise. */
static bool keeps_first(const Folder *o, Num a, Num b) {
    if (!o->is_float)
        return o->fold == FOLD_MAX ? int_less(o->type, b.i, a.i) : int_less(o->type, a.i, b.i);
    return (o->fold == FOLD_MAX ? b.f < a.f : a.f < b.f) || isnan(a.f);
}

static Num fold2(const Folder *o, Num a, Num b) {
    const Num arg[2] = {a, b};
    switch (o->fold) {
    case FOLD_NONE: return b;
    case FOLD_MAX:
    case FOLD_MIN:  return keeps_first(o, a, b) ? a : b;
    case FOLD_SUM:
    case FOLD_PROD: {
        if (!o->is_float)
            return prim_eval(o->fold == FOLD_SUM ? FN_add : FN_mul, o->type, arg);
        double v = o->fold == FOLD_SUM ? a.f + b.f : a.f * b.f;
        return (Num){.f = o->single ? (double)(float)v : v};
    }
    }
    bug("fold %d", o->fold);
}

/* One result element under way. */
typedef struct {
    Folder f;
    Order order;
    int64_t size;                      /* terms in a chunk */
    int64_t per_part;                  /* chunks in a part; 0 = no parts */
    int64_t in_chunk, chunks, term;    /* so far: in this chunk, closed, in all */
    Num lane[LANES], part, total;      /* ORDER_SERIAL uses lane 0 */
    Num best;                          /* for the first winner */
    int64_t winner;
} Sum;

static void reset(Sum *s) {
    s->in_chunk = s->chunks = s->term = s->winner = 0;
    s->part = s->total = s->best = s->f.identity;
    for (int i = 0; i < LANES; i++)
        s->lane[i] = s->f.identity;
}

static void close_part(Sum *s) {
    s->total = fold2(&s->f, s->total, s->part);
    s->part = s->f.identity;
}

static void close_chunk(Sum *s) {
    for (int w = LANES / 2; w > 0 && s->order == ORDER_LANES; w /= 2)
        for (int i = 0; i < w; i++)
            s->lane[i] = fold2(&s->f, s->lane[i], s->lane[i + w]);
    s->part = fold2(&s->f, s->part, s->lane[0]);
    for (int i = 0; i < LANES; i++)
        s->lane[i] = s->f.identity;
    s->in_chunk = 0;
    s->chunks++;
    if (s->per_part && s->chunks % s->per_part == 0)
        close_part(s);
}

static Num finish(Sum *s) {
    if (s->in_chunk)
        close_chunk(s);
    if (!s->per_part)
        return s->part;
    close_part(s);
    return s->total;
}

static bool wins(const Folder *o, Num v, Num best) {
    if (!o->is_float)
        return o->fold == FOLD_MAX ? int_less(o->type, best.i, v.i)
                                   : int_less(o->type, v.i, best.i);
    if (isnan(v.f))
        return !isnan(best.f);
    return o->fold == FOLD_MAX ? v.f > best.f : v.f < best.f;
}

static Num number(const Folder *o, const Reg *r, int i) {
    return o->is_float ? (Num){.f = r->f[i]} : (Num){.i = r->i[i]};
}

static void watch(Sum *s, const Reg *v, int from, int n) {
    for (int i = 0; i < n; i++) {
        Num x = number(&s->f, v, from + i);
        if (wins(&s->f, x, s->best)) {
            s->best = x;
            s->winner = s->term + i;
        }
    }
}

/* Terms of one chunk. */
static void add_run(Sum *s, const Reg *v, int from, int n) {
    if (s->order == ORDER_SERIAL && s->f.fold == FOLD_SUM && s->f.is_float) {
        double sum = s->lane[0].f;
        for (int i = 0; i < n; i++)
            sum = s->f.single ? (double)(float)(sum + v->f[from + i]) : sum + v->f[from + i];
        s->lane[0].f = sum;
    } else {
        for (int i = 0; i < n; i++) {
            Num *lane = &s->lane[s->order == ORDER_LANES ? (s->in_chunk + i) % LANES : 0];
            *lane = fold2(&s->f, *lane, number(&s->f, v, from + i));
        }
    }
    s->in_chunk += n;
    s->term += n;
}

static int add_terms(Sum *s, const Reg *v, int from, int n, bool arg) {
    if (n > s->size - s->in_chunk)
        n = (int)(s->size - s->in_chunk);
    if (arg)
        watch(s, v, from, n);
    add_run(s, v, from, n);
    if (s->in_chunk == s->size)
        close_chunk(s);
    return n;
}

/* --- equations --- */

typedef struct {
    const Run *run;
    Arena *temp;
    const Eq *e;
    Pool *pool;
    const Value *src;
    Value *result;
    Folder f;
    bool *stored;                      /* by element; NULL for scatters */
} Work;

static bool store(Work *w, int64_t at, Num v, int64_t winner) {
    const DType t = w->result->type.dtype;
    if (at < 0)
        return true;
    if (w->stored && w->stored[at])
        return diag_error(w->run->loc, "node %u stores element %lld twice", w->run->node,
                          (long long)at);
    if (w->stored)
        w->stored[at] = true;
    else
        v = fold2(&w->f, value_get(w->run, t, w->result->data, at), v);
    value_put(w->run, t, w->result->data, at, v);
    if (w->e->arg)
        value_put(w->run, I32, w->result[1].data, at, (Num){.i = winner});
    return true;
}

/* A tape over the first nidx indices. */
static Tape *tape_over(Work *w, int nidx) {
    Box box = eq_box(w->e);
    return tape_new(w->run, w->temp, w->pool, &box, nidx, w->src);
}

/* Nothing is reduced: each point is an element. */
static bool run_map(Work *w) {
    Counter c;
    int64_t left = counter_init(w->run, &c, w->e->nidx, w->e->ext);
    Tape *t = tape_over(w, w->e->nidx);
    int value = tape_expr(t, w->e->body);
    int at = tape_place(t, w->e->nout, w->e->store, &w->result->type);
    while (left > 0) {
        int n = left < BLOCK ? (int)left : BLOCK;
        fill(&c, t, n);
        if (!tape_run(t, n))
            return false;
        for (int i = 0; i < n; i++)
            if (!store(w, tape_reg(t, at)->i[i], number(&w->f, tape_reg(t, value), i), 0))
                return false;
        left -= n;
    }
    return true;
}

/* Where the elements go, a block of free points at a time. */
typedef struct {
    Counter c;
    Tape *tape;
    int at, next, n;
    int64_t left;
} Places;

static bool next_place(Places *p, int64_t *at) {
    if (p->next == p->n) {
        p->n = p->left < BLOCK ? (int)p->left : BLOCK;
        p->next = 0;
        p->left -= p->n;
        fill(&p->c, p->tape, p->n);
        if (!tape_run(p->tape, p->n))
            return false;
    }
    *at = tape_reg(p->tape, p->at)->i[p->next++];
    return true;
}

static Sum new_sum(const Work *w) {
    const Eq *e = w->e;
    Sum s = {.f = w->f, .order = e->order, .size = e->chunk};
    if (e->chunk <= 0)
        bug("node %u reduces in chunks of %lld", w->run->node, (long long)e->chunk);
    if (e->parts > 1) {
        int64_t chunks = (eq_terms(e) + e->chunk - 1) / e->chunk;
        s.per_part = (chunks + e->parts - 1) / e->parts;
    }
    reset(&s);
    return s;
}

static bool run_reduction(Work *w) {
    const Eq *e = w->e;
    Counter c, reduced;
    Places places = {.tape = tape_over(w, e->nfree)};
    int64_t left = counter_init(w->run, &c, e->nidx, e->ext), at;
    int64_t terms = counter_init(w->run, &reduced, e->nidx - e->nfree, e->ext + e->nfree);
    if (left == 0)
        return true;
    places.left = counter_init(w->run, &places.c, e->nfree, e->ext);
    places.at = tape_place(places.tape, e->nout, e->store, &w->result->type);
    Tape *t = tape_over(w, e->nidx);
    int value = tape_expr(t, e->body);
    Sum s = new_sum(w);
    while (left > 0) {
        int n = left < BLOCK ? (int)left : BLOCK;
        fill(&c, t, n);
        if (!tape_run(t, n))
            return false;
        for (int i = 0; i < n;) {
            int most = terms - s.term < n - i ? (int)(terms - s.term) : n - i;
            i += add_terms(&s, tape_reg(t, value), i, most, e->arg);
            if (s.term < terms)
                continue;
            Num v = finish(&s);
            if (!next_place(&places, &at) || !store(w, at, v, s.winner))
                return false;
            reset(&s);
        }
        left -= n;
    }
    return true;
}

bool oracle_eq(const Run *r, Pool *p, const Eq *e, const Value *src, Value *result) {
    Work w = {.run = r, .temp = arena_new(), .e = e, .pool = p, .src = src, .result = result};
    int64_t count = value_count(r, &result->type);
    w.f = folder(r, p, e->fold, result->type.dtype);
    for (int64_t i = 0; i < count; i++)
        value_put(r, result->type.dtype, result->data, i, w.f.identity);
    if (!e->scatter)
        w.stored = NEW(w.temp, count ? count : 1, bool);
    bool ok = e->nfree == e->nidx ? run_map(&w) : run_reduction(&w);
    arena_free(w.temp);
    return ok;
}
