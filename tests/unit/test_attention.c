/* Attention as a layer: values by its definition, every backend, a model made of it. */
#include "compare.h"
#include "frontend/model.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <string.h>

/* Heads have dims of which f32 has the root. */
enum { BATCH = 3, TIME = 5, DIM = 16 };

typedef struct {
    const char *options;
    int heads;
    bool causal, bias;
} Case;

static const Case cases[] = {
    {"heads: 4", 4, false, true},
    {"heads: 4, causal: true", 4, true, true},
    {"heads: 1, bias: false, causal: true", 1, true, false},
    {"heads: 16, bias: false", 16, false, false},
};

static Model *load_text(Arena *a, Diag *d, const char *text) {
    ModelOptions o = {.path = "net.yaml", .text = text, .size = strlen(text), .batch = BATCH};
    Model *m = model_load(a, d, &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    return m;
}

static Model *load(Arena *a, Diag *d, const Case *c) {
    return load_text(a, d, arena_printf(a, "kiln: 1\nmodel:\n  inputs: {x: [%d, %d]}\n"
                                           "  layers: [attention: {%s}]\n",
                                        TIME, DIM, c->options));
}

static double noise(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(int32_t)*seed * 0x1p-31;
}

static OracleTensor leaf(Arena *a, NodeKind kind, const ModelTensor *t, uint32_t seed) {
    OracleTensor x = {kind, t->name, t->type, NULL};
    int64_t n = 1;
    for (int d = 0; d < t->type.rank; d++) {
        n *= t->type.dim[d].n;
        x.type.dim[d].batch = false;
    }
    x.type.dtype = F64;
    double *v = x.data = NEW(a, n, double);
    for (int64_t i = 0; i < n; i++)
        v[i] = noise(&seed);
    return x;
}

/* y = w*x + b */
static void affine(const double *w, const double *b, const double *x, int rows, double *y) {
    for (int i = 0; i < rows; i++) {
        y[i] = b ? b[i] : 0;
        for (int k = 0; k < DIM; k++)
            y[i] += w[i * DIM + k] * x[k];
    }
}

/* One head of one query: `q` against the keys, a mean of the values. */
static void attend(const double *q, double p[TIME][3 * DIM], int at, int keys, int dim,
                   double *out) {
    double weight[TIME], sum = 0;
    for (int j = 0; j < keys; j++) {
        double s = 0;
        for (int e = 0; e < dim; e++)
            s += q[e] * p[j][DIM + at + e];
        sum += weight[j] = exp(s / sqrt(dim));
    }
    for (int e = 0; e < dim; e++) {
        out[e] = 0;
        for (int j = 0; j < keys; j++)
            out[e] += weight[j] / sum * p[j][2 * DIM + at + e];
    }
}

/* v: x, then the parameters as the model lists them. */
static void reference(const Case *c, const double *const *v, int n, double y[TIME][DIM]) {
    const double *x = v[0] + n * TIME * DIM, *out = v[c->bias ? 3 : 2];
    double p[TIME][3 * DIM], o[DIM];
    int dim = DIM / c->heads;
    for (int t = 0; t < TIME; t++)
        affine(v[1], c->bias ? v[2] : NULL, x + t * DIM, 3 * DIM, p[t]);
    for (int t = 0; t < TIME; t++) {
        for (int at = 0; at < DIM; at += dim)
            attend(&p[t][at], p, at, c->causal ? t + 1 : TIME, dim, &o[at]);
        affine(out, c->bias ? v[4] : NULL, o, DIM, y[t]);
    }
}

static void check_values(const Case *c, const double *got, const double *const *v) {
    double y[TIME][DIM], most = 0;
    for (int n = 0; n < BATCH; n++) {
        reference(c, v, n, y);
        for (int t = 0; t < TIME; t++)
            for (int i = 0; i < DIM; i++)
                most = fmax(most, fabs(*got++ - y[t][i]));
    }
    CU_ASSERT_TRUE(most < 1e-12);
}

static void values(void) {
    static const char *const key[] = {"in_proj_weight", "in_proj_bias", "out_proj.weight",
                                      "out_proj.bias"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        Arena *a = arena_new();
        Diag *d = diag_new(a, NULL, NULL);
        Model *m = load(a, d, &cases[i]);
        ModelGraph g = *model_graph(m, "forward", MODE_EVAL);
        OracleTensor in[5], out;
        OracleOptions o = {a, true, diag_nowhere(d)};
        const double *v[5];
        CU_ASSERT_EQUAL_FATAL(m->param.n, cases[i].bias ? 4 : 2);
        in[0] = leaf(a, N_INPUT, &m->input.item[0], 1);
        v[0] = in[0].data;
        for (int k = 0; k < m->param.n; k++) {
            const char *name = key[cases[i].bias ? k : 2 * k];
            UNIT_SAME(m->param.item[k].name, arena_printf(a, "attention.%s", name));
            in[k + 1] = leaf(a, N_PARAM, &m->param.item[k], (uint32_t)k + 2);
            v[k + 1] = in[k + 1].data;
        }
        graph_result(g.graph, TO_OUTPUT, "y", g.output[0]);
        CU_ASSERT_TRUE_FATAL(oracle_run(g.graph, &o, BATCH, 1 + m->param.n, in, &out));
        check_values(&cases[i], out.data, v);
        arena_free(a);
    }
}

static void check_backends(Arena *a, const Model *m, const ModelGraph *g) {
    Ref seed = graph_leaf(g->graph, N_INPUT, "seed", ref_type(g->output[0])), grad[64];
    graph_gradient(g->graph, 1, g->output, &seed, m->param.n, g->param, grad);
    graph_result(g->graph, TO_OUTPUT, "y", g->output[0]);
    for (int k = 0; k < m->param.n; k++)
        graph_result(g->graph, TO_GRAD, m->param.item[k].name, grad[k]);
    Compare c = {.n = 2, .seed = 5, .target = "avx2", .backend = EXEC_INTERP, .index_bound = 7};
    CU_ASSERT(compare_graph(a, g->graph, &c));
    c.n = BATCH;
    c.target = "native";
    c.backend = EXEC_JIT;
    CU_ASSERT(compare_graph(a, g->graph, &c));
}

/* What reaches attention, and its options; values are compared with PyTorch's elsewhere. */
static const struct { const char *inputs, *options; } forms[] = {
    {"x: [6, 8]", "heads: 2, causal: true"},
    {"x: [6, 8]", "heads: 4, kv_heads: 2, head_dim: 4, value_dim: 3, position: rotary"},
    {"x: [6, 8]", "heads: 4, kv_heads: 1, position: alibi, causal: true, dropout: 0.3"},
    {"x: [6, 8]", "heads: 2, position: relative, distance: 2, scale: 0.3"},
    {"x: [6, 8], m: [5, 8]", "heads: 2, from: [x, m]"},
    {"x: [6, 8], k: [5, 6], v: [5, 7]", "heads: 2, from: [x, k, v], bias: false"},
    {"x: [6, 8], len: {shape: [1], dtype: i32}", "heads: 2, from: x, lengths: len"},
    {"x: [6, 8], m: {shape: [6], dtype: u8}", "heads: 2, from: x, mask: m"},
    {"x: [6, 8], m: {shape: [2, 6, 6], dtype: i32}", "heads: 2, from: x, mask: m, causal: true"},
    {"x: [6, 8], m: {shape: [6, 6], batch: false}", "heads: 2, from: x, mask: m"},
};

/* The layer and its gradients: interpreter, JIT and oracle. */
static void backends(void) {
    for (size_t i = 0; i < COUNT(forms); i++) {
        Arena *a = arena_new();
        const char *text = arena_printf(a, "kiln: 1\nmodel:\n  inputs: {%s}\n"
                                           "  layers: [attention: {%s}]\n",
                                        forms[i].inputs, forms[i].options);
        Model *m = load_text(a, diag_new(a, NULL, NULL), text);
        ModelGraph g = *model_graph(m, "forward", MODE_TRAIN);
        check_backends(a, m, &g);
        arena_free(a);
    }
}

/* A language model with a tied table, as in docs/language.md. */
static void chargpt(void) {
    static const char text[] =
        "kiln: 1\n"
        "let: {d: 8, vocab: 9}\n"
        "model:\n"
        "  inputs: {tokens: {shape: [6], dtype: i32}}\n"
        "  layers:\n"
        "    - embedding: {size: vocab, dim: d, name: wte}\n"
        "    - position: {learned: 7}\n"
        "    - repeat:\n"
        "        times: 2\n"
        "        layers:\n"
        "          - residual: [layer_norm, attention: {heads: 2, causal: true}]\n"
        "          - residual: [layer_norm, linear: 4*d, gelu, linear: d]\n"
        "    - layer_norm\n"
        "    - linear: {units: vocab, weights: wte, bias: false}\n";
    Arena *a = arena_new();
    Model *m = load_text(a, diag_new(a, NULL, NULL), text);
    ModelGraph g = *model_graph(m, "forward", MODE_TRAIN);
    CU_ASSERT_EQUAL(m->param.n, 2 + 2 * (2 + 4 + 2 + 4) + 2);
    check_backends(a, m, &g);
    arena_free(a);
}

int main(void) {
    static const UnitTest test[] = {
        {"values", values}, {"backends", backends}, {"chargpt", chargpt}};
    return unit_main("attention", test, COUNT(test));
}
