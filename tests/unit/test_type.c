/* Element types and shapes: names, sizes that overflow, text. */
#include "ir/type.h"
#include "tests/unit/unit.h"

#include <string.h>

static Type shape(DType d, int rank, const int64_t *n) {
    Type t = {.dtype = d, .rank = rank};
    for (int i = 0; i < rank; i++)
        t.dim[i].n = n[i];
    return t;
}
#define SHAPE(d, ...) \
    shape(d, (int)COUNT(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__})

static void names(void) {
    for (int i = 0; i < NDTYPE; i++) {
        DType d = NDTYPE;
        CU_ASSERT_TRUE(dtype_parse(dtype_info[i].name, strlen(dtype_info[i].name), &d));
        CU_ASSERT_EQUAL(d, (DType)i);
    }
    DType d = F64;
    CU_ASSERT_TRUE(dtype_parse("u8[3]", 2, &d));
    CU_ASSERT_EQUAL(d, U8);
    CU_ASSERT_FALSE(dtype_parse("f3", 2, &d));
    CU_ASSERT_FALSE(dtype_parse("f32x", 4, &d));
    CU_ASSERT_FALSE(dtype_parse("", 0, &d));
    CU_ASSERT_EQUAL(d, U8);
}

static void sizes(void) {
    int64_t n = -1;
    Type t = {.dtype = F32};
    CU_ASSERT_TRUE(type_count(&t, &n) && n == 1);
    CU_ASSERT_EQUAL(type_bytes(&t), 4);
    t = SHAPE(F64, 3, 5, 7);
    CU_ASSERT_TRUE(type_count(&t, &n) && n == 105);
    CU_ASSERT_EQUAL(type_bytes(&t), 840);
    t = SHAPE(I32, 3, 0, 7);
    CU_ASSERT_TRUE(type_count(&t, &n) && n == 0);
    t = SHAPE(F32, INT64_C(1) << 38);
    CU_ASSERT_TRUE(type_count(&t, &n) && n == INT64_C(1) << 38);
    t = SHAPE(F32, (INT64_C(1) << 38) + 1);
    CU_ASSERT_FALSE(type_count(&t, &n));
    t = SHAPE(U8, INT64_C(1) << 40);
    CU_ASSERT_TRUE(type_count(&t, &n));
}

static void absurd(void) {
    const Type bad[] = {
        SHAPE(F32, 4194305, 4194305, 211106198978564), /* wraps to 4 in 64 bits */
        SHAPE(F32, INT64_C(1) << 32, INT64_C(1) << 32),
        SHAPE(U8, INT64_MAX, INT64_MAX),
        SHAPE(U8, -1),
        SHAPE(U8, -2, -2),
        SHAPE(U8, 0, -2),
        SHAPE(U8, 0, INT64_MAX, INT64_MAX),
        SHAPE(U8, INT64_MAX, INT64_MAX, 0),
        SHAPE(U8, INT64_MIN),
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t n = 77;
        CU_ASSERT_FALSE(type_count(&bad[i], &n));
        CU_ASSERT_EQUAL(n, 77);
    }
}

static void text(void) {
    Arena *a = arena_new();
    Type t = SHAPE(F32, 64, 784);
    UNIT_SAME(type_text(a, &t), "f32[64,784]");
    t.dim[0].batch = true;
    UNIT_SAME(type_text(a, &t), "f32[n:64,784]");
    t = (Type){.dtype = BOOL};
    UNIT_SAME(type_text(a, &t), "bool[]");
    arena_free(a);
}

static void equal(void) {
    Type a = SHAPE(F32, 2, 3), b = a;
    CU_ASSERT_TRUE(type_equal(&a, &b));
    b.dim[2].n = 9;                    /* beyond the rank */
    CU_ASSERT_TRUE(type_equal(&a, &b));
    b.dim[0].batch = true;
    CU_ASSERT_FALSE(type_equal(&a, &b));
    b = SHAPE(F32, 2, 4);
    CU_ASSERT_FALSE(type_equal(&a, &b));
    b = SHAPE(F32, 2, 3, 1);
    CU_ASSERT_FALSE(type_equal(&a, &b));
    b = SHAPE(I32, 2, 3);
    CU_ASSERT_FALSE(type_equal(&a, &b));
}

int main(void) {
    static const UnitTest test[] = {
        {"names", names}, {"sizes", sizes}, {"absurd", absurd},
        {"text", text},   {"equal", equal},
    };
    return unit_main("type", test, COUNT(test));
}
