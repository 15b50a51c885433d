/* The C backend: emitted C through the system's compiler, loaded as a shared library. */
#define _GNU_SOURCE
#include "codegen/c.h"
#include "codegen/exec_backend.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

typedef int RunFn(void *ctx, int n, const void *const *in, void *const *out);

typedef struct {
    void *library;
    RunFn **entry;
} Compiled;

/* --- the folder for one compilation --- */

static const char *const files[] = {"m.h", "m.c", "m.so", "log"};
enum { HEADER, SOURCE, LIBRARY, LOG };

static char *folder_new(Arena *a, Loc loc) {
    const char *tmp = getenv("TMPDIR");
    char *path = arena_printf(a, "%s/kiln-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (mkdtemp(path))
        return path;
    diag_system(loc, "cannot make a folder like '%s': %s", path, strerror(errno));
    return NULL;
}

static const char *path_of(Arena *a, const char *folder, int file) {
    return arena_printf(a, "%s/%s", folder, files[file]);
}

static void folder_free(Arena *a, const char *folder) {
    for (size_t i = 0; i < COUNT(files); i++)
        unlink(path_of(a, folder, (int)i));
    rmdir(folder);
}

/* --- the source --- */

/* One function of a fixed type for each entry, behind the emitted source. What the entry
 * init computes stands in a function of its own, since <prefix>_init takes a seed. */
static void put_calls(Text *out, const Program *p, const char *prefix) {
    for (int i = 0; i < p->nentry; i++) {
        const Entry *e = &p->entry[i];
        text_printf(out, "\nint kiln_entry%d(void *ctx, int n, const void *const *in, "
                    "void *const *out) {\n    (void)in, (void)out;\n", i);
        if (strcmp(e->name, "init") == 0) {
            text_printf(out, "    run_init(ctx, n);\n    return 0;\n}\n");
            continue;
        }
        text_printf(out, entry_plain(e) ? "    (void)n;\n    return %s_%s(ctx"
                                        : "    return %s_%s(ctx, n", prefix, e->name);
        for (int k = 0; k < e->nin; k++)
            text_printf(out, ", in[%d]", k);
        for (int k = 0; k < e->nout; k++)
            text_printf(out, ", out[%d]", k);
        text_printf(out, ");\n}\n");
    }
}

static bool put_source(Arena *a, Loc loc, const Program *p, const char *folder) {
    EmitC o = {.prefix = "m"};
    Text header = {0}, source = {0};
    emit_c_header(&header, p, &o);
    emit_c_source(&source, p, &o);
    put_calls(&source, p, o.prefix);
    bool ok = file_write(loc, path_of(a, folder, HEADER), header.s, header.n) &&
              file_write(loc, path_of(a, folder, SOURCE), source.s, source.n);
    text_free(&header);
    text_free(&source);
    return ok;
}

/* --- the compiler --- */

/* Adds the words of `text` to a NULL-terminated list. */
static char **add_words(Arena *a, char **list, int *n, const char *text) {
    while (*text) {
        size_t len = strcspn(text, " \t");
        if (len)
            PUSH(a, list, *n) = arena_printf(a, "%.*s", (int)len, text);
        text += len + (text[len] != 0);
    }
    return list;
}

static char **command_of(Arena *a, const char *folder, ExecOptions o) {
    const char *env = getenv("CC"), *cc = o.cc ? o.cc : env && *env ? env : "cc";
    char **argv = NULL;
    int n = 0;
    argv = add_words(a, argv, &n, cc);
    argv = add_words(a, argv, &n, o.cflags ? o.cflags : "-O2");
    argv = add_words(a, argv, &n, "-shared -fPIC -o");
    PUSH(a, argv, n) = arena_printf(a, "%s", path_of(a, folder, LIBRARY));
    PUSH(a, argv, n) = arena_printf(a, "%s", path_of(a, folder, SOURCE));
    PUSH(a, argv, n) = NULL;
    return argv;
}

/* Runs argv with its output in the log; the exit status, or -1 if it did not start. */
static int run_compiler(Arena *a, const char *folder, char **argv) {
    posix_spawn_file_actions_t to_log;
    pid_t pid;
    int status;
    if (posix_spawn_file_actions_init(&to_log))
        return -1;
    int failed = posix_spawn_file_actions_addopen(&to_log, 1, path_of(a, folder, LOG),
                                                  O_WRONLY | O_CREAT | O_TRUNC, 0600);
    failed = failed || posix_spawn_file_actions_adddup2(&to_log, 1, 2) ||
             posix_spawnp(&pid, argv[0], &to_log, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&to_log);
    if (failed)
        return -1;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static bool compile(Arena *a, Loc loc, const char *folder, ExecOptions o) {
    enum { LONGEST = 1 << 20 };
    char **argv = command_of(a, folder, o);
    int status = run_compiler(a, folder, argv);
    if (status == 0)
        return true;
    if (status < 0 || status == 127)
        return diag_system(loc, "cannot run the C compiler '%s'", argv[0]);
    size_t size = 0;
    char *log = file_read(a, loc, path_of(a, folder, LOG), LONGEST, &size);
    return diag_system(loc, "the C compiler '%s' failed (%d):\n%.2000s", argv[0], status,
                      log ? log : "");
}

/* --- the library --- */

static void c_close(void *self) {
    Compiled *c = self;
    dlclose(c->library);
}

static Compiled *load(Arena *a, Loc loc, const Program *p, const char *path) {
    Compiled *c = NEW(a, 1, Compiled);
    c->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!c->library) {
        diag_system(loc, "compiled C cannot be loaded: %s", dlerror());
        return NULL;
    }
    c->entry = NEW(a, p->nentry, RunFn *);
    for (int i = 0; i < p->nentry; i++) {
        void *fn = dlsym(c->library, arena_printf(a, "kiln_entry%d", i));
        if (!fn)
            bug("compiled C has no kiln_entry%d", i);
        memcpy(&c->entry[i], &fn, sizeof fn);
    }
    return c;
}

static void *c_open(Arena *a, Loc loc, const Program *p, ExecOptions o) {
    Arena *temp = arena_new();
    char *folder = folder_new(temp, loc);
    Compiled *c = NULL;
    if (folder && put_source(temp, loc, p, folder) && compile(temp, loc, folder, o))
        c = load(a, loc, p, path_of(temp, folder, LIBRARY));
    if (folder)
        folder_free(temp, folder);
    arena_free(temp);
    return c;
}

static int c_run(void *self, int entry, void *ctx, int n, const void *const *in,
                 void *const *out) {
    const Compiled *c = self;
    return c->entry[entry](ctx, n, in, out);
}

const BackendInfo c_backend = {c_open, c_run, c_close};
