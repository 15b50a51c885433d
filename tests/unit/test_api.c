/* The library through its public header alone. */
#include "unit.h"

#include <kiln/kiln.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char model[] =
    "kiln: 1\n"
    "name: xor\n"
    "model:\n"
    "  inputs: {x: [2]}\n"
    "  layers: [linear: 8, tanh, linear: 1]\n"
    "  outputs: {y: {as: sigmoid}}\n"
    "train: {loss: binary_cross_entropy, optimizer: {adam: {lr: 0.05}}, batch: 4}\n";

static kiln *open_it(kiln_options o) { return kiln_open_text("xor.yaml", model, sizeof model - 1, &o); }

static void learns(void) {
    static const float x[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, t[4] = {0, 1, 1, 0};
    kiln *k = open_it((kiln_options){.training = 1, .backend = "interp"});
    const void *in[] = {x, t};
    float loss = 9, y[4];
    void *out[] = {&loss, NULL}, *answer[] = {y};
    CU_ASSERT_FATAL(kiln_errors(k) == 0);
    int step = kiln_entry(k, "step"), forward = kiln_entry(k, "forward");
    CU_ASSERT_FATAL(step >= 0 && forward >= 0);
    CU_ASSERT_EQUAL(kiln_inputs(k, step), 2);
    CU_ASSERT_EQUAL(kiln_init(k, 1), 0);
    for (uint32_t i = 0; i < 300; i++)
        CU_ASSERT_EQUAL(kiln_run(k, step, 4, in, out), 0);
    CU_ASSERT(loss < 0.1f);
    CU_ASSERT_EQUAL(kiln_run(k, forward, 4, in, answer), 0);
    for (int i = 0; i < 4; i++)
        CU_ASSERT((y[i] > 0.5f) == (t[i] > 0.5f));
    CU_ASSERT_EQUAL(kiln_run(k, forward, 5, in, answer), 1);
    CU_ASSERT_EQUAL(kiln_run(k, 99, 4, in, answer), 1);
    kiln_close(k);
}

/* Every backend says that a loss is not finite, and writes what there is. */
static void not_finite(void) {
    static const char *const backend[] = {"interp", "c", "jit"}, *const entry[] = {"loss", "grad", "step"};
    static const float odd[] = {NAN, INFINITY}, plain[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
    for (size_t b = 0; b < COUNT(backend); b++) {
        kiln *k = open_it((kiln_options){.training = 1, .backend = backend[b]});
        if (kiln_compile(k) && strstr(kiln_messages(k), "not installed")) {
            printf("    skipped: no %s\n", backend[b]);
            kiln_close(k);
            continue;
        }
        for (size_t i = 0; i < COUNT(entry); i++)
            for (size_t j = 0; j <= COUNT(odd); j++) {
                float x[4][2], t[4] = {0, 1, 1, 0}, loss = 9;
                const void *in[] = {x, t};
                void *out[] = {&loss};
                memcpy(x, plain, sizeof x);
                t[2] = j < COUNT(odd) ? odd[j] : 1;
                CU_ASSERT_EQUAL(kiln_init(k, 1), 0);
                CU_ASSERT_EQUAL(kiln_run(k, kiln_entry(k, entry[i]), 4, in, out), j < COUNT(odd) ? 3 : 0);
                CU_ASSERT((isfinite(loss) != 0) == (j == COUNT(odd)));
            }
        kiln_close(k);
    }
}

static void describes(void) {
    kiln *k = open_it((kiln_options){.batch = 3, .backend = "interp"});
    kiln_tensor t;
    void *data;
    int forward = kiln_entry(k, "forward"), n = 0;
    CU_ASSERT_FATAL(kiln_input(k, forward, 0, &t));
    UNIT_SAME(t.name, "x");
    UNIT_SAME(t.dtype, "f32");
    CU_ASSERT(t.rank == 2 && t.shape[0] == 3 && t.shape[1] == 2 && t.batched);
    CU_ASSERT(!kiln_input(k, forward, 1, &t));
    CU_ASSERT_EQUAL(kiln_entry(k, "step"), -1);
    while (kiln_weight(k, n, &t, &data))
        n++;
    CU_ASSERT_EQUAL(n, 4);
    kiln_close(k);
}

/* A sum so far: two sequences in turns, one copied half-way. */
static void streams(void) {
    static const char text[] = "kiln: 1\nmodel: {inputs: {x: [3, 1]}, layers: [cumsum]}\n"
                               "deploy: {stream: true}\n";
    _Alignas(64) unsigned char other[64], copy[64];
    kiln_options o = {.backend = "interp"};
    kiln *k = kiln_open_text("sum.yaml", text, sizeof text - 1, &o);
    int stream = kiln_entry(k, "stream");
    float x = 1, y = 0;
    const void *in[] = {&x};
    void *out[] = {&y};
    CU_ASSERT_EQUAL_FATAL(kiln_stream_bytes(k), 4);
    CU_ASSERT_EQUAL(kiln_run(k, stream, 1, in, out), 0);
    CU_ASSERT_EQUAL(kiln_stream_use(k, other), 0);
    CU_ASSERT_EQUAL(kiln_stream_use(k, other + 1), -1);
    CU_ASSERT_EQUAL(kiln_stream_reset(k), 0);
    x = 10;
    for (int i = 1; i < 9; i++) {      /* longer than in the model: nothing counts steps */
        CU_ASSERT_EQUAL(kiln_run(k, stream, 1, in, out), 0);
        CU_ASSERT_EQUAL(y, 10 * (float)i);
    }
    CU_ASSERT_EQUAL(kiln_stream_copy(k, copy), 0);
    CU_ASSERT_EQUAL(kiln_stream_use(k, NULL), 0);
    CU_ASSERT_EQUAL(kiln_run(k, stream, 1, in, out), 0);
    CU_ASSERT_EQUAL(y, 11);
    CU_ASSERT_EQUAL(kiln_stream_use(k, copy), 0);
    CU_ASSERT_EQUAL(kiln_run(k, stream, 1, in, out), 0);
    CU_ASSERT_EQUAL(y, 90);
    kiln_close(k);
}

static void emits(void) {
    char *header, *source;
    kiln *k = open_it((kiln_options){.target = "portable", .backend = "interp"});
    CU_ASSERT_EQUAL_FATAL(kiln_emit_c(k, "gate", 0, &header, &source), 0);
    CU_ASSERT(strstr(header, "int gate_forward(") != NULL);
    CU_ASSERT(strstr(source, "#include \"gate.h\"") != NULL);
    kiln_free(header);
    kiln_free(source);
    kiln_close(k);
}

static void reports(void) {
    static const char bad[] = "kiln: 1\nname: m\nmodel: {inputs: {x: [2]}, layers: [linera: 3]}\n";
    kiln *k = kiln_open_text("bad.yaml", bad, sizeof bad - 1, NULL);
    CU_ASSERT(kiln_errors(k) > 0);
    CU_ASSERT(strstr(kiln_messages(k), "bad.yaml:3:") != NULL);
    CU_ASSERT(strstr(kiln_messages(k), "linear") != NULL);
    CU_ASSERT_EQUAL(kiln_compile(k), -1);
    CU_ASSERT_EQUAL(kiln_entry(k, "forward"), -1);
    kiln_close(k);
    k = kiln_open("no/such/file.yaml", NULL);
    CU_ASSERT(kiln_errors(k) == 1);
    kiln_close(k);
    k = open_it((kiln_options){.backend = "gpu"});
    CU_ASSERT(strstr(kiln_messages(k), "expected jit|c|interp") != NULL);
    kiln_close(k);
    kiln_close(NULL);
}

int main(void) {
    static const UnitTest test[] = {
        {"learns xor", learns}, {"not finite", not_finite}, {"describes", describes}, {"streams", streams}, {"emits", emits}, {"reports", reports},
    };
    return unit_main("api", test, COUNT(test));
}
