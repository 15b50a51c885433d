/* Finds and loads the module that holds the JIT. */
#define _GNU_SOURCE
#include "codegen/exec_backend.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char module_name[] = "kiln-llvm.so";

/* The folder of a path: "." if it names none. */
static const char *folder(Arena *a, const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? arena_printf(a, "%.*s", (int)(slash - path), path) : ".";
}

static const char *executable(Arena *a) {
    enum { LONGEST = 4096 };
    char *path = NEW(a, LONGEST, char);
    return readlink("/proc/self/exe", path, LONGEST - 1) > 0 ? path : NULL;
}

static const char *library(void) {
    static const char here;            /* an address within libkiln */
    Dl_info info;
    return dladdr(&here, &info) ? info.dli_fname : NULL;
}

/* Where the module may be, best first. */
static int candidates(Arena *a, const char *path[5]) {
    const char *env = getenv("KILN_MODULES"), *from[] = {executable(a), library()};
    int n = 0;
    if (env && *env)
        path[n++] = arena_printf(a, "%s/%s", env, module_name);
    for (size_t i = 0; i < COUNT(from); i++) {
        if (!from[i])
            continue;
        path[n++] = arena_printf(a, "%s/%s", folder(a, from[i]), module_name);
        path[n++] = arena_printf(a, "%s/../lib/kiln/%s", folder(a, from[i]), module_name);
    }
    return n;
}

/* LLVM does not bear being unloaded: NODELETE. */
static void *load(Loc loc, const char *path) {
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!module)
        diag_system(loc, "the JIT cannot be loaded: %s", dlerror());
    return module;
}

/* The first that is there, or NULL; *n and path: all that were asked. */
static const char *find(Arena *a, int *n, const char *path[5]) {
    *n = candidates(a, path);
    for (int i = 0; i < *n; i++)
        if (access(path[i], R_OK) == 0)
            return path[i];
    return NULL;
}

bool exec_has_jit(void) {
    Arena *a = arena_new();
    const char *path[5];
    int n;
    bool there = find(a, &n, path) != NULL;
    arena_free(a);
    return there;
}

const BackendInfo *jit_module(Loc loc, void **module) {
    Arena *a = arena_new();
    const char *path[5];
    int n;
    const char *found = find(a, &n, path);
    if (found)
        *module = load(loc, found);
    else
        diag_system(loc, "the JIT is not installed: no %s in %s; use another backend, or say in "
                   "KILN_MODULES where it is", module_name, n ? folder(a, path[0]) : "sight");
    const BackendInfo *info = *module ? dlsym(*module, "kiln_backend") : NULL;
    if (*module && !info) {
        diag_system(loc, "the JIT in '%s' is not of this Kiln: it has no kiln_backend", found);
        module_close(*module);
        *module = NULL;
    }
    arena_free(a);
    return info;
}

void module_close(void *module) {
    if (module)
        dlclose(module);
}
