/* The JIT backend: a program through LLVM into code in memory, by ORC's LLJIT. The kernels
 * are shared out to as many threads as there are processors, each with an LLVM of its own. */
#include "codegen/llvm.h"

#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Target.h>

#include <stdlib.h>
#include <threads.h>
#include <unistd.h>

typedef void EntryFn(void *ctx, int n, const void *const *in, void *const *out);

enum { MAX_UNITS = 8 };

typedef struct {
    LLVMOrcLLJITRef jit;
    EntryFn **entry;
} Jit;

static void start_llvm(void) {
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
}

/* false and a diagnostic if LLVM reports an error, which is consumed. */
static bool fine(Loc loc, const char *what, LLVMErrorRef error) {
    if (!error)
        return true;
    char *text = LLVMGetErrorMessage(error);
    diag_error(loc, "JIT: %s: %s", what, text);
    LLVMDisposeErrorMessage(text);
    return false;
}

/* --- units --- */

static int size_of(const Stmt *s) {
    int n = 0;
    for (; s; s = s->next)
        n += 1 + size_of(s->body);
    return n;
}

typedef struct { int kernel, size; } Sized;

static int larger_first(const void *x, const void *y) {
    const Sized *a = x, *b = y;
    return a->size != b->size ? b->size - a->size : a->kernel - b->kernel;
}

/* The next kernel, the largest that is left, goes to the unit with the least work. */
static void share_out(Arena *a, const Program *p, Unit *unit, int n) {
    Sized *order = NEW(a, p->nkernel, Sized);
    int *load = NEW(a, n, int);
    for (int i = 0; i < p->nkernel; i++)
        order[i] = (Sized){i, size_of(p->kernel[i]->body)};
    qsort(order, (size_t)p->nkernel, sizeof *order, larger_first);
    for (int i = 0; i < p->nkernel; i++) {
        int least = 0;
        for (int u = 1; u < n; u++)
            least = load[u] < load[least] ? u : least;
        load[least] += order[i].size;
        PUSH(a, unit[least].kernel, unit[least].nkernel) = order[i].kernel;
    }
}

static int unit_count(const Program *p) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    n = n > MAX_UNITS ? MAX_UNITS : n;
    return n > p->nkernel ? p->nkernel > 0 ? p->nkernel : 1 : n > 0 ? (int)n : 1;
}

/* The first unit, which has the entries, is compiled by the caller's thread, as are those
 * that no thread could be had for. */
static void compile(Unit *unit, int n) {
    thrd_t thread[MAX_UNITS];
    bool started[MAX_UNITS] = {0};
    for (int i = 1; i < n; i++)
        started[i] = thrd_create(&thread[i], ll_compile, &unit[i]) == thrd_success;
    for (int i = 0; i < n; i++)
        if (!started[i])
            ll_compile(&unit[i]);
    for (int i = 1; i < n; i++)
        if (started[i])
            thrd_join(thread[i], NULL);
}

/* --- loading --- */

/* Code may call memcpy and the like, which are looked for in this process. */
static bool find_process(Loc loc, LLVMOrcLLJITRef jit) {
    LLVMOrcDefinitionGeneratorRef process;
    if (!fine(loc, "symbols", LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(
                                  &process, LLVMOrcLLJITGetGlobalPrefix(jit), NULL, NULL)))
        return false;
    LLVMOrcJITDylibAddGenerator(LLVMOrcLLJITGetMainJITDylib(jit), process);
    return true;
}

/* Takes the units' objects, whatever comes of it. */
static bool load(Loc loc, LLVMOrcLLJITRef jit, Unit *unit, int n) {
    bool ok = find_process(loc, jit);
    for (int i = 0; i < n; i++) {
        if (ok)
            ok = fine(loc, "object", LLVMOrcLLJITAddObjectFile(
                          jit, LLVMOrcLLJITGetMainJITDylib(jit), unit[i].object));
        else
            LLVMDisposeMemoryBuffer(unit[i].object);
        unit[i].object = NULL;
    }
    return ok;
}

static bool find_entries(Arena *a, Loc loc, Jit *j, const Program *p) {
    bool ok = true;
    j->entry = NEW(a, p->nentry, EntryFn *);
    for (int i = 0; i < p->nentry && ok; i++) {
        LLVMOrcExecutorAddress at = 0;
        ok = fine(loc, "lookup", LLVMOrcLLJITLookup(j->jit, &at, arena_printf(a, ENTRY_NAME, i)));
        j->entry[i] = (EntryFn *)(uintptr_t)at;
    }
    return ok;
}

/* --- the backend --- */

static void jit_close(void *self) {
    Jit *j = self;
    LLVMErrorRef error = LLVMOrcDisposeLLJIT(j->jit);
    if (error)
        LLVMConsumeError(error);
}

static bool all_compiled(Loc loc, Unit *unit, int n) {
    for (int i = 0; i < n; i++)
        if (unit[i].error)
            return diag_error(loc, "%s", unit[i].error);
    return true;
}

static Jit *linked(Arena *a, Loc loc, const Program *p, Unit *unit, int n) {
    Jit *j = NEW(a, 1, Jit);
    if (!all_compiled(loc, unit, n) || !fine(loc, "start", LLVMOrcCreateLLJIT(&j->jit, NULL)))
        return NULL;
    if (load(loc, j->jit, unit, n) && find_entries(a, loc, j, p))
        return j;
    jit_close(j);
    return NULL;
}

static void *jit_open(Arena *a, Loc loc, const Program *p, ExecOptions o) {
    static once_flag started = ONCE_FLAG_INIT;
    call_once(&started, start_llvm);
    Arena *temp = arena_new();
    int n = unit_count(p);
    Unit *unit = NEW(temp, n, Unit);
    for (int i = 0; i < n; i++)
        unit[i] = (Unit){.arena = arena_new(), .program = p, .entries = i == 0,
                         .options = o};
    share_out(temp, p, unit, n);
    compile(unit, n);
    Jit *j = linked(a, loc, p, unit, n);
    for (int i = 0; i < n; i++) {
        if (unit[i].object)
            LLVMDisposeMemoryBuffer(unit[i].object);
        arena_free(unit[i].arena);
    }
    arena_free(temp);
    return j;
}

static int jit_run(void *self, int entry, void *ctx, int n, const void *const *in,
                   void *const *out) {
    const Jit *j = self;
    j->entry[entry](ctx, n, in, out);
    return 0;
}

__attribute__((visibility("default")))
const BackendInfo kiln_backend = {jit_open, jit_run, jit_close};
