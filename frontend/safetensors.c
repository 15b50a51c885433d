/* safetensors: a JSON header {name: {dtype, shape, data_offsets}}, then the bytes. */
#include "frontend/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/element.h"

enum { LENGTH = 8, MAX_HEADER = 16 << 20 };
static const char metadata[] = "__metadata__";

typedef struct Entry {
    Tensor tensor;
    Element element;
    int64_t count, begin, end;         /* place in the data */
} Entry;

typedef struct Reader {
    Arena *arena, *temp;
    Loc file;
    int64_t size;                      /* bytes of data */
    int n;
    Entry *entry;
} Reader;

const char *metas_find(const Metas *list, const char *key) {
    for (int i = 0; i < list->n; i++)
        if (!strcmp(list->item[i].key, key))
            return list->item[i].value;
    return NULL;
}

/* ---- reading */

static const char *shape_text(Arena *a, const Entry *e) {
    Text text = {0};
    text_printf(&text, "%s [", element_info[e->element].safetensors);
    for (int i = 0; i < e->tensor.type.rank; i++)
        text_printf(&text, "%s%lld", i ? ", " : "", (long long)e->tensor.type.dim[i].n);
    const char *s = arena_printf(a, "%s]", text.s);
    text_free(&text);
    return s;
}

static bool read_dtype(Reader *r, Entry *e, const json_t *v) {
    if (!json_is_string(v))
        return diag_error(r->file, "tensor '%s': dtype is not a string",
                          e->tensor.name);
    if (!element_of_safetensors(json_string_value(v), &e->element))
        return diag_error(r->file,
                          "tensor '%s': dtype '%.40s' is not supported, expected "
                          "one of F16 BF16 F32 F64 I8 I16 I32 I64 U8 U16 U32 U64 BOOL",
                          e->tensor.name, json_string_value(v));
    e->tensor.type.dtype = element_info[e->element].dtype;
    return true;
}

static bool read_shape(Reader *r, Entry *e, const json_t *v) {
    if (!json_is_array(v))
        return diag_error(r->file, "tensor '%s': shape is not a list", e->tensor.name);
    if (json_array_size(v) > MAX_RANK)
        return diag_error(r->file, "tensor '%s': got %zu dims, expected at most %d",
                          e->tensor.name, json_array_size(v), MAX_RANK);
    e->tensor.type.rank = (int)json_array_size(v);
    for (int i = 0; i < e->tensor.type.rank; i++) {
        const json_t *d = json_array_get(v, (size_t)i);
        if (!json_is_integer(d) || json_integer_value(d) < 0)
            return diag_error(r->file,
                              "tensor '%s': shape[%d] is not a whole number from 0",
                              e->tensor.name, i);
        e->tensor.type.dim[i].n = json_integer_value(d);
    }
    return true;
}

static bool read_offsets(Reader *r, Entry *e, const json_t *v) {
    const json_t *b = json_array_get(v, 0), *c = json_array_get(v, 1);
    if (json_array_size(v) != 2 || !json_is_integer(b) || !json_is_integer(c))
        return diag_error(r->file,
                          "tensor '%s': data_offsets is not a pair of whole numbers",
                          e->tensor.name);
    e->begin = json_integer_value(b);
    e->end = json_integer_value(c);
    if (e->begin < 0 || e->end < e->begin || e->end > r->size)
        return diag_error(r->file,
                          "tensor '%s': got data_offsets [%lld, %lld], expected "
                          "a range within the file's %lld bytes of data",
                          e->tensor.name, (long long)e->begin, (long long)e->end,
                          (long long)r->size);
    return true;
}

static const struct {
    const char *key;
    bool (*read)(Reader *r, Entry *e, const json_t *v);
} field[] = {
    {"dtype", read_dtype},
    {"shape", read_shape},
    {"data_offsets", read_offsets},
};

static bool read_entry(Reader *r, const char *name, const json_t *v) {
    PUSH(r->temp, r->entry, r->n) = (Entry){.tensor = {.name = name}};
    Entry *e = &r->entry[r->n - 1];
    if (!json_is_object(v))
        return diag_error(r->file, "tensor '%s': its description is not a map", name);
    for (size_t i = 0; i < COUNT(field); i++) {
        const json_t *f = json_object_get(v, field[i].key);
        if (!f)
            return diag_error(r->file, "tensor '%s': key '%s' is missing", name,
                              field[i].key);
        if (!field[i].read(r, e, f))
            return false;
    }
    if (json_object_size(v) != COUNT(field))
        return diag_error(r->file,
                          "tensor '%s': got %zu keys, expected dtype, shape and "
                          "data_offsets only",
                          name, json_object_size(v));
    if (!type_count(&e->tensor.type, &e->count))
        return diag_error(r->file, "tensor '%s': %s is too large", name,
                          shape_text(r->temp, e));
    int64_t need = e->count * element_info[e->element].bytes;
    if (e->end - e->begin != need)
        return diag_error(r->file,
                          "tensor '%s': got %lld bytes of data, expected %lld for %s",
                          name, (long long)(e->end - e->begin), (long long)need,
                          shape_text(r->temp, e));
    return true;
}

static bool read_meta(Reader *r, json_t *v, Metas *out) {
    const char *key;
    json_t *value;
    if (!json_is_object(v))
        return diag_error(r->file, "%s is not a map", metadata);
    json_object_foreach(v, key, value) {
        if (!json_is_string(value))
            return diag_error(r->file, "%s: the value of '%s' is not a string",
                              metadata, key);
        if (out)
            PUSH(r->arena, out->item, out->n) = (Meta){
                arena_printf(r->arena, "%s", key),
                arena_printf(r->arena, "%s", json_string_value(value))};
    }
    return true;
}

static int by_begin(const void *a, const void *b) {
    const Entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* The data must be covered without holes and without overlaps. */
static bool check_cover(Reader *r) {
    int64_t at = 0;
    if (r->n)
        qsort(r->entry, (size_t)r->n, sizeof *r->entry, by_begin);
    for (int i = 0; i < r->n; at = r->entry[i++].end)
        if (r->entry[i].begin != at)
            return diag_error(
                r->file, "tensor '%s': data begin at %lld, expected %lld: %s",
                r->entry[i].tensor.name, (long long)r->entry[i].begin, (long long)at,
                r->entry[i].begin < at ? "they overlap another tensor's"
                                       : "there is a hole");
    return at == r->size ||
           diag_error(r->file,
                      "got %lld bytes of data, expected %lld for the tensors listed",
                      (long long)r->size, (long long)at);
}

static bool read_header(Reader *r, json_t *root, Metas *meta) {
    const char *name;
    json_t *value;
    bool ok = true;
    if (!json_is_object(root))
        return diag_error(r->file, "the header is not a map");
    json_object_foreach(root, name, value)
        ok &= strcmp(name, metadata) ? read_entry(r, name, value)
                                     : read_meta(r, value, meta);
    return ok && check_cover(r);
}

static void load(Reader *r, const char *data, Tensors *out) {
    for (int i = 0; i < r->n; i++) {
        const Entry *e = &r->entry[i];
        const char *name = arena_printf(r->arena, "%s", e->tensor.name);
        Tensor *t = tensors_add(r->arena, out,
                                tensor_new(r->arena, name, &e->tensor.type));
        element_load(e->element, false, data + e->begin, e->count, t->data);
    }
}

static bool decode(Reader *r, const char *bytes, size_t size, Tensors *out,
                   Metas *meta) {
    uint64_t len = 0;
    if (size < LENGTH)
        return diag_error(r->file, "not a safetensors file: got %zu bytes, expected at "
                          "least %d", size, LENGTH);
    for (int i = LENGTH; i-- > 0;)
        len = len << 8 | (unsigned char)bytes[i];
    if (len > MAX_HEADER)
        return diag_error(r->file,
                          "not a safetensors file: got a header of %llu bytes, "
                          "expected at most %d",
                          (unsigned long long)len, MAX_HEADER);
    if (len > size - LENGTH)
        return diag_error(r->file,
                          "the file is cut off: got %zu bytes, expected a header "
                          "of %llu",
                          size, (unsigned long long)len);
    json_error_t e;
    json_t *root = json_loadb(bytes + LENGTH, len, JSON_REJECT_DUPLICATES, &e);
    if (!root)
        return diag_error(r->file, "header is not valid JSON: byte %d: %s", e.position,
                          e.text);
    const size_t begin = LENGTH + (size_t)len;
    r->size = (int64_t)(size - begin);
    bool ok = read_header(r, root, meta);
    if (ok)
        load(r, bytes + begin, out);
    json_decref(root);
    return ok;
}

bool safetensors_read(Arena *a, Loc loc, const char *path, Tensors *out, Metas *meta) {
    Reader r = {.arena = a, .temp = arena_new(), .file = tensor_file(loc, path)};
    size_t size;
    char *bytes = file_read(r.temp, loc, path, TENSOR_FILE_MAX, &size);
    bool ok = bytes && decode(&r, bytes, size, out, meta);
    arena_free(r.temp);
    return ok;
}

/* ---- writing */

static json_t *describe(const Type *t, int64_t begin) {
    json_t *shape = json_array();
    for (int i = 0; i < t->rank; i++)
        json_array_append_new(shape, json_integer(t->dim[i].n));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype",
                     element_info[element_of(t->dtype)].safetensors, "shape", shape,
                     "data_offsets", (json_int_t)begin,
                     (json_int_t)(begin + type_bytes(t)));
}

/* Larger elements come first in the data, so that each lies aligned; equals by name. */
static int64_t place(Tensor **sorted, int n, int64_t *begin) {
    int64_t at = 0;
    for (int bytes = 8; bytes; bytes /= 2)
        for (int i = 0; i < n; i++)
            if (dtype_info[sorted[i]->type.dtype].bytes == bytes) {
                begin[i] = at;
                at += type_bytes(&sorted[i]->type);
            }
    return at;
}

static json_t *header_of(Tensor **sorted, int n, const int64_t *begin,
                         const Metas *meta) {
    json_t *root = json_object();
    bool ok = root != NULL;
    if (ok && meta && meta->n) {
        json_t *m = json_object();
        ok = !json_object_set_new(root, metadata, m);
        for (int i = 0; i < meta->n && ok; i++)
            ok = !json_object_set_new(m, meta->item[i].key,
                                      json_string(meta->item[i].value));
    }
    for (int i = 0; i < n && ok; i++)
        ok = !json_object_set_new(root, sorted[i]->name,
                                  describe(&sorted[i]->type, begin[i]));
    if (ok)
        return root;
    json_decref(root);
    return NULL;
}

/* The header's text, padded with blanks so that the data begin at a multiple of 8. */
static bool header_text(Loc file, Tensor **sorted, int n, const int64_t *begin,
                        const Metas *meta, Text *out) {
    json_t *root = header_of(sorted, n, begin, meta);
    char *json = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!json)
        return diag_error(file, "cannot write: a name is not UTF-8");
    size_t len = strlen(json), padded = (len + LENGTH - 1) / LENGTH * LENGTH;
    for (int i = 0; i < LENGTH; i++) {
        const char byte = (char)((uint64_t)padded >> 8 * i & 255);
        text_put(out, &byte, 1);
    }
    text_printf(out, "%s%*s", json, (int)(padded - len), "");
    free(json);
    if (padded > MAX_HEADER)
        return diag_error(file, "cannot write: got a header of %zu bytes, expected at "
                          "most %d", padded, MAX_HEADER);
    return true;
}

static bool check_names(Loc file, Tensor **sorted, int n) {
    for (int i = 0; i < n; i++)
        if (!strcmp(sorted[i]->name, metadata) ||
            (i && !strcmp(sorted[i]->name, sorted[i - 1]->name)))
            return diag_error(file, "cannot write: tensor '%s' %s", sorted[i]->name,
                              strcmp(sorted[i]->name, metadata) ? "is given twice"
                              : "has a name that the format keeps for itself");
    return true;
}

bool safetensors_write(Loc loc, const char *path, const Tensors *list,
                       const Metas *meta) {
    Arena *temp = arena_new();
    Loc file = tensor_file(loc, path);
    Tensor **sorted = tensors_sorted(temp, list);
    int64_t *begin = NEW(temp, list->n, int64_t);
    size_t data = (size_t)place(sorted, list->n, begin);
    Text header = {0};
    bool ok = check_names(file, sorted, list->n) &&
              header_text(file, sorted, list->n, begin, meta, &header);
    if (ok) {
        char *bytes = arena_alloc(temp, header.n + data);
        memcpy(bytes, header.s, header.n);
        for (int i = 0; i < list->n; i++) {
            const Tensor *t = sorted[i];
            element_store(t->type.dtype, t->data, type_bytes(&t->type) /
                          dtype_info[t->type.dtype].bytes, bytes + header.n + begin[i]);
        }
        ok = file_write(loc, path, bytes, header.n + data);
    }
    text_free(&header);
    arena_free(temp);
    return ok;
}
