/* Ops of the table through the oracle, against plain loops. */
#include "ir/oracle.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <string.h>

typedef struct {
    Arena *a;
    Diag *d;
    Graph *g;
    int nin;
    OracleTensor in[4];
    Ref ref[4];
} Bench;

static Bench *bench(void) {
    Arena *a = arena_new();
    Bench *b = NEW(a, 1, Bench);
    b->a = a;
    b->d = diag_new(a, NULL, NULL);
    b->g = graph_new(a, pool_new(a), strs_new(a), "g", 4);
    return b;
}

/* An input with these values; the batch is 4. */
static void input(Bench *b, DType d, const void *data, int rank, const int64_t *n) {
    static const char *const name[] = {"a", "b", "c", "d"};
    Type t = {.dtype = d, .rank = rank};
    for (int i = 0; i < rank; i++)
        t.dim[i].n = n[i];
    b->in[b->nin] = (OracleTensor){N_INPUT, name[b->nin], t, (void *)(uintptr_t)data};
    b->ref[b->nin] = graph_leaf(b->g, N_INPUT, name[b->nin], &t);
    b->nin++;
}
#define DIMS(...) (int)COUNT(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__}
#define ATTRS(...) (int)COUNT(((Attr[]){__VA_ARGS__})), (Attr[]){__VA_ARGS__}
#define INT(attr, v) {.name = attr, .kind = ATTR_INT, .i = (v)}

/* The op on all inputs. */
static const void *run(Bench *b, const char *op, int nattr, const Attr *attr,
                       const char *type) {
    OracleOptions o = {.arena = b->a, .loc = diag_nowhere(b->d)};
    OracleTensor out;
    Ref r = graph_op(b->g, o.loc, op, b->nin, b->ref, nattr, attr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.node);
    graph_result(b->g, TO_OUTPUT, "y", r);
    UNIT_SAME(graph_verify(b->a, b->g), NULL);
    CU_ASSERT_TRUE_FATAL(oracle_run(b->g, &o, 1, b->nin, b->in, &out));
    UNIT_SAME(type_text(b->a, &out.type), type);
    return out.data;
}

static float *noise(Bench *b, int64_t n, uint32_t seed) {
    float *x = NEW(b->a, n, float);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)seed * 0x1p-31f;
    }
    return x;
}

static void same(const float *got, const float *want, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        if (got[i] != want[i] && !(isnan(got[i]) && isnan(want[i])))
            printf("[%lld] got %a, expected %a\n", (long long)i, (double)got[i],
                   (double)want[i]);
        CU_ASSERT_TRUE(got[i] == want[i] || (isnan(got[i]) && isnan(want[i])));
    }
}

/* x[2,4,7,8] with w[6,2,3,3]: two groups, strides 2 and 1, padding, dilation 1 and 2. */
static float conv_at(const float *x, const float *w, const float *bias, int n, int f, int y,
                     int z) {
    float s = 0;
    for (int u = 0; u < 3; u++)
        for (int v = 0; v < 3; v++)
            for (int c = 0; c < 2; c++) {
                int yy = y * 2 + u - 1, zz = z + 2 * v - 2;
                if (yy >= 0 && yy < 7 && zz >= 0 && zz < 8)
                    s = s + x[((n * 4 + f / 3 * 2 + c) * 7 + yy) * 8 + zz] *
                                w[((f * 2 + c) * 3 + u) * 3 + v];
            }
    return s + bias[f];
}

static void convolution(void) {
    Bench *b = bench();
    const float *x = noise(b, 2 * 4 * 7 * 8, 1), *w = noise(b, 6 * 2 * 9, 2),
                *bias = noise(b, 6, 3);
    input(b, F32, x, DIMS(2, 4, 7, 8));
    input(b, F32, w, DIMS(6, 2, 3, 3));
    input(b, F32, bias, DIMS(6));
    const float *y = run(b, "conv2d",
                         ATTRS(INT("sy", 2), INT("py", 1), INT("px", 2), INT("dx", 2),
                               INT("groups", 2)),
                         "f32[2,6,4,8]");
    float want[2 * 6 * 4 * 8];
    for (int i = 0; i < (int)COUNT(want); i++)
        want[i] = conv_at(x, w, bias, i / 192, i / 32 % 6, i / 8 % 4, i % 8);
    same(y, want, COUNT(want));
    arena_free(b->a);
}

/* x[1,2,3,3] with w[2,1,3,3], stride 2, padding 1: what each input element adds. */
static void transposed_convolution(void) {
    Bench *b = bench();
    const float *x = noise(b, 18, 1), *w = noise(b, 18, 2);
    double want[25] = {0};
    input(b, F32, x, DIMS(1, 2, 3, 3));
    input(b, F32, w, DIMS(2, 1, 3, 3));
    const float *y = run(b, "conv_transpose2d",
                         ATTRS(INT("sy", 2), INT("sx", 2), INT("py", 1), INT("px", 1)),
                         "f32[1,1,5,5]");
    for (int i = 0; i < 18 * 9; i++) {
        int c = i / 81, k = i / 9 % 9, u = i % 9;
        int yy = k / 3 * 2 + u / 3 - 1, zz = k % 3 * 2 + u % 3 - 1;
        if (yy >= 0 && yy < 5 && zz >= 0 && zz < 5)
            want[yy * 5 + zz] += (double)x[c * 9 + k] * (double)w[c * 9 + u];
    }
    for (int i = 0; i < 25; i++)
        CU_ASSERT_DOUBLE_EQUAL((double)y[i], want[i], 1e-6);
    arena_free(b->a);
}

static void pools(void) {
    for (int mean = 0; mean < 2; mean++) {
        Bench *b = bench();
        float *x = noise(b, 3 * 5 * 5, 1), want[27];
        x[12] = NAN;
        for (int i = 0; i < 27; i++) {
            int count = 0;
            float most = -INFINITY, sum = 0;
            for (int k = 0; k < 9; k++) {
                int yy = i / 3 % 3 * 2 + k / 3 - 1, zz = i % 3 * 2 + k % 3 - 1;
                if (yy < 0 || yy >= 5 || zz < 0 || zz >= 5)
                    continue;
                float v = x[i / 9 * 25 + yy * 5 + zz];
                most = v < most || isnan(most) ? most : v;
                sum = sum + v;
                count++;
            }
            want[i] = mean ? sum / (float)count : most;
        }
        input(b, F32, x, DIMS(1, 3, 5, 5));
        const Attr attr[] = {INT("ky", 3), INT("kx", 3), INT("sy", 2), INT("sx", 2),
                             INT("py", 1), INT("px", 1), INT("count_pad", 0)};
        same(run(b, mean ? "avg_pool2d" : "max_pool2d", mean ? 7 : 6, attr, "f32[1,3,3,3]"),
             want, 27);
        arena_free(b->a);
    }
}

static void lookups(void) {
    const int32_t at[] = {2, 0, 2};
    const float w[] = {1, 2, 3, 4, 5, 6};
    Bench *b = bench();
    input(b, I32, at, DIMS(3));
    input(b, F32, w, DIMS(3, 2));
    same(run(b, "embedding", 0, NULL, "f32[3,2]"), (float[]){5, 6, 1, 2, 5, 6}, 6);
    b = (arena_free(b->a), bench());
    const int32_t one[] = {1, 0, 1};
    input(b, F32, w, DIMS(3, 2));
    input(b, I32, one, DIMS(3));
    same(run(b, "pick", 0, NULL, "f32[3]"), (float[]){2, 3, 6}, 3);
    b = (arena_free(b->a), bench());
    input(b, I32, one, DIMS(3));
    same(run(b, "one_hot", ATTRS(INT("classes", 2)), "f32[3,2]"),
         (float[]){0, 1, 1, 0, 0, 1}, 6);
    arena_free(b->a);
}

static void places(void) {
    static const int64_t shape[] = {3, -1}, perm[] = {1, 0};
    static const struct {
        const char *op;
        Attr attr[3];
        int nattr;
        const char *type;
        float want[12];
    } row[] = {
        {"pad_reflect", {INT("axis", 1), INT("lo", 2), INT("hi", 1)}, 3, "f32[2,6]",
         {3, 2, 1, 2, 3, 2, 6, 5, 4, 5, 6, 5}},
        {"pad_wrap", {INT("axis", 1), INT("lo", 2), INT("hi", 1)}, 3, "f32[2,6]",
         {2, 3, 1, 2, 3, 1, 5, 6, 4, 5, 6, 4}},
        {"pad", {INT("axis", 0), INT("lo", 1), INT("hi", 0)}, 3, "f32[3,3]",
         {0, 0, 0, 1, 2, 3, 4, 5, 6}},
        {"flip", {INT("axis", 1)}, 1, "f32[2,3]", {3, 2, 1, 6, 5, 4}},
        {"slice", {INT("axis", 1), INT("start", 0), INT("step", 2)}, 3, "f32[2,2]",
         {1, 3, 4, 6}},
        {"repeat", {INT("axis", 0), INT("times", 2)}, 2, "f32[4,3]",
         {1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6}},
        {"reshape", {{.name = "shape", .kind = ATTR_LIST, .i = 2, .list = shape}},
         1, "f32[3,2]", {1, 2, 3, 4, 5, 6}},
        {"transpose", {{.name = "perm", .kind = ATTR_LIST, .i = 2, .list = perm}},
         1, "f32[3,2]", {1, 4, 2, 5, 3, 6}},
        {"prod", {INT("axis", 1)}, 1, "f32[2]", {6, 120}},
        {"mean", {INT("axis", 0)}, 1, "f32[3]", {2.5f, 3.5f, 4.5f}},
        {"amax", {INT("axis", 1), INT("keep", 1)}, 2, "f32[2,1]", {3, 6}},
        {"sum_all", {{0}}, 0, "f32[]", {21}},
    };
    const float x[] = {1, 2, 3, 4, 5, 6};
    for (size_t i = 0; i < COUNT(row); i++) {
        Bench *b = bench();
        input(b, F32, x, DIMS(2, 3));
        const float *y = run(b, row[i].op, row[i].nattr, row[i].attr, row[i].type);
        int64_t count = 1;
        for (int d = 0; d < ref_type(b->g->result->ref)->rank; d++)
            count *= ref_type(b->g->result->ref)->dim[d].n;
        same(y, row[i].want, count);
        arena_free(b->a);
    }
}

/* Wide runs take functions from the C library, f32 runs from their definition. */
static void functions(void) {
    static const struct { const char *op; double (*f)(double); } row[] = {
        {"exp", exp}, {"log", log}, {"tanh", tanh}, {"sqrt", sqrt}, {"erf", erf}};
    const float x[] = {0.1f, 0.75f, 3, 17.5f};
    for (size_t i = 0; i < COUNT(row); i++)
        for (int wide = 0; wide < 2; wide++) {
            Bench *b = bench();
            input(b, F32, x, DIMS(4));
            OracleOptions o = {b->a, wide, diag_nowhere(b->d)};
            OracleTensor out;
            Ref r = graph_text(b->g, arena_printf(b->a, "O[..] = %s(A[..])", row[i].op), 1,
                               b->ref, 0, NULL, NDTYPE);
            graph_result(b->g, TO_OUTPUT, "y", r);
            CU_ASSERT_TRUE_FATAL(oracle_run(b->g, &o, 1, 1, b->in, &out));
            for (int k = 0; k < 4; k++) {
                double want = row[i].f((double)x[k]);
                double got = wide ? ((double *)out.data)[k] : (double)((float *)out.data)[k];
                CU_ASSERT_DOUBLE_EQUAL(got, want, fabs(want) * (wide ? 1e-15 : 2.5e-7));
            }
            arena_free(b->a);
        }
}

int main(void) {
    static const UnitTest test[] = {
        {"convolution", convolution},
        {"transposed_convolution", transposed_convolution},
        {"pools", pools},
        {"lookups", lookups},
        {"places", places},
        {"functions", functions},
    };
    return unit_main("oracle_op", test, COUNT(test));
}
