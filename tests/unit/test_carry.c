/* States that are carried from batch to batch: values, gradients, order, resumed runs. */
#include "tests/unit/train_case.h"

enum { ROWS = 3, CHUNK = 4, CHUNKS = 3, TIME = CHUNK * CHUNKS, FEATURES = 2, UNITS = 5 };

/* Layers with `%s` where a state is told to be carried. */
static const char *const layers[] = {
    "rnn: {units: 5, nonlinearity: relu%s}",
    "lstm: {units: 5, layers: 2%s}",
    "lstm: {units: 7, projection: 5, peepholes: true, start: learned%s}",
    "gru: {units: 5, start: learned, layers: 3%s}",
    "scan: {state: {h: {shape: 5, next: mul}, m: {shape: 5, start: learned, next: tanh}}%s,\n"
    "      layers: [concat: [x, h, m], linear: 5, tanh, mul: [m, tanh]]}",
};

static Model *net(Folder *f, const char *layer, int steps, bool carry) {
    const char *on = arena_printf(f->arena, layer, carry ? ", carry: true" : "");
    const char *text = arena_printf(f->arena, "kiln: 1\nmodel:\n  inputs: {x: [%d, %d]}\n  layers:\n"
                        "    - %s\n    - linear: {units: 2, name: y}\n"
                        "train: {loss: mse, batch: %d}\n", steps, FEATURES, on, ROWS);
    return folder_model(f, text, 0, NULL);
}

static Session *opened(Model *m, bool carry, Backend backend) {
    SessionOptions o = {.program = {.training = true, .train_forward = carry},
                        .exec = {.backend = backend_or(backend), .cflags = "-O1"}};
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    m->strict = true;
    Session *s = session_open(m, &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_TRUE(session_init(s, 1));
    return s;
}

static void noise(float *v, int64_t n, uint32_t seed) {
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        v[i] = (float)(int32_t)seed * 0x1p-31f;
    }
}

/* Parameters that differ from zero, the same for each name's number. */
static void fill(Arena *a, Session *s) {
    Tensors list = session_tensors(a, s, PART_PARAMS);
    for (int i = 0; i < list.n; i++)
        noise(list.item[i].data, type_bytes(&list.item[i].type) / 4, (uint32_t)i + 1);
}

typedef struct { float v[ROWS][TIME][FEATURES]; } Series;

/* Steps from.. of all rows, as a model of so many steps takes them. */
static void cut(const Series *x, int from, int steps, float *to) {
    for (int r = 0; r < ROWS; r++)
        memcpy(to + r * steps * FEATURES, x->v[r][from], sizeof(float) * (size_t)(steps * FEATURES));
}

static void run(Session *s, const char *entry, const float *x, const float *target, float *out) {
    const void *in[] = {x, target};
    CU_ASSERT_TRUE(session_run(s, session_entry(s, entry), ROWS, in, (void *[]){out}));
}

/* Chunks, each from where the last one ended, are the whole sequence in bits. */
static void is_the_whole(void) {
    Folder *f = folder_open();
    Series x, y, got;
    float part[ROWS * CHUNK * FEATURES], out[ROWS * CHUNK * FEATURES];
    noise(&x.v[0][0][0], ROWS * TIME * FEATURES, 99);
    for (size_t i = 0; i < COUNT(layers); i++) {
        Session *whole = opened(net(f, layers[i], TIME, false), false, EXEC_INTERP);
        Session *s = opened(net(f, layers[i], CHUNK, true), true, i % 2 ? EXEC_JIT : EXEC_C);
        fill(f->arena, whole);
        fill(f->arena, s);
        run(whole, "forward", &x.v[0][0][0], NULL, &y.v[0][0][0]);
        for (int turn = 0; turn < 2; turn++) {
            for (int t = 0; t < TIME; t += CHUNK) {
                cut(&x, t, CHUNK, part);
                run(s, "forward", part, NULL, out);
                for (int r = 0; r < ROWS; r++)
                    memcpy(got.v[r][t], out + r * CHUNK * FEATURES, sizeof *out * CHUNK * FEATURES);
            }
            CU_ASSERT_EQUAL(memcmp(&got, &y, sizeof y), 0);
            CU_ASSERT_TRUE(session_run(s, session_entry(s, "step_reset"), 1, NULL, NULL));
        }
        session_close(whole);
        session_close(s);
    }
    folder_close(f);
}

/* No gradient goes to the chunk before: it is that of a start which is given. */
static void stops_gradients(void) {
    static const char given[] =
        "kiln: 1\nmodel:\n  inputs: {x: [4, 2], h: [1, 5], c: [1, 5]}\n  layers:\n"
        "    - lstm: {units: 5, from: [x, h, c]}\n    - linear: {units: 2, name: y}\n"
        "train: {loss: mse, batch: 3}\n";
    Folder *f = folder_open();
    Series x, label;
    float part[ROWS * CHUNK * FEATURES], target[ROWS * CHUNK * FEATURES], loss[2];
    noise(&x.v[0][0][0], ROWS * TIME * FEATURES, 5);
    noise(&label.v[0][0][0], ROWS * TIME * FEATURES, 6);
    Session *s = opened(net(f, "lstm: {units: 5%s}", CHUNK, true), true, EXEC_INTERP);
    Session *t = opened(folder_model(f, given, 0, NULL), false, EXEC_INTERP);
    Tensors state = session_tensors(f->arena, s, PART_ALL);
    fill(f->arena, s);
    fill(f->arena, t);
    for (int at = 0; at < TIME; at += CHUNK) {
        float h[ROWS * UNITS], c[ROWS * UNITS];
        cut(&x, at, CHUNK, part);
        cut(&label, at, CHUNK, target);
        memcpy(h, tensors_find(&state, "lstm.h.carried")->data, sizeof h);
        memcpy(c, tensors_find(&state, "lstm.c.carried")->data, sizeof c);
        const void *in[] = {part, h, c, target};
        run(s, "grad", part, target, &loss[0]);
        CU_ASSERT_TRUE(session_run(t, session_entry(t, "grad"), ROWS, in, (void *[]){&loss[1]}));
        CU_ASSERT_EQUAL(memcmp(&loss[0], &loss[1], sizeof *loss), 0);
        CU_ASSERT_EQUAL(s->program->grad.bytes, t->program->grad.bytes);
        CU_ASSERT_EQUAL(memcmp(s->ctx->grads, t->ctx->grads, (size_t)s->program->grad.bytes), 0);
    }
    session_close(s);
    session_close(t);
    folder_close(f);
}

/* Judging goes on by itself, and begins again by itself. */
static void judges_apart(void) {
    Folder *f = folder_open();
    Session *s = opened(net(f, "gru: {units: 5%s}", CHUNK, true), true, EXEC_INTERP);
    float x[ROWS * CHUNK * FEATURES], target[ROWS * CHUNK * FEATURES], loss[3];
    fill(f->arena, s);
    noise(x, COUNT(x), 3);
    noise(target, COUNT(target), 4);
    run(s, "step", x, target, loss);
    Tensors state = session_tensors(f->arena, s, PART_ALL);
    const Tensor *h = tensors_find(&state, "gru.h.carried");
    float was[ROWS * UNITS], zeros[ROWS * UNITS] = {0};
    memcpy(was, h->data, sizeof was);
    for (int i = 0; i < 3; i++) {
        if (i == 2)
            CU_ASSERT_TRUE(session_run(s, session_entry(s, "loss_reset"), 1, NULL, NULL));
        run(s, "loss", x, target, &loss[i]);
    }
    CU_ASSERT_TRUE(loss[0] < loss[1] || loss[0] > loss[1]);
    CU_ASSERT_EQUAL(memcmp(&loss[0], &loss[2], sizeof *loss), 0);
    CU_ASSERT_EQUAL(memcmp(was, h->data, sizeof was), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(was, zeros, sizeof was), 0);
    CU_ASSERT_TRUE(session_init(s, 1));
    CU_ASSERT_EQUAL(memcmp(zeros, h->data, sizeof was), 0);
    Tensors weights = session_tensors(f->arena, s, PART_WEIGHTS);
    CU_ASSERT_PTR_NULL(tensors_find(&weights, "gru.h.carried"));
    session_close(s);
    folder_close(f);
}

/* --- training --- */

static void streams_go_on(void) {
    enum { MOST = 40 };
    for (int n = 1; n <= MOST; n++)
        for (int batch = 1; batch < 12; batch++) {
            int64_t order[MOST], seen[MOST] = {0};
            examples_streams(order, n, batch);
            for (int k = 0; k < n; k++) {
                CU_ASSERT_TRUE_FATAL(order[k] >= 0 && order[k] < n && !seen[order[k]]++);
                CU_ASSERT_TRUE(k < batch || order[k] == order[k - batch] + 1);
            }
        }
}

static const char language[] =
    "kiln: 1\n"
    "data: {train: {text: t.txt}, valid: last 20%}\n"
    "model:\n"
    "  inputs: {tokens: {shape: [6], dtype: i32}}\n"
    "  layers: [embedding: {size: 26, dim: 4}, lstm: {units: 8, carry: true, start: learned},\n"
    "           dropout: 0.1, gru: {units: 8, carry: true}, linear: 26]\n"
    "train: {loss: cross_entropy, optimizer: {adam: 0.01}, batch: 4, epochs: 3,\n"
    "        validate: 5 steps}\n";

static const char series[] =
    "kiln: 1\n"
    "data: {train: t.csv, columns: [a, b], window: {past: 6, ahead: 1, of: a}, valid: last 20%}\n"
    "model:\n"
    "  inputs: {x: [6, 2]}\n"
    "  layers: [standardize, rnn: {units: 8, carry: true}, linear: 1]\n"
    "train: {loss: mse, optimizer: {sgd: {lr: 0.1}}, batch: 4, epochs: 3}\n";

static Folder *corpus(void) {
    Folder *f = folder_open();
    Text text = {0}, table = {0};
    uint32_t r = 7;
    text_printf(&table, "a,b\n");
    for (int i = 0; i < 403; i++) {
        r = r * 1664525u + 1013904223u;
        text_put(&text, (const char[]){(char)('a' + (i * i + (int)(r >> 30)) % 26)}, 1);
        text_printf(&table, "%d,%d\n", (int)(r >> 28), i % 7);
    }
    folder_put(f, "t.txt", text.s, text.n);
    folder_put(f, "t.csv", table.s, table.n);
    text_free(&text);
    text_free(&table);
    return f;
}

static void resumes(void) {
    static const char *const text[] = {language, series};
    Folder *f = corpus();
    for (size_t i = 0; i < COUNT(text); i++) {
        Job j = {.f = f, .text = text[i], .run = arena_printf(f->arena, "whole%d", (int)i),
                 .strict = true};
        TrainResult r = job_run(&j);
        const char *whole = j.run;
        CU_ASSERT_EQUAL(r.status, TRAIN_DONE);
        CU_ASSERT_TRUE(r.validated && r.valid[0] > 0);
        for (int backend = 0; backend < 3; backend++) {
            j = (Job){.f = f, .text = text[i], .strict = true, .threads = 1 + backend % 2,
                      .run = arena_printf(f->arena, "part%d%d", (int)i, backend),
                      .backend = (Backend[]){EXEC_INTERP, EXEC_JIT, EXEC_C}[backend], .most = 8};
            CU_ASSERT_EQUAL(job_run(&j).status, TRAIN_INTERRUPTED);
            j.most = 0;
            j.resume = true;
            CU_ASSERT_EQUAL(job_run(&j).status, TRAIN_DONE);
            CU_ASSERT_TRUE(runs_same(f, whole, j.run));
        }
    }
    folder_close(f);
}

/* What is said where the data do not go on. */
static void data_faults(void) {
    static const struct { const char *text, *set, *said; } fault[] = {
        {language, "data.shuffle=true", "data.shuffle: examples in a new order do not go on"},
        {language, "data.train.stride=3", "stride: got 3, expected 6: an example goes on"},
        {language, "data.valid=20%", "data.valid: a part drawn by lot tears the series"},
        {series, "data.window.stride=1", "stride: got 1, expected 6"},
        {series, "data={train: t.csv, target: a}", "data.train: expected data that go on"},
    };
    Folder *f = corpus();
    for (size_t i = 0; i < COUNT(fault); i++) {
        CU_ASSERT_PTR_NULL(folder_model(f, fault[i].text, 1, &fault[i].set));
        CU_ASSERT_PTR_NOT_NULL(strstr(f->said.s, fault[i].said));
        CU_ASSERT_PTR_NOT_NULL(strstr(f->said.s, "note: this layer carries its state"));
    }
    folder_close(f);
}

static const UnitTest tests[] = {
    {"is_the_whole", is_the_whole}, {"stops_gradients", stops_gradients},
    {"judges_apart", judges_apart}, {"streams_go_on", streams_go_on}, {"resumes", resumes},
    {"data_faults", data_faults},
};

int main(void) { return unit_main("carry", tests, COUNT(tests)); }
