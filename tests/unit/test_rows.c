/* Every row of the tables of layers, losses, metrics, optimizers, initialisers, schedules and
 * scalars has a case with values from elsewhere. Layers, losses and metrics have those values
 * and gradients as central differences say in f64, and the oracle's bits in f32 from
 * interpreter and JIT; test_row_steps.c has the others. */
#include "tests/unit/compare.h"
#include "tests/unit/layer_case.h"
#include "tests/unit/row_case.h"

#include <math.h>

/* --- the tables --- */

typedef struct { const char *kind, *name; } RowName;

static const RowName rows[] = {
#define LAYER(name, ...) {"layer", #name},
#define PART(name, body)
#define ALIAS(other, name)
#include "frontend/layers.def"
#define SCHEDULE(name, ...) {"schedule", #name},
#include "train/schedules.def"
#define PRIM(name, ...) {"scalar", #name},
#define FUN(name, ...) {"scalar", #name},
#include "ir/scalars.def"
};

static const struct { const char *path, *rule; } keys[] = {
#define KEY(path, kind, rule, def, field, help) {path, rule},
#include "frontend/schema.def"
};

static bool has_case(const char *kind, const char *name, size_t len) {
    for (int i = 0; i < row_case_count; i++)
        if (!strcmp(row_case[i].kind, kind) && strlen(row_case[i].name) == len &&
            !strncmp(row_case[i].name, name, len))
            return true;
    return false;
}

static void check_row(const char *kind, const char *name, size_t len) {
    bool found = has_case(kind, name, len);
    if (!found)
        printf("\n    no case for the %s '%.*s': see row_cases.def", kind, (int)len, name);
    CU_ASSERT_TRUE(found);
}

/* Keys right below such a path are names of that kind. */
static int check_keys(const char *kind, const char *under) {
    size_t n = strlen(under);
    int found = 0;
    for (size_t i = 0; i < COUNT(keys); i++) {
        const char *name = keys[i].path + n;
        if (strncmp(keys[i].path, under, n) || strchr(name, '.'))
            continue;
        check_row(kind, name, strlen(name));
        found++;
    }
    return found;
}

static void test_complete(void) {
    for (size_t i = 0; i < COUNT(rows); i++)
        check_row(rows[i].kind, rows[i].name, strlen(rows[i].name));
    CU_ASSERT(check_keys("loss", "train.loss.") >= 6);
    CU_ASSERT(check_keys("optimizer", "train.optimizer.") >= 3);
    CU_ASSERT(check_keys("schedule", "train.schedule.") >= 4);
    CU_ASSERT(check_keys("init", "init.") >= 8);
    for (size_t i = 0; i < COUNT(keys); i++)
        for (const char *p = strcmp(keys[i].path, "train.metrics") ? "" : keys[i].rule; *p;
             p += strspn(p, "|")) {
            size_t len = strcspn(p, "|");
            check_row("metric", p, len);
            p += len;
        }
}

/* --- values and gradients --- */

enum { LEAVES = 64, WEIGHT = 99 };      /* tensor 99 weighs the value for its gradients */

/* The value y of a model's graph, result 0, on leaves that are numbered. */
typedef struct {
    Arena *arena;
    const RowCase *c;
    Graph *graph;
    int n;
    OracleTensor in[LEAVES];
} Run;

static void add_leaves(Run *r, NodeKind kind, const ModelTensors *list) {
    for (int i = 0; i < list->n; i++) {
        const ModelTensor *t = &list->item[i];
        CU_ASSERT_FATAL(r->n < LEAVES - 2);
        r->in[r->n] = row_tensor(r->arena, kind, t->name, &t->type, r->n,
                                 t->ranged ? t->hi : 251);
        r->n++;
    }
}

static const OracleTensor *results(Run *r) {
    OracleTensor *out = NEW(r->arena, r->graph->nresult, OracleTensor);
    OracleOptions o = {r->arena, true, diag_nowhere(diag_new(r->arena, NULL, NULL))};
    CU_ASSERT_TRUE_FATAL(oracle_run(r->graph, &o, ROW_BATCH, r->n, r->in, out));
    return out;
}

static double weighted(Run *r) {
    const OracleTensor *y = results(r);
    double sum = 0;
    for (int64_t i = row_elements(y); i-- > 0;)
        sum += row_element(y, i) * row_real(WEIGHT, i);
    return sum;
}

/* The design's bounds: 1e-7 and 1e-5 of the derivative. */
static void check_gradient(Run *r, const OracleTensor *leaf, const OracleTensor *grad) {
    const double eps = 1e-6;
    double *x = leaf->data, bad = 0;
    for (int64_t i = row_elements(grad); i-- > 0;) {
        double was = x[i];
        x[i] = was + eps;
        double more = weighted(r);
        x[i] = was - eps;
        double want = (more - weighted(r)) / (2 * eps);
        x[i] = was;
        bad = fmax(bad, fabs(row_element(grad, i) - want) - 1e-5 * fabs(want));
    }
    if (bad > 1e-7)
        row_fail(r->c, arena_printf(r->arena, "gradient of '%s' is off by %g", leaf->name, bad));
}

static Node *leaf_of(const Graph *g, const OracleTensor *t) {
    for (int i = 0; i < g->nnode; i++)
        if (g->node[i]->kind == t->kind && !strcmp(g->node[i]->name, t->name))
            return g->node[i];
    return NULL;
}

/* By all float inputs and parameters. */
static void check_gradients(Run *r, Ref y) {
    Ref by[LEAVES], grad[LEAVES];
    int n = 0, of[LEAVES];
    for (int k = 0; k < r->n; k++) {
        Node *leaf = leaf_of(r->graph, &r->in[k]);
        if (leaf && leaf->kind != N_STATE && leaf->type[0].dtype == F32) {
            by[n] = (Ref){leaf, 0};
            of[n++] = k;
        }
    }
    if (!n || ref_type(y)->dtype != F32)
        return;
    Ref w = graph_leaf(r->graph, N_INPUT, strs_z(r->graph->strs, "weight"), ref_type(y));
    r->in[r->n++] = row_tensor(r->arena, N_INPUT, "weight", ref_type(y), WEIGHT, 0);
    graph_gradient(r->graph, 1, &y, &w, n, by, grad);
    for (int k = 0; k < n; k++)
        if (grad[k].node)
            graph_result(r->graph, TO_OUTPUT, arena_printf(r->arena, "grad%d", k), grad[k]);
    const OracleTensor *out = results(r);
    int nresult = r->graph->nresult;
    r->graph->nresult = 1;
    for (int k = 0; k < n; k++)
        if (grad[k].node)
            check_gradient(r, &r->in[of[k]], ++out);
    r->graph->nresult = nresult;
}

static void check_value(Arena *a, const RowCase *c, const Model *m, Graph *g, Ref y) {
    static const uint32_t rng[] = {7, 0, 3, 0};
    Run *r = NEW(a, 1, Run);
    *r = (Run){.arena = a, .c = c, .graph = g};
    add_leaves(r, N_INPUT, &m->input);
    add_leaves(r, N_INPUT, &m->label);
    add_leaves(r, N_PARAM, &m->param);
    add_leaves(r, N_STATE, &m->state);
    r->in[r->n++] = (OracleTensor){N_VALUE, "rng", {.dtype = U32, .rank = 1, .dim = {{.n = 4}}},
                                   (void *)(uintptr_t)rng};
    g->nresult = 0;
    graph_result(g, TO_OUTPUT, "y", y);
    row_check(c, results(r), 1e-6, 0);
    check_gradients(r, y);
    row_check_bits(a, c, g);
}

static Model *model(Arena *a, const char *text) {
    return layer_model(a, ROW_BATCH, arena_printf(a, "kiln: 1\nmodel:\n  inputs: %s", text));
}

/* --- kinds --- */

static void run_layer(Arena *a, const RowCase *c) {
    Model *m = model(a, arena_printf(a, "{%s}\n  layers:\n    - %s\n", c->inputs, c->text));
    ModelGraph *g = model_graph(m, "forward", row_trains(c) ? MODE_TRAIN : MODE_EVAL);
    check_value(a, c, m, g->graph, g->output[0]);
}

static Model *judged(Arena *a, const RowCase *c, const char *metric) {
    return model(a, arena_printf(a, "{x: %s}\n  layers: [identity]\ntrain: {loss: %s, "
                                 "metrics: [%s]}\n", c->inputs, c->text, metric));
}

static void run_loss(Arena *a, const RowCase *c) {
    Model *m = judged(a, c, "");
    ModelGraph *g = model_graph(m, "loss", MODE_EVAL);
    check_value(a, c, m, g->graph, g->loss);
}

static void run_metric(Arena *a, const RowCase *c) {
    Model *m = judged(a, c, c->name);
    ModelGraph *g = model_graph(m, "loss", MODE_EVAL);
    check_value(a, c, m, g->graph, g->metric[0]);
}

static void test_layers(void) { row_each("layer", run_layer); }
static void test_losses(void) { row_each("loss", run_loss); }
static void test_metrics(void) { row_each("metric", run_metric); }

int main(void) {
    static const UnitTest tests[] = {{"complete", test_complete}, {"layers", test_layers},
                                     {"losses", test_losses}, {"metrics", test_metrics}};
    return unit_main("rows", tests, COUNT(tests));
}
