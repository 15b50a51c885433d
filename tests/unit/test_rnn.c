/* Recurrent cells as layers: parameters, values, every backend, how it starts. */
#include "kiln/kiln.h"
#include "tests/unit/layer_case.h"

#include <math.h>

enum { BATCH = 3, STEPS = 4, FEATURES = 5, UNITS = 6 };

/* What PyTorch's documentation says of each cell. Parameters as the model lists them: the
 * products of all gates, in PyTorch's order, are w*x + b and u*h + c. */
typedef struct { double in[4][UNITS], own[4][UNITS]; } Gates;

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static double plain(const Gates *g, int i, double h, double *memory) {
    (void)h;
    (void)memory;
    return tanh(g->in[0][i] + g->own[0][i]);
}

static double rectified(const Gates *g, int i, double h, double *memory) {
    (void)h;
    (void)memory;
    return fmax(g->in[0][i] + g->own[0][i], 0);
}

static double lstm(const Gates *g, int i, double h, double *memory) {
    double s[4];
    (void)h;
    for (int k = 0; k < 4; k++)
        s[k] = g->in[k][i] + g->own[k][i];
    *memory = sigmoid(s[1]) * *memory + sigmoid(s[0]) * tanh(s[2]);
    return sigmoid(s[3]) * tanh(*memory);
}

static double gru(const Gates *g, int i, double h, double *memory) {
    double r = sigmoid(g->in[0][i] + g->own[0][i]), z = sigmoid(g->in[1][i] + g->own[1][i]);
    (void)memory;
    return (1 - z) * tanh(g->in[2][i] + r * g->own[2][i]) + z * h;
}

typedef struct {
    const char *layer, *options;
    int gates;
    double (*cell)(const Gates *g, int i, double h, double *memory);
    bool last, bias;
    const char *inputs;                /* beside x */
} Case;

static const Case cases[] = {
    {"rnn", "units: 6", 1, plain, false, true, ""},
    {"rnn", "units: 6, return: last", 1, plain, true, true, ""},
    {"rnn", "units: 6, nonlinearity: relu, return: sequence", 1, rectified, false, true, ""},
    {"rnn", "units: 6, nonlinearity: relu, return: last, bias: false", 1, rectified, true,
     false, ""},
    {"lstm", "units: 6", 4, lstm, false, true, ""},
    {"lstm", "units: 6, return: last, bias: false", 4, lstm, true, false, ""},
    {"gru", "units: 6", 3, gru, false, true, ""},
    {"gru", "units: 6, return: last, bias: false", 3, gru, true, false, ""},
};

/* Compared with PyTorch in tests/conformance, here by the bits of every backend. */
static const Case more[] = {
    {"lstm", "units: 6, layers: 2, bidirectional: true, projection: 2, peepholes: true, "
             "start: learned", .inputs = ""},
    {"lstm", "units: 3, from: [x, h, c], return: last", .inputs = ", h: [3], c: [1, 3]"},
    {"gru", "units: 3, layers: 2, dropout: 0.5, bidirectional: true, lengths: n",
     .inputs = ", n: {shape: [], dtype: i32}"},
    {"rnn", "units: 3, bidirectional: true, lengths: n, return: last, from: [x, h]",
     .inputs = ", n: {shape: [1], dtype: u8}, h: [2, 3]"},
};

static Model *load(Arena *a, const Case *c) {
    const char *text = arena_printf(a, "kiln: 1\nmodel:\n  inputs: {x: [%d, %d]%s}\n"
                                       "  layers:\n    - %s: {%s%s}\n",
                                    STEPS, FEATURES, c->inputs, c->layer,
                                    strstr(c->options, "from") ? "" : "from: x, ",
                                    c->options);
    return layer_model(a, BATCH, text);
}

static void products(const Case *c, const double *const *v, int t, int n, const double *h,
                     Gates *g) {
    for (int i = 0; i < c->gates * UNITS; i++) {
        double in = c->bias ? v[3][i] : 0, own = c->bias ? v[4][i] : 0;
        for (int k = 0; k < FEATURES; k++)
            in += v[1][i * FEATURES + k] * v[0][(n * STEPS + t) * FEATURES + k];
        for (int k = 0; k < UNITS; k++)
            own += v[2][i * UNITS + k] * h[k];
        g->in[i / UNITS][i % UNITS] = in;
        g->own[i / UNITS][i % UNITS] = own;
    }
}

static void reference(const Case *c, const double *const *v, double h[STEPS][BATCH][UNITS]) {
    static const double zeros[UNITS];
    for (int n = 0; n < BATCH; n++) {
        double memory[UNITS] = {0};
        for (int t = 0; t < STEPS; t++) {
            const double *was = t ? h[t - 1][n] : zeros;
            Gates g;
            products(c, v, t, n, was, &g);
            for (int i = 0; i < UNITS; i++)
                h[t][n][i] = c->cell(&g, i, was[i], &memory[i]);
        }
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
        Model *m = load(a, &cases[i]);
        const double *v[LAYER_PARAMS + 1];
        CU_ASSERT_EQUAL_FATAL(m->param.n, cases[i].bias ? 4 : 2);
        for (int k = 0; k < m->param.n; k++)
            UNIT_SAME(m->param.item[k].name, arena_printf(a, "%s.%s", cases[i].layer, key[k]));
        OracleTensor out = layer_values(a, m, BATCH, v);
        check_values(&cases[i], &out, v);
        arena_free(a);
    }
}

static void check_backends(const Case *c) {
    Arena *a = arena_new();
    bool ok = layer_agrees(a, load(a, c), STEPS + 1);
    if (!ok)
        printf("%s: {%s}\n", c->layer, c->options);
    CU_ASSERT_TRUE(ok);
    arena_free(a);
}

static void backends(void) {
    for (size_t i = 0; i < COUNT(cases); i++)
        check_backends(&cases[i]);
    for (size_t i = 0; i < COUNT(more); i++)
        check_backends(&more[i]);
}

/* All parameters start within 1/sqrt(units), whatever their shape. */
static void beginning(void) {
    Arena *a = arena_new();
    Model *m = load(a, &cases[0]);
    const uint32_t rng[4] = {7, 0, 0, 0};
    Type t = {U32, 1, {{4, false}}};
    OracleTensor in = {N_VALUE, "rng", t, (void *)(uintptr_t)rng}, out[4];
    OracleOptions o = {a, false, diag_nowhere(diag_new(a, NULL, NULL))};
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

/* --- what is emitted --- */

/* Statements in the C of an LSTM over so many steps. */
static int statements(int steps, bool training) {
    char text[256];
    snprintf(text, sizeof text, "kiln: 1\nmodel:\n  inputs: {x: [%d, 16]}\n  layers:\n"
             "    - lstm: {units: 64, layers: 2, return: last}\n"
             "    - linear: 1\ntrain: {loss: mse}\n", steps);
    kiln_options o = {.batch = 16, .training = training, .target = "avx2"};
    kiln *k = kiln_open_text("net.yaml", text, strlen(text), &o);
    char *header = NULL, *source = NULL;
    int n = 0;
    CU_ASSERT_EQUAL_FATAL(kiln_emit_c(k, "net", 0, &header, &source), 0);
    for (const char *c = source; *c; c++)
        n += *c == ';';
    kiln_free(header);
    kiln_free(source);
    kiln_close(k);
    return n;
}

/* It is a loop: more steps are no more code. In training, sums over more terms than a chunk
 * have a loop more, and what is worth two threads a function. */
static void code(void) {
    CU_ASSERT_EQUAL(statements(512, false), statements(8, false));
    CU_ASSERT_TRUE(statements(512, true) * 4 < statements(8, true) * 5);
}

/* Contractions of a graph by the steps they run over: those in the bodies of scans, and
 * outside of them. */
static void count_products(const Graph *g, bool inside, int *in, int *out) {
    for (int i = 0; i < g->nnode; i++) {
        const Node *n = g->node[i];
        if (n->kind == N_SCAN)
            count_products(n->scan->body, true, in, out);
        else if (n->kind == N_EQ && n->eq->fold == FOLD_SUM && n->nsrc == 2)
            ++*(inside ? in : out);
    }
}

/* The inputs' product stands before the loop, the weights' gradients behind it. */
static void hoisted(void) {
    Arena *a = arena_new();
    Model *m = load(a, &(Case){.layer = "lstm", .options = "units: 6", .inputs = ""});
    ModelGraph g = *model_graph(m, "forward", MODE_TRAIN);
    int in = 0, out = 0;
    count_products(g.graph, false, &in, &out);
    CU_ASSERT_EQUAL(in, 1);
    CU_ASSERT_EQUAL(out, 1);
    Ref seed = graph_leaf(g.graph, N_INPUT, "seed", ref_type(g.output[0])), grad[4];
    graph_gradient(g.graph, 1, g.output, &seed, m->param.n, g.param, grad);
    in = out = 0;
    for (int k = 0; k < m->param.n; k++)
        for (const Node *n = grad[k].node; n;) {
            CU_ASSERT_NOT_EQUAL(n->kind, N_SCAN);
            out += n->eq->fold == FOLD_SUM;
            n = n->eq->fold == FOLD_SUM ? NULL : n->src[0].node;
        }
    CU_ASSERT_EQUAL(out, 4);
    arena_free(a);
}

int main(void) {
    static const UnitTest test[] = {
        {"values", values}, {"backends", backends}, {"beginning", beginning},
        {"code", code}, {"hoisted", hoisted}};
    return unit_main("rnn", test, COUNT(test));
}
