/* Loop IR: its text form there and back, what the verifier finds, hashes, targets. */
#include "emit_kernels.h"
#include "kernel_case.h"

static char *printed(World *w, const Kernel *k) {
    Text t = {0};
    loop_print(&t, k);
    char *s = arena_printf(w->arena, "%s", t.s);
    text_free(&t);
    return s;
}

/* Text -> kernel -> text -> kernel, in another pool: the second text is the first. */
static void check_round_trip(const char *body, int lanes) {
    World *w = world_new(), *v = world_new();
    Kernel *k = case_parse(w, case_text(w, "k \\x221\\x22\\x0a", body, lanes));
    CU_ASSERT_PTR_NOT_NULL_FATAL(k);
    char *text = printed(w, k);
    Kernel *again = case_parse(w, text), *other = case_parse(v, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT_PTR_NOT_NULL_FATAL(other);
    UNIT_SAME(printed(w, again), text);
    UNIT_SAME(printed(v, other), text);
    CU_ASSERT_EQUAL(again->hash, k->hash);
    CU_ASSERT_EQUAL(again->nloop, k->nloop);
    CU_ASSERT_EQUAL(again->nvar, k->nvar);
    CU_ASSERT_EQUAL(again->parallel, k->parallel);
    world_free(w);
    world_free(v);
}

static void test_round_trip(void) {
    for (size_t i = 0; i < COUNT(kernels) + COUNT(more_kernels); i++) {
        const KernelText *k = i < COUNT(kernels) ? &kernels[i] : &more_kernels[i - COUNT(kernels)];
        check_round_trip(k->text, 8);
        if (!strstr(k->text, "when@"))
            check_round_trip(k->text, 1);
    }
}

static void test_text(void) {
    static const char text[] =
        "kernel \"k0\" work 1.5 {\n"
        "  arg %0 f32[64] in restrict \"x\"\n"
        "  arg %1 f32[64] in out\n"
        "  local %2 i32[4]\n"
        "  let v0 = splat(8, 0:f32)\n"
        "  for i0 = 0 to n step 4 parallel {\n"
        "    comment \"a \\x22b\\x22\"\n"
        "    for i1 = 2*i0+1 to min(i0+9, 64) serial {\n"
        "      if i0-i1 == 0 && i1-3 >= 0 {\n"
        "        set v0 = (v0 + %0[i1-3; 8, 2, 5])\n"
        "      }\n"
        "    }\n"
        "    %1[i0; 8, 1, 7] = when@i0(i0-2 >= 0, v0, splat(8, %0[%2[(i0)%4]]))\n"
        "    %1[i0] = tree.max(v0)\n"
        "  }\n"
        "}\n";
    World *w = world_new();
    Kernel *k = case_parse(w, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(k);
    UNIT_SAME(printed(w, k), text);
    CU_ASSERT_EQUAL(k->work, 1.5);
    CU_ASSERT(k->parallel);
    UNIT_SAME(k->buf[0].name, "x");
    world_free(w);
}

/* Definitions written out share most of their values: a tree of them would not end. */
static void test_shared(void) {
    World *w = world_new();
    Kernel *k = case_parse(w, case_text(w, "k", "arg %0 f32[64] in\n arg %1 f32[64] out\n"
                                        "%1[0; $L, 1, $L] = pow(tanh(%0[0; $L, 1, $L]),"
                                        " exp(%0[0; $L, 1, $L]))\n", 8));
    CU_ASSERT_PTR_NOT_NULL_FATAL(k);
    k = (Kernel *)(uintptr_t)kernel_expand(w->arena, w->pool, k);
    char *text = printed(w, k);
    CU_ASSERT(strlen(text) < 20000);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "  with s1 = "));
    Kernel *again = case_parse(w, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT_PTR_EQUAL(again->body->value, k->body->value);
    CU_ASSERT_PTR_NULL(loop_verify(w->arena, w->pool, again, 1, target_find("avx2")));
    world_free(w);
}

static void test_errors(void) {
    static const struct { const char *text, *error; } bad[] = {
        {"kernel \"k\" {\n arg %1 f32[4] in\n}\n", "2: expected buffer %0"},
        {"kernel \"k\" {\n arg %0 f33[4] in\n}\n", "2: expected an element type"},
        {"kernel \"k\" {\n for i0 = 0 to 4 sideways {\n }\n}\n", "2: expected free, serial"},
        {"kernel \"k\" {\n for i0 = 0 to 4 step 0 free {\n }\n}\n", "2: step must be positive"},
        {"kernel \"k\" {\n arg %0 f32[4] out\n\n %0[0; 4, 1, 4] = 1:f32\n}\n", "4: stores 1 lanes as 4"},
        {"kernel \"k\" {\n let x = 1:f32\n}\n", "2: expected a local variable"},
        {"kernel \"k\" {\n arg %0 f32[4] out\n %0[0] = v3\n}\n", "3: "},
        {"kernel \"k\" {\n arg %0 f32[4] out\n %0[0] = %7[1]\n}\n", "3: unknown buffer '%7'"},
        {"kernel \"k\" {\n with s2 = 1:f32\n}\n", "2: expected s1"},
        {"kernel \"k\" {\n}\nkernel", "3: text after the kernel's end"},
        {"kernel \"k\" {\n arg %0 f32[4] out\n %0[0] = 1:f32\n", ""},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        World *w = world_new();
        CU_ASSERT_PTR_NULL(loop_parse(w->arena, w->pool, w->strs,
                                      diag_source(w->diag, "k", bad[i].text, strlen(bad[i].text))));
        bool same = w->errors.s && strncmp(w->errors.s, bad[i].error, strlen(bad[i].error)) == 0;
        if (!same)
            fprintf(stderr, "expected '%s', got '%s'\n", bad[i].error, w->errors.s ? w->errors.s : "");
        CU_ASSERT(same);
        world_free(w);
    }
}

/* Bodies over %0 f32[64] in, %1 f32[64] out, %2 i32[8] in; NULL: sound. */
static const struct { const char *body, *fault; } verified[] = {
    {"for i0 = 0 to 64 free {\n %1[i0] = %0[63-i0]\n}\n", NULL},
    {"for i0 = 0 to 65 free {\n %1[i0] = 1:f32\n}\n", "%1[i0] may lie beyond"},
    {"for i0 = 0 to 64 free {\n %1[i0] = %0[i0-1]\n}\n", "%0[i0-1] may lie before"},
    {"for i0 = 0 to 64 free {\n %1[i0] = when(i0-1 >= 0, %0[i0-1], 0:f32)\n}\n", NULL},
    {"for i0 = 0 to 64 free {\n %1[i0] = when(i0-1 >= 0, 0:f32, %0[i0+63])\n}\n", NULL},
    {"for i0 = 0 to 64 free {\n %1[i0] = when(i0-1 >= 0, 0:f32, %0[i0+64])\n}\n", "may lie beyond"},
    /* padding: two guarded indices, an address made of both */
    {"for i0 = 0 to 8 free {\n for i1 = 0 to 8 free {\n for i2 = 0 to 3 serial {\n"
     "if i0+i2-1 >= 0 && 8-i0-i2 >= 0 {\n if i1-2 >= 0 {\n"
     "%1[8*i0+8*i2+i1-10] = 1:f32\n}\n}\n}\n}\n}\n", NULL},
    {"for i0 = 0 to 8 free {\n for i1 = 0 to 8 free {\n for i2 = 0 to 3 serial {\n"
     "if i0+i2-1 >= 0 {\n if i1-2 >= 0 {\n"
     "%1[8*i0+8*i2+i1-10] = 1:f32\n}\n}\n}\n}\n}\n", "may lie beyond"},
    /* relative places: what is left of the last guard needs the first */
    {"for i0 = 0 to 9 free {\n for i1 = 0 to 12 serial {\n if i1-4 >= 0 && 7-i1 >= 0 {\n"
     "if i0-i1+3 >= 0 && i1-i0 >= 0 {\n %1[5*i1-4*i0-4] = 1:f32\n}\n}\n}\n}\n", NULL},
    /* a reflected place, split in fours */
    {"for i0 = 0 to 3 free {\n for i1 = 0 to 4 free {\n if 10-4*i0-i1 >= 0 {\n"
     "%1[abs(4*i0+i1-2)+55] = 1:f32\n}\n}\n}\n", NULL},
    {"for i0 = 0 to 3 free {\n for i1 = 0 to 4 free {\n if 10-4*i0-i1 >= 0 {\n"
     "%1[abs(4*i0+i1-2)+56] = 1:f32\n}\n}\n}\n", "may lie beyond"},
    /* blocks: min in a bound, remainders, steps */
    {"for i0 = 0 to 64 step 24 free {\n %1[i0+23] = 1:f32\n}\n", NULL},
    {"for i0 = 0 to 64 step 24 free {\n %1[i0+40] = 1:f32\n}\n", "may lie beyond"},
    {"for i0 = 0 to 100 step 50 free {\n for i1 = i0 to min(i0+50, 64) free {\n %1[i1] = 1:f32\n}\n}\n", NULL},
    {"for i0 = 0 to n step 8 free {\n %1[i0+7] = 1:f32\n}\n"
     "for i0 = 8*((n)/8) to n free {\n %1[i0] = 1:f32\n}\n", NULL},
    {"for i0 = 0 to n step 8 free {\n %1[i0+11] = 1:f32\n}\n", "may lie beyond"},
    {"for i0 = 0 to 128 free {\n %1[(i0)/2] = %0[(i0)%64]\n}\n", NULL},
    {"for i0 = 0 to 128 free {\n for i1 = 4*((i0)/4) to i0 free {\n %1[16*(i0-i1)] = 1:f32\n}\n}\n", NULL},
    {"for i0 = 0 to 64 free {\n %1[i0] = %0[max(min(i0-5, 63), 0)] + %0[min(abs(i0-9), 63)]\n}\n", NULL},
    {"for i0 = 0 to 8 free {\n %1[%2[i0]] = 1:f32\n}\n", NULL},
    {"for i0 = 0 to 9 free {\n %1[%2[i0]] = 1:f32\n}\n", "%2[i0] may lie beyond"},
    {"for i0 = 0 to 8 free {\n %1[%0[i0]] = 1:f32\n}\n", "%0 in a subscript is f32"},
    /* lanes */
    {"for i0 = 0 to 64 step 8 free {\n %1[i0; 8, 1, 8] = %0[i0; 8, 1, 8]\n}\n", NULL},
    {"%1[60; 8, 1, 8] = splat(8, 0:f32)\n", "may lie beyond"},
    {"%1[60; 8, 1, 4] = %0[0; 8, 20, 4]\n", NULL},
    {"%1[60; 8, 1, 9] = splat(8, 0:f32)\n", "stores 9 of 8 lanes"},
    {"%1[0; 8, -1, 8] = splat(8, 0:f32)\n", "may lie before"},
    {"for i0 = 0 to 64 step 8 free {\n %1[i0; 8, 1, 8] = when@i0(i0-3 >= 0, %0[i0-3; 8, 1, 8], splat(8, 0:f32))\n}\n", NULL},
    {"for i0 = 0 to 64 step 8 free {\n %1[i0; 8, 1, 8] = when@i0(i0-3 >= 0, %0[i0-4; 8, 1, 8], splat(8, 0:f32))\n}\n", "may lie before"},
    {"%1[0; 16, 1, 16] = splat(16, 0:f32)\n", "16 lanes, avx2 has 8"},
    {"%1[0; 6, 1, 6] = splat(6, 0:f32)\n", "6 lanes"},
    /* scopes and types */
    {"for i0 = 0 to 4 free {\n let v0 = 1:f32\n}\n", NULL},
    {"for i0 = 0 to 4 free {\n let v0 = 1:f32\n}\n%1[0] = v0\n", "v0 is used before it is declared"},
    {"set v0 = 1:f32\nlet v0 = 2:f32\n", "v0 is set before"},
    {"let v0 = 1:f32\nlet v0 = 2:f32\n", "v0 is declared twice"},
    {"%1[i0] = 1:f32\n", "i0 is used outside its loop"},
    {"for i0 = 0 to 4 free {\n for i0 = 0 to 4 free {\n}\n}\n", "i0 of 1 is already in use"},
    {"%1[0] = 1:f64\n", "%1 is f32, stored as f64"},
    {"%0[0] = 1:f32\n", "%0 is written, but not marked so"},
    {"%1[0] = %1[1]\n", "%1 is read, but not marked so"},
    {"for i0 = 0 to 4 parallel {\n %1[i0] = 1:f32\n}\n", NULL},
    {"for i0 = 0 to 4 parallel {\n}\nfor i1 = 0 to 4 free {\n}\n", "statements beside the parallel loop"},
    {"for i0 = 0 to 4 free {\n for i1 = 0 to 4 parallel {\n}\n}\n", "parallel"},
};

static void test_verify(void) {
    for (size_t i = 0; i < COUNT(verified); i++) {
        World *w = world_new();
        Kernel *k = case_parse(w, arena_printf(w->arena, "kernel \"k\" {\n arg %%0 f32[64] in\n"
                                               " arg %%1 f32[64] out\n arg %%2 i32[8] in\n%s}\n",
                                               verified[i].body));
        CU_ASSERT_PTR_NOT_NULL_FATAL(k);
        const char *got = loop_verify(w->arena, w->pool, k, 64, target_find("avx2"));
        const char *expected = verified[i].fault;
        bool same = expected ? got && strstr(got, expected) : !got;
        if (!same)
            fprintf(stderr, "%sexpected '%s', got '%s'\n", verified[i].body,
                    expected ? expected : "sound", got ? got : "sound");
        CU_ASSERT(same);
        world_free(w);
    }
}

static void test_verify_fma(void) {
    World *w = world_new();
    Kernel *k = case_parse(w, "kernel \"k\" {\n arg %0 f32[1] out\n"
                              " let v0 = 1:f32\n %0[0] = fma(v0, v0, v0)\n}\n");
    CU_ASSERT_PTR_NULL(loop_verify(w->arena, w->pool, k, 1, target_find("avx2")));
    CU_ASSERT_PTR_NULL(loop_verify(w->arena, w->pool, k, 1, NULL));
    CU_ASSERT_PTR_NOT_NULL(loop_verify(w->arena, w->pool, k, 1, target_find("sse2")));
    world_free(w);
}

static void test_hash(void) {
    static const char *const text[] = {
        "kernel \"a\" {\n arg %0 f32[4] out \"x\"\n comment \"one\"\n %0[0] = 1:f32\n}\n",
        "kernel \"b\" {\n arg %0 f32[4] out \"y\"\n %0[0] = 1:f32\n}\n",
        "kernel \"a\" {\n arg %0 f32[4] out \"x\"\n %0[0] = 2:f32\n}\n",
        "kernel \"a\" {\n arg %0 f32[4] out \"x\"\n %0[1] = 1:f32\n}\n",
        "kernel \"a\" {\n arg %0 f32[5] out \"x\"\n %0[0] = 1:f32\n}\n",
        "kernel \"a\" {\n arg %0 f32[4] out restrict \"x\"\n %0[0] = 1:f32\n}\n",
        "kernel \"a\" {\n arg %0 f32[4] out\n for i0 = 0 to 1 free {\n %0[0] = 1:f32\n}\n}\n",
        "kernel \"a\" {\n arg %0 f32[4] out\n for i0 = 0 to 1 serial {\n %0[0] = 1:f32\n}\n}\n",
    };
    World *w = world_new();
    uint64_t hash[COUNT(text)];
    for (size_t i = 0; i < COUNT(text); i++)
        hash[i] = case_parse(w, text[i])->hash;
    CU_ASSERT_EQUAL(hash[0], hash[1]);             /* names and comments do not count */
    for (size_t i = 1; i < COUNT(text); i++)
        for (size_t j = i + 1; j < COUNT(text); j++)
            CU_ASSERT_NOT_EQUAL(hash[i], hash[j]);
    world_free(w);
}

static void test_memory(void) {
    World *w = world_new();
    Program *p = case_program(w, "portable");
    case_add(w, p, case_parse(w, "kernel \"k\" {\n arg %0 f32[1] out\n local %1 f32[3]\n"
                                 " local %2 u8[65]\n local %3 f64[1]\n}\n"));
    const Kernel *k = p->kernel[0];
    CU_ASSERT_EQUAL(kernel_local(k, 1), 0);
    CU_ASSERT_EQUAL(kernel_local(k, 2), 64);
    CU_ASSERT_EQUAL(kernel_local(k, 3), 192);
    CU_ASSERT_EQUAL(kernel_scratch(k), 256);
    p->entry[0].arena = 65;
    CU_ASSERT_EQUAL(program_planned(p), 128);
    CU_ASSERT_EQUAL(program_scratch(p), 256);
    world_free(w);
}

static void test_target(void) {
    CU_ASSERT_PTR_NULL(target_find("sse9"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(target_find("native"));
    for (int i = 0; i < target_count; i++)
        CU_ASSERT_PTR_EQUAL(target_find(target_info[i].name), &target_info[i]);
    CU_ASSERT_EQUAL(target_find("portable")->lanes, 1);
    CU_ASSERT_EQUAL(target_find("avx512")->lanes, 16);
#if defined __x86_64__
    CU_ASSERT(target_find("native")->vector);
#endif
}

static void test_program(void) {
    World *w = world_new();
    Program *p = case_program(w, "portable");
    Text t = {0};
    case_add(w, p, case_parse(w, "kernel \"k\" {\n arg %0 f32[4] in\n arg %1 f32[4] out\n}\n"));
    program_print(&t, p);
    UNIT_SAME(t.s,
              "program \"test\" target portable fast batch 61 {\n"
              "  input \"b0\" : f32[4] at 0\n"
              "  entry \"e0\" arena 0 of 0 scratch 0 {\n"
              "    input 0 \"b0\"\n"
              "    output \"b1\" : f32[4] at 0\n"
              "    k0(input.0+0, output.0+0)\n"
              "  }\n"
              "}\n"
              "kernel \"k0\" work 0 {\n"
              "  arg %0 f32[4] in\n"
              "  arg %1 f32[4] out\n"
              "}\n");
    text_free(&t);
    world_free(w);
}

int main(void) {
    static const UnitTest tests[] = {
        {"text", test_text}, {"round trip", test_round_trip}, {"shared", test_shared},
        {"errors", test_errors},
        {"verify", test_verify}, {"verify fma", test_verify_fma}, {"hash", test_hash},
        {"memory", test_memory}, {"target", test_target}, {"program", test_program},
    };
    return unit_main("loop", tests, COUNT(tests));
}
