/* .npz: round trips, the same bytes each time, and what a zip file can lie about. */
#define _POSIX_C_SOURCE 200809L
#include "frontend/npz.h"
#include "tests/unit/format.h"

#include <zip.h>

static Tensors got;                    /* by the last read */

static bool read(Case *c) {
    got = (Tensors){0};
    return npz_read(c->arena, c->loc, c->path, &got);
}

static Tensor numbers(Arena *a, const char *name, DType d, int64_t rows, int64_t cols) {
    Type t = {d, 2, {{rows, false}, {cols, false}}};
    Tensor x = tensor_new(a, name, &t);
    for (int64_t i = 0; i < type_bytes(&t); i++)
        ((unsigned char *)x.data)[i] = (unsigned char)(i * 41 + 3);
    return x;
}

static Tensors sample(Arena *a) {
    Tensors list = {0};
    tensors_add(a, &list, numbers(a, "fc1.weight", F32, 3, 4));
    tensors_add(a, &list, numbers(a, "a/b\xc3\xa9", I64, 2, 1));
    tensors_add(a, &list, numbers(a, "empty", F64, 0, 7));
    return list;
}

typedef struct Member {
    const char *name, *data;
    size_t n;
    zip_int32_t method;
} Member;

/* A zip file with these members, through libzip itself. */
static void zip_up(Case *c, const Member *m, int n) {
    remove(c->path);
    zip_t *z = zip_open(c->path, ZIP_CREATE, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(z);
    for (int i = 0; i < n; i++) {
        zip_source_t *s = zip_source_buffer(z, m[i].data, m[i].n, 0);
        zip_int64_t at = zip_file_add(z, m[i].name, s, ZIP_FL_ENC_UTF_8);
        CU_ASSERT_FATAL(at >= 0);
        zip_set_file_compression(z, (zip_uint64_t)at, m[i].method, 0);
    }
    CU_ASSERT_EQUAL_FATAL(zip_close(z), 0);
}

static void round_trip(void) {
    Case c;
    case_open(&c, "w.npz");
    Tensors list = sample(c.arena);
    CU_ASSERT_TRUE(npz_write(c.loc, c.path, &list));
    CU_ASSERT_TRUE_FATAL(read(&c));
    CU_ASSERT_EQUAL_FATAL(got.n, list.n);
    for (int i = 0; i < list.n; i++) {
        UNIT_SAME(got.item[i].name, list.item[i].name);
        CU_ASSERT_TRUE(type_equal(&got.item[i].type, &list.item[i].type));
        CU_ASSERT_FALSE(memcmp(got.item[i].data, list.item[i].data,
                               (size_t)type_bytes(&list.item[i].type)));
    }
    CU_ASSERT_PTR_EQUAL(tensors_find(&got, "empty"), &got.item[2]);
    CU_ASSERT_PTR_NULL(tensors_find(&got, "fc1"));
    Tensors none = {0};
    CU_ASSERT_TRUE(npz_write(c.loc, c.path, &none));
    CU_ASSERT_TRUE(read(&c) && got.n == 0);
    case_close(&c);
}

/* Neither the clock nor the time zone gets in: MS-DOS times are local. */
static void same_bytes(void) {
    static const char *const zone[] = {"UTC", "Asia/Tokyo", "America/Lima"};
    char *bytes[COUNT(zone)];
    size_t n[COUNT(zone)];
    Case c;
    case_open(&c, "w.npz");
    Tensors list = sample(c.arena);
    for (size_t i = 0; i < COUNT(zone); i++) {
        setenv("TZ", zone[i], 1);
        CU_ASSERT_TRUE(npz_write(c.loc, c.path, &list));
        bytes[i] = case_get(&c, &n[i]);
        CU_ASSERT_TRUE(n[i] == n[0] && !memcmp(bytes[i], bytes[0], n[0]));
    }
    unsetenv("TZ");
    CU_ASSERT_FALSE(memcmp(bytes[0] + 10, "\0\0\x21\0", 4)); /* 1 January 1980 */
    case_close(&c);
}

static const char array[] =
    "\x93NUMPY\1\0\x3b\0{'descr': '|u1', 'fortran_order': False, "
    "'shape': (3,), }  abc";

static void deflated(void) {
    Case c;
    case_open(&c, "w.npz");
    const Member m[] = {{"x.npy", array, sizeof array - 1, ZIP_CM_DEFLATE},
                        {"y.npy", array, sizeof array - 1, ZIP_CM_STORE}};
    zip_up(&c, m, 2);
    CU_ASSERT_TRUE_FATAL(read(&c));
    CU_ASSERT_EQUAL_FATAL(got.n, 2);
    CU_ASSERT_FALSE(memcmp(tensors_find(&got, "x")->data, "abc", 3));
    CU_ASSERT_FALSE(memcmp(tensors_find(&got, "y")->data, "abc", 3));
    size_t n;
    char *bytes = case_get(&c, &n);
    CU_ASSERT_EQUAL(case_truncate(&c, read, bytes, n), 0);
    case_close(&c);
}

static void bad_entries(void) {
    Case c;
    case_open(&c, "w.npz");
    const Member text[] = {{"readme.txt", "hello", 5, ZIP_CM_STORE}};
    zip_up(&c, text, 1);
    CU_ASSERT_FALSE(read(&c));
    UNIT_SAME(c.said.s,
              "w.npz: error: entry 'readme.txt': expected a name that ends in .npy\n");
    case_reset(&c);
    const Member not_npy[] = {{"a.npy", "hello", 5, ZIP_CM_STORE},
                              {"b.npy", array, sizeof array - 2, ZIP_CM_STORE}};
    zip_up(&c, not_npy, 2);
    CU_ASSERT_FALSE(read(&c));
    UNIT_SAME(
        c.said.s,
        "w.npz: error: entry 'a.npy': not an npy array: it does not begin with "
        "\\x93NUMPY\n"
        "w.npz: error: entry 'b.npy': got 2 bytes of data, expected 3 for u1 [3]\n");
    case_fails(&c, read, "hello", 5,
               "w.npz: error: not a readable npz (zip) file: Not a zip archive\n");
    case_close(&c);
}

/* Changes `n` bytes at each place that `old` is found at. */
static int patch(char *bytes, size_t size, const char *old, const char *new, size_t n) {
    int count = 0;
    for (size_t i = 0; i + n <= size; i++)
        if (!memcmp(bytes + i, old, n)) {
            memcpy(bytes + i, new, n);
            count++;
        }
    return count;
}

static void lies(void) {
    Case c;
    size_t n;
    case_open(&c, "w.npz");
    const Member m[] = {{"xx.npy", array, sizeof array - 1, ZIP_CM_STORE},
                        {"yy.npy", array, sizeof array - 1, ZIP_CM_STORE}};
    zip_up(&c, m, 2);
    char *bytes = case_get(&c, &n);
    CU_ASSERT_EQUAL(patch(bytes, n, "yy.npy", "xx.npy", 6), 2);
    CU_ASSERT_FALSE(case_try(&c, read, bytes, n));
    UNIT_SAME(c.said.s, "w.npz: error: entry 'xx.npy': the name stands twice\n");
    case_close(&c);
}

/* A header that declares 4 GiB - 2 bytes where a few are packed. */
static void bomb(void) {
    Case c;
    size_t n;
    case_open(&c, "w.npz");
    const Member m[] = {{"x.npy", array, sizeof array - 1, ZIP_CM_DEFLATE}};
    zip_up(&c, m, 1);
    char *bytes = case_get(&c, &n);
    const char size[4] = {sizeof array - 1, 0, 0, 0};
    CU_ASSERT_EQUAL(patch(bytes, n, size, "\xfe\xff\xff\xff", 4), 2);
    CU_ASSERT_FALSE(case_try(&c, read, bytes, n));
    CU_ASSERT_PTR_NOT_NULL(strstr(c.said.s, "declares 4294967294 bytes, packed in"));
    case_close(&c);
}

static void damage(void) {
    Case c;
    size_t n;
    case_open(&c, "w.npz");
    Tensors list = {0};
    tensors_add(c.arena, &list, numbers(c.arena, "w", F32, 2, 3));
    CU_ASSERT_TRUE(npz_write(c.loc, c.path, &list));
    char *bytes = case_get(&c, &n);
    CU_ASSERT_EQUAL(case_truncate(&c, read, bytes, n), 0);
    case_flip(&c, read, bytes, n);
    size_t data = 30 + 5;              /* behind the local header: under a checksum */
    for (size_t i = data; i < data + 128 + 24; i++) {
        bytes[i] = (char)(bytes[i] ^ 4);
        CU_ASSERT_FALSE(case_try(&c, read, bytes, n));
        UNIT_SAME(c.said.s,
                  "w.npz: error: entry 'w.npy': cannot be read: it is cut off or "
                  "its checksum is wrong\n");
        bytes[i] = (char)(bytes[i] ^ 4);
    }
    case_close(&c);
}

static void cannot_write(void) {
    Case c;
    case_open(&c, "w.npz");
    Tensors list = sample(c.arena);
    const char *there = arena_printf(c.arena, "%s/no/w.npz", c.dir);
    CU_ASSERT_FALSE(npz_write(c.loc, there, &list));
    UNIT_SAME(c.said.s, "error: cannot write 'no/w.npz': No such file or directory\n");
    case_put(&c, "", 0);
    case_close(&c);
}

int main(void) {
    static const UnitTest test[] = {
        {"round trip", round_trip},
        {"same bytes", same_bytes},
        {"deflated", deflated},
        {"bad entries", bad_entries},
        {"lies", lies},
        {"bomb", bomb},
        {"damage", damage},
        {"cannot write", cannot_write},
    };
    return unit_main("npz", test, COUNT(test));
}
