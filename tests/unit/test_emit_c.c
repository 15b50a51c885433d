/* Emitted C against the interpreter, bit for bit, for every compiler at hand and every
 * target of this machine; its warnings, its undefined symbols, its names.
 * timeout: 600 */
#define _GNU_SOURCE
#include "codegen/c.h"
#include "emit_kernels.h"
#include "kernel_case.h"

#include <unistd.h>

enum { LANES_MAX = 3 };
typedef struct { const char *target; int lanes[LANES_MAX]; } TargetCase;
static const TargetCase targets[] = {
    {"portable", {1}}, {"sse2", {1, 4}}, {"avx2", {1, 4, 8}}, {"avx512", {1, 8, 16}},
};

#define WARNINGS " -Wall -Wextra -pedantic -Wconversion -Werror"
static const struct { const char *cc, *flags; } compilers[] = {
    {"gcc", "-std=c99 -O0" WARNINGS},    {"gcc", "-std=c11 -O3" WARNINGS},
    {"clang-14", "-std=c11 -O2" WARNINGS}, {"clang-19", "-std=c99 -O3" WARNINGS},
};

static bool installed(const char *cc) {
    char command[100];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", cc);
    return system(command) == 0;
}

/* All kernels at all of a target's widths. */
static void add_text(World *w, Program *p, const KernelText *t, int lanes) {
    Kernel *k = case_parse(w, case_text(w, t->name, t->text, lanes));
    CU_ASSERT_PTR_NOT_NULL_FATAL(k);
    const char *wrong = loop_verify(w->arena, w->pool, k, CASE_N, p->target);
    if (wrong)
        fprintf(stderr, "%s: %s\n", t->name, wrong);
    CU_ASSERT_PTR_NULL(wrong);
    case_add(w, p, k);
}

/* Defined functions of up to three floats, at one width. */
static void add_functions(World *w, Program *p, int lanes) {
    static const char *const args[] = {"v0", "v0, v1", "v0, v1, v2"};
    for (int f = 0; f < NFN; f++) {
        char text[800];
        int n = fn_info[f].nargs;
        if (fn_info[f].prim || n < 1 || n > 3 || !fn_takes((Fn)f, F32))
            continue;
        snprintf(text, sizeof text,
                 "arg %%0 f32[96] in\n arg %%1 f32[64] out\n"
                 "for i0 = 0 to 64 step $L free {\n"
                 "  let v0 = %%0[i0; $L, 1, $L]\n  let v1 = %%0[i0+5; $L, 1, $L]\n"
                 "  let v2 = %%0[i0+9; $L, 1, $L]\n"
                 "  %%1[i0; $L, 1, $L] = f32(%s(%s))\n}\n", fn_info[f].name, args[n - 1]);
        add_text(w, p, &(KernelText){fn_info[f].name, text}, lanes);
    }
}

static Program *bundle(World *w, const TargetCase *t) {
    Program *p = case_program(w, t->target);
    for (size_t i = 0; i < COUNT(kernels) + COUNT(more_kernels); i++) {
        const KernelText *k = i < COUNT(kernels) ? &kernels[i] : &more_kernels[i - COUNT(kernels)];
        for (int l = 0; l < LANES_MAX && t->lanes[l]; l++)
            if ((l == 0 || strchr(k->text, '$')) &&
                (p->target->fma || !strstr(k->text, "fma(")))
                add_text(w, p, k, t->lanes[l]);
    }
    for (int l = 0; l < LANES_MAX && t->lanes[l]; l++)
        if (l + 1 == LANES_MAX || t->lanes[l + 1] == 0)
            add_functions(w, p, t->lanes[l]);
    return p;
}

/* A pool that runs the parts one by one, the last one first. */
static void backwards(void *pool, int parts, void (*fn)(void *arg, int part), void *arg) {
    ++*(int *)pool;
    while (parts-- > 0)
        fn(arg, parts);
}

static void run_all(World *w, const Program *p, ExecOptions o, CaseData *d) {
    int calls = 0;
    Exec *e = exec_new(w->arena, diag_nowhere(w->diag), p, o);
    if (!e)
        fprintf(stderr, "%s", w->errors.s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    KilnCtx *ctx = exec_ctx_new(w->arena, p, 3);
    ctx->parallel = backwards;
    ctx->pool = &calls;
    for (int i = 0; i < p->nkernel; i++) {
        d[i] = case_data(w, p->kernel[i]);
        calls = 0;
        CU_ASSERT_EQUAL(case_run(e, p, i, ctx, CASE_N, &d[i]), 0);
        CU_ASSERT_EQUAL(calls, o.backend == EXEC_C && p->kernel[i]->parallel);
    }
    exec_free(e);
}

static void compare(World *w, const Program *p, const char *cc, const char *flags,
                    const CaseData *expected) {
    CaseData *got = NEW(w->arena, p->nkernel, CaseData);
    run_all(w, p, (ExecOptions){.backend = EXEC_C, .cc = cc, .cflags = flags}, got);
    for (int i = 0; i < p->nkernel; i++) {
        int64_t bad = case_differ(p->kernel[i], &got[i], &expected[i]);
        Text t = {0};
        if (bad)
            loop_print(&t, p->kernel[i]);
        if (bad)
            fprintf(stderr, "%s %s %s: %lld elements differ after\n%s", p->target->name, cc,
                    flags, (long long)bad, t.s);
        CU_ASSERT_EQUAL(bad, 0);
        text_free(&t);
    }
}

static void test_equal(void) {
    for (size_t t = 0; t < COUNT(targets); t++) {
        if (!host_has(targets[t].target))
            continue;
        World *w = world_new();
        Program *p = bundle(w, &targets[t]);
        CaseData *expected = NEW(w->arena, p->nkernel, CaseData);
        run_all(w, p, (ExecOptions){.backend = EXEC_INTERP}, expected);
        for (size_t c = 0; c < COUNT(compilers); c++)
            if (installed(compilers[c].cc))
                compare(w, p, compilers[c].cc, compilers[c].flags, expected);
        world_free(w);
    }
}

/* --- as a file --- */

static bool shell(World *w, const char *fmt, ...) PRINTF(2, 3);
static bool shell(World *w, const char *fmt, ...) {
    Text t = {0};
    va_list ap;
    (void)w;
    va_start(ap, fmt);
    text_vprintf(&t, fmt, ap);
    va_end(ap);
    int status = system(t.s);
    if (status)
        fprintf(stderr, "failed: %s\n", t.s);
    text_free(&t);
    return status == 0;
}

static void put_file(World *w, const char *folder, const char *name, const char *text) {
    CU_ASSERT_FATAL(file_write(diag_nowhere(w->diag), arena_printf(w->arena, "%s/%s", folder, name),
                               text, strlen(text)));
}

/* <name>.h and <name>.c; returns the source. */
static char *put_program(World *w, const char *folder, const Program *p, EmitC o,
                         const char *name) {
    Text h = {0}, c = {0};
    emit_c_header(&h, p, &o);
    emit_c_source(&c, p, &o);
    put_file(w, folder, arena_printf(w->arena, "%s.h", name), h.s);
    put_file(w, folder, arena_printf(w->arena, "%s.c", name), c.s);
    char *all = arena_printf(w->arena, "%s%s", h.s, c.s);
    text_free(&h);
    text_free(&c);
    return all;
}

/* No undefined symbol but mem*, whatever the compiler and its optimiser leave. */
static void test_cxx_and_symbols(void) {
    static const char *const compile[] = {
        "g++ -x c++ -std=c++17 -O2", "clang-19 -x c++ -std=c++17 -O0", "gcc -O0", "clang-14 -O0",
    };
    for (size_t t = 0; t < COUNT(targets); t++) {
        if (!host_has(targets[t].target))
            continue;
        World *w = world_new();
        char *folder = unit_folder(w->arena);
        put_program(w, folder, bundle(w, &targets[t]), (EmitC){0}, "test");
        for (size_t i = 0; i < COUNT(compile); i++) {
            char cc[16];
            sscanf(compile[i], "%15s", cc);
            if (!installed(cc))
                continue;
            CU_ASSERT(shell(w, "cd %s && %s" WARNINGS " -c test.c -o test.o", folder, compile[i]));
            CU_ASSERT(shell(w, "! nm -u %s/test.o | grep -v ' mem'", folder));
        }
        shell(w, "rm -r %s", folder);
        world_free(w);
    }
}

/* --- a small program with every kind of place --- */

static const float constants[] = {1, 2, 3, 4, 5, 6, 7, 8};
static const float weights[16] = {0.1f, -0.0f, 1e-40f, __builtin_inff(), 3.0f};

static const char places_text[] =
    "kernel \"k0\" {\n arg %0 f32[4] in\n arg %1 f32[1] in\n arg %2 f32[1] in\n"
    " arg %3 f32[4] in\n arg %4 f32[4] out\n arg %5 f32[4] out\n"
    "for i0 = 0 to 4 free {\n %4[i0] = %0[i0]*%1[0] + %2[0] + %3[i0]\n"
    " %5[i0] = %0[i0]\n}\n}\n";
static const char init_text[] =
    "kernel \"k1\" {\n arg %0 f32[4] out \"w\"\n arg %1 u32[4] in \"rng\"\n"
    "for i0 = 0 to 4 free {\n %0[i0] = f32(%1[i0] + #u32(i0))\n}\n}\n";

static Slot slot(const char *name, DType t, int64_t n, int64_t at) {
    Slot s = {.name = name, .type = {.dtype = t, .rank = n ? 1 : 0}, .offset = at};
    s.type.dim[0].n = n;
    return s;
}

static void set_calls(World *w, Entry *e, const Call *call, int n, const Place *arg, int nargs) {
    e->call = NEW(w->arena, n, Call);
    e->ncall = n;
    for (int i = 0; i < n; i++) {
        e->call[i] = call[i];
        if (call[i].kind == C_KERNEL) {
            e->call[i].arg = NEW(w->arena, nargs, Place);
            memcpy(e->call[i].arg, arg, (size_t)nargs * sizeof *arg);
            arg += nargs;
        }
    }
}

/* forward: y[t] = x[1-t]*w[2] + lr + const[t], by a loop of calls; then the same from the
 * arena to state. init: w[0..3] from the seed. */
static Program *places_program(World *w, const char *target) {
    static const Place place[] = {
        {AT_INPUT, 0, 16, -16}, {AT_PARAM, 0, 72, 0}, {AT_VALUE, 0, 16, 0},
        {AT_CONST, 0, 0, 16}, {AT_OUTPUT, 0, 0, 16}, {AT_ARENA, 0, 64, 4},
        {AT_ARENA, 0, 64, 0}, {AT_PARAM, 0, 72, 0}, {AT_VALUE, 0, 16, 0},
        {AT_CONST, 0, 16, 0}, {AT_STATE, 0, 16, 0}, {AT_GRAD, 0, 32, 0},
    };
    static const Place seed[] = {{AT_PARAM, 0, 64, 0}, {AT_VALUE, 0, 0, 0}};
    static const Call calls[] = {{.kind = C_LOOP, .times = 2}, {.kind = C_KERNEL},
                                 {.kind = C_END}, {.kind = C_KERNEL}};
    static const Call init = {.kind = C_KERNEL, .kernel = 1};
    Program *p = case_program(w, target);
    case_add(w, p, case_parse(w, places_text));
    case_add(w, p, case_parse(w, init_text));
    p->name = "2 nets/*?";
    p->input.n = 2;
    p->input.slot[0] = slot("x", F32, 8, 0);
    p->input.slot[1] = slot("x", I32, CASE_N, 0);
    p->input.slot[1].type.dim[0].batch = true;
    p->input.slot[1].lo = 2;
    p->input.slot[1].hi = 9;
    Slot params[] = {slot("w", F32, 6, 64), slot("b\"*/\n", U8, 3, 0)};
    params[0].type = (Type){.dtype = F32, .rank = 2, .dim = {{2, false}, {3, false}}};
    Slot values[] = {slot("rng", U32, 4, 0), slot("lr", F32, 0, 16),
                     slot("NET_BATCH", F32, 2, 32)};
    values[1].init = 0.25;
    values[2].init = 7;
    p->param = (Block){2, NEW(w->arena, 2, Slot), 128};
    memcpy(p->param.slot, params, sizeof params);
    p->value = (Block){3, NEW(w->arena, 3, Slot), 40};
    memcpy(p->value.slot, values, sizeof values);
    p->constant = (Block){1, NEW(w->arena, 1, Slot), sizeof constants};
    p->constant.slot[0] = slot("c", F32, 8, 0);
    p->const_data = (const unsigned char *)constants;
    p->state.bytes = p->grad.bytes = 64;
    Entry *e = p->entry;
    e[0].name = "forward";
    e[0].nin = 2;
    e[0].in[0] = 0;
    e[0].in[1] = 1;
    e[0].nout = 1;
    e[0].out[0] = slot("x", F32, 8, 0);
    e[0].arena = 100;
    set_calls(w, &e[0], calls, COUNT(calls), place, 6);
    e[1].name = "init";
    e[1].nin = e[1].nout = 0;
    set_calls(w, &e[1], &init, 1, seed, 2);
    return p;
}

static void check_places(World *w, Backend backend, const char *target) {
    Program *p = places_program(w, target);
    Exec *e = exec_new(w->arena, diag_nowhere(w->diag), p, (ExecOptions){.backend = backend});
    if (!e)
        fprintf(stderr, "%s\n", w->errors.s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    KilnCtx *c = exec_ctx_new(w->arena, p, 1);
    float x[8] = {1, 2, 3, 4, 10, 20, 30, 40}, y[8] = {0}, *param = c->params;
    int32_t label[3] = {2, 8, 5};
    const void *in[] = {x, label};
    void *out[] = {y};
    param[18] = 2;
    CU_ASSERT_EQUAL(exec_run(e, 0, c, 3, in, out), 0);
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(y[i], x[i + 4] * 2 + 0.25f + (float)(i + 1));
        CU_ASSERT_EQUAL(y[i + 4], x[i] * 2 + 0.25f + (float)(i + 5));
        float kept = i ? x[i - 1] : x[4];
        CU_ASSERT_EQUAL(((float *)c->grads)[8 + i], kept);
        CU_ASSERT_EQUAL(((float *)c->state)[4 + i], kept * 2 + 0.25f + (float)(i + 5));
    }
    label[2] = 9;
    CU_ASSERT_EQUAL(exec_run(e, 0, c, 3, in, out), 2);
    CU_ASSERT_EQUAL(exec_run(e, 0, c, 2, in, out), 0);
    label[0] = 1;
    CU_ASSERT_EQUAL(exec_run(e, 0, c, 1, in, out), 2);
    CU_ASSERT_EQUAL(exec_run(e, 0, c, 0, in, out), 1);
    CU_ASSERT_EQUAL(exec_run(e, 0, c, CASE_N + 1, in, out), 1);
    in[0] = NULL;
    CU_ASSERT_EQUAL(exec_run(e, 0, c, 3, in, out), 1);
    CU_ASSERT_EQUAL(exec_run(e, 1, c, 1, NULL, NULL), 0);
    CU_ASSERT_EQUAL(param[19], 3);
    exec_free(e);
}

static void test_places(void) {
    World *w = world_new();
    check_places(w, EXEC_C, "portable");
    check_places(w, EXEC_C, "native");
    check_places(w, EXEC_INTERP, "portable");
    world_free(w);
}

/* What a user's program sees: init, values, tables, weights in place or copied. */
static const char user_main[] =
    "#include \"net.h\"\n#include <stdio.h>\n#include <string.h>\n"
    "#define CHECK(x) do { if (!(x)) { printf(\"line %d: %s\\n\", __LINE__, #x); bad = 1; } } while (0)\n"
    "int main(void) {\n"
    "    static unsigned char memory[4][1024]; int bad = 0; float row[6], y[8] = {0};\n"
    "    const float x[8] = {1, 2, 3, 4, 10, 20, 30, 40}; const int32_t label[1] = {2};\n"
    "    net_ctx c; memset(&c, 0, sizeof c);\n"
    "    CHECK(net_init(NULL, 1) == 1); CHECK(net_init(&c, 1) == 1);\n"
    "    CHECK(net_forward(&c, 1, x, label, y) == 1);\n"
    "    c.params = memory[0]; c.grads = memory[1]; c.state = memory[2]; c.arena = memory[3];\n"
    "    CHECK(net_init(&c, 0x500000003u) == 0);\n"
    "    CHECK(c.rng[0] == 3 && c.rng[1] == 5 && c.rng[2] == 0);\n"
    "    CHECK(c.lr == 0.25f && c.k_NET_BATCH[0] == 7 && c.k_NET_BATCH[1] == 7);\n"
    "    CHECK(sizeof memory[3] >= NET_ARENA_BYTES(2) && NET_BATCH == 61 && NET_PARAMS_BYTES == 128);\n"
    "    CHECK(strcmp(net_params[0].name, \"w\") == 0 && net_params[0].rank == 2);\n"
    "    CHECK(strcmp(net_params[1].name, \"b\\\"*/\\n\") == 0 && net_params[1].size == 1);\n"
    "    CHECK(net_params[0].shape[1] == 3 && net_params[0].strides[0] == 3);\n"
    "    CHECK(net_param_get(&c, 0, row) == 0 && net_param_get(&c, 2, row) == 1);\n"
    "#ifdef WEIGHTS\n"
    "    CHECK(row[0] == 0.1f && row[1] == 0 && row[2] == 1e-40f && row[4] == 3);\n"
    "    CHECK(row[3] > 1e38f);\n"
    "#else\n"
    "    CHECK(row[0] == 3 && row[1] == 6 && row[2] == 2 && row[3] == 3);\n"
    "#endif\n"
    "    row[2] = 2; CHECK(net_param_set(&c, 0, row) == 0);\n"
    "    CHECK(net_forward(&c, 1, x, label, y) == 0);\n"
    "    CHECK(y[0] == 10 * 2 + 0.25f + 1 && y[7] == 4 * 2 + 0.25f + 8);\n"
    "    return bad;\n}\n";

static void test_user(void) {
    static const char *const compile[] = {"gcc -std=c99 -O1", "clang-19 -x c++ -std=c++17"};
    World *w = world_new();
    char *folder = unit_folder(w->arena);
    put_file(w, folder, "main.c", user_main);
    for (int i = 0; i < 4; i++) {
        float data[32] = {0};
        memcpy(data + 16, weights, sizeof weights);
        Program *p = places_program(w, i & 1 ? "portable" : "native");
        put_program(w, folder, p, (EmitC){.prefix = "net", .weights = i & 2 ? data : NULL}, "net");
        for (size_t c = 0; c < COUNT(compile); c++) {
            if (c && !installed("clang-19"))
                continue;
            CU_ASSERT(shell(w, "cd %s && %s%s%s net.c main.c -o main && ./main", folder,
                            compile[c], i & 2 ? " -DWEIGHTS" : "", WARNINGS));
        }
    }
    shell(w, "rm -r %s", folder);
    world_free(w);
}

/* Weights that no init changes are used where they are. */
static void test_embedded(void) {
    static const char text[] =
        "#include \"net.h\"\n#include <string.h>\nint main(void) {\n"
        "    const float x[4] = {1, 2, 3, 4}; float y[4]; net_ctx c; memset(&c, 0, sizeof c);\n"
        "    if (net_init(&c, 0) || net_e0(&c, 1, x, y)) return 1;\n"
        "    return y[0] != 0.1f || y[1] != -0.0f || y[2] != 3 * 1e-40f;\n}\n";
    World *w = world_new();
    char *folder = unit_folder(w->arena);
    Program *p = case_program(w, "portable");
    case_add(w, p, case_parse(w, "kernel \"k\" {\n arg %0 f32[4] in\n arg %1 f32[4] out\n"
                              " arg %2 f32[16] in\n for i0 = 0 to 3 free {\n"
                              " %1[i0] = %0[i0]*%2[i0]\n }\n}\n"));
    p->entry[0].call[0].arg[2] = (Place){.space = AT_PARAM};
    p->entry[0].nin = 1;
    p->param = (Block){1, NEW(w->arena, 1, Slot), sizeof weights};
    p->param.slot[0] = slot("w", F32, 16, 0);
    put_program(w, folder, p, (EmitC){.prefix = "net", .weights = weights}, "net");
    put_file(w, folder, "main.c", text);
    CU_ASSERT(shell(w, "cd %s && cc -std=c99%s net.c main.c -o main && ./main", folder, WARNINGS));
    shell(w, "rm -r %s", folder);
    world_free(w);
}

static void test_deterministic(void) {
    World *a = world_new(), *b = world_new();
    char *folder = unit_folder(a->arena);
    const TargetCase *t = &targets[1];
    UNIT_SAME(put_program(a, folder, bundle(a, t), (EmitC){0}, "x"),
              put_program(b, folder, bundle(b, t), (EmitC){0}, "x"));
    shell(a, "rm -r %s", folder);
    world_free(a);
    world_free(b);
}

static void test_fast_math_refused(void) {
    World *w = world_new();
    Program *p = places_program(w, "portable");
    Exec *e = exec_new(w->arena, diag_nowhere(w->diag), p,
                       (ExecOptions){.backend = EXEC_C, .cflags = "-ffast-math"});
    CU_ASSERT_PTR_NULL(e);
    CU_ASSERT_PTR_NOT_NULL(w->errors.s && strstr(w->errors.s, "-ffast-math") ? w : NULL);
    world_free(w);
}

/* --- names --- */

static void ident(char *out, size_t size, const char *name) {
    Text t = {0};
    emit_c_ident(&t, name);
    snprintf(out, size, "%s", t.s);
    text_free(&t);
}

static void test_names(void) {
    static const char *const same[][2] = {
        {"digits", "digits"}, {"load_forecast", "load_forecast"}, {"a__b", "a_x5f_x5fb"},
        {"fc1.weight", "fc1_x2eweight"}, {"int", "k_int"}, {"k_int", "k_k_int"}, {"5", "k_5"},
        {"", "k_"}, {"_x", "k_x5fx"}, {"a_x5f", "a_x5fx5f"}, {"uint8_t", "k_uint8_t"},
        {"f32x8", "k_f32x8"}, {"load_f32x8", "k_load_f32x8"}, {"v1", "k_v1"}, {"vol", "vol"},
        {"\xc3\xa9", "k_xc3_xa9"}, {"k0_run", "k_k0_run"}, {"constant_0", "k_constant_0"}, {"class", "k_class"}, {"ctx", "k_ctx"}, {"linux", "k_linux"},
    };
    char got[100];
    for (size_t i = 0; i < COUNT(same); i++) {
        ident(got, sizeof got, same[i][0]);
        UNIT_SAME(got, same[i][1]);
    }
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* All texts of up to five bytes from an alphabet that can go wrong: no two share a name. */
static void test_names_injective(void) {
    static const char letters[] = "_x5k.f";
    enum { N = 6 + 36 + 216 + 1296 + 7776 };
    Arena *a = arena_new();
    char **all = NEW(a, N, char *);
    int n = 0;
    for (int len = 1, count = 6; len <= 5; len++, count *= 6)
        for (int k = 0; k < count; k++) {
            char text[6] = {0}, got[100];
            for (int i = 0, rest = k; i < len; i++, rest /= 6)
                text[i] = letters[rest % 6];
            ident(got, sizeof got, text);
            all[n++] = arena_printf(a, "%s", got);
        }
    qsort(all, (size_t)n, sizeof *all, by_text);
    int twins = 0, bad = 0;
    for (int i = 0; i < n; i++) {
        twins += i > 0 && strcmp(all[i - 1], all[i]) == 0;
        bad += strstr(all[i], "__") != NULL || all[i][0] == '_' ||
               all[i][strspn(all[i], "abcdefghijklmnopqrstuvwxyz0123456789_")] != 0;
    }
    CU_ASSERT_EQUAL(twins, 0);
    CU_ASSERT_EQUAL(bad, 0);
    arena_free(a);
}

int main(void) {
    static const UnitTest tests[] = {
        {"names", test_names}, {"names injective", test_names_injective},
        {"places", test_places}, {"user", test_user}, {"embedded", test_embedded},
        {"deterministic", test_deterministic}, {"fast math refused", test_fast_math_refused},
        {"equal", test_equal}, {"cxx and symbols", test_cxx_and_symbols},
    };
    return unit_main("emit_c", tests, COUNT(tests));
}
