/* NumPy's .npy: a header that is a Python dict, then the bytes of one array. */
#include "frontend/npy.h"

#include <string.h>

#include "frontend/element.h"

static const char magic[] = "\x93NUMPY";
enum { MAGIC = 6, MAX_HEADER = 1 << 16 };

typedef struct Npy {
    Loc file;
    const char *what;                  /* how errors call the array */
    const char *p, *end;               /* what is left of the header */
    Element element;
    bool big, fortran;                 /* byte order, order of dims */
    unsigned seen;                     /* keys found, one bit each */
    Type type;
} Npy;

/* ---- the header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } */

static void skip_space(Npy *r) {
    while (r->p < r->end && strchr(" \t\r\n", *r->p) && *r->p)
        r->p++;
}

static bool next_is(Npy *r, const char *token) {
    skip_space(r);
    size_t n = strlen(token);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, token, n))
        return false;
    r->p += n;
    return true;
}

static bool expected(const Npy *r, const char *what) {
    int n = r->end - r->p > 16 ? 16 : (int)(r->end - r->p);
    return diag_error(r->file, "%s: bad npy header: got '%.*s', expected %s", r->what,
                      n, r->p, what);
}

static bool read_string(Npy *r, const char *what, const char **s, size_t *n) {
    skip_space(r);
    if (r->p == r->end || (*r->p != '\'' && *r->p != '"'))
        return expected(r, what);
    const char *close = memchr(r->p + 1, *r->p, (size_t)(r->end - r->p - 1));
    if (!close)
        return expected(r, what);
    *s = r->p + 1;
    *n = (size_t)(close - *s);
    r->p = close + 1;
    return true;
}

static bool read_descr(Npy *r) {
    const char *s;
    size_t n;
    if (!read_string(r, "an element type such as '<f4'", &s, &n))
        return false;
    bool known = n == 3 && strchr("<>|", s[0]) && s[0] &&
                 element_of_npy(s + 1, 2, &r->element);
    if (!known || (s[0] == '|' && element_info[r->element].bytes > 1))
        return diag_error(r->file, "%s: element type '%.*s' is not supported, expected "
                          "one of f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1 behind < or >",
                          r->what, n > 40 ? 40 : (int)n, s);
    r->big = s[0] == '>';
    r->type.dtype = element_info[r->element].dtype;
    return true;
}

static bool read_order(Npy *r) {
    r->fortran = next_is(r, "True");
    return r->fortran || next_is(r, "False") || expected(r, "True or False");
}

static bool read_extent(Npy *r) {
    int64_t v = 0;
    skip_space(r);
    if (r->p == r->end || *r->p < '0' || *r->p > '9')
        return expected(r, "an extent");
    for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++)
        if (!size_mul(v, 10, &v) || !size_add(v, *r->p - '0', &v))
            return diag_error(r->file, "%s: an extent is larger than 2^63", r->what);
    next_is(r, "L");                   /* as Python 2 wrote long integers */
    if (r->type.rank == MAX_RANK)
        return diag_error(r->file, "%s: more than %d dims", r->what, MAX_RANK);
    r->type.dim[r->type.rank++].n = v;
    return true;
}

static bool read_shape(Npy *r) {
    if (!next_is(r, "("))
        return expected(r, "a shape such as (3, 4)");
    while (!next_is(r, ")")) {
        if (!read_extent(r))
            return false;
        if (next_is(r, ","))
            continue;
        return next_is(r, ")") || expected(r, "',' or ')'");
    }
    return true;
}

static const struct {
    const char *key;
    bool (*read)(Npy *r);
} field[] = {
    {"descr", read_descr},
    {"fortran_order", read_order},
    {"shape", read_shape},
};

static bool read_field(Npy *r) {
    const char *s, *at = r->p;
    size_t n;
    if (!read_string(r, "a key", &s, &n))
        return false;
    for (size_t i = 0; i < COUNT(field); i++) {
        if (strlen(field[i].key) != n || memcmp(field[i].key, s, n))
            continue;
        if (r->seen >> i & 1)
            return diag_error(r->file, "%s: bad npy header: key '%s' stands twice",
                              r->what, field[i].key);
        r->seen |= 1u << i;
        return next_is(r, ":") ? field[i].read(r) : expected(r, "':'");
    }
    r->p = at;
    return expected(r, "the keys descr, fortran_order and shape");
}

static bool read_header(Npy *r) {
    if (!next_is(r, "{"))
        return expected(r, "'{'");
    while (!next_is(r, "}")) {
        if (!read_field(r))
            return false;
        if (next_is(r, ","))
            continue;
        if (next_is(r, "}"))
            break;
        return expected(r, "',' or '}'");
    }
    skip_space(r);
    if (r->p != r->end)
        return expected(r, "nothing behind '}'");
    for (size_t i = 0; i < COUNT(field); i++)
        if (!(r->seen >> i & 1))
            return diag_error(r->file, "%s: bad npy header: key '%s' is missing",
                              r->what, field[i].key);
    return true;
}

/* ---- the whole */

/* Finds the header in the file's first bytes. Returns where the data begin, 0 on error. */
static size_t find_header(Npy *r, const unsigned char *b, size_t size) {
    size_t lead = MAGIC + 4;
    if (size < lead || memcmp(b, magic, MAGIC))
        return diag_error(r->file,
                          "%s: not an npy array: it does not begin with \\x93NUMPY",
                          r->what);
    if (b[6] < 1 || b[6] > 3)
        return diag_error(r->file, "%s: got npy version %d.%d, expected 1, 2 or 3",
                          r->what, b[6], b[7]);
    size_t len = b[8] | (size_t)b[9] << 8;
    if (b[6] > 1) {
        lead += 2;
        len |= size < lead ? 0 : (size_t)b[10] << 16 | (size_t)b[11] << 24;
    }
    if (len > MAX_HEADER)
        return diag_error(r->file, "%s: npy header of %zu bytes, expected at most %d",
                          r->what, len, MAX_HEADER);
    if (size < lead + len)
        return diag_error(r->file,
                          "%s: npy header is cut off: got %zu bytes, expected %zu",
                          r->what, size, lead + len);
    r->p = (const char *)b + lead;
    r->end = r->p + len;
    return lead + len;
}

/* Turns column-major elements around: dim 0 runs fastest in src, the last in dst. */
static void transpose(const Type *t, const char *src, char *dst) {
    const size_t bytes = (size_t)dtype_info[t->dtype].bytes;
    const int64_t n = type_bytes(t) / (int64_t)bytes;
    int64_t stride[MAX_RANK], at[MAX_RANK] = {0}, from = 0;
    for (int i = 0; i < t->rank; i++)
        stride[i] = i ? stride[i - 1] * t->dim[i - 1].n : 1;
    for (int64_t k = 0; k < n; k++, dst += bytes) {
        memcpy(dst, src + (size_t)from * bytes, bytes);
        for (int i = t->rank - 1; i >= 0; i--) {
            from += stride[i];
            if (++at[i] < t->dim[i].n)
                break;
            from -= stride[i] * t->dim[i].n;
            at[i] = 0;
        }
    }
}

static const char *shape_text(Arena *a, const Npy *r) {
    Text text = {0};
    text_printf(&text, "%s ", element_info[r->element].npy);
    for (int i = 0; i < r->type.rank; i++)
        text_printf(&text, "%s%lld", i ? ", " : "[", (long long)r->type.dim[i].n);
    text_printf(&text, r->type.rank ? "]" : "[]");
    const char *s = arena_printf(a, "%s", text.s);
    text_free(&text);
    return s;
}

bool npy_decode(Arena *a, Loc file, const char *what, const void *bytes, size_t size,
                Tensor *out) {
    Npy r = {.file = file, .what = what};
    int64_t count;
    size_t data = find_header(&r, bytes, size);
    if (!data || !read_header(&r))
        return false;
    if (!type_count(&r.type, &count))
        return diag_error(file, "%s: shape %s is too large", what, shape_text(a, &r));
    size_t need = (size_t)count * (size_t)element_info[r.element].bytes;
    if (size - data != need)
        return diag_error(file, "%s: got %zu bytes of data, expected %zu for %s", what,
                          size - data, need, shape_text(a, &r));
    Arena *temp = arena_new();
    bool turn = r.fortran && r.type.rank > 1;
    *out = tensor_new(a, NULL, &r.type);
    void *raw = turn ? tensor_new(temp, NULL, &r.type).data : out->data;
    element_load(r.element, r.big, (const char *)bytes + data, count, raw);
    if (turn)
        transpose(&r.type, raw, out->data);
    arena_free(temp);
    return true;
}

static const char *stem(Arena *a, const char *path) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t n = strlen(base);
    n -= n > 4 && !strcmp(base + n - 4, ".npy") ? 4 : 0;
    return arena_printf(a, "%.*s", (int)n, base);
}

bool npy_read(Arena *a, Loc loc, const char *path, Tensor *out) {
    Arena *temp = arena_new();
    size_t size;
    char *bytes = file_read(temp, loc, path, TENSOR_FILE_MAX, &size);
    bool ok = bytes && npy_decode(a, tensor_file(loc, path), "array", bytes, size, out);
    if (ok)
        out->name = stem(a, path);
    arena_free(temp);
    return ok;
}

/* Version 1, padded with blanks so that the data begin at a multiple of 64. */
void *npy_encode(Arena *a, const Tensor *t, size_t *size) {
    const DTypeInfo *d = &dtype_info[t->type.dtype];
    Text h = {0};
    text_put(&h, magic, MAGIC);
    text_put(&h, "\1\0--", 4);
    text_printf(&h, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                d->bytes > 1 ? '<' : '|', element_info[element_of(t->type.dtype)].npy);
    for (int i = 0; i < t->type.rank; i++)
        text_printf(&h, "%s%lld", i ? ", " : "", (long long)t->type.dim[i].n);
    text_printf(&h, "%s), }", t->type.rank == 1 ? "," : "");
    text_printf(&h, "%*s\n", (int)(63 - h.n % 64), "");
    h.s[8] = (char)(h.n - MAGIC - 4);
    h.s[9] = (char)((h.n - MAGIC - 4) >> 8);

    int64_t bytes = type_bytes(&t->type);
    char *out = arena_alloc(a, h.n + (size_t)bytes);
    memcpy(out, h.s, h.n);
    element_store(t->type.dtype, t->data, bytes / d->bytes, out + h.n);
    *size = h.n + (size_t)bytes;
    text_free(&h);
    return out;
}

bool npy_write(Loc loc, const char *path, const Tensor *t) {
    Arena *temp = arena_new();
    size_t size;
    void *bytes = npy_encode(temp, t, &size);
    bool ok = file_write(loc, path, bytes, size);
    arena_free(temp);
    return ok;
}
