/* Scans: every way to compute them, their gradients, and what is emitted for them. */
#include "codegen/c.h"
#include "compare.h"
#include "ir/scan.h"
#include "unit.h"

#include <math.h>
#include <string.h>

/* Graphs of inputs; in each, all outputs count. */
typedef struct {
    const char *name;
    int orders;                        /* of differentiation to check by differences */
    const char *text;
} Case;

#define OPEN "graph @g batch 3 {\n"
#define X "  %x = input \"x\" : f32[n:3,4,2]\n" \
          "  %t = { O[t<4,n<n:3,i<2] = %x[n,t,i] } : f32[4,n:3,2]\n"
#define H "  %h = input \"h\" : f32[n:3,2]\n"
#define W "  %w = input \"w\" : f32[2,2]\n"
#define BODY "    %c0 = input \"c0\" : f32[n:3,2]\n    %x0 = input \"x0\" : f32[n:3,2]\n"
#define ALL(r) "  %all = { O[n<n:3,t<4,i<2] = %s" r "[t,n,i] } : f32[n:3,4,2]\n" \
               "  output \"all\" %all\n"
#define LAST "  output \"last\" %s\n"

#define CELL(direction, stack) \
    OPEN X H W \
    "  %s = scan 4" direction " carry(%h) stack(%t) whole(%w) {\n" BODY \
    "    %w0 = input \"w0\" : f32[2,2]\n" \
    "    %1 = { O[n,i] += %c0[n,k]*%w0[i,k] } : f32[n:3,2]\n" \
    "    %2 = { O[n,i] = tanh(%1[n,i] + %x0[n,i]) } : f32[n:3,2]\n" \
    "    output \"c0\" %2\n" stack

static const Case cases[] = {
    {"running sums", 1,
     OPEN X H
     "  %s = scan 4 carry(%h) stack(%t) whole() {\n" BODY
     "    %1 = { O[n,i] = %c0[n,i] + %x0[n,i] } : f32[n:3,2]\n"
     "    output \"c0\" %1\n    output \"y0\" %1\n"
     "  } : f32[n:3,2], f32[4,n:3,2]\n" LAST ALL(".1") "}\n"},
    {"a sum in place", 1,
     OPEN X H
     "  %s = scan 4 reverse carry(%h) stack(%t) whole() {\n" BODY
     "    %1 = { O[n,i] = %c0[n,i]*0.5 + %x0[n,i] } : f32[n:3,2]\n"
     "    output \"c0\" %1\n"
     "  } : f32[n:3,2]\n" LAST "}\n"},
    {"cell, last", 2,
     CELL("", "") "  } : f32[n:3,2]\n" LAST "}\n"},
    {"cell, all", 2,
     CELL("", "    output \"y0\" %2\n") "  } : f32[n:3,2], f32[4,n:3,2]\n" LAST ALL(".1") "}\n"},
    {"cell, all, backwards", 2,
     CELL(" reverse", "    output \"y0\" %2\n") "  } : f32[n:3,2], f32[4,n:3,2]\n" ALL(".1") "}\n"},
    {"cell, what was carried", 2,
     CELL(" reverse", "    output \"y0\" %c0\n    output \"y1\" %x0\n")
     "  } : f32[n:3,2], f32[4,n:3,2], f32[4,n:3,2]\n" LAST ALL(".1") "}\n"},
    {"carries that change places", 2,
     OPEN X H W
     "  %k = input \"k\" : f32[n:3,2]\n"
     "  %s = scan 4 carry(%h, %k, %k, %h) stack(%t) whole(%w) {\n" BODY
     "    %c1 = input \"c1\" : f32[n:3,2]\n    %c2 = input \"c2\" : f32[n:3,2]\n"
     "    %c3 = input \"c3\" : f32[n:3,2]\n    %w0 = input \"w0\" : f32[2,2]\n"
     "    %1 = { O[n,i] += %c0[n,k]*%w0[k,i]*%x0[n,i] } : f32[n:3,2]\n"
     "    %2 = { O[n,i] = %1[n,i] + %c2[n,i]*%c3[n,i] } : f32[n:3,2]\n"
     "    output \"c0\" %c1\n    output \"c1\" %c0\n    output \"c2\" %c2\n"
     "    output \"c3\" %2\n    output \"y0\" %c1\n    output \"y1\" %2\n"
     "  } : f32[n:3,2], f32[n:3,2], f32[n:3,2], f32[n:3,2], f32[4,n:3,2], f32[4,n:3,2]\n"
     LAST "  output \"b\" %s.1\n  output \"c\" %s.2\n  output \"d\" %s.3\n" ALL(".4") "}\n"},
    {"a cell with a memory", 2,
     OPEN X H W
     "  %k = input \"k\" : f32[n:3,2]\n  %b = input \"b\" : f32[2]\n"
     "  %s = scan 4 carry(%h, %k) stack(%t) whole(%w, %b, %w) {\n" BODY
     "    %c1 = input \"c1\" : f32[n:3,2]\n    %w0 = input \"w0\" : f32[2,2]\n"
     "    %w1 = input \"w1\" : f32[2]\n    %w2 = input \"w2\" : f32[2,2]\n"
     "    %1 = { O[n,i] += %c0[n,k]*%w0[i,k] } : f32[n:3,2]\n"
     "    %2 = { O[n,i] += %c0[n,k]*%w2[k,i] } : f32[n:3,2]\n"
     "    %3 = { O[n,i] = sigmoid(%1[n,i] + %x0[n,i] + %w1[i]) } : f32[n:3,2]\n"
     "    %4 = { O[n,i] = %c1[n,i]*%3[n,i] + tanh(%2[n,i])*(1 - %3[n,i]) } : f32[n:3,2]\n"
     "    %5 = { O[n,i] = tanh(%4[n,i])*%3[n,i] } : f32[n:3,2]\n"
     "    output \"c0\" %5\n    output \"c1\" %4\n    output \"y0\" %5\n"
     "  } : f32[n:3,2], f32[n:3,2], f32[4,n:3,2]\n" LAST "  output \"m\" %s.1\n" ALL(".2") "}\n"},
    {"folds, and what is the same at every step", 2,
     OPEN X H W
     "  %v = input \"v\" : f32[2,2]\n"
     "  %s = scan 4 carry(%h) stack(%t) whole(%w, %v) {\n" BODY
     "    %w0 = input \"w0\" : f32[2,2]\n    %w1 = input \"w1\" : f32[2,2]\n"
     "    %1 = { O[i,j] += %w0[i,k]*%w1[k,j] } : f32[2,2]\n"
     "    %2 = { O[i,j] = %1[j,i] } : f32[2,2]\n"
     "    %3 = { O[n,i] += (%c0[n,k] + %x0[n,k])*%2[i,k] } : f32[n:3,2]\n"
     "    %4 = { O[n] max= %3[n,i] } : f32[n:3]\n"
     "    %5 = { O[n,i] = exp(%3[n,i] - %4[n]) } : f32[n:3,2]\n"
     "    %6 = { O[n] += %5[n,i] } : f32[n:3]\n"
     "    %7 = { O[n,i] = %5[n,i]/%6[n] + %4[n] } : f32[n:3,2]\n"
     "    %8 = { O[n] *= %7[n,i] } : f32[n:3]\n"
     "    %9 = { O[n,i] = %7[n,i] + 0.1*%8[n] } : f32[n:3,2]\n"
     "    output \"c0\" %9\n    output \"y0\" %7\n    output \"y1\" %4\n"
     "  } : f32[n:3,2], f32[4,n:3,2], f32[4,n:3]\n" LAST ALL(".1")
     "  %u = { O[n<n:3] += %s.2[t,n] } : f32[n:3]\n  output \"u\" %u\n}\n"},
    {"rows of a table", 2,
     OPEN H
     "  %i = input \"i\" : i32[n:3,4]\n"
     "  %t = { O[t<4,n<n:3] = %i[n,t] } : i32[4,n:3]\n"
     "  %e = input \"e\" : f32[5,2]\n"
     "  %s = scan 4 carry(%h) stack(%t) whole(%e) {\n"
     "    %c0 = input \"c0\" : f32[n:3,2]\n    %x0 = input \"x0\" : i32[n:3]\n"
     "    %w0 = input \"w0\" : f32[5,2]\n"
     "    %1 = { O[n,i] = %c0[n,i]*%w0[%x0[n],i] } : f32[n:3,2]\n"
     "    %2 = { O[n,i] = sin(%1[n,i]) } : f32[n:3,2]\n"
     "    output \"c0\" %1\n    output \"y0\" %2\n"
     "  } : f32[n:3,2], f32[4,n:3,2]\n" LAST ALL(".1") "}\n"},
    {"results that do not vary", 1,
     OPEN X H W
     "  %s = scan 4 carry(%h) stack(%t) whole(%h, %w) {\n" BODY
     "    %w0 = input \"w0\" : f32[n:3,2]\n    %w1 = input \"w1\" : f32[2,2]\n"
     "    output \"c0\" %w0\n    output \"y0\" %c0\n    output \"y1\" %w1\n"
     "  } : f32[n:3,2], f32[4,n:3,2], f32[4,2,2]\n" LAST ALL(".1")
     "  %u = { O[i<2,j<2] += %s.2[t,i,j]*%s.2[t,j,i] } : f32[2,2]\n  output \"u\" %u\n}\n"},
    {"a scan in a scan", 2,
     OPEN X H W
     "  %s = scan 4 reverse carry(%h) stack(%t) whole(%w) {\n" BODY
     "    %w0 = input \"w0\" : f32[2,2]\n"
     "    %1 = scan 2 carry(%c0) stack(%w0) whole(%w0, %x0) {\n"
     "      %c0 = input \"c0\" : f32[n:3,2]\n      %x0 = input \"x0\" : f32[2]\n"
     "      %w0 = input \"w0\" : f32[2,2]\n      %w1 = input \"w1\" : f32[n:3,2]\n"
     "      %1 = { O[n,i] += %c0[n,k]*%w0[i,k] } : f32[n:3,2]\n"
     "      %2 = { O[n,i] = tanh(%1[n,i] + %x0[i]*%w1[n,i]) } : f32[n:3,2]\n"
     "      output \"c0\" %2\n      output \"y0\" %1\n"
     "    } : f32[n:3,2], f32[2,n:3,2]\n"
     "    %2 = { O[n,i] += %1.1[k,n,i] } : f32[n:3,2]\n"
     "    output \"c0\" %1\n    output \"y0\" %2\n    output \"y1\" %1\n"
     "  } : f32[n:3,2], f32[4,n:3,2], f32[4,n:3,2]\n" LAST ALL(".1") "}\n"},
    {"one step", 2,
     OPEN H W
     "  %x = input \"x\" : f32[1,2]\n"
     "  %s = scan 1 carry(%h, %h) stack(%x) whole(%w) {\n"
     "    %c0 = input \"c0\" : f32[n:3,2]\n    %c1 = input \"c1\" : f32[n:3,2]\n"
     "    %x0 = input \"x0\" : f32[2]\n    %w0 = input \"w0\" : f32[2,2]\n"
     "    %1 = { O[n,i] += %c0[n,k]*%w0[i,k] } : f32[n:3,2]\n"
     "    %2 = { O[n,i] = %1[n,i] + %x0[i]*%c1[n,i] } : f32[n:3,2]\n"
     "    output \"c0\" %2\n    output \"c1\" %1\n    output \"y0\" %2\n    output \"y1\" %c1\n"
     "  } : f32[n:3,2], f32[n:3,2], f32[1,n:3,2], f32[1,n:3,2]\n" LAST "  output \"m\" %s.1\n}\n"},
    {"steps of one example, which lie as they did", 2,
     "graph @g batch 1 {\n  %x = input \"x\" : f32[n:1,4,2]\n  %h = input \"h\" : f32[n:1,2]\n"
     "  %t = { O[t<4,n<n:1,i<2] = %x[0,t,i] } : f32[4,n:1,2]\n"
     "  %s = scan 4 carry(%h) stack(%t) whole() {\n"
     "    %c0 = input \"c0\" : f32[n:1,2]\n    %x0 = input \"x0\" : f32[n:1,2]\n"
     "    %1 = { O[n<n:1,i] = sin(%c0[0,i] + %x0[0,i]) } : f32[n:1,2]\n"
     "    output \"c0\" %1\n  } : f32[n:1,2]\n" LAST "}\n"},
    {"neighbours under guards", 2,
     OPEN X H
     "  %s = scan 4 carry(%h) stack(%t) whole() {\n" BODY
     "    %1 = { O[n,i<2] = when(i >= 1, %c0[n,i-1], -1) } : f32[n:3,2]\n"
     "    %2 = { O[n,i] = log(exp(%c0[n,i]) + exp(%1[n,i])) + %x0[n,i] } : f32[n:3,2]\n"
     "    output \"c0\" %2\n    output \"y0\" %2\n  } : f32[n:3,2], f32[4,n:3,2]\n"
     LAST ALL(".1") "}\n"},
    {"a wide cell", 0,
     "graph @g batch 20 {\n"
     "  %x = input \"x\" : f32[n:20,7,19]\n  %h = input \"h\" : f32[n:20,33]\n"
     "  %u = input \"u\" : f32[33,19]\n  %w = input \"w\" : f32[33,33]\n"
     "  %t = { O[t<7,n<n:20,i<33] += %x[n,t,k]*%u[i,k] } : f32[7,n:20,33]\n"
     "  %s = scan 7 carry(%h) stack(%t) whole(%w) {\n"
     "    %c0 = input \"c0\" : f32[n:20,33]\n    %x0 = input \"x0\" : f32[n:20,33]\n"
     "    %w0 = input \"w0\" : f32[33,33]\n"
     "    %1 = { O[n,i] += %c0[n,k]*%w0[i,k] } : f32[n:20,33]\n"
     "    %2 = { O[n,i] = tanh(%1[n,i]*0.1 + %x0[n,i]) } : f32[n:20,33]\n"
     "    output \"c0\" %2\n    output \"y0\" %2\n"
     "  } : f32[n:20,33], f32[7,n:20,33]\n" LAST
     "  %all = { O[n<n:20,t<7,i<33] = %s.1[t,n,i] } : f32[n:20,7,33]\n"
     "  output \"all\" %all\n}\n"},
};

typedef struct {
    Arena *a;
    Diag *d;
    Graph *g;
    int nleaf;
    Ref leaf[8];                       /* floating inputs */
} Bench;

/* Adds the gradient of the sum of results from..to-1, each times an input of its own. */
static void differentiate(Bench *b, int from, int to, const char *tag) {
    Graph *g = b->g;
    Ref y[16], seed[16], grad[8];
    int n = to - from;
    for (int i = 0; i < n; i++) {
        y[i] = g->result[from + i].ref;
        seed[i] = graph_leaf(g, N_INPUT, arena_printf(b->a, "%s%d", tag, i), ref_type(y[i]));
    }
    graph_gradient(g, n, y, seed, b->nleaf, b->leaf, grad);
    for (int i = 0; i < b->nleaf; i++)
        if (grad[i].node)
            graph_result(g, TO_OUTPUT, arena_printf(b->a, "%s.%s", tag, b->leaf[i].node->name),
                         grad[i]);
}

/* order: 0 the case itself, 1 with its gradient, 2 with the gradient's gradient. */
static Bench open(const Case *c, int order) {
    Bench b = {.a = arena_new()};
    b.d = diag_new(b.a, NULL, NULL);
    b.g = graph_parse(b.a, pool_new(b.a), strs_new(b.a),
                      diag_source(b.d, c->name, c->text, strlen(c->text)));
    CU_ASSERT_PTR_NOT_NULL_FATAL(b.g);
    for (int i = 0; i < b.g->nnode; i++)
        if (b.g->node[i]->kind == N_INPUT && dtype_info[b.g->node[i]->types[0].dtype].is_float)
            b.leaf[b.nleaf++] = (Ref){b.g->node[i], 0};
    int first = b.g->nresult;
    if (order > 0)
        differentiate(&b, 0, first, "r");
    if (order > 1)
        differentiate(&b, first, b.g->nresult, "q");
    UNIT_SAME(graph_verify(b.a, b.g), NULL);
    return b;
}

static void check(Compare cmp, int order) {
    cmp.index_bound = 5;
    for (size_t i = 0; i < COUNT(cases); i++) {
        Bench b = open(&cases[i], order < 2 ? order : cases[i].orders);
        Compare one = cmp;
        one.n = cmp.n < b.g->batch ? cmp.n : (int)b.g->batch;
        bool ok = compare_graph(b.a, b.g, &one);
        if (!ok)
            fprintf(stderr, "case %s\n", cases[i].name);
        CU_ASSERT(ok);
        arena_free(b.a);
    }
}

static void interpreter(void) {
    for (int order = 0; order < 3; order++) {
        check((Compare){.n = 2, .seed = 1, .target = "portable", .backend = EXEC_INTERP}, order);
        check((Compare){.n = 3, .seed = 2, .target = "avx512", .backend = EXEC_INTERP}, order);
        check((Compare){.n = 3, .seed = 3, .special = true, .target = "avx2",
                        .backend = EXEC_INTERP}, order);
    }
}

static void fast(void) {
    check((Compare){.n = 3, .seed = 4, .target = "native", .backend = EXEC_INTERP, .fast = true,
                    .tolerance = 1e-4}, 1);
}

static void jit(void) {
    check((Compare){.n = 2, .seed = 5, .target = "native", .backend = EXEC_JIT}, 0);
    check((Compare){.n = 3, .seed = 6, .target = "native", .backend = EXEC_JIT, .threads = 3},
          1);
}

static void c_code(void) {
    check((Compare){.n = 3, .seed = 7, .target = "native", .backend = EXEC_C, .cc = "gcc",
                    .cflags = "-O2", .threads = 2}, 1);
    check((Compare){.n = 2, .seed = 8, .target = "portable", .backend = EXEC_C, .cc = "clang",
                    .cflags = "-O1"}, 1);
}

/* --- against central differences, in double --- */

enum { PROBES = 24 };                  /* elements of each tensor */

static int64_t count(const Type *t) {
    int64_t n = 1;
    for (int d = 0; d < t->rank; d++)
        n *= t->dim[d].n;
    return n;
}

static double noise(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    double v = (double)(int32_t)*seed * 0x1p-31;
    return v + (v < 0 ? -0.1 : 0.1);
}

static int values(const Bench *b, OracleTensor *leaf) {
    int n = 0;
    uint32_t seed = 7;
    for (int i = 0; i < b->g->nnode; i++) {
        const Node *node = b->g->node[i];
        if (node->kind != N_INPUT)
            continue;
        OracleTensor t = {.kind = N_INPUT, .name = node->name, .type = node->types[0]};
        bool real = dtype_info[t.type.dtype].is_float;
        t.type.dtype = real ? F64 : I32;
        for (int d = 0; d < t.type.rank; d++)
            t.type.dim[d].batch = false;
        t.data = arena_alloc(b->a, (size_t)count(&t.type) * 8);
        for (int64_t k = 0; k < count(&t.type); k++)
            if (real)
                ((double *)t.data)[k] = noise(&seed);
            else
                ((int32_t *)t.data)[k] = (int32_t)fabs(noise(&seed) * 4);
        leaf[n++] = t;
    }
    return n;
}

static const OracleTensor *find(int n, const OracleTensor *t, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(t[i].name, name) == 0)
            return &t[i];
    return NULL;
}

/* The sum of results from..to-1, each times its seed. */
static double loss(const Bench *b, int n, const OracleTensor *leaf, int from, int to,
                   const char *tag) {
    Arena *a = arena_new();
    OracleOptions o = {a, true, diag_nowhere(b->d)};
    OracleTensor out[32];
    double sum = 0;
    CU_ASSERT_TRUE_FATAL(oracle_run(b->g, &o, b->g->batch, n, leaf, out));
    for (int i = from; i < to; i++) {
        const OracleTensor *seed = find(n, leaf, arena_printf(a, "%s%d", tag, i - from));
        for (int64_t k = 0; k < count(&out[i].type); k++)
            sum += ((const double *)out[i].data)[k] * ((const double *)seed->data)[k];
    }
    arena_free(a);
    return sum;
}

static void differences(const Case *c, int order) {
    Bench b = open(c, order);
    OracleTensor leaf[40], out[32];
    OracleOptions o = {b.a, true, diag_nowhere(b.d)};
    const char *tag = order == 1 ? "r" : "q";
    int n = values(&b, leaf), to = 0, from = 0;
    while (strncmp(b.g->result[to].name, arena_printf(b.a, "%s.", tag), 2) != 0)
        to++;
    for (int i = 0; i < to && order == 2; i++)
        from += strncmp(b.g->result[i].name, "r.", 2) != 0;
    CU_ASSERT_TRUE_FATAL(oracle_run(b.g, &o, b.g->batch, n, leaf, out));
    for (int i = to; i < b.g->nresult; i++) {
        const OracleTensor *x = find(n, leaf, b.g->result[i].name + 2);
        double *v = x->data;
        for (int64_t k = 0; k < count(&x->type); k += count(&x->type) / PROBES + 1) {
            double was = v[k], got = ((const double *)out[i].data)[k];
            v[k] = was + 1e-6;
            double up = loss(&b, n, leaf, from, to, tag);
            v[k] = was - 1e-6;
            double want = (up - loss(&b, n, leaf, from, to, tag)) / 2e-6;
            v[k] = was;
            bool near = fabs(got - want) <= 1e-7 + 1e-5 * fabs(want);
            if (!near)
                printf("%s: %s[%lld]: got %.10g, expected %.10g\n", c->name,
                       b.g->result[i].name, (long long)k, got, want);
            CU_ASSERT_TRUE(near);
        }
    }
    CU_ASSERT_TRUE(to < b.g->nresult);
    arena_free(b.a);
}

static void gradients(void) {
    for (size_t i = 0; i < COUNT(cases); i++)
        if (cases[i].orders > 0)
            differences(&cases[i], 1);
}

static void second_gradients(void) {
    for (size_t i = 0; i < COUNT(cases); i++)
        if (cases[i].orders > 1)
            differences(&cases[i], 2);
}

/* --- what is emitted --- */

static int statements(int steps, bool gradient, int64_t *arena) {
    Arena *a = arena_new();
    Graph *g = graph_new(a, pool_new(a), strs_new(a), "g", 16);
    Dim batch = {16, true}, n = {16, false};
    Type x = {F32, 3, {batch, {steps, false}, n}}, w = {F32, 2, {n, n}}, h = {F32, 2, {batch, n}};
    Ref in[] = {graph_leaf(g, N_INPUT, "x", &x), graph_leaf(g, N_PARAM, "w", &w)};
    Ref stacked = graph_text(g, "O[t,n,i] += A[n,t,k]*B[i,k]", 2, in, 0, NULL, NDTYPE);
    ScanDraft d = scan_draft(g, steps, false);
    Ref part[] = {scan_carry(&d, graph_filled(g, &h, 0)), scan_stack(&d, stacked),
                  scan_whole(&d, in[1])};
    Ref next = graph_text(d.body, "Z[n,i] += A[n,k]*C[i,k]; O[..] = tanh(Z[..] + B[..])", 3,
                          part, 0, NULL, NDTYPE);
    Ref last = {scan_done(&d, &next, 0, NULL), 0}, grad;
    graph_result(g, TO_OUTPUT, "y", last);
    if (gradient) {
        Ref seed = graph_leaf(g, N_INPUT, "seed", ref_type(last));
        graph_gradient(g, 1, &last, &seed, 1, &in[1], &grad);
        graph_result(g, TO_GRAD, "w", grad);
    }
    Program *p = compare_program(a, g, "avx2", true);
    Text t = {0};
    int count_of = 0;
    emit_c_source(&t, p, &(EmitC){0});
    for (size_t i = 0; i < t.n; i++)
        count_of += t.s[i] == ';';
    *arena = p->entry[0].arena;
    text_free(&t);
    arena_free(a);
    return count_of;
}

/* Code does not grow with the steps; memory does, by what is needed of each: the inputs'
 * products, and for the gradient the states before, the sums and the sums' adjoints. */
static void size_of_code(void) {
    int64_t few, many, bytes = 16 * 16 * 4;
    CU_ASSERT_EQUAL(statements(8, false, &few), statements(512, false, &many));
    CU_ASSERT_EQUAL(many - few, 504 * bytes);
    CU_ASSERT_EQUAL(statements(256, true, &few), statements(512, true, &many));
    CU_ASSERT_EQUAL(many - few, 256 * 4 * bytes);
}

/* Running sums of whole numbers, along every axis. */
static void cumulative(void) {
    static const int32_t want[3][12] = {{1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18},
                                        {1, 2, 4, 6, 9, 12, 7, 8, 16, 18, 27, 30},
                                        {1, 3, 3, 7, 5, 11, 7, 15, 9, 19, 11, 23}};
    int32_t x[12];
    for (int i = 0; i < 12; i++)
        x[i] = i + 1;
    for (int axis = 0; axis < 3; axis++) {
        Arena *a = arena_new();
        Diag *d = diag_new(a, NULL, NULL);
        Graph *g = graph_new(a, pool_new(a), strs_new(a), "g", 1);
        Type t = {I32, 3, {{2, false}, {3, false}, {2, false}}};
        OracleTensor in = {N_INPUT, "x", t, x}, out;
        OracleOptions o = {a, false, diag_nowhere(d)};
        Ref leaf = graph_leaf(g, N_INPUT, "x", &t);
        Attr along = {.name = "axis", .kind = ATTR_INT, .i = axis};
        Ref y = graph_op(g, diag_nowhere(d), "cumsum", 1, &leaf, 1, &along);
        graph_result(g, TO_OUTPUT, "y", y);
        UNIT_SAME(graph_verify(a, g), NULL);
        CU_ASSERT_TRUE_FATAL(oracle_run(g, &o, 1, 1, &in, &out));
        CU_ASSERT_TRUE(type_equal(&out.type, &t));
        CU_ASSERT_EQUAL(compare_bits(I32, out.data, want[axis], 12), -1);
        CU_ASSERT(compare_graph(a, g, &(Compare){.n = 1, .seed = 1, .index_bound = 9,
                                                 .target = "avx2", .backend = EXEC_INTERP}));
        arena_free(a);
    }
}

int main(void) {
    static const UnitTest test[] = {
        {"gradients", gradients},
        {"gradients of gradients", second_gradients},
        {"interpreter", interpreter},
        {"interpreter, fast mode", fast},
        {"jit", jit},
        {"c", c_code},
        {"size of the code", size_of_code},
        {"cumulative sums", cumulative},
    };
    return unit_main("scan", test, COUNT(test));
}
