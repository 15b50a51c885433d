/* CSV files: columns as inputs and labels, one row an example, or windows of rows. */
#include "train/load.h"

#include <string.h>

#include "train/cast.h"

static int find_word(const char *word, int n, const char *const *list) {
    for (int i = 0; i < n; i++)
        if (!strcmp(word, list[i]))
            return i;
    return -1;
}

static bool windowed(const Load *l) { return l->m->set.data.window.past > 0; }

/* The columns that are labels: foretold ones may be inputs as well. */
static const Words *labels(const Load *l) {
    return windowed(l) ? &l->m->set.data.window.of : &l->m->set.data.target;
}

static bool only_label(const Load *l, const char *column) {
    const Words *target = &l->m->set.data.target;
    return find_word(column, target->n, target->item) >= 0;
}

/* Names of the columns that are asked for; none: all of the file. */
static const char **wanted(const Load *l, int *n) {
    const Words *columns = &l->m->set.data.columns, *label = labels(l);
    const char **want = NULL;
    *n = 0;
    for (int i = 0; i < columns->n; i++)
        if (!only_label(l, columns->item[i]) && find_word(columns->item[i], *n, want) < 0)
            PUSH(l->temp, want, *n) = columns->item[i];
    for (int i = 0; columns->n && l->labelled && i < label->n; i++)
        if (find_word(label->item[i], *n, want) < 0)
            PUSH(l->temp, want, *n) = label->item[i];
    return want;
}

/* Columns of the table: first those of inputs, then those of labels; *n in all. */
static int *arrange(Load *l, Loc loc, int *ninput, int *n) {
    const Csv *c = &l->csv;
    const Words *columns = &l->m->set.data.columns, *label = labels(l);
    int *column = NULL;
    *n = 0;
    for (int i = 0; i < c->ncolumn; i++)
        if (!only_label(l, c->column[i]) &&
            (!columns->n || find_word(c->column[i], columns->n, columns->item) >= 0))
            PUSH(l->temp, column, *n) = i;
    *ninput = *n;
    for (int i = 0; l->labelled && i < label->n; i++) {
        int at = find_word(label->item[i], c->ncolumn, c->column);
        if (at < 0) {
            const char *near = diag_nearest(label->item[i], c->column, (size_t)c->ncolumn);
            diag_error(loc, "'%s' has no column '%s'%s%s%s", c->src->name, label->item[i],
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
        text_printf(&names, "%s%s '%s' %s", i > first ? ", " : "", load_kind(l, &f[i]),
                    f[i].tensor->name, load_shape(l->temp, &f[i].tensor->type, 1));
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

/* Field i takes, of every row, `width` of the columns listed. */
static bool put_rows(Load *l, Field *f, int64_t width, const int *column) {
    const Tensor *t = &l->csv.table;
    double *row = NEW(l->temp, width, double);
    bool ok = true;
    load_room(l, f, width * dtype_info[f->tensor->type.dtype].bytes);
    l->column = column;
    for (int64_t e = 0; e < l->set->rows && !diag_full(l->m->diag); e++) {
        for (int64_t k = 0; k < width; k++)
            row[k] = cast_element(t->type.dtype, t->data, e * l->csv.ncolumn + column[k]);
        ok &= load_row(l, f, e, width, F64, row);
    }
    return ok;
}

static bool put_examples(Load *l, const int *column, int ninput, int n) {
    Dataset *s = l->set;
    bool ok = columns_suffice(l, 0, s->ninput, ninput) &&
              columns_suffice(l, s->ninput, s->nfield, n - ninput);
    for (int i = 0; ok && i < s->nfield; i++) {
        ok = put_rows(l, &s->field[i], s->field[i].count, column);
        column += s->field[i].count;
    }
    return ok;
}

/* --- windows --- */

/* Rows of columns fill a field of as many elements, rows along its first dim. */
static bool window_fits(const Load *l, const Field *f, const char *key, int64_t rows,
                        int64_t columns) {
    const Type *t = &f->tensor->type;
    const Tree *window = tree_find(tree_find(l->m->tree, "data"), "window");
    bool flat = t->rank == 2 || (t->rank > 2 && t->dim[1].n == rows);
    if (flat && f->count == rows * columns)
        return true;
    diag_error(tree_find(window, key)->loc, "data.window.%s: %lld row%s of %lld column%s fill "
               "[%lld, %lld], %s '%s' is %s", key, (long long)rows, rows == 1 ? "" : "s",
               (long long)columns, columns == 1 ? "" : "s", (long long)rows, (long long)columns,
               load_kind(l, f), f->tensor->name, load_shape(l->temp, t, 1));
    return diag_note(f->tensor->loc, "'%s' is declared here", f->tensor->name);
}

static bool too_short(const Load *l, int64_t past) {
    const Dataset *s = l->set;
    long long behind = s->span - past;
    const char *more = behind ? arena_printf(l->temp, " and the %lld behind them", behind) : "";
    return diag_error((Loc){l->csv.src, 0, 0}, "got %lld rows, expected %lld or more: a window "
                      "is %lld%s", (long long)s->rows, (long long)s->span, (long long)past, more);
}

static bool put_windows(Load *l, const int *column, int ninput, int n) {
    const int64_t past = l->m->set.data.window.past, ahead = l->m->set.data.window.ahead;
    const int64_t beyond = ahead ? ahead : l->m->set.data.window.future;
    Dataset *s = l->set;
    Field *x, *label;
    if (!load_pair(l, "csv", "windows", &x, &label))
        return false;
    s->span = past + (label ? beyond : 0);
    s->stride = s->judged = l->m->set.data.window.stride;
    if (!window_fits(l, x, "past", past, ninput))
        return false;
    if (label && !window_fits(l, label, ahead ? "past" : "future", ahead ? past : beyond,
                              n - ninput))
        return false;
    if (s->rows < s->span)
        return too_short(l, past);
    if (!put_rows(l, x, ninput, column))
        return false;
    if (label && !put_rows(l, label, n - ninput, column + ninput))
        return false;
    if (label)
        label->data += (ahead ? ahead : past) * label->stride;
    return true;
}

/* --- the whole --- */

bool load_csv(Load *l, const DataFiles *f) {
    const Dataset *s = l->set;
    Loc loc = load_key(l, "csv");
    CsvOptions o = {.dtype = F32};
    int ninput, n;
    for (int i = 0; i < s->nfield; i++)
        if (s->field[i].tensor->type.dtype != F32)
            o.dtype = F64;
    o.column = wanted(l, &o.ncolumn);
    if (!csv_read(l->temp, loc, load_path(l, f->csv), &o, &l->csv))
        return false;
    const int *column = arrange(l, loc, &ninput, &n);
    l->set->rows = l->csv.table.type.dim[0].n;
    return column && (windowed(l) ? put_windows : put_examples)(l, column, ninput, n);
}
