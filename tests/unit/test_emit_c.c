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

static const struct { const char *cc, *flags; } compilers[] = {
    {"gcc", "-O0"}, {"gcc", "-O3"}, {"clang-14", "-O2"}, {"clang-19", "-O0"}, {"clang-19", "-O3"},
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

static Program *bundle(World *w, const TargetCase *t) {
    Program *p = case_program(w, t->target);
    for (size_t i = 0; i < COUNT(kernels) + COUNT(more_kernels); i++) {
        const KernelText *k = i < COUNT(kernels) ? &kernels[i] : &more_kernels[i - COUNT(kernels)];
        for (int l = 0; l < LANES_MAX && t->lanes[l]; l++)
            if ((l == 0 || strchr(k->text, '$')) &&
                (p->target->fma || !strstr(k->text, "fma(")))
                add_text(w, p, k, t->lanes[l]);
    }
    return p;
}

static void run_all(World *w, const Program *p, ExecOptions o, CaseData *d) {
    Exec *e = exec_new(w->arena, diag_nowhere(w->diag), p, o);
    if (!e)
        fprintf(stderr, "%s", w->errors.s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    void *ctx = exec_ctx_new(w->arena, p, 1);
    for (int i = 0; i < p->nkernel; i++) {
        d[i] = case_data(w, p->kernel[i]);
        CU_ASSERT_EQUAL(case_run(e, p, i, ctx, CASE_N, &d[i]), 0);
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

int main(void) {
    static const UnitTest tests[] = {{"equal", test_equal}};
    return unit_main("emit_c", tests, COUNT(tests));
}
