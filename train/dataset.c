/* Datasets: CSV, IDX and .npy files, checked against the inputs and labels of a model. */
#include "train/dataset.h"

#include <string.h>

#include "frontend/csv.h"
#include "frontend/gzip.h"
#include "frontend/idx.h"
#include "frontend/npy.h"
#include "train/cast.h"

typedef struct {
    Arena *arena, *temp;
    const Model *m;
    const char *section;
    bool labelled;
    Dataset *set;
    Csv csv;                           /* of a CSV: rows know their lines */
    Loc file;                          /* being read */
    const int *column;                 /* of a CSV: where the field's elements stand */
} Load;

/* --- places --- */

static Loc key_loc(const Load *l, const char *key) {
    const Tree *t = tree_find(tree_find(l->m->tree, "data"), l->section ? l->section : "");
    t = key && t ? tree_find(t, key) : t;
    return t ? t->loc : diag_nowhere(l->m->diag);
}

const char *dataset_path(Arena *a, const Model *m, const char *path) {
    const char *file = m->source->name, *slash = strrchr(file, '/');
    if (path[0] == '/' || !slash)
        return path;
    return arena_printf(a, "%.*s/%s", (int)(slash - file), file, path);
}

static const char *path_of(const Load *l, const char *path) {
    return l->section ? dataset_path(l->arena, l->m, path) : path;
}

static const char *kind_of(const Load *l, const Field *f) {
    return f - l->set->field < l->set->ninput ? "input" : "label";
}

static const char *shape_text(Arena *a, const Type *t, int from) {
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

/* Where element k of an example was read, and what it is called there. */
static Loc value_loc(const Load *l, int64_t example) {
    return l->csv.src ? (Loc){l->csv.src, l->csv.line[example], 1} : l->file;
}

static const char *value_name(const Load *l, int64_t example, int64_t k) {
    if (l->csv.src)
        return arena_printf(l->temp, "field '%s'", l->csv.column[l->column[k]]);
    return arena_printf(l->temp, "example %lld", (long long)example);
}

static bool bad_value(const Load *l, const Field *f, int64_t example, int64_t k, double got) {
    const ModelTensor *t = f->tensor;
    char number[40];
    num_double(number, got);
    if (t->ranged)
        return diag_error(value_loc(l, example), "%s: got %s, expected a whole number from %lld to "
                          "%lld for %s '%s'", value_name(l, example, k), number, (long long)t->lo,
                          (long long)t->hi - 1, kind_of(l, f), t->name);
    return diag_error(value_loc(l, example), "%s: got %s, which is no %s as %s '%s' takes",
                      value_name(l, example, k), number, dtype_info[t->type.dtype].name,
                      kind_of(l, f), t->name);
}

/* Example e of a field from f->count elements of type d. */
static bool put_example(const Load *l, const Field *f, int64_t e, DType d, const void *from) {
    const ModelTensor *t = f->tensor;
    unsigned char *to = f->data + e * f->bytes;
    int64_t bad = cast_array(d, from, f->count, t->type.dtype, to);
    for (int64_t k = 0; t->ranged && bad < 0 && k < f->count; k++) {
        double v = cast_element(t->type.dtype, to, k);
        if (v < (double)t->lo || v >= (double)t->hi)
            bad = k;
    }
    return bad < 0 || bad_value(l, f, e, bad, cast_element(d, from, bad));
}

static void field_room(Load *l, Field *f, int64_t n) {
    f->data = arena_array(l->arena, (size_t)n, (size_t)f->bytes);
    l->set->n = n;
}

/* --- arrays --- */

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

static bool load_array(Load *l, const char *key, const char *given, Field *f) {
    const char *path = path_of(l, given);
    size_t len = strlen(path);
    bool npy = len > 4 && !strcmp(path + len - 4, ".npy"), ok = true;
    Tensor t;
    if (!(npy ? npy_read : idx_read)(l->temp, key_loc(l, key), path, &t))
        return false;
    l->file = tensor_file(diag_nowhere(l->m->diag), path);
    if (!same_shape(&t.type, &f->tensor->type)) {
        diag_error(l->file, "got %s of %s, expected [n%s%s for %s '%s'",
                   shape_text(l->temp, &t.type, 0), dtype_info[t.type.dtype].name,
                   f->tensor->type.rank > 1 ? ", " : "",
                   shape_text(l->temp, &f->tensor->type, 1) + 1, kind_of(l, f), f->tensor->name);
        return diag_note(f->tensor->loc, "'%s' is declared here", f->tensor->name);
    }
    int64_t n = t.type.dim[0].n;
    if (f != l->set->field && n != l->set->n)
        return diag_error(l->file, "got %lld %ss, expected %lld, one for each example",
                          (long long)n, kind_of(l, f), (long long)l->set->n);
    if (!n)
        return diag_error(l->file, "there are no examples in it");
    field_room(l, f, n);
    const unsigned char *from = t.data;
    int64_t stride = f->count * dtype_info[t.type.dtype].bytes;
    for (int64_t e = 0; e < n && !diag_full(l->m->diag); e++)
        ok &= put_example(l, f, e, t.type.dtype, from + e * stride);
    return ok;
}

static bool load_arrays(Load *l, const DataFiles *f) {
    const Dataset *s = l->set;
    int nlabel = s->nfield - s->ninput;
    if (s->ninput != 1 || nlabel > 1)
        return diag_error(key_loc(l, "images"), "images and labels fill one input and one label, "
                          "the model has %d and %d: use a CSV file", s->ninput, nlabel);
    if (nlabel && !f->labels)
        return diag_error(key_loc(l, "images"), "labels are needed for '%s'",
                          s->field[1].tensor->name);
    return load_array(l, "images", f->images, &s->field[0]) &&
           (!nlabel || load_array(l, "labels", f->labels, &s->field[1]));
}

/* --- CSV --- */

static int find_word(const char *word, int n, const char *const *list) {
    for (int i = 0; i < n; i++)
        if (!strcmp(word, list[i]))
            return i;
    return -1;
}

static bool is_target(const Load *l, const char *column) {
    const Words *target = &l->m->set.data.target;
    return find_word(column, target->n, target->item) >= 0;
}

/* Names of the columns that are asked for; none: all of the file. */
static const char **wanted(const Load *l, int *n) {
    const Words *columns = &l->m->set.data.columns, *target = &l->m->set.data.target;
    const char **want = NULL;
    *n = 0;
    for (int i = 0; i < columns->n; i++)
        if (!is_target(l, columns->item[i]))
            PUSH(l->temp, want, *n) = columns->item[i];
    for (int i = 0; columns->n && l->labelled && i < target->n; i++)
        PUSH(l->temp, want, *n) = target->item[i];
    return want;
}

/* Columns of the table: first those of inputs, then those of labels; *n in all. */
static int *arrange(Load *l, Loc loc, int *ninput, int *n) {
    const Csv *c = &l->csv;
    const Words *target = &l->m->set.data.target;
    int *column = NULL;
    *n = 0;
    for (int i = 0; i < c->ncolumn; i++)
        if (!is_target(l, c->column[i]))
            PUSH(l->temp, column, *n) = i;
    *ninput = *n;
    for (int i = 0; l->labelled && i < target->n; i++) {
        int at = find_word(target->item[i], c->ncolumn, c->column);
        if (at < 0) {
            const char *near = diag_nearest(target->item[i], c->column, (size_t)c->ncolumn);
            diag_error(loc, "'%s' has no column '%s'%s%s%s", c->src->name, target->item[i],
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
            return NULL;
        }
        PUSH(l->temp, column, *n) = at;
    }
    return column ? column : NEW(l->temp, 1, int);
}

/* Fields first..end-1 take `got` columns of the file. */
static bool columns_suffice(const Load *l, int first, int end, int got) {
    const Field *f = l->set->field;
    Loc loc = {l->csv.src, 0, 0};
    int64_t need = 0;
    Text names = {0};
    for (int i = first; i < end; i++) {
        need += f[i].count;
        text_printf(&names, "%s%s '%s' %s", i > first ? ", " : "", kind_of(l, &f[i]),
                    f[i].tensor->name, shape_text(l->temp, &f[i].tensor->type, 1));
    }
    if (need != got && first && !l->m->set.data.target.n)
        diag_error(loc, "data.target does not say which columns are the labels: %s",
                   names.n ? names.s : "");
    else if (need != got)
        diag_error(loc, "got %d column%s %s, expected %lld for %s", got, got == 1 ? "" : "s",
                   first ? "of labels" : l->m->set.data.target.n ? "besides the labels" : "",
                   (long long)need, names.n ? names.s : "");
    text_free(&names);
    return need == got;
}

static bool put_rows(Load *l, const int *column) {
    const Tensor *t = &l->csv.table;
    bool ok = true;
    for (int i = 0; i < l->set->nfield; i++) {
        Field *f = &l->set->field[i];
        double *row = NEW(l->temp, f->count, double);
        field_room(l, f, t->type.dim[0].n);
        l->column = column;
        for (int64_t e = 0; e < l->set->n && !diag_full(l->m->diag); e++) {
            for (int64_t k = 0; k < f->count; k++)
                row[k] = cast_element(t->type.dtype, t->data, e * l->csv.ncolumn + column[k]);
            ok &= put_example(l, f, e, F64, row);
        }
        column += f->count;
    }
    return ok;
}

static bool load_csv(Load *l, const DataFiles *f) {
    const Dataset *s = l->set;
    Loc loc = key_loc(l, "csv");
    CsvOptions o = {.dtype = F32};
    int ninput, n;
    for (int i = 0; i < s->nfield; i++)
        if (s->field[i].tensor->type.dtype != F32)
            o.dtype = F64;
    o.column = wanted(l, &o.ncolumn);
    if (!csv_read(l->temp, loc, path_of(l, f->csv), &o, &l->csv))
        return false;
    const int *column = arrange(l, loc, &ninput, &n);
    return column && columns_suffice(l, 0, s->ninput, ninput) &&
           columns_suffice(l, s->ninput, s->nfield, n - ninput) && put_rows(l, column);
}

/* --- the whole --- */

bool dataset_load(Arena *a, const Model *m, const DataFiles *f, const char *section,
                  bool labelled, Dataset *out) {
    Load l = {.arena = a, .temp = arena_new(), .m = m, .section = section,
              .labelled = labelled, .set = out};
    *out = (Dataset){.ninput = m->input.n};
    bool ok = add_fields(&l, &m->input) && (!labelled || add_fields(&l, &m->label)) &&
              (f->csv ? load_csv(&l, f) : load_arrays(&l, f));
    arena_free(l.temp);
    return ok;
}

DataFiles dataset_files(const char *path) {
    static const char *const tables[] = {".csv", ".tsv", ".txt"};
    size_t n = strlen(path);
    n -= n > 3 && !strcmp(path + n - 3, ".gz") ? 3 : 0;
    for (size_t i = 0; i < COUNT(tables); i++)
        if (n > 4 && !strncmp(path + n - 4, tables[i], 4))
            return (DataFiles){.csv = path};
    return (DataFiles){.images = path};
}

/* The second word of an IDX file is how many there are. */
static int64_t idx_count(Arena *temp, Loc loc, const char *path) {
    enum { HEAD = 8 };
    size_t size, got;
    const unsigned char *b = (unsigned char *)file_read(temp, loc, path, TENSOR_FILE_MAX, &size);
    if (b && gzip_is(b, size)) {
        b = gzip_expand(temp, tensor_file(loc, path), b, size, HEAD, &got);
        size = got;
    }
    if (!b)
        return 0;
    if (size < HEAD) {
        diag_error(tensor_file(loc, path), "not an IDX file: it ends within its header");
        return 0;
    }
    return (int64_t)b[4] << 24 | b[5] << 16 | b[6] << 8 | b[7];
}

int64_t dataset_count(const Model *m) {
    Arena *temp = arena_new();
    Load l = {.arena = temp, .temp = temp, .m = m, .section = "train"};
    const DataFiles *f = &m->set.data.train;
    CsvOptions o = {.dtype = F64};
    int64_t n = 0;
    o.column = wanted(&l, &o.ncolumn);
    if (f->images)
        n = idx_count(temp, key_loc(&l, "images"), path_of(&l, f->images));
    else if (f->csv && csv_read(temp, key_loc(&l, "csv"), path_of(&l, f->csv), &o, &l.csv))
        n = l.csv.table.type.dim[0].n;
    arena_free(temp);
    return n;
}
