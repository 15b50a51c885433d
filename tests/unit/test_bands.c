/* Bands: scores of queries and keys, forward and backward, block by block of queries. */
#include "compare.h"
#include "unit.h"

#include <string.h>

typedef struct {
    int batch, heads, queries, keys, dim;
    bool causal, dropout;
    bool guarded;                      /* the guard stands in the sums, not in the scores */
} Shape;

/* Softmax of scores times values; heads lie side by side, as linear layers make them. */
static const char *attention(Arena *a, Shape s) {
    int b = s.batch, h = s.heads, q = s.queries, k = s.keys, d = s.dim, w = h * d;
    const char *all = arena_printf(a, "f32[n:%d,%d,%d,%d]", b, h, q, k);
    Text t = {0};
    text_printf(&t, "graph @g batch %d {\n  %%r = value \"rng\" : u32[4]\n", b);
    text_printf(&t, "  %%q = input \"q\" : f32[n:%d,%d,%d]\n", b, q, w);
    text_printf(&t, "  %%k = input \"k\" : f32[n:%d,%d,%d]\n", b, k, w);
    text_printf(&t, "  %%v = input \"v\" : f32[n:%d,%d,%d]\n", b, k, w);
    text_printf(&t, "  %%s = { O[b,h<%d,q,s] += [d<%d] %%q[b,q,h*%d+d]*%%k[b,s,h*%d+d] } : %s\n", h,
                d, d, d, all);
    text_printf(&t, "  %%m = { O[b,h,q,s] = %s } : %s\n",
                s.causal && !s.guarded ? "when(s <= q, %s[b,h,q,s]*0.25, -inf)" : "%s[b,h,q,s]*0.25", all);
    const char *open = s.guarded ? "when(s <= q, " : "";
    text_printf(&t, "  %%x = { O[b,h,q] evenmax= [s] %s%%m[b,h,q,s]%s } : f32[n:%d,%d,%d]\n", open,
                s.guarded ? ", -inf)" : "", b, h, q);
    text_printf(&t, "  %%y = { O[b,h,q,s] = %sexp(%%m[b,h,q,s] - detach(%%x[b,h,q]))%s } : %s\n",
                open, s.guarded ? ", 0)" : "", all);
    text_printf(&t, "  %%z = { O[b,h,q] += %%y[b,h,q,s] } : f32[n:%d,%d,%d]\n", b, h, q);
    text_printf(&t, "  %%p = { O[b,h,q,s] = %%y[b,h,q,s]/%%z[b,h,q] } : %s\n", all);
    text_printf(&t, "  %%w = { O[..] = %s } : %s\n",
                s.dropout ? "select(le(0.3:f32, uniform(u32(#/4), %r[2], 1:u32, 2:u32, %r[0], "
                            "%r[1], u32(#%4))), %p[..]*1.5, 0)"
                          : "%p[..]",
                all);
    text_printf(&t, "  %%o = { O[b,h,q,d<%d] += [s] %s%%w[b,h,q,s]*%%v[b,s,h*%d+d]%s } : "
                    "f32[n:%d,%d,%d,%d]\n", d, open, d, s.guarded ? ", 0)" : "", b, h, q, d);
    text_printf(&t, "  %%f = { O[b,q,j<%d] = %%o[b,j/%d,q,j%%%d] } : f32[n:%d,%d,%d]\n", w, d, d, b,
                q, w);
    text_printf(&t, "  output \"y\" %%f\n}\n");
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
    {1, 1, 256, 256, 4, true, true, false},    /* blocks of a divisor; one head */
    {2, 2, 257, 257, 4, false, true, false},   /* a block cut short */
    {2, 1, 300, 221, 4, false, false, false},  /* other keys than queries */
    {1, 2, 224, 320, 8, true, false, true},
    {1, 2, 263, 263, 4, false, true, true},
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
    for (int gradient = 0; gradient < 2; gradient++) {
        check((Compare){.target = "portable", .backend = EXEC_INTERP}, gradient);
        check((Compare){.target = "avx512", .backend = EXEC_INTERP, .special = true}, gradient);
        check((Compare){.target = "avx2", .backend = EXEC_INTERP, .fast = true,
                        .tolerance = 1e-4}, gradient);
    }
}

static void jit(void) {
    for (int gradient = 0; gradient < 2; gradient++)
        check((Compare){.target = "native", .backend = EXEC_JIT, .threads = 3}, gradient);
}

static void c_code(void) {
    check((Compare){.target = "native", .backend = EXEC_C, .cc = "gcc", .cflags = "-O1",
                    .threads = 2}, true);
    check((Compare){.target = "portable", .backend = EXEC_C, .cc = "clang", .cflags = "-O1"},
          true);
}

/* More queries than a chunk of a sum: what grows from block to block has a total. */
static void chunks(void) {
    Bench b = open((Shape){1, 1, 1100, 66, 4, false, false, false}, true);
    CU_ASSERT(compare_graph(b.a, b.g, &(Compare){.n = 1, .seed = 9, .target = "native",
                                                 .backend = EXEC_JIT}));
    arena_free(b.a);
}

static int64_t arena_of(int queries, bool gradient) {
    Bench b = open((Shape){2, 2, queries, queries, 32, true, true, false}, gradient);
    Program *p = compare_program(b.a, b.g, "avx512", true);
    int64_t bytes = program_planned(p) + program_scratch(p);
    arena_free(b.a);
    return bytes;
}

/* Memory grows with the queries, not with their square. */
static void linear(void) {
    for (int gradient = 0; gradient < 2; gradient++) {
        int64_t last = arena_of(256, gradient);
        for (int q = 512; q <= 2048; q *= 2) {
            int64_t next = arena_of(q, gradient);
            CU_ASSERT(10 * next <= 21 * last);
            last = next;
        }
    }
}

int main(void) {
    static const UnitTest test[] = {
        {"memory is linear", linear}, {"interpreter", interpreter}, {"jit", jit},
        {"c", c_code}, {"several chunks", chunks},
    };
    return unit_main("bands", test, COUNT(test));
}
