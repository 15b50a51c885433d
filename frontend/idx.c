/* IDX: a magic of 0, 0, type, rank; big-endian extents; big-endian elements. */
#include "frontend/idx.h"

#include "frontend/element.h"
#include "frontend/gzip.h"

enum { LARGEST_HEADER = 4 + 4 * MAX_RANK };

typedef struct Idx {
    Element element;
    Type type;
    int64_t count;
    size_t header, total;              /* bytes of the header, of the file */
} Idx;

static int64_t big32(const unsigned char *p) {
    return (int64_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static const char *shape_text(Arena *a, const Idx *x) {
    Text text = {0};
    text_printf(&text, "[");
    for (int i = 0; i < x->type.rank; i++)
        text_printf(&text, "%s%lld", i ? ", " : "", (long long)x->type.dim[i].n);
    const char *s = arena_printf(a, "%s] of %d bytes each", text.s,
                                 element_info[x->element].bytes);
    text_free(&text);
    return s;
}

/* b: the file's beginning, `size` bytes of it. */
static bool read_header(Arena *a, Loc file, const unsigned char *b, size_t size,
                        Idx *x) {
    if (size < 4 || b[0] || b[1])
        return diag_error(file,
                          "not an IDX file: it does not begin with two zero bytes");
    if (!element_of_idx(b[2], &x->element))
        return diag_error(file,
                          "IDX element type 0x%02x is unknown, expected one of 08 09 "
                          "0b 0c 0d 0e",
                          b[2]);
    if (b[3] < 1 || b[3] > MAX_RANK)
        return diag_error(file, "IDX header: got %d dims, expected 1 to %d", b[3],
                          MAX_RANK);
    x->header = 4 + 4 * (size_t)b[3];
    if (size < x->header)
        return diag_error(file, "IDX header is cut off: got %zu bytes, expected %zu",
                          size, x->header);
    x->type = (Type){.dtype = element_info[x->element].dtype, .rank = b[3]};
    for (int i = 0; i < b[3]; i++)
        x->type.dim[i].n = big32(b + 4 + 4 * i);
    if (!type_count(&x->type, &x->count))
        return diag_error(file, "IDX shape %s is too large", shape_text(a, x));
    x->total = x->header + (size_t)x->count * (size_t)element_info[x->element].bytes;
    return true;
}

/* The file's content, unpacked as far as its header says, and the header. One byte more is
 * asked for, to see it end. */
static const unsigned char *unpack(Arena *a, Loc file, const unsigned char *in,
                                   size_t *size, Idx *x) {
    size_t packed = *size;
    if (!gzip_is(in, packed))
        return read_header(a, file, in, packed, x) ? in : NULL;
    const unsigned char *b = gzip_expand(a, file, in, packed, LARGEST_HEADER, size);
    if (!b || !read_header(a, file, b, *size, x))
        return NULL;
    return gzip_expand(a, file, in, packed, x->total + 1, size);
}

static bool decode(Arena *a, Arena *temp, Loc file, const void *bytes, size_t size,
                   Tensor *out) {
    Idx x;
    const unsigned char *b = unpack(temp, file, bytes, &size, &x);
    if (!b)
        return false;
    if (size != x.total)
        return diag_error(file, "got %zu%s bytes, expected %zu for IDX shape %s", size,
                          b != bytes && size > x.total ? " or more" : "", x.total,
                          shape_text(temp, &x));
    *out = tensor_new(a, arena_printf(a, "%s", file.src->name), &x.type);
    element_load(x.element, true, b + x.header, x.count, out->data);
    return true;
}

bool idx_read(Arena *a, Loc loc, const char *path, Tensor *out) {
    Arena *temp = arena_new();
    size_t size;
    char *bytes = file_read(temp, loc, path, TENSOR_FILE_MAX, &size);
    bool ok = bytes && decode(a, temp, tensor_file(loc, path), bytes, size, out);
    arena_free(temp);
    return ok;
}
