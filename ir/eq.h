/* Eq: one tensor equation, the meaning of every op.
 *
 *     for every point of all indices:   O[store] fold= body
 *
 * Indices 0..nfree-1 are free, the rest are reduced, in canonical order (outermost
 * first); the batch is the outermost of the reduced. Normal form: every result element
 * belongs to exactly one point of the box of free indices (points outside the result's
 * shape are neither computed nor stored). scatter: all indices are free, elements may be hit many times, in
 * the order of the indices; the result starts at the fold's identity. A result element
 * that no point reaches is the identity (0 for FOLD_NONE). */
#ifndef KILN_IR_EQ_H
#define KILN_IR_EQ_H

#include "ir/expr.h"

typedef enum { FOLD_NONE, FOLD_SUM, FOLD_MAX, FOLD_MIN, FOLD_PROD } Fold;

/* The order of a sum is part of the equation (DESIGN 1.10). Terms are numbered along the
 * reduced indices at their full extents (the batch at the batch of the call). Chunk c
 * holds terms c*chunk .. c*chunk + chunk-1. ORDER_SERIAL: its terms are summed one by one
 * from +0. ORDER_LANES: 16 lanes (number in the chunk mod 16) are summed one by one from
 * +0, then folded by halves (8, 4, 2, 1). Chunk sums are added in order. With parts = 16
 * (more than 2^14 terms at the batch's bound) chunk c belongs to part c / cp, where cp =
 * ceil(chunks at the bound / 16); each part sums its chunks in order from +0, then the
 * parts are added in order from +0. Without parts the total starts from +0 likewise.
 *
 * The chunk is a run of one index times the whole indices inside it, so that a chunk never
 * straddles a turn of an outer index: with P = the product of the inner extents taken
 * whole (as many as keep P <= limit) and E = the next extent outward, run = the largest
 * divisor of E with run*P <= limit; if that leaves run*P < limit/4, run = the smallest
 * divisor of E with run*P >= limit/4. If E is the outermost reduced index, it need not
 * divide: run = floor(limit / P). Limit: 512 for ORDER_SERIAL, 4096 for ORDER_LANES. */
typedef enum { ORDER_SERIAL, ORDER_LANES } Order;
enum { LANES = 16, PARTS = 16, PART_TERMS = 1 << 14, SERIAL_CHUNK = 512,
       LANES_CHUNK = 4096 };

typedef struct Eq {
    int nidx, nfree;
    const Dim *ext;                    /* of each index */
    int nout;                          /* rank of the result */
    const Ix *const *store;            /* nout subscripts */
    Fold fold;
    bool scatter;
    bool arg;                          /* result 1: number (i32) of the first winner among
                                          the reduced points; FOLD_MAX, FOLD_MIN only */
    bool even;                         /* FOLD_MAX, FOLD_MIN: winners share the gradient,
                                          instead of the first taking all */
    Order order;
    int64_t chunk;                     /* terms in a chunk; 0 where nothing is reduced */
    int64_t parts;                     /* 1 or PARTS */
    const Expr *body;                  /* reads operand slots 0.. */
} Eq;

/* Sets order, chunk and parts from the equation's structure.
 * ORDER_LANES: a fold of at least 16 terms whose innermost reduced index stands alone, with
 * coefficient 1, in the last subscript of some read, and that is no contraction. A
 * contraction multiplies two reads (under guards, signs, conversions) of which only one
 * uses some free index: the other is used again for each of its values. ORDER_SERIAL: all
 * else. Maxima and minima are one chunk and one part: no order changes them but for the sign
 * of a zero. Along a row, without the winner's number, they have lanes like sums. */
void eq_set_order(Eq *e);
bool eq_row_sum(const Eq *e);          /* ORDER_LANES, had it terms enough */
Box eq_box(const Eq *e);
int64_t eq_terms(const Eq *e);         /* reduced points at the batch's bound */
double fold_identity(Fold f, DType t); /* 0, -inf, +inf, 1 (integers: their extremes) */
const Expr *fold_start(Pool *p, Fold f, DType t); /* the identity, exact for all types */
Fn fold_fn(Fold f);                    /* FN_add, FN_max, FN_min, FN_mul */

/* The row of an op or a node in text: parsed with the operands' types and attributes.
 *   O[n,f,y<(X.2-W.2)/s+1] += X[n,c,y*s+u] * W[f,c,u]        reads by operand name
 *   O[..] = max(A[..], B[..])      `..` all other dims; operands broadcast as in numpy
 *   O[a.., i<X.a+p, b..] = ...     named runs of dims, as long as attribute `a` says; no
 *                                  broadcast; one without an attribute takes what is left
 *   O[a..,r..:keep,b..] += ...     in the result: dims of extent 1, or none if keep is 0
 *   O[..<@shape], O[..@perm]       a run's extents, or the order of its dims, from a list
 *                                  (in a shape 0 is X's extent there, -1 what is left)
 *   O[..] = X[#]                   # as subscripts: the result's element number taken apart
 *   u32(#)                         # as a value: the result's element number
 *   X.2, X.a, X.a..b, X.count      extent of a dim (a: number in an attribute), product of b
 *                                  extents from a on, product of all; below 0 from the end
 *   +=[u,v,c]                      order of reduction, outermost first (the batch always is)
 *   += max= min= *= =  ; argmax= argmin= yield result 1 too; evenmax= evenmin= share; `scatter +=`
 *   when(c && c, a, b)             c: comparisons of integer expressions
 *   need X.1 == g*W.1 && g > 0: O[..  what must hold of shapes and attributes
 *   matmul: O[i,j] ...             a name that leads in messages
 * Indices take their range from `i<..` or from the dims they subscript alone. One of extent
 * 1 that is not the batch is 0. A read that may fall outside its operand becomes
 * when(inside, term, identity); in an equation without reduction that is an error. What
 * eq_print wrote is read back as it stands. */
typedef enum { ATTR_INT, ATTR_FLOAT, ATTR_LIST } AttrKind;
typedef struct {
    const char *name;
    AttrKind kind;
    int64_t i;                         /* ATTR_INT; ATTR_LIST: length */
    double f;                          /* ATTR_FLOAT */
    const int64_t *list;
} Attr;
typedef struct {
    const char *name;                  /* operand's name in the text */
    Type type;
} Operand;

/* NULL and an error at loc if it does not fit the operands. *out: result's type;
 * out_dtype NDTYPE: that of the body. */
Eq *eq_parse(Pool *p, Loc loc, const char *text, int nsrc, const Operand *src, int nattr,
             const Attr *attr, DType out_dtype, Type *out);
/* Prints with explicit extents and order, so that eq_parse gives the same Eq back:
 *   O[i0<n:64,i1<10] += [i2<784] chunk 512 : %x[i0,i2]*%w[i1,i2]   */
void eq_print(Text *out, const Eq *e, const Type *result, const Names *names);
bool eq_equal(const Eq *a, const Eq *b);
/* NULL if sound, else what is wrong: a read that may leave its operand, a bad type ... */
const char *eq_verify(Arena *a, Pool *p, const Eq *e, int nsrc, const Type *const *src,
                      const Type *result);

/* Rewrites into normal form where it can (else leaves a scatter): solves subscripts for
 * an index of unit coefficient, splits indices until / and % vanish. Exact. */
Eq *eq_normalise(Pool *p, const Eq *e, const Type *result);

#endif
