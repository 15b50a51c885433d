/* Training: the loss falls, and what happens when things go wrong. That the same seed gives
 * the same bits is test_same_bits.c's. */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/train_case.h"
#include "train/progress.h"
#include "train/weights.h"

#include <math.h>

/* y = 3a - 2b + 1 with classes by its sign, a and b far from 0 and 1. */
static void put_table(Folder *f, int n) {
    Text t = {0};
    unsigned r = 1;
    text_printf(&t, "a,b,y,kind\n");
    for (int i = 0; i < n; i++) {
        int a = (int)((r = r * 1664525u + 1013904223u) >> 24);
        int b = (int)((r = r * 1664525u + 1013904223u) >> 24);
        text_printf(&t, "%d,%g,%g,%d\n", a, b / 256.0, (3 * a - 2 * b) / 256.0 + 1, a > b);
    }
    folder_put(f, "d.csv", t.s, t.n);
    text_free(&t);
}

static const char regression[] =
    "kiln: 1\n"
    "data: {train: d.csv, target: y, columns: [a, b, y], valid: 20%}\n"
    "model:\n"
    "  inputs: {x: [2]}\n"
    "  layers: [standardize, linear: 8, tanh, dropout: 0.1, linear: 1]\n"
    "train: {loss: mse, optimizer: {adam: 0.02}, batch: 7, epochs: 4, metrics: [mae],\n"
    "        schedule: {cosine: {warmup: 5 steps}}}\n";

static const char classes[] =
    "kiln: 1\n"
    "data: {train: d.csv, target: kind, columns: [a, b], valid: last 20%, test: d.csv}\n"
    "model:\n"
    "  inputs: {x: [2]}\n"
    "  layers: [standardize, linear: 8, batch_norm, relu, linear: {units: 2, name: out}]\n"
    "  outputs: {kind: {as: softmax}}\n"
    "train: {loss: cross_entropy, optimizer: {sgd: {lr: 0.1, momentum: 0.9}}, batch: 16,\n"
    "        epochs: 6, metrics: [accuracy], stop: {metric: valid.accuracy, patience: 2}}\n";

static const char pictures[] =
    "kiln: 1\n"
    "data: {train: {images: i.idx, labels: l.idx}}\n"
    "model:\n"
    "  inputs: {image: {shape: [1, 4, 4], dtype: u8}}\n"
    "  layers: [scale: {mul: 1/255}, conv2d: {filters: 4, kernel: 3}, relu, flatten, linear: 2]\n"
    "train: {loss: cross_entropy, optimizer: {adam: 0.05}, batch: 8, steps: 30}\n";

static const char stepped[] =
    "kiln: 1\n"
    "data: {train: d.csv, target: y, columns: [a, b, y], valid: 20%}\n"
    "model:\n"
    "  inputs: {x: [2]}\n"
    "  layers: [standardize, linear: 8, tanh, linear: 1]\n"
    "train: {loss: mse, optimizer: {adam: 0.02}, batch: 16}\n";

static void loss_falls(void) {
    Folder *f = folder_open();
    put_table(f, 200);
    const char *set = "train.epochs=20";
    TrainResult r = job_run(&(Job){.f = f, .text = regression, .nset = 1, .set = &set});
    CU_ASSERT_EQUAL(r.status, TRAIN_DONE);
    CU_ASSERT_EQUAL(r.epoch, 20);
    CU_ASSERT_EQUAL(r.step, 20 * 23);
    CU_ASSERT_EQUAL(r.nmetric, 2);
    CU_ASSERT_TRUE(r.validated && r.valid[0] < 0.1 && r.valid[1] < 0.3);
    r = job_run(&(Job){.f = f, .text = classes, .run = "run"});
    CU_ASSERT_EQUAL(r.status, TRAIN_DONE);
    CU_ASSERT_TRUE(r.valid[1] > 0.85 && r.tested && r.test[1] > 0.85);
    UNIT_SAME(f->said.n ? f->said.s : "", "");
    folder_close(f);
}

static void put_pictures(Folder *f, int n) {
    uint8_t *image = NEW(f->arena, 16 * n, uint8_t), *label = NEW(f->arena, n, uint8_t);
    for (int i = 0; i < n; i++) {      /* a line across, or down */
        label[i] = (uint8_t)(i % 2);
        for (int k = 0; k < 4; k++)
            image[16 * i + (i % 2 ? 4 * k + i / 2 % 4 : 4 * (i / 2 % 4) + k)] = 255;
    }
    folder_idx(f, "i.idx", (const int[]){n, 4, 4, 0}, image);
    folder_idx(f, "l.idx", (const int[]){n, 0}, label);
}

static void learns_pictures(void) {
    Folder *f = folder_open();
    put_pictures(f, 60);
    TrainResult r = job_run(&(Job){.f = f, .text = pictures, .run = "run"});
    CU_ASSERT_EQUAL(r.status, TRAIN_DONE);
    CU_ASSERT_EQUAL(r.step, 30);       /* 8 steps an epoch: the fourth is cut short */
    CU_ASSERT_EQUAL(r.epoch, 4);
    CU_ASSERT_TRUE(r.train[0] < 0.3);
    folder_close(f);
}

/* Lines of the file; and the part of the line from `key` on. */
static int lines(Folder *f, const char *name) {
    size_t n;
    int count = 0;
    for (const char *s = folder_get(f, name, &n); *s; s++)
        count += *s == '\n';
    return count;
}

static void recorded(void) {
    Folder *f = folder_open();
    size_t n;
    put_table(f, 100);
    job_run(&(Job){.f = f, .text = regression, .run = "run",
                   .most = 30});    /* 12 steps an epoch */
    CU_ASSERT_EQUAL(lines(f, "run/metrics.jsonl"), 2);
    char *s = folder_get(f, "run/metrics.jsonl", &n);
    CU_ASSERT_PTR_NOT_NULL(strstr(s, "{\"epoch\": 1, \"step\": 12, \"lr\": "));
    CU_ASSERT_PTR_NOT_NULL(strstr(s, "\"valid\": {\"loss\": "));
    CU_ASSERT_PTR_NOT_NULL(strstr(s, "\"mae\": "));
    /* what was written after the checkpoint is written anew */
    folder_text(f, "run/metrics.jsonl", arena_printf(f->arena, "%s{\"epoch\": 9, \"step\": 99}\n"
                                                     "{\"epoch\": 1", s));
    job_run(&(Job){.f = f, .text = regression, .run = "run", .resume = true});
    CU_ASSERT_EQUAL(lines(f, "run/metrics.jsonl"), 4);
    CU_ASSERT_PTR_NULL(strstr(folder_get(f, "run/metrics.jsonl", &n), "\"step\": 99"));
    folder_close(f);
}

static void diverges(void) {
    Folder *f = folder_open();
    const char *const set[] = {"train.optimizer={sgd: {lr: 1e30}}", "train.epochs=9"};
    put_table(f, 100);
    TrainResult r = job_run(&(Job){.f = f, .text = regression, .nset = 2, .set = set,
                                   .run = "run"});
    CU_ASSERT_EQUAL(r.status, TRAIN_DIVERGED);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->said.s, "error: training diverged: the loss is "));
    CU_ASSERT_EQUAL(diag_errors(f->diag), 1);
    size_t n;
    CU_ASSERT_PTR_NOT_NULL(strstr(folder_get(f, "run/metrics.jsonl", &n), "\"diverged\": true"));
    folder_close(f);
}

static void damaged(void) {
    Folder *f = folder_open();
    size_t n;
    put_table(f, 100);
    job_run(&(Job){.f = f, .text = classes, .run = "run", .most = 8});
    char *whole = folder_get(f, "run/checkpoint.safetensors", &n);
    for (size_t i = 0; i < 3; i++) {
        folder_put(f, "run/checkpoint.safetensors", whole, i * n / 4);
        TrainResult r = job_run(&(Job){.f = f, .text = classes, .run = "run",
                                       .resume = true});
        CU_ASSERT_EQUAL(r.status, TRAIN_FAILED);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(f->said.s, "error: the file is cut off: got "));
    folder_put(f, "run/checkpoint.safetensors", whole, n);
    const char *set = "train.batch=8";
    TrainResult r = job_run(&(Job){.f = f, .text = classes, .nset = 1, .set = &set,
                                   .run = "run", .resume = true});
    CU_ASSERT_EQUAL(r.status, TRAIN_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->said.s, "run/checkpoint.safetensors: error: made with batch "
                                  "16, the run that is to go on has 8\n"));
    r = job_run(&(Job){.f = f, .text = classes, .run = "none", .resume = true});
    CU_ASSERT_EQUAL(r.status, TRAIN_FAILED);
    folder_close(f);
}

static void early_stop(void) {
    Folder *f = folder_open();
    const char *const set[] = {"train.epochs=100", "train.optimizer={sgd: {lr: 0}}"};
    Tensors list = {0};
    Metas meta = {0};
    put_table(f, 100);
    TrainResult r = job_run(&(Job){.f = f, .text = classes, .nset = 2, .set = set,
                                   .run = "run"});
    CU_ASSERT_EQUAL(r.status, TRAIN_DONE);
    CU_ASSERT_TRUE(r.stopped_early && r.best && r.epoch < 100);
    CU_ASSERT_EQUAL(r.step, r.best_step + 2 * 5);
    CU_ASSERT_TRUE(safetensors_read(f->arena, diag_nowhere(f->diag),
                                    folder_file(f, "run/weights.safetensors"), &list, &meta));
    UNIT_SAME(metas_find(&meta, "weights"), "best");
    UNIT_SAME(metas_find(&meta, "epoch"), arena_printf(f->arena, "%d", (int)r.best_step / 5));
    CU_ASSERT_PTR_NOT_NULL(metas_find(&meta, "valid.accuracy"));
    CU_ASSERT_PTR_NULL(tensors_find(&list, "out.weight.momentum"));

    const char *none = "data.valid=";
    r = job_run(&(Job){.f = f, .text = classes, .nset = 1, .set = &none});
    CU_ASSERT_EQUAL(r.status, TRAIN_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->said.s, "'valid.accuracy' is watched, but"));
    folder_close(f);
}

/* The run's model stands for itself: another folder, the same data. */
static void run_is_model(void) {
    Folder *f = folder_open();
    size_t n;
    put_table(f, 100);
    job_run(&(Job){.f = f, .text = classes, .run = "deep/run", .most = 4});
    ModelOptions o = {.path = folder_file(f, "deep/run/model.yaml"), .training = true};
    Model *m = model_load(f->arena, f->diag, &o);
    Data data;
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    CU_ASSERT_TRUE(data_open(f->arena, m, NULL, &data));
    CU_ASSERT_EQUAL(data.train.n, 80);
    CU_ASSERT_EQUAL(m->set.train.batch, 16);
    CU_ASSERT_PTR_NOT_NULL(strstr(folder_get(f, "deep/run/model.yaml", &n), f->path));
    UNIT_SAME(f->said.n ? f->said.s : "", "");

    const char *set = "train.epochs=2";    /* what a run goes on with is written down */
    TrainResult r = job_run(&(Job){.f = f, .text = classes, .nset = 1, .set = &set,
                                   .run = "deep/run", .resume = true});
    CU_ASSERT_EQUAL(r.status, TRAIN_DONE);
    CU_ASSERT_EQUAL(r.epoch, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(folder_get(f, "deep/run/model.yaml", &n), "epochs: 2\n"));
    folder_close(f);
}

static void no_folder(void) {
    Folder *f = folder_open();
    put_table(f, 100);
    TrainResult r = job_run(&(Job){.f = f, .text = classes, .run = "d.csv/run"});
    CU_ASSERT_EQUAL(r.status, TRAIN_FAILED);
    CU_ASSERT_EQUAL(r.step, 0);
    CU_ASSERT_EQUAL(diag_status(f->diag), 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->said.s, "cannot make the folder 'd.csv/run': Not a directory"));
    folder_close(f);
}

/* Rounds of steps: a record for each, whatever the epochs, and the same weights. */
static void rounds(void) {
    Folder *f = folder_open();
    const char *const set[] = {"train.steps=20", "train.validate=6 steps"};
    put_table(f, 100);                 /* 80 to train on, 5 steps an epoch */
    TrainResult r = job_run(&(Job){.f = f, .text = stepped, .nset = 1, .set = set,
                                   .run = "whole"});
    CU_ASSERT_EQUAL(r.epoch, 4);
    CU_ASSERT_EQUAL(lines(f, "whole/metrics.jsonl"), 4);
    r = job_run(&(Job){.f = f, .text = stepped, .nset = 2, .set = set, .run = "run"});
    CU_ASSERT_EQUAL(r.epoch, 4);
    CU_ASSERT_TRUE(r.validated);
    CU_ASSERT_EQUAL(lines(f, "run/metrics.jsonl"), 4);     /* 6 12 18 20 */
    CU_ASSERT_TRUE(folder_same(f, "run/weights.safetensors", "whole/weights.safetensors"));
    r = job_run(&(Job){.f = f, .text = stepped, .nset = 2, .set = set, .run = "cut",
                       .most = 9});
    CU_ASSERT_EQUAL(r.status, TRAIN_INTERRUPTED);
    r = job_run(&(Job){.f = f, .text = stepped, .nset = 2, .set = set, .run = "cut",
                       .resume = true});
    CU_ASSERT_TRUE(runs_same(f, "run", "cut"));
    const char *const few[] = {"train.steps=4", "train.batch=1"};
    r = job_run(&(Job){.f = f, .text = stepped, .nset = 2, .set = few, .run = "few"});
    CU_ASSERT_EQUAL(lines(f, "few/metrics.jsonl"), 4);     /* a tenth of 4 is 1 */
    folder_close(f);
}

static void standardized(void) {
    Folder *f = folder_open();
    Data data;
    const char *set = "data.valid=last 50%";
    folder_text(f, "d.csv", "a,b,y,kind\n1,5,0,0\n3,5,0,1\n1000,0,0,0\n1000,0,0,0\n");
    Model *m = folder_model(f, classes, 1, &set);
    Session *s = job_open(&(Job){.f = f}, m);
    TrainOptions o = {.run = NULL};
    TrainResult r;
    CU_ASSERT_TRUE_FATAL(data_open(f->arena, m, NULL, &data));
    CU_ASSERT_EQUAL(trainer_run(s, &data, &o, &r), TRAIN_DONE);
    Tensors all = session_tensors(f->arena, s, PART_STATE);
    const float *mean = tensors_find(&all, "standardize.mean")->data;
    const float *std = tensors_find(&all, "standardize.std")->data;
    CU_ASSERT_EQUAL(mean[0], 2);
    CU_ASSERT_EQUAL(mean[1], 5);
    CU_ASSERT_EQUAL(std[0], 1);
    CU_ASSERT_EQUAL(std[1], 1);        /* not 0: all are the same */
    session_close(s);
    folder_close(f);
}

static void predicted(void) {
    Folder *f = folder_open();
    Data data;
    size_t n;
    put_table(f, 37);
    Model *m = folder_model(f, classes, 0, NULL);
    SessionOptions so = {.program = {.training = true, .only = "init,forward,loss"},
                         .exec = {.backend = backend_or(EXEC_JIT)}};
    Session *s = session_open(m, &so);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_TRUE_FATAL(data_open(f->arena, m, NULL, &data) && session_init(s, 3));
    Examples all = examples_all(&data.file[0]);
    PredictOptions o = {.path = folder_file(f, "o.csv")};
    CU_ASSERT_TRUE(predict_write(s, &all, &o));
    CU_ASSERT_EQUAL(lines(f, "o.csv"), 38);
    char *at = folder_get(f, "o.csv", &n);
    CU_ASSERT_EQUAL(strncmp(at, "kind_0,kind_1\n", 14), 0);
    o.path = folder_file(f, "o.npy");
    CU_ASSERT_TRUE(predict_write(s, &all, &o));
    const float *array = (const float *)(const void *)(folder_get(f, "o.npy", &n) + 128);
    CU_ASSERT_EQUAL_FATAL(n, 128 + 37 * 2 * sizeof(float));
    at += 14;
    double right = 0;
    for (int i = 0; i < 37; i++) {
        float x = strtof(at, &at), y = strtof(at + 1, &at);
        const int32_t *kind = (const int32_t *)(const void *)data.file[0].field[1].data;
        CU_ASSERT_EQUAL(x, array[2 * i]);
        CU_ASSERT_EQUAL(y, array[2 * i + 1]);
        CU_ASSERT_TRUE(fabs((double)x + (double)y - 1) < 1e-6);
        right += (y > x) == kind[i];
    }
    double value[MAX_METRICS];
    CU_ASSERT_EQUAL(predict_evaluate(s, &all, value), 2);
    CU_ASSERT_TRUE(fabs(value[1] - right / 37) < 1e-6);
    session_close(s);
    folder_close(f);
}

static void sampled(void) {
    Folder *f = folder_open();
    Data data;
    size_t n;
    static const char *const statistics[] = {"mean", "std", "q05", "q50", "q95"};
    put_table(f, 30);
    Model *m = folder_model(f, regression, 0, NULL);
    SessionOptions so = {.program = {.training = true, .only = "init,sample"},
                         .exec = {.backend = backend_or(EXEC_JIT)}};
    Session *s = session_open(m, &so);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_TRUE_FATAL(data_open(f->arena, m, NULL, &data) && session_init(s, 3));
    Examples all = examples_all(&data.file[0]);
    PredictOptions o = {.path = folder_file(f, "o.csv"), .samples = 50,
                        .report = {COUNT(statistics), (const char **)(uintptr_t)statistics}};
    CU_ASSERT_TRUE(predict_write(s, &all, &o));
    char *at = folder_get(f, "o.csv", &n);
    CU_ASSERT_EQUAL(strncmp(at, "linear_2.mean,linear_2.std,linear_2.q05,", 40), 0);
    at = strchr(at, '\n');
    for (int i = 0; i < 30; i++) {
        double x[5];
        for (int k = 0; k < 5; k++)
            x[k] = strtod(at + 1, &at);
        CU_ASSERT_TRUE(x[1] > 0 && x[2] <= x[3] && x[3] <= x[4]);
        CU_ASSERT_TRUE(x[2] <= x[0] && x[0] <= x[4]);
    }
    session_close(s);
    folder_close(f);
}

static void progress(void) {
    Folder *f = folder_open();
    Text t = {0};
    const double metrics[] = {0.41, 0.87};
    Model *m = folder_model(f, classes, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    Progress p = {.m = m, .columns = 80};
    Record r = {.epoch = 3, .epochs = 30, .nmetric = 2, .train = metrics};
    progress_text(&t, &p, &r, 744, 1200, 4.1);
    UNIT_SAME(t.s, "epoch 3/30  62%|██████▎   | 744/1200 [00:04<00:02, 181 it/s] loss=0.41 acc=0.87");
    text_free(&t);
    t = (Text){0};
    p.columns = 40;
    progress_text(&t, &p, &r, 1200, 1200, 4000);
    UNIT_SAME(t.s, "epoch 3/30 100%|█████| 1200/1200 [1:06:40<00:00, 0.3 it/s] loss=0.41 acc=0.87");
    text_free(&t);
    folder_close(f);
}

static const UnitTest tests[] = {
    {"loss_falls", loss_falls}, {"learns_pictures", learns_pictures}, {"recorded", recorded},
    {"diverges", diverges}, {"damaged", damaged}, {"early_stop", early_stop},
    {"run_is_model", run_is_model}, {"no_folder", no_folder}, {"rounds", rounds},
    {"standardized", standardized}, {"predicted", predicted}, {"sampled", sampled},
    {"progress", progress},
};

int main(void) { return unit_main("trainer", tests, COUNT(tests)); }
