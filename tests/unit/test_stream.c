/* Streaming: steps give the bits of the whole sequence, states do not disturb each other,
 * and what cannot be streamed is said. */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/unit.h"
#include "train/session.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 3 };

typedef struct { const char *name; Backend backend; const char *cc, *target; } Way;

static const Way ways[] = {
    {"interpreter", EXEC_INTERP, NULL, "avx2"},
    {"jit", EXEC_JIT, NULL, "native"},
    {"gcc", EXEC_C, "gcc", "native"},
    {"clang", EXEC_C, "clang", "portable"},
};

typedef struct { const char *inputs, *layers; int steps, axis; } Case;

static const Case cases[] = {
    {"x: [7, 3]", "[cumsum: {axis: 0}]", 7, 0},
    {"x: [7, 3]", "[rnn: 5, linear: 2]", 7, 0},
    {"x: [6, 3]", "[standardize, lstm: 5, dropout: 0.5, lstm: {units: 4, projection: 2}, linear: 2]", 6, 0},
    {"x: [5, 3]", "[gru: 5, layer_norm, gru: {units: 4, return: last}, linear: 3, softmax]", 5, 0},
    {"x: [5, 3]", "[lstm: {units: 4, layers: 2, start: learned}, gru: {units: 3, start: learned}]",
     5, 0},
    {"x: [6, 3], n: {shape: [], dtype: i32}", "[rnn: {units: 4, from: x, lengths: n, return: last}]",
     6, 0},
    {"x: [540, 4]", "[attention: {heads: 2, causal: true}]", 540, 0},
    {"x: [3, 9]", "[conv1d: {filters: 4, kernel: 3, padding: causal}, relu, residual: ["
                  "conv1d: {filters: 4, kernel: 2, dilation: 3, padding: causal, groups: 2}, "
                  "batch_norm, silu], transpose: [1, 0], linear: 2]", 9, 1},
    {"x: [3, 8]", "[pad: {padding: [2, 0], value: -1}, tanh, conv1d: {filters: 2, kernel: 3}, "
                  "pad: [1, 0], max_pool1d: {kernel: 2, stride: 1}, slice: {axis: 1, start: 7}]",
     8, 1},
    {"x: [5, 3]", "[gru: 4, linear: 6, slice: {start: -1}, reshape: {shape: [3, 2]}]", 5, 0},
    {"x: [6, 8]", "[attention: {heads: 2, causal: true}]", 6, 0},
    {"x: [6, 8]", "[position: {sinusoidal: 100}, "
     "attention: {heads: 4, kv_heads: 2, causal: true, position: rotary}, "
     "attention: {heads: 2, causal: true, position: alibi}, "
     "attention: {heads: 2, causal: true, position: relative, distance: 2}]", 6, 0},
    {"x: {shape: [8], dtype: i32}",
     "[embedding: {size: 4, dim: 6}, position: {learned: 9}, repeat: {times: 2, layers: ["
     "residual: [layer_norm, attention: {heads: 3, causal: true}], "
     "residual: [layer_norm, linear: 12, gelu, linear: 6]]}, layer_norm, linear: 5]", 8, 0},
};

static const char *yaml(Arena *a, const Case *c, int chunk) {
    return arena_printf(a, "kiln: 1\nname: m\nmodel:\n  inputs: {%s}\n  layers: %s\n"
                           "deploy: {stream: {chunk: %d, axis: %d}}\n",
                        c->inputs, c->layers, chunk, c->axis);
}

static Session *open_session(Arena *a, const char *text, const Way *w) {
    ModelOptions o = {.path = "m.yaml", .text = text, .size = strlen(text), .batch = BATCH,
                      .strict = true};
    Diag *d = diag_new(a, NULL, NULL);
    Model *m = model_load(a, d, &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    SessionOptions s = {.program = {.target = target_find(w->target),
                                    .pass = {.verify = true, .out = stderr}},
                        .exec = {.backend = w->backend, .cc = w->cc}};
    s.program.pass.dump = getenv("KILN_DUMP");
    Session *r = session_open(m, &s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    CU_ASSERT_TRUE_FATAL(session_init(r, 3));
    return r;
}

/* Numbers for a tensor; integers are 0..3. */
static void *noise(Arena *a, const Type *t, uint32_t seed) {
    int64_t n = 1;
    type_count(t, &n);
    float *v = arena_alloc(a, (size_t)type_bytes(t));
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        if (t->dtype == F32)
            v[i] = (float)(int32_t)seed * 0x1p-31f;
        else if (t->dtype == I32)
            ((int32_t *)v)[i] = (int32_t)(seed >> 30);
        else
            ((uint8_t *)v)[i] = (uint8_t)(seed >> 30);
    }
    return v;
}

/* The steps at..at+n of a tensor whose dim `dim` is time, or back: from one call. */
static void move_steps(const Type *whole, int dim, int at, const Type *part, void *data,
                       void *piece, bool back) {
    size_t inner = (size_t)dtype_info[whole->dtype].bytes, outer = 1;
    size_t all = (size_t)whole->dim[dim].n, n = (size_t)part->dim[dim].n;
    for (int d = 0; d < whole->rank; d++)
        *(d < dim ? &outer : &inner) *= d == dim ? 1 : (size_t)whole->dim[d].n;
    for (size_t i = 0; i < outer; i++) {
        char *w = (char *)data + (i * all + (size_t)at) * inner;
        char *p = (char *)piece + i * n * inner;
        memcpy(back ? w : p, back ? p : w, n * inner);
    }
}

/* The dim in which the types differ, or -1. */
static int time_dim(const Type *a, const Type *b) {
    for (int d = 0; d < a->rank; d++)
        if (a->dim[d].n != b->dim[d].n)
            return d;
    return -1;
}

typedef struct {
    Arena *arena;
    Session *s;
    int whole, stream;                 /* entries */
    void **in, **out;                  /* of the whole sequence */
    void **got;                        /* the same, put together from steps */
} Run;

static const Type *input(const Run *r, int entry, int i) {
    const Program *p = r->s->program;
    return &p->input.slot[p->entry[entry].in[i]].type;
}

static Run run_new(Arena *a, Session *s, uint32_t seed) {
    Run r = {.arena = a, .s = s, .whole = session_entry(s, "forward"),
             .stream = session_entry(s, "stream")};
    const Entry *e = &s->program->entry[r.whole];
    r.in = NEW(a, e->nin + 1, void *);
    for (int i = 0; i < e->nin; i++)
        r.in[i] = noise(a, input(&r, r.whole, i), seed + (uint32_t)i * 7);
    r.out = session_outputs(a, s, r.whole);
    r.got = session_outputs(a, s, r.whole);
    CU_ASSERT_TRUE(session_run(s, r.whole, BATCH, (const void *const *)r.in, r.out));
    return r;
}

/* One call of the stream, whose first step is number `at`. */
static int step(Run *r, int at) {
    const Program *p = r->s->program;
    const Entry *e = &p->entry[r->stream], *w = &p->entry[r->whole];
    void **in = NEW(r->arena, e->nin + 1, void *), **out = session_outputs(r->arena, r->s, r->stream);
    for (int i = 0; i < e->nin; i++) {
        const Type *t = input(r, r->stream, i);
        int dim = time_dim(input(r, r->whole, i), t);
        in[i] = dim < 0 ? r->in[i] : arena_alloc(r->arena, (size_t)type_bytes(t));
        if (dim >= 0)
            move_steps(input(r, r->whole, i), dim, at, t, r->in[i], in[i], false);
    }
    int status = exec_run(r->s->exec, r->stream, r->s->ctx, BATCH, (const void *const *)in, out);
    for (int i = 0; i < e->nout && !status; i++) {
        int dim = time_dim(&w->out[i].type, &e->out[i].type);
        if (dim >= 0)
            move_steps(&w->out[i].type, dim, at, &e->out[i].type, r->got[i], out[i], true);
        else
            memcpy(r->got[i], out[i], (size_t)type_bytes(&e->out[i].type));
    }
    return status;
}

static bool same(const Run *r) {
    const Entry *e = &r->s->program->entry[r->whole];
    bool ok = true;
    for (int i = 0; i < e->nout; i++)
        ok &= memcmp(r->out[i], r->got[i], (size_t)type_bytes(&e->out[i].type)) == 0;
    return ok;
}

static size_t stream_bytes(const Session *s) { return (size_t)s->program->stream.bytes; }

/* Two sequences in turns, each with its own state. */
static bool interleaved(Arena *a, Session *s, int steps, int chunk) {
    Run r[2] = {run_new(a, s, 1), run_new(a, s, 100)};
    void *ours = s->ctx->stream, *state[2];
    for (int k = 0; k < 2; k++)
        state[k] = (void *)(((uintptr_t)arena_alloc(a, stream_bytes(s) + 64) + 63) & ~(uintptr_t)63);
    for (int at = 0; at + chunk <= steps; at += chunk)
        for (int k = 0; k < 2; k++) {
            s->ctx->stream = state[k];
            CU_ASSERT_EQUAL(step(&r[k], at), 0);
        }
    s->ctx->stream = ours;
    return same(&r[0]) && same(&r[1]);
}

/* A copy goes on as the original does; after a reset all begins again. */
static bool copied(Arena *a, Session *s, int steps, int chunk) {
    Run r = run_new(a, s, 5);
    size_t n = stream_bytes(s);
    void *copy = arena_alloc(a, n + 1);
    int half = steps / 2 / chunk * chunk;
    memset(s->ctx->stream, 0, n);
    for (int at = 0; at < half; at += chunk)
        step(&r, at);
    memcpy(copy, s->ctx->stream, n);
    for (int turn = 0; turn < 2; turn++) {
        memcpy(s->ctx->stream, copy, n);
        for (int at = half; at + chunk <= steps; at += chunk)
            step(&r, at);
    }
    bool ok = same(&r);
    memset(s->ctx->stream, 0, n);
    for (int at = 0; at + chunk <= steps; at += chunk)
        step(&r, at);
    return ok && same(&r);
}

static bool check(const Case *c, const Way *w, int chunk) {
    Arena *a = arena_new();
    Session *s = open_session(a, yaml(a, c, chunk), w);
    bool ok = interleaved(a, s, c->steps, chunk) && copied(a, s, c->steps, chunk);
    if (!ok)
        printf("%s, %s: chunks of %d steps differ from the whole\n", c->layers, w->name, chunk);
    session_close(s);
    arena_free(a);
    return ok;
}

/* A sequence whose sums have several chunks: for the JIT alone. */
static bool slow(const Case *c) { return c->steps > 100; }

static void bits(void) {
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t k = slow(&cases[i]); k < COUNT(ways) && (k < 2 || !slow(&cases[i])); k++)
            CU_ASSERT_TRUE(check(&cases[i], &ways[k], 1));
}

static void chunks(void) {
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int chunk = 2; chunk <= cases[i].steps; chunk++)
            if (cases[i].steps % chunk == 0 && (!slow(&cases[i]) || chunk == 90))
                CU_ASSERT_TRUE(check(&cases[i], &ways[slow(&cases[i])], chunk));
}

/* Where any element may be read again the steps are counted, up to the sequence's end or
 * as many as `max` says. */
static void limits(void) {
    static const char *const text[] = {
        "kiln: 1\nname: m\nmodel: {inputs: {x: [4, 2]}, layers: [attention: {heads: 1, "
        "causal: true}]}\ndeploy: {stream: true}\n",
        "kiln: 1\nname: m\nmodel: {inputs: {x: [4, 2]}, layers: [attention: {heads: 1, "
        "causal: true}]}\ndeploy: {stream: {max: 600}}\n",
        "kiln: 1\nname: m\nmodel: {inputs: {x: [4, 2]}, layers: [position: {learned: 5}]}\n"
        "deploy: {stream: {chunk: 2}}\n"};
    static const int calls[] = {4, 600, 2};
    for (size_t i = 0; i < COUNT(text); i++)
        for (size_t w = 0; w < 3; w++) {      /* the rest is as gcc */
            Arena *a = arena_new();
            Session *s = open_session(a, text[i], &ways[w]);
            int stream = session_entry(s, "stream"), done = 0;
            float x[BATCH * 4] = {0}, y[BATCH * 4];
            const void *in[] = {x};
            void *out[] = {y};
            while (done <= calls[i] && !exec_run(s->exec, stream, s->ctx, BATCH, in, out))
                done++;
            CU_ASSERT_EQUAL(done, calls[i]);
            CU_ASSERT_EQUAL(exec_run(s->exec, stream, s->ctx, BATCH, in, out), 2);
            session_stream_reset(s);
            CU_ASSERT_EQUAL(exec_run(s->exec, stream, s->ctx, BATCH, in, out), 0);
            session_stream_use(s, NULL);
            s->ctx->stream = NULL;
            CU_ASSERT_EQUAL(exec_run(s->exec, stream, s->ctx, BATCH, in, out), 1);
            session_close(s);
            arena_free(a);
        }
}

int main(void) {
    static const UnitTest test[] = {{"bits", bits}, {"chunks", chunks}, {"limits", limits}};
    return unit_main("stream", test, COUNT(test));
}
