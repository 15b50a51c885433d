/* The JIT backend: a program through LLVM into code in memory, by ORC's LLJIT. */
#include "codegen/llvm.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include <string.h>
#include <threads.h>

typedef void EntryFn(void *ctx, int n, const void *const *in, void *const *out);

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

/* --- the machine --- */

/* Whether "+name" stands in the comma-separated list. */
static bool has_feature(const char *list, const char *name, size_t len) {
    for (const char *s = list; s; s = strchr(s, ',')) {
        s += *s == ',';
        if (*s == '+' && strncmp(s + 1, name, len) == 0 && (s[1 + len] == ',' || !s[1 + len]))
            return true;
    }
    return false;
}

/* "avx2,fma" as "+avx2,+fma"; NULL and an error if the host lacks one. */
static const char *feature_list(Arena *a, Loc loc, const Target *t) {
    char *host = LLVMGetHostCPUFeatures();
    const char *all = "", *s = t->features;
    bool ok = true;
    while (*s && ok) {
        size_t len = strcspn(s, ",");
        ok = has_feature(host, s, len) ||
             diag_error(loc, "target '%s' needs %.*s, which this CPU lacks", t->name, (int)len, s);
        all = arena_printf(a, "%s%s+%.*s", all, *all ? "," : "", (int)len, s);
        s += len + (s[len] == ',');
    }
    LLVMDisposeMessage(host);
    return ok ? all : NULL;
}

/* The code is for the target's row, not for all the host has: a row means the same code
 * everywhere. Only the order of instructions is tuned for the host. */
static LLVMTargetMachineRef machine_new(Arena *a, Loc loc, const Target *t, int opt) {
    char *triple = LLVMGetDefaultTargetTriple(), *error = NULL;
    const char *features = feature_list(a, loc, t);
    LLVMTargetMachineRef m = NULL;
    LLVMTargetRef target;
    if (features && LLVMGetTargetFromTriple(triple, &target, &error)) {
        diag_error(loc, "JIT: %s", error);
        LLVMDisposeMessage(error);
    } else if (features) {
        const char *cpu = strncmp(triple, "x86_64", 6) == 0 ? "x86-64" : "generic";
        m = LLVMCreateTargetMachine(target, triple, cpu, features, (LLVMCodeGenOptLevel)opt,
                                    LLVMRelocPIC, LLVMCodeModelJITDefault);
    }
    LLVMDisposeMessage(triple);
    return m;
}

/* --- from the program to LLVM's IR --- */

static void set_types(Emit *e) {
    LLVMContextRef c = e->context;
    e->i1 = LLVMInt1TypeInContext(c);
    e->i32 = LLVMInt32TypeInContext(c);
    e->i64 = LLVMInt64TypeInContext(c);
    e->ptr = LLVMPointerTypeInContext(c, 0);
    e->none = LLVMVoidTypeInContext(c);
    for (int t = 0; t < NDTYPE; t++)
        e->memory[t] = t == F32   ? LLVMFloatTypeInContext(c)
                       : t == F64 ? LLVMDoubleTypeInContext(c)
                                  : LLVMIntTypeInContext(c, 8 * (unsigned)dtype_info[t].bytes);
    memcpy(e->value, e->memory, sizeof e->value);
    e->value[BOOL] = e->i1;
}

static const char *entry_symbol(Arena *a, int i) { return arena_printf(a, "entry%d", i); }

static LLVMModuleRef module_of(Arena *a, const Program *p, LLVMContextRef context,
                               LLVMTargetMachineRef m) {
    Emit *e = NEW(a, 1, Emit);
    e->arena = a;
    e->pool = pool_new(a);
    e->program = p;
    e->context = context;
    e->module = LLVMModuleCreateWithNameInContext(p->name, context);
    e->b = LLVMCreateBuilderInContext(context);
    e->memo = NEW(a, 1, Memo);
    e->kernel_fn = NEW(a, p->nkernel, Val);
    e->part_fn = NEW(a, p->nkernel, Val);
    set_types(e);
    ll_prims(e);
    char *triple = LLVMGetTargetMachineTriple(m);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(m);
    LLVMSetTarget(e->module, triple);
    LLVMSetModuleDataLayout(e->module, layout);
    LLVMDisposeTargetData(layout);
    LLVMDisposeMessage(triple);
    for (int i = 0; i < p->nkernel; i++)
        ll_kernel(e, i);
    for (int i = 0; i < p->nentry; i++)
        ll_entry(e, &p->entry[i], entry_symbol(a, i));
    LLVMDisposeBuilder(e->b);
    return e->module;
}

/* Kernels come tiled, unrolled and in vectors: no pass that would do so again. */
static bool optimise(Loc loc, LLVMModuleRef module, LLVMTargetMachineRef m, int opt) {
    static const char *const passes[] = {
        "function(sroa)",
        "function(sroa,early-cse)",
        "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,"
        "loop-mssa(licm),early-cse<memssa>)",
        "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,"
        "loop-mssa(licm),gvn,instcombine<no-verify-fixpoint>,simplifycfg)",
    };
    LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
    bool ok = fine(loc, "passes", LLVMRunPasses(module, passes[opt], m, o));
    LLVMDisposePassBuilderOptions(o);
    return ok;
}

/* --- from LLVM's IR to addresses --- */

static LLVMMemoryBufferRef compile(Arena *temp, Loc loc, const Program *p, int opt) {
    LLVMTargetMachineRef m = machine_new(temp, loc, p->target, opt);
    if (!m)
        return NULL;
    LLVMContextRef context = LLVMContextCreate();
    LLVMContextSetDiscardValueNames(context, true);
    LLVMModuleRef module = module_of(temp, p, context, m);
    LLVMMemoryBufferRef object = NULL;
    char *error = NULL;
    if (LLVMVerifyModule(module, LLVMReturnStatusAction, &error))
        bug("JIT: LLVM finds a fault: %s", error);
    LLVMDisposeMessage(error);
    error = NULL;
    if (optimise(loc, module, m, opt) &&
        LLVMTargetMachineEmitToMemoryBuffer(m, module, LLVMObjectFile, &error, &object)) {
        diag_error(loc, "JIT: %s", error);
        LLVMDisposeMessage(error);
    }
    LLVMDisposeModule(module);
    LLVMContextDispose(context);
    LLVMDisposeTargetMachine(m);
    return object;
}

/* Code may call memcpy and the like, which are looked for in this process. */
static bool load(Loc loc, LLVMOrcLLJITRef jit, LLVMMemoryBufferRef object) {
    LLVMOrcJITDylibRef lib = LLVMOrcLLJITGetMainJITDylib(jit);
    LLVMOrcDefinitionGeneratorRef process;
    if (!fine(loc, "symbols", LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(
                                  &process, LLVMOrcLLJITGetGlobalPrefix(jit), NULL, NULL))) {
        LLVMDisposeMemoryBuffer(object);
        return false;
    }
    LLVMOrcJITDylibAddGenerator(lib, process);
    return fine(loc, "object", LLVMOrcLLJITAddObjectFile(jit, lib, object));
}

static bool find_entries(Arena *a, Loc loc, Jit *j, const Program *p) {
    bool ok = true;
    j->entry = NEW(a, p->nentry, EntryFn *);
    for (int i = 0; i < p->nentry && ok; i++) {
        LLVMOrcExecutorAddress at = 0;
        ok = fine(loc, "lookup", LLVMOrcLLJITLookup(j->jit, &at, entry_symbol(a, i)));
        j->entry[i] = (EntryFn *)(uintptr_t)at;
    }
    return ok;
}

static void jit_close(void *self) {
    Jit *j = self;
    LLVMErrorRef error = LLVMOrcDisposeLLJIT(j->jit);
    if (error)
        LLVMConsumeError(error);
}

static void *jit_open(Arena *a, Loc loc, const Program *p, ExecOptions o) {
    static once_flag started = ONCE_FLAG_INIT;
    call_once(&started, start_llvm);
    Arena *temp = arena_new();
    LLVMMemoryBufferRef object = compile(temp, loc, p, o.opt < 0 ? 0 : o.opt > 3 ? 3 : o.opt);
    arena_free(temp);
    Jit *j = NEW(a, 1, Jit);
    if (!object)
        return NULL;
    if (!fine(loc, "start", LLVMOrcCreateLLJIT(&j->jit, NULL))) {
        LLVMDisposeMemoryBuffer(object);
        return NULL;
    }
    if (load(loc, j->jit, object) && find_entries(a, loc, j, p))
        return j;
    jit_close(j);
    return NULL;
}

static int jit_run(void *self, int entry, void *ctx, int n, const void *const *in,
                   void *const *out) {
    const Jit *j = self;
    j->entry[entry](ctx, n, in, out);
    return 0;
}

__attribute__((visibility("default")))
const BackendInfo kiln_backend = {"jit", jit_open, jit_run, jit_close};
