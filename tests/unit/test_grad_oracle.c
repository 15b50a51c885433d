/* Derived gradients against central differences, both by the oracle in double. */
#include "ir/oracle.h"
#include "passes/pass.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <string.h>

enum { MAX_IN = 3, PROBES = 40 };

typedef struct {
    const char *op;                    /* of the table, or equations if it has a '=' */
    Attr attr[8];
    struct { int rank; int64_t n[4]; int64_t below; } in[MAX_IN]; /* below: i32 0..below-1 */
} Case;
#define INT(attr, v) {.name = attr, .kind = ATTR_INT, .i = (v)}

static const Case cases[] = {
    {"matmul", {{0}}, {{3, {2, 3, 5}, 0}, {3, {2, 5, 4}, 0}}},
    {"linear", {{0}}, {{2, {3, 5}, 0}, {2, {4, 5}, 0}, {1, {4}, 0}}},
    {"outer", {{0}}, {{1, {3}, 0}, {1, {4}, 0}}},
    {"conv1d", {INT("sx", 2), INT("px", 1)}, {{3, {2, 2, 7}, 0}, {3, {3, 2, 3}, 0}}},
    {"conv2d", {INT("sy", 2), INT("py", 1), INT("px", 2), INT("dx", 2), INT("groups", 2)},
     {{4, {2, 4, 6, 7}, 0}, {4, {4, 2, 3, 3}, 0}, {1, {4}, 0}}},
    {"conv2d", {INT("sy", 3), INT("sx", 2)}, {{4, {1, 2, 8, 7}, 0}, {4, {3, 2, 2, 3}, 0}}},
    {"conv_transpose2d", {INT("sy", 2), INT("sx", 2), INT("py", 1), INT("ox", 1)},
     {{4, {1, 2, 3, 4}, 0}, {4, {2, 3, 3, 3}, 0}}},
    {"max_pool2d", {INT("ky", 3), INT("kx", 2), INT("sy", 2), INT("sx", 2), INT("py", 1)},
     {{4, {1, 2, 6, 6}, 0}}},
    {"avg_pool2d", {INT("ky", 3), INT("kx", 3), INT("sy", 2), INT("sx", 1), INT("py", 1),
                    INT("px", 1), INT("count_pad", 0)}, {{4, {1, 2, 5, 6}, 0}}},
    {"upsample2d", {{0}}, {{4, {1, 2, 3, 2}, 0}}},
    {"sum", {INT("axis", 1)}, {{3, {3, 4, 2}, 0}}},
    {"mean", {INT("axis", 0), INT("dims", 2), INT("keep", 1)}, {{3, {3, 4, 2}, 0}}},
    {"prod", {INT("axis", 1)}, {{2, {3, 4}, 0}}},
    {"amax", {INT("axis", 1)}, {{2, {3, 4}, 0}}},
    {"amin", {INT("axis", 0)}, {{2, {3, 4}, 0}}},
    {"mean_all", {{0}}, {{2, {3, 4}, 0}}},
    {"concat", {INT("axis", 1)}, {{2, {3, 4}, 0}, {2, {3, 2}, 0}}},
    {"pad", {INT("axis", 1), INT("lo", 2), INT("hi", -1)}, {{2, {3, 4}, 0}}},
    {"pad_edge", {INT("axis", 1), INT("lo", 2), INT("hi", 3)}, {{2, {3, 4}, 0}}},
    {"pad_reflect", {INT("axis", 0), INT("lo", 2), INT("hi", 1)}, {{2, {3, 4}, 0}}},
    {"pad_wrap", {INT("axis", 1), INT("lo", 3), INT("hi", 2)}, {{2, {3, 4}, 0}}},
    {"slice", {INT("axis", 1), INT("start", 1), INT("step", 2)}, {{2, {3, 6}, 0}}},
    {"flip", {INT("axis", 1)}, {{2, {3, 4}, 0}}},
    {"repeat", {INT("axis", 0), INT("times", 3)}, {{2, {3, 4}, 0}}},
    {"embedding", {{0}}, {{2, {3, 2}, 5}, {2, {5, 4}, 0}}},
    {"gather", {INT("axis", 1)}, {{3, {2, 4, 3}, 0}, {1, {5}, 4}}},
    {"pick", {{0}}, {{2, {5, 3}, 0}, {1, {5}, 3}}},
    {"add", {{0}}, {{3, {2, 3, 4}, 0}, {2, {3, 1}, 0}}},
    {"sub", {{0}}, {{2, {3, 4}, 0}, {1, {4}, 0}}},
    {"mul", {{0}}, {{3, {2, 3, 4}, 0}, {1, {1}, 0}}},
    {"div", {{0}}, {{2, {3, 4}, 0}, {2, {3, 4}, 0}}},
    {"maximum", {{0}}, {{2, {3, 4}, 0}, {2, {3, 4}, 0}}},
    {"relu", {{0}}, {{2, {3, 4}, 0}}},
    {"leaky_relu", {{0}}, {{2, {3, 4}, 0}}},
    {"square", {{0}}, {{2, {3, 4}, 0}}},
    {"reciprocal", {{0}}, {{2, {3, 4}, 0}}},
    {"M[i] max= A[i,j]; E[i,j] = exp(A[i,j] - M[i]); S[i] += E[i,j]; O[i,j] = E[i,j]/S[i]",
     {{0}}, {{2, {3, 5}, 0}}},
    {"O[..] = tanh(A[..])*sigmoid(B[..])", {{0}}, {{2, {3, 4}, 0}, {2, {3, 4}, 0}}},
    {"O[i,j<3] = A[i,i+j]*B[j]", {{0}}, {{2, {4, 6}, 0}, {1, {3}, 0}}},
    {"O[i<6] = A[i/2]*A[i%3]", {{0}}, {{1, {3}, 0}}},
};

static double noise(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(int32_t)*seed * 0x1p-31;
}

/* Values off kinks and ties: no two are closer than their numbers' distance. */
static OracleTensor values(Arena *a, const Type *t, const char *name, int64_t below,
                           uint32_t seed) {
    OracleTensor x = {.kind = N_INPUT, .name = name, .type = *t};
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= t->dim[i].n;
    if (below) {
        int32_t *v = NEW(a, n, int32_t);
        for (int64_t i = 0; i < n; i++)
            v[i] = (int32_t)fabs(noise(&seed) * (double)below);
        x.data = v;
        return x;
    }
    double *v = NEW(a, n, double);
    for (int64_t i = 0; i < n; i++) {
        v[i] = noise(&seed);
        v[i] += v[i] < 0 ? -0.1 : 0.1;
    }
    x.type.dtype = F64;
    x.data = v;
    return x;
}

typedef struct {
    Arena *a;
    Diag *d;
    Graph *g;
    int nin;
    OracleTensor in[MAX_IN + 1];       /* the last one weighs the result */
    Ref ref[MAX_IN + 1];
} Bench;

static Ref result_of(Bench *b, const Case *c) {
    int nattr = 0;
    while (nattr < 8 && c->attr[nattr].name)
        nattr++;
    if (strchr(c->op, '='))
        return graph_text(b->g, c->op, b->nin, b->ref, nattr, c->attr, NDTYPE);
    return graph_op(b->g, diag_nowhere(b->d), c->op, b->nin, b->ref, nattr, c->attr);
}

/* y, and the gradients of sum(y*r) by the float inputs. */
static bool build(Bench *b, const Case *c) {
    static const char *const name[] = {"a", "b", "c"};
    for (; b->nin < MAX_IN && c->in[b->nin].rank; b->nin++) {
        Type t = {.dtype = c->in[b->nin].below ? I32 : F32, .rank = c->in[b->nin].rank};
        for (int i = 0; i < t.rank; i++)
            t.dim[i].n = c->in[b->nin].n[i];
        b->ref[b->nin] = graph_leaf(b->g, N_INPUT, name[b->nin], &t);
        b->in[b->nin] = values(b->a, &t, name[b->nin], c->in[b->nin].below,
                               (uint32_t)b->nin + 1);
    }
    Ref y = result_of(b, c);
    if (!y.node)
        return false;
    Ref r = graph_leaf(b->g, N_INPUT, "r", ref_type(y)), wrt[MAX_IN], grad[MAX_IN] = {{0}};
    b->in[b->nin] = values(b->a, ref_type(y), "r", 0, 99);
    int nwrt = 0;
    for (int i = 0; i < b->nin; i++)
        if (ref_type(b->ref[i])->dtype == F32)
            wrt[nwrt++] = b->ref[i];
    graph_gradient(b->g, 1, &y, &r, nwrt, wrt, grad);
    graph_result(b->g, TO_OUTPUT, "y", y);
    for (int i = 0; i < nwrt; i++)
        if (grad[i].node)
            graph_result(b->g, TO_OUTPUT, wrt[i].node->name, grad[i]);
    return true;
}

static double weighted(const Bench *b, const OracleTensor *y) {
    double s = 0;
    int64_t n = 1;
    for (int i = 0; i < y->type.rank; i++)
        n *= y->type.dim[i].n;
    for (int64_t i = 0; i < n; i++)
        s += ((const double *)y->data)[i] * ((const double *)b->in[b->nin].data)[i];
    return s;
}

static double loss(const Bench *b) {
    Arena *a = arena_new();
    OracleOptions o = {a, true, diag_nowhere(b->d)};
    OracleTensor out[MAX_IN + 1];
    CU_ASSERT_TRUE_FATAL(oracle_run(b->g, &o, 1, b->nin + 1, b->in, out));
    double s = weighted(b, &out[0]);
    arena_free(a);
    return s;
}

static void compare(const Bench *b, const Case *c, const OracleTensor *x,
                    const OracleTensor *grad) {
    const double eps = 1e-6;
    double *v = x->data;
    int64_t n = 1;
    for (int i = 0; i < x->type.rank; i++)
        n *= x->type.dim[i].n;
    for (int64_t k = 0; k < n; k += n / PROBES + 1) {
        double was = v[k], got = ((const double *)grad->data)[k];
        v[k] = was + eps;
        double up = loss(b);
        v[k] = was - eps;
        double want = (up - loss(b)) / (2 * eps);
        v[k] = was;
        bool near = fabs(got - want) <= 1e-7 + 1e-5 * fabs(want);
        if (!near)
            printf("%s: d %s[%lld]: got %.10g, expected %.10g\n", c->op, x->name, (long long)k,
                   got, want);
        CU_ASSERT_TRUE(near);
    }
}

/* Every float input has a gradient, of its own type. */
static void compare_all(const Bench *b, const Case *c, const OracleTensor *out) {
    int next = 1;
    for (int i = 0; i < b->nin; i++) {
        if (ref_type(b->ref[i])->dtype != F32)
            continue;
        bool there = next < b->g->nresult && strcmp(out[next].name, b->in[i].name) == 0 &&
                     type_equal(&out[next].type, &b->in[i].type);
        CU_ASSERT_TRUE(there);
        if (there)
            compare(b, c, &b->in[i], &out[next++]);
    }
}

static void check(const Case *c) {
    Bench b = {.a = arena_new()};
    b.d = diag_new(b.a, NULL, NULL);
    b.g = graph_new(b.a, pool_new(b.a), strs_new(b.a), "g", 1);
    OracleOptions o = {b.a, true, diag_nowhere(b.d)};
    OracleTensor out[MAX_IN + 1];
    const char *bad = build(&b, c) ? graph_verify(b.a, b.g) : "not built";
    UNIT_SAME(bad, NULL);
    bool ok = !bad && oracle_run(b.g, &o, 1, b.nin + 1, b.in, out);
    if (!ok)
        printf("%s\n", c->op);
    CU_ASSERT_TRUE(ok);
    if (ok)
        compare_all(&b, c, out);
    arena_free(b.a);
}

static void rows(void) {
    for (size_t i = 0; i < COUNT(cases); i++)
        check(&cases[i]);
}

int main(void) {
    static const UnitTest test[] = {{"rows", rows}};
    return unit_main("grad_oracle", test, COUNT(test));
}
