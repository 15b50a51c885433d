/* Other forms of an index: choices opened, quotients without what never reaches a unit. */
#include "ir/ix.h"

Arms ix_arms(Pool *p, const Ix *e, int i, const Ix *arm[2]) {
    const IxAtom *t = e->term[i].atom;
    int64_t c = e->term[i].coef;
    if (t->kind != IX_MIN && t->kind != IX_MAX && t->kind != IX_ABS)
        return ARMS_NONE;
    const Ix *rest = ix_sub(p, e, ix_scale(p, ix_over(p, t, 0, t->a), c));
    const Ix *other = t->kind == IX_ABS ? ix_scale(p, t->a[0], -1) : t->a[1];
    arm[0] = ix_add(p, rest, ix_scale(p, t->a[0], c));
    arm[1] = ix_add(p, rest, ix_scale(p, other, c));
    return (t->kind == IX_MIN) == (c < 0) ? ARMS_EITHER : ARMS_BOTH;
}

/* The terms of x that g divides, and what it divides of the constant. */
static const Ix *multiples(Pool *p, const Ix *x, int64_t g) {
    const Ix *high = ix_const(p, x->c - (x->c % g + g) % g);
    for (int i = 0; i < x->n; i++) {
        const IxAtom *t = x->term[i].atom;
        if (x->term[i].coef % g == 0)
            high = ix_add(p, high, ix_scale(p, ix_over(p, t, t->id, t->a), x->term[i].coef));
    }
    return high;
}

const Ix *ix_in_units(Pool *p, IxKind kind, const Ix *x, int64_t k, const Box *box) {
    for (int i = 0; i < x->n; i++) {
        int64_t g = ix_gcd(x->term[i].coef, k), lo, hi;
        const Ix *high = multiples(p, x, g), *low = ix_sub(p, x, high);
        if (g == 1 || low->n == 0 || !ix_range(low, box, &lo, &hi) || lo < 0 || hi >= g)
            continue;
        high = ix_div(p, high, g);
        return kind == IX_DIV ? ix_div(p, high, k / g)
                              : ix_add(p, ix_scale(p, ix_mod(p, high, k / g), g), low);
    }
    return NULL;
}
