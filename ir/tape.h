/* What the files of the oracle share: values, and tapes of instructions on blocks of
 * points; for oracle*.c alone. */
#ifndef KILN_IR_TAPE_H
#define KILN_IR_TAPE_H

#include "ir/oracle.h"
#include "ir/node.h"
#include "ir/pool.h"

enum { BLOCK = 128 };                  /* points evaluated at once */

typedef struct {                       /* how numbers are held in this run */
    bool wide;
    int64_t n;                         /* the batch */
    Loc loc;
    uint32_t node;                     /* being computed, for messages */
} Run;

typedef struct {
    Type type;                         /* as in the graph, batch dims included */
    void *data;                        /* row-major at the extents of this call */
} Value;

int64_t dim_size(const Run *r, Dim d);
int64_t value_count(const Run *r, const Type *t);
int value_bytes(const Run *r, DType t);            /* of one element */
Value value_new(const Run *r, Arena *a, const Type *t);
Num value_get(const Run *r, DType t, const void *data, int64_t i);
void value_put(const Run *r, DType t, void *data, int64_t i, Num v);

typedef union { double f[BLOCK]; int64_t i[BLOCK]; } Reg;

typedef enum {
    OP_LINE,                           /* k*a + c */
    OP_PLUS,                           /* a + k*b */
    OP_DIV, OP_MOD,                    /* of a by k */
    OP_MIN, OP_MAX, OP_ABS,
    OP_NOT_NEGATIVE, OP_ZERO,          /* a >= 0, a == 0 */
    OP_AND, OP_BUT,                    /* a && b, a && !b */
    OP_INSIDE,                         /* 0 <= a < k */
    OP_PLACE,                          /* b ? a : -1 */
    OP_CHECK,                          /* an error unless 0 <= a < k */
    OP_LOAD,                           /* element a of `data` */
    OP_FROM_INT,                       /* a as a number of type `type` */
    OP_CALL,                           /* primitive */
    OP_WIDE_CALL,                      /* defined function, by the C library */
    OP_PICK                            /* a ? b : c */
} OpKind;

typedef struct {
    OpKind kind;
    int to, a, b, c;                   /* registers; -1 = none */
    int mask;                          /* OP_CHECK, OP_LOAD: lanes that count; -1 = all */
    int64_t k, add;
    Fn fn;
    const int *arg;                    /* OP_WIDE_CALL: registers */
    DType type;                        /* of the arguments; OP_FROM_INT: of the result */
    DType result;                      /* OP_CALL, OP_WIDE_CALL */
    const void *data;
    int slot, dim;                     /* OP_CHECK: for the message */
} Op;

typedef struct Tape {
    const Run *run;
    Arena *arena;
    Pool *pool;
    Box box;
    const Value *src;
    Reg **reg;
    int nreg;
    Op *op;
    int nop;
    Pool memo_pool;                    /* of the table; only its arena counts */
    Table memo;                        /* registers that hold an Expr or Ix already */
    const int *var;                    /* registers of X_VAR in a definition, or NULL */
} Tape;

/* Registers 0..nidx-1 hold the indices. */
Tape *tape_new(const Run *r, Arena *a, Pool *p, const Box *box, int nidx, const Value *src);
int tape_expr(Tape *t, const Expr *e);             /* the register of its value */
/* Where the subscripts lead in a tensor of that type: the element's number, or -1 outside
 * of it. */
int tape_place(Tape *t, int n, const Ix *const *sub, const Type *type);
Reg *tape_reg(Tape *t, int reg);
bool tape_run(Tape *t, int count);                 /* false: an error was reported */

/* result[0] and, with e->arg, result[1] are filled. */
bool oracle_eq(const Run *r, Pool *p, const Eq *e, const Value *src, Value *result);

#endif
