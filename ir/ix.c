/* Integer expressions in sum form: construction, substitution, printing. */
#include "ir/pool.h"

#include <string.h>

static bool same_atom(const void *x, const void *y) {
    const IxAtom *a = x, *b = y;
    return a->kind == b->kind && a->id == b->id && a->k == b->k && a->n == b->n &&
           (a->n == 0 || memcmp(a->a, b->a, (size_t)a->n * sizeof *a->a) == 0);
}

static const IxAtom *atom(Pool *p, IxKind kind, int id, int64_t k, int n,
                          const Ix *const *a) {
    IxAtom key = {.kind = kind, .id = id, .k = k, .n = n, .a = a};
    uint64_t h = hash_u64(hash_u64(hash_u64(17, kind), (uint64_t)id), (uint64_t)k);
    for (int i = 0; i < n; i++)
        h = hash_u64(h, a[i]->id);
    bool fresh;
    IxAtom *r = pool_intern(p, &p->atom, &key, sizeof key, h, same_atom, &fresh);
    if (fresh) {
        r->order = (uint32_t)p->atom.n;
        if (n)
            r->a = pool_copy(p, a, (size_t)n * sizeof *a);
    }
    return r;
}

static bool same_ix(const void *x, const void *y) {
    const Ix *a = x, *b = y;
    if (a->c != b->c || a->n != b->n)
        return false;
    for (int i = 0; i < a->n; i++)
        if (a->term[i].coef != b->term[i].coef || a->term[i].atom != b->term[i].atom)
            return false;
    return true;
}

/* An order that depends on what stands there alone, not on what was made before: the same
 * text always reads back as the same expression. Variables first, by number. */
static int compare_atoms(const IxAtom *a, const IxAtom *b) {
    if (a == b)
        return 0;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    if (a->k != b->k)
        return a->k < b->k ? -1 : 1;
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    int c = 0;
    for (int i = 0; c == 0 && i < a->n; i++)
        c = ix_compare(a->a[i], b->a[i]);
    return c;
}

int ix_compare(const Ix *a, const Ix *b) {
    if (a == b)
        return 0;
    for (int i = 0; i < a->n && i < b->n; i++) {
        int c = compare_atoms(a->term[i].atom, b->term[i].atom);
        if (c)
            return c;
        if (a->term[i].coef != b->term[i].coef)
            return a->term[i].coef > b->term[i].coef ? -1 : 1;
    }
    if (a->n != b->n)
        return a->n > b->n ? -1 : 1; /* constants last */
    return a->c < b->c ? -1 : 1;
}

static bool before(const IxAtom *a, const IxAtom *b) { return compare_atoms(a, b) < 0; }

/* A sum under construction; terms stay sorted and merged. */
typedef struct { int64_t c; int n; IxTerm term[MAX_TERMS]; } Sum;

static void sum_term(Sum *s, int64_t coef, const IxAtom *a) {
    int i = 0;
    while (i < s->n && before(s->term[i].atom, a))
        i++;
    if (i < s->n && s->term[i].atom == a) {
        s->term[i].coef += coef;
        if (s->term[i].coef == 0) {
            memmove(s->term + i, s->term + i + 1, (size_t)(s->n - i - 1) * sizeof *s->term);
            s->n--;
        }
        return;
    }
    if (coef == 0)
        return;
    if (s->n == MAX_TERMS)
        bug("integer expression with more than %d terms", MAX_TERMS);
    memmove(s->term + i + 1, s->term + i, (size_t)(s->n - i) * sizeof *s->term);
    s->term[i] = (IxTerm){coef, a};
    s->n++;
}

static void sum_ix(Sum *s, const Ix *a, int64_t k) {
    s->c += a->c * k;
    for (int i = 0; i < a->n; i++)
        sum_term(s, a->term[i].coef * k, a->term[i].atom);
}

static const Ix *sum_done(Pool *p, const Sum *s) {
    Ix key = {.c = s->c, .n = s->n, .term = s->term};
    uint64_t h = hash_u64(23, (uint64_t)s->c);
    for (int i = 0; i < s->n; i++)
        h = hash_u64(hash_u64(h, (uint64_t)s->term[i].coef), s->term[i].atom->order);
    bool fresh;
    Ix *r = pool_intern(p, &p->ix, &key, sizeof key, h, same_ix, &fresh);
    if (fresh) {
        r->id = (uint32_t)p->ix.n;
        r->term = pool_copy(p, s->term, (size_t)s->n * sizeof *s->term);
    }
    return r;
}

static const Ix *from_atom(Pool *p, const IxAtom *a) {
    Sum s = {.n = 1};
    s.term[0] = (IxTerm){1, a};
    return sum_done(p, &s);
}

const Ix *ix_const(Pool *p, int64_t c) {
    Sum s = {.c = c};
    return sum_done(p, &s);
}

const Ix *ix_var(Pool *p, int id) { return from_atom(p, atom(p, IX_VAR, id, 0, 0, NULL)); }

const Ix *ix_batch(Pool *p) { return from_atom(p, atom(p, IX_BATCH, 0, 0, 0, NULL)); }

const Ix *ix_read(Pool *p, int slot, int n, const Ix *const *sub) {
    return from_atom(p, atom(p, IX_READ, slot, 0, n, sub));
}

const Ix *ix_add(Pool *p, const Ix *a, const Ix *b) {
    Sum s = {0};
    sum_ix(&s, a, 1);
    sum_ix(&s, b, 1);
    return sum_done(p, &s);
}

const Ix *ix_sub(Pool *p, const Ix *a, const Ix *b) {
    Sum s = {0};
    sum_ix(&s, a, 1);
    sum_ix(&s, b, -1);
    return sum_done(p, &s);
}

const Ix *ix_addc(Pool *p, const Ix *a, int64_t c) {
    Sum s = {.c = c};
    sum_ix(&s, a, 1);
    return sum_done(p, &s);
}

const Ix *ix_scale(Pool *p, const Ix *a, int64_t k) {
    Sum s = {0};
    if (k)
        sum_ix(&s, a, k);
    return sum_done(p, &s);
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

int64_t ix_gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t t = a % b;
        a = b;
        b = t;
    }
    return a < 0 ? -a : a;
}

/* floor((k*m + r) / k) = m + floor(r/k); common factors cancel; floors nest. */
const Ix *ix_div(Pool *p, const Ix *a, int64_t k) {
    if (k <= 0)
        bug("division of an index by %lld", (long long)k);
    if (k == 1)
        return a;
    Sum out = {.c = floor_div(a->c, k)}, rest = {.c = a->c - k * floor_div(a->c, k)};
    int64_t g = k;
    for (int i = 0; i < a->n; i++) {
        IxTerm t = a->term[i];
        if (t.coef % k == 0) {
            sum_term(&out, t.coef / k, t.atom);
        } else {
            sum_term(&rest, t.coef, t.atom);
            g = ix_gcd(g, t.coef);
        }
    }
    if (rest.n == 0)
        return sum_done(p, &out);
    if (g > 1) {
        rest.c = floor_div(rest.c, g);
        for (int i = 0; i < rest.n; i++)
            rest.term[i].coef /= g;
        k /= g;
    }
    const Ix *r = sum_done(p, &rest);
    if (k > 1 && rest.n == 1 && rest.term[0].coef == 1 && rest.c == 0 &&
        rest.term[0].atom->kind == IX_DIV) {
        const IxAtom *in = rest.term[0].atom;
        sum_ix(&out, ix_div(p, in->a[0], in->k * k), 1);
    } else if (k > 1) {
        sum_term(&out, 1, atom(p, IX_DIV, 0, k, 1, &r));
    } else {
        sum_ix(&out, r, 1);
    }
    return sum_done(p, &out);
}

const Ix *ix_mod(Pool *p, const Ix *a, int64_t k) {
    if (k <= 0)
        bug("remainder of an index by %lld", (long long)k);
    Sum rest = {.c = a->c - k * floor_div(a->c, k)};
    for (int i = 0; i < a->n; i++)
        if (a->term[i].coef % k)
            sum_term(&rest, a->term[i].coef, a->term[i].atom);
    const Ix *r = sum_done(p, &rest);
    return rest.n == 0 ? r : from_atom(p, atom(p, IX_MOD, 0, k, 1, &r));
}

static const Ix *two(Pool *p, IxKind kind, const Ix *a, const Ix *b) {
    const Ix *arg[2] = {a, b};
    if (ix_compare(a, b) > 0) {
        arg[0] = b;
        arg[1] = a;
    }
    return from_atom(p, atom(p, kind, 0, 0, 2, arg));
}

const Ix *ix_min(Pool *p, const Ix *a, const Ix *b) {
    int64_t d;
    if (ix_is_const(ix_sub(p, a, b), &d))
        return d <= 0 ? a : b;
    return two(p, IX_MIN, a, b);
}

const Ix *ix_max(Pool *p, const Ix *a, const Ix *b) {
    int64_t d;
    if (ix_is_const(ix_sub(p, a, b), &d))
        return d >= 0 ? a : b;
    return two(p, IX_MAX, a, b);
}

const Ix *ix_abs(Pool *p, const Ix *a) {
    int64_t c;
    if (ix_is_const(a, &c))
        return ix_const(p, c < 0 ? -c : c);
    return from_atom(p, atom(p, IX_ABS, 0, 0, 1, &a));
}

bool ix_is_const(const Ix *a, int64_t *c) {
    if (a->n == 0 && c)
        *c = a->c;
    return a->n == 0;
}

bool ix_is_var(const Ix *a, int *id) {
    bool yes = a->c == 0 && a->n == 1 && a->term->coef == 1 && a->term->atom->kind == IX_VAR;
    if (yes && id)
        *id = a->term->atom->id;
    return yes;
}

int64_t ix_coef(const Ix *a, int var) {
    for (int i = 0; i < a->n; i++)
        if (a->term[i].atom->kind == IX_VAR && a->term[i].atom->id == var)
            return a->term[i].coef;
    return 0;
}

static bool atom_uses(const IxAtom *t, int var) {
    if (t->kind == IX_VAR)
        return t->id == var;
    for (int j = 0; j < t->n; j++)
        if (ix_uses(t->a[j], var))
            return true;
    return false;
}

bool ix_uses(const Ix *a, int var) {
    for (int i = 0; i < a->n; i++)
        if (atom_uses(a->term[i].atom, var))
            return true;
    return false;
}

bool ix_affine(const Ix *a) {
    for (int i = 0; i < a->n; i++)
        if (a->term[i].atom->kind != IX_VAR && a->term[i].atom->kind != IX_BATCH)
            return false;
    return true;
}

bool ix_reads(const Ix *a) {
    for (int i = 0; i < a->n; i++) {
        const IxAtom *t = a->term[i].atom;
        if (t->kind == IX_READ)
            return true;
        for (int j = 0; j < t->n; j++)
            if (ix_reads(t->a[j]))
                return true;
    }
    return false;
}

int ix_read_depth(const Ix *a) {
    int most = 0;
    for (int i = 0; i < a->n; i++) {
        const IxAtom *t = a->term[i].atom;
        for (int j = 0; j < t->n || (j == 0 && t->kind == IX_READ); j++) {
            int depth = (j < t->n ? ix_read_depth(t->a[j]) : 0) + (t->kind == IX_READ);
            most = depth > most ? depth : most;
        }
    }
    return most;
}

bool ix_affine_in(const Ix *a, int var) {
    for (int i = 0; i < a->n; i++)
        if (a->term[i].atom->kind != IX_VAR && atom_uses(a->term[i].atom, var))
            return false;
    return true;
}

const Ix *ix_over(Pool *p, const IxAtom *t, int id, const Ix *const *a) {
    switch (t->kind) {
    case IX_VAR:
    case IX_BATCH: return from_atom(p, t);
    case IX_DIV:   return ix_div(p, a[0], t->k);
    case IX_MOD:   return ix_mod(p, a[0], t->k);
    case IX_MIN:   return ix_min(p, a[0], a[1]);
    case IX_MAX:   return ix_max(p, a[0], a[1]);
    case IX_ABS:   return ix_abs(p, a[0]);
    case IX_READ:  return ix_read(p, id, t->n, a);
    }
    bug("index atom of kind %d", t->kind);
}

const Ix *ix_subst(Pool *p, const Ix *a, int n, const Ix *const *map, const int *slot) {
    Sum s = {.c = a->c};
    for (int i = 0; i < a->n; i++) {
        const IxAtom *t = a->term[i].atom;
        const Ix *arg[MAX_RANK];
        if (t->kind == IX_VAR) {
            if (t->id < n && map[t->id])
                sum_ix(&s, map[t->id], a->term[i].coef);
            else
                sum_term(&s, a->term[i].coef, t);
            continue;
        }
        for (int j = 0; j < t->n; j++)
            arg[j] = ix_subst(p, t->a[j], n, map, slot);
        int id = t->kind == IX_READ && slot ? slot[t->id] : t->id;
        sum_ix(&s, ix_over(p, t, id, arg), a->term[i].coef);
    }
    return sum_done(p, &s);
}

/* --- ranges --- */

static bool atom_range(const IxAtom *t, const Box *box, int64_t *lo, int64_t *hi) {
    int64_t l, h, l2, h2;
    switch (t->kind) {
    case IX_VAR:
        *lo = 0;
        *hi = t->id < box->n ? box->ext[t->id].n - 1 : 0;
        return t->id < box->n;
    case IX_BATCH:
        *lo = 1;
        *hi = box->batch;
        return true;
    case IX_DIV:
        if (!ix_range(t->a[0], box, &l, &h))
            return false;
        *lo = floor_div(l, t->k);
        *hi = floor_div(h, t->k);
        return true;
    case IX_MOD:
        *lo = 0;
        *hi = t->k - 1;
        if (ix_range(t->a[0], box, &l, &h) && l >= 0 && h < t->k) {
            *lo = l;
            *hi = h;
        }
        return true;
    case IX_MIN:
    case IX_MAX:
        if (!ix_range(t->a[0], box, &l, &h) || !ix_range(t->a[1], box, &l2, &h2))
            return false;
        *lo = (t->kind == IX_MIN) == (l < l2) ? l : l2;
        *hi = (t->kind == IX_MIN) == (h < h2) ? h : h2;
        return true;
    case IX_ABS:
        if (!ix_range(t->a[0], box, &l, &h))
            return false;
        *lo = l > 0 ? l : h < 0 ? -h : 0;
        *hi = h > -l ? h : -l;
        return true;
    case IX_READ:
        return false;
    }
    bug("index atom of kind %d", t->kind);
}

/* batch - v lies in 1..B where v runs below the batch: such pairs are taken together. */
static int64_t pair(const Ix *a, const Box *box, int64_t *coef) {
    int64_t paired = 0, *batch = NULL;
    for (int i = 0; i < a->n; i++)
        if (a->term[i].atom->kind == IX_BATCH)
            batch = &coef[i];
    for (int i = 0; batch && i < a->n; i++) {
        const IxAtom *t = a->term[i].atom;
        if (t->kind != IX_VAR || t->id >= box->n || !box->ext[t->id].batch)
            continue;
        while (coef[i] < 0 && *batch > 0 && paired < 64)
            coef[i]++, --*batch, paired++;
    }
    return paired;
}

bool ix_range(const Ix *a, const Box *box, int64_t *lo, int64_t *hi) {
    int64_t coef[MAX_TERMS];
    *lo = *hi = a->c;
    for (int i = 0; i < a->n; i++)
        coef[i] = a->term[i].coef;
    int64_t paired = pair(a, box, coef);
    *lo += paired;
    *hi += paired * box->batch;
    for (int i = 0; i < a->n; i++) {
        int64_t l, h;
        if (coef[i] == 0)
            continue;
        if (!atom_range(a->term[i].atom, box, &l, &h))
            return false;
        *lo += coef[i] > 0 ? coef[i] * l : coef[i] * h;
        *hi += coef[i] > 0 ? coef[i] * h : coef[i] * l;
    }
    return true;
}

static const Ix *simplify_atom(Pool *p, const IxAtom *t, const Box *box) {
    const Ix *arg[MAX_RANK];
    int64_t l, h, l2, h2;
    for (int j = 0; j < t->n; j++)
        arg[j] = ix_simplify(p, t->a[j], box);
    if (t->kind == IX_DIV || t->kind == IX_MOD) {
        if (ix_range(arg[0], box, &l, &h) && floor_div(l, t->k) == floor_div(h, t->k)) {
            int64_t q = floor_div(l, t->k);
            return t->kind == IX_DIV ? ix_const(p, q) : ix_addc(p, arg[0], -q * t->k);
        }
        const Ix *whole = ix_in_units(p, t->kind, arg[0], t->k, box);
        if (whole)
            return whole;
    } else if (t->kind == IX_MIN || t->kind == IX_MAX) {
        if (ix_range(ix_sub(p, arg[0], arg[1]), box, &l, &h) && (l >= 0 || h <= 0))
            return (t->kind == IX_MIN) == (h <= 0) ? arg[0] : arg[1];
    } else if (t->kind == IX_ABS && ix_range(arg[0], box, &l2, &h2)) {
        if (l2 >= 0 || h2 <= 0)
            return l2 >= 0 ? arg[0] : ix_scale(p, arg[0], -1);
    }
    return ix_over(p, t, t->id, arg);
}

const Ix *ix_simplify(Pool *p, const Ix *a, const Box *box) {
    Sum s = {.c = a->c};
    for (int i = 0; i < a->n; i++) {
        const IxAtom *t = a->term[i].atom;
        if (t->kind == IX_VAR && t->id < box->n && box->ext[t->id].n == 1)
            continue;                                  /* always 0 */
        if (t->kind == IX_VAR || t->kind == IX_BATCH)
            sum_term(&s, a->term[i].coef, t);
        else
            sum_ix(&s, simplify_atom(p, t, box), a->term[i].coef);
    }
    return sum_done(p, &s);
}

bool ix_inside(Pool *p, const Ix *a, Dim dim, const Box *box) {
    int64_t l, h;
    const Ix *room = dim.batch ? ix_sub(p, ix_addc(p, ix_batch(p), -1), a)
                               : ix_sub(p, ix_const(p, dim.n - 1), a);
    return ix_range(a, box, &l, &h) && l >= 0 && ix_range(room, box, &l, &h) && l >= 0;
}
