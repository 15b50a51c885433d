/* Normal form of an equation: every result element from one point of the free box.
 *
 * Indices are split until / and % vanish; a scatter's subscripts are solved for an index
 * of unit coefficient, or in phases (o = s*q + r) where the stride s is not 1. What
 * cannot be solved stays a scatter. */
#include "ir/eq.h"

#include <string.h>

enum { MAX_VARS = 64 };

typedef struct {
    Pool *p;
    int nvar;                          /* variables made so far, dead ones included */
    Dim ext[MAX_VARS];
    int nseq;                          /* live variables, in the order of the loops */
    int seq[MAX_VARS];
    bool free[MAX_VARS];               /* belongs to a result subscript */
    int nout;
    const Ix *store[MAX_RANK];
    const Expr *body;
    Cond guard;
    int64_t batch;
} Work;

static Box box_of(const Work *w) { return (Box){w->nvar, w->ext, w->batch}; }

static int new_var(Work *w, Dim ext, bool free) {
    if (w->nvar == MAX_VARS)
        bug("equation needs more than %d indices", MAX_VARS);
    w->ext[w->nvar] = ext;
    w->free[w->nvar] = free;
    return w->nvar++;
}

/* Replaces variable v by `by` everywhere. */
static void replace(Work *w, int v, const Ix *by) {
    const Ix *map[MAX_VARS] = {0};
    map[v] = by;
    for (int d = 0; d < w->nout; d++)
        w->store[d] = ix_subst(w->p, w->store[d], v + 1, map, NULL);
    w->body = x_subst(w->p, w->body, v + 1, map, NULL);
    w->guard = cond_subst(w->p, w->guard, v + 1, map, NULL);
}

static void simplify(Work *w) {
    Box box = box_of(w);
    for (int d = 0; d < w->nout; d++)
        w->store[d] = ix_simplify(w->p, w->store[d], &box);
    w->body = x_simplify(w->p, w->body, &box);
}

/* v gives its place in the loops to n others. */
static void succeed(Work *w, int v, int n, const int *by) {
    int at = 0;
    while (w->seq[at] != v)
        at++;
    memmove(w->seq + at + n, w->seq + at + 1, (size_t)(w->nseq - at - 1) * sizeof *w->seq);
    for (int i = 0; i < n; i++)
        w->seq[at + i] = by[i];
    w->nseq += n - 1;
}

/* v = k*hi + lo. A last, partial block is guarded. */
static void split(Work *w, int v, int64_t k, int64_t *phase) {
    int64_t e = w->ext[v].n;
    int pair[2];
    pair[0] = new_var(w, (Dim){(e + k - 1) / k, false}, w->free[v]);
    pair[1] = new_var(w, (Dim){k, false}, w->free[v]);
    const Ix *by = ix_add(w->p, ix_scale(w->p, ix_var(w->p, pair[0]), k),
                          ix_var(w->p, pair[1]));
    succeed(w, v, 2, pair);
    replace(w, v, by);
    if (e % k)
        w->guard = cond_and(w->p, w->guard, cond_in(w->p, by, (Dim){e, false}));
    if (phase)
        *phase = pair[1];
}

/* --- / and % vanish --- */

typedef struct { Work *w; bool reduced_ok; int var; int64_t k; } Search;

/* The largest divisor that splitting one index helps against. */
static void search_ix(Search *s, const Ix *a) {
    for (int i = 0; i < a->n; i++) {
        const IxAtom *t = a->term[i].atom;
        for (int j = 0; j < t->n; j++)
            search_ix(s, t->a[j]);
        if (t->kind != IX_DIV && t->kind != IX_MOD)
            continue;
        for (int j = 0; j < t->a[0]->n; j++) {
            IxTerm in = t->a[0]->term[j];
            if (in.atom->kind != IX_VAR || in.coef % t->k == 0)
                continue;
            int v = in.atom->id;
            int64_t k = t->k / ix_gcd(in.coef, t->k), e = s->w->ext[v].n;
            bool fits = s->w->free[v] || e % k == 0;
            if (!s->w->ext[v].batch && e > k && fits && k > s->k) {
                s->var = v;
                s->k = k;
            }
        }
    }
}

static void search_expr(const Expr *e, void *user) {
    Search *s = user;
    if (e->kind == X_IX)
        search_ix(s, e->u.ix);
    for (int i = 0; e->kind == X_READ && i < e->n; i++)
        search_ix(s, e->sub[i]);
    for (int i = 0; e->kind == X_WHEN && i < e->cond.n; i++)
        search_ix(s, e->cond.cmp[i].e);
}

static void split_divisions(Work *w) {
    for (int turn = 0; turn < 16; turn++) {
        Search s = {.w = w};
        simplify(w);
        for (int d = 0; d < w->nout; d++)
            search_ix(&s, w->store[d]);
        x_visit(w->body, search_expr, &s);
        if (s.k == 0)
            return;
        split(w, s.var, s.k, NULL);
    }
}

/* --- solving a scatter's subscripts --- */

static bool claimed(const Work *w, int v) { return w->free[v]; }

/* Terms of a that are unclaimed indices; false if anything else varies in it. */
static bool plain(const Work *w, const Ix *a, bool *any) {
    *any = false;
    for (int i = 0; i < a->n; i++) {
        if (a->term[i].atom->kind != IX_VAR)
            return false;
        *any |= !claimed(w, a->term[i].atom->id);
    }
    return true;
}

/* The subscript is this index, or k*hi + lo of two, and covers the whole dim. */
static bool covers(const Work *w, const Ix *a, Dim dim) {
    int64_t unit = 1;
    if (a->c)
        return false;
    for (int left = a->n; left > 0; left--) {
        int at = -1;
        for (int i = 0; i < a->n; i++)
            if (a->term[i].coef == unit)
                at = i;
        if (at < 0 || a->term[at].atom->kind != IX_VAR || claimed(w, a->term[at].atom->id))
            return false;
        Dim e = w->ext[a->term[at].atom->id];
        if (e.batch != dim.batch || (e.batch && a->n > 1) || e.n < 1)
            return false;
        unit *= e.n;
        if (e.n == 1 && left > 1)
            return false;
    }
    return unit >= dim.n;
}

static void claim(Work *w, const Ix *a, Dim dim) {
    for (int i = 0; i < a->n; i++) {
        int v = a->term[i].atom->id;
        w->free[v] = true;
        if (a->n == 1 && w->ext[v].n > dim.n)
            w->ext[v].n = dim.n;       /* points outside are not stored */
    }
}

/* v = by, where by must lie in v's range. v leaves the loops. */
static void eliminate(Work *w, int v, const Ix *by) {
    Dim e = w->ext[v];
    succeed(w, v, 0, NULL);
    replace(w, v, by);
    w->guard = cond_and(w->p, w->guard, cond_in(w->p, by, e));
}

/* store[d] = c*v + rest with c = +-1: v = c*(o - rest), o a new free index. */
static void solve_unit(Work *w, int d, Dim dim, int v) {
    const Ix *s = w->store[d];
    int64_t c = ix_coef(s, v);
    const Ix *rest = ix_sub(w->p, s, ix_scale(w->p, ix_var(w->p, v), c));
    int o = new_var(w, dim, true);
    const Ix *ov = ix_var(w->p, o);
    w->seq[w->nseq++] = o;
    eliminate(w, v, ix_scale(w->p, ix_sub(w->p, ov, rest), c));
    w->store[d] = ov;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* store[d] = s*v + others: the others' parts below s become a free phase r, so that
 * store = s*q + r + const with q = v + (what is left of the others). */
static bool solve_phase(Work *w, int d, Dim dim, int v) {
    const Ix *a = w->store[d];
    int64_t s = ix_coef(a, v), phase = -1;
    int other = -1;
    for (int i = 0; i < a->n; i++) {
        if (a->term[i].coef % s == 0)
            continue;
        if (other >= 0 || a->term[i].coef != 1 || claimed(w, a->term[i].atom->id))
            return false;
        other = a->term[i].atom->id;
    }
    if (other >= 0) {
        split(w, other, s, &phase);
    } else {
        phase = new_var(w, (Dim){s, false}, true);
        w->seq[w->nseq++] = (int)phase;
        w->guard = cond_and(w->p, w->guard, cond_eq0(w->p, ix_var(w->p, (int)phase)));
    }
    w->free[phase] = true;
    a = w->store[d];                   /* s*v + s*(...) [+ phase] + const */
    int64_t first = floor_div(-a->c - (s - 1), s), last = floor_div(dim.n - 1 - a->c, s);
    int q = new_var(w, (Dim){last - first + 1, false}, true);
    const Ix *qv = ix_addc(w->p, ix_var(w->p, q), first);
    const Ix *rest = ix_addc(w->p, ix_sub(w->p, a, ix_scale(w->p, ix_var(w->p, v), s)),
                             -a->c);
    if (other >= 0)
        rest = ix_sub(w->p, rest, ix_var(w->p, (int)phase));
    int64_t c = a->c;
    w->seq[w->nseq++] = q;
    eliminate(w, v, ix_sub(w->p, qv, ix_div(w->p, rest, s)));
    w->store[d] = ix_addc(w->p, ix_add(w->p, ix_scale(w->p, qv, s), ix_var(w->p, (int)phase)),
                          c);
    return true;
}

/* Picks what leaves the fewest reduced points: the longest index that can go. */
static bool solve(Work *w, int d, Dim dim) {
    const Ix *a = w->store[d];
    int unit = -1, strided = -1;
    for (int i = 0; i < a->n; i++) {
        int v = a->term[i].atom->id;
        int64_t c = a->term[i].coef;
        if (claimed(w, v) || w->ext[v].batch)
            continue;
        if ((c == 1 || c == -1) && (unit < 0 || w->ext[v].n > w->ext[unit].n))
            unit = v;
        if (c > 1 && (strided < 0 || w->ext[v].n > w->ext[strided].n))
            strided = v;
    }
    if (strided >= 0 && (unit < 0 || w->ext[strided].n > w->ext[unit].n) &&
        solve_phase(w, d, dim, strided))
        return true;
    if (unit < 0)
        return false;
    solve_unit(w, d, dim, unit);
    return true;
}

/* A subscript without an index of its own: only where it hits the new index. */
static void solve_fixed(Work *w, int d, Dim dim) {
    int o = new_var(w, dim, true);
    w->seq[w->nseq++] = o;
    w->guard = cond_and(w->p, w->guard,
                        cond_eq0(w->p, ix_sub(w->p, ix_var(w->p, o), w->store[d])));
    w->store[d] = ix_var(w->p, o);
}

static bool solve_all(Work *w, const Type *result) {
    bool done[MAX_RANK] = {0}, any;
    for (int d = 0; d < w->nout; d++)
        if (plain(w, w->store[d], &any) && covers(w, w->store[d], result->dim[d])) {
            claim(w, w->store[d], result->dim[d]);
            done[d] = true;
        }
    for (int d = 0; d < w->nout; d++) {
        Dim dim = result->dim[d];
        if (done[d])
            continue;
        if (!plain(w, w->store[d], &any))
            return false;
        if (!any)
            solve_fixed(w, d, dim);
        else if (!solve(w, d, dim))
            return false;
    }
    return true;
}

/* --- and back to an equation --- */

/* Free indices by result dim, larger coefficients first; then the reduced in order. */
static int number(const Work *w, int *of) {
    int n = 0;
    bool seen[MAX_VARS] = {0};
    for (int d = 0; d < w->nout; d++)
        for (;;) {
            const IxTerm *best = NULL;
            for (int i = 0; i < w->store[d]->n; i++) {
                const IxTerm *t = &w->store[d]->term[i];
                if (t->atom->kind == IX_VAR && w->free[t->atom->id] &&
                    !seen[t->atom->id] && (!best || t->coef > best->coef))
                    best = t;
            }
            if (!best)
                break;
            seen[best->atom->id] = true;
            of[n++] = best->atom->id;
        }
    for (int i = 0; i < w->nseq; i++)
        if (w->free[w->seq[i]] && !seen[w->seq[i]] && w->ext[w->seq[i]].n > 1)
            of[n++] = w->seq[i];
    return n;
}

static Eq *finish(Work *w, const Eq *e, bool scatter) {
    Pool *p = w->p;
    Arena *a = pool_arena(p);
    Eq *r = NEW(a, 1, Eq);
    int of[MAX_VARS], nfree = number(w, of), n = nfree;
    const Ix *map[MAX_VARS] = {0};
    Dim *ext = NEW(a, MAX_VARS, Dim);
    const Ix **store = NEW(a, w->nout, const Ix *);
    DType t = w->body->type;

    for (int inner = 0; inner < 2; inner++)        /* the batch is the outermost reduced */
        for (int i = 0; i < w->nseq; i++) {
            Dim d = w->ext[w->seq[i]];
            bool one = d.n == 1 && (!d.batch || (e->scatter && !scatter));
            bool stays = !w->free[w->seq[i]] && !one;
            if (stays && (d.batch && !scatter) == !inner)
                of[n++] = w->seq[i];
        }
    for (int i = 0; i < w->nvar; i++)
        map[i] = ix_const(p, 0);       /* indices of extent 1 */
    for (int i = 0; i < n; i++) {
        map[of[i]] = ix_var(p, i);
        ext[i] = w->ext[of[i]];
    }
    *r = *e;
    r->nidx = n;
    r->nfree = nfree;
    r->ext = ext;
    Box box = {n, ext, w->batch};
    const Expr *zero = x_num(p, t, fold_identity(e->fold, t));
    for (int d = 0; d < w->nout; d++)
        store[d] = ix_simplify(p, ix_subst(p, w->store[d], MAX_VARS, map, NULL), &box);
    r->store = store;
    r->body = x_when(p, w->guard, w->body, zero);
    r->body = x_simplify(p, x_subst(p, r->body, MAX_VARS, map, NULL), &box);
    return r;
}

Eq *eq_normalise(Pool *p, const Eq *e, const Type *result) {
    Work *w = NEW(pool_arena(p), 1, Work);
    w->p = p;
    w->batch = INT64_C(1) << 31;
    for (int i = 0; i < e->nidx; i++) {
        int v = new_var(w, e->ext[i], !e->scatter && i < e->nfree);
        w->seq[w->nseq++] = v;
        if (e->ext[i].batch)
            w->batch = e->ext[i].n;
    }
    w->nout = e->nout;
    for (int d = 0; d < e->nout; d++)
        w->store[d] = e->store[d];
    w->body = e->body;
    split_divisions(w);
    if (e->scatter) {
        Work before = *w;
        if (!solve_all(w, result)) {
            *w = before;
            for (int v = 0; v < w->nvar; v++)
                w->free[v] = false;
            Eq *r = finish(w, e, true);
            r->nfree = r->nidx;
            return r;
        }
        split_divisions(w);
    }
    Eq *r = finish(w, e, false);
    if (e->scatter) {
        r->scatter = false;
        if (r->nfree == r->nidx)
            r->fold = FOLD_NONE;
        eq_set_order(r);
    }
    return r;
}
