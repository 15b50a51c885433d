/* Expr: a typed scalar (in loop IR also vector) expression over reads. Immutable and
 * interned: equal means the same pointer. Constructors simplify only what is exact for
 * every value, NaN, infinities and signed zeros included. */
#ifndef KILN_IR_EXPR_H
#define KILN_IR_EXPR_H

#include "ir/ix.h"

/* Scalar functions: primitives first (C and LLVM spell them), then defined ones, which
 * are expanded into primitives before emission. See scalars.def. */
typedef enum {
#define PRIM(name, ...) FN_##name,
#define FUN(name, ...) FN_##name,
#include "ir/scalars.def"
    NFN
} Fn;

enum { MAX_ARGS = 8 };                  /* of a scalar function */

/* How the result's type follows from the arguments' (which must agree). */
typedef enum {
    T_SAME,                            /* that of the arguments */
    T_BOOL,                            /* bool, same lanes */
    T_SELECT,                          /* (bool, t, t) -> t */
    T_BITS,                            /* f32<->u32, f64<->u64 */
    T_F32, T_F64, T_I32, T_I64, T_U32, T_U64, T_U8  /* conversion to it */
} TypeRule;

/* What a defined function takes; see scalars.def. */
typedef enum { TAKES_ANY, TAKES_FLOAT, TAKES_F32, TAKES_U32, TAKES_BOOL } FnTypes;

typedef struct {
    const char *name;
    int nargs;
    TypeRule rule;
    FnTypes types;                     /* FUN */
    bool prim;
    const char *c;                     /* PRIM: C spelling with $0 $1 $2, scalar */
    const char *llvm_f, *llvm_s, *llvm_u; /* PRIM: opcode for floats, signed, unsigned */
    const char *def;                   /* FUN: definition, over a, b, c .. */
    const char *grad;                  /* derivatives by argument, ';' between, over a b c ..
                                          and o, the result; "" = none */
    double ulp;                        /* FUN: stated accuracy in f32; 0 = exact */
} FnInfo;
extern const FnInfo fn_info[NFN];
bool fn_parse(const char *name, size_t len, Fn *out);
bool fn_takes(Fn fn, DType t);         /* arguments of that type; select: t beside a bool */

typedef enum {
    X_NUM,                             /* constant */
    X_IX,                              /* value of `ix`, converted to the type */
    X_READ,                            /* element of operand `id` at sub[0..n) */
    X_VAR,                             /* loop IR: variable number `id` */
    X_CALL,                            /* fn(arg[0..n)) */
    X_WHEN,                            /* cond ? arg[0] : arg[1], lazy */
    X_SPLAT,                           /* loop IR: all lanes are the scalar arg[0] */
    X_TREE                             /* loop IR: lanes of arg[0] folded by fn, halves
                                          onto halves: lane i with lane i + lanes/2 */
} XKind;

typedef struct Expr Expr;
struct Expr {
    XKind kind;
    DType type;
    int lanes;                         /* 1 in graph IR */
    uint32_t id;                       /* number in the pool: a stable order */
    Fn fn;                             /* X_CALL, X_TREE */
    int n;                             /* subscripts or arguments */
    const Expr *const *arg;            /* X_CALL, X_WHEN, X_SPLAT, X_TREE */
    union {
        double num;                    /* X_NUM of a float type */
        int64_t i;                     /* X_NUM of another type (u64: its bits) */
        const Ix *ix;                  /* X_IX: lane l has ix + l*step */
        int slot;                      /* X_READ: operand or buffer; X_VAR: variable */
    } u;
    const Ix *const *sub;              /* X_READ: subscripts (loop IR: one, the element) */
    int64_t step;                      /* X_IX, X_READ with lanes > 1: distance of lanes */
    int active;                        /* X_READ with lanes > 1: lanes >= active are 0 and
                                          not touched */
    Cond cond;                         /* X_WHEN: a scalar condition. With lanes > 1 and
                                          step != 0, lane l tests cond at var + l */
    int lane_var;                      /* X_WHEN with lanes > 1: that variable, or -1 */
};

const Expr *x_num(Pool *p, DType t, double v);
const Expr *x_int(Pool *p, DType t, int64_t v);
const Expr *x_ix(Pool *p, DType t, const Ix *ix);
const Expr *x_read(Pool *p, DType t, int slot, int n, const Ix *const *sub);
const Expr *x_var(Pool *p, DType t, int lanes, int id);
/* Arguments must have agreeing types, else bug(). Folds constants exactly. */
const Expr *x_call(Pool *p, Fn fn, int n, const Expr *const *arg);
const Expr *x_call1(Pool *p, Fn fn, const Expr *a);
const Expr *x_call2(Pool *p, Fn fn, const Expr *a, const Expr *b);
const Expr *x_call3(Pool *p, Fn fn, const Expr *a, const Expr *b, const Expr *c);
const Expr *x_when(Pool *p, Cond c, const Expr *a, const Expr *b);
const Expr *x_cast(Pool *p, DType to, const Expr *a);
/* vector forms, for loop IR */
const Expr *x_ramp(Pool *p, DType t, int lanes, const Ix *ix, int64_t step);
const Expr *x_vread(Pool *p, DType t, int slot, const Ix *at, int lanes, int64_t step,
                    int active);
const Expr *x_vwhen(Pool *p, Cond c, int lane_var, const Expr *a, const Expr *b);
const Expr *x_splat(Pool *p, int lanes, const Expr *a);
const Expr *x_tree(Pool *p, Fn fn, const Expr *a);

bool x_is_num(const Expr *e, double v);         /* a constant equal to v, sign of 0 too */
/* Replaces variables in subscripts, slots of reads, both at once (see ix_subst). */
const Expr *x_subst(Pool *p, const Expr *e, int n, const Ix *const *map, const int *slot);
/* Rebuilds e with f applied to every node bottom-up, each distinct node once. */
typedef const Expr *XFn(Pool *p, const Expr *e, void *user);
const Expr *x_rewrite(Pool *p, const Expr *e, XFn *f, void *user);
/* Visits every distinct node once, arguments first. */
void x_visit(const Expr *e, void (*f)(const Expr *e, void *user), void *user);
bool x_uses_var(const Expr *e, int index);      /* index variable, anywhere */
/* Guards and subscripts simplified over a box; guards that cannot hold disappear. */
const Expr *x_simplify(Pool *p, const Expr *e, const Box *box);

/* scalars (scalar*.c) */
const Expr *x_expand(Pool *p, const Expr *e);   /* defined functions into primitives */
/* a*b where what a select or a guard chooses to be 0 stays 0, whatever the rest is. */
const Expr *x_times(Pool *p, const Expr *a, const Expr *b);
/* d e / d read, where `read` is an X_READ of a float type; NULL if zero. */
const Expr *x_derive(Pool *p, const Expr *e, const Expr *read);
/* Value of a primitive on constants, exactly as emitted code computes it. wide: f32
 * expressions are computed in f64, and defined functions by the C library. */
typedef union { double f; int64_t i; } Num;
Num prim_eval(Fn fn, DType argtype, const Num *arg);
Num fun_eval_wide(Fn fn, const double *arg);    /* .i where the result is no float */

struct Names {                         /* spellings for printing; NULL fields: defaults */
    const char *const *var;            /* index variables: i0, i1 */
    const char *const *slot;           /* operands: %0, %1 */
    const int *shared;                 /* by Expr id: k prints as sk, 0 in full */
};
void x_print(Text *out, const Expr *e, const Names *names);

#endif
