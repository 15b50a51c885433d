/* Datasets: files of every kind, checked against the inputs and labels of a model. */
#include "train/load.h"

#include <string.h>

#include "frontend/gzip.h"
#include "train/cast.h"

/* --- places --- */

Loc load_key(const Load *l, const char *key) {
    const Tree *data = tree_find(l->m->tree, "data");
    const Tree *t = l->section ? tree_find(data, l->section) : NULL;
    t = key && t ? tree_find(t, key) : t;
    return t ? t->loc : diag_nowhere(l->m->diag);
}

const char *dataset_path(Arena *a, const Model *m, const char *path) {
    const char *file = m->source->name, *slash = strrchr(file, '/');
    if (path[0] == '/' || !slash)
        return path;
    return arena_printf(a, "%.*s/%s", (int)(slash - file), file, path);
}

const char *load_path(const Load *l, const char *path) {
    return l->section ? dataset_path(l->arena, l->m, path) : path;
}

const char *load_kind(const Load *l, const Field *f) {
    return f - l->set->field < l->set->ninput ? "input" : "label";
}

const char *load_shape(Arena *a, const Type *t, int from) {
    Text s = {0};
    text_printf(&s, "[");
    for (int i = from; i < t->rank; i++)
        text_printf(&s, "%s%lld", i > from ? ", " : "", (long long)t->dim[i].n);
    const char *text = arena_printf(a, "%s]", s.s);
    text_free(&s);
    return text;
}

/* --- fields --- */

static bool add_fields(Load *l, const ModelTensors *list) {
    for (int i = 0; i < list->n; i++) {
        const ModelTensor *t = &list->item[i];
        Field f = {.tensor = t, .count = 1};
        if (!t->type.rank || !t->type.dim[0].batch)
            return diag_error(t->loc, "'%s' has no batch, so that no file of examples fills it",
                              t->name);
        for (int d = 1; d < t->type.rank; d++)
            f.count *= t->type.dim[d].n;
        f.bytes = f.count * dtype_info[t->type.dtype].bytes;
        PUSH(l->arena, l->set->field, l->set->nfield) = f;
    }
    return true;
}

bool load_pair(Load *l, const char *key, const char *what, Field **x, Field **label) {
    Dataset *s = l->set;
    int nlabel = s->nfield - s->ninput;
    *x = s->field;
    *label = nlabel ? s->field + 1 : NULL;
    if (s->ninput == 1 && nlabel < 2)
        return true;
    return diag_error(load_key(l, key), "%s fill one input and one label, the model has %d and "
                      "%d", what, s->ninput, nlabel);
}

/* Where an element of a row was read, and what it is called there. */
static Loc value_loc(const Load *l, int64_t row) {
    return l->csv.src ? (Loc){l->csv.src, l->csv.line[row], 1} : l->file;
}

static const char *value_name(const Load *l, int64_t row, int64_t k) {
    if (l->csv.src)
        return arena_printf(l->temp, "field '%s'", l->csv.column[l->column[k]]);
    return arena_printf(l->temp, "example %lld", (long long)row);
}

static bool bad_value(const Load *l, const Field *f, int64_t row, int64_t k, double got) {
    const ModelTensor *t = f->tensor;
    char number[40];
    num_double(number, got);
    if (t->ranged)
        return diag_error(value_loc(l, row), "%s: got %s, expected a whole number from %lld to "
                          "%lld for %s '%s'", value_name(l, row, k), number, (long long)t->lo,
                          (long long)t->hi - 1, load_kind(l, f), t->name);
    return diag_error(value_loc(l, row), "%s: got %s, which is no %s as %s '%s' takes",
                      value_name(l, row, k), number, dtype_info[t->type.dtype].name,
                      load_kind(l, f), t->name);
}

bool load_row(const Load *l, const Field *f, int64_t e, int64_t n, DType d, const void *from) {
    const ModelTensor *t = f->tensor;
    unsigned char *to = f->data + e * f->stride;
    int64_t bad = cast_array(d, from, n, t->type.dtype, to);
    for (int64_t k = 0; t->ranged && bad < 0 && k < n; k++) {
        double v = cast_element(t->type.dtype, to, k);
        if (v < (double)t->lo || v >= (double)t->hi)
            bad = k;
    }
    return bad < 0 || bad_value(l, f, e, bad, cast_element(d, from, bad));
}

void load_room(Load *l, Field *f, int64_t row_bytes) {
    f->stride = row_bytes;
    f->data = arena_array(l->arena, (size_t)l->set->rows, (size_t)row_bytes);
}

/* --- texts --- */

const Source *load_source(Load *l, Loc loc, const char *path) {
    size_t size;
    char *text = file_read(l->temp, loc, path, TENSOR_FILE_MAX, &size);
    if (text && gzip_is(text, size))
        text = gzip_expand(l->temp, tensor_file(loc, path), text, size, TENSOR_FILE_MAX, &size);
    if (!text)
        return NULL;
    const Source *src = diag_source(l->m->diag, arena_printf(l->arena, "%s", path), text, size);
    if (size)
        return src;
    diag_error((Loc){src, 0, 0}, "there is no text in it");
    return NULL;
}

/* --- the whole --- */

static bool read_files(Load *l, const DataFiles *f) {
    return f->text     ? load_text(l, f)
           : f->tagged ? load_tagged(l, f)
           : f->csv    ? load_csv(l, f)
                       : load_arrays(l, f);
}

static bool load(Load *l, const DataFiles *f) {
    const Model *m = l->m;
    *l->set = (Dataset){.ninput = m->input.n, .span = 1, .stride = 1, .judged = 1};
    l->temp = arena_new();
    bool ok = add_fields(l, &m->input) && (!l->labelled || add_fields(l, &m->label)) &&
              read_files(l, f);
    arena_free(l->temp);
    return ok;
}

bool dataset_load(Arena *a, const Model *m, const DataFiles *f, const char *section,
                  bool labelled, Vocabs *vocab, Dataset *out) {
    Load l = {.arena = a, .m = m, .section = section, .labelled = labelled, .vocab = vocab,
              .set = out};
    return load(&l, f);
}

DataFiles dataset_files(const Model *m, const char *path) {
    static const char *const tables[] = {".csv", ".tsv", ".txt"};
    const DataFiles *train = &m->set.data.train;
    size_t n = strlen(path);
    if (train->text)
        return (DataFiles){.text = path};
    if (train->tagged)
        return (DataFiles){.tagged = path};
    n -= n > 3 && !strcmp(path + n - 3, ".gz") ? 3 : 0;
    for (size_t i = 0; i < COUNT(tables); i++)
        if (n > 4 && !strncmp(path + n - 4, tables[i], 4))
            return (DataFiles){.csv = path};
    return (DataFiles){.images = path};
}
