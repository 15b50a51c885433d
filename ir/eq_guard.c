/* Walks an equation's reads and proves, guard by guard, that they stay inside. */
#include "ir/eq_guard.h"

#include <string.h>

/* --- e >= 0 under guards --- */

/* With a floor division: k*e >= -(k-1) is enough, and k*(a/k) is at least a-(k-1), at
 * most a. */
static const Ix *without_division(Pool *p, const Ix *e) {
    for (int i = 0; i < e->n; i++) {
        const IxAtom *t = e->term[i].atom;
        int64_t coef = e->term[i].coef, k = t->k;
        if (t->kind != IX_DIV || k > 1 << 20)
            continue;
        const Ix *rest = ix_sub(p, e, ix_scale(p, ix_div(p, t->a[0], k), coef));
        const Ix *in = ix_addc(p, t->a[0], coef > 0 ? -(k - 1) : 0);
        return ix_addc(p, ix_add(p, ix_scale(p, rest, k), ix_scale(p, in, coef)),
                       k - 1);
    }
    return NULL;
}

/* What is left to prove of e >= 0 when g >= 0 (or == 0) is known, so that their i-th and
 * j-th terms, of the same atom, cancel: e is whole, so k*e >= -(k-1) is enough. */
static const Ix *without(Pool *p, const Ix *e, int i, Cmp g, int j) {
    int64_t ce = e->term[i].coef, cg = g.e->term[j].coef;
    if (g.eq && (ce < 0) != (cg < 0))
        cg = -cg, g.e = ix_scale(p, g.e, -1);
    if ((ce < 0) != (cg < 0) || (ce % cg && cg % ce))
        return NULL;
    int64_t k = ce % cg ? cg / ce : 1, m = ce % cg ? 1 : ce / cg;
    if (k > 1 << 20 || m > 1 << 20)
        return NULL;
    return ix_addc(p, ix_sub(p, ix_scale(p, e, k), ix_scale(p, g.e, m)), k - 1);
}

static bool proves(Pool *p, Cond c, const Ix *e, const Box *box, int depth);

static bool proves_by(Pool *p, Cond c, Cmp g, const Ix *e, const Box *box, int depth) {
    for (int i = 0; i < e->n; i++)
        for (int j = 0; j < g.e->n; j++) {
            const Ix *rest =
                e->term[i].atom == g.e->term[j].atom ? without(p, e, i, g, j) : NULL;
            if (rest && proves(p, c, rest, box, depth))
                return true;
        }
    return false;
}

static bool proves_arms(Pool *p, Cond c, const Ix *e, const Box *box, int depth) {
    const Ix *arm[2];
    for (int i = 0; i < e->n; i++) {
        Arms arms = ix_arms(p, e, i, arm);
        if (arms == ARMS_NONE)
            continue;
        bool first = proves(p, c, arm[0], box, depth);
        return first == (arms == ARMS_EITHER) ? first : proves(p, c, arm[1], box, depth);
    }
    return false;
}

static bool proves(Pool *p, Cond c, const Ix *e, const Box *box, int depth) {
    int64_t lo, hi;
    if (ix_range(e, box, &lo, &hi) && lo >= 0)
        return true;
    if (depth == 0)
        return false;
    for (int i = 0; i < c.n; i++)
        if (proves_by(p, c, c.cmp[i], e, box, depth - 1))
            return true;
    const Ix *whole = without_division(p, e);
    return (whole && proves(p, c, whole, box, depth - 1)) ||
           proves_arms(p, c, e, box, depth - 1);
}

bool cond_proves(Pool *p, Cond c, const Ix *e, const Box *box) {
    return proves(p, c, e, box, 3);
}

/* --- the walk --- */

static bool first_visit(ReadCheck *r, const Expr *e) {
    uint64_t key = ((uint64_t)r->context << 32 | e->id) + 1;
    if (r->nseen * 2 >= r->cap) {
        uint64_t *old = r->seen;
        size_t n = r->cap;
        r->cap = n ? n * 2 : 64;
        r->seen = NEW(r->arena, r->cap, uint64_t);
        for (size_t i = 0; i < n; i++) {
            size_t at = old[i] * 0x9e3779b97f4a7c15u % r->cap;
            while (old[i] && r->seen[at])
                at = (at + 1) % r->cap;
            if (old[i])
                r->seen[at] = old[i];
        }
    }
    size_t at = key * 0x9e3779b97f4a7c15u % r->cap;
    for (; r->seen[at]; at = (at + 1) % r->cap)
        if (r->seen[at] == key)
            return false;
    r->seen[at] = key;
    r->nseen++;
    return true;
}

static void check_ix(ReadCheck *r, const Ix *a, Cond c);

static void fault(ReadCheck *r, const char *message) {
    if (!r->fault)
        r->fault = message;
}

static const Type *operand(ReadCheck *r, int slot, int n) {
    if (slot < 0 || slot >= r->nsrc) {
        fault(r, arena_printf(r->arena, "reads operand %d of %d", slot, r->nsrc));
        return NULL;
    }
    if (r->src[slot]->rank != n) {
        fault(r, arena_printf(r->arena, "%d subscripts for operand %d, %s", n, slot,
                              type_text(r->arena, r->src[slot])));
        return NULL;
    }
    return r->src[slot];
}

static void check_subs(ReadCheck *r, const Type *t, int slot, const Ix *const *sub,
                       Cond c) {
    for (int d = 0; d < t->rank; d++) {
        check_ix(r, sub[d], c);
        if (ix_reads(sub[d]) || ix_inside(r->pool, sub[d], t->dim[d], &r->box))
            continue;
        const Ix *end =
            t->dim[d].batch ? ix_batch(r->pool) : ix_const(r->pool, t->dim[d].n);
        const Ix *room = ix_addc(r->pool, ix_sub(r->pool, end, sub[d]), -1);
        if (!cond_proves(r->pool, c, sub[d], &r->box))
            r->leak(r, &(Leak){slot, d, sub[d], true, c.n > 0});
        if (!cond_proves(r->pool, c, room, &r->box))
            r->leak(r, &(Leak){slot, d, sub[d], false, c.n > 0});
    }
}

static void check_ix(ReadCheck *r, const Ix *a, Cond c) {
    for (int i = 0; i < a->n; i++) {
        const IxAtom *t = a->term[i].atom;
        if (t->kind == IX_VAR && t->id >= r->eq->nidx)
            fault(r, arena_printf(r->arena, "index %d of %d", t->id, r->eq->nidx));
        if (t->kind == IX_READ) {
            const Type *src = operand(r, t->id, t->n);
            if (src && dtype_info[src->dtype].is_float)
                fault(r, arena_printf(r->arena,
                                      "operand %d is %s, subscripts read integers",
                                      t->id, dtype_info[src->dtype].name));
            if (src)
                check_subs(r, src, t->id, t->a, c);
            continue;
        }
        for (int k = 0; k < t->n; k++)
            check_ix(r, t->a[k], c);
    }
}

static Cond but_for(Cond c, int n) {
    return (Cond){n < c.n ? n : c.n, c.cmp};
}

/* What holds where `not` does not: only a single comparison says it. */
static Cond otherwise(Pool *p, Cond outer, Cond not ) {
    if (not .n != 1 || not .cmp[0].eq)
        return outer;
    return cond_and(p, outer,
                    cond_ge0(p, ix_addc(p, ix_scale(p, not .cmp[0].e, -1), -1)));
}

static void check_expr(ReadCheck *r, const Expr *e, Cond c);

static void check_arm(ReadCheck *r, const Expr *e, Cond c) {
    uint32_t outer = r->context;
    r->context = ++r->contexts;
    check_expr(r, e, c);
    r->context = outer;
}

static void check_when(ReadCheck *r, const Expr *e, Cond c) {
    for (int i = 0; i < e->cond.n; i++)
        check_ix(r, e->cond.cmp[i].e, cond_and(r->pool, c, but_for(e->cond, i)));
    check_arm(r, e->arg[0], cond_and(r->pool, c, e->cond));
    check_arm(r, e->arg[1], otherwise(r->pool, c, e->cond));
}

static void check_expr(ReadCheck *r, const Expr *e, Cond c) {
    const Type *t;
    if (r->fault || !first_visit(r, e))
        return;
    if (e->lanes != 1)
        fault(r, "a vector in an equation");
    switch (e->kind) {
    case X_NUM: return;
    case X_IX: check_ix(r, e->u.ix, c); return;
    case X_READ:
        t = operand(r, e->u.slot, e->n);
        if (t && t->dtype != e->type)
            fault(r,
                  arena_printf(r->arena, "operand %d read as %s, but is %s", e->u.slot,
                               dtype_info[e->type].name, dtype_info[t->dtype].name));
        if (t)
            check_subs(r, t, e->u.slot, e->sub, c);
        return;
    case X_WHEN: check_when(r, e, c); return;
    case X_CALL:
        for (int i = 0; i < e->n; i++)
            check_expr(r, e->arg[i], c);
        return;
    case X_VAR:
    case X_SPLAT:
    case X_TREE: fault(r, "an expression of loops in an equation"); return;
    }
    bug("expression of kind %d", e->kind);
}

/* Where the result has an element: only there is the body computed. */
static Cond stored(ReadCheck *r) {
    Cond c = {0, NULL};
    for (int d = 0; r->result && !r->eq->scatter && d < r->eq->nout; d++)
        c = cond_and(r->pool, c, cond_in(r->pool, r->eq->store[d], r->result->dim[d]));
    return c;
}

void reads_check(ReadCheck *r) {
    r->box = eq_box(r->eq);
    for (int d = 0; d < r->eq->nout; d++)
        check_ix(r, r->eq->store[d], (Cond){0, NULL});
    check_expr(r, r->eq->body, stored(r));
}
