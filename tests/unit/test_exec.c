/* Backends through exec.h: a program whose calls use every kind of place, statuses,
 * contexts, and what is said when a compiler fails. */
#define _GNU_SOURCE
#include "codegen/exec.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 61 };

typedef struct { Arena *arena; Pool *pool; Strs *strs; Diag *diag; char *said; } World;

static void keep(void *user, DiagKind kind, Loc loc, const char *message) {
    World *w = user;
    (void)kind, (void)loc;
    w->said = arena_printf(w->arena, "%s", message);
}

static World *world_new(void) {
    Arena *a = arena_new();
    World *w = NEW(a, 1, World);
    *w = (World){a, pool_new(a), strs_new(a), NULL, ""};
    w->diag = diag_new(a, keep, w);
    return w;
}

static Exec *open_exec(World *w, const Program *p, ExecOptions o) {
    return exec_new(w->arena, diag_nowhere(w->diag), p, o);
}

/* --- a program --- */

static Kernel *kernel(World *w) {
    static const char text[] =
        "kernel \"k0\" {\n arg %0 f32[4] in\n arg %1 f32[1] in\n arg %2 f32[1] in\n"
        " arg %3 f32[4] in\n arg %4 f32[4] out\n arg %5 f32[4] out\n"
        "for i0 = 0 to 4 free {\n %4[i0] = %0[i0]*%1[0] + %2[0] + %3[i0]\n"
        " %5[i0] = %0[i0]\n}\n}\n";
    return loop_parse(w->arena, w->pool, w->strs,
                      diag_source(w->diag, "kernel", text, strlen(text)));
}

static Block block(int n, Slot *slot, int64_t bytes) { return (Block){n, slot, bytes}; }

/* out[t] = in[1-t]*param[2] + lr + const[t] by a loop of two calls, whose inputs are kept
 * in the arena; a third call takes what is there to state and gradients. */
static Program *program_new(World *w) {
    static const float constants[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const Type eight = {.dtype = F32, .rank = 1, .dim = {{8, false}}};
    static const Type labels = {.dtype = I32, .rank = 1, .dim = {{BATCH, true}}};
    static const Type block16 = {.dtype = F32, .rank = 1, .dim = {{16, false}}};
    static Place place[] = {{AT_INPUT, 0, 16, -16}, {AT_PARAM, 0, 8, 0}, {AT_VALUE, 0, 4, 0},
                            {AT_CONST, 0, 0, 16}, {AT_OUTPUT, 0, 0, 16}, {AT_ARENA, 0, 64, 4}};
    static Place copy[] = {{AT_ARENA, 0, 64, 0}, {AT_PARAM, 0, 8, 0}, {AT_VALUE, 0, 4, 0},
                           {AT_CONST, 0, 16, 0}, {AT_STATE, 0, 16, 0}, {AT_GRAD, 0, 32, 0}};
    static Call calls[] = {{.kind = C_LOOP, .times = 2}, {.kind = C_KERNEL, .arg = place},
                           {.kind = C_END}, {.kind = C_KERNEL, .arg = copy}};
    static int in[] = {0, 1};
    static Slot out[] = {{.name = "y", .type = eight}};
    static Slot inputs[] = {{.name = "x", .type = eight},
                            {.name = "label", .type = labels, .lo = 2, .hi = 9}};
    static Slot values[] = {{.name = "step", .type = {.dtype = U32}, .init = 9},
                            {.name = "lr", .type = {.dtype = F32}, .offset = 4, .init = 0.25}};
    static Slot params[] = {{.name = "w", .type = block16}};
    static Slot state[] = {{.name = "s", .type = block16}};
    static Slot consts[] = {{.name = "c", .type = eight}};
    static Entry entry[] = {{.name = "forward", .nin = 2, .in = in, .nout = 1, .out = out,
                             .ncall = COUNT(calls), .call = calls, .arena = 100}};
    Program *p = NEW(w->arena, 1, Program);
    *p = (Program){.arena = w->arena, .pool = w->pool, .strs = w->strs, .name = "test",
                   .target = target_find("native"), .batch = BATCH, .nkernel = 1,
                   .kernel = NEW(w->arena, 1, Kernel *), .nentry = 1, .entry = entry,
                   .input = block(2, inputs, 0), .param = block(1, params, 64),
                   .grad = block(1, params, 64), .state = block(1, state, 64),
                   .value = block(2, values, 8), .constant = block(1, consts, sizeof constants),
                   .const_data = (const unsigned char *)constants};
    p->kernel[0] = kernel(w);
    return p;
}

static void check_results(const KilnCtx *c, const float *x, const float *y) {
    for (int i = 0; i < 4; i++) {
        float kept = i ? x[i - 1] : x[4]; /* the second turn wrote four bytes further on */
        CU_ASSERT_EQUAL(y[i], x[i + 4] * 2 + 0.25f + (float)(i + 1));
        CU_ASSERT_EQUAL(y[i + 4], x[i] * 2 + 0.25f + (float)(i + 5));
        CU_ASSERT_EQUAL(((float *)c->grads)[8 + i], kept);
        CU_ASSERT_EQUAL(((float *)c->state)[4 + i], kept * 2 + 0.25f + (float)(i + 5));
    }
}

static void check_backend(World *w, ExecOptions o) {
    Program *p = program_new(w);
    Exec *e = open_exec(w, p, o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    KilnCtx *c = exec_ctx_new(w->arena, p, 1);
    float x[8] = {1, 2, 3, 4, 10, 20, 30, 40}, y[8] = {0}, *param = c->params;
    int32_t label[3] = {2, 8, 5};
    const void *in[] = {x, label};
    void *out[] = {y};
    param[2] = 2;
    CU_ASSERT_EQUAL(exec_run(e, 0, c, 3, in, out), 0);
    check_results(c, x, y);
    label[2] = 9;
    CU_ASSERT_EQUAL(exec_run(e, 0, c, 3, in, out), 2);
    CU_ASSERT_EQUAL(exec_run(e, 0, c, 2, in, out), 0);
    label[0] = 1;
    CU_ASSERT_EQUAL(exec_run(e, 0, c, 1, in, out), 2);
    CU_ASSERT_EQUAL(exec_run(e, 0, c, 0, in, out), 1);
    CU_ASSERT_EQUAL(exec_run(e, 0, c, BATCH + 1, in, out), 1);
    in[0] = NULL;
    CU_ASSERT_EQUAL(exec_run(e, 0, c, 3, in, out), 1);
    exec_free(e);
}

static void test_interp(void) {
    World *w = world_new();
    check_backend(w, (ExecOptions){.backend = EXEC_INTERP});
    UNIT_SAME(w->said, "");
    arena_free(w->arena);
}

static void test_c(void) {
    World *w = world_new();
    check_backend(w, (ExecOptions){.backend = EXEC_C});
    check_backend(w, (ExecOptions){.backend = EXEC_C, .cflags = "-O0 -Wall -Wextra -Werror"});
    UNIT_SAME(w->said, "");
    arena_free(w->arena);
}

static void test_jit(void) {
    World *w = world_new();
    exec_free(open_exec(w, program_new(w), (ExecOptions){.backend = EXEC_JIT}));
    if (strstr(w->said, "the JIT is not installed"))
        puts("skipped: the JIT is not installed");
    else
        check_backend(w, (ExecOptions){.backend = EXEC_JIT, .opt = 2});
    arena_free(w->arena);
}

static void test_no_compiler(void) {
    World *w = world_new();
    Program *p = program_new(w);
    CU_ASSERT_PTR_NULL(open_exec(w, p, (ExecOptions){.backend = EXEC_C, .cc = "/no/such/cc"}));
    UNIT_SAME(w->said, "cannot run the C compiler '/no/such/cc'");
    ExecOptions odd = {.backend = EXEC_C, .cflags = "-no-such-flag"};
    CU_ASSERT_PTR_NULL(open_exec(w, p, odd));
    CU_ASSERT(strncmp(w->said, "the C compiler '", 16) == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(w->said, "no-such-flag"));
    CU_ASSERT_EQUAL(diag_errors(w->diag), 2);
    arena_free(w->arena);
}

static void test_no_folder(void) {
    World *w = world_new();
    const char *before = getenv("TMPDIR");
    char *saved = before ? arena_printf(w->arena, "%s", before) : NULL;
    setenv("TMPDIR", "/no/such/folder", 1);
    CU_ASSERT_PTR_NULL(open_exec(w, program_new(w), (ExecOptions){.backend = EXEC_C}));
    CU_ASSERT(strncmp(w->said, "cannot make a folder like '/no/such/folder/kiln-", 48) == 0);
    if (saved)
        setenv("TMPDIR", saved, 1);
    else
        unsetenv("TMPDIR");
    arena_free(w->arena);
}

static void test_ctx(void) {
    World *w = world_new();
    Program *p = program_new(w);
    KilnCtx *c = exec_ctx_new(w->arena, p, 3);
    uint32_t step;
    float lr;
    memcpy(&step, (char *)(c + 1), 4);
    memcpy(&lr, (char *)(c + 1) + 4, 4);
    CU_ASSERT_EQUAL(exec_ctx_bytes(p), (int64_t)sizeof(KilnCtx) + 8);
    CU_ASSERT_EQUAL(step, 9);
    CU_ASSERT_EQUAL(lr, 0.25f);
    CU_ASSERT_EQUAL(c->threads, 3);
    CU_ASSERT_EQUAL((uintptr_t)c->params % 64, 0);
    CU_ASSERT_EQUAL((uintptr_t)c->state % 64, 0);
    CU_ASSERT_EQUAL((uintptr_t)c->arena % 64, 0);
    CU_ASSERT_PTR_NULL(c->parallel);
    arena_free(w->arena);
}

int main(void) {
    static const UnitTest tests[] = {
        {"ctx", test_ctx}, {"interp", test_interp}, {"c", test_c}, {"jit", test_jit},
        {"no compiler", test_no_compiler}, {"no folder", test_no_folder},
    };
    return unit_main("exec", tests, COUNT(tests));
}
