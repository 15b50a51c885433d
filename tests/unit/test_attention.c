/* Attention as a layer: values by its definition, every backend, a model made of it. */
#include "tests/unit/layer_case.h"

#include <math.h>

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

static Model *load(Arena *a, const char *inputs, const char *layer, const char *options) {
    return layer_model(a, BATCH, arena_printf(a, "kiln: 1\nmodel:\n  inputs: {%s}\n"
                                                 "  layers: [%s: {%s}]\n",
                                              inputs, layer, options));
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
        Model *m = load(a, arena_printf(a, "x: [%d, %d]", TIME, DIM), "attention",
                        cases[i].options);
        const double *v[LAYER_PARAMS + 1];
        CU_ASSERT_EQUAL_FATAL(m->param.n, cases[i].bias ? 4 : 2);
        for (int k = 0; k < m->param.n; k++)
            UNIT_SAME(m->param.item[k].name,
                      arena_printf(a, "attention.%s", key[cases[i].bias ? k : 2 * k]));
        OracleTensor out = layer_values(a, m, BATCH, v);
        check_values(&cases[i], out.data, v);
        arena_free(a);
    }
}

/* What reaches attention, and its options; values are compared with PyTorch's elsewhere. */
static const struct { const char *inputs, *options, *layer; } forms[] = {
    {"x: [6, 8]", "heads: 2, causal: true", "attention"},
    {"x: [6, 8]", "heads: 4, kv_heads: 2, head_dim: 4, value_dim: 3, position: rotary",
     "attention"},
    {"x: [6, 8]", "heads: 4, kv_heads: 1, position: alibi, causal: true, dropout: 0.3",
     "attention"},
    {"x: [6, 8]", "heads: 2, position: relative, distance: 2, scale: 0.3", "attention"},
    {"x: [6, 8], m: [5, 8]", "heads: 2, from: [x, m]", "attention"},
    {"x: [6, 8], k: [5, 6], v: [5, 7]", "heads: 2, from: [x, k, v], bias: false", "attention"},
    {"x: [6, 8], len: {shape: [1], dtype: i32}", "heads: 2, from: x, lengths: len", "attention"},
    {"x: [6, 8], m: {shape: [6], dtype: u8}", "heads: 2, from: x, mask: m", "attention"},
    {"x: [6, 8], m: {shape: [2, 6, 6], dtype: i32}", "heads: 2, from: x, mask: m, causal: true",
     "attention"},
    {"x: [6, 8], m: {shape: [6, 6], batch: false}", "heads: 2, from: x, mask: m", "attention"},
    {"x: [6, 8]", "heads: 2, position: relative, causal: true", "dot_product_attention"},
    {"x: [6, 8], k: [5, 4], v: [5, 3]", "heads: 2, kv_heads: 1, from: [x, k, v]",
     "dot_product_attention"},
};

/* The layer and its gradients: interpreter, JIT and oracle. */
static void backends(void) {
    for (size_t i = 0; i < COUNT(forms); i++) {
        Arena *a = arena_new();
        Model *m = load(a, forms[i].inputs, forms[i].layer, forms[i].options);
        bool ok = layer_agrees(a, m, 7);
        if (!ok)
            printf("%s: {%s}\n", forms[i].layer, forms[i].options);
        CU_ASSERT(ok);
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
    Model *m = layer_model(a, BATCH, text);
    CU_ASSERT_EQUAL(m->param.n, 2 + 2 * (2 + 4 + 2 + 4) + 2);
    CU_ASSERT(layer_agrees(a, m, 7));
    arena_free(a);
}

int main(void) {
    static const UnitTest test[] = {
        {"values", values}, {"backends", backends}, {"chargpt", chargpt}};
    return unit_main("attention", test, COUNT(test));
}
