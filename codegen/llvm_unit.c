/* One unit of compilation: some kernels of a program, perhaps its entries, as an object. */
#include "codegen/llvm.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include <string.h>

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

/* "avx2,fma" as "+avx2,+fma"; NULL if the host lacks one. */
static const char *feature_list(Unit *u, const Target *t) {
    char *host = LLVMGetHostCPUFeatures();
    const char *all = "", *s = t->features;
    while (*s && !u->error) {
        size_t len = strcspn(s, ",");
        if (!has_feature(host, s, len))
            u->error = arena_printf(u->arena, "target '%s' needs %.*s, which this CPU lacks",
                                    t->name, (int)len, s);
        all = arena_printf(u->arena, "%s%s+%.*s", all, *all ? "," : "", (int)len, s);
        s += len + (s[len] == ',');
    }
    LLVMDisposeMessage(host);
    return u->error ? NULL : all;
}

static int level(const Unit *u) {
    int opt = u->options.opt;
    return opt < 0 ? 0 : opt > 3 ? 3 : opt;
}

/* The code is for the target's row, not for all the host has: a row means the same code
 * everywhere. Only the order of instructions is tuned for the host. */
static LLVMTargetMachineRef machine_new(Unit *u, const Target *t) {
    char *triple = LLVMGetDefaultTargetTriple(), *error = NULL;
    const char *features = feature_list(u, t);
    LLVMTargetMachineRef m = NULL;
    LLVMTargetRef target;
    if (features && LLVMGetTargetFromTriple(triple, &target, &error)) {
        u->error = arena_printf(u->arena, "JIT: %s", error);
        LLVMDisposeMessage(error);
    } else if (features) {
        const char *cpu = strncmp(triple, "x86_64", 6) == 0 ? "x86-64" : "generic";
        m = LLVMCreateTargetMachine(target, triple, cpu, features, (LLVMCodeGenOptLevel)level(u),
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

static void set_target(Emit *e, LLVMTargetMachineRef m) {
    char *triple = LLVMGetTargetMachineTriple(m);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(m);
    LLVMSetTarget(e->module, triple);
    LLVMSetModuleDataLayout(e->module, layout);
    LLVMDisposeTargetData(layout);
    LLVMDisposeMessage(triple);
}

static LLVMModuleRef module_of(const Unit *u, LLVMContextRef context, LLVMTargetMachineRef m) {
    const Program *p = u->program;
    Emit *e = NEW(u->arena, 1, Emit);
    e->arena = u->arena;
    e->pool = pool_new(u->arena);
    e->program = p;
    e->options = &u->options;
    e->context = context;
    e->module = LLVMModuleCreateWithNameInContext(p->name, context);
    e->b = LLVMCreateBuilderInContext(context);
    e->memo = NEW(u->arena, 1, Memo);
    e->kernel_fn = NEW(u->arena, p->nkernel, Val);
    e->part_fn = NEW(u->arena, p->nkernel, Val);
    set_types(e);
    ll_prims(e);
    set_target(e, m);
    for (int i = 0; i < u->nkernel; i++)
        ll_kernel(e, u->kernel[i]);
    for (int i = 0; u->entries && i < p->nentry; i++)
        ll_entry(e, &p->entry[i], arena_printf(u->arena, ENTRY_NAME, i));
    LLVMDisposeBuilder(e->b);
    return e->module;
}

/* Kernels come tiled, unrolled and in vectors: no pass that would do so again. */
static bool optimise(Unit *u, LLVMModuleRef module, LLVMTargetMachineRef m) {
    static const char *const passes[] = {
        "function(sroa)",
        "function(sroa,early-cse)",
        "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,"
        "loop-mssa(licm),early-cse<memssa>)",
        "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,"
        "loop-mssa(licm),gvn,instcombine<no-verify-fixpoint>,simplifycfg)",
    };
    LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
    LLVMErrorRef error = LLVMRunPasses(module, passes[level(u)], m, o);
    LLVMDisposePassBuilderOptions(o);
    if (!error)
        return true;
    char *text = LLVMGetErrorMessage(error);
    u->error = arena_printf(u->arena, "JIT: passes: %s", text);
    LLVMDisposeErrorMessage(text);
    return false;
}

static void emit(Unit *u, LLVMModuleRef module, LLVMTargetMachineRef m) {
    char *error = NULL;
    if (LLVMVerifyModule(module, LLVMReturnStatusAction, &error))
        bug("JIT: LLVM finds a fault: %s", error);
    LLVMDisposeMessage(error);
    error = NULL;
    if (optimise(u, module, m) &&
        LLVMTargetMachineEmitToMemoryBuffer(m, module, LLVMObjectFile, &error, &u->object)) {
        u->error = arena_printf(u->arena, "JIT: %s", error);
        LLVMDisposeMessage(error);
    }
}

int ll_compile(void *unit) {
    Unit *u = unit;
    LLVMTargetMachineRef m = machine_new(u, u->program->target);
    if (!m)
        return 1;
    LLVMContextRef context = LLVMContextCreate();
    LLVMContextSetDiscardValueNames(context, true);
    LLVMModuleRef module = module_of(u, context, m);
    emit(u, module, m);
    LLVMDisposeModule(module);
    LLVMContextDispose(context);
    LLVMDisposeTargetMachine(m);
    return u->error != NULL;
}
