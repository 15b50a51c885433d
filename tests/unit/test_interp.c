/* The interpreter: known results, faults with kernel, statement and address, loops of
 * calls, threads' scratch. Its agreement with emitted C is test_emit_c.c's. */
#include "kernel_case.h"

#include <math.h>

static int run_one(World *w, const char *text, int n, CaseData *d) {
    Program *p = case_program(w, "portable");
    Kernel *k = case_parse(w, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(k);
    case_add(w, p, k);
    *d = case_data(w, k);
    Exec *e = exec_new(w->arena, diag_nowhere(w->diag), p, (ExecOptions){.backend = EXEC_INTERP});
    int status = case_run(e, p, 0, exec_ctx_new(w->arena, p, 1), n, d);
    exec_free(e);
    return status;
}

static void test_product(void) {
    World *w = world_new();
    CaseData d;
    CU_ASSERT_EQUAL(run_one(w,
        "kernel \"k\" {\n arg %0 f32[6] in out\n arg %1 f32[6] in out\n arg %2 f32[4] out\n"
        "for i0 = 0 to 6 free {\n %0[i0] = #f32(i0+1)\n %1[i0] = #f32(6-i0)\n}\n"
        "for i0 = 0 to 2 free {\n for i1 = 0 to 2 free {\n let v0 = 0:f32\n"
        " for i2 = 0 to 3 serial {\n set v0 = v0 + %0[3*i0+i2]*%1[2*i2+i1]\n }\n"
        " %2[2*i0+i1] = v0\n }\n}\n}\n", 1, &d), 0);
    static const float expected[] = {20, 14, 56, 41};
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(((float *)d.buf[2])[i], expected[i]);
    world_free(w);
}

static void test_vectors(void) {
    World *w = world_new();
    CaseData d;
    CU_ASSERT_EQUAL(run_one(w,
        "kernel \"k\" {\n arg %0 f32[8] out\n arg %1 i32[8] out\n arg %2 f32[4] out\n"
        "%0[0; 8, 1, 8] = #f32(1; 8, 2)*splat(8, 0.5:f32)\n"
        "let v0 = 0:i32\n"
        "for i0 = 0 to 1 free {\n"
        " %1[0; 8, 1, 8] = when@i0(i0-2 >= 0 && 5-i0 >= 0, #i32(0; 8, 10), splat(8, -1:i32))\n}\n"
        "%2[0] = tree.add(#f32(0; 8, 1))\n %2[1] = tree.max(#f32(0; 8, 1))\n"
        "%2[2] = tree.min(#f32(3; 8, 1))\n %2[3] = tree.mul(#f32(1; 4, 1))\n}\n", 1, &d), 0);
    static const int32_t lanes[] = {-1, -1, 20, 30, 40, 50, -1, -1};
    static const float folds[] = {28, 7, 3, 24};
    for (int i = 0; i < 8; i++) {
        CU_ASSERT_EQUAL(((float *)d.buf[0])[i], 0.5f + (float)i);
        CU_ASSERT_EQUAL(((int32_t *)d.buf[1])[i], lanes[i]);
    }
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(((float *)d.buf[2])[i], folds[i]);
    world_free(w);
}

/* Rounding is that of the type: f32 sums are not kept wider, fma rounds once. */
static void test_rounding(void) {
    World *w = world_new();
    CaseData d;
    CU_ASSERT_EQUAL(run_one(w,
        "kernel \"k\" {\n arg %0 f32[4] out\n arg %1 f64[1] out\n arg %2 u8[1] out\n"
        "let v0 = 1:f32\n let v1 = 0x1p-24:f32\n let v2 = 0x1.000002p0:f32\n"
        "%0[0] = (v0 + v1) - v0\n %0[1] = fma(v2, v2, neg(v2*v2))\n"
        "%0[2] = sqrt(v2 + v0)\n %0[3] = v0/(v2 + v0 + v0)\n"
        "let v3 = 1:f64\n %1[0] = (v3 + f64(v1)) - v3\n"
        "let v4 = 200:u8\n %2[0] = v4 + v4\n}\n", 1, &d), 0);
    const float *f = (float *)d.buf[0], x = 0x1.000002p0f;
    CU_ASSERT_EQUAL(f[0], 0);
    CU_ASSERT_EQUAL(f[1], fmaf(x, x, -(x * x)));
    CU_ASSERT_EQUAL(f[2], sqrtf(x + 1));
    CU_ASSERT_EQUAL(f[3], 1 / (x + 1 + 1));
    CU_ASSERT_EQUAL(((double *)d.buf[1])[0], 0x1p-24);
    CU_ASSERT_EQUAL(d.buf[2][0], 144);
    world_free(w);
}

static void test_faults(void) {
    static const struct { const char *body, *error; } bad[] = {
        {"for i0 = 0 to 9 free {\n %1[i0] = 1:f32\n}\n",
         "0: k0: stores %1[8] of 8 elements at i0=8, in: %1[i0] = 1:f32\n"},
        {"for i0 = 0 to 2 free {\n for i1 = 0 to 8 free {\n let v0 = %0[i1-i0]\n %1[0] = v0\n}\n}\n",
         "0: k0: reads %0[-1] of 8 elements at i0=1 i1=0, in: let v0 = %0[-i0+i1]\n"},
        {"%1[1; 8, 1, 8] = splat(8, 0:f32)\n", "0: k0: stores %1[8] of 8"},
        {"%1[0; 8, 1, 8] = %0[2; 8, 1, 7]\n", "0: k0: reads %0[8] of 8"},
        {"%1[0] = %0[%2[1]+8]\n", "0: k0: reads %0["},
        {"%1[0] = %0[%2[4]]\n", "0: k0: reads %2[4] of 4"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        World *w = world_new();
        CaseData d;
        const char *text = arena_printf(w->arena, "kernel \"k\" {\n arg %%0 f32[8] in\n"
                                        " arg %%1 f32[8] out\n arg %%2 i32[4] in \"index\"\n%s}\n",
                                        bad[i].body);
        CU_ASSERT_EQUAL(run_one(w, text, 1, &d), 2);
        bool same = w->errors.s && strncmp(w->errors.s, bad[i].error, strlen(bad[i].error)) == 0;
        if (!same)
            fprintf(stderr, "expected '%s', got '%s'\n", bad[i].error, w->errors.s ? w->errors.s : "");
        CU_ASSERT(same);
        world_free(w);
    }
}

/* What guards keep from being read is not read, in scalars and in lanes. */
static void test_lazy(void) {
    World *w = world_new();
    CaseData d;
    CU_ASSERT_EQUAL(run_one(w,
        "kernel \"k\" {\n arg %0 f32[4] in\n arg %1 f32[16] out\n"
        "for i0 = 0 to 16 step 8 free {\n"
        " %1[i0; 8, 1, 8] = when@i0(3-i0 >= 0, %0[i0; 8, 1, 8], splat(8, 0:f32))\n}\n"
        "for i0 = 0 to 16 free {\n if i0-8 >= 0 {\n"
        " %1[i0] = when(i0-12 >= 0, %0[i0-12], 7:f32)\n }\n}\n}\n", 1, &d), 0);
    const float *x = (float *)d.buf[0], *y = (float *)d.buf[1];
    for (int i = 0; i < 16; i++) {
        float expected = i < 4 ? x[i] : i < 8 ? 0 : i < 12 ? 7 : x[i - 12];
        CU_ASSERT(y[i] == expected || (y[i] != y[i] && expected != expected));
    }
    world_free(w);
}

/* The second arm of a guard inside a guard is for lanes that both leave to it. */
static void test_lazy_twice(void) {
    World *w = world_new();
    CaseData d;
    CU_ASSERT_EQUAL(run_one(w,
        "kernel \"k\" {\n arg %0 f32[6] in\n arg %1 f32[8] out\n"
        "for i0 = 0 to 8 step 8 free {\n"
        " %1[i0; 8, 1, 8] = when@i0(5-i0 >= 0, when@i0(3-i0 >= 0, splat(8, 1:f32),"
        " %0[i0; 8, 1, 8]), splat(8, 2:f32))\n}\n}\n", 1, &d), 0);
    const float *x = (float *)d.buf[0], *y = (float *)d.buf[1];
    for (int i = 0; i < 8; i++) {
        float expected = i < 4 ? 1 : i > 5 ? 2 : x[i];
        CU_ASSERT(y[i] == expected || (y[i] != y[i] && expected != expected));
    }
    world_free(w);
}

/* Inputs are as long as this call's batch, not as its bound. */
static void test_batch(void) {
    static const char text[] =
        "kernel \"k\" {\n arg %0 f32[122] in\n arg %1 f32[122] out\n"
        "for i0 = 0 to n free {\n %1[2*i0] = %0[2*i0+1]\n}\n}\n";
    World *w = world_new();
    Program *p = case_program(w, "portable");
    case_add(w, p, case_parse(w, text));
    Slot *s = &p->input.slot[0];
    s->type = (Type){.dtype = F32, .rank = 2, .dim = {{CASE_N, true}, {2, false}}};
    CaseData d = case_data(w, p->kernel[0]);
    Exec *e = exec_new(w->arena, diag_nowhere(w->diag), p, (ExecOptions){.backend = EXEC_INTERP});
    void *ctx = exec_ctx_new(w->arena, p, 1);
    CU_ASSERT_EQUAL(case_run(e, p, 0, ctx, 5, &d), 0);
    s->type.dim[1].n = 1;              /* five elements: not what the kernel reads */
    CU_ASSERT_EQUAL(case_run(e, p, 0, ctx, 5, &d), 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->errors.s);
    CU_ASSERT_PTR_NOT_NULL(strstr(w->errors.s, "reads %0[5] of 5 elements at i0=2"));
    CU_ASSERT_EQUAL(case_run(e, p, 0, ctx, CASE_N + 1, &d), 1);
    exec_free(e);
    world_free(w);
}

int main(void) {
    static const UnitTest tests[] = {
        {"product", test_product}, {"vectors", test_vectors}, {"rounding", test_rounding},
        {"faults", test_faults}, {"lazy", test_lazy},
        {"lazy twice", test_lazy_twice}, {"batch", test_batch},
    };
    return unit_main("interp", tests, COUNT(tests));
}
