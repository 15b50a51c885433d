/* Inside the JIT module: state of one compilation, shared by the llvm_*.c files. */
#ifndef KILN_CODEGEN_LLVM_H
#define KILN_CODEGEN_LLVM_H

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

#include "codegen/exec.h"

typedef LLVMValueRef Val;

/* Values known in the current region, by expression or by address; what was entered
 * after a mark is dropped when the region is left. */
typedef struct {
    const void *key;                   /* Expr, or Ix whose terms count */
    int slot;                          /* buffer of an address, or MEMO_EXPR, MEMO_SUM */
    int next;                          /* older entry of the same chain, -1 = none */
    uint32_t chain;
    Val value;
} Known;
enum { MEMO_CHAINS = 1024, MEMO_EXPR = -1, MEMO_SUM = -2 };
typedef struct {
    int head[MEMO_CHAINS];
    int n, cap;
    Known *known;
} Memo;

/* How LLVM spells a primitive for one class of types. */
typedef enum {
    SP_NONE, SP_UNARY, SP_BINARY, SP_SHIFT, SP_FCMP, SP_ICMP, SP_INTRINSIC, SP_CAST, SP_SELECT,
    SP_MULHI
} SpellKind;
typedef struct { SpellKind kind; int code; const char *intrinsic; } Spell;

typedef enum { CLASS_FLOAT, CLASS_SIGNED, CLASS_UNSIGNED, NCLASS } NumClass;

typedef struct {
    Arena *arena;
    Pool *pool;                        /* for bodies of defined functions alone */
    const Program *program;
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef b;
    LLVMTypeRef i1, i32, i64, ptr, none;
    LLVMTypeRef value[NDTYPE];         /* in a register: bool is i1 */
    LLVMTypeRef memory[NDTYPE];        /* in a buffer: bool is i8 */
    Spell spell[NFN][NCLASS];
    Val *kernel_fn;                    /* by kernel of the program; see ll_declare */
    Val *part_fn;                      /* of parallel kernels: void (void *args, int part) */
    const ExecOptions *options;
    /* the kernel being emitted */
    const Kernel *kernel;
    Val fn;
    Val *buf;                          /* pointers, arguments and locals alike */
    Val *loop;                         /* value of each loop variable */
    Val *local;                        /* alloca of each local variable */
    Val batch, part, parts;
    Val mask;                          /* lanes that may be read; NULL = all */
    Memo *memo;
} Emit;

/* llvm_memo.c */
void memo_clear(Memo *m);
Val memo_find(const Memo *m, int slot, const void *key);
void memo_put(Emit *e, int slot, const void *key, Val v);
void memo_release(Memo *m, int mark);              /* drops entries from mark on */
void memo_forget_values(Memo *m, int mark);        /* keeps addresses */

/* llvm_ix.c: 64-bit integers, addresses, guards */
Val ll_i64(Emit *e, int64_t v);
Val ll_ix(Emit *e, const Ix *ix);
Val ll_at(Emit *e, int buf, const Ix *at);         /* pointer to the element */
Val ll_cond(Emit *e, Cond c);                      /* i1 */
Val ll_lane_cond(Emit *e, Cond c, int var, int lanes);  /* at var + lane */

/* llvm_expr.c */
LLVMTypeRef ll_vector(LLVMTypeRef element, int lanes);  /* the element if lanes is 1 */
LLVMTypeRef ll_type(Emit *e, DType t, int lanes);
Val ll_expr(Emit *e, const Expr *x);               /* in its statement's region */
Val ll_splat(Emit *e, Val scalar, int lanes);
Val ll_ramp(Emit *e, DType t, int64_t step, int lanes); /* 0, step, 2*step ... */
Val ll_active(Emit *e, int active, int lanes);     /* i1 mask of the first lanes */
Val ll_lane(Emit *e, Val v, int lane);
Val ll_intrinsic(Emit *e, const char *name, int ntype, LLVMTypeRef *type, int narg, Val *arg);
LLVMBasicBlockRef ll_block(Emit *e);               /* a new block of the function */

/* llvm_prim.c */
void ll_prims(Emit *e);                            /* fills e->spell */
/* fn on values of type `from` (of select's arms), giving type `to`. */
Val ll_call(Emit *e, Fn fn, DType from, DType to, int lanes, int n, Val *arg);
Val ll_tree(Emit *e, Fn fn, DType t, int lanes, Val v);

/* llvm_kernel.c, llvm_entry.c */
Val ll_function(Emit *e, const char *name, LLVMTypeRef result, int n, LLVMTypeRef *arg);
/* void (buffers as pointers, i64 batch, i64 part, i64 parts) */
void ll_kernel(Emit *e, int kernel);
/* Fills kernel_fn and part_fn for a kernel that may be another unit's. */
void ll_declare(Emit *e, int kernel);
/* void (ctx, i32 n, pointer to input pointers, pointer to output pointers) */
void ll_entry(Emit *e, const Entry *entry, const char *name);

/* llvm_unit.c */
#define ENTRY_NAME "entry%d"
typedef struct {
    Arena *arena;                      /* of this unit: units are compiled side by side */
    const Program *program;
    int nkernel;
    int *kernel;                       /* numbers of its kernels */
    bool entries;                      /* all entries as well */
    ExecOptions options;
    LLVMMemoryBufferRef object;        /* NULL: see error */
    const char *error;
} Unit;
int ll_compile(void *unit);            /* a Unit; as a thread's function. 0 = done */

/* llvm_jit.c */
extern const BackendInfo kiln_backend;

#endif
