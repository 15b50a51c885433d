/* IDX: plain and gzip'd, each element type, and headers that lie. */
#define _POSIX_C_SOURCE 200809L
#include "frontend/idx.h"
#include "tests/unit/format.h"

#include <zlib.h>

static Tensor got;                     /* by the last read */

static bool load(Case *c) {
    return idx_read(c->arena, c->loc, c->path, &got);
}

static void put_gz(Case *c, const void *bytes, size_t n, const char *mode) {
    gzFile f = gzopen(c->path, mode);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(gzwrite(f, bytes, (unsigned)n), (int)n);
    CU_ASSERT_EQUAL(gzclose(f), Z_OK);
}

static const char images[] = "\0\0\x08\3"
                             "\0\0\0\2"
                             "\0\0\0\2"
                             "\0\0\0\3"
                             "abcdefghijkl";
enum { IMAGES = sizeof images - 1 };

static bool are_images(const Tensor *t) {
    return t->type.dtype == U8 && t->type.rank == 3 && t->type.dim[0].n == 2 &&
           t->type.dim[1].n == 2 && t->type.dim[2].n == 3 &&
           !memcmp(t->data, "abcdefghijkl", 12);
}

static void plain(void) {
    Case c;
    case_open(&c, "i.idx3");
    CU_ASSERT_TRUE_FATAL(case_try(&c, load, images, IMAGES));
    CU_ASSERT_TRUE(are_images(&got));
    CU_ASSERT_EQUAL(case_truncate(&c, load, images, IMAGES), 0);
    CU_ASSERT_TRUE(case_flip(&c, load, images, IMAGES) >= 8 * 12);
    case_close(&c);
}

static double value(const Tensor *t, int i) {
    switch (t->type.dtype) {
    case F32: return ((const float *)t->data)[i];
    case F64: return ((const double *)t->data)[i];
    case I32: return ((const int32_t *)t->data)[i];
    case U8: return ((const uint8_t *)t->data)[i];
    case I64: case U32: case U64: case BOOL: case NDTYPE: break;
    }
    return 0;
}

static void elements(void) {
    static const struct {
        char code;
        DType dtype;
        size_t n;
        const char *bytes;
        double value[2];
    } row[] = {
        {0x08, U8, 2, "\x01\xff", {1, 255}},
        {0x09, I32, 2, "\x01\xff", {1, -1}},
        {0x0b, I32, 4, "\x01\x02\xff\xfe", {258, -2}},
        {0x0c, I32, 8, "\x01\x02\x03\x04\xff\xff\xff\xfe", {16909060, -2}},
        {0x0d, F32, 8, "\x3f\xc0\0\0\xc0\0\0\0", {1.5, -2}},
        {0x0e, F64, 16, "\x3f\xf8\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0", {1.5, -2}},
    };
    Case c;
    case_open(&c, "x.idx1");
    for (size_t i = 0; i < COUNT(row); i++) {
        char file[64] = {0, 0, row[i].code, 1, 0, 0, 0, 2};
        memcpy(file + 8, row[i].bytes, row[i].n);
        CU_ASSERT_TRUE_FATAL(case_try(&c, load, file, 8 + row[i].n));
        CU_ASSERT_EQUAL(got.type.dtype, row[i].dtype);
        CU_ASSERT_EQUAL(got.type.dim[0].n, 2);
        CU_ASSERT_EQUAL(value(&got, 0), row[i].value[0]);
        CU_ASSERT_EQUAL(value(&got, 1), row[i].value[1]);
    }
    case_close(&c);
}

static void bad_headers(void) {
    Case c;
    case_open(&c, "i.idx");
#define FAILS(bytes, said) \
    case_fails(&c, load, bytes, sizeof bytes - 1, "i.idx: error: " said "\n")
    FAILS("", "not an IDX file: it does not begin with two zero bytes");
    FAILS("\x89PNG", "not an IDX file: it does not begin with two zero bytes");
    FAILS("\0\0\x0a\1\0\0\0\1x",
          "IDX element type 0x0a is unknown, expected one of 08 09 0b 0c 0d 0e");
    FAILS("\0\0\x08\0", "IDX header: got 0 dims, expected 1 to 8");
    FAILS("\0\0\x08\x09", "IDX header: got 9 dims, expected 1 to 8");
    FAILS("\0\0\x08\2\0\0\0\1", "IDX header is cut off: got 8 bytes, expected 12");
    FAILS("\0\0\x08\2\0\0\0\2\0\0\0\3abcde",
          "got 17 bytes, expected 18 for IDX shape [2, 3] of 1 bytes each");
    FAILS("\0\0\x08\1\0\0\0\2abc",
          "got 11 bytes, expected 10 for IDX shape [2] of 1 bytes each");
    FAILS("\0\0\x0d\3\x00\x40\0\1\x00\x40\0\1\xff\xff\xff\xff", "IDX shape "
          "[4194305, 4194305, 4294967295] of 4 bytes each is too large");
    FAILS("\0\0\x08\2\xff\xff\xff\xff\x00\0\0\x80x", "got 13 bytes, expected "
          "549755813772 for IDX shape [4294967295, 128] of 1 bytes each");
    case_close(&c);
}

static void packed(void) {
    Case c;
    size_t n;
    case_open(&c, "i.gz");
    put_gz(&c, images, IMAGES, "wb9");
    CU_ASSERT_TRUE_FATAL(load(&c));
    CU_ASSERT_TRUE(are_images(&got));
    char *bytes = case_get(&c, &n);
    CU_ASSERT_EQUAL(case_truncate(&c, load, bytes, n), 0);
    case_flip(&c, load, bytes, n);
    for (size_t i = 10; i < n; i++) {  /* the data and both checks behind them */
        bytes[i] = (char)(bytes[i] ^ 16);
        CU_ASSERT_FALSE(case_try(&c, load, bytes, n));
        bytes[i] = (char)(bytes[i] ^ 16);
    }
    case_close(&c);
}

/* Several members, as `cat a.gz b.gz` makes them; then something else behind the last. */
static void members(void) {
    Case c;
    size_t n;
    case_open(&c, "i.gz");
    put_gz(&c, images, 7, "wb");
    put_gz(&c, images + 7, IMAGES - 7, "ab");
    CU_ASSERT_TRUE_FATAL(load(&c));
    CU_ASSERT_TRUE(are_images(&got));
    char *bytes = case_get(&c, &n);
    bytes[n++] = 0;                    /* padding, as tapes have it */
    CU_ASSERT_TRUE(case_try(&c, load, bytes, n));
    CU_ASSERT_TRUE(are_images(&got));
    case_close(&c);
}

/* What comes out is bounded by what the header declares, not by what is packed. */
static void bomb(void) {
    enum { ZEROS = 64 << 20 };
    Case c;
    case_open(&c, "i.gz");
    char *zeros = calloc(1, ZEROS);
    memcpy(zeros, images, IMAGES);
    put_gz(&c, zeros, ZEROS, "wb1");
    free(zeros);
    CU_ASSERT_FALSE(load(&c));
    UNIT_SAME(c.said.s, "i.gz: error: got 29 or more bytes, expected 28 for IDX shape "
              "[2, 2, 3] of 1 bytes each\n");
    case_reset(&c);
    put_gz(&c, "\0\0\x08\2\xff\xff\xff\xff\x00\0\0\x80x", 13, "wb");
    CU_ASSERT_FALSE(load(&c));
    UNIT_SAME(c.said.s,
              "i.gz: error: got 13 bytes, expected 549755813772 for IDX shape "
              "[4294967295, 128] of 1 bytes each\n");
    case_close(&c);
}

static void large(void) {
    enum { N = 3000, SIZE = 12 + N * 784 };
    char *file = calloc(1, SIZE);
    memcpy(file, "\0\0\x08\2\0\0\x0b\xb8\0\0\3\x10", 12);
    for (int i = 12; i < SIZE; i++)
        file[i] = (char)(i % 251 * (i % 83));
    Case c;
    case_open(&c, "i.gz");
    put_gz(&c, file, SIZE, "wb");
    CU_ASSERT_TRUE_FATAL(load(&c));
    CU_ASSERT_EQUAL(type_bytes(&got.type), N * 784);
    CU_ASSERT_FALSE(memcmp(got.data, file + 12, N * 784));
    free(file);
    case_close(&c);
}

int main(void) {
    static const UnitTest test[] = {
        {"plain", plain},     {"elements", elements}, {"bad headers", bad_headers},
        {"packed", packed},   {"members", members},   {"bomb", bomb},
        {"large", large},
    };
    return unit_main("idx", test, COUNT(test));
}
