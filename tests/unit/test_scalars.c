/* Scalar functions: accuracy, special values, random numbers, evaluation.
 * timeout: 600 */
#include "tests/unit/scalar_code.h"
#include "tests/unit/unit.h"

/* fn in f32 on arguments that are f32. */
static double value32(Place w, Fn fn, const double *arg) {
    Num in[MAX_ARGS];
    for (int i = 0; i < fn_info[fn].nargs; i++)
        in[i].f = arg[i];
    Num r = steps_run(steps_new(w.a, x_expand(w.p, call_vars(w.p, fn, F32))), in);
    return fn_info[fn].rule == T_BOOL ? (double)r.i : r.f;
}

/* --- accuracy --- */

/* What the design promises over every 64th float, and samples of the rest (all of it is
 * in test_scalar_sweep.c). */
static void test_accuracy(void) {
    static const struct {
        Fn fn;
        double ulp;
    } promised[] = {
        {FN_exp, 1}, {FN_log, 1}, {FN_tanh, 2}, {FN_sigmoid, 2}, {FN_erf, 2}};
    Code c = code_new();
    CU_ASSERT_FATAL(c.n == 2);
    for (size_t i = 0; i < COUNT(promised); i++) {
        CU_ASSERT(fn_info[promised[i].fn].ulp <= promised[i].ulp);
        CU_ASSERT(code_sweep(&c, promised[i].fn, 64) <= promised[i].ulp);
    }
    for (int i = 0; i < NFN; i++)
        if (sweepable((Fn)i))
            CU_ASSERT(code_sweep(&c, (Fn)i, 40009) <= fmax(fn_info[i].ulp, 0.5));
    code_free(&c);
}

static uint32_t next(uint64_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return (uint32_t)(*s >> 16);
}

static double ulps(double got, double want) {
    if (isnan(want) || isnan(got))
        return isnan(want) == isnan(got) ? 0 : 1e30;
    if ((double)(float)want == got)
        return 0;
    if (isinf(want) || (isinf(got) && fabs(want) < 3.402823e38))
        return 1e30;
    return (isinf(got) ? 0x1p128 - fabs(want) : fabs(got - want)) /
           ldexp(1, (int)fmax(logb(want), -126) - 23);
}

static void test_pow(void) {
    Place w = place_new();
    const Steps *s = steps_new(w.a, x_expand(w.p, call_vars(w.p, FN_pow, F32)));
    uint64_t seed = 88172645463325252u;
    double worst = 0;
    for (int i = 0; i < 200000; i++) {
        Num in[2] = {{.f = (double)float_of(next(&seed))},
                     {.f = (double)float_of(next(&seed))}};
        if (i % 2) { /* results between the smallest and the largest */
            in[0].f = (double)float_of(0x3f000000 + (next(&seed) & 0xffffff));
            in[1].f =
                (double)(float)((next(&seed) * 0x1p-31 - 1) * 150 / log2(in[0].f));
        }
        worst = fmax(worst, ulps(steps_run(s, in).f, pow(in[0].f, in[1].f)));
    }
    printf("\n    pow %.3f ulp", worst);
    CU_ASSERT(worst <= fn_info[FN_pow].ulp);
    arena_free(w.a);
}

/* C that the compiler made and prim_eval agree in every bit. */
static void test_same_bits(void) {
    static float x[LANE_BLOCK], y[LANE_BLOCK];
    Code c = code_new();
    Place w = place_new();
    CU_ASSERT_FATAL(c.n == 2);
    for (int f = 0; f < NFN; f++) {
        if (!sweepable((Fn)f))
            continue;
        BlockFn *block;
        char name[64];
        int different = 0;
        const Steps *s = steps_new(w.a, x_expand(w.p, call_vars(w.p, (Fn)f, F32)));
        snprintf(name, sizeof name, "block_%s", fn_info[f].name);
        code_find(c.module[0], name, &block);
        for (int i = 0; i < LANE_BLOCK; i++)
            x[i] = float_of((uint32_t)i * 1048573u);
        block(x, y);
        for (int i = 0; i < LANE_BLOCK; i++) {
            float e = (float)steps_run(s, &(Num){.f = (double)x[i]}).f;
            different += !(isnan(e) && isnan(y[i])) && memcmp(&e, &y[i], sizeof e);
        }
        if (different)
            printf("\n    %s: %d of %d differ", fn_info[f].name, different, LANE_BLOCK);
        CU_ASSERT(different == 0);
    }
    arena_free(w.a);
    code_free(&c);
}

/* --- special values --- */

static const double special[] = {0,
                                 -0.0,
                                 INFINITY,
                                 -INFINITY,
                                 NAN,
                                 1,
                                 -1,
                                 2,
                                 -2,
                                 3,
                                 -3,
                                 0.5,
                                 -0.5,
                                 2.5,
                                 -2.5,
                                 7.5,
                                 0x1.fffffep-1,
                                 0x1.000002p0,
                                 88.5,
                                 89,
                                 -87.5,
                                 -100,
                                 -103.5,
                                 -104,
                                 100,
                                 1e4,
                                 -1e4,
                                 1e10,
                                 -1e10,
                                 0x1p-149,
                                 -0x1p-149,
                                 0x1p-130,
                                 -0x1p-130,
                                 0x1p-126,
                                 0x1.fffffep127,
                                 -0x1.fffffep127,
                                 0x1p24,
                                 0x1.000002p23,
                                 8388607.5,
                                 -8388607.5,
                                 16777217,
                                 33554434};

/* As the C library, signs of zeros included. */
static void special_case(Place w, Fn fn, const double *arg) {
    const FnInfo *f = &fn_info[fn];
    double x[MAX_ARGS] = {0};
    for (int i = 0; i < f->nargs; i++)
        x[i] = (double)(float)arg[i];
    Num n = fun_eval_wide(fn, x);
    double got = value32(w, fn, x), want = f->rule == T_BOOL ? (double)n.i : n.f;
    bool ok = ulps(got, want) <= fmax(f->ulp, 0.5) &&
              (isnan(want) || !signbit(got) == !signbit(want));
    if (!ok)
        printf("\n    %s(%.9g, %.9g, %.9g) = %.9g, expected %.9g", f->name, x[0], x[1],
               x[2], got, want);
    CU_ASSERT(ok);
}

static void test_special(void) {
    for (int f = 0; f < NFN; f++) {
        if (fn_info[f].prim || !fn_takes((Fn)f, F32))
            continue;
        Place w = place_new();
        for (size_t i = 0; i < COUNT(special); i++)
            for (size_t j = 0; j < (fn_info[f].nargs > 1 ? COUNT(special) : 1); j++) {
                double bounds[] = {special[i], -1, 2},
                       pair[] = {special[i], special[j]};
                special_case(w, (Fn)f, fn_info[f].nargs == 3 ? bounds : pair);
            }
        arena_free(w.a);
    }
}

/* Exact results, to the last bit of a denormal. */
static void test_exact(void) {
    static const struct {
        Fn fn;
        double x, want;
    } row[] = {{FN_exp, 0, 1},
               {FN_exp, -0.0, 1},
               {FN_exp, -INFINITY, 0},
               {FN_exp, -104, 0},
               {FN_exp, -103.9, 0x1p-149},
               {FN_exp, -100, 27 * 0x1p-149},
               {FN_exp, 89, INFINITY},
               {FN_sigmoid, -100, 27 * 0x1p-149},
               {FN_sigmoid, 0, 0.5},
               {FN_sigmoid, 100, 1},
               {FN_softplus, -100, 27 * 0x1p-149},
               {FN_softplus, 100, 100},
               {FN_tanh, 0x1p-149, 0x1p-149},
               {FN_tanh, -0.0, -0.0},
               {FN_tanh, 20, 1},
               {FN_tanh, -INFINITY, -1},
               {FN_erf, -0.0, -0.0},
               {FN_erf, 5, 1},
               {FN_erf, -INFINITY, -1},
               {FN_log, 1, 0},
               {FN_log, 0, -INFINITY},
               {FN_log, -0.0, -INFINITY},
               {FN_log, -1, NAN},
               {FN_log1p, -1, -INFINITY},
               {FN_log1p, -0.0, -0.0},
               {FN_log1p, 0x1p-140, 0x1p-140},
               {FN_expm1, -0.0, -0.0},
               {FN_expm1, 0x1p-140, 0x1p-140},
               {FN_expm1, -50, -1},
               {FN_exp2, 10, 1024},
               {FN_exp2, -149, 0x1p-149},
               {FN_exp2, -150.5, 0},
               {FN_exp2, 128, INFINITY},
               {FN_round, 0.5, 0},
               {FN_round, 1.5, 2},
               {FN_round, 2.5, 2},
               {FN_round, -0.5, -0.0},
               {FN_floor, -0.5, -1},
               {FN_ceil, -0.5, -0.0},
               {FN_floor, 8388607.5, 8388607},
               {FN_sin, -0.0, -0.0},
               {FN_sin, INFINITY, NAN},
               {FN_cos, 0, 1},
               {FN_sign, -0.0, 0},
               {FN_relu, NAN, NAN},
               {FN_abs, -0.0, 0},
               {FN_gelu, -1e30, -0.0},
               {FN_silu, 1e30, (float)1e30}};
    Place w = place_new();
    for (size_t i = 0; i < COUNT(row); i++) {
        double got = value32(w, row[i].fn, (double[]){(double)(float)row[i].x});
        bool ok = (isnan(got) && isnan(row[i].want)) ||
                  (got == row[i].want && !signbit(got) == !signbit(row[i].want));
        if (!ok)
            printf("\n    %s(%g) = %g, expected %g", fn_info[row[i].fn].name, row[i].x,
                   got, row[i].want);
        CU_ASSERT(ok);
    }
    arena_free(w.a);
}

/* --- expansion --- */

static void only_prims(const Expr *e, void *user) {
    if (e->kind == X_CALL && !fn_info[e->fn].prim)
        ++*(int *)user;
}

static void count_calls(const Expr *e, void *user) {
    if (e->kind == X_CALL && e->fn != FN_bits)
        ++*(int *)user;
}

static int calls(const Expr *e) {
    int n = 0;
    x_visit(e, count_calls, &n);
    return n;
}

static void test_expand(void) {
    Place w = place_new();
    Pool *p = w.p;
    for (int f = 0; f < NFN; f++)
        for (int t = 0; t < NDTYPE; t++) {
            int defined = 0;
            if (fn_info[f].prim || !fn_takes((Fn)f, (DType)t))
                continue;
            const Expr *e = call_vars(p, (Fn)f, (DType)t), *x = x_expand(p, e);
            x_visit(x, only_prims, &defined);
            CU_ASSERT(defined == 0 && x->type == e->type && x == x_expand(p, e));
        }
    CU_ASSERT(!fn_takes(FN_exp, I32) && fn_takes(FN_max, I32) &&
              !fn_takes(FN_philox, F32));
    CU_ASSERT(fn_takes(FN_add, U8) && !fn_takes(FN_div, I64) &&
              fn_takes(FN_select, BOOL));
    /* vectors, with constants splatted; scalars beside them */
    const Expr *v = x_var(p, F32, 8, 0), *s = x_var(p, F32, 1, 0);
    const Expr *e = x_expand(p, x_call2(p, FN_elu, v, x_splat(p, 8, x_num(p, F32, 1))));
    CU_ASSERT(e->lanes == 8 && e->type == F32);
    /* expansions share: gelu's slope reuses the exponential of gelu */
    const Expr *read[1], *g = call_reads(p, FN_gelu, F32, read),
                         *d = x_derive(p, g, read[0]);
    int apart = calls(x_expand(p, g)),
        together = calls(x_expand(p, x_call2(p, FN_add, g, d)));
    CU_ASSERT(together <= apart + 4);
    /* f64 goes through f32 */
    CU_ASSERT(x_expand(p, x_call1(p, FN_exp, x_call1(p, FN_f64, s)))->fn == FN_f64);
    arena_free(w.a);
}

/* The hot ones stay short. */
static void test_length(void) {
    static const struct {
        Fn fn;
        int most;
    } row[] = {{FN_relu, 2},  {FN_exp, 30},      {FN_sigmoid, 32},
               {FN_tanh, 39}, {FN_gelu, 53},     {FN_silu, 33},
               {FN_erf, 49},  {FN_softplus, 48}, {FN_log, 44}};
    Place w = place_new();
    for (size_t i = 0; i < COUNT(row); i++)
        CU_ASSERT(calls(x_expand(w.p, call_vars(w.p, row[i].fn, F32))) <= row[i].most);
    arena_free(w.a);
}

static void test_names(void) {
    Fn fn = NFN;
    CU_ASSERT(fn_parse("max", 3, &fn) && fn == FN_max);
    CU_ASSERT(fn_parse("expm1", 3, &fn) && fn == FN_exp);
    CU_ASSERT(!fn_parse("nothing", 7, &fn) && !fn_parse("ex", 2, &fn));
    for (int i = 0; i < NFN; i++)
        CU_ASSERT(fn_parse(fn_info[i].name, strlen(fn_info[i].name), &fn) &&
                  fn == (Fn)i);
}

/* --- random numbers --- */

/* The known answers that come with Random123. */
static void test_philox(void) {
    static const struct {
        uint32_t in[6], out[4];
    } row[] = {
        {{0, 0, 0, 0, 0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
    Place w = place_new();
    const Steps *s = steps_new(w.a, x_expand(w.p, call_vars(w.p, FN_philox, U32)));
    const Steps *u = steps_new(w.a, x_expand(w.p, call_vars(w.p, FN_uniform, U32)));
    for (size_t i = 0; i < COUNT(row); i++)
        for (uint32_t word = 0; word < 4; word++) {
            Num in[MAX_ARGS];
            double wide[MAX_ARGS];
            for (int k = 0; k < 7; k++) {
                in[k].i = k < 6 ? row[i].in[k] : word;
                wide[k] = (double)in[k].i;
            }
            CU_ASSERT(steps_run(s, in).i == row[i].out[word]);
            CU_ASSERT(fun_eval_wide(FN_philox, wide).i == row[i].out[word]);
            CU_ASSERT(steps_run(u, in).f == (row[i].out[word] >> 8) * 0x1p-24);
            CU_ASSERT(fun_eval_wide(FN_uniform, wide).f ==
                      (row[i].out[word] >> 8) * 0x1p-24);
        }
    arena_free(w.a);
}

enum { DRAWS = 100000 };

/* Element `at` of a stream: counter at/4, word at%4. */
static double draw(const Steps *s, Fn fn, uint32_t at, double *wide) {
    Num in[7] = {{.i = at / 4}, {.i = 7}, {.i = 0},     {.i = 0},
                 {.i = 42},     {.i = 1}, {.i = at % 4}};
    double x[7];
    for (int k = 0; k < 7; k++)
        x[k] = (double)in[k].i;
    *wide = fun_eval_wide(fn, x).f;
    return steps_run(s, in).f;
}

static void test_uniform(void) {
    Place w = place_new();
    const Steps *s = steps_new(w.a, x_expand(w.p, call_vars(w.p, FN_uniform, U32)));
    double sum = 0, squares = 0, lag = 0, last = 0.5, wide;
    int bin[20] = {0}, bad = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        double u = draw(s, FN_uniform, i, &wide);
        bad += !(u >= 0 && u < 1) || u != wide;
        sum += u;
        squares += u * u;
        lag += (u - 0.5) * (last - 0.5);
        bin[(int)(u * 20)]++;
        last = u;
    }
    double chi = 0, each = DRAWS / 20.0;
    for (int i = 0; i < 20; i++)
        chi += (bin[i] - each) * (bin[i] - each) / each;
    CU_ASSERT(bad == 0);
    CU_ASSERT_DOUBLE_EQUAL(sum / DRAWS, 0.5, 0.004);
    CU_ASSERT_DOUBLE_EQUAL(squares / DRAWS, 1 / 3.0, 0.004);
    CU_ASSERT_DOUBLE_EQUAL(lag / DRAWS, 0, 0.001);
    CU_ASSERT(chi < 43.8); /* 19 degrees of freedom: once in a thousand */
    arena_free(w.a);
}

static void test_normal(void) {
    Place w = place_new();
    const Steps *s = steps_new(w.a, x_expand(w.p, call_vars(w.p, FN_normal, U32)));
    double m[5] = {0}, lag = 0, last = 0, worst = 0, wide;
    int beyond[4] = {0};
    for (uint32_t i = 0; i < DRAWS; i++) {
        double z = draw(s, FN_normal, i, &wide), power = 1;
        worst = fmax(worst, fabs(z - wide));
        for (int k = 0; k < 5; k++, power *= z)
            m[k] += power / DRAWS;
        for (int k = 1; k < 4; k++)
            beyond[k] += fabs(z) > k;
        lag += z * last / DRAWS;
        last = z;
        CU_ASSERT(fabs(z) < 5.8);
    }
    printf("\n    mean %.4f, variance %.4f, skewness %.4f, fourth moment %.4f", m[1],
           m[2], m[3], m[4]);
    CU_ASSERT(worst < 2e-6);
    CU_ASSERT_DOUBLE_EQUAL(m[1], 0, 0.013);
    CU_ASSERT_DOUBLE_EQUAL(m[2], 1, 0.018);
    CU_ASSERT_DOUBLE_EQUAL(m[3], 0, 0.05);
    CU_ASSERT_DOUBLE_EQUAL(m[4], 3, 0.13);
    CU_ASSERT_DOUBLE_EQUAL(lag, 0, 0.013);
    CU_ASSERT_DOUBLE_EQUAL(beyond[1] / (double)DRAWS, 0.3173, 0.006);
    CU_ASSERT_DOUBLE_EQUAL(beyond[2] / (double)DRAWS, 0.0455, 0.003);
    CU_ASSERT_DOUBLE_EQUAL(beyond[3] / (double)DRAWS, 0.0027, 0.0007);
    /* the ends of both words: the largest radius, and angles that are whole quarters */
    CU_ASSERT(sqrt(-2 * log(0x1p-24)) < 5.8);
    arena_free(w.a);
}

/* --- primitives on constants --- */

static int64_t of_ints(Fn fn, DType t, int64_t a, int64_t b) {
    return prim_eval(fn, t, (Num[]){{.i = a}, {.i = b}}).i;
}

static double of_floats(Fn fn, DType t, double a, double b) {
    return prim_eval(fn, t, (Num[]){{.f = a}, {.f = b}}).f;
}

static void test_integers(void) {
    CU_ASSERT(of_ints(FN_add, I32, INT32_MAX, 1) == INT32_MIN);
    CU_ASSERT(of_ints(FN_mul, I32, 65536, 65536) == 0);
    CU_ASSERT(of_ints(FN_neg, I32, INT32_MIN, 0) == INT32_MIN);
    CU_ASSERT(of_ints(FN_sub, U32, 0, 1) == UINT32_MAX);
    CU_ASSERT(of_ints(FN_add, U8, 250, 10) == 4);
    CU_ASSERT(of_ints(FN_add, I64, INT64_MAX, 1) == INT64_MIN);
    CU_ASSERT(of_ints(FN_shr, I32, -8, 1) == -4 &&
              of_ints(FN_shr, U32, 0xfffffff8, 1) == 0x7ffffffc);
    CU_ASSERT(of_ints(FN_shr, U64, -1, 63) == 1 &&
              of_ints(FN_shl, I32, 1, 31) == INT32_MIN);
    CU_ASSERT(of_ints(FN_lt, U64, -1, 1) == 0 && of_ints(FN_lt, I64, -1, 1) == 1);
    CU_ASSERT(of_ints(FN_le, U32, 3, 3) == 1 && of_ints(FN_ne, BOOL, 1, 0) == 1);
    CU_ASSERT(of_ints(FN_mulhi, U32, 0xffffffff, 0xffffffff) == 0xfffffffe);
    CU_ASSERT(of_ints(FN_mulhi, U64, -1, -1) == -2);
    CU_ASSERT(of_ints(FN_mulhi, U64, INT64_C(0x123456789abcdef0), 16) == 1);
    CU_ASSERT(of_ints(FN_xor, BOOL, 1, 1) == 0 && of_ints(FN_and, U8, 12, 10) == 8);
    CU_ASSERT(of_ints(FN_u8, I32, -1, 0) == 255 &&
              of_ints(FN_i32, U32, 0xffffffff, 0) == -1);
    CU_ASSERT(of_ints(FN_i64, U32, 0xffffffff, 0) == 0xffffffff);
    CU_ASSERT(of_ints(FN_i32, U8, 255, 0) == 255 && of_ints(FN_u64, I32, -1, 0) == -1);
}

static void test_floats(void) {
    CU_ASSERT(of_floats(FN_add, F32, 1, 0x1p-24) == 1 &&
              of_floats(FN_add, F64, 1, 0x1p-24) > 1);
    CU_ASSERT(of_floats(FN_mul, F32, 0x1p-100, 0x1p-49) == 0x1p-149);
    CU_ASSERT(of_floats(FN_mul, F32, 0x1p100, 0x1p100) == INFINITY);
    CU_ASSERT(of_floats(FN_div, F32, 1, 3) == (double)(1.0f / 3.0f) &&
              isnan(of_floats(FN_div, F32, 0, 0)));
    CU_ASSERT(of_floats(FN_sqrt, F32, 2, 0) == (double)sqrtf(2) &&
              isnan(of_floats(FN_sqrt, F64, -1, 0)));
    CU_ASSERT(signbit(of_floats(FN_neg, F32, 0, 0)) &&
              signbit(of_floats(FN_sqrt, F32, -0.0, 0)));
    double e = 0x1p-12, x = 1 + e, fused = -(1 + 2 * e);
    CU_ASSERT(prim_eval(FN_fma, F32, (Num[]){{.f = x}, {.f = x}, {.f = fused}}).f ==
              e * e);
    CU_ASSERT(prim_eval(FN_lt, F32, (Num[]){{.f = NAN}, {.f = 1}}).i == 0);
    CU_ASSERT(prim_eval(FN_ne, F64, (Num[]){{.f = NAN}, {.f = NAN}}).i == 1);
    CU_ASSERT(prim_eval(FN_select, F32, (Num[]){{.i = 0}, {.f = 1}, {.f = 2}}).f == 2);
    CU_ASSERT(prim_eval(FN_bits, F32, &(Num){.f = 1}).i == 0x3f800000);
    CU_ASSERT(prim_eval(FN_bits, U32, &(Num){.i = 0x40490fdb}).f ==
              (double)0x1.921fb6p1f);
    CU_ASSERT(prim_eval(FN_bits, F64, &(Num){.f = 1}).i == INT64_C(0x3ff0000000000000));
    CU_ASSERT(prim_eval(FN_bits, U64, &(Num){.i = INT64_C(0x4000000000000000)}).f == 2);
    CU_ASSERT(prim_eval(FN_f32, F64, &(Num){.f = 0.1}).f == (double)0.1f);
    CU_ASSERT(
        prim_eval(FN_f32, I64, &(Num){.i = (INT64_C(1) << 54) + (1 << 30) + 1}).f ==
        0x1.000002p54); /* twice rounded it would be 2^54 */
    CU_ASSERT(prim_eval(FN_f64, U64, &(Num){.i = -1}).f == 0x1p64);
    CU_ASSERT(prim_eval(FN_i32, F32, &(Num){.f = -2.9}).i == -2);
    CU_ASSERT(prim_eval(FN_u8, F32, &(Num){.f = 255.9}).i == 255);
    CU_ASSERT(prim_eval(FN_u64, F64, &(Num){.f = 0x1p63}).i == INT64_MIN);
    CU_ASSERT(prim_eval(FN_i32, F64, &(Num){.f = NAN}).i == INT32_MIN);
    CU_ASSERT(prim_eval(FN_i64, F64, &(Num){.f = 1e30}).i == INT64_MIN);
    CU_ASSERT(prim_eval(FN_i64, F64, &(Num){.f = -0x1p63}).i == INT64_MIN);
}

int main(void) {
    static const UnitTest test[] = {{"names", test_names},
                                    {"integers", test_integers},
                                    {"floats", test_floats},
                                    {"expand", test_expand},
                                    {"length", test_length},
                                    {"exact", test_exact},
                                    {"special values", test_special},
                                    {"philox", test_philox},
                                    {"uniform", test_uniform},
                                    {"normal", test_normal},
                                    {"same bits as C", test_same_bits},
                                    {"pow", test_pow},
                                    {"accuracy", test_accuracy}};
    return unit_main("scalars", test, COUNT(test));
}
