/* A kernel as a tape of instructions over registers; for interp*.c alone. */
#ifndef KILN_CODEGEN_INTERP_TAPE_H
#define KILN_CODEGEN_INTERP_TAPE_H

#include "ir/loop.h"

typedef enum {
    /* on integer registers */
    I_SUM,                             /* to = k + coef*reg + ... (terms) */
    I_DIV, I_MOD,                      /* of a by k, rounded down */
    I_MIN, I_MAX, I_ABS,
    I_ELEMENT,                         /* element a of buffer `buf` */
    I_FOR,                             /* loop variable `to` from a; past b: to `jump` */
    I_NEXT,                            /* variable `to` += k; b not passed: to `jump` */
    I_JUMP, I_UNLESS_GE0, I_UNLESS_EQ0,
    /* on value registers, `lanes` wide */
    V_NUMBER,                          /* integer a + lane*k as a number */
    V_READ,                            /* lanes < active, and those of mask b if b >= 0 */
    V_STORE,
    V_MOVE, V_SPLAT, V_CALL, V_TREE,
    V_LANE_GE0, V_LANE_EQ0,            /* lane k of mask `to` &= integer a >= 0 */
    V_NOT, V_AND,                      /* of masks a, b */
    V_PICK,                            /* lanes of mask b become a's */
    V_UNLESS_ANY,                      /* no lane of mask b: to `jump` */
    V_TRUE,                            /* all lanes of mask `to` */
    I_END
} InsKind;

typedef struct { int64_t coef; int reg; } Term;

typedef struct {
    InsKind kind;
    int to, a, b, c;
    int lanes, active;
    int64_t k;                         /* constant, step or distance */
    int n;                             /* terms; arguments of a call */
    const Term *term;
    Fn fn;
    DType type;                        /* of the result; of a call: of its arguments */
    int buf;
    int jump;
    const Stmt *stmt;                  /* for messages */
} Ins;

typedef struct {
    const Kernel *k;
    int nins;
    Ins *ins;
    int nreg;                          /* integer registers: loop variables, batch, others */
    int ncell;                         /* cells of all value registers */
    Num *preset;                       /* their first contents: constants */
} Tape;

Tape *interp_compile(Arena *a, Pool *p, const Kernel *k);

/* Where a kernel's buffers lie in this run. */
typedef struct { unsigned char *data; int64_t size; } Memory;
/* false: an access outside of its buffer was reported at loc. */
bool interp_run(Arena *a, Loc loc, const Tape *t, int64_t n, const Memory *buf);

Num interp_get(DType t, const void *data, int64_t i);
void interp_put(DType t, void *data, int64_t i, Num v);

#endif
