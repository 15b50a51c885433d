/* The same seed gives the same bits: on one thread or two, straight through or resumed, by
 * every backend, in strict mode and in fast.
 * timeout: 600 */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/train_case.h"

/* Each has random numbers, state beside its weights, and epochs that are no whole number of
 * steps; the batches are large enough for kernels to be split between threads. */
static const struct {
    const char *name, *model;
    int64_t steps;                     /* 0: ends by itself */
} nets[] = {
    {"mlp",
     "kiln: 1\n"
     "data: {train: d.csv, target: b, columns: [a, b], valid: 20%}\n"
     "model:\n"
     "  inputs: {x: [1]}\n"
     "  layers: [standardize, linear: 64, tanh, dropout: 0.2, linear: 64, tanh, linear: 1]\n"
     "train: {loss: mse, optimizer: {adam: {lr: 0.02, weight_decay: 0.01}}, batch: 30,\n"
     "        epochs: 4, metrics: [mae], schedule: {cosine: {warmup: 5 steps}}}\n", 24},
    {"cnn",
     "kiln: 1\n"
     "data: {train: {images: i.idx, labels: l.idx}, valid: last 20%}\n"
     "model:\n"
     "  inputs: {image: {shape: [1, 8, 8], dtype: u8}}\n"
     "  layers: [scale: {mul: 1/255}, conv2d: {filters: 8, kernel: 3, padding: same},\n"
     "           batch_norm, relu, max_pool2d: 2, dropout: 0.1, flatten, linear: 3]\n"
     "train: {loss: cross_entropy, optimizer: {sgd: {lr: 0.1, momentum: 0.9, nesterov: true}},\n"
     "        batch: 28, epochs: 30, metrics: [accuracy],\n"
     "        stop: {metric: valid.accuracy, patience: 2}}\n", 0},
    {"lstm",
     "kiln: 1\n"
     "data: {train: d.csv, columns: [a, b], window: {past: 6, future: 1, of: b}}\n"
     "model:\n"
     "  inputs: {past: [6, 2]}\n"
     "  layers: [standardize, lstm: {units: 16, layers: 2, dropout: 0.3, return: last}, linear: 1]\n"
     "train: {loss: huber, optimizer: {sgd: {lr: 0.1, momentum: 0.9}}, batch: 32, steps: 11,\n"
     "        clip: {norm: 1.0}}\n", 11},
    {"gpt",
     "kiln: 1\n"
     "data: {train: {text: d.txt}, valid: last 30%}\n"
     "model:\n"
     "  inputs: {tokens: {shape: [8], dtype: i32}}\n"
     "  layers:\n"
     "    - embedding: {size: 10, dim: 16, name: wte}\n"
     "    - position: {learned: 8}\n"
     "    - residual: [layer_norm, attention: {heads: 2, causal: true}, dropout: 0.1]\n"
     "    - residual: [layer_norm, linear: 32, gelu, linear: 16, dropout: 0.1]\n"
     "    - layer_norm\n"
     "    - linear: {units: 10, weights: wte, bias: false}\n"
     "train: {loss: cross_entropy, optimizer: {adamw: {lr: 0.01, weight_decay: 0.1}},\n"
     "        schedule: {cosine: {warmup: 3 steps, min: 1e-4}}, clip: {norm: 1.0},\n"
     "        batch: 24, steps: 13, validate: 4 steps}\n", 13},
};

/* What is compared with one thread of the JIT's code, or of the interpreter where there is no
 * JIT. `cut` gives a part's steps, the last one goes on to the end; parts alternate between
 * both numbers of threads. */
enum { MAX_PARTS = 3 };
static const struct Way {
    const char *name;
    Backend backend;
    int threads[2];
    int cut[MAX_PARTS];
    bool other_seed;                   /* must differ */
} ways[] = {
    {"two threads", EXEC_JIT, {2, 2}, {0}, false},
    {"resumed twice", EXEC_JIT, {1, 1}, {5, 3}, false},
    {"resumed by two threads", EXEC_JIT, {1, 2}, {7}, false},
    {"interpreter", EXEC_INTERP, {1}, {0}, false},
    {"C, two threads", EXEC_C, {2, 2}, {0}, false},
    {"another seed", EXEC_JIT, {1}, {0}, true},
};

/* A curve with noise, pictures of three kinds of lines, digits and dots. */
static void put_data(Folder *f) {
    enum { ROWS = 200, IMAGES = 150, TEXT = 300 };
    Text csv = {0}, text = {0};
    unsigned r = 1;
    text_printf(&csv, "a,b\n");
    for (int i = 0; i < ROWS; i++) {
        r = r * 1664525u + 1013904223u;
        text_printf(&csv, "%d,%g\n", i * 7 % 50, (i * 7 % 50 - 20) / 16.0 + (r >> 24) / 512.0);
    }
    for (int i = 0; i < TEXT; i++)
        text_printf(&text, "%c", "0123456.78"[i % 4 * (i % 7) % 10]);
    uint8_t *image = NEW(f->arena, 64 * IMAGES, uint8_t), *label = NEW(f->arena, IMAGES, uint8_t);
    for (int i = 0; i < IMAGES; i++) {
        const int kind = label[i] = (uint8_t)(i % 3), at = i / 3 % 8;
        for (int k = 0; k < 64; k++) {
            r = r * 1664525u + 1013904223u;
            const int line = kind == 0 ? k / 8 == at : kind == 1 ? k % 8 == at : k % 9 == at;
            image[64 * i + k] = (uint8_t)((line ? 160 : 0) + (int)(r >> 26));
        }
    }
    folder_put(f, "d.csv", csv.s, csv.n);
    folder_put(f, "d.txt", text.s, text.n);
    folder_idx(f, "i.idx", (const int[]){IMAGES, 8, 8, 0}, image);
    folder_idx(f, "l.idx", (const int[]){IMAGES, 0}, label);
    text_free(&csv);
    text_free(&text);
}

static TrainResult run(Job *j, const struct Way *w) {
    TrainResult r = {.status = TRAIN_INTERRUPTED};
    int part = 0;
    for (; r.status == TRAIN_INTERRUPTED && part < MAX_PARTS; part++) {
        j->threads = w->threads[part % 2];
        j->resume = part > 0;
        j->most = w->cut[part];
        r = job_run(j);
    }
    CU_ASSERT_EQUAL(part, 1 + (w->cut[0] > 0) + (w->cut[1] > 0));
    CU_ASSERT_EQUAL(r.status, TRAIN_DONE);
    return r;
}

static void compare(Job j, const char *net, const struct Way *w, const TrainResult *straight) {
    const char *seed = "train.seed=1";
    j.backend = w->backend;
    j.run = "run";
    j.set = &seed;
    j.nset = w->other_seed;
    const TrainResult r = run(&j, w);
    const bool same = runs_same(j.f, "straight", "run") && r.step == straight->step &&
                      !memcmp(r.valid, straight->valid, sizeof r.valid);
    if (same == w->other_seed)
        printf("%s, %s, %s: %s bits\n", net, j.strict ? "strict" : "fast", w->name,
               same ? "the same" : "other");
    CU_ASSERT_EQUAL(same, !w->other_seed);
}

static void in_mode(bool strict) {
    for (size_t i = 0; i < COUNT(nets); i++) {
        Folder *f = folder_open();
        put_data(f);
        Job j = {.f = f, .text = nets[i].model, .run = "straight", .strict = strict,
                 .split = true};
        const TrainResult straight = run(&j, &(struct Way){.threads = {1}});
        CU_ASSERT_TRUE(nets[i].steps ? straight.step == nets[i].steps : straight.stopped_early);
        for (size_t k = 0; k < COUNT(ways); k++)
            compare(j, nets[i].name, &ways[k], &straight);
        UNIT_SAME(f->said.n ? f->said.s : "", "");
        folder_close(f);
    }
}

static void strict(void) { in_mode(true); }

static void fast(void) { in_mode(false); }

static const UnitTest tests[] = {{"strict", strict}, {"fast", fast}};

int main(void) { return unit_main("same_bits", tests, COUNT(tests)); }
