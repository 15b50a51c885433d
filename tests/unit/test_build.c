/* frontend/: models to graphs: names, shapes, entries, settings, the resolved file. */
#include "frontend/model.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <string.h>

typedef struct Fixture {
    Arena *arena;
    Diag *diag;
    Text said;
} Fixture;

static void listen(void *user, DiagKind kind, Loc loc, const char *message) {
    static const char *const word[] = {"error", "warning", "note"};
    Fixture *f = user;
    text_printf(&f->said, "%d:%d: %s: %s\n", loc.line, loc.col, word[kind], message);
}

static void start(Fixture *f) {
    *f = (Fixture){.arena = arena_new()};
    f->diag = diag_new(f->arena, listen, f);
}

static void end(Fixture *f) {
    text_free(&f->said);
    arena_free(f->arena);
}

static Model *load_with(Fixture *f, const char *text, int nset, const char *const *set) {
    ModelOptions o = {.path = "dir/net.yaml", .text = text, .size = strlen(text), .nset = nset,
                      .set = set, .training = true};
    Model *m = model_load(f->arena, f->diag, &o);
    if (f->said.n)
        printf("%s", f->said.s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    return m;
}

static Model *load(Fixture *f, const char *text) {
    return load_with(f, text, 0, NULL);
}

/* "name type; name type" */
static const char *listed(Fixture *f, const ModelTensors *t) {
    Text out = {0};
    for (int i = 0; i < t->n; i++)
        text_printf(&out, "%s%s %s", i ? "; " : "", t->item[i].name,
                    type_text(f->arena, &t->item[i].type));
    const char *s = arena_printf(f->arena, "%s", out.n ? out.s : "");
    text_free(&out);
    return s;
}

#define HEAD "kiln: 1\nmodel:\n  inputs: {x: [1, 8, 8]}\n  layers:\n"

static void names_and_shapes(void) {
    Fixture f;
    start(&f);
    Model *m = load(&f, HEAD
        "    - conv2d: {filters: 6, kernel: 3, padding: same, groups: 1}\n"
        "    - batch_norm\n    - relu\n"
        "    - residual: [conv2d: {filters: 6, kernel: [3, 1], padding: [1, 0], bias: false}, relu]\n"
        "    - repeat: {times: 2, layers: [linear: 8, linear: {units: 8, name: fc}]}\n"
        "    - repeat: {times: 1, name: tail, layers: [relu, linear: 8]}\n"
        "    - flatten\n    - linear: {units: 10, name: logits}\n");
    UNIT_SAME(listed(&f, &m->param),
        "conv2d.weight f32[6,1,3,3]; conv2d.bias f32[6]; batch_norm.weight f32[6]; "
        "batch_norm.bias f32[6]; conv2d_2.weight f32[6,6,3,1]; repeat.0.linear.weight f32[8,8]; "
        "repeat.0.linear.bias f32[8]; repeat.0.fc.weight f32[8,8]; repeat.0.fc.bias f32[8]; "
        "repeat.1.linear.weight f32[8,8]; repeat.1.linear.bias f32[8]; repeat.1.fc.weight f32[8,8]; "
        "repeat.1.fc.bias f32[8]; tail.0.linear.weight f32[8,8]; tail.0.linear.bias f32[8]; "
        "logits.weight f32[10,384]; logits.bias f32[10]");
    UNIT_SAME(listed(&f, &m->state), "batch_norm.running_mean f32[6]; batch_norm.running_var f32[6]");
    UNIT_SAME(listed(&f, &m->output), "logits f32[n:1,10]");
    UNIT_SAME(m->set.name, "net");
    CU_ASSERT(!m->random);
    CU_ASSERT_EQUAL(m->label.n, 0);
    end(&f);
}

/* Inside a scan its inputs' names are those of one step, wherever the scan stands. */
static void slices(void) {
    Fixture f;
    start(&f);
    Model *m = load(&f, "kiln: 1\nmodel:\n  inputs: {x: [6, 3]}\n  layers:\n"
        "    - repeat:\n        times: 2\n        layers:\n"
        "          - linear: {units: 3, name: fc}\n"
        "          - scan: {state: {h: 4}, layers: [concat: {from: [fc, h]}, linear: 4]}\n");
    UNIT_SAME(listed(&f, &m->output), "repeat f32[n:1,6,4]");
    UNIT_SAME(type_text(f.arena, &m->param.item[2].type), "f32[4,7]");
    end(&f);
}

static void blocks(void) {
    Fixture f;
    start(&f);
    Model *m = load(&f,
        "kiln: 1\nlet: {d: 4}\nblocks:\n"
        "  ff: {args: {width: , out: d}, layers: [linear: width, relu, linear: out]}\n"
        "model:\n  inputs: {x: [3]}\n  layers:\n"
        "    - ff: 2*d\n    - ff: {width: d, out: 5}\n    - ff: {width: 1, name: last}\n");
    UNIT_SAME(listed(&f, &m->param),
        "ff.linear.weight f32[8,3]; ff.linear.bias f32[8]; ff.linear_2.weight f32[4,8]; "
        "ff.linear_2.bias f32[4]; ff_2.linear.weight f32[4,4]; ff_2.linear.bias f32[4]; "
        "ff_2.linear_2.weight f32[5,4]; ff_2.linear_2.bias f32[5]; last.linear.weight f32[1,5]; "
        "last.linear.bias f32[1]; last.linear_2.weight f32[4,1]; last.linear_2.bias f32[4]");
    end(&f);
}

static void branches_and_outputs(void) {
    Fixture f;
    start(&f);
    Model *m = load(&f,
        "kiln: 1\nmodel:\n  inputs: {a: [4], b: {shape: [2], dtype: u8}}\n  layers:\n"
        "    - linear: {units: 3, from: a, name: left}\n"
        "    - scale: {mul: 2, from: b, name: right}\n"
        "    - concat: {from: [left, right], name: both}\n    - softplus\n"
        "  outputs: {p: {as: softmax}, raw: both, q: {from: left, as: {leaky_relu: 0.2}}}\n"
        "train:\n  loss: [{cross_entropy: {of: p}}, {mse: {of: raw, weight: 0.5}}]\n"
        "  metrics: [accuracy, mse]\n  batch: 16\n");
    UNIT_SAME(listed(&f, &m->input), "a f32[n:16,4]; b u8[n:16,2]");
    UNIT_SAME(listed(&f, &m->output), "p f32[n:16,5]; raw f32[n:16,5]; q f32[n:16,3]");
    UNIT_SAME(listed(&f, &m->label), "target.p i32[n:16]; target.raw f32[n:16,5]");
    CU_ASSERT(m->label.item[0].ranged && m->label.item[0].lo == 0 && m->label.item[0].hi == 5);
    ModelGraph *g = model_graph(m, "loss", MODE_EVAL);
    CU_ASSERT_EQUAL(ref_type(g->loss)->rank, 0);
    CU_ASSERT(g->metric[0].node && g->metric[1].node);
    CU_ASSERT(ref_equal(g->output[1], g->raw[1]));
    CU_ASSERT(!ref_equal(g->output[0], g->raw[0]));
    end(&f);
}

static void tied_weights(void) {
    Fixture f;
    start(&f);
    Model *m = load(&f,
        "kiln: 1\nmodel:\n  inputs: {t: {shape: [7], dtype: i32}}\n  layers:\n"
        "    - embedding: {size: 65, dim: 12, name: wte}\n    - layer_norm\n"
        "    - linear: {units: 65, weights: wte, bias: false}\n"
        "train: {loss: cross_entropy}\n");
    UNIT_SAME(listed(&f, &m->param),
              "wte.weight f32[65,12]; layer_norm.weight f32[12]; layer_norm.bias f32[12]");
    CU_ASSERT_EQUAL_FATAL(m->ntied, 1);
    UNIT_SAME(m->tied[0].name, "linear.weight");
    UNIT_SAME(m->tied[0].of, "wte.weight");
    CU_ASSERT(m->input.item[0].ranged && m->input.item[0].hi == 65);
    UNIT_SAME(listed(&f, &m->label), "target i32[n:32,7]");
    end(&f);
}

static int results_to(const Graph *g, int to) {
    int n = 0;
    for (int i = 0; i < g->nresult; i++)
        n += (int)g->result[i].to == to;
    return n;
}

static void modes(void) {
    Fixture f;
    start(&f);
    Model *m = load(&f, HEAD
        "    - flatten\n    - linear: {units: 4, trainable: false}\n    - batch_norm: {affine: false}\n"
        "    - dropout: 0.5\n    - standardize\n    - linear: 2\n");
    CU_ASSERT(m->random);
    CU_ASSERT(!m->param.item[0].trainable && m->param.item[2].trainable);
    CU_ASSERT_EQUAL_FATAL(m->nstandardize, 1);
    UNIT_SAME(m->standardize[0].std, "standardize.std");
    CU_ASSERT_EQUAL(m->standardize[0].axis, 1);
    ModelGraph *eval = model_graph(m, "forward", MODE_EVAL);
    CU_ASSERT_EQUAL(results_to(eval->graph, TO_STATE), 0);
    ModelGraph *train = model_graph(m, "step", MODE_TRAIN);
    CU_ASSERT_EQUAL(results_to(train->graph, TO_STATE), 2);
    for (int i = 0; i < m->param.n; i++)
        CU_ASSERT(train->param[i].node && train->param[i].node->name == m->param.item[i].name);
    CU_ASSERT_EQUAL(ref_type(train->standardize[0])->dim[1].n, 4);
    graph_result(train->graph, TO_OUTPUT, "y", train->raw[0]);
    CU_ASSERT_PTR_NULL(graph_verify(f.arena, train->graph));
    Graph *init = model_init(m);
    CU_ASSERT_EQUAL(results_to(init, TO_PARAM), m->param.n);
    CU_ASSERT_EQUAL(results_to(init, TO_STATE), m->state.n);
    CU_ASSERT_PTR_NULL(graph_verify(f.arena, init));
    end(&f);
}

static void settings(void) {
    Fixture f;
    start(&f);
    const char *set[] = {"let.d=3", "train.optimizer.sgd.lr=1/8", "model.layers.1.linear=d+1"};
    Model *m = load_with(&f,
        "kiln: 1\nname: n\nlet: {d: 2}\ndata: {train: a.csv, valid: last 20%, target: [y, z]}\n"
        "model: {inputs: {x: [4]}, layers: [linear: d, linear: 2]}\n"
        "train:\n  loss: mse\n  optimizer: sgd\n  schedule: {step: {every: 2 epochs, warmup: 5%}}\n"
        "  steps: 100\n  clip: 1\n  stop: {metric: valid.loss}\n", 3, set);
    CU_ASSERT_EQUAL(m->param.item[0].type.dim[0].n, 3);
    CU_ASSERT_EQUAL(m->param.item[2].type.dim[0].n, 4);
    CU_ASSERT_EQUAL(m->set.train.lr, 0.125);
    UNIT_SAME(m->set.train.optimizer, "sgd");
    UNIT_SAME(m->set.train.schedule, "step");
    CU_ASSERT(m->set.train.every.unit == UNIT_EPOCHS && m->set.train.every.n == 2);
    CU_ASSERT(m->set.train.warmup.unit == UNIT_PART && m->set.train.warmup.n == 0.05);
    CU_ASSERT_EQUAL(m->set.train.gamma, 0.1);
    CU_ASSERT(m->set.train.steps == 100 && m->set.train.epochs == 0);
    CU_ASSERT(m->set.train.clip_norm == 1 && m->set.train.clip_value == 0);
    CU_ASSERT_EQUAL(m->set.train.patience, 3);
    CU_ASSERT(m->set.data.part.last && fabs(m->set.data.part.size - 0.2) < 1e-15);
    UNIT_SAME(m->set.data.train.csv, "a.csv");
    CU_ASSERT_EQUAL(m->set.data.target.n, 2);
    end(&f);
}

static const char *resolved(Fixture *f, const char *text) {
    Text out = {0};
    tree_print(&out, load(f, text)->tree);
    const char *s = arena_printf(f->arena, "%s", out.s);
    text_free(&out);
    return s;
}

static void resolved_file(void) {
    Fixture f;
    start(&f);
    const char *once = resolved(&f, "kiln: 1\nname: n\nmodel:\n  inputs: {x: [4]}\n  layers:\n"
        "    - linear: 8\n    - relu\n    - elu\n    - residual: [tanh]\n"
        "train: {loss: huber, optimizer: sgd}\n");
    UNIT_SAME(once,
        "kiln: 1\nname: n\nmodel:\n"
        "  inputs:\n    x: {shape: [4], dtype: f32, batch: true}\n"
        "  layers:\n"
        "    - linear: {units: 8, init: default, trainable: true, bias: true}\n"
        "    - relu\n    - elu: {alpha: 1}\n    - residual: {layers: [tanh]}\n"
        "train:\n  loss: {huber: {delta: 1, weight: 1}}\n"
        "  optimizer:\n    sgd: {lr: 1e-3, momentum: 0, dampening: 0, nesterov: false, weight_decay: 0}\n"
        "  epochs: 10\n  schedule: {constant: {warmup: 0}}\n  batch: 32\n  seed: 0\n  metrics: []\n"
        "predict: {samples: 1, report: [mean]}\n");
    UNIT_SAME(resolved(&f, once), once);
    end(&f);
}

static void layer_rows(void) {
    static const struct { const char *layer, *out; } row[] = {
        {"conv2d: {filters: 4, kernel: 3, stride: 2, padding: 1}", "[n:1,4,4,5]"},
        {"conv2d: {filters: 4, kernel: [2, 3], padding: same}", "[n:1,4,8,10]"},
        {"conv2d: {filters: 6, kernel: 3, dilation: 2, groups: 2, bias: false}", "[n:1,6,4,6]"},
        {"max_pool2d: 3", "[n:1,2,2,3]"},
        {"max_pool2d: {kernel: 3, ceil_mode: true}", "[n:1,2,3,4]"},
        {"max_pool2d: {kernel: 2, stride: 3, padding: 1, ceil_mode: true}", "[n:1,2,3,4]"},
        {"avg_pool2d: {kernel: 3, stride: 2, padding: 1, ceil_mode: true}", "[n:1,2,5,6]"},
        {"avg_pool2d: {kernel: [3, 2], count_include_pad: false, padding: [1, 0]}", "[n:1,2,3,5]"},
        {"global_avg_pool", "[n:1,2]"},
        {"global_max_pool", "[n:1,2]"},
        {"batch_norm: {momentum: 0.2}", "[n:1,2,8,10]"},
        {"layer_norm: {dims: 2, bias: false}", "[n:1,2,8,10]"},
        {"rms_norm", "[n:1,2,8,10]"},
        {"standardize: {axis: 0}", "[n:1,2,8,10]"},
        {"linear: 5", "[n:1,2,8,5]"},
        {"dropout", "[n:1,2,8,10]"},
        {"flatten", "[n:1,160]"},
        {"reshape: [4, -1]", "[n:1,4,40]"},
        {"transpose: [2, 0, 1]", "[n:1,10,2,8]"},
        {"concat: [x, x]", "[n:1,4,8,10]"},
        {"concat: {from: [x, x, x], axis: -1}", "[n:1,2,8,30]"},
        {"add: [x, x]", "[n:1,2,8,10]"},
        {"mul: [x, x, x]", "[n:1,2,8,10]"},
        {"pad: [1, 2]", "[n:1,2,8,13]"},
        {"pad: {padding: [1, 2, 3, 4], mode: reflect}", "[n:1,2,15,13]"},
        {"pad: {padding: [1, 1, 1, 1, 1, 1], mode: circular}", "[n:1,4,10,12]"},
        {"pad: {padding: [0, 3], mode: replicate}", "[n:1,2,8,13]"},
        {"slice: {axis: 2, start: 1, stop: 8, step: 3}", "[n:1,2,8,3]"},
        {"slice: {axis: -2, start: 6}", "[n:1,2,2,10]"},
        {"scale: {mul: 2, add: -1}", "[n:1,2,8,10]"},
        {"softmax", "[n:1,2,8,10]"},
        {"log_softmax: 0", "[n:1,2,8,10]"},
        {"relu", "[n:1,2,8,10]"},
        {"leaky_relu: 0.3", "[n:1,2,8,10]"},
        {"elu: {alpha: 2}", "[n:1,2,8,10]"},
        {"gelu", "[n:1,2,8,10]"},
        {"gelu: tanh", "[n:1,2,8,10]"},
        {"silu", "[n:1,2,8,10]"},
        {"sigmoid", "[n:1,2,8,10]"},
        {"tanh", "[n:1,2,8,10]"},
        {"softplus: 2", "[n:1,2,8,10]"},
        {"identity", "[n:1,2,8,10]"},
        {"exp", "[n:1,2,8,10]"},
        {"clamp: {lo: -1, hi: 1}", "[n:1,2,8,10]"},
        {"maximum: {from: [x, x]}", "[n:1,2,8,10]"},
        {"mean: {axis: -1}", "[n:1,2,8]"},
    };
    for (size_t i = 0; i < COUNT(row); i++) {
        Fixture f;
        start(&f);
        Model *m = load(&f, arena_printf(f.arena,
            "kiln: 1\nmodel:\n  inputs: {x: [2, 8, 10]}\n  layers:\n    - %s\n", row[i].layer));
        const char *got = type_text(f.arena, &m->output.item[0].type) + 3;
        if (strcmp(got, row[i].out))
            printf("%s gives %s\n", row[i].layer, got);
        UNIT_SAME(got, row[i].out);
        ModelGraph *g = model_graph(m, "forward", MODE_TRAIN);
        const char *fault = graph_verify(f.arena, g->graph);
        if (fault)
            printf("%s: %s\n", row[i].layer, fault);
        CU_ASSERT_PTR_NULL(fault);
        end(&f);
    }
}

static void warnings(void) {
    Fixture f;
    start(&f);
    const char *text = "kiln: 1\nmodel:\n  inputs: {x: [4]}\n  layers:\n    - linear: 3\n"
                       "    - relu: {from: x}\n";
    ModelOptions o = {.path = "t", .text = text, .size = strlen(text)};
    CU_ASSERT_PTR_NOT_NULL(model_load(f.arena, f.diag, &o));
    UNIT_SAME(f.said.s, "5:7: warning: linear 'linear': its result is used nowhere\n");
    end(&f);
}

static void missing_file(void) {
    Fixture f;
    start(&f);
    ModelOptions o = {.path = "/nonexistent/net.yaml"};
    CU_ASSERT_PTR_NULL(model_load(f.arena, f.diag, &o));
    UNIT_SAME(f.said.s, "0:0: error: cannot read '/nonexistent/net.yaml': No such file or "
              "directory\n");
    end(&f);
}

int main(void) {
    static const UnitTest test[] = {
        {"names_and_shapes", names_and_shapes}, {"slices", slices}, {"blocks", blocks},
        {"branches_and_outputs", branches_and_outputs}, {"tied_weights", tied_weights},
        {"modes", modes},         {"settings", settings},
        {"resolved_file", resolved_file}, {"layer_rows", layer_rows},
        {"warnings", warnings},   {"missing_file", missing_file},
    };
    return unit_main("build", test, COUNT(test));
}
