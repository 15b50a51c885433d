/* Rows that are no part of a network's value: steps of optimizers, what initialisers draw,
 * rates of schedules, and scalars, as row_cases.def and scalar_cases.def have them. */
#include "tests/unit/layer_case.h"
#include "tests/unit/row_case.h"
#include "train/cast.h"
#include "train/optimizer.h"
#include "train/schedule.h"

#include <math.h>
#include <stdlib.h>

enum { UNITS = 300, FEATURES = 200, STEPS = 3 };

static Model *model(Arena *a, const char *layer, const char *train) {
    return layer_model(a, ROW_BATCH, arena_printf(a, "kiln: 1\nmodel:\n  inputs: {x: [%d]}\n"
                                                  "  layers: [linear: {%s}]\n%s", FEATURES,
                                                  layer, train));
}

static OracleTensor *results(Arena *a, const Graph *g, bool wide, int n, const OracleTensor *in) {
    OracleTensor *out = NEW(a, g->nresult, OracleTensor);
    OracleOptions o = {a, wide, diag_nowhere(diag_new(a, NULL, NULL))};
    CU_ASSERT_TRUE_FATAL(oracle_run(g, &o, ROW_BATCH, n, in, out));
    return out;
}

/* --- optimizers --- */

/* Weights 2 x 2 as the model's only parameter, and the slots that the optimizer adds. */
static int first_tensors(Arena *a, Model *m, OracleTensor *in) {
    int n, at = 0;
    const OptState *s = optimizer_state(m, &n);
    in[at++] = row_tensor(a, N_PARAM, m->param.item[0].name, &m->param.item[0].type, 0, 0);
    for (int i = 0; i < n; i++) {
        OracleTensor t = row_tensor(a, N_STATE, s[i].name, &s[i].type, 0, 0);
        for (int64_t k = row_elements(&t); k-- > 0;)
            ((double *)t.data)[k] = s[i].init;
        in[at++] = t;
    }
    return at;
}

static void run_optimizer(Arena *a, const RowCase *c) {
    const char *text = arena_printf(a, "kiln: 1\nmodel: {inputs: {x: [2]}, layers: [linear: "
                                    "{units: 2, bias: false}]}\ntrain: {loss: mse, optimizer: "
                                    "%s}\n", c->text);
    Model *m = layer_model(a, ROW_BATCH, text);
    Graph *g = graph_new(a, m->pool, m->strs, "step", ROW_BATCH);
    const Type *t = &m->param.item[0].type;
    OracleTensor in[10];
    int n = first_tensors(a, m, in);
    Ref p = graph_leaf(g, N_PARAM, m->param.item[0].name, t);
    Ref grad = graph_leaf(g, N_INPUT, strs_z(m->strs, "gradient"), t);
    optimizer_step(m, g, &p, &grad);
    in[n] = (OracleTensor){N_VALUE, "lr", {.dtype = F64}, &m->set.train.lr};
    for (int step = 0; step < STEPS; step++) {
        in[n + 1] = row_tensor(a, N_INPUT, "gradient", t, step + 1, 0);
        const OracleTensor *out = results(a, g, true, n + 2, in);
        for (int i = 0; i < g->nresult; i++)
            for (int k = 0; k < n; k++)
                if (!strcmp(in[k].name, g->result[i].name))
                    in[k].data = out[i].data;
    }
    row_check(c, &in[0], 1e-6, 0);
    row_check_bits(a, c, g);
}

/* --- initialisers --- */

/* Mean and deviation are within five of the errors that so many numbers have, and the
 * largest is just below the bound, or where there is none far out. */
static void check_drawn(const RowCase *c, const OracleTensor *w) {
    double want[3], sum = 0, squares = 0, most = 0, n = (double)row_elements(w);
    CU_ASSERT_EQUAL_FATAL(sscanf(c->values, "%lf %lf %lf", &want[0], &want[1], &want[2]), 3);
    for (int64_t i = row_elements(w); i-- > 0;) {
        double x = row_element(w, i);
        sum += x;
        squares += (x - want[0]) * (x - want[0]);
        most = fmax(most, fabs(x));
    }
    double error = 5 * want[1] / sqrt(n);
    bool normal = want[1] > 0 && want[2] == 0;
    bool ok = fabs(sum / n - want[0]) <= error && fabs(sqrt(squares / n) - want[1]) <= error;
    if (normal)
        ok = ok && most > 3 * want[1];
    else
        ok = ok && most <= want[2] * (1 + 1e-6) && most >= want[2] * (1 - 1e-3);
    if (!ok)
        row_fail(c, "the numbers are not so distributed");
}

static void run_init(Arena *a, const RowCase *c) {
    static const uint32_t rng[] = {7, 0, 0, 0};
    Model *m = model(a, arena_printf(a, "units: %d, bias: false, init: %s", UNITS, c->text), "");
    OracleTensor in = {N_VALUE, "rng", {.dtype = U32, .rank = 1, .dim = {{.n = 4}}},
                       (void *)(uintptr_t)rng};
    const OracleTensor *w = results(a, model_init(m), false, 1, &in);
    CU_ASSERT_EQUAL_FATAL(row_elements(w), UNITS * FEATURES);
    check_drawn(c, w);
}

/* --- schedules --- */

static void run_schedule(Arena *a, const RowCase *c) {
    enum { EPOCH = 10, EPOCHS = 4, APART = 3, COUNT_OF = 16 };
    float rate[COUNT_OF];
    Model *m = model(a, "units: 1", arena_printf(
        a, "train: {loss: mse, optimizer: {sgd: 0.1}, epochs: %d, batch: 8, schedule: %s}\n",
        EPOCHS, c->text));
    Schedule s = schedule_make(&m->set, EPOCH * 8);
    for (int i = 0; i < COUNT_OF; i++)
        rate[i] = schedule_lr(&s, i * APART);
    OracleTensor t = {.type = {.dtype = F32, .rank = 1, .dim = {{.n = COUNT_OF}}}, .data = rate};
    row_check(c, &t, 1e-8, 1e-7);
}

/* --- scalars --- */

/* "f32: 1 2.5" as tensor `name`; where the next one begins. */
static const char *argument(Arena *a, const char *at, const char *name, OracleTensor *out) {
    const char *colon = strchr(at, ':');
    Type t = {.rank = 1};
    double *v = NULL;
    int n = 0;
    char *end = (char *)(uintptr_t)colon + 1;
    CU_ASSERT_TRUE_FATAL(dtype_parse(at, (size_t)(colon - at), &t.dtype));
    for (end += strspn(end, " "); *end && *end != ';'; end += strspn(end, " "))
        PUSH(a, v, n) = strtod(end, &end);
    t.dim[0].n = n;
    void *data = arena_array(a, (size_t)n, (size_t)dtype_info[t.dtype].bytes);
    for (int i = 0; i < n; i++)        /* rounded to f32, not refused */
        if (t.dtype == F32)
            ((float *)data)[i] = (float)v[i];
    if (t.dtype != F32)
        CU_ASSERT_FATAL(cast_array(F64, v, n, t.dtype, data) < 0);
    *out = (OracleTensor){N_INPUT, name, t, data};
    return end + strspn(end, "; ");
}

static void run_scalar(Arena *a, const RowCase *c) {
    static const char *const names[] = {"A", "B", "C", "D", "E", "F", "G"};
    Graph *g = graph_new(a, pool_new(a), strs_new(a), "scalar", ROW_BATCH);
    OracleTensor in[COUNT(names)];
    Ref src[COUNT(names)];
    int n = 0;
    Fn fn;
    CU_ASSERT_TRUE_FATAL(fn_parse(c->name, strlen(c->name), &fn));
    Text eq = {0};
    text_printf(&eq, "O[i] = %s(", c->name);
    for (const char *p = c->inputs; *p; n++) {
        p = argument(a, p, strs_z(g->strs, names[n]), &in[n]);
        src[n] = graph_leaf(g, N_INPUT, in[n].name, &in[n].type);
        text_printf(&eq, "%s%s[i]", n ? ", " : "", names[n]);
    }
    text_printf(&eq, ")");
    CU_ASSERT_EQUAL_FATAL(n, fn_info[fn].nargs);
    graph_result(g, TO_OUTPUT, "y", graph_text(g, eq.s, n, src, 0, NULL, NDTYPE));
    text_free(&eq);
    const OracleTensor *y = results(a, g, false, n, in);
    bool rounds = y->type.dtype == F32 || y->type.dtype == F64;
    row_check(c, y, 0, rounds ? fmax(fn_info[fn].ulp, 1) * 0x1p-23 : 0);
    row_check_bits(a, c, g);
}

static void test_optimizers(void) { row_each("optimizer", run_optimizer); }
static void test_inits(void) { row_each("init", run_init); }
static void test_schedules(void) { row_each("schedule", run_schedule); }
static void test_scalars(void) { row_each("scalar", run_scalar); }

int main(void) {
    static const UnitTest tests[] = {{"optimizers", test_optimizers}, {"inits", test_inits},
                                     {"schedules", test_schedules}, {"scalars", test_scalars}};
    return unit_main("row_steps", tests, COUNT(tests));
}
