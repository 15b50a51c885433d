/* Ops and their gradients, computed every way: bits must agree. */
#include "compare.h"
#include "unit.h"

#include <string.h>

typedef struct {
    const char *op, *src, *attrs;      /* src: types, space between; "b" is the batch */
    int64_t index_bound;
} Case;

static const Case cases[] = {
    {"matmul", "f32[7,5] f32[5,9]", "", 0},
    {"linear", "f32[b,20] f32[33,20] f32[33]", "", 0},
    {"linear", "f32[b,700] f32[40,700] f32[40]", "", 0},
    {"relu", "f32[b,37]", "", 0},
    {"add", "f32[b,4,6] f32[6]", "", 0},
    {"mul", "f32[3,1,5] f32[4,5]", "", 0},
    {"conv2d", "f32[b,3,9,9] f32[8,3,3,3] f32[8]", "py=1 px=1", 0},
    {"conv2d", "f32[b,2,9,8] f32[4,2,3,3]", "sy=2 sx=2 py=1 px=1", 0},
    {"conv2d", "f32[b,4,9,8] f32[6,2,2,3]", "sy=2 sx=1 dx=2 groups=2", 0},
    {"max_pool2d", "f32[b,3,8,8]", "ky=2 kx=2 sy=2 sx=2", 0},
    {"max_pool2d", "f32[b,2,9,7]", "ky=3 kx=3 sy=2 sx=2 py=1 px=1", 0},
    {"avg_pool2d", "f32[b,2,9,7]", "ky=3 kx=3 sy=2 sx=2 py=1 px=1 count_pad=0", 0},
    {"mean", "f32[b,5,7,7]", "axis=2 dims=2", 0},
    {"sum", "f32[b,70]", "axis=0", 0},
    {"sum", "f32[3,700]", "axis=1", 0},
    {"amax", "f32[b,33]", "axis=1", 0},
    {"prod", "f32[b,5]", "axis=1", 0},
    {"concat", "f32[b,3,4] f32[b,2,4]", "axis=1", 0},
    {"pad", "f32[b,5,4]", "axis=1 lo=2 hi=1", 0},
    {"slice", "f32[b,9,4]", "axis=1 start=2 stop=8 step=2", 0},
    {"embedding", "i32[b,6] f32[11,5]", "", 11},
    {"pick", "f32[b,10] i32[b]", "", 10},
};

static Type parse_type(const char *s, int64_t batch) {
    Type t = {.dtype = strncmp(s, "i32", 3) == 0 ? I32 : F32};
    for (s = strchr(s, '[') + 1; *s && *s != ']'; s += *s == ',') {
        Dim d = {*s == 'b' ? batch : 0, *s == 'b'};
        for (; *s && *s != ',' && *s != ']'; s++)
            if (*s >= '0' && *s <= '9')
                d.n = d.n * 10 + *s - '0';
        t.dim[t.rank++] = d;
    }
    return t;
}

static int parse_attrs(Arena *a, const char *s, Attr *attr) {
    int n = 0;
    while (*s) {
        const char *eq = strchr(s, '=');
        long v = 0, sign = 1;
        attr[n] = (Attr){.name = arena_printf(a, "%.*s", (int)(eq - s), s), .kind = ATTR_INT};
        for (s = eq + 1; *s && *s != ' '; s++)
            if (*s == '-')
                sign = -1;
            else
                v = v * 10 + *s - '0';
        attr[n++].i = sign * v;
        s += *s == ' ';
    }
    return n;
}

/* The op, and the gradient of sum(result * upstream) for each floating operand. */
static Graph *build(Arena *a, Diag *d, const Case *c, bool gradient) {
    Pool *p = pool_new(a);
    Strs *s = strs_new(a);
    Graph *g = graph_new(a, p, s, "forward", 5);
    Ref src[4], wrt[4], grad[4];
    Attr attr[12];
    int n = 0, nwrt = 0;
    for (const char *at = c->src; at && *at; at = strchr(at, ' '), at = at ? at + 1 : NULL) {
        Type t = parse_type(at, 5);
        const char *name = strs_z(s, arena_printf(a, "x%d", n));
        src[n] = graph_leaf(g, N_INPUT, name, &t);
        if (t.dtype == F32)
            wrt[nwrt++] = src[n];
        n++;
    }
    Ref y = graph_op(g, diag_nowhere(d), c->op, n, src, parse_attrs(a, c->attrs, attr), attr);
    CU_ASSERT_FATAL(y.node != NULL);
    graph_result(g, TO_OUTPUT, strs_z(s, "y"), y);
    if (gradient) {
        Ref seed = graph_leaf(g, N_INPUT, strs_z(s, "seed"), ref_type(y));
        graph_gradient(g, 1, &y, &seed, nwrt, wrt, grad);
        for (int i = 0; i < nwrt; i++)
            graph_result(g, TO_OUTPUT, strs_z(s, arena_printf(a, "g%d", i)), grad[i]);
    }
    return g;
}

static void check(Compare *cmp, bool gradient) {
    for (size_t i = 0; i < COUNT(cases); i++) {
        Arena *a = arena_new();
        Diag *d = diag_new(a, NULL, NULL);
        cmp->index_bound = cases[i].index_bound;
        Graph *g = build(a, d, &cases[i], gradient);
        bool ok = compare_graph(a, g, cmp);
        if (!ok)
            fprintf(stderr, "case %zu: %s %s %s\n", i, cases[i].op, cases[i].src, cases[i].attrs);
        CU_ASSERT(ok);
        arena_free(a);
    }
}

static void interpreter_scalar(void) {
    check(&(Compare){.n = 4, .seed = 1, .target = "portable", .backend = EXEC_INTERP}, true);
}

static void interpreter_vector(void) {
    check(&(Compare){.n = 5, .seed = 2, .target = "avx512", .backend = EXEC_INTERP}, true);
    check(&(Compare){.n = 3, .seed = 3, .target = "avx2", .backend = EXEC_INTERP}, true);
}

static void interpreter_special(void) {
    check(&(Compare){.n = 5, .seed = 4, .special = true, .target = "sse2",
                     .backend = EXEC_INTERP}, true);
}

static void jit(void) {
    check(&(Compare){.n = 5, .seed = 5, .target = "native", .backend = EXEC_JIT}, true);
    check(&(Compare){.n = 2, .seed = 6, .special = true, .target = "native",
                     .backend = EXEC_JIT}, true);
}

static void c_vector(void) {
    check(&(Compare){.n = 5, .seed = 7, .target = "native", .backend = EXEC_C,
                     .cc = "gcc", .cflags = "-O2"}, true);
}

static void c_portable(void) {
    check(&(Compare){.n = 4, .seed = 8, .target = "portable", .backend = EXEC_C,
                     .cc = "clang", .cflags = "-O1"}, true);
}

static void fast(void) {
    check(&(Compare){.n = 5, .seed = 9, .target = "native", .backend = EXEC_INTERP,
                     .fast = true, .tolerance = 1e-5}, true);
}

int main(void) {
    static const UnitTest test[] = {
        {"interpreter, scalar", interpreter_scalar},
        {"interpreter, vector", interpreter_vector},
        {"interpreter, special values", interpreter_special},
        {"interpreter, fast mode", fast},
        {"jit", jit},
        {"c, vectors", c_vector},
        {"c, portable", c_portable},
    };
    return unit_main("backends", test, COUNT(test));
}
