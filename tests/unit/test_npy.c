/* .npy: NumPy's files are read, ours are like NumPy's, damage is found. */
#define _POSIX_C_SOURCE 200809L
#include "frontend/npy.h"
#include "tests/unit/format.h"

static Tensor got;                     /* by the last read */

static bool read(Case *c) {
    return npy_read(c->arena, c->loc, c->path, &got);
}

/* A file of version `major` with this header and these bytes of data. */
static size_t make(char *out, int major, const char *header, const void *data,
                   size_t n) {
    size_t len = strlen(header), lead = major > 1 ? 12 : 10;
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (char)major;
    out[7] = 0;
    for (size_t i = 8; i < lead; i++)
        out[i] = (char)(len >> 8 * (i - 8) & 255);
    memcpy(out + lead, header, len);
    if (n)
        memcpy(out + lead + len, data, n);
    return lead + len + n;
}

static bool load(Case *c, int major, const char *header, const void *data, size_t n) {
    char file[1024];
    return case_try(c, read, file, make(file, major, header, data, n));
}

static void fails(Case *c, const char *header, size_t n, const char *said) {
    char file[1024], data[64] = {0};
    size_t size = make(file, 1, header, data, n);
    case_fails(c, read, file, size, said);
}

static bool is_shape(const Type *t, DType d, int rank, const int64_t *n) {
    bool same = t->dtype == d && t->rank == rank;
    for (int i = 0; i < rank && same; i++)
        same = t->dim[i].n == n[i] && !t->dim[i].batch;
    return same;
}
#define IS_SHAPE(d, ...)                                           \
    is_shape(&got.type, d, (int)COUNT(((int64_t[]){__VA_ARGS__})), \
             (int64_t[]){__VA_ARGS__})

/* The bytes of numpy.save("x.npy", numpy.arange(6, dtype="f4").reshape(2, 3)). */
static void as_numpy_writes(void) {
    static const char expected[] =
        "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': "
        "(2, 3), }"
        "                                                          \n";
    const float v[] = {0, 1, 2, 3, 4, 5};
    Case c;
    case_open(&c, "x.npy");
    Type t = {F32, 2, {{2, false}, {3, false}}};
    Tensor x = {"x", t, (void *)(uintptr_t)v};
    CU_ASSERT_TRUE(npy_write(c.loc, c.path, &x));
    size_t n;
    char *bytes = case_get(&c, &n);
    CU_ASSERT_EQUAL_FATAL(n, 128 + sizeof v);
    CU_ASSERT_EQUAL(sizeof expected - 1, 128);
    CU_ASSERT_FALSE(memcmp(bytes, expected, 128));
    CU_ASSERT_FALSE(memcmp(bytes + 128, v, sizeof v));
    CU_ASSERT_TRUE(read(&c));
    UNIT_SAME(got.name, "x");
    CU_ASSERT_TRUE(IS_SHAPE(F32, 2, 3));
    CU_ASSERT_FALSE(memcmp(got.data, v, sizeof v));
    case_close(&c);
}

static void round_trip(void) {
    Case c;
    case_open(&c, "x.npy");
    for (int d = 0; d < NDTYPE; d++)
        for (int rank = 0; rank <= MAX_RANK; rank++) {
            Type t = {.dtype = (DType)d, .rank = rank};
            for (int i = 0; i < rank; i++)
                t.dim[i].n = 1 + i % 2 + (rank == 1) * 4;
            Tensor x = tensor_new(c.arena, "x", &t);
            for (int64_t i = 0; i < type_bytes(&t); i++)
                ((unsigned char *)x.data)[i] =
                    (unsigned char)(d == BOOL ? i % 2 : i * 37);
            CU_ASSERT_TRUE(npy_write(c.loc, c.path, &x));
            CU_ASSERT_TRUE_FATAL(read(&c));
            CU_ASSERT_TRUE(type_equal(&got.type, &t));
            CU_ASSERT_FALSE(memcmp(got.data, x.data, (size_t)type_bytes(&t)));
        }
    case_close(&c);
}

static void versions(void) {
    const float v[] = {1.5f, -2};
    const char *h = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\n";
    Case c;
    case_open(&c, "x.npy");
    for (int major = 1; major <= 3; major++) {
        CU_ASSERT_TRUE_FATAL(load(&c, major, h, v, sizeof v));
        CU_ASSERT_TRUE(IS_SHAPE(F32, 2));
        CU_ASSERT_FALSE(memcmp(got.data, v, sizeof v));
    }
    CU_ASSERT_TRUE(
        load(&c, 1, "{\"shape\": ( 2 , ), \"descr\":\"<f4\",\"fortran_order\" :False}",
             v, sizeof v));
    CU_ASSERT_TRUE(load(&c, 1,
                        "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L)}",
                        v, sizeof v));
    CU_ASSERT_TRUE(IS_SHAPE(F32, 2, 1));
    CU_ASSERT_FALSE(load(&c, 4, h, v, sizeof v));
    UNIT_SAME(c.said.s,
              "x.npy: error: array: got npy version 4.0, expected 1, 2 or 3\n");
    case_close(&c);
}

static void fortran_order(void) {
    int32_t v[24], expected[24];
    for (int i = 0, k = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int l = 0; l < 4; l++, k++) {
                expected[k] = k;
                v[i + 2 * (j + 3 * l)] = k;
            }
    Case c;
    case_open(&c, "x.npy");
    CU_ASSERT_TRUE_FATAL(load(&c, 1, "{'descr': '<i4', 'fortran_order': True, "
                              "'shape': (2, 3, 4), }", v, sizeof v));
    CU_ASSERT_TRUE(IS_SHAPE(I32, 2, 3, 4));
    CU_ASSERT_FALSE(memcmp(got.data, expected, sizeof v));
    CU_ASSERT_TRUE(load(
        &c, 1, "{'descr': '<i4', 'fortran_order': True, 'shape': (5, 0), }", v, 0));
    case_close(&c);
}

static void other_elements(void) {
    Case c;
    case_open(&c, "x.npy");
#define LOAD(descr, bytes)                                                       \
    load(&c, 1, "{'descr': '" descr "', 'fortran_order': False, 'shape': (2,)}", \
         bytes, sizeof bytes - 1)
    CU_ASSERT_TRUE_FATAL(LOAD(">f4", "\x3f\xc0\0\0\xc0\0\0\0"));
    CU_ASSERT_TRUE(IS_SHAPE(F32, 2));
    CU_ASSERT_EQUAL(((float *)got.data)[0], 1.5f);
    CU_ASSERT_EQUAL(((float *)got.data)[1], -2);
    CU_ASSERT_TRUE_FATAL(
        LOAD(">i8", "\0\0\0\0\0\0\1\2\xff\xff\xff\xff\xff\xff\xff\xfe"));
    CU_ASSERT_EQUAL(((int64_t *)got.data)[0], 258);
    CU_ASSERT_EQUAL(((int64_t *)got.data)[1], -2);
    CU_ASSERT_TRUE_FATAL(LOAD("<i2", "\x01\x02\xff\x7f"));
    CU_ASSERT_TRUE(IS_SHAPE(I32, 2));
    CU_ASSERT_EQUAL(((int32_t *)got.data)[0], 513);
    CU_ASSERT_EQUAL(((int32_t *)got.data)[1], 32767);
    CU_ASSERT_TRUE_FATAL(LOAD(">i2", "\x80\x00\xff\xff"));
    CU_ASSERT_EQUAL(((int32_t *)got.data)[0], -32768);
    CU_ASSERT_EQUAL(((int32_t *)got.data)[1], -1);
    CU_ASSERT_TRUE_FATAL(LOAD("<u2", "\x00\x80\xff\xff"));
    CU_ASSERT_TRUE(IS_SHAPE(U32, 2));
    CU_ASSERT_EQUAL(((uint32_t *)got.data)[0], 32768);
    CU_ASSERT_TRUE_FATAL(LOAD("|i1", "\x80\x7f"));
    CU_ASSERT_EQUAL(((int32_t *)got.data)[0], -128);
    CU_ASSERT_EQUAL(((int32_t *)got.data)[1], 127);
    CU_ASSERT_TRUE_FATAL(LOAD("|b1", "\x00\x07"));
    CU_ASSERT_TRUE(IS_SHAPE(BOOL, 2));
    CU_ASSERT_EQUAL(((uint8_t *)got.data)[1], 1);
    CU_ASSERT_TRUE_FATAL(LOAD("|u1", "\x00\xff"));
    CU_ASSERT_TRUE(IS_SHAPE(U8, 2));
    CU_ASSERT_EQUAL(((uint8_t *)got.data)[1], 255);
    case_close(&c);
}

static void halves(void) {
    static const struct {
        uint16_t half;
        uint32_t single;
    } pair[] = {
        {0x0000, 0x00000000}, {0x8000, 0x80000000}, {0x3c00, 0x3f800000},
        {0xc000, 0xc0000000}, {0x7bff, 0x477fe000}, {0x0400, 0x38800000},
        {0x03ff, 0x387fc000}, {0x0001, 0x33800000}, {0x8001, 0xb3800000},
        {0x7c00, 0x7f800000}, {0xfc00, 0xff800000}, {0x7e01, 0x7fc02000},
        {0x3555, 0x3eaaa000},
    };
    Case c;
    case_open(&c, "x.npy");
    for (size_t i = 0; i < COUNT(pair); i++) {
        const char le[2] = {(char)(pair[i].half & 255), (char)(pair[i].half >> 8)};
        CU_ASSERT_TRUE_FATAL(load(&c, 1, "{'descr': '<f2', 'fortran_order': False, "
                                  "'shape': ()}", le, 2));
        CU_ASSERT_TRUE(got.type.dtype == F32 && got.type.rank == 0);
        CU_ASSERT_FALSE(memcmp(got.data, &pair[i].single, 4));
    }
    case_close(&c);
}

#define HEAD(descr, order, shape) \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape "}"
static void bad_headers(void) {
    Case c;
    case_open(&c, "x.npy");
    fails(&c, HEAD("'<f4'", "False", "(4194305, 4194305, 211106198978564)"), 4,
          "x.npy: error: array: shape f4 [4194305, 4194305, 211106198978564] is too "
          "large\n");
    fails(&c, HEAD("'<f4'", "False", "(99999999999999999999,)"), 4,
          "x.npy: error: array: an extent is larger than 2^63\n");
    fails(&c, HEAD("'<f4'", "False", "(3, 4)"), 44,
          "x.npy: error: array: got 44 bytes of data, expected 48 for f4 [3, 4]\n");
    fails(&c, HEAD("'<f4'", "False", "(3,)"), 13,
          "x.npy: error: array: got 13 bytes of data, expected 12 for f4 [3]\n");
    fails(&c, HEAD("'<f4'", "False", "(1,1,1,1,1,1,1,1,1)"), 4,
          "x.npy: error: array: more than 8 dims\n");
    fails(&c, HEAD("'<f4'", "False", "(-3,)"), 4,
          "x.npy: error: array: bad npy header: got '-3,)}', expected an extent\n");
    fails(&c, HEAD("'<f4'", "False", "(3 4)"), 4,
          "x.npy: error: array: bad npy header: got '4)}', expected ',' or ')'\n");
    fails(&c, HEAD("'<f4'", "false", "(3,)"), 4, "x.npy: error: array: bad npy header: "
          "got 'false, 'shape': ', expected True or False\n");
    fails(&c, HEAD("'<c8'", "False", "(3,)"), 4,
          "x.npy: error: array: element type '<c8' is not supported, expected one of "
          "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1 behind < or >\n");
    fails(&c, HEAD("'|f4'", "False", "(3,)"), 4,
          "x.npy: error: array: element type '|f4' is not supported, expected one of "
          "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1 behind < or >\n");
    fails(&c, HEAD("[('a', '<f4')]", "False", "(3,)"), 4,
          "x.npy: error: array: bad npy "
          "header: got '[('a', '<f4')], ', expected an element type such as '<f4'\n");
    fails(&c, "{'descr': '<f4', 'shape': (3,)}", 4,
          "x.npy: error: array: bad npy header: key 'fortran_order' is missing\n");
    fails(&c, "{'descr': '<f4', 'descr': '<f4'}", 4,
          "x.npy: error: array: bad npy header: key 'descr' stands twice\n");
    fails(&c, "{'descr': '<f4', 'color': 3}", 4,
          "x.npy: error: array: bad npy header: got "
          "''color': 3}', expected the keys descr, fortran_order and shape\n");
    fails(
        &c, HEAD("'<f4'", "False", "(3,)") " x", 4,
        "x.npy: error: array: bad npy header: got 'x', expected nothing behind '}'\n");
    fails(&c, "", 0, "x.npy: error: array: bad npy header: got '', expected '{'\n");
    case_fails(&c, read, "PK\3\4 not an array", 17,
               "x.npy: error: array: not an npy array: "
               "it does not begin with \\x93NUMPY\n");
    case_fails(&c, read, "\x93NUMPY\2\0\xff\xff\xff\x7f", 12,
               "x.npy: error: array: npy "
               "header of 2147483647 bytes, expected at most 65536\n");
    case_close(&c);
}

static void missing_file(void) {
    Case c;
    case_open(&c, "x.npy");
    CU_ASSERT_FALSE(read(&c));
    UNIT_SAME(c.said.s, "error: cannot read 'x.npy': No such file or directory\n");
    case_close(&c);
}

static void damage(void) {
    char file[256];
    const double v[] = {1, 2, 3, 4, 5, 6};
    size_t n = make(file, 1, HEAD("'<f8'", "True", "(2, 3)") "\n", v, sizeof v);
    Case c;
    case_open(&c, "x.npy");
    CU_ASSERT_TRUE(case_try(&c, read, file, n));
    CU_ASSERT_EQUAL(case_truncate(&c, read, file, n), 0);
    CU_ASSERT_TRUE(case_flip(&c, read, file, n) >= (int)(8 * sizeof v));
    case_close(&c);
}

int main(void) {
    static const UnitTest test[] = {
        {"as NumPy writes", as_numpy_writes},
        {"round trip", round_trip},
        {"versions", versions},
        {"fortran order", fortran_order},
        {"other elements", other_elements},
        {"halves", halves},
        {"bad headers", bad_headers},
        {"missing file", missing_file},
        {"damage", damage},
    };
    return unit_main("npy", test, COUNT(test));
}
