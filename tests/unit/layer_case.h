/* For tests of layers: a model from text, its values in f64 on noise, its bits and those of
 * its gradients on every backend. */
#ifndef KILN_TESTS_LAYER_CASE_H
#define KILN_TESTS_LAYER_CASE_H

#include <string.h>

#include "compare.h"
#include "frontend/model.h"
#include "tests/unit/unit.h"

enum { LAYER_PARAMS = 64 };

static inline Model *layer_model(Arena *a, int batch, const char *text) {
    ModelOptions o = {.path = "net.yaml", .text = text, .size = strlen(text), .batch = batch};
    Model *m = model_load(a, diag_new(a, NULL, NULL), &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    return m;
}

static inline OracleTensor layer_noise(Arena *a, NodeKind kind, const ModelTensor *t,
                                       uint32_t seed) {
    OracleTensor x = {kind, t->name, t->type, NULL};
    int64_t n = 1;
    for (int d = 0; d < t->type.rank; d++) {
        n *= t->type.dim[d].n;
        x.type.dim[d].batch = false;
    }
    x.type.dtype = F64;
    double *v = x.data = NEW(a, n, double);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        v[i] = (double)(int32_t)seed * 0x1p-31;
    }
    return x;
}

/* The first output of `batch` examples of one input. v: the input, then the parameters. */
static inline OracleTensor layer_values(Arena *a, const Model *m, int batch, const double **v) {
    ModelGraph g = *model_graph((Model *)(uintptr_t)m, "forward", MODE_EVAL);
    OracleTensor in[LAYER_PARAMS + 1], out;
    OracleOptions o = {a, true, diag_nowhere(diag_new(a, NULL, NULL))};
    CU_ASSERT_FATAL(m->input.n == 1 && m->param.n <= LAYER_PARAMS);
    in[0] = layer_noise(a, N_INPUT, &m->input.item[0], 1);
    for (int k = 0; k < m->param.n; k++)
        in[k + 1] = layer_noise(a, N_PARAM, &m->param.item[k], (uint32_t)k + 2);
    for (int k = 0; k <= m->param.n; k++)
        v[k] = in[k].data;
    graph_result(g.graph, TO_OUTPUT, "y", g.output[0]);
    CU_ASSERT_TRUE_FATAL(oracle_run(g.graph, &o, batch, 1 + m->param.n, in, &out));
    return out;
}

/* Training mode, output and all gradients: interpreter and JIT give the oracle's bits.
 * Integer inputs are below `index_bound`. */
static inline bool layer_agrees(Arena *a, Model *m, int64_t index_bound) {
    ModelGraph g = *model_graph(m, "forward", MODE_TRAIN);
    Ref seed = graph_leaf(g.graph, N_INPUT, "seed", ref_type(g.output[0])), grad[LAYER_PARAMS];
    CU_ASSERT_FATAL(m->param.n <= LAYER_PARAMS);
    graph_gradient(g.graph, 1, g.output, &seed, m->param.n, g.param, grad);
    graph_result(g.graph, TO_OUTPUT, "y", g.output[0]);
    for (int k = 0; k < m->param.n; k++)
        graph_result(g.graph, TO_GRAD, m->param.item[k].name, grad[k]);
    Compare c = {.n = 2, .seed = 5, .target = "avx2", .backend = EXEC_INTERP,
                 .index_bound = index_bound};
    bool ok = compare_graph(a, g.graph, &c);
    c = (Compare){.n = 3, .seed = 6, .target = "native", .backend = EXEC_JIT,
                  .index_bound = index_bound};
    return compare_graph(a, g.graph, &c) && ok;
}

#endif
