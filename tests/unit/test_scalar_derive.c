/* Derivatives of scalar functions: values, kinks, and their form. */
#include "tests/unit/scalar_code.h"
#include "tests/unit/unit.h"

static bool close_to(double got, double want, double absolute, double relative) {
    return got == want || (isnan(got) && isnan(want)) ||
           fabs(got - want) <= absolute + relative * fabs(want);
}

static double wide_value(Fn fn, const double *x) {
    Num in[MAX_ARGS];
    if (!fn_info[fn].prim)
        return fun_eval_wide(fn, x).f;
    for (int i = 0; i < fn_info[fn].nargs; i++)
        in[i].f = x[i];
    return prim_eval(fn, F64, in).f;
}

/* Arguments from lo + width*(0, 1) each; others are around 0. */
static void domain(Fn fn, double *lo, double *width) {
    switch ((int)fn) {
    case FN_log:
    case FN_sqrt:
    case FN_rsqrt:
    case FN_pow: *lo = 0.2, *width = 3; return;
    case FN_log1p:
    case FN_asin:
    case FN_acos:
    case FN_atanh: *lo = -0.8, *width = 1.6; return;
    case FN_acosh:
    case FN_div: *lo = 1.2, *width = 3; return;
    default: *lo = -3.1, *width = 6.3;
    }
}

/* In double against central differences; in f32 against double. */
static void derivative_case(Place w, Fn fn, int k) {
    const Expr *read[MAX_ARGS] = {0}, *read32[MAX_ARGS] = {0};
    const Expr *e = call_reads(w.p, fn, F64, read),
               *e32 = call_reads(w.p, fn, F32, read32);
    const Expr *d = x_derive(w.p, e, read[k]), *d32 = x_derive(w.p, e32, read32[k]);
    double lo, width, h = 1e-6, x[MAX_ARGS] = {0};

    CU_ASSERT((d != NULL) == (d32 != NULL));
    if (!d)
        return;
    domain(fn, &lo, &width);
    const Steps *s = steps_new(w.a, d), *s32 = steps_new(w.a, x_expand(w.p, d32));
    for (int i = 0; i < 200; i++) {
        Num in[MAX_ARGS];
        for (int j = 0; j < fn_info[fn].nargs; j++) {
            double turn = (i + 1) * (0.6180339887498949 + 0.1180339887 * j);
            in[j].f = x[j] = (double)(float)(lo + width * (turn - floor(turn)));
        }
        double got = steps_run(s, in).f, got32 = steps_run(s32, in).f, at = x[k];
        x[k] = at + h;
        double up = wide_value(fn, x);
        x[k] = at - h;
        double want = (up - wide_value(fn, x)) / (2 * h);
        bool ok = close_to(got, want, 1e-7, 1e-5) && close_to(got32, got, 1e-6, 1e-6);
        if (!ok)
            printf("\n    d%d %s at %.9g %.9g: %.9g, in f32 %.9g, expected %.9g", k,
                   fn_info[fn].name, at, x[1], got, got32, want);
        CU_ASSERT(ok);
    }
}

static void test_derivatives(void) {
    for (int f = 0; f < NFN; f++) {
        Place w = place_new();
        for (int k = 0; k < fn_info[f].nargs && *fn_info[f].grad; k++)
            derivative_case(w, (Fn)f, k);
        arena_free(w.a);
    }
}

/* PyTorch's rules where left and right differ, and no NaN where it has none. */
static void test_kinks(void) {
    static const struct {
        Fn fn;
        int k;
        double x[3], want;
    } row[] = {{FN_relu, 0, {0}, 0},
               {FN_relu, 0, {NAN}, 1},
               {FN_abs, 0, {0}, 0},
               {FN_abs, 0, {-0.0}, 0},
               {FN_max, 0, {2, 2}, 0.5},
               {FN_max, 1, {2, 2}, 0.5},
               {FN_min, 0, {2, 2}, 0.5},
               {FN_leaky_relu, 0, {0, 0.1f}, 0.1f},
               {FN_elu, 0, {0, 0.5}, 0.5},
               {FN_elu, 0, {NAN, 1}, NAN},
               {FN_hardtanh, 0, {1, -1, 1}, 0},
               {FN_hardtanh, 0, {-1, -1, 1}, 0},
               {FN_hardtanh, 0, {0, -1, 1}, 1},
               {FN_clamp, 0, {1, -1, 1}, 1},
               {FN_clamp, 0, {-1, -1, 1}, 1},
               {FN_clamp, 0, {2, -1, 1}, 0},
               {FN_hardsigmoid, 0, {3}, 0},
               {FN_hardsigmoid, 0, {-3}, 0},
               {FN_hardswish, 0, {4}, 1},
               {FN_sqrt, 0, {0}, INFINITY},
               {FN_log, 0, {0}, INFINITY},
               {FN_pow, 0, {0, 0}, 0},
               {FN_pow, 1, {0, 2}, 0},
               {FN_pow, 0, {-2, 2}, -4},
               {FN_tanh, 0, {1e10}, 0},
               {FN_sigmoid, 0, {-1e10}, 0},
               {FN_sigmoid, 0, {1e10}, 0},
               {FN_softplus, 0, {1e10}, 1},
               {FN_softplus, 0, {-1e10}, 0},
               {FN_gelu, 0, {1e10}, 1},
               {FN_gelu, 0, {-1e10}, 0},
               {FN_silu, 0, {1e10}, 1},
               {FN_silu, 0, {-1e10}, 0},
               {FN_mish, 0, {1e10}, 1},
               {FN_mish, 0, {-1e10}, 0},
               {FN_gelu_tanh, 0, {1e4}, 1},
               {FN_gelu_tanh, 0, {-1e4}, 0},
               {FN_erf, 0, {1e10}, 0},
               {FN_exp, 0, {-INFINITY}, 0},
               {FN_selu, 0, {-INFINITY}, 0}};
    Place w = place_new();
    for (size_t i = 0; i < COUNT(row); i++) {
        const Expr *read[MAX_ARGS];
        const Expr *e = call_reads(w.p, row[i].fn, F32, read);
        const Expr *d = x_derive(w.p, e, read[row[i].k]);
        Num in[3];
        for (int j = 0; j < 3; j++)
            in[j].f = row[i].x[j];
        double got = steps_run(steps_new(w.a, x_expand(w.p, d)), in).f;
        if (!close_to(got, row[i].want, 1e-6, 0))
            printf("\n    d%d %s(%g) = %g, expected %g", row[i].k,
                   fn_info[row[i].fn].name, row[i].x[0], got, row[i].want);
        CU_ASSERT(close_to(got, row[i].want, 1e-6, 0));
    }
    arena_free(w.a);
}

static void derive_text(Place w, const Expr *e, const Expr *by, const char *want) {
    Text out = {0};
    const Expr *d = x_derive(w.p, e, by);
    if (d)
        x_print(&out, d, NULL);
    UNIT_SAME(d ? out.s : "0", want);
    text_free(&out);
}

static void test_derive_structure(void) {
    Place w = place_new();
    Pool *p = w.p;
    const Ix *i = ix_var(p, 0), *j = ix_addc(p, i, 1);
    const Expr *x = x_read(p, F32, 0, 1, &i), *y = x_read(p, F32, 0, 1, &j);
    const Expr *two = x_num(p, F32, 2), *tanh_x = x_call1(p, FN_tanh, x);
    Cond c = cond_ge0(p, i);

    derive_text(w, two, x, "0");
    derive_text(w, x, x, "1:f32");
    derive_text(w, y, x, "0");
    derive_text(w, x_call2(p, FN_mul, x, y), x, "%0[i0+1]");
    derive_text(w, x_call2(p, FN_mul, x, x), x, "(%0[i0] + %0[i0])");
    derive_text(w, x_call2(p, FN_sub, y, x), x, "-1:f32");
    derive_text(w, x_call1(p, FN_floor, x), x, "0");
    derive_text(w, x_call1(p, FN_detach, x_call1(p, FN_exp, x)), x, "0");
    derive_text(w, tanh_x, x, "(1:f32 - (tanh(%0[i0])*tanh(%0[i0])))");
    derive_text(w,
                x_call2(p, FN_mul, two, x_call1(p, FN_exp, x_call2(p, FN_mul, y, x))),
                x, "(2:f32*(exp((%0[i0+1]*%0[i0]))*%0[i0+1]))");
    derive_text(w, x_when(p, c, x_call2(p, FN_mul, x, y), two), x,
                "when(i0 >= 0, %0[i0+1], 0:f32)");
    derive_text(w, x_call1(p, FN_f64, x), x, "1:f64");
    derive_text(w, x_call3(p, FN_select, x_call2(p, FN_lt, x, y), x, two), x,
                "select(lt(%0[i0], %0[i0+1]), 1:f32, 0:f32)");
    /* what is chosen to be zero stays outside: no 0*inf */
    derive_text(w, x_call1(p, FN_exp, x_call1(p, FN_relu, x)), x,
                "select(le(relu(%0[i0]), 0:f32), 0:f32, exp(relu(%0[i0])))");
    derive_text(w, x_call2(p, FN_mul, y, x_when(p, c, x, two)), x,
                "when(i0 >= 0, %0[i0+1], 0:f32)");
    /* the result is the same node, so that a stored one can be used */
    const Expr *d = x_derive(p, tanh_x, x);
    CU_ASSERT(d->arg[1]->arg[0] == tanh_x && d->arg[1]->arg[1] == tanh_x);
    arena_free(w.a);
}

int main(void) {
    static const UnitTest test[] = {{"derivatives", test_derivatives},
                                    {"kinks", test_kinks},
                                    {"structure", test_derive_structure}};
    return unit_main("scalar_derive", test, COUNT(test));
}
