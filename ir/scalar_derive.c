/* Symbolic derivatives of expressions. */
#include "ir/scalar.h"

/* --- products that keep what is zero by choice: 0 * inf never arises --- */

/* a*b where b is chosen to be 0 on one side; NULL if it is not. */
static const Expr *outward(Pool *p, const Expr *a, const Expr *b) {
    if (b->kind == X_WHEN && x_is_num(b->arg[1], 0))
        return x_when(p, b->cond, x_times(p, a, b->arg[0]), b->arg[1]);
    if (b->kind != X_CALL || b->fn != FN_select)
        return NULL;
    if (x_is_num(b->arg[2], 0))
        return x_call3(p, FN_select, b->arg[0], x_times(p, a, b->arg[1]), b->arg[2]);
    if (x_is_num(b->arg[1], 0))
        return x_call3(p, FN_select, b->arg[0], b->arg[1], x_times(p, a, b->arg[2]));
    return NULL;
}

const Expr *x_times(Pool *p, const Expr *a, const Expr *b) {
    const Expr *r = outward(p, a, b);
    if (!r)
        r = outward(p, b, a);
    return r ? r : x_call2(p, FN_mul, a, b);
}

/* --- one node after another, arguments first --- */

typedef struct {
    const Expr *e, *d;
} Entry; /* e and its derivative */
typedef struct {
    Pool *pool;
    const Expr *read;
    Arena *temp;
    int n;
    const Expr **node; /* in order */
    uint32_t cap;      /* a power of two */
    Entry *entry;      /* by Expr's id, open addressing */
} Derive;

static void collect(const Expr *e, void *user) {
    Derive *s = user;
    PUSH(s->temp, s->node, s->n) = e;
}

static Entry *find(const Derive *s, const Expr *e) {
    uint32_t j = e->id * 0x9e3779b1u & (s->cap - 1);
    while (s->entry[j].e && s->entry[j].e != e)
        j = (j + 1) & (s->cap - 1);
    return &s->entry[j];
}

static const Expr *of(const Derive *s, const Expr *e) {
    return find(s, e)->d;
}

/* The derivatives of two alternatives, 0 where there is none; false if there is neither. */
static bool both(const Derive *s, const Expr *a, const Expr *b, const Expr *d[2]) {
    d[0] = of(s, a);
    d[1] = of(s, b);
    if (!d[0] && !d[1])
        return false;
    for (int i = 0; i < 2; i++)
        d[i] = d[i] ? d[i] : x_num(s->pool, a->type, 0);
    return true;
}

static const Expr *derive_call(const Derive *s, const Expr *e) {
    Pool *p = s->pool;
    const Expr *sum = NULL, *d[2];
    if (e->fn == FN_select)
        return both(s, e->arg[1], e->arg[2], d)
                   ? x_call3(p, FN_select, e->arg[0], d[0], d[1])
                   : NULL;
    if (e->fn == FN_f32 || e->fn == FN_f64) {
        d[0] = of(s, e->arg[0]);
        return d[0] ? x_call1(p, e->fn, d[0]) : NULL;
    }
    for (int i = 0; i < e->n; i++) {
        const Expr *inner = of(s, e->arg[i]),
                   *outer = inner ? fn_derivative(p, e, i) : NULL;
        if (!outer)
            continue;
        const Expr *term = x_times(p, outer, inner);
        sum = sum ? x_call2(p, FN_add, sum, term) : term;
    }
    return sum;
}

static const Expr *derive(const Derive *s, const Expr *e) {
    const Expr *d[2];
    if (e == s->read)
        return x_num(s->pool, e->type, 1);
    switch (e->kind) {
    case X_NUM:
    case X_IX:
    case X_READ:
    case X_VAR: return NULL;
    case X_CALL: return derive_call(s, e);
    case X_WHEN:
        return both(s, e->arg[0], e->arg[1], d) ? x_when(s->pool, e->cond, d[0], d[1])
                                                : NULL;
    case X_SPLAT:
    case X_TREE: break;
    }
    bug("derivative of an expression of kind %d", e->kind);
}

const Expr *x_derive(Pool *p, const Expr *e, const Expr *read) {
    Derive s = {.pool = p, .read = read, .temp = arena_new(), .cap = 4};
    x_visit(e, collect, &s);
    while (s.cap < 2 * (uint32_t)s.n)
        s.cap *= 2;
    s.entry = NEW(s.temp, s.cap, Entry);
    for (int i = 0; i < s.n; i++)
        *find(&s, s.node[i]) = (Entry){s.node[i], derive(&s, s.node[i])};
    const Expr *d = of(&s, e);
    arena_free(s.temp);
    return d;
}
