/* The row padding_idx of an embedding: it starts as 0, is read like any other, and gets no
 * gradient through the embedding, as in PyTorch. */
#include "tests/unit/train_case.h"

enum { N = 2, T = 4, SIZE = 5, DIM = 3, PAD = 2 };

static const int32_t tokens[N * T] = {0, PAD, 3, 4, PAD, 3, 3, PAD};

static const char text[] =
    "kiln: 1\nmodel:\n  inputs: {t: {shape: [4], dtype: i32}}\n"
    "  layers: [embedding: {size: 5, dim: 3, padding_idx: 2, name: e}]\n"
    "train: {loss: mse, batch: 2, optimizer: {sgd: 0.5}}\n";

static const char tied[] =
    "kiln: 1\nmodel:\n  inputs: {t: {shape: [4], dtype: i32}}\n"
    "  layers: [embedding: {size: 5, dim: 3, padding_idx: 2, name: e},\n"
    "           linear: {units: 5, weights: e, bias: false}]\n"
    "train: {loss: mse, batch: 2}\n";

static Session *opened(Folder *f, const char *model, Backend backend) {
    Model *m = folder_model(f, model, 0, NULL);
    SessionOptions o = {.program = {.training = true},
                        .exec = {.backend = backend_or(backend), .cflags = "-O1"}};
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    m->strict = true;
    Session *s = session_open(m, &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_TRUE(session_init(s, 3));
    return s;
}

static void run(Session *s, const char *entry, const float *target, float *out) {
    const void *in[] = {tokens, target};
    CU_ASSERT_TRUE(session_run(s, session_entry(s, entry), N, in, (void *[]){out}));
}

static void no_gradient(void) {
    static const Backend backend[] = {EXEC_INTERP, EXEC_JIT, EXEC_C};
    Folder *f = folder_open();
    for (size_t b = 0; b < COUNT(backend); b++) {
        Session *s = opened(f, text, backend[b]);
        float target[N * T * DIM] = {0}, y[N * T * DIM], loss, want[SIZE * DIM] = {0};
        float *w = s->ctx->params, *g = s->ctx->grads;
        for (int j = 0; j < SIZE * DIM; j++)
            CU_ASSERT_EQUAL(w[j] < 0 || w[j] > 0, j / DIM != PAD);
        for (int j = 0; j < DIM; j++)  /* as a file of weights may have it */
            w[PAD * DIM + j] = 2;
        run(s, "forward", NULL, y);
        for (int i = 0; i < N * T * DIM; i++) {
            CU_ASSERT_DOUBLE_EQUAL(y[i], w[tokens[i / DIM] * DIM + i % DIM], 0);
            if (tokens[i / DIM] != PAD)
                want[tokens[i / DIM] * DIM + i % DIM] += 2 * y[i] / (N * T * DIM);
        }
        run(s, "grad", target, &loss);
        for (int j = 0; j < SIZE * DIM; j++)
            CU_ASSERT_DOUBLE_EQUAL(g[j], want[j], 1e-6);
        run(s, "step", target, &loss);
        for (int j = 0; j < DIM; j++)
            CU_ASSERT_DOUBLE_EQUAL(w[PAD * DIM + j], 2, 0);
        session_close(s);
    }
    folder_close(f);
}

/* A tied layer's own gradient does go to the row. */
static void tied_has_one(void) {
    Folder *f = folder_open();
    Session *s = opened(f, tied, EXEC_INTERP);
    float target[N * T * SIZE], loss;
    for (int i = 0; i < N * T * SIZE; i++)
        target[i] = 1;
    run(s, "grad", target, &loss);
    const float *g = s->ctx->grads;
    CU_ASSERT_TRUE(g[PAD * DIM] < 0 || g[PAD * DIM] > 0);
    session_close(s);
    folder_close(f);
}

static const UnitTest tests[] = {{"no_gradient", no_gradient}, {"tied_has_one", tied_has_one}};

int main(void) { return unit_main("padding", tests, COUNT(tests)); }
