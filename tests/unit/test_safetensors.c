/* safetensors: round trips, exact bytes, and each way in which a header can be wrong. */
#define _POSIX_C_SOURCE 200809L
#include "frontend/safetensors.h"
#include "tests/unit/format.h"

static Tensors got;                    /* by the last read */
static Metas meta;

static bool read(Case *c) {
    got = (Tensors){0};
    meta = (Metas){0};
    return safetensors_read(c->arena, c->loc, c->path, &got, &meta);
}

/* A file with this header and `n` zeros of data. */
static size_t make(char *out, const char *header, size_t n) {
    size_t len = strlen(header);
    memset(out, 0, 8 + len + n);
    for (size_t i = 0; i < 8; i++)
        out[i] = (char)(len >> 8 * i & 255);
    memcpy(out + 8, header, len);
    return 8 + len + n;
}

static bool accepts(Case *c, const char *header, size_t n) {
    char file[2048];
    return case_try(c, read, file, make(file, header, n));
}

static void fails(Case *c, const char *header, size_t n, const char *said) {
    char file[2048], text[1024];
    snprintf(text, sizeof text, "w.st: error: %s\n", said);
    case_fails(c, read, file, make(file, header, n), text);
}

static Tensor numbers(Arena *a, const char *name, DType d, int rank) {
    Type t = {.dtype = d, .rank = rank};
    for (int i = 0; i < rank; i++)
        t.dim[i].n = 2 + i % 2;
    Tensor x = tensor_new(a, name, &t);
    for (int64_t i = 0; i < type_bytes(&t); i++)
        ((unsigned char *)x.data)[i] =
            (unsigned char)(d == BOOL ? i % 3 == 0 : i * 29 + 7);
    return x;
}

static void round_trip(void) {
    Case c;
    case_open(&c, "w.st");
    Tensors list = {0};
    for (int d = NDTYPE; d-- > 0;)
        for (int rank = 0; rank <= MAX_RANK; rank++)
            tensors_add(c.keep, &list,
                        numbers(c.keep,
                                arena_printf(c.keep, "%s.\"%d\"\n\xc3\xa9",
                                             dtype_info[d].name, rank),
                                (DType)d, rank));
    Metas m = {0};
    PUSH(c.keep, m.item, m.n) = (Meta){"format", "pt"};
    PUSH(c.keep, m.item, m.n) = (Meta){"step", "12\t\xc3\xa9"};
    CU_ASSERT_TRUE(safetensors_write(c.loc, c.path, &list, &m));
    CU_ASSERT_TRUE_FATAL(read(&c));
    CU_ASSERT_EQUAL(got.n, list.n);
    for (int i = 0; i < list.n; i++) {
        const Tensor *x = &list.item[i], *y = tensors_find(&got, x->name);
        CU_ASSERT_PTR_NOT_NULL_FATAL(y);
        CU_ASSERT_TRUE(type_equal(&x->type, &y->type));
        CU_ASSERT_FALSE(memcmp(x->data, y->data, (size_t)type_bytes(&x->type)));
    }
    CU_ASSERT_EQUAL(meta.n, 2);
    UNIT_SAME(metas_find(&meta, "step"), "12\t\xc3\xa9");
    UNIT_SAME(metas_find(&meta, "format"), "pt");
    CU_ASSERT_PTR_NULL(metas_find(&meta, "epoch"));
    case_close(&c);
}

/* Names are sorted; data lie by falling size of element, then by name. */
static void exact_bytes(void) {
    static const char expected[] =
        "\xc8\0\0\0\0\0\0\0"
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[12,14]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[8,12]},"
        "\"c\":{\"dtype\":\"F64\",\"shape\":[1,1],\"data_offsets\":[0,8]}}      "
        "\0\0\0\0\0\0\xf8\x3f\0\0\xc0\xbf\1\2";
    double c8[] = {1.5};
    float b4[] = {-1.5f};
    uint8_t a1[] = {1, 2};
    Tensor t[] = {
        {"b", {.dtype = F32}, b4},
        {"c", {F64, 2, {{1, false}, {1, false}}}, c8},
        {"a", {U8, 1, {{2, false}}}, a1},
    };
    Metas m = {1, &(Meta){"format", "pt"}};
    Case c;
    case_open(&c, "w.st");
    for (int i = 0; i < 3; i++) {      /* whatever the order they come in */
        Tensor first = t[0];
        memmove(t, t + 1, 2 * sizeof *t);
        t[2] = first;
        CU_ASSERT_TRUE(safetensors_write(c.loc, c.path, &(Tensors){3, t}, &m));
        size_t n;
        const char *bytes = case_get(&c, &n);
        CU_ASSERT_EQUAL_FATAL(n, sizeof expected - 1);
        CU_ASSERT_FALSE(memcmp(bytes, expected, n));
    }
    CU_ASSERT_TRUE(read(&c));
    CU_ASSERT_TRUE(safetensors_write(c.loc, c.path, &(Tensors){0}, NULL));
    CU_ASSERT_TRUE(read(&c) && got.n == 0 && meta.n == 0);
    case_close(&c);
}

#define T(name, dtype, shape, offsets)                       \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape \
    ",\"data_offsets\":" offsets "}"

static void widened(void) {
    static const char header[] = "{" T("h", "F16", "[2]", "[0,4]") "," T(
        "b", "BF16", "[2]", "[4,8]") "," T("s", "I16", "[1]", "[8,10]") "}";
    char file[256];
    size_t n = make(file, header, 10);
    memcpy(file + n - 10, "\x00\x3c\x01\x80" "\xc0\x3f\x80\x7f" "\xfe\xff", 10);
    Case c;
    case_open(&c, "w.st");
    CU_ASSERT_TRUE_FATAL(case_try(&c, read, file, n));
    const float *h = tensors_find(&got, "h")->data, *b = tensors_find(&got, "b")->data;
    CU_ASSERT_TRUE(h[0] == 1 && h[1] == -0x1p-24f);
    CU_ASSERT_TRUE(b[0] == 1.5f && b[1] > 3e38f && b[1] == b[1] * 2);
    CU_ASSERT_EQUAL(tensors_find(&got, "s")->type.dtype, I32);
    CU_ASSERT_EQUAL(*(int32_t *)tensors_find(&got, "s")->data, -2);
    case_close(&c);
}

static void accepted(void) {
    Case c;
    case_open(&c, "w.st");
    CU_ASSERT_TRUE(accepts(&c, "{}", 0));
    CU_ASSERT_TRUE(accepts(&c, "{\"__metadata__\":{}}     ", 0));
    CU_ASSERT_TRUE(accepts(&c, "{" T("a", "F32", "[0]", "[0,0]") "," T("b", "F32", "[]",
                                "[0,4]") "," T("c", "F32", "[3,0]", "[4,4]") "}", 4));
    CU_ASSERT_EQUAL(got.n, 3);
    CU_ASSERT_TRUE(accepts(&c, "{" T("b", "U8", "[2]", "[2,4]") "," T("a", "U8", "[2]",
                                "[0,2]") "}", 4));
    UNIT_SAME(got.item[0].name, "a");
    case_close(&c);
}

static void bad_tensors(void) {
    Case c;
    case_open(&c, "w.st");
    fails(&c, "{" T("w", "F32", "[4194305,4194305,211106198978564]", "[0,4]") "}", 4,
          "tensor 'w': F32 [4194305, 4194305, 211106198978564] is too large");
    fails(&c, "{" T("w", "F32", "[9223372036854775807,2]", "[0,4]") "}", 4,
          "tensor 'w': F32 [9223372036854775807, 2] is too large");
    fails(&c, "{" T("w", "F32", "[2,3]", "[0,20]") "}", 20,
          "tensor 'w': got 20 bytes of data, expected 24 for F32 [2, 3]");
    fails(&c, "{" T("w", "F16", "[2,3]", "[0,24]") "}", 24,
          "tensor 'w': got 24 bytes of data, expected 12 for F16 [2, 3]");
    fails(&c, "{" T("w", "F32", "[-1]", "[0,4]") "}", 4,
          "tensor 'w': shape[0] is not a whole number from 0");
    fails(&c, "{" T("w", "F32", "[1,1.0]", "[0,4]") "}", 4,
          "tensor 'w': shape[1] is not a whole number from 0");
    fails(&c, "{" T("w", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4,
          "tensor 'w': got 9 dims, expected at most 8");
    fails(&c, "{" T("w", "F32", "4", "[0,4]") "}", 4,
          "tensor 'w': shape is not a list");
    fails(&c, "{" T("w", "F8_E4M3", "[4]", "[0,4]") "}", 4,
          "tensor 'w': dtype 'F8_E4M3' is not supported, expected one of F16 BF16 F32 "
          "F64 "
          "I8 I16 I32 I64 U8 U16 U32 U64 BOOL");
    fails(&c, "{\"w\":{\"dtype\":4,\"shape\":[],\"data_offsets\":[0,4]}}", 4,
          "tensor 'w': dtype is not a string");
    fails(&c, "{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4,
          "tensor 'w': key 'shape' is missing");
    fails(&c, "{\"w\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"x\":1}}",
          4, "tensor 'w': got 4 keys, expected dtype, shape and data_offsets only");
    fails(&c, "{\"w\":[]}", 4, "tensor 'w': its description is not a map");
    fails(&c, "{\"w\":1,\"v\":2}", 4, "tensor 'w': its description is not a map\n"
          "w.st: error: tensor 'v': its description is not a map");
    case_close(&c);
}

static void bad_offsets(void) {
    static const char pair[] =
        "tensor 'w': data_offsets is not a pair of whole numbers";
    Case c;
    case_open(&c, "w.st");
    fails(&c, "{" T("w", "F32", "[]", "[0]") "}", 4, pair);
    fails(&c, "{" T("w", "F32", "[]", "[0,4,8]") "}", 4, pair);
    fails(&c, "{" T("w", "F32", "[]", "[0,\\\"4\\\"]") "}", 4,
          "header is not valid JSON: byte 50: invalid token near '\\'");
    fails(&c, "{" T("w", "F32", "[]", "{}") "}", 4, pair);
    fails(&c, "{" T("w", "F32", "[]", "[0,8]") "}", 4,
          "tensor 'w': got data_offsets [0, 8], "
          "expected a range within the file's 4 bytes of data");
    fails(&c, "{" T("w", "F32", "[]", "[4,0]") "}", 4,
          "tensor 'w': got data_offsets [4, 0], "
          "expected a range within the file's 4 bytes of data");
    fails(&c, "{" T("w", "F32", "[]", "[-4,0]") "}", 4, "tensor 'w': got data_offsets "
          "[-4, 0], expected a range within the file's 4 bytes of data");
    fails(&c, "{" T("w", "F32", "[]", "[0,4]") "," T("v", "F32", "[]", "[0,4]") "}", 4,
          "tensor 'v': data begin at 0, expected 4: they overlap another tensor's");
    fails(&c, "{" T("w", "U8", "[3]", "[0,3]") "," T("v", "U8", "[3]", "[2,5]") "}", 5,
          "tensor 'v': data begin at 2, expected 3: they overlap another tensor's");
    fails(&c, "{" T("w", "U8", "[3]", "[0,3]") "," T("v", "U8", "[3]", "[4,7]") "}", 7,
          "tensor 'v': data begin at 4, expected 3: there is a hole");
    fails(&c, "{" T("w", "U8", "[3]", "[1,4]") "}", 4,
          "tensor 'w': data begin at 1, expected 0: there is a hole");
    fails(&c, "{" T("w", "U8", "[3]", "[0,3]") "}", 5,
          "got 5 bytes of data, expected 3 for the tensors listed");
    case_close(&c);
}

static void bad_headers(void) {
    Case c;
    case_open(&c, "w.st");
#define FAILS(bytes, said) \
    case_fails(&c, read, bytes, sizeof bytes - 1, "w.st: error: " said "\n")
    FAILS("", "not a safetensors file: got 0 bytes, expected at least 8");
    FAILS("\1\0\0\0\0\0\0", "not a safetensors file: got 7 bytes, expected at least 8");
    FAILS("\1\0\0\1\0\0\0\0{}",
          "not a safetensors file: got a header of 16777217 bytes, "
          "expected at most 16777216");
    FAILS("\xff\xff\xff\xff\xff\xff\xff\xff{}",
          "not a safetensors file: got a header of "
          "18446744073709551615 bytes, expected at most 16777216");
    FAILS("\3\0\0\0\0\0\0\0{}",
          "the file is cut off: got 10 bytes, expected a header of 3");
    fails(&c, "[]", 0, "the header is not a map");
    fails(&c, "", 0,
          "header is not valid JSON: byte 0: '[' or '{' expected near end of file");
    fails(&c, "{\"__metadata__\":[]}", 0, "__metadata__ is not a map");
    fails(&c, "{\"__metadata__\":{\"n\":1}}", 0,
          "__metadata__: the value of 'n' is not a string");
    fails(&c, "{" T("w", "U8", "[1]", "[0,1]") "," T("w", "U8", "[1]", "[1,2]") "}", 2,
          "header is not valid JSON: byte 56: duplicate object key near '\"w\"'");
    fails(&c, "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 0,
          "header is not valid JSON: byte 26: duplicate object key near '\"dtype\"'");
    CU_ASSERT_FALSE(accepts(&c, "{\"\xff\":1}", 0));
    char deep[2000];
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"w\":", 5);
    deep[sizeof deep - 1] = '\0';
    CU_ASSERT_FALSE(accepts(&c, deep, 0));
    case_close(&c);
}

static void damage(void) {
    char file[1024];
    size_t n =
        make(file,
             "{\"__metadata__\":{\"a\":\"b\"}," T("w", "F32", "[2,3]", "[8,32]") "," T(
                 "v", "F64", "[]", "[0,8]") "}",
             32);
    Case c;
    case_open(&c, "w.st");
    CU_ASSERT_TRUE(case_try(&c, read, file, n));
    CU_ASSERT_EQUAL(case_truncate(&c, read, file, n), 0);
    CU_ASSERT_TRUE(case_flip(&c, read, file, n) >= 32 * 8);
    case_close(&c);
}

/* What cannot be written leaves the old file as it was. */
static void cannot_write(void) {
    Case c;
    case_open(&c, "w.st");
    case_put(&c, "old", 3);
    uint8_t x[] = {1};
    Tensor t[] = {{"a", {U8, 1, {{1, false}}}, x}, {"a", {U8, 1, {{1, false}}}, x}};
    CU_ASSERT_FALSE(safetensors_write(c.loc, c.path, &(Tensors){2, t}, NULL));
    UNIT_SAME(c.said.s, "w.st: error: cannot write: tensor 'a' is given twice\n");
    case_reset(&c);
    t[0].name = "__metadata__";
    CU_ASSERT_FALSE(safetensors_write(c.loc, c.path, &(Tensors){2, t}, NULL));
    UNIT_SAME(c.said.s,
              "w.st: error: cannot write: tensor '__metadata__' has a name that "
              "the format keeps for itself\n");
    case_reset(&c);
    t[0].name = "\xff";
    CU_ASSERT_FALSE(safetensors_write(c.loc, c.path, &(Tensors){2, t}, NULL));
    UNIT_SAME(c.said.s, "w.st: error: cannot write: a name is not UTF-8\n");
    case_reset(&c);
    t[0].name = "b";
    const char *there = arena_printf(c.keep, "%s/no/w.st", c.dir);
    CU_ASSERT_FALSE(safetensors_write(c.loc, there, &(Tensors){2, t}, NULL));
    UNIT_SAME(c.said.s, "error: cannot write 'no/w.st': No such file or directory\n");
    size_t n;
    UNIT_SAME(case_get(&c, &n), "old");
    case_close(&c);
}

int main(void) {
    static const UnitTest test[] = {
        {"round trip", round_trip},     {"exact bytes", exact_bytes},
        {"widened", widened},           {"accepted", accepted},
        {"bad tensors", bad_tensors},   {"bad offsets", bad_offsets},
        {"bad headers", bad_headers},   {"damage", damage},
        {"cannot write", cannot_write},
    };
    return unit_main("safetensors", test, COUNT(test));
}
