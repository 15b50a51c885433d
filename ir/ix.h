/* Ix: a 64-bit integer expression over indices; subscripts, addresses and loop bounds.
 * Always a sum `c + coef*atom + ...` with atoms sorted and merged, so equal means the
 * same pointer. Immutable and interned in a Pool. */
#ifndef KILN_IR_IX_H
#define KILN_IR_IX_H

#include "ir/type.h"

typedef struct Pool Pool;              /* interning tables of Ix and Expr, in one arena */
Pool *pool_new(Arena *a);
Arena *pool_arena(Pool *p);
void **pool_slot(Pool *p, int slot);   /* a place for others' caches: 0 scalar.c, 1.. free */

typedef struct Ix Ix;
typedef enum {
    IX_VAR,                            /* index or loop variable number `id` */
    IX_BATCH,                          /* the batch of this call, 1..B */
    IX_DIV, IX_MOD,                    /* floor division of a[0] by the positive `k` */
    IX_MIN, IX_MAX,                    /* of a[0], a[1] */
    IX_ABS,
    IX_READ                            /* integer element of operand `id` at a[0..n) */
} IxKind;

typedef struct {
    IxKind kind;
    int id;                            /* IX_VAR: variable; IX_READ: operand slot */
    int64_t k;                         /* IX_DIV, IX_MOD: divisor */
    int n;                             /* arguments */
    const Ix *const *a;
    uint32_t order;                    /* number in the pool */
} IxAtom;

typedef struct { int64_t coef; const IxAtom *atom; } IxTerm;

struct Ix {
    int64_t c;                         /* the constant */
    int n;                             /* terms */
    const IxTerm *term;
    uint32_t id;                       /* number in the pool: a stable order */
};

const Ix *ix_const(Pool *p, int64_t c);
const Ix *ix_var(Pool *p, int id);
const Ix *ix_batch(Pool *p);
const Ix *ix_add(Pool *p, const Ix *a, const Ix *b);
const Ix *ix_sub(Pool *p, const Ix *a, const Ix *b);
const Ix *ix_addc(Pool *p, const Ix *a, int64_t c);
const Ix *ix_scale(Pool *p, const Ix *a, int64_t k);
const Ix *ix_div(Pool *p, const Ix *a, int64_t k);  /* multiples of k leave the floor */
const Ix *ix_mod(Pool *p, const Ix *a, int64_t k);
const Ix *ix_min(Pool *p, const Ix *a, const Ix *b);
const Ix *ix_max(Pool *p, const Ix *a, const Ix *b);
const Ix *ix_abs(Pool *p, const Ix *a);
const Ix *ix_read(Pool *p, int slot, int n, const Ix *const *sub);

int64_t ix_gcd(int64_t a, int64_t b);
int ix_compare(const Ix *a, const Ix *b);           /* an order by content; 0: the same */
bool ix_is_const(const Ix *a, int64_t *c);          /* c may be NULL */
bool ix_is_var(const Ix *a, int *id);               /* exactly 1*var + 0 */
int64_t ix_coef(const Ix *a, int var);              /* of the plain variable; 0 if absent */
bool ix_uses(const Ix *a, int var);                 /* anywhere, in atoms too */
bool ix_affine(const Ix *a);                        /* variables and the batch only */
bool ix_reads(const Ix *a);                         /* holds an IX_READ */
int ix_read_depth(const Ix *a);                     /* 2: reads at a place that is read */
bool ix_affine_in(const Ix *a, int var);            /* var stands in no div, mod, read ... */

/* Values that variables take: 0 <= var < ext[var]; the batch is 1..its bound. */
typedef struct { int n; const Dim *ext; int64_t batch; } Box;
/* Inclusive bounds over the box; false if unbounded (a read, an unknown variable). */
bool ix_range(const Ix *a, const Box *box, int64_t *lo, int64_t *hi);
/* Removes div, mod, min, max, abs that the box decides. */
const Ix *ix_simplify(Pool *p, const Ix *a, const Box *box);
/* 0 <= a < dim everywhere in the box, where a batch extent counts as the batch itself. */
bool ix_inside(Pool *p, const Ix *a, Dim dim, const Box *box);

/* Simultaneous replacement of variables: map[var], NULL or var >= n keeps it. slot, if
 * not NULL, renumbers operand slots of reads. */
const Ix *ix_subst(Pool *p, const Ix *a, int n, const Ix *const *map, const int *slot);

/* Atom t over arguments a in place of its own; a read's slot becomes id. */
const Ix *ix_over(Pool *p, const IxAtom *t, int id, const Ix *const *a);

/* e >= 0 is shown by either or by both of two others, in which the i-th term's minimum,
 * maximum or absolute value is one of what it chooses from. */
typedef enum { ARMS_NONE, ARMS_EITHER, ARMS_BOTH } Arms;
Arms ix_arms(Pool *p, const Ix *e, int i, const Ix *arm[2]);

/* x/k or x%k where x = g*y + r, g divides k and 0 <= r < g in the box: y/(k/g), and
 * g*(y%(k/g)) + r. NULL: there is no such g. */
const Ix *ix_in_units(Pool *p, IxKind kind, const Ix *x, int64_t k, const Box *box);

/* `name` spells variables (NULL: i0, i1, ...) and slots; see expr.h. */
typedef struct Names Names;
void ix_print(Text *out, const Ix *a, const Names *names);

/* One comparison of a guard: e >= 0 or e == 0. */
typedef struct { const Ix *e; bool eq; } Cmp;
/* A conjunction, sorted, without duplicates. n == 0 is true. */
typedef struct { int n; const Cmp *cmp; } Cond;
Cond cond_and(Pool *p, Cond a, Cond b);
Cond cond_ge0(Pool *p, const Ix *e);                /* e >= 0 */
Cond cond_eq0(Pool *p, const Ix *e);
Cond cond_in(Pool *p, const Ix *e, Dim dim);        /* 0 <= e < dim, both comparisons */
Cond cond_subst(Pool *p, Cond c, int n, const Ix *const *map, const int *slot);
/* Drops what always holds in the box; *never is set where one comparison cannot hold. */
Cond cond_simplify(Pool *p, Cond c, const Box *box, bool *never);
bool cond_uses(Cond c, int var);
void cond_print(Text *out, Cond c, const Names *names);

#endif
