/* Element types, extents and shapes: names, comparison, sizes, text. */
#include "ir/type.h"

#include <string.h>

const DTypeInfo dtype_info[NDTYPE] = {
#define DTYPE(ID, name, bytes, is_float, ctype) {name, bytes, is_float, ctype},
#include "ir/dtypes.def"
};

bool dtype_parse(const char *name, size_t len, DType *out) {
    for (int i = 0; i < NDTYPE; i++)
        if (strlen(dtype_info[i].name) == len &&
            !memcmp(dtype_info[i].name, name, len)) {
            *out = (DType)i;
            return true;
        }
    return false;
}

bool type_equal(const Type *a, const Type *b) {
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i].n != b->dim[i].n || a->dim[i].batch != b->dim[i].batch)
            return false;
    return true;
}

/* An extent of 0 empties the tensor, but does not excuse the others: strides are products
 * of them. */
bool type_count(const Type *t, int64_t *count) {
    const int64_t most = (INT64_C(1) << 40) / dtype_info[t->dtype].bytes;
    int64_t n = 1;
    bool empty = false;
    for (int i = 0; i < t->rank; i++) {
        const int64_t d = t->dim[i].n;
        empty |= d == 0;
        if (d < 0 || !size_mul(n, d ? d : 1, &n) || n > most)
            return false;
    }
    *count = empty ? 0 : n;
    return true;
}

int64_t type_bytes(const Type *t) {
    int64_t n;
    if (!type_count(t, &n))
        bug("size of an unchecked type");
    return n * dtype_info[t->dtype].bytes;
}

void type_print(Text *out, const Type *t) {
    text_printf(out, "%s[", dtype_info[t->dtype].name);
    for (int i = 0; i < t->rank; i++)
        text_printf(out, "%s%s%lld", i ? "," : "", t->dim[i].batch ? "n:" : "",
                    (long long)t->dim[i].n);
    text_put(out, "]", 1);
}

const char *type_text(Arena *a, const Type *t) {
    Text text = {0};
    type_print(&text, t);
    const char *s = arena_printf(a, "%s", text.s);
    text_free(&text);
    return s;
}
