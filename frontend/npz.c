/* NumPy's .npz through libzip: each entry is a .npy file, stored or deflated. */
#include "frontend/npz.h"

#include <string.h>
#include <zip.h>

#include "frontend/npy.h"

enum { MAX_RATIO = 1100, NO_DATE = 1 << 5 | 1 }; /* deflate's limit; 1 January 1980 */

static bool zip_fail(Loc file, const char *what, zip_error_t *e) {
    diag_error(file, "%s: %s", what, zip_error_strerror(e));
    zip_error_fini(e);
    return false;
}

static zip_t *open_zip(Loc file, const void *bytes, size_t size, int flags) {
    zip_error_t e;
    zip_error_init(&e);
    zip_source_t *s = zip_source_buffer_create(bytes, size, 0, &e);
    zip_t *z = s ? zip_open_from_source(s, flags, &e) : NULL;
    if (!z) {
        zip_source_free(s);
        zip_fail(file, "not a readable npz (zip) file", &e);
    }
    return z;
}

/* ---- reading */

static bool read_bytes(zip_t *z, zip_uint64_t i, void *to, uint64_t size) {
    zip_file_t *f = zip_fopen_index(z, i, 0);
    char more;
    bool ok =
        f && zip_fread(f, to, size) == (zip_int64_t)size && zip_fread(f, &more, 1) == 0;
    return (f && zip_fclose(f) == 0) && ok;
}

/* What an entry declares about itself is not believed. */
static bool check_entry(Loc file, const char *what, const zip_stat_t *st, size_t size) {
    const zip_uint64_t all = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD |
                             ZIP_STAT_ENCRYPTION_METHOD;
    if ((st->valid & all) != all)
        return diag_error(file, "%s: size or method is not given", what);
    if (st->encryption_method != ZIP_EM_NONE)
        return diag_error(file, "%s: is encrypted", what);
    if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE)
        return diag_error(file, "%s: got compression method %d, expected 0 (stored) or "
                          "8 (deflated)", what, st->comp_method);
    if (st->comp_size > size || st->size / MAX_RATIO > st->comp_size ||
        (st->comp_method == ZIP_CM_STORE && st->size != st->comp_size))
        return diag_error(
            file, "%s: declares %llu bytes, packed in %llu of a file of %zu", what,
            (unsigned long long)st->size, (unsigned long long)st->comp_size, size);
    return true;
}

static bool read_entry(Arena *a, Arena *temp, Loc file, zip_t *z, zip_uint64_t i,
                       size_t size, Tensors *out) {
    zip_stat_t st;
    if (zip_stat_index(z, i, 0, &st) || !(st.valid & ZIP_STAT_NAME))
        return diag_error(file, "entry %llu has no name", (unsigned long long)i);
    const char *what = arena_printf(temp, "entry '%s'", st.name);
    size_t n = strlen(st.name);
    if (n < 5 || strcmp(st.name + n - 4, ".npy"))
        return diag_error(file, "%s: expected a name that ends in .npy", what);
    if (zip_name_locate(z, st.name, 0) != (zip_int64_t)i)
        return diag_error(file, "%s: the name stands twice", what);
    if (!check_entry(file, what, &st, size))
        return false;
    void *bytes = arena_alloc(temp, st.size);
    if (!read_bytes(z, i, bytes, st.size))
        return diag_error(
            file, "%s: cannot be read: it is cut off or its checksum is wrong", what);
    Tensor t;
    if (!npy_decode(a, file, what, bytes, st.size, &t))
        return false;
    t.name = arena_printf(a, "%.*s", (int)(n - 4), st.name);
    tensors_add(a, out, t);
    return true;
}

static bool read_all(Arena *a, Loc file, const void *bytes, size_t size, Tensors *out) {
    zip_t *z = size ? open_zip(file, bytes, size, ZIP_RDONLY) : NULL;
    if (!size)
        return diag_error(file, "not a readable npz (zip) file: it is empty");
    if (!z)
        return false;
    bool ok = true;
    zip_int64_t n = zip_get_num_entries(z, 0);
    Arena *temp = arena_new();
    for (zip_int64_t i = 0; i < n && !diag_full(file.src->diag); i++) {
        ok &= read_entry(a, temp, file, z, (zip_uint64_t)i, size, out);
        arena_reset(temp);
    }
    arena_free(temp);
    zip_discard(z);
    return ok;
}

bool npz_read(Arena *a, Loc loc, const char *path, Tensors *out) {
    Arena *temp = arena_new();
    size_t size;
    char *bytes = file_read(temp, loc, path, TENSOR_FILE_MAX, &size);
    bool ok = bytes && read_all(a, tensor_file(loc, path), bytes, size, out);
    arena_free(temp);
    return ok;
}

/* ---- writing */

static bool add_entry(Arena *temp, zip_t *z, const Tensor *t) {
    size_t size;
    void *bytes = npy_encode(temp, t, &size);
    zip_source_t *s = zip_source_buffer(z, bytes, size, 0);
    zip_int64_t i = s ? zip_file_add(z, arena_printf(temp, "%s.npy", t->name), s,
                                     ZIP_FL_ENC_UTF_8) : -1;
    if (i < 0) {
        zip_source_free(s);
        return false;
    }
    return !zip_set_file_compression(z, (zip_uint64_t)i, ZIP_CM_STORE, 0) &&
           !zip_file_set_dostime(z, (zip_uint64_t)i, 0, NO_DATE, 0);
}

/* Writes into the source `s`, which is read afterwards. */
static bool fill(Arena *temp, Loc file, zip_source_t *s, const Tensors *list) {
    zip_error_t e;
    zip_error_init(&e);
    zip_t *z = zip_open_from_source(s, ZIP_TRUNCATE, &e);
    if (!z)
        return zip_fail(file, "cannot write", &e);
    zip_source_keep(s);
    bool ok = true;
    for (int i = 0; i < list->n && ok; i++) {
        ok = add_entry(temp, z, &list->item[i]);
        if (!ok)
            diag_error(file, "cannot write tensor '%s': %s", list->item[i].name,
                       zip_strerror(z));
    }
    if (ok && zip_close(z) == 0)
        return true;
    if (ok)
        diag_error(file, "cannot write: %s", zip_strerror(z));
    zip_discard(z);
    return false;
}

static bool save(Arena *temp, Loc loc, const char *path, zip_source_t *s) {
    zip_stat_t st;
    if (zip_source_stat(s, &st) || zip_source_open(s))
        return diag_error(loc, "cannot write '%s': %s", path,
                          zip_error_strerror(zip_source_error(s)));
    void *bytes = arena_alloc(temp, st.size);
    bool ok = zip_source_read(s, bytes, st.size) == (zip_int64_t)st.size;
    zip_source_close(s);
    return ok ? file_write(loc, path, bytes, st.size)
              : diag_error(loc, "cannot write '%s': zip stream is cut off", path);
}

bool npz_write(Loc loc, const char *path, const Tensors *list) {
    static const char nothing[22] = "PK\5\6"; /* libzip would write no file at all */
    if (!list->n)
        return file_write(loc, path, nothing, sizeof nothing);
    Arena *temp = arena_new();
    zip_error_t e;
    zip_error_init(&e);
    Loc file = tensor_file(loc, path);
    zip_source_t *s = zip_source_buffer_create(NULL, 0, 0, &e);
    bool ok = s ? fill(temp, file, s, list) && save(temp, loc, path, s)
                : zip_fail(file, "cannot write", &e);
    zip_source_free(s);
    arena_free(temp);
    return ok;
}
