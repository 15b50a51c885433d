/* Equal layers share their kernels: a deeper network has more calls, not more code. */
#include "frontend/model.h"
#include "train/program.h"
#include "unit.h"

#include <string.h>

static const char gpt[] =
    "kiln: 1\n"
    "name: gpt\n"
    "let: {d: 48, heads: 3, depth: 2, ctx: 20, vocab: 65}\n"
    "model:\n"
    "  inputs: {tokens: {shape: [ctx], dtype: i32}}\n"
    "  layers:\n"
    "    - embedding: {size: vocab, dim: d, name: wte}\n"
    "    - position: {learned: ctx}\n"
    "    - repeat:\n"
    "        times: depth\n"
    "        layers:\n"
    "          - residual: [layer_norm, attention: {heads: heads, causal: true}, dropout: 0.1]\n"
    "          - residual: [layer_norm, linear: 4*d, gelu, linear: d, dropout: 0.1]\n"
    "    - layer_norm\n"
    "    - linear: {units: vocab, weights: wte, bias: false}\n"
    "train: {loss: cross_entropy, optimizer: {adamw: {lr: 1e-3, weight_decay: 0.1}}, batch: 8}\n";

static const char encoder[] =          /* norms behind the sums, as BERT has them */
    "kiln: 1\n"
    "name: encoder\n"
    "let: {depth: 2}\n"
    "model:\n"
    "  inputs: {x: [20, 48]}\n"
    "  layers:\n"
    "    - repeat:\n"
    "        times: depth\n"
    "        layers:\n"
    "          - residual: [attention: {heads: 3}]\n"
    "          - layer_norm\n"
    "          - residual: [linear: 96, gelu, linear: 48]\n"
    "          - layer_norm\n"
    "    - linear: 10\n"
    "train: {loss: mse, optimizer: {adam: {lr: 1e-3}}, batch: 8}\n";

static const char cnn[] =
    "kiln: 1\n"
    "name: cnn\n"
    "let: {depth: 2}\n"
    "model:\n"
    "  inputs: {image: [3, 16, 16]}\n"
    "  layers:\n"
    "    - conv2d: {filters: 16, kernel: 3, padding: same}\n"
    "    - repeat:\n"
    "        times: depth\n"
    "        layers:\n"
    "          - residual:\n"
    "              - conv2d: {filters: 16, kernel: 3, padding: same, bias: false}\n"
    "              - batch_norm\n"
    "              - relu\n"
    "              - conv2d: {filters: 16, kernel: 3, padding: same, bias: false}\n"
    "              - batch_norm\n"
    "          - relu\n"
    "    - global_avg_pool\n"
    "    - linear: 10\n"
    "train: {loss: cross_entropy, batch: 8,\n"
    "        optimizer: {sgd: {lr: 0.1, momentum: 0.9, weight_decay: 5e-4}}}\n";

static const char rnn[] =
    "kiln: 1\n"
    "name: rnn\n"
    "let: {depth: 2}\n"
    "model:\n"
    "  inputs: {x: [12, 32]}\n"
    "  layers:\n"
    "    - repeat:\n"
    "        times: depth\n"
    "        layers: [lstm: {units: 32, return: sequence}, dropout: 0.2, linear: 32]\n"
    "    - linear: 10\n"
    "train: {loss: mse, optimizer: {adam: {lr: 1e-3}}, batch: 8}\n";

typedef struct { int kernels, calls; } Count;

static Count count(const char *text, const char *depth, bool training, bool strict,
                   const char *target) {
    Arena *a = arena_new();
    ModelOptions mo = {.path = "net.yaml", .text = text, .size = strlen(text), .nset = 1,
                       .set = &depth, .strict = strict, .training = training, .batch = 8};
    ProgramOptions po = {.training = training, .target = target_find(target)};
    Model *m = model_load(a, diag_new(a, NULL, NULL), &mo);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    const Program *p = program_build(a, m, &po);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    Count c = {.kernels = p->nkernel};
    for (int i = 0; i < p->nentry; i++)
        c.calls += p->entry[i].ncall;
    arena_free(a);
    return c;
}

static void deeper(const char *text, bool training, bool strict, const char *target) {
    Count two = count(text, "let.depth=2", training, strict, target);
    Count three = count(text, "let.depth=3", training, strict, target);
    Count twelve = count(text, "let.depth=12", training, strict, target);
    CU_ASSERT_EQUAL(three.kernels, two.kernels);
    CU_ASSERT_EQUAL(twelve.kernels, two.kernels);
    CU_ASSERT_EQUAL(twelve.calls - three.calls, 9 * (three.calls - two.calls));
}

static void all(const char *text) {
    deeper(text, false, false, "avx2");
    deeper(text, true, false, "avx2");
    deeper(text, true, true, "avx512");
    deeper(text, true, false, "portable");
}

static void test_gpt(void) { all(gpt); }
static void test_encoder(void) { all(encoder); }
static void test_cnn(void) { all(cnn); }
static void test_rnn(void) { all(rnn); }

int main(void) {
    static const UnitTest tests[] = {
        {"gpt", test_gpt}, {"encoder", test_encoder}, {"cnn", test_cnn}, {"rnn", test_rnn},
    };
    return unit_main("sharing", tests, COUNT(tests));
}
