/* Facts about equations: folds, the order of a reduction, comparison. */
#include "ir/eq.h"

#include <math.h>

double fold_identity(Fold f, DType t) {
    static const double lowest[] = {
        [I32] = -0x1p31, [I64] = -0x1p63, [U32] = 0, [U64] = 0, [U8] = 0, [BOOL] = 0};
    static const double highest[] = {
        [I32] = 0x1p31 - 1, [I64] = 0x1p63, [U32] = 0x1p32 - 1,
        [U64] = 0x1p64,     [U8] = 255,     [BOOL] = 1};
    switch (f) {
    case FOLD_NONE:
    case FOLD_SUM: return 0;
    case FOLD_MAX: return dtype_info[t].is_float ? (double)-INFINITY : lowest[t];
    case FOLD_MIN: return dtype_info[t].is_float ? (double)INFINITY : highest[t];
    case FOLD_PROD: return 1;
    }
    bug("fold %d", f);
}

const Expr *fold_start(Pool *p, Fold f, DType t) {
    if (t == I64 && f == FOLD_MIN)
        return x_int(p, t, INT64_MAX);
    if (t == U64 && f == FOLD_MIN)
        return x_int(p, t, -1);
    if (t == I64 && f == FOLD_MAX)
        return x_int(p, t, INT64_MIN);
    return x_num(p, t, fold_identity(f, t));
}

Fn fold_fn(Fold f) {
    switch (f) {
    case FOLD_NONE: break;
    case FOLD_SUM: return FN_add;
    case FOLD_MAX: return FN_max;
    case FOLD_MIN: return FN_min;
    case FOLD_PROD: return FN_mul;
    }
    bug("function of fold %d", f);
}

Box eq_box(const Eq *e) {
    Box box = {e->nidx, e->ext, INT64_C(1) << 31};
    for (int i = 0; i < e->nidx; i++)
        if (e->ext[i].batch)
            box.batch = e->ext[i].n;
    return box;
}

int64_t eq_terms(const Eq *e) {
    int64_t n = 1;
    for (int i = e->nfree; i < e->nidx; i++)
        if (!size_mul(n, e->ext[i].n, &n))
            bug("equation with too many terms");
    return n;
}

/* --- the order of a reduction --- */

/* The reads that are multiplied with each other, under guards, signs and conversions. */
typedef struct {
    int n;
    const Expr *read[16];
} Factors;

static void factors(const Expr *e, Factors *f) {
    if (e->kind == X_READ && f->n < (int)COUNT(f->read))
        f->read[f->n++] = e;
    if (e->kind == X_WHEN && e->arg[1]->kind == X_NUM)
        factors(e->arg[0], f);
    if (e->kind != X_CALL)
        return;
    bool through =
        e->fn == FN_mul || e->fn == FN_neg || (e->n == 1 && fn_info[e->fn].prim);
    for (int i = 0; through && i < e->n; i++)
        factors(e->arg[i], f);
}

static bool reuses(const Eq *e, const Expr *a, const Expr *b) {
    for (int i = 0; i < e->nfree; i++)
        if (x_uses_var(a, i) != x_uses_var(b, i))
            return true;
    return false;
}

static bool contraction(const Eq *e) {
    Factors f = {0};
    factors(e->body, &f);
    for (int i = 0; i < f.n; i++)
        for (int j = 0; j < i; j++)
            if (reuses(e, f.read[i], f.read[j]))
                return true;
    return false;
}

typedef struct {
    int var;
    bool found;
} Unit;

static void unit_read(const Expr *e, void *user) {
    Unit *u = user;
    if (e->kind != X_READ || e->n == 0)
        return;
    const Ix *last = e->sub[e->n - 1];
    u->found |= last->n == 1 && ix_coef(last, u->var) == 1;
}

static bool along_row(const Eq *e) {
    Unit u = {e->nidx - 1, false};
    if (e->nidx == e->nfree || contraction(e))
        return false;
    x_visit(e->body, unit_read, &u);
    return u.found;
}

bool eq_row_sum(const Eq *e) { return e->fold == FOLD_SUM && along_row(e); }

/* A run of the next index outward, where `inner` terms are whole (see eq.h). */
static int64_t run_of(int64_t ext, int64_t inner, int64_t limit) {
    int64_t below = 1, above = ext;
    for (int64_t i = 1; i * i <= ext; i++) {
        if (ext % i)
            continue;
        const int64_t divisor[] = {i, ext / i};
        for (int k = 0; k < 2; k++) {
            int64_t d = divisor[k];
            below = d * inner <= limit && d > below ? d : below;
            above = d * inner >= limit / 4 && d < above ? d : above;
        }
    }
    return below * inner >= limit / 4 ? below : above;
}

static int64_t chunk_terms(const Eq *e, int64_t limit) {
    int64_t inner = 1;
    for (int i = e->nidx; i-- > e->nfree; inner *= e->ext[i].n) {
        if (inner * e->ext[i].n <= limit)
            continue;
        return i == e->nfree ? limit / inner * inner
                             : inner * run_of(e->ext[i].n, inner, limit);
    }
    return inner;
}

void eq_set_order(Eq *e) {
    e->order = ORDER_SERIAL;
    e->chunk = 0;
    e->parts = 1;
    if (e->nidx == e->nfree)
        return;
    if (e->fold == FOLD_MAX || e->fold == FOLD_MIN) {
        e->chunk = eq_terms(e);
        if (!e->arg && e->chunk >= LANES && along_row(e))
            e->order = ORDER_LANES;
        return;
    }
    e->order = eq_row_sum(e) && eq_terms(e) >= LANES ? ORDER_LANES : ORDER_SERIAL;
    e->chunk = chunk_terms(e, e->order == ORDER_LANES ? LANES_CHUNK : SERIAL_CHUNK);
    e->parts = eq_terms(e) > PART_TERMS ? PARTS : 1;
}

/* --- comparison --- */

bool eq_equal(const Eq *a, const Eq *b) {
    if (a->nidx != b->nidx || a->nfree != b->nfree || a->nout != b->nout ||
        a->fold != b->fold || a->scatter != b->scatter || a->arg != b->arg || a->even != b->even ||
        a->order != b->order || a->chunk != b->chunk || a->parts != b->parts ||
        a->body != b->body)
        return false;
    for (int i = 0; i < a->nidx; i++)
        if (a->ext[i].n != b->ext[i].n || a->ext[i].batch != b->ext[i].batch)
            return false;
    for (int i = 0; i < a->nout; i++)
        if (a->store[i] != b->store[i])
            return false;
    return true;
}
