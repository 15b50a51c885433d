/* Guards: conjunctions of integer comparisons. */
#include "ir/pool.h"

#include <stdlib.h>
#include <string.h>

/* Comparisons that read come last, those that read at places which are read themselves behind
 * them: what stands before may keep the reads inside. */
static int order(const void *x, const void *y) {
    const Cmp *a = x, *b = y;
    int da = ix_read_depth(a->e), db = ix_read_depth(b->e);
    if (da != db)
        return da - db;
    return a->e != b->e ? ix_compare(a->e, b->e) : a->eq - b->eq;
}

static Cond make(Pool *p, int n, Cmp *cmp) {
    int m = 0;
    if (n > 1)
        qsort(cmp, (size_t)n, sizeof *cmp, order);
    for (int i = 0; i < n; i++)
        if (m == 0 || order(&cmp[m - 1], &cmp[i]) != 0)
            cmp[m++] = cmp[i];
    return (Cond){m, m ? pool_copy(p, cmp, (size_t)m * sizeof *cmp) : NULL};
}

Cond cond_and(Pool *p, Cond a, Cond b) {
    if (a.n == 0 || b.n == 0)
        return a.n ? a : b;
    Cmp *cmp = NEW(p->arena, a.n + b.n, Cmp);
    memcpy(cmp, a.cmp, (size_t)a.n * sizeof *cmp);
    memcpy(cmp + a.n, b.cmp, (size_t)b.n * sizeof *cmp);
    return make(p, a.n + b.n, cmp);
}

Cond cond_ge0(Pool *p, const Ix *e) {
    Cmp c = {e, false};
    return e->n == 0 && e->c >= 0 ? (Cond){0, NULL} : make(p, 1, &c);
}

Cond cond_eq0(Pool *p, const Ix *e) {
    if (e->n && e->term[0].coef < 0)
        e = ix_scale(p, e, -1);
    Cmp c = {e, true};
    return e->n == 0 && e->c == 0 ? (Cond){0, NULL} : make(p, 1, &c);
}

Cond cond_in(Pool *p, const Ix *e, Dim dim) {
    const Ix *end = dim.batch ? ix_batch(p) : ix_const(p, dim.n);
    return cond_and(p, cond_ge0(p, e), cond_ge0(p, ix_addc(p, ix_sub(p, end, e), -1)));
}

Cond cond_subst(Pool *p, Cond c, int n, const Ix *const *map, const int *slot) {
    Cond r = {0, NULL};
    for (int i = 0; i < c.n; i++) {
        const Ix *e = ix_subst(p, c.cmp[i].e, n, map, slot);
        r = cond_and(p, r, c.cmp[i].eq ? cond_eq0(p, e) : cond_ge0(p, e));
    }
    return r;
}

Cond cond_simplify(Pool *p, Cond c, const Box *box, bool *never) {
    Cond r = {0, NULL};
    *never = false;
    for (int i = 0; i < c.n; i++) {
        const Ix *e = ix_simplify(p, c.cmp[i].e, box);
        bool eq = c.cmp[i].eq;
        int64_t lo, hi;
        bool known = ix_range(e, box, &lo, &hi);
        if (known && (eq ? lo > 0 || hi < 0 : hi < 0))
            *never = true;
        if (known && (eq ? lo == 0 && hi == 0 : lo >= 0))
            continue;
        r = cond_and(p, r, eq ? cond_eq0(p, e) : cond_ge0(p, e));
    }
    return r;
}

bool cond_uses(Cond c, int var) {
    for (int i = 0; i < c.n; i++)
        if (ix_uses(c.cmp[i].e, var))
            return true;
    return false;
}
