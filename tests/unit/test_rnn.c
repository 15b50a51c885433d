/* The recurrent cell as a layer: parameters, values, every backend, how it starts. */
#include "compare.h"
#include "frontend/model.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <string.h>

enum { BATCH = 3, STEPS = 4, FEATURES = 5, UNITS = 6 };

typedef struct { const char *options; bool relu, last, bias; } Case;

static const Case cases[] = {
    {"units: 6", false, false, true},
    {"units: 6, return: last", false, true, true},
    {"units: 6, nonlinearity: relu, return: sequence", true, false, true},
    {"units: 6, nonlinearity: relu, return: last, bias: false", true, true, false},
};

static Model *load(Arena *a, Diag *d, const Case *c) {
    const char *text = arena_printf(a, "kiln: 1\nmodel:\n  inputs: {x: [%d, %d]}\n  layers:\n"
                                       "    - rnn: {%s}\n", STEPS, FEATURES, c->options);
    ModelOptions o = {.path = "net.yaml", .text = text, .size = strlen(text), .batch = BATCH};
    Model *m = model_load(a, d, &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    return m;
}

static double noise(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(int32_t)*seed * 0x1p-31;
}

static OracleTensor leaf(Arena *a, NodeKind kind, const char *name, Type t, uint32_t seed) {
    OracleTensor x = {kind, name, t, NULL};
    int64_t n = 1;
    for (int d = 0; d < t.rank; d++) {
        n *= t.dim[d].n;
        x.type.dim[d].batch = false;
    }
    x.type.dtype = F64;
    double *v = x.data = NEW(a, n, double);
    for (int64_t i = 0; i < n; i++)
        v[i] = noise(&seed);
    return x;
}

/* What PyTorch's RNN says: h = f(W x + b + U h + c). Parameters as the model lists them. */
static void reference(const Case *c, const double *const *v, double h[STEPS][BATCH][UNITS]) {
    const double *x = v[0], *w = v[1], *u = v[2];
    for (int t = 0; t < STEPS; t++)
        for (int n = 0; n < BATCH; n++)
            for (int i = 0; i < UNITS; i++) {
                double s = c->bias ? v[3][i] + v[4][i] : 0;
                for (int k = 0; k < FEATURES; k++)
                    s += w[i * FEATURES + k] * x[(n * STEPS + t) * FEATURES + k];
                for (int k = 0; k < UNITS && t > 0; k++)
                    s += u[i * UNITS + k] * h[t - 1][n][k];
                h[t][n][i] = c->relu ? fmax(s, 0) : tanh(s);
            }
}

static void check_values(const Case *c, const OracleTensor *out, const double *const *v) {
    double h[STEPS][BATCH][UNITS], most = 0;
    const double *got = out->data;
    reference(c, v, h);
    CU_ASSERT_EQUAL_FATAL(out->type.rank, c->last ? 2 : 3);
    for (int n = 0; n < BATCH; n++)
        for (int t = c->last ? STEPS - 1 : 0; t < STEPS; t++)
            for (int i = 0; i < UNITS; i++)
                most = fmax(most, fabs(*got++ - h[t][n][i]));
    CU_ASSERT_TRUE(most < 1e-12);
}

static void values(void) {
    static const char *const key[] = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0",
                                      "bias_hh_l0"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        Arena *a = arena_new();
        Diag *d = diag_new(a, NULL, NULL);
        Model *m = load(a, d, &cases[i]);
        ModelGraph g = *model_graph(m, "forward", MODE_EVAL);
        OracleTensor in[5], out;
        OracleOptions o = {a, true, diag_nowhere(d)};
        const double *v[5];
        CU_ASSERT_EQUAL_FATAL(m->param.n, cases[i].bias ? 4 : 2);
        in[0] = leaf(a, N_INPUT, m->input.item[0].name, m->input.item[0].type, 1);
        v[0] = in[0].data;
        for (int k = 0; k < m->param.n; k++) {
            UNIT_SAME(m->param.item[k].name, arena_printf(a, "rnn.%s", key[k]));
            in[k + 1] = leaf(a, N_PARAM, m->param.item[k].name, m->param.item[k].type,
                             (uint32_t)k + 2);
            v[k + 1] = in[k + 1].data;
        }
        graph_result(g.graph, TO_OUTPUT, "y", g.output[0]);
        CU_ASSERT_TRUE_FATAL(oracle_run(g.graph, &o, BATCH, 1 + m->param.n, in, &out));
        check_values(&cases[i], &out, v);
        arena_free(a);
    }
}

/* The layer and its gradients: interpreter, JIT and oracle. */
static void backends(void) {
    for (size_t i = 0; i < COUNT(cases); i++) {
        Arena *a = arena_new();
        Diag *d = diag_new(a, NULL, NULL);
        Model *m = load(a, d, &cases[i]);
        ModelGraph g = *model_graph(m, "forward", MODE_TRAIN);
        Ref seed = graph_leaf(g.graph, N_INPUT, "seed", ref_type(g.output[0])), grad[5];
        graph_gradient(g.graph, 1, g.output, &seed, m->param.n, g.param, grad);
        graph_result(g.graph, TO_OUTPUT, "y", g.output[0]);
        for (int k = 0; k < m->param.n; k++)
            graph_result(g.graph, TO_GRAD, m->param.item[k].name, grad[k]);
        Compare c = {.n = 2, .seed = 5, .target = "avx2", .backend = EXEC_INTERP};
        CU_ASSERT(compare_graph(a, g.graph, &c));
        c = (Compare){.n = BATCH, .seed = 6, .target = "native", .backend = EXEC_JIT};
        CU_ASSERT(compare_graph(a, g.graph, &c));
        arena_free(a);
    }
}

/* All parameters start within 1/sqrt(units), whatever their shape. */
static void beginning(void) {
    Arena *a = arena_new();
    Diag *d = diag_new(a, NULL, NULL);
    Model *m = load(a, d, &cases[0]);
    const uint32_t rng[4] = {7, 0, 0, 0};
    Type t = {U32, 1, {{4, false}}};
    OracleTensor in = {N_VALUE, "rng", t, (void *)(uintptr_t)rng}, out[4];
    OracleOptions o = {a, false, diag_nowhere(d)};
    double bound = 1 / sqrt(UNITS);
    CU_ASSERT_TRUE_FATAL(oracle_run(model_init(m), &o, 1, 1, &in, out));
    for (int k = 0; k < m->param.n; k++) {
        int64_t count = 1;
        double most = 0;
        type_count(&out[k].type, &count);
        for (int64_t i = 0; i < count; i++)
            most = fmax(most, fabs(((const float *)out[k].data)[i]));
        CU_ASSERT_TRUE(most <= bound && most > 0.5 * bound);
    }
    arena_free(a);
}

int main(void) {
    static const UnitTest test[] = {
        {"values", values}, {"backends", backends}, {"beginning", beginning}};
    return unit_main("rnn", test, COUNT(test));
}
