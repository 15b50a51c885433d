/* Running a program in this process: through the JIT, the system's C compiler, or the
 * loop-IR interpreter. */
#ifndef KILN_CODEGEN_EXEC_H
#define KILN_CODEGEN_EXEC_H

#include "ir/loop.h"

/* The first part of every generated <name>_ctx, in this order; then the program's values
 * (program->value, each at its offset from the end of this struct). The emitted header
 * declares the same fields. `rng`, `step` ... are values like any other. */
typedef struct KilnCtx {
    void *params, *grads, *state, *stream, *arena;
    void (*parallel)(void *pool, int parts, void (*fn)(void *arg, int part), void *arg);
    void *pool;
    int threads;                       /* parts to split into; at least 1 */
    uint32_t features;                 /* CPU features found; 0 = not asked yet */
} KilnCtx;

/* Backends: ROW(id, name, what stands before it in a list of names). */
#define BACKENDS(ROW) ROW(JIT, "jit", "") ROW(C, "c", "|") ROW(INTERP, "interp", "|")
#define BACKEND_ID(id, name, before) EXEC_##id,
#define BACKEND_WORD(id, name, before) before name
#define BACKEND_NAMES BACKENDS(BACKEND_WORD)           /* "jit|c|interp" */
typedef enum { BACKENDS(BACKEND_ID) } Backend;
bool exec_find(const char *name, Backend *out);        /* false: there is none */
const char *exec_name(Backend b);

typedef struct Exec Exec;
typedef struct {
    Backend backend;
    const char *cc;                    /* EXEC_C: compiler, NULL = $CC or cc */
    const char *cflags;                /* EXEC_C: NULL = -O2 */
    int opt;                           /* EXEC_JIT: 0..3 */
    /* Not NULL: called with `watcher` and the number of each kernel when it has run, in the
     * thread that runs the entry. EXEC_C calls nothing. */
    void (*watch)(void *watcher, int kernel);
    void *watcher;
} ExecOptions;
bool exec_has_jit(void);               /* is its module installed? */
/* NULL and an error at loc when the backend is not there or the compiler fails. */
Exec *exec_new(Arena *a, Loc loc, const Program *p, ExecOptions o);
/* ctx: a KilnCtx followed by the values. Returns the status of the contract: 0 ok,
 * 1 bad argument, 2 index out of range, 3 not finite, 4 CPU lacks features. */
int exec_run(Exec *e, int entry, void *ctx, int n, const void *const *in,
             void *const *out);
void exec_free(Exec *e);
int64_t exec_ctx_bytes(const Program *p);
/* A zeroed ctx with the values preset and blocks allocated (aligned to 64), serial. */
void *exec_ctx_new(Arena *a, const Program *p, int threads);

/* What a backend offers; one row for each in exec.c. The JIT is a shared module that
 * is loaded on first use and exports `kiln_backend`. */
typedef struct {
    void *(*open)(Arena *a, Loc loc, const Program *p, ExecOptions o);
    int (*run)(void *self, int entry, void *ctx, int n, const void *const *in,
               void *const *out);
    void (*close)(void *self);
} BackendInfo;

#endif
