/* Arrays: IDX and .npy files as one input and its label. */
#include "train/load.h"

#include <string.h>

#include "frontend/idx.h"
#include "frontend/npy.h"

/* Extents behind the first, those of 1 left out. */
static int squeezed(const Type *t, int64_t dim[MAX_RANK]) {
    int n = 0;
    for (int i = 1; i < t->rank; i++)
        if (t->dim[i].n != 1)
            dim[n++] = t->dim[i].n;
    return n;
}

static bool same_shape(const Type *a, const Type *b) {
    int64_t x[MAX_RANK], y[MAX_RANK];
    int n = squeezed(a, x);
    return a->rank && n == squeezed(b, y) && !memcmp(x, y, (size_t)n * sizeof *x);
}

static bool is_npy(const char *path) {
    size_t len = strlen(path);
    return len > 4 && !strcmp(path + len - 4, ".npy");
}

static bool load_array(Load *l, const char *key, const char *given, Field *f) {
    const char *path = load_path(l, given);
    bool ok = true;
    Tensor t;
    if (!(is_npy(path) ? npy_read : idx_read)(l->temp, load_key(l, key), path, &t))
        return false;
    l->file = tensor_file(diag_nowhere(l->m->diag), path);
    if (!same_shape(&t.type, &f->tensor->type)) {
        diag_error(l->file, "got %s of %s, expected [n%s%s for %s '%s'",
                   load_shape(l->temp, &t.type, 0), dtype_info[t.type.dtype].name,
                   f->tensor->type.rank > 1 ? ", " : "",
                   load_shape(l->temp, &f->tensor->type, 1) + 1, load_kind(l, f),
                   f->tensor->name);
        return diag_note(f->tensor->loc, "'%s' is declared here", f->tensor->name);
    }
    int64_t n = t.type.dim[0].n;
    if (f != l->set->field && n != l->set->rows)
        return diag_error(l->file, "got %lld %ss, expected %lld, one for each example",
                          (long long)n, load_kind(l, f), (long long)l->set->rows);
    if (!n)
        return diag_error(l->file, "there are no examples in it");
    l->set->rows = n;
    load_room(l, f, f->bytes);
    const unsigned char *from = t.data;
    int64_t stride = f->count * dtype_info[t.type.dtype].bytes;
    for (int64_t e = 0; e < n && !diag_full(l->m->diag); e++)
        ok &= load_row(l, f, e, f->count, t.type.dtype, from + e * stride);
    return ok;
}

bool load_arrays(Load *l, const DataFiles *f) {
    Field *x, *label;
    if (!load_pair(l, "images", "images and labels", &x, &label))
        return false;
    if (label && !f->labels)
        return diag_error(load_key(l, "images"), "labels are needed for '%s'",
                          label->tensor->name);
    return load_array(l, "images", f->images, x) &&
           (!label || load_array(l, "labels", f->labels, label));
}
