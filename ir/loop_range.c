/* Proves e >= 0 inside a loop nest: multiples of guards are taken off, then variables are
 * replaced from the innermost outwards by the bound that makes e smallest. */
#include "ir/loop_range.h"

#include <string.h>

ScopeMark scope_mark(const Scope *s) { return (ScopeMark){s->nrange, s->nguard}; }

void scope_leave(Scope *s, ScopeMark m) {
    s->nrange = m.nrange;
    s->nguard = m.nguard;
}

static const Range *find(const Scope *s, int var) {
    for (int i = s->nrange; i-- > 0;)
        if (s->range[i].var == var)
            return &s->range[i];
    return NULL;
}

static int64_t floor_div(int64_t a, int64_t k) {
    return a / k - (a % k != 0 && a < 0);
}

static void *room(Scope *s, void *p, int *cap, size_t size) {
    int old = *cap;
    *cap = old ? 2 * old : 16;
    return arena_grow(s->arena, p, (size_t)old * size, (size_t)*cap * size);
}

/* lo..last of a loop: the last turn starts at hi - step or before. */
void scope_loop(Scope *s, int var, const Ix *lo, const Ix *hi, int64_t step) {
    Range r = {.var = var, .lo = lo, .last = ix_addc(s->pool, hi, -step)};
    int64_t a, b, ignore;
    if (ix_is_const(lo, &a) && ix_is_const(r.last, &b) && b >= a)
        r.last = ix_const(s->pool, a + (b - a) / step * step);
    r.known = scope_range(s, r.lo, &r.min, &ignore) && scope_range(s, r.last, &ignore, &r.max);
    if (s->nrange == s->range_cap)
        s->range = room(s, s->range, &s->range_cap, sizeof r);
    s->range[s->nrange++] = r;
}

/* e with the term coef*(old) replaced by coef*(by). */
static const Ix *replace(Pool *p, const Ix *e, int64_t coef, const Ix *old, const Ix *by) {
    return ix_add(p, ix_sub(p, e, ix_scale(p, old, coef)), ix_scale(p, by, coef));
}

/* A loop of one turn is its only value: guards on what it is made of then apply. */
static const Ix *without_single_turns(const Scope *s, const Ix *e) {
    for (int i = s->nrange; i-- > 0;) {
        const Range *r = &s->range[i];
        int64_t c = r->lo == r->last ? ix_coef(e, r->var) : 0;
        if (c)
            e = replace(s->pool, e, c, ix_var(s->pool, r->var), r->lo);
    }
    return e;
}

void scope_guard(Scope *s, Cond c) {
    for (int i = 0; i < c.n; i++) {
        if (s->nguard == s->guard_cap)
            s->guard = room(s, s->guard, &s->guard_cap, sizeof *c.cmp);
        s->guard[s->nguard++] = (Cmp){without_single_turns(s, c.cmp[i].e), c.cmp[i].eq};
    }
}

void scope_unless(Scope *s, Cond c) {
    if (c.n != 1 || c.cmp[0].eq)
        return;                        /* a disjunction says nothing simple */
    const Ix *e = ix_addc(s->pool, ix_scale(s->pool, c.cmp[0].e, -1), -1);
    scope_guard(s, cond_ge0(s->pool, e));
}

/* --- numeric bounds --- */

static bool atom_range(const Scope *s, const IxAtom *t, int64_t *lo, int64_t *hi) {
    int64_t l, h, l2, h2;
    switch (t->kind) {
    case IX_VAR: {
        const Range *r = find(s, t->id);
        if (!r || !r->known)
            return false;
        *lo = r->min;
        *hi = r->max > r->min ? r->max : r->min;
        return true;
    }
    case IX_BATCH:
        *lo = 1;
        *hi = s->batch;
        return true;
    case IX_DIV:
        if (!scope_range(s, t->a[0], &l, &h))
            return false;
        *lo = floor_div(l, t->k);
        *hi = floor_div(h, t->k);
        return true;
    case IX_MOD:
        *lo = 0;
        *hi = t->k - 1;
        if (scope_range(s, t->a[0], &l, &h) && l >= 0 && h < t->k) {
            *lo = l;
            *hi = h;
        }
        return true;
    case IX_MIN:
    case IX_MAX:
        if (!scope_range(s, t->a[0], &l, &h) || !scope_range(s, t->a[1], &l2, &h2))
            return false;
        *lo = (t->kind == IX_MIN) == (l < l2) ? l : l2;
        *hi = (t->kind == IX_MIN) == (h < h2) ? h : h2;
        return true;
    case IX_ABS:
        if (!scope_range(s, t->a[0], &l, &h))
            return false;
        *lo = l > 0 ? l : h < 0 ? -h : 0;
        *hi = h > -l ? h : -l;
        return true;
    case IX_READ:
        return false;
    }
    bug("index atom of kind %d", t->kind);
}

bool scope_range(const Scope *s, const Ix *e, int64_t *lo, int64_t *hi) {
    *lo = *hi = e->c;
    for (int i = 0; i < e->n; i++) {
        int64_t c = e->term[i].coef, l, h;
        if (!atom_range(s, e->term[i].atom, &l, &h))
            return false;
        *lo += c > 0 ? c * l : c * h;
        *hi += c > 0 ? c * h : c * l;
    }
    return true;
}

/* --- proofs --- */

static bool smallest_is_positive(const Scope *s, const Ix *e, int level);

static bool try_arms(const Scope *s, Arms arms, const Ix *const arm[2], int level) {
    bool first = smallest_is_positive(s, arm[0], level);
    return first == (arms == ARMS_EITHER) ? first : smallest_is_positive(s, arm[1], level);
}

/* k*(x/k) lies in x-k+1 .. x. */
static const Ix *open_div(Pool *p, const Ix *e, IxTerm t) {
    const IxAtom *d = t.atom;
    if (t.coef % d->k)
        return NULL;
    const Ix *x = t.coef > 0 ? ix_addc(p, d->a[0], 1 - d->k) : d->a[0];
    const Ix *rest = ix_sub(p, e, ix_scale(p, ix_div(p, d->a[0], d->k), t.coef));
    return ix_add(p, rest, ix_scale(p, x, t.coef / d->k));
}

static bool numeric(const Scope *s, const Ix *e) {
    int64_t lo, hi;
    return scope_range(s, e, &lo, &hi) && lo >= 0;
}

static bool smallest_is_positive(const Scope *s, const Ix *e, int level) {
    if (numeric(s, e))
        return true;
    for (int i = 0; i < e->n; i++) {
        IxTerm t = e->term[i];
        const Ix *arm[2];
        Arms arms = ix_arms(s->pool, e, i, arm);
        if (arms != ARMS_NONE && try_arms(s, arms, arm, level))
            return true;
        if (t.atom->kind == IX_MIN || t.atom->kind == IX_MAX)
            return false;
        const Ix *open = t.atom->kind == IX_DIV ? open_div(s->pool, e, t) : NULL;
        if (open && smallest_is_positive(s, open, level))
            return true;
    }
    for (; level > 0; level--) {
        const Range *r = &s->range[level - 1];
        int64_t c = ix_coef(e, r->var);
        if (c)
            return smallest_is_positive(s, replace(s->pool, e, c, ix_var(s->pool, r->var),
                                                   c > 0 ? r->lo : r->last), level - 1);
    }
    return false;
}

/* How often guard g may be taken off e: as often as clears one of their common atoms. */
static int multiples(const Ix *e, Cmp g, int64_t *k, int max) {
    int n = 0;
    for (int i = 0; i < e->n; i++)
        for (int j = 0; j < g.e->n && n < max; j++) {
            if (e->term[i].atom != g.e->term[j].atom)
                continue;
            int64_t m = e->term[i].coef / g.e->term[j].coef;
            bool new = m > 0 || (g.eq && m != 0);
            for (int l = 0; l < n; l++)
                new &= k[l] != m;
            if (new)
                k[n++] = m;
        }
    return n;
}

enum { TRIES = 2000, MULTIPLES = 8 };

/* rest + c*(x/k) >= 0 without the division, where c divides what varies in the rest: with
 * y = rest/|c|, x >= -k*y for c > 0, else x <= k*y + k - 1. NULL: it does not. */
static const Ix *without_div(Pool *p, const Ix *e, IxTerm t) {
    int64_t k = t.atom->k, c = t.coef, size = c < 0 ? -c : c;
    const Ix *x = t.atom->a[0], *rest = ix_sub(p, e, ix_scale(p, ix_div(p, x, k), c));
    for (int i = 0; i < rest->n; i++)
        if (rest->term[i].coef % size)
            return NULL;
    const Ix *y = ix_scale(p, ix_div(p, rest, size), k);
    return c > 0 ? ix_add(p, y, x) : ix_addc(p, ix_sub(p, y, x), k - 1);
}

/* x/k, where (a/b + c)/k is (a + b*c)/(b*k). */
static const Ix *quotient(Pool *p, const Ix *x, int64_t k) {
    for (int i = 0; i < x->n; i++) {
        const IxAtom *d = x->term[i].atom;
        if (d->kind != IX_DIV || x->term[i].coef != 1)
            continue;
        const Ix *c = ix_sub(p, x, ix_div(p, d->a[0], d->k));
        return quotient(p, ix_add(p, d->a[0], ix_scale(p, c, d->k)), k * d->k);
    }
    return ix_div(p, x, k);
}

/* e with x - k*(x/k) for x%k. */
static const Ix *without_mod(Pool *p, const Ix *e, IxTerm t) {
    const Ix *x = t.atom->a[0], *old = ix_mod(p, x, t.atom->k);
    const Ix *by = ix_sub(p, x, ix_scale(p, quotient(p, x, t.atom->k), t.atom->k));
    return replace(p, e, t.coef, old, by);
}

/* One search for a proof: guards are taken off in their order, or from the last one. */
typedef struct { const Scope *s; bool back; int tries; } Proof;

static bool prove(Proof *p, const Ix *e, int guard);

/* e with a minimum, maximum or absolute value opened, else each remainder, then each
 * quotient multiplied out. */
static bool prove_opened(Proof *p, const Ix *e) {
    const Ix *arm[2];
    for (int i = 0; i < e->n; i++) {
        Arms arms = ix_arms(p->s->pool, e, i, arm);
        bool first = arms != ARMS_NONE && prove(p, arm[0], 0);
        if (arms != ARMS_NONE)
            return first == (arms == ARMS_EITHER) ? first : prove(p, arm[1], 0);
    }
    for (int i = 0; i < e->n; i++)
        if (e->term[i].atom->kind == IX_MOD)
            return prove(p, without_mod(p->s->pool, e, e->term[i]), 0);
    for (int i = 0; i < e->n; i++) {
        const Ix *open = e->term[i].atom->kind == IX_DIV
                             ? without_div(p->s->pool, e, e->term[i]) : NULL;
        if (open && prove(p, open, 0))
            return true;
    }
    return false;
}

/* Guards before the number `guard` have had their turn. */
static bool prove(Proof *p, const Ix *e, int guard) {
    const Scope *s = p->s;
    int64_t k[MULTIPLES];
    if (++p->tries > TRIES)
        return false;
    if (smallest_is_positive(s, e, s->nrange))
        return true;
    for (int g = guard; g < s->nguard; g++) {
        Cmp c = s->guard[p->back ? s->nguard - 1 - g : g];
        int n = multiples(e, c, k, MULTIPLES);
        for (int i = 0; i < n; i++)
            if (prove(p, ix_sub(s->pool, e, ix_scale(s->pool, c.e, k[i])), g + 1))
                return true;
    }
    return guard == 0 && prove_opened(p, e);
}

/* A guard that cannot hold: nothing runs here. */
static bool unreachable(const Scope *s) {
    for (int i = 0; i < s->nguard; i++) {
        int64_t lo, hi;
        if (scope_range(s, s->guard[i].e, &lo, &hi) && (hi < 0 || (s->guard[i].eq && lo > 0)))
            return true;
    }
    return false;
}

bool scope_proves(const Scope *s, const Ix *e) {
    Proof p = {.s = s}, back = {.s = s, .back = true};
    if (unreachable(s))
        return true;
    e = without_single_turns(s, e);
    return prove(&p, e, 0) || (s->nguard > 1 && prove(&back, e, 0));
}
