/* The oracle: values by hand, sums to the last bit against plain loops, guards, scatters,
 * scans, sorting, wide runs, and what it refuses. */
#include "ir/oracle.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <string.h>

typedef struct {
    Arena *a;
    Pool *p;
    Strs *s;
    Diag *d;
    bool wide;
    char message[200];                 /* the last error */
} Bench;

static void note(void *user, DiagKind kind, Loc loc, const char *message) {
    Bench *b = user;
    (void)kind, (void)loc;
    snprintf(b->message, sizeof b->message, "%s", message);
}

static Bench *bench(void) {
    Arena *a = arena_new();
    Bench *b = NEW(a, 1, Bench);
    b->a = a;
    b->p = pool_new(a);
    b->s = strs_new(a);
    b->d = diag_new(a, note, b);
    return b;
}

static OracleTensor tensor(const char *name, DType d, const void *data, int rank,
                           const int64_t *n) {
    OracleTensor t = {.kind = N_INPUT, .name = name, .type = {.dtype = d, .rank = rank}};
    t.data = (void *)(uintptr_t)data;
    for (int i = 0; i < rank; i++)
        t.type.dim[i].n = n[i];
    return t;
}
#define DIMS(...) (int)COUNT(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__}

/* The results of the graph in the text; NULL after an error. */
static OracleTensor *run(Bench *b, const char *text, int64_t n, int nin,
                         const OracleTensor *in) {
    Graph *g = graph_parse(b->a, b->p, b->s, diag_source(b->d, "t.kir", text, strlen(text)));
    const char *bad = g ? graph_verify(b->a, g) : "no graph";
    OracleOptions o = {b->a, b->wide, diag_nowhere(b->d)};
    if (bad) {
        printf("%s: %s\n%s", bad, b->message, text);
        CU_FAIL("the text is no sound graph");
        return NULL;
    }
    OracleTensor *out = NEW(b->a, g->nresult + 1, OracleTensor);
    return oracle_run(g, &o, n, nin, in, out) ? out : NULL;
}

static bool same_floats(const float *got, const float *want, int64_t n) {
    bool same = true;
    for (int64_t i = 0; i < n; i++) {
        bool one = memcmp(&got[i], &want[i], sizeof *got) == 0 ||
                   (isnan(got[i]) && isnan(want[i]));
        if (!one)
            printf("[%lld] got %a, expected %a\n", (long long)i, (double)got[i],
                   (double)want[i]);
        same &= one;
    }
    return same;
}

/* Numbers whose sums round at almost every step. */
static float *noise(Bench *b, int64_t n, uint32_t seed) {
    float *x = NEW(b->a, n, float);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = ldexpf((float)(seed >> 8), (int)(seed >> 13) % 9 - 24);
    }
    return x;
}

/* --- by hand --- */

static void linear(void) {
    Bench *b = bench();
    const float x[] = {1, 2, 3, 4, 5, 6}, w[] = {1, 0, -1, 2, 2, 2}, c[] = {10, 20};
    OracleTensor in[] = {tensor("x", F32, x, DIMS(2, 3)), tensor("w", F32, w, DIMS(2, 3)),
                         tensor("c", F32, c, DIMS(2))};
    in[1].kind = in[2].kind = N_PARAM;
    OracleTensor *y = run(b, "graph @g batch 8 {\n"
                             "  %x = input \"x\" : f32[n:8,3]\n"
                             "  %w = param \"w\" : f32[2,3]\n"
                             "  %c = param \"c\" : f32[2]\n"
                             "  %1 = { O[i0<n:8,i1<2] += [i2<3] chunk 3 : %x[i0,i2]*%w[i1,i2] }"
                             " : f32[n:8,2]\n"
                             "  %2 = { O[i0<n:8,i1<2] = %1[i0,i1] + %c[i1] } : f32[n:8,2]\n"
                             "  output \"y\" %2\n"
                             "  output \"raw\" %1\n"
                             "}\n", 2, 3, in);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_TRUE(same_floats(y[0].data, (float[]){8, 32, 8, 50}, 4));
    CU_ASSERT_TRUE(same_floats(y[1].data, (float[]){-2, 12, -2, 30}, 4));
    UNIT_SAME(type_text(b->a, &y[0].type), "f32[2,2]");
    UNIT_SAME(y[1].name, "raw");
    arena_free(b->a);
}

/* A convolution with padding: reads outside are guarded off. */
static void guarded(void) {
    Bench *b = bench();
    float x[2 * 5 * 6], w[2 * 3 * 3], want[30];
    for (int i = 0; i < 60; i++)
        x[i] = (float)(i % 7) - 2.5f;
    for (int i = 0; i < 18; i++)
        w[i] = (float)(i % 5) - 1.25f;
    for (int i = 0; i < 30; i++) {
        want[i] = 0;
        for (int k = 0; k < 18; k++) {
            int c = k / 9, y = i / 6 + k / 3 % 3 - 1, z = i % 6 + k % 3 - 1;
            if (y >= 0 && y < 5 && z >= 0 && z < 6)
                want[i] += x[c * 30 + y * 6 + z] * w[k];
        }
    }
    OracleTensor in[] = {tensor("x", F32, x, DIMS(2, 5, 6)), tensor("w", F32, w, DIMS(2, 3, 3))};
    OracleTensor *y = run(b,
        "graph @g {\n"
        "  %x = input \"x\" : f32[2,5,6]\n"
        "  %w = input \"w\" : f32[2,3,3]\n"
        "  %1 = { O[i0<5,i1<6] += [i2<2,i3<3,i4<3] chunk 18 : "
        "when(i0+i3 >= 1 && i0+i3 <= 5 && i1+i4 >= 1 && i1+i4 <= 6, "
        "%x[i2,i0+i3-1,i1+i4-1]*%w[i2,i3,i4], 0) } : f32[5,6]\n"
        "  output \"y\" %1\n"
        "}\n", 1, 2, in);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_TRUE(same_floats(y->data, want, 30));
    arena_free(b->a);
}

/* Both arms are lazy: what is not chosen is not read. */
static void lazy(void) {
    Bench *b = bench();
    const float x[] = {1, 2, 3};
    const int32_t at[] = {2, 9, -1, 0};
    OracleTensor in[] = {tensor("x", F32, x, DIMS(3)), tensor("at", I32, at, DIMS(4))};
    OracleTensor *y = run(b, "graph @g {\n"
                             "  %x = input \"x\" : f32[3]\n"
                             "  %at = input \"at\" : i32[4]\n"
                             "  %1 = { O[i0<4] = when(%at[i0] >= 0, when(%at[i0] <= 2, "
                             "%x[%at[i0]], 7), 5) } : f32[4]\n"
                             "  output \"y\" %1\n"
                             "}\n", 1, 2, in);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_TRUE(same_floats(y->data, (float[]){3, 7, 5, 1}, 4));
    arena_free(b->a);
}

static void subscripts(void) {
    Bench *b = bench();
    int32_t want[60];
    for (int i = 0; i < 60; i++)
        want[i] = i / 7 * 100 + i % 7 * 10 + (i < 20 ? i : 20) + (i > 50 ? i : 50) +
                  (i < 30 ? 30 - i : i - 30);
    OracleTensor *y = run(b, "graph @g {\n"
                             "  %1 = { O[i0<60] = #i32((i0/7)*100 + i0%7*10 + min(i0, 20) + "
                             "max(i0, 50) + abs(i0-30)) } : i32[60]\n"
                             "  output \"y\" %1\n"
                             "}\n", 1, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_EQUAL(memcmp(y->data, want, sizeof want), 0);
    arena_free(b->a);
}

/* The batch of the call, not its bound, is what extents and subscripts mean. */
static void batch(void) {
    Bench *b = bench();
    const float x[] = {1, 2, 3};
    OracleTensor in = tensor("x", F32, x, DIMS(3));
    OracleTensor *y = run(b, "graph @g batch 100 {\n"
                             "  %x = input \"x\" : f32[n:100]\n"
                             "  %1 = { O[i0<n:100] = %x[-i0+n-1]/f32(n) } : f32[n:100]\n"
                             "  %2 = { O[] += [i0<n:100] chunk 100 : %x[i0] } : f32[]\n"
                             "  output \"y\" %1\n"
                             "  output \"s\" %2\n"
                             "}\n", 3, 1, &in);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_TRUE(same_floats(y[0].data, (float[]){1, 2.0f / 3, 1.0f / 3}, 3));
    CU_ASSERT_TRUE(same_floats(y[1].data, (float[]){6}, 1));
    arena_free(b->a);
}

/* --- canonical order --- */

static float serial(const float *x, int64_t n) {
    float s = 0;
    for (int64_t i = 0; i < n; i++)
        s = s + x[i];
    return s;
}

static float lanes(const float *x, int64_t n) {
    float s[16] = {0};
    for (int64_t i = 0; i < n; i++)
        s[i % 16] = s[i % 16] + x[i];
    for (int w = 8; w; w /= 2)
        for (int i = 0; i < w; i++)
            s[i] = s[i] + s[i + w];
    return s[0];
}

/* Chunks in order; with per_part > 0, so many chunks make a part. */
static float chunks(const float *x, int64_t n, int64_t chunk, int64_t per_part,
                    float (*sum)(const float *, int64_t)) {
    float total = 0, part = 0;
    for (int64_t c = 0; c * chunk < n; c++) {
        part = part + sum(x + c * chunk, n - c * chunk < chunk ? n - c * chunk : chunk);
        if (per_part && (c + 1) % per_part == 0) {
            total = total + part;
            part = 0;
        }
    }
    return per_part ? total + part : part;
}

static void row_reduction(void) {
    Bench *b = bench();
    const float *x = noise(b, 8 * 5000, 1);
    float want[8], whole[8], serials[8];
    for (int i = 0; i < 8; i++) {
        want[i] = chunks(x + i * 5000, 5000, 4096, 0, lanes);
        whole[i] = lanes(x + i * 5000, 5000);
        serials[i] = chunks(x + i * 5000, 5000, 4096, 0, serial);
    }
    CU_ASSERT_TRUE(memcmp(want, whole, sizeof want) && memcmp(want, serials, sizeof want));
    OracleTensor in = tensor("x", F32, x, DIMS(8, 5000));
    OracleTensor *y = run(b, "graph @g {\n"
                             "  %x = input \"x\" : f32[8,5000]\n"
                             "  %1 = { O[i0<8] += [i1<5000] lanes chunk 4096 : %x[i0,i1] }"
                             " : f32[8]\n"
                             "  output \"y\" %1\n"
                             "}\n", 1, 1, &in);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_TRUE(same_floats(y->data, want, 8));
    arena_free(b->a);
}

/* Where no order is given, the equation's structure sets it. */
static void contraction(void) {
    Bench *b = bench();
    const float *x = noise(b, 40000, 2), *w = noise(b, 8 * 40000, 3);
    float want[8], whole[8], *term = NEW(b->a, 40000, float);
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < 40000; k++)
            term[k] = x[k] * w[i * 40000 + k];
        want[i] = chunks(term, 40000, 512, 5, serial);     /* 79 chunks: 16 parts of 5 */
        whole[i] = chunks(term, 40000, 512, 0, serial);
    }
    CU_ASSERT_TRUE(memcmp(want, whole, sizeof want) != 0);
    OracleTensor in[] = {tensor("x", F32, x, DIMS(40000)),
                         tensor("w", F32, w, DIMS(8, 40000))};
    OracleTensor *y = run(b, "graph @g {\n"
                             "  %x = input \"x\" : f32[40000]\n"
                             "  %w = input \"w\" : f32[8,40000]\n"
                             "  %1 = { O[i0<8] += %x[i1]*%w[i0,i1] } : f32[8]\n"
                             "  output \"y\" %1\n"
                             "}\n", 1, 2, in);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_TRUE(same_floats(y->data, want, 8));
    arena_free(b->a);
}

/* Parts are counted at the batch's bound: 100 chunks of 300 terms, 7 to a part. */
static void parts_of_a_batch(void) {
    Bench *b = bench();
    const float *x = noise(b, 37 * 300, 4);
    float want = chunks(x, 37 * 300, 300, 7, serial);
    CU_ASSERT_TRUE(want != chunks(x, 37 * 300, 300, 3, serial));
    OracleTensor in = tensor("x", F32, x, DIMS(37, 300));
    OracleTensor *y = run(b, "graph @g batch 100 {\n"
                             "  %x = input \"x\" : f32[n:100,300]\n"
                             "  %1 = { O[] += [i0<n:100,i1<300] chunk 300 parts 16 : "
                             "%x[i0,i1] } : f32[]\n"
                             "  output \"y\" %1\n"
                             "}\n", 37, 1, &in);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_TRUE(same_floats(y->data, &want, 1));
    arena_free(b->a);
}

/* --- other folds --- */

static void extremes(void) {
    Bench *b = bench();
    const float inf = INFINITY, x[] = {1,    3,  3, 2, NAN, 1, NAN, 5,
                                       -inf, -inf, -inf, -inf, 0, -0.0f, -4, -4};
    OracleTensor in = tensor("x", F32, x, DIMS(4, 4));
    OracleTensor *y = run(b, "graph @g {\n"
                             "  %x = input \"x\" : f32[4,4]\n"
                             "  %1 = { O[i0<4] argmax= [i1<4] chunk 4 : %x[i0,i1] }"
                             " : f32[4], i32[4]\n"
                             "  %2 = { O[i0<4] argmin= [i1<4] chunk 4 : %x[i0,i1] }"
                             " : f32[4], i32[4]\n"
                             "  output \"max\" %1\n"
                             "  output \"argmax\" %1.1\n"
                             "  output \"min\" %2\n"
                             "  output \"argmin\" %2.1\n"
                             "}\n", 1, 1, &in);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_TRUE(same_floats(y[0].data, (float[]){3, NAN, -inf, -0.0f}, 4));
    CU_ASSERT_TRUE(same_floats(y[2].data, (float[]){1, NAN, -inf, -4}, 4));
    CU_ASSERT_EQUAL(memcmp(y[1].data, (int32_t[]){1, 0, 0, 0}, 16), 0);
    CU_ASSERT_EQUAL(memcmp(y[3].data, (int32_t[]){0, 0, 0, 2}, 16), 0);
    arena_free(b->a);
}

static void products_and_integers(void) {
    Bench *b = bench();
    const float x[] = {3, -0.5f, 7};
    const int32_t k[] = {INT32_MAX, 2, -3};
    const uint64_t u[] = {1, UINT64_MAX, 7};
    OracleTensor in[] = {tensor("x", F32, x, DIMS(3)), tensor("k", I32, k, DIMS(3)),
                         tensor("u", U64, u, DIMS(3))};
    OracleTensor *y = run(b, "graph @g {\n"
                             "  %x = input \"x\" : f32[3]\n"
                             "  %k = input \"k\" : i32[3]\n"
                             "  %u = input \"u\" : u64[3]\n"
                             "  %1 = { O[] *= %x[i0] } : f32[]\n"
                             "  %2 = { O[] += %k[i0] } : i32[]\n"
                             "  %3 = { O[] min= %k[i0] } : i32[]\n"
                             "  %4 = { O[] max= %u[i0] } : u64[]\n"
                             "  output \"a\" %1\n"
                             "  output \"b\" %2\n"
                             "  output \"c\" %3\n"
                             "  output \"d\" %4\n"
                             "}\n", 1, 3, in);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_EQUAL(*(float *)y[0].data, -10.5f);
    CU_ASSERT_EQUAL(*(int32_t *)y[1].data, INT32_MAX - 1);
    CU_ASSERT_EQUAL(*(int32_t *)y[2].data, -3);
    CU_ASSERT_EQUAL(*(uint64_t *)y[3].data, UINT64_MAX);
    arena_free(b->a);
}

/* In source order, from the identity; what leads outside is dropped. */
static void scatter(void) {
    Bench *b = bench();
    const float x[] = {1e8f, 1, -1e8f, 1, 5, 6};
    const int32_t at[] = {1, 1, 1, 1, 4, -1};
    OracleTensor in[] = {tensor("x", F32, x, DIMS(6)), tensor("at", I32, at, DIMS(6))};
    OracleTensor *y = run(b, "graph @g {\n"
                             "  %x = input \"x\" : f32[6]\n"
                             "  %at = input \"at\" : i32[6]\n"
                             "  %1 = { for [i0<6] O[%at[i0]<4] scatter += %x[i0] } : f32[4]\n"
                             "  %2 = { for [i0<6] O[%at[i0]<4] scatter max= %x[i0] } : f32[4]\n"
                             "  output \"y\" %1\n"
                             "  output \"z\" %2\n"
                             "}\n", 1, 2, in);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_TRUE(same_floats(y[0].data, (float[]){0, 1, 0, 0}, 4));
    const float low = -INFINITY;
    CU_ASSERT_TRUE(same_floats(y[1].data, (float[]){low, 1e8f, low, low}, 4));
    arena_free(b->a);
}

/* Elements that no point reaches are 0; points outside are not stored. */
static void partial_store(void) {
    Bench *b = bench();
    const float x[] = {1, 2, 3, 4};
    OracleTensor in = tensor("x", F32, x, DIMS(4));
    OracleTensor *y = run(b, "graph @g {\n"
                             "  %x = input \"x\" : f32[4]\n"
                             "  %1 = { for [i0<4] O[2*i0+1<6] = %x[i0] } : f32[6]\n"
                             "  output \"y\" %1\n"
                             "}\n", 1, 1, &in);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_TRUE(same_floats(y->data, (float[]){0, 1, 0, 2, 0, 3}, 6));
    arena_free(b->a);
}

/* --- scans and sorting --- */

static const char *const cumulate =
    "graph @g batch 2 {\n"
    "  %%x = input \"x\" : f32[4,n:2]\n"
    "  %%a = input \"a\" : f32[n:2]\n"
    "  %%b = input \"b\" : f32[n:2]\n"
    "  %%k = input \"k\" : f32[]\n"
    "  %%1 = scan 4 %s carry(%%a, %%b) stack(%%x) whole(%%k) {\n"
    "    %%c0 = input \"c0\" : f32[n:2]\n"
    "    %%c1 = input \"c1\" : f32[n:2]\n"
    "    %%x0 = input \"x0\" : f32[n:2]\n"
    "    %%w0 = input \"w0\" : f32[]\n"
    "    %%1 = { O[i0<n:2] = %%c0[i0] + %%x0[i0]*%%w0[] } : f32[n:2]\n"
    "    output \"c0\" %%c1\n"          /* the carries change places */
    "    output \"c1\" %%1\n"
    "    output \"y0\" %%1\n"
    "  } : f32[n:2], f32[n:2], f32[4,n:2]\n"
    "  output \"c0\" %%1\n"
    "  output \"c1\" %%1.1\n"
    "  output \"y\" %%1.2\n"
    "}\n";

static void scans(void) {
    const float x[] = {1, 10, 2, 20, 3, 30, 4, 40}, zero[] = {0, 0}, one[] = {100, 200}, k = 2;
    for (int reverse = 0; reverse < 2; reverse++) {
        Bench *b = bench();
        OracleTensor in[] = {tensor("x", F32, x, DIMS(4, 2)), tensor("a", F32, zero, DIMS(2)),
                             tensor("b", F32, one, DIMS(2)), tensor("k", F32, &k, 0, NULL)};
        float c[2][2] = {{0, 0}, {100, 200}}, ys[8];
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 2; j++) {
                int t = reverse ? 3 - i : i;
                float y = c[0][j] + x[t * 2 + j] * 2;
                c[0][j] = c[1][j];
                c[1][j] = ys[t * 2 + j] = y;
            }
        const char *text = arena_printf(b->a, cumulate, reverse ? "reverse" : "");
        OracleTensor *y = run(b, text, 2, 4, in);
        CU_ASSERT_PTR_NOT_NULL_FATAL(y);
        CU_ASSERT_TRUE(same_floats(y[0].data, c[0], 2));
        CU_ASSERT_TRUE(same_floats(y[1].data, c[1], 2));
        CU_ASSERT_TRUE(same_floats(y[2].data, ys, 8));
        arena_free(b->a);
    }
}

static void sorting(void) {
    Bench *b = bench();
    const float x[] = {3, 1, NAN, 1, -0.0f, 0, 2, 2, INFINITY, NAN};
    OracleTensor in = tensor("x", F32, x, DIMS(2, 5));
    OracleTensor *y = run(b, "graph @g {\n"
                             "  %x = input \"x\" : f32[2,5]\n"
                             "  %1 = argsort %x : i32[2,5]\n"
                             "  %2 = argsort %x descending : i32[2,5]\n"
                             "  output \"up\" %1\n"
                             "  output \"down\" %2\n"
                             "}\n", 1, 1, &in);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_EQUAL(memcmp(y[0].data, (int32_t[]){4, 1, 3, 0, 2, 0, 1, 2, 3, 4}, 40), 0);
    CU_ASSERT_EQUAL(memcmp(y[1].data, (int32_t[]){2, 0, 1, 3, 4, 4, 3, 1, 2, 0}, 40), 0);
    arena_free(b->a);
}

/* --- numbers --- */

static const float special[] = {0,       -0.0f,   1,        -1,        0.5f,    1e-45f,  -1e-45f,
                                1e-38f,  3e38f,   -3e38f,   INFINITY,  -INFINITY, NAN,   16777216,
                                16777215, 0.1f,   1.0f / 3, 12345.678f, -7.25f, 1e20f};

/* The oracle's own arithmetic is that of the primitives. */
static void primitives(void) {
    static const struct { Fn fn; const char *text; DType type; } row[] = {
        {FN_add, "%a[i0] + %b[i1]", F32},    {FN_sub, "%a[i0] - %b[i1]", F32},
        {FN_mul, "%a[i0] * %b[i1]", F32},    {FN_div, "%a[i0] / %b[i1]", F32},
        {FN_lt, "lt(%a[i0], %b[i1])", BOOL}, {FN_le, "le(%a[i0], %b[i1])", BOOL},
        {FN_eq, "eq(%a[i0], %b[i1])", BOOL}, {FN_ne, "ne(%a[i0], %b[i1])", BOOL},
    };
    const int n = (int)COUNT(special);
    for (size_t r = 0; r < COUNT(row); r++) {
        Bench *b = bench();
        const char *type = dtype_info[row[r].type].name;
        OracleTensor in[] = {tensor("a", F32, special, DIMS(n)),
                             tensor("b", F32, special, DIMS(n))};
        OracleTensor *y = run(b, arena_printf(b->a,
            "graph @g {\n  %%a = input \"a\" : f32[%d]\n  %%b = input \"b\" : f32[%d]\n"
            "  %%1 = { O[i0<%d,i1<%d] = %s } : %s[%d,%d]\n  output \"y\" %%1\n}\n",
            n, n, n, n, row[r].text, type, n, n), 1, 2, in);
        CU_ASSERT_PTR_NOT_NULL_FATAL(y);
        for (int i = 0; i < n * n; i++) {
            Num arg[2] = {{.f = (double)special[i / n]}, {.f = (double)special[i % n]}};
            Num want = prim_eval(row[r].fn, F32, arg);
            bool same = row[r].type == BOOL
                            ? ((uint8_t *)y->data)[i] == want.i
                            : same_floats((float *)y->data + i, &(float){(float)want.f}, 1);
            CU_ASSERT_TRUE(same);
        }
        arena_free(b->a);
    }
}

/* The folds max= and min= are the functions max and min. */
static void folds_are_functions(void) {
    const int n = (int)COUNT(special);
    for (int min = 0; min < 2; min++) {
        Bench *b = bench();
        OracleTensor in = tensor("a", F32, special, DIMS(n));
        OracleTensor *y = run(b, arena_printf(b->a,
            "graph @g {\n"
            "  %%a = input \"a\" : f32[%d]\n"
            "  %%1 = { O[i0<%d,i1<%d,i2<2] = when(i2 == 0, %%a[i0], %%a[i1]) } : f32[%d,%d,2]\n"
            "  %%2 = { O[i0<%d,i1<%d] %s= [i2<2] chunk 2 : %%1[i0,i1,i2] } : f32[%d,%d]\n"
            "  %%3 = { O[i0<%d,i1<%d] = %s(%%a[i0], %%a[i1]) } : f32[%d,%d]\n"
            "  output \"fold\" %%2\n"
            "  output \"function\" %%3\n"
            "}\n", n, n, n, n, n, n, n, min ? "min" : "max", n, n, n, n,
            min ? "min" : "max", n, n), 1, 1, &in);
        CU_ASSERT_PTR_NOT_NULL_FATAL(y);
        CU_ASSERT_TRUE(same_floats(y[0].data, y[1].data, (int64_t)n * n));
        arena_free(b->a);
    }
}

static const char *const sum_text = "graph @g {\n"
                                    "  %x = input \"x\" : f32[3]\n"
                                    "  %1 = { O[] += %x[i0] } : f32[]\n"
                                    "  %2 = { O[i0<3] = %x[i0]/%x[2] } : f32[3]\n"
                                    "  output \"y\" %1\n"
                                    "  output \"z\" %2\n"
                                    "}\n";

static void wide(void) {
    Bench *b = bench();
    const float x[] = {1e8f, 1, 3};
    const double xd[] = {1e8, 1 + 1e-9, 3};
    OracleTensor in = tensor("x", F32, x, DIMS(3)), ind = tensor("x", F64, xd, DIMS(3));
    OracleTensor *y = run(b, sum_text, 1, 1, &in);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_EQUAL(*(float *)y->data, 1e8f);          /* 1 and 3 are lost one by one */
    CU_ASSERT_PTR_NULL(run(b, sum_text, 1, 1, &ind));
    b->wide = true;
    y = run(b, sum_text, 1, 1, &in);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_EQUAL(y->type.dtype, F64);
    CU_ASSERT_EQUAL(*(double *)y->data, 100000004.0);
    CU_ASSERT_EQUAL(((double *)y[1].data)[1], 1.0 / 3);
    y = run(b, sum_text, 1, 1, &ind);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    CU_ASSERT_EQUAL(*(double *)y->data, 1e8 + (1 + 1e-9) + 3);
    arena_free(b->a);
}

/* Bits and integers mean the same in wide runs. */
static void wide_bits(void) {
    Bench *b = bench();
    const float x[] = {1.5f, -0.1f, 3e38f};
    OracleTensor in = tensor("x", F32, x, DIMS(3));
    for (int w = 0; w < 2; w++) {
        b->wide = w;
        OracleTensor *y = run(b, "graph @g {\n"
                                 "  %x = input \"x\" : f32[3]\n"
                                 "  %1 = { O[i0<3] = bits(%x[i0]) } : u32[3]\n"
                                 "  %2 = { O[i0<3] = bits(xor(%1[i0], 1:u32)) } : f32[3]\n"
                                 "  %3 = { O[i0<3] = max(%1[i0], 5:u32) } : u32[3]\n"
                                 "  output \"y\" %1\n"
                                 "  output \"z\" %2\n"
                                 "  output \"m\" %3\n"
                                 "}\n", 1, 1, &in);
        CU_ASSERT_PTR_NOT_NULL_FATAL(y);
        CU_ASSERT_EQUAL(memcmp(y[0].data, x, sizeof x), 0);
        CU_ASSERT_EQUAL(memcmp(y[2].data, x, sizeof x), 0);
        float next = w ? (float)((double *)y[1].data)[0] : ((float *)y[1].data)[0];
        CU_ASSERT_EQUAL(next, nextafterf(1.5f, 2));
    }
    arena_free(b->a);
}

/* Random words are the same in wide runs, and so are uniform numbers. */
static void random_numbers(void) {
    Bench *b = bench();
    OracleTensor *y[2];
    for (int w = 0; w < 2; w++) {
        b->wide = w;
        y[w] = run(b, "graph @g {\n"
                      "  %1 = { O[i0<40] = philox(#u32((i0)/4), 1:u32, 2:u32, 3:u32, 4:u32, "
                      "5:u32, #u32((i0)%4)) } : u32[40]\n"
                      "  %2 = { O[i0<40] = uniform(#u32((i0)/4), 1:u32, 2:u32, 3:u32, 4:u32, "
                      "5:u32, #u32((i0)%4)) } : f32[40]\n"
                      "  output \"word\" %1\n"
                      "  output \"uniform\" %2\n"
                      "}\n", 1, 0, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(y[w]);
    }
    CU_ASSERT_EQUAL(memcmp(y[0][0].data, y[1][0].data, 160), 0);
    for (int i = 0; i < 40; i++) {
        double want = (double)(((uint32_t *)y[0][0].data)[i] >> 8) * 0x1p-24;
        CU_ASSERT_EQUAL((double)((float *)y[0][1].data)[i], want);
        CU_ASSERT_EQUAL(((double *)y[1][1].data)[i], want);
    }
    arena_free(b->a);
}

/* --- what it refuses --- */

static void refusals(void) {
    static const char *const gather = "graph @g batch 4 {\n"
                                      "  %x = input \"x\" : f32[3]\n"
                                      "  %at = input \"at\" : i32[n:4]\n"
                                      "  %unused = input \"unused\" : f32[3]\n"
                                      "  %1 = { O[i0<n:4] = %x[%at[i0]] } : f32[n:4]\n"
                                      "  output \"y\" %1\n"
                                      "}\n";
    const float x[] = {1, 2, 3};
    const int32_t good[] = {0, 2}, bad[] = {0, 3};
    Bench *b = bench();
    OracleTensor in[] = {tensor("x", F32, x, DIMS(3)), tensor("at", I32, good, DIMS(2))};
    CU_ASSERT_PTR_NOT_NULL(run(b, gather, 2, 2, in));
    CU_ASSERT_PTR_NULL(run(b, gather, 2, 1, in));
    UNIT_SAME(b->message, "no value for 'at'");
    CU_ASSERT_PTR_NULL(run(b, gather, 3, 2, in));
    UNIT_SAME(b->message, "'at' is i32[2], expected i32[n:4] with a batch of 3");
    CU_ASSERT_PTR_NULL(run(b, gather, 5, 2, in));
    UNIT_SAME(b->message, "batch of 5, expected 1..4");
    in[1].data = (void *)(uintptr_t)bad;
    CU_ASSERT_PTR_NULL(run(b, gather, 2, 2, in));
    UNIT_SAME(b->message, "node 3 reads operand 0 at 3, outside of dim 0 of 3");
    arena_free(b->a);
}

int main(void) {
    static const UnitTest test[] = {
        {"linear", linear},
        {"guarded", guarded},
        {"lazy", lazy},
        {"subscripts", subscripts},
        {"batch", batch},
        {"row_reduction", row_reduction},
        {"contraction", contraction},
        {"parts_of_a_batch", parts_of_a_batch},
        {"extremes", extremes},
        {"products_and_integers", products_and_integers},
        {"scatter", scatter},
        {"partial_store", partial_store},
        {"scans", scans},
        {"sorting", sorting},
        {"primitives", primitives},
        {"folds_are_functions", folds_are_functions},
        {"wide", wide},
        {"wide_bits", wide_bits},
        {"random_numbers", random_numbers},
        {"refusals", refusals},
    };
    return unit_main("oracle", test, COUNT(test));
}
