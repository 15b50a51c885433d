/* Every op and its gradients, computed every way: the bits are the oracle's.
 * labels: release
 * timeout: 600 */
#include "op_run.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARNINGS " -Wall -Wextra -pedantic -Wconversion -Werror"
#define C_WAYS(target, cc) \
    {EXEC_C, target, cc, "-O0" WARNINGS, false}, {EXEC_C, target, cc, "-O3" WARNINGS, false}

static const OpWay interpreted[] = {
    {EXEC_INTERP, "portable", NULL, NULL, false}, {EXEC_INTERP, "sse2", NULL, NULL, false},
    {EXEC_INTERP, "avx2", NULL, NULL, false},     {EXEC_INTERP, "avx512", NULL, NULL, false},
    {EXEC_INTERP, "avx2", NULL, NULL, true},
};
static const OpWay jit[] = {
    {EXEC_JIT, "native", NULL, NULL, false}, {EXEC_JIT, "portable", NULL, NULL, false},
    {EXEC_JIT, "native", NULL, NULL, true},
};
static const OpWay vector[] = {
    C_WAYS("native", "gcc"), C_WAYS("native", "clang"), {EXEC_C, "sse2", "gcc", "-O2", false},
    {EXEC_C, "native", "clang-19", "-O3" WARNINGS, false},
    {EXEC_C, "native", "gcc", "-O2" WARNINGS, true},
    {EXEC_C, "native", "clang", "-O2" WARNINGS, true},
};
static const OpWay portable[] = {C_WAYS("portable", "gcc"), C_WAYS("portable", "clang")};

static Arena *arena;
static OpRuns *runs;

static bool usable(const OpWay *w) {
    if (w->backend == EXEC_JIT)
        return exec_has_jit();
    char command[80];
    snprintf(command, sizeof command, "%s --version > /dev/null 2>&1", w->cc ? w->cc : "true");
    return system(command) == 0;
}

static pid_t start(const OpWay *w) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(op_runs_check(runs, w) > 0);
    return child;
}

static void finish(void) {
    int status = 0;
    if (wait(&status) >= 0)
        CU_ASSERT_EQUAL(status, 0);
}

/* Two at a time. */
static void each(const OpWay *w, size_t n) {
    int running = 0;
    for (size_t i = 0; i < n; i++) {
        if (!usable(&w[i])) {
            printf("%s is not here ", w[i].cc ? w[i].cc : "the JIT");
            continue;
        }
        if (running == 2)
            finish();
        else
            running++;
        CU_ASSERT_TRUE(start(&w[i]) > 0);
    }
    while (running-- > 0)
        finish();
}

static void test_expected(void) {
    runs = op_runs_new(arena, getenv("OP"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(runs);
}
static void test_interpreter(void) { each(interpreted, COUNT(interpreted)); }
static void test_jit(void) { each(jit, COUNT(jit)); }
static void test_vector(void) { each(vector, COUNT(vector)); }
static void test_portable(void) { each(portable, COUNT(portable)); }

int main(void) {
    static const UnitTest test[] = {
        {"expected", test_expected},
        {"interpreter", test_interpreter},
        {"jit", test_jit},
        {"c, vectors", test_vector},
        {"c, portable", test_portable},
    };
    arena = arena_new();
    int status = unit_main("op_cases", test, COUNT(test));
    arena_free(arena);
    return status;
}
