/* Bands: scores of queries and keys, forward and backward, block by block of queries. */
#include "compare.h"
#include "train/program.h"
#include "unit.h"

#include <string.h>

typedef struct {
    int batch, heads, share;           /* share: heads of queries for each of keys */
    int queries, keys, dim;
    bool causal, dropout;
    bool guarded;                      /* the guard stands in the sums, not in the scores */
} Shape;

/* Softmax of scores times values, squared: gradients need the result. Heads lie side by
 * side, as linear layers make them. */
static const char *attention(Arena *a, Shape s) {
    int h = s.heads, r = s.share, q = s.queries, k = s.keys, d = s.dim;
    const char *rows = arena_printf(a, "f32[n:%d,%d,%d,%d", s.batch, h, r, q);
    const char *open = s.guarded ? "when(s <= q, " : "", *none = s.guarded ? ", -inf)" : "";
    const char *zero = s.guarded ? ", 0)" : "";
    Text t = {0};
    text_printf(&t, "graph @g batch %d {\n  %%r = value \"rng\" : u32[4]\n", s.batch);
    text_printf(&t, "  %%q = input \"q\" : f32[n:%d,%d,%d]\n", s.batch, q, h * r * d);
    text_printf(&t, "  %%k = input \"k\" : f32[n:%d,%d,%d]\n", s.batch, k, h * d);
    text_printf(&t, "  %%v = input \"v\" : f32[n:%d,%d,%d]\n", s.batch, k, h * d);
    text_printf(&t, "  %%s = { O[b,h<%d,r<%d,q,s] += [d<%d] %%q[b,q,h*%d+r*%d+d]*%%k[b,s,h*%d+d] }"
                    " : %s,%d]\n", h, r, d, r * d, d, d, rows, k);
    text_printf(&t, "  %%m = { O[b,h,r,q,s] = %s } : %s,%d]\n", s.causal
                    ? "when(s <= q, %s[b,h,r,q,s]*0.25, -inf)" : "%s[b,h,r,q,s]*0.25", rows, k);
    text_printf(&t, "  %%x = { O[b,h,r,q] evenmax= [s] %s%%m[b,h,r,q,s]%s } : %s]\n", open, none,
                rows);
    text_printf(&t, "  %%y = { O[b,h,r,q,s] = %sexp(%%m[b,h,r,q,s] - detach(%%x[b,h,r,q]))%s } : "
                    "%s,%d]\n", open, zero, rows, k);
    text_printf(&t, "  %%z = { O[b,h,r,q] += %%y[b,h,r,q,s] } : %s]\n", rows);
    text_printf(&t, "  %%p = { O[b,h,r,q,s] = %%y[b,h,r,q,s]/%%z[b,h,r,q] } : %s,%d]\n", rows, k);
    text_printf(&t, "  %%w = { O[..] = %s } : %s,%d]\n", s.dropout
                    ? "select(le(0.3:f32, uniform(u32(#/4), %r[2], 1:u32, 2:u32, %r[0], %r[1], "
                      "u32(#%4))), %p[..]*1.5, 0)" : "%p[..]", rows, k);
    text_printf(&t, "  %%o = { O[b,h,r,q,d<%d] += [s] %s%%w[b,h,r,q,s]*%%v[b,s,h*%d+d]%s } : "
                    "%s,%d]\n", d, open, d, zero, rows, d);
    text_printf(&t, "  %%f = { O[b,q,j<%d] = %%o[b,j/%d,j%%%d/%d,q,j%%%d] } : f32[n:%d,%d,%d]\n",
                h * r * d, r * d, r * d, d, d, s.batch, q, h * r * d);
    text_printf(&t, "  %%g = { O[..] = %%f[..]*%%f[..] } : f32[n:%d,%d,%d]\n  output \"y\" %%g\n}\n",
                s.batch, q, h * r * d);
    const char *text = arena_printf(a, "%s", t.s);
    text_free(&t);
    return text;
}

typedef struct { Arena *a; Graph *g; } Bench;

static Bench open(Shape s, bool gradient) {
    Bench b = {.a = arena_new()};
    const char *text = attention(b.a, s);
    Diag *d = diag_new(b.a, NULL, NULL);
    b.g = graph_parse(b.a, pool_new(b.a), strs_new(b.a),
                      diag_source(d, "case", text, strlen(text)));
    CU_ASSERT_PTR_NOT_NULL_FATAL(b.g);
    if (gradient) {
        Ref y = b.g->result[0].ref, x[3], grad[3];
        Ref seed = graph_leaf(b.g, N_INPUT, "seed", ref_type(y));
        for (int i = 0; i < 3; i++)
            x[i] = (Ref){b.g->node[1 + i], 0};
        graph_gradient(b.g, 1, &y, &seed, 3, x, grad);
        for (int i = 0; i < 3; i++)
            graph_result(b.g, TO_OUTPUT, arena_printf(b.a, "d%d", i), grad[i]);
    }
    return b;
}

static const Shape shapes[] = {
    {1, 1, 1, 256, 256, 4, true, true, false},    /* blocks of a divisor; one head */
    {2, 1, 1, 257, 257, 4, false, true, false},   /* a block cut short */
    {1, 2, 1, 300, 221, 4, false, false, false},  /* other keys than queries */
    {1, 1, 1, 263, 263, 4, false, true, true},
    {1, 1, 3, 260, 256, 4, true, false, false},   /* sums over two loops, in several chunks */
    {1, 2, 1, 256, 256, 4, false, true, true},    /* rows end with their block */
    {1, 1, 2, 320, 320, 4, false, false, true},
};

static void check(Compare cmp, bool gradient) {
    for (size_t i = 0; i < COUNT(shapes); i++) {
        Bench b = open(shapes[i], gradient);
        cmp.n = shapes[i].batch;
        cmp.seed = i + 1;
        bool ok = compare_graph(b.a, b.g, &cmp);
        if (!ok)
            fprintf(stderr, "shape %zu%s\n", i, gradient ? ", backward" : "");
        CU_ASSERT(ok);
        arena_free(b.a);
    }
}

static void interpreter(void) {
    check((Compare){.target = "portable", .backend = EXEC_INTERP}, true);
    check((Compare){.target = "avx512", .backend = EXEC_INTERP, .special = true}, true);
    check((Compare){.target = "avx2", .backend = EXEC_INTERP, .fast = true, .tolerance = 1e-4},
          true);
}

static void jit(void) {
    check((Compare){.target = "native", .backend = EXEC_JIT}, false);
    check((Compare){.target = "native", .backend = EXEC_JIT, .threads = 3}, true);
}

static void c_code(void) {
    check((Compare){.target = "native", .backend = EXEC_C, .cc = "gcc", .cflags = "-O1",
                    .threads = 2}, true);
    check((Compare){.target = "portable", .backend = EXEC_C, .cc = "clang", .cflags = "-O1"},
          true);
}

/* More queries than a chunk of a sum: what grows from block to block has a total. */
static void chunks(void) {
    for (int share = 1; share < 3; share++) {
        Bench b = open((Shape){1, 1, share, 1088, 64, 4, false, false, false}, true);
        CU_ASSERT(compare_graph(b.a, b.g, &(Compare){.n = 1, .seed = 9, .target = "native",
                                                     .backend = EXEC_JIT}));
        arena_free(b.a);
    }
    Bench b = open((Shape){1, 1, 2, 640, 640, 4, false, false, true}, true);
    CU_ASSERT(compare_graph(b.a, b.g, &(Compare){.n = 1, .seed = 9, .target = "native",
                                                 .backend = EXEC_JIT, .fast = true,
                                                 .tolerance = 1e-4}));
    arena_free(b.a);
}

static int64_t arena_of(int queries, int share, bool gradient) {
    Bench b = open((Shape){2, 2, share, queries, queries, 32, true, true, false}, gradient);
    Program *p = compare_program(b.a, b.g, "avx512", true);
    int64_t bytes = program_planned(p) + program_scratch(p);
    arena_free(b.a);
    return bytes;
}

/* Memory grows with the queries, not with their square. */
static void linear(void) {
    for (int i = 0; i < 4; i++) {
        int64_t last = arena_of(256, 1 + i % 2, i / 2);
        for (int q = 512; q <= 2048; q *= 2) {
            int64_t next = arena_of(q, 1 + i % 2, i / 2);
            CU_ASSERT(10 * next <= 21 * last);
            last = next;
        }
    }
}

static const char gpt[] =
    "kiln: 1\n"
    "let: {ctx: 256}\n"
    "model:\n"
    "  inputs: {tokens: {shape: [ctx], dtype: i32}}\n"
    "  layers:\n"
    "    - embedding: {size: 65, dim: 64}\n"
    "    - repeat:\n"
    "        times: 2\n"
    "        layers:\n"
    "          - residual: [layer_norm, attention: {heads: 2, causal: true}]\n"
    "          - residual: [layer_norm, linear: 128, gelu, linear: 64]\n"
    "    - linear: {units: 65, name: logits}\n"
    "  outputs: [logits]\n"
    "train: {loss: cross_entropy, optimizer: {adamw: {lr: 1e-3}}, batch: 2, steps: 1}\n";

static void say(void *user, DiagKind kind, Loc loc, const char *message) {
    (void)user, (void)kind, (void)loc;
    printf("%s\n", message);
}

/* Bytes of an entry of the model with the context of so many places. */
static int64_t model_arena(int places, const char *entry) {
    Arena *a = arena_new();
    const char *set = arena_printf(a, "let.ctx=%d", places);
    ModelOptions mo = {.path = "gpt.yaml", .text = gpt, .size = sizeof gpt - 1, .nset = 1,
                       .set = &set, .training = true};
    ProgramOptions po = {.target = target_find("avx512"), .training = true, .only = entry};
    Model *m = model_load(a, diag_new(a, say, NULL), &mo);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    Program *p = program_build(a, m, &po);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    int64_t bytes = program_planned(p) + program_scratch(p);
    arena_free(a);
    return bytes;
}

static void models(void) {
    static const char *const entry[] = {"forward", "step"};
    for (int e = 0; e < 2; e++) {
        int64_t last = model_arena(256, entry[e]);
        for (int places = 512; places <= 2048; places *= 2) {
            int64_t next = model_arena(places, entry[e]);
            CU_ASSERT(10 * next <= 21 * last);
            last = next;
        }
    }
}

int main(void) {
    static const UnitTest test[] = {
        {"memory is linear", linear}, {"memory of models", models}, {"interpreter", interpreter}, {"jit", jit},
        {"c", c_code}, {"several chunks", chunks},
    };
    return unit_main("bands", test, COUNT(test));
}
