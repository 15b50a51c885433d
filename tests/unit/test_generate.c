/* Sampling of tokens, and a language model that has learnt a short text by heart. */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/train_case.h"
#include "train/generate.h"
#include "train/sample.h"

#include <math.h>

static const float logits[] = {1, 3, -INFINITY, 2, 3};

static void best(void) {
    Arena *a = arena_new();
    Sampler *cold = sampler_new(a, &(SampleOptions){0, 0, 1, 1}, 5);
    Sampler *one = sampler_new(a, &(SampleOptions){2, 1, 1, 1}, 5);
    Sampler *tiny = sampler_new(a, &(SampleOptions){1, 0, 1e-9, 1}, 5);
    for (uint32_t i = 0; i < 100; i++) {
        CU_ASSERT_EQUAL(sampler_next(cold, logits, i), 1);     /* the first of equals */
        CU_ASSERT_EQUAL(sampler_next(one, logits, i), 1);
        CU_ASSERT_EQUAL(sampler_next(tiny, logits, i), 1);
    }
    const float odd[] = {NAN, -1, NAN, 0, -2};
    CU_ASSERT_EQUAL(sampler_next(cold, odd, 0), 3);
    arena_free(a);
}

/* How often each token comes in 20,000 draws is its share, within 5 deviations. */
static void shares(const SampleOptions *o, const double *weight) {
    enum { DRAWS = 20000 };
    Arena *a = arena_new();
    Sampler *s = sampler_new(a, o, 5);
    double total = 0;
    int count[5] = {0};
    for (int i = 0; i < 5; i++)
        total += weight[i];
    for (uint32_t i = 0; i < DRAWS; i++)
        count[sampler_next(s, logits, i)]++;
    for (int i = 0; i < 5; i++) {
        double p = weight[i] / total;
        double off = fabs(count[i] - p * DRAWS), deviation = sqrt(p * (1 - p) * DRAWS);
        CU_ASSERT_TRUE(p > 0 ? off < 5 * deviation + 1e-9 : count[i] == 0);
    }
    arena_free(a);
}

static void drawn(void) {
    const double e = exp(1);
    shares(&(SampleOptions){1, 0, 1, 7}, (double[]){1, e * e, 0, e, e * e});
    shares(&(SampleOptions){0.5, 0, 1, 7}, (double[]){1, pow(e, 4), 0, e * e, pow(e, 4)});
    shares(&(SampleOptions){1, 3, 1, 7}, (double[]){0, e, 0, 1, e});
    shares(&(SampleOptions){1, 0, 0.5, 7}, (double[]){0, 1, 0, 0, 1});
    shares(&(SampleOptions){1, 3, 0.9, 7}, (double[]){0, e, 0, 1, e});
}

static void seeded(void) {
    Arena *a = arena_new();
    Sampler *x = sampler_new(a, &(SampleOptions){1, 0, 1, 5}, 5);
    Sampler *y = sampler_new(a, &(SampleOptions){1, 0, 1, 5}, 5);
    Sampler *z = sampler_new(a, &(SampleOptions){1, 0, 1, 6}, 5);
    int same = 0;
    for (uint32_t i = 0; i < 200; i++) {
        int token = sampler_next(x, logits, i);
        CU_ASSERT_EQUAL(token, sampler_next(y, logits, i));
        same += token == sampler_next(z, logits, i);
    }
    CU_ASSERT_TRUE(same < 200);
    arena_free(a);
}

static const char model[] =
    "kiln: 1\n"
    "data: {train: {text: d.txt}}\n"
    "model:\n"
    "  inputs: {t: {shape: [6], dtype: i32}}\n"
    "  layers: [embedding: {size: 10, dim: 16}, rnn: 32, linear: {units: 10, name: next}]\n"
    "  outputs: {next: {as: softmax}}\n"
    "train: {loss: {cross_entropy: {of: next}}, optimizer: {adam: 0.02}, batch: 8,\n"
    "        steps: 150}\n";

static Session *session(Model *m, bool training) {
    SessionOptions o = {
        .program = {.training = training, .raw = true,
                    .only = training ? TRAINER_ENTRIES ",forward,stream"
                                     : "init,forward,stream"},
        .exec = {.backend = exec_has_jit() ? EXEC_JIT : EXEC_INTERP}};
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    Session *s = session_open(m, &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    return s;
}

/* Behind a text of letters in turn it says the alphabet, past the end of its window. */
static void learn(int nset, const char *const *set) {
    Folder *f = folder_open();
    Data data;
    TrainOptions o = {.run = NULL};
    TrainResult r;
    folder_text(f, "d.txt", "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghij");
    Model *m = folder_model(f, model, nset, set);
    Session *s = session(m, true);
    CU_ASSERT_TRUE_FATAL(data_open(f->arena, m, NULL, &data));
    CU_ASSERT_EQUAL(trainer_run(s, &data, &o, &r), TRAIN_DONE);
    Generator *g = generator_new(f->arena, s, data.vocab.tokens);
    Sampler *cold = sampler_new(f->arena, &(SampleOptions){0, 0, 1, 1}, 10);
    CU_ASSERT_PTR_NOT_NULL_FATAL(g);
    int token = 3;
    for (int i = 0; i < 30; i++) {
        const float *scores = generator_feed(g, token);
        CU_ASSERT_PTR_NOT_NULL_FATAL(scores);
        token = sampler_next(cold, scores, 0);
        CU_ASSERT_EQUAL(token, (4 + i) % 10);
    }
    session_close(s);
    folder_close(f);
}

static void learnt(void) {
    const char *const as[] = {"model.outputs={next: {as: {pad: [0, 9000]}}}",
                              "model.outputs={next: {as: {argmax: {axis: -1}}}}"};
    learn(0, NULL);
    learn(1, as);                      /* scores are those before `as` */
    learn(1, as + 1);
}

/* By the stream, without an end, and with one that is passed several times. */
static void streamed(void) {
    const char *const set[] = {
        "deploy.stream=true",
        "model.layers=[{embedding: {size: 10, dim: 16}}, {position: {learned: 6}}, "
        "{attention: {heads: 2, causal: true}}, {linear: {units: 10, name: next}}]"};
    learn(1, set);
    learn(2, set);
    learn(1, set + 1);
}

static void refused(const char *set, const char *said) {
    Folder *f = folder_open();
    folder_text(f, "d.txt", "abcdefghij");
    Session *s = session(folder_model(f, model, 1, &set), false);
    Vocab *v = vocab_bytes(f->arena);
    v->n = 11;
    CU_ASSERT_PTR_NULL(generator_new(f->arena, s, v));
    CU_ASSERT_PTR_NOT_NULL(f->said.n ? strstr(f->said.s, said) : NULL);
    session_close(s);
    folder_close(f);
}

static void errors(void) {
    refused("train.batch=4", "it tells 10 classes, there are 11 tokens");
    refused("model.outputs={next: next, same: next}", "several inputs or outputs");
}

static const UnitTest tests[] = {
    {"best", best}, {"drawn", drawn}, {"seeded", seeded}, {"learnt", learnt}, {"streamed", streamed},
    {"errors", errors},
};

int main(void) { return unit_main("generate", tests, COUNT(tests)); }
