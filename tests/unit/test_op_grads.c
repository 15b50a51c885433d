/* Derived gradients of every op against central differences, both by the oracle in double. */
#include "tests/unit/op_case.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PROBES = 40, BATCH = 3 };

typedef struct {
    Arena *a;
    Diag *d;
    const OpCase *c;
    OpGraph g;
    OracleTensor in[OP_CASE_LEAVES], out[OP_CASE_LEAVES];
} Bench;

static int64_t count_of(const OracleTensor *t) {
    int64_t n = 1;
    for (int i = 0; i < t->type.rank; i++)
        n *= t->type.dim[i].n;
    return n;
}

static double weighted(const OracleTensor *y, const OracleTensor *weight) {
    double s = 0;
    for (int64_t i = 0; i < count_of(y); i++)
        s += ((const double *)y->data)[i] * ((const double *)weight->data)[i];
    return s;
}

/* sum(y*weight): the graph's first result alone. */
static double value(const Bench *b) {
    Arena *a = arena_new();
    OracleOptions o = {a, true, diag_nowhere(b->d)};
    OracleTensor y;
    Graph g = *b->g.graph;
    g.nresult = 1;
    CU_ASSERT_TRUE_FATAL(oracle_run(&g, &o, BATCH, b->g.nleaf, b->in, &y));
    double s = weighted(&y, &b->in[b->g.nleaf - 1]);
    arena_free(a);
    return s;
}

/* grad NULL: the gradient is zero. */
static void compare(const Bench *b, OracleTensor *x, const OracleTensor *grad) {
    const double eps = 1e-6;
    double *v = x->data;
    int64_t n = count_of(x);
    for (int64_t k = 0; k < n; k += n / PROBES + 1) {
        double was = v[k], got = grad ? ((const double *)grad->data)[k] : 0;
        v[k] = was + eps;
        double up = value(b);
        v[k] = was - eps;
        double want = (up - value(b)) / (2 * eps);
        v[k] = was;
        bool near = fabs(got - want) <= 1e-7 + 1e-5 * fabs(want);
        if (!near)
            printf("%s %s: d %s[%lld]: got %.10g, expected %.10g\n", b->c->op, b->c->with,
                   x->name, (long long)k, got, want);
        CU_ASSERT_TRUE(near);
    }
}

static const OracleTensor *gradient_of(const Bench *b, int leaf) {
    for (int k = 0; k + 1 < b->g.graph->nresult; k++)
        if (b->g.of[k] == leaf)
            return &b->out[k + 1];
    return NULL;
}

static void compare_all(Bench *b) {
    for (int i = 0; i + 1 < b->g.nleaf; i++) {
        if (b->in[i].type.dtype != F64)
            continue;
        const OracleTensor *grad = gradient_of(b, i);
        CU_ASSERT_TRUE(!grad || type_equal(&grad->type, &b->in[i].type));
        compare(b, &b->in[i], grad);
    }
}

static void check(const OpCase *c) {
    Bench b = {.a = arena_new(), .c = c};
    b.d = diag_new(b.a, NULL, NULL);
    OracleOptions o = {b.a, true, diag_nowhere(b.d)};
    bool ok = op_case_build(b.a, pool_new(b.a), strs_new(b.a), b.d, c, "e", &b.g);
    CU_ASSERT_TRUE(ok);
    if (ok)
        UNIT_SAME(graph_verify(b.a, b.g.graph), NULL);
    for (int i = 0; i < b.g.nleaf; i++)
        b.in[i] = op_case_values(b.a, c, b.g.leaf[i], BATCH, FILL_SMOOTH, 1);
    ok = ok && oracle_run(b.g.graph, &o, BATCH, b.g.nleaf, b.in, b.out);
    if (!ok)
        printf("%s %s fails\n", c->op, c->with);
    CU_ASSERT_TRUE(ok);
    if (ok && b.out[0].type.dtype == F64)
        compare_all(&b);
    arena_free(b.a);
}

static void rows(void) {
    const char *only = getenv("OP");
    for (int i = 0; i < op_case_count; i++)
        if (!only || strcmp(only, op_case[i].op) == 0)
            check(&op_case[i]);
}

static void covered(void) {
    for (int i = 0; i < op_count; i++) {
        bool found = false;
        for (int k = 0; k < op_case_count; k++)
            found |= strcmp(op_case[k].op, op_info[i].name) == 0;
        if (!found)
            printf("%s has no row in op_cases.def\n", op_info[i].name);
        CU_ASSERT_TRUE(found);
    }
}

int main(void) {
    static const UnitTest test[] = {{"every op has a row", covered}, {"rows", rows}};
    return unit_main("op_grads", test, COUNT(test));
}
