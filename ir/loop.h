/* Loop IR: kernels as loop nests over flat buffers. Expressions are those of expr.h with
 * flat element addresses; Ix variables are loop variables, X_VAR are local scalars or
 * vectors. */
#ifndef KILN_IR_LOOP_H
#define KILN_IR_LOOP_H

#include "ir/graph.h"

typedef enum {
    LOOP_FREE,                         /* iterations are independent of each other */
    LOOP_SERIAL,                       /* in order: reductions, scatters, chunks */
    LOOP_PARALLEL                      /* outermost only: parts may run side by side */
} LoopKind;

typedef enum {
    S_FOR,                             /* for (var = lo; var + step <= hi; var += step) */
    S_IF,                              /* if (cond) body */
    S_LET,                             /* declares variable `var` with value; mutable */
    S_SET,                             /* var = value */
    S_STORE,                           /* buffer[at + l*step] = value, lanes < active */
    S_COMMENT                          /* `text`, for readers of the C */
} StmtKind;

typedef struct Stmt Stmt;
struct Stmt {
    StmtKind kind;
    Stmt *next;
    Stmt *body;                        /* S_FOR, S_IF */
    int var;                           /* S_FOR: loop variable; S_LET, S_SET: local */
    LoopKind loop;
    const Ix *lo, *hi;                 /* S_FOR: hi exclusive; a rest < step is not run */
    int64_t step;                      /* S_FOR > 0; S_STORE: distance of lanes */
    Cond cond;                         /* S_IF */
    const Expr *value;                 /* S_LET, S_SET, S_STORE */
    int buf;                           /* S_STORE */
    const Ix *at;                      /* S_STORE: element address */
    int active;                        /* S_STORE of a vector: lanes stored */
    const char *text;
};
/* S_FOR over (lo, hi, step) leaves the remainder to a following loop that starts at
 * lo + (hi-lo)/step*step; `tile` makes those. */

typedef enum { BUF_ARG, BUF_LOCAL } BufKind;
typedef struct {
    BufKind kind;
    DType dtype;
    int64_t size;                      /* elements, at the batch's bound */
    bool read, written;                /* BUF_ARG */
    bool restricted;                   /* BUF_ARG: overlaps no other argument */
    const char *name;                  /* for readers of the C: "x", "w"; may be NULL */
} Buf;                                 /* BUF_LOCAL: per-thread scratch, 64-byte aligned */

typedef struct Kernel {
    const char *name;                  /* k0, k1 ... within the program */
    int nbuf;
    Buf *buf;                          /* X_READ slots and stores count through here */
    int nvar;                          /* locals: types by variable number */
    struct { DType type; int lanes; } *var;
    int nloop;                         /* loop variables are 0..nloop-1 */
    Stmt *body;
    bool parallel;                     /* body has a LOOP_PARALLEL outermost loop */
    double work;                       /* scalar operations at the batch's bound */
    const Origin *origin;
    uint64_t hash;                     /* of everything but the name */
} Kernel;

/* What code is made for; a row of targets.def. */
typedef struct Target {
    const char *name;                  /* "avx512", "portable" ... */
    int lanes;                         /* f32 in one register; 1 = scalar code */
    int registers;                     /* vector registers */
    bool fma;
    bool masked;                       /* cheap masked loads and stores */
    int64_t l1, l2;                    /* bytes */
    const char *features;              /* for __attribute__((target())) and LLVM */
    bool vector;                       /* dialect: vector or portable */
} Target;
extern const Target target_info[];
extern const int target_count;
const Target *target_find(const char *name);       /* "native" too; NULL if unknown */

/* Where a kernel's argument lives. */
typedef enum {
    AT_ARENA, AT_PARAM, AT_GRAD, AT_STATE, AT_STREAM, AT_CONST, AT_VALUE, /* offset in bytes */
    AT_INPUT, AT_OUTPUT                /* index of the entry's argument, offset in bytes */
} Space;
typedef struct { Space space; int index; int64_t offset; int64_t stride; } Place;
/* stride: bytes added for each turn of the innermost surrounding C_LOOP */

typedef enum { C_KERNEL, C_LOOP, C_END } CallKind;
typedef struct {
    CallKind kind;
    int kernel;                        /* C_KERNEL: index in program->kernel */
    Place *arg;                        /* one for each BUF_ARG, in order */
    int64_t times;                     /* C_LOOP; steps run t = 0..times-1 */
} Call;

typedef struct {                       /* a named tensor in a block or argument list */
    const char *name;
    Type type;
    int64_t offset;                    /* bytes in its block */
    int64_t lo, hi;                    /* integer inputs, and the stream's: accepted values
                                          lo..hi-1, else status 2; lo == hi: any */
    double init;                       /* values: preset */
} Slot;
typedef struct { int n; Slot *slot; int64_t bytes; } Block;

typedef struct {
    const char *name;                  /* "forward" */
    int nin, nout;
    int *in;                           /* index in program->input */
    Slot *out;                         /* name and type */
    int ncall;
    Call *call;
    int64_t arena, arena_bound;        /* planned bytes, and the lower bound for any plan */
    int64_t scratch;                   /* bytes for each thread */
    bool training;
    int judged;                        /* output, counted from 1: where it is not finite the
                                          status is 3; 0: none */
    bool stream;                       /* goes on where its last call ended */
} Entry;

typedef struct Program {
    Arena *arena;
    Pool *pool;
    Strs *strs;
    const char *name;                  /* the C prefix */
    const Target *target;
    bool strict;
    int64_t batch;
    Block input;                       /* all inputs of all entries; offsets unused */
    Block param, grad, state, value, constant;
    Block stream;                      /* what `stream` keeps from call to call */
    const unsigned char *const_data;   /* constant.bytes of them */
    int nkernel;
    Kernel **kernel;
    int nentry;
    Entry *entry;
} Program;

/* Building. Lists are built through a tail pointer: *tail = s; tail = &s->next. */
Stmt *stmt_for(Arena *a, int var, LoopKind k, const Ix *lo, const Ix *hi, int64_t step,
               Stmt *body);
Stmt *stmt_if(Arena *a, Cond c, Stmt *body);
Stmt *stmt_let(Arena *a, int var, const Expr *value);
Stmt *stmt_set(Arena *a, int var, const Expr *value);
Stmt *stmt_store(Arena *a, int buf, const Ix *at, const Expr *value);
Stmt *stmt_vstore(Arena *a, int buf, const Ix *at, int64_t step, int active,
                  const Expr *value);
Stmt *stmt_comment(Arena *a, const char *text);
int kernel_var(Arena *a, Kernel *k, DType t, int lanes);
int kernel_loop(Kernel *k);                        /* a new loop variable */
int kernel_buf(Arena *a, Kernel *k, Buf b);
/* k, or a copy in which defined functions are written out as primitives (loop_expand.c). */
const Kernel *kernel_expand(Arena *a, Pool *p, const Kernel *k);

/* Memory beyond the plan: a kernel's locals lie in a thread's slice, from offset
 * kernel_local(k, buf) on, kernel_scratch(k) bytes in all. The arena holds
 * program_planned bytes, then program_scratch bytes for each thread. */
int64_t kernel_local(const Kernel *k, int buf);
int64_t kernel_scratch(const Kernel *k);
int64_t program_planned(const Program *p);
int64_t program_scratch(const Program *p);
bool entry_plain(const Entry *e);      /* no inputs, no outputs: whatever the batch */

void loop_print(Text *out, const Kernel *k);
extern const char *const loop_kind_name[];
/* NULL: errors reported. One kernel is the whole text; _next reads several in a row. */
Kernel *loop_parse(Arena *a, Pool *p, Strs *s, Source *src);
Kernel *loop_parse_next(Arena *a, Pool *p, Strs *s, Source *src, size_t *at);
/* NULL if sound: types, declared before use, every access inside its buffer under the
 * guards and loops around it, active <= lanes, lanes <= the target's (t not NULL). */
const char *loop_verify(Arena *a, Pool *p, const Kernel *k, int64_t batch, const Target *t);
uint64_t loop_hash(const Kernel *k);           /* names, comments, origins do not count */
void program_print(Text *out, const Program *p);

#endif
