/* Guards whose conditions read: they are made only where the guards around them hold. */
#include "tests/unit/compare.h"
#include "tests/unit/unit.h"

#include <string.h>

static const char *const graphs[] = {
    /* a read that the outer guard keeps inside */
    "graph @g batch 4 {\n  %t = input \"t\" : i32[7]\n  %x = input \"x\" : f32[40]\n"
    "  %1 = { O[i<40] = when(i >= 1 && i < 8, when(%t[i-1] == 2, %x[i], 0 - 1), 7) } : f32[40]\n"
    "  output \"y\" %1\n}\n",
    /* by what is read, at a place that is read */
    "graph @g batch 4 {\n  %t = input \"t\" : i32[30]\n  %u = input \"u\" : i32[4]\n"
    "  %x = input \"x\" : f32[30]\n"
    "  %1 = { O[i<30] = when(%t[i] < 4, when(%u[%t[i]] > 2, %x[i], 1), 2) } : f32[30]\n"
    "  output \"y\" %1\n}\n",
    /* in a sum, two deep */
    "graph @g batch 4 {\n  %t = input \"t\" : i32[n:4,19]\n  %u = input \"u\" : i32[3]\n"
    "  %x = input \"x\" : f32[n:4,20]\n"
    "  %1 = { O[n] += [k<20] when(k >= 1, when(%t[n,k-1] < 3, when(%u[%t[n,k-1]] == k - 3, "
    "%x[n,k], 0), 0), 0) } : f32[n:4]\n"
    "  output \"y\" %1\n}\n",
    /* an inner comparison that would come first by its text */
    "graph @g batch 4 {\n  %a = input \"a\" : i32[2]\n  %z = input \"z\" : i32[n:4,33]\n"
    "  %x = input \"x\" : f32[n:4,33]\n"
    "  %1 = { O[n,i] = when(%z[n,i] < 2, when(%a[%z[n,i]] >= %z[n,i] && %a[%z[n,i]] < 6, %x[n,i], "
    "0), %x[n,i]*2) } : f32[n:4,33]\n"
    "  output \"y\" %1\n}\n",
};

static void same_everywhere(void) {
    static const struct { const char *target; Backend backend; } way[] = {
        {"portable", EXEC_INTERP}, {"avx2", EXEC_INTERP}, {"avx512", EXEC_INTERP},
        {"native", EXEC_JIT}, {"native", EXEC_C}, {"portable", EXEC_C}};
    for (size_t i = 0; i < COUNT(graphs); i++) {
        Arena *a = arena_new();
        Diag *d = diag_new(a, NULL, NULL);
        Graph *g = graph_parse(a, pool_new(a), strs_new(a),
                               diag_source(d, "g.kir", graphs[i], strlen(graphs[i])));
        CU_ASSERT_PTR_NOT_NULL_FATAL(g);
        for (size_t k = 0; k < COUNT(way); k++) {
            Compare c = {.n = 3, .seed = 3 + i, .index_bound = 7, .target = way[k].target,
                         .backend = way[k].backend, .cflags = "-O2"};
            if (c.backend == EXEC_JIT && !exec_has_jit())
                continue;
            CU_ASSERT_TRUE(compare_graph(a, g, &c));
        }
        arena_free(a);
    }
}

static const UnitTest tests[] = {{"same_everywhere", same_everywhere}};

int main(void) { return unit_main("guards", tests, COUNT(tests)); }
