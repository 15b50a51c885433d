/* Tables of numbers as text: records are split, their fields read as numbers. */
#include "frontend/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/gzip.h"

enum { MAX_FILE = INT32_MAX };         /* so that lines and columns fit an int */

typedef struct Field {
    const char *s;                     /* without quotes around it, blanks cut off */
    size_t n;
    int line;
    const char *line_start;
    bool quoted;
} Field;

typedef struct Reader {
    Arena *arena, *temp;
    const Source *src;
    const char *p, *end, *line_start;  /* what is left; where its line begins */
    int line;
    char separator;
    int n, cap;                        /* fields of the record that was read last */
    Field *field;
    int first;                         /* the line that says how many fields */
} Reader;

static Loc place(const Reader *r, int line, const char *line_start, const char *at) {
    int col = 1;
    for (const char *p = line_start; p < at; p++)
        col += ((unsigned char)*p & 0xc0) != 0x80;
    return (Loc){r->src, line, col};
}

static Loc field_loc(const Reader *r, const Field *f) {
    return place(r, f->line, f->line_start, f->s - f->quoted);
}

/* ---- records */

static bool at_end(const Reader *r) {
    return r->p == r->end || *r->p == '\n' || *r->p == '\r';
}

/* Steps over \n, \r\n or \r. */
static void next_line(Reader *r) {
    if (r->p == r->end)
        return;
    if (*r->p++ == '\r' && r->p < r->end && *r->p == '\n')
        r->p++;
    r->line++;
    r->line_start = r->p;
}

static bool is_blank(const Reader *r, char c) {
    return c == ' ' || (c == '\t' && r->separator != '\t');
}

static void skip_blanks(Reader *r) {
    while (r->p < r->end && is_blank(r, *r->p))
        r->p++;
}

static bool at_separator(const Reader *r) {
    return r->p < r->end &&
           (r->separator == ' ' ? is_blank(r, *r->p) : *r->p == r->separator);
}

static bool read_quoted(Reader *r, Field *f) {
    const char *open = r->p++;
    f->s = r->p;
    f->quoted = true;
    for (;;) {
        if (r->p == r->end)
            return diag_error(place(r, f->line, f->line_start, open),
                              "a quote is opened and never closed");
        if (*r->p == '\n' || *r->p == '\r') {
            next_line(r);
        } else if (*r->p++ == '"') {
            if (r->p == r->end || *r->p != '"')
                break;
            r->p++;                    /* "" stands for one quote */
        }
    }
    f->n = (size_t)(r->p - 1 - f->s);
    bool blank = r->p < r->end && is_blank(r, *r->p);
    if (at_end(r) || at_separator(r) || blank)
        return true;
    return diag_error(
        place(r, r->line, r->line_start, r->p),
        "got '%.1s' behind a closing quote, expected the end of the field", r->p);
}

static bool read_field(Reader *r, Field *f) {
    *f = (Field){.s = r->p, .line = r->line, .line_start = r->line_start};
    if (r->p < r->end && *r->p == '"')
        return read_quoted(r, f);
    while (!at_end(r) && !at_separator(r))
        r->p++;
    f->n = (size_t)(r->p - f->s);
    while (f->n && is_blank(r, f->s[f->n - 1]))
        f->n--;
    return true;
}

static Field *field_add(Reader *r) {
    if (r->n == r->cap) {
        int cap = r->cap ? 2 * r->cap : 64;
        r->field = arena_grow(r->temp, r->field, (size_t)r->cap * sizeof *r->field,
                              (size_t)cap * sizeof *r->field);
        r->cap = cap;
    }
    return &r->field[r->n++];
}

/* One record into r->field; r->p stays at its end. False after an error. */
static bool read_record(Reader *r) {
    r->n = 0;
    for (skip_blanks(r);; r->p++, skip_blanks(r)) {
        if (!read_field(r, field_add(r))) {
            while (!at_end(r))
                r->p++;
            return false;
        }
        skip_blanks(r);
        if (r->separator == ' ' && !at_end(r))
            r->p--;                    /* blanks separated, one of them counts */
        if (at_end(r))
            return true;
    }
}

/* To the next line that is not empty; false at the end of the text. */
static bool next_record(Reader *r) {
    for (;; next_line(r)) {
        skip_blanks(r);
        if (r->p == r->end)
            return false;
        if (!at_end(r)) {
            r->p = r->line_start;
            return true;
        }
    }
}

/* ---- numbers */

static bool is_missing(const Field *f) {
    static const char *const word[] = {"",     "NA",   "N/A",  "NaN", "nan",
                                       "null", "NULL", "None", "?"};
    for (size_t i = 0; i < COUNT(word); i++)
        if (strlen(word[i]) == f->n && !memcmp(word[i], f->s, f->n))
            return true;
    return false;
}

/* Up to 15 digits, with a point among them: both halves of the division are exact, so the
 * quotient is the nearest double. Anything else is left to num_parse. */
static bool parse_short(const char *s, size_t n, double *x) {
    static const double power[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10,
                                   1e11, 1e12, 1e13, 1e14, 1e15};
    const bool minus = n && *s == '-';
    size_t digits = 0, point = 0;      /* 1 + digits before the point */
    int64_t v = 0;
    for (size_t i = minus; i < n; i++) {
        if (s[i] == '.' && !point) {
            point = digits + 1;
            continue;
        }
        if (s[i] < '0' || s[i] > '9' || ++digits > 15)
            return false;
        v = v * 10 + (s[i] - '0');
    }
    if (!digits)
        return false;
    *x = (double)v / power[point ? digits + 1 - point : 0];
    *x = minus ? -*x : *x;
    return true;
}

static bool parse_number(const Field *f, double *x) {
    return parse_short(f->s, f->n, x) || (num_parse(f->s, f->n, x) && isfinite(*x));
}

static bool read_number(const Reader *r, const Field *f, const char *column,
                        DType dtype, double *x) {
    const int n = f->n > 40 ? 40 : (int)f->n;
    if (is_missing(f))
        return diag_error(field_loc(r, f), "field '%s' has no value, expected a number",
                          column);
    if (!parse_number(f, x))
        return diag_error(field_loc(r, f), "field '%s': got '%.*s', expected a number",
                          column, n, f->s);
    if (dtype == F32 && isinf((float)*x))
        return diag_error(field_loc(r, f), "field '%s': %.*s is too large for f32",
                          column, n, f->s);
    return true;
}

/* ---- columns */

/* The character that separates the fields of the line at r->p: the first of the list that
 * it has outside of quotes. */
static char find_separator(const Reader *r) {
    static const char list[] = "\t;, ";
    bool has[sizeof list] = {false}, quoted = false;
    for (const char *p = r->p; p < r->end; p++) {
        if (!quoted && (*p == '\n' || *p == '\r'))
            break;
        const char *s = *p ? strchr(list, *p) : NULL;
        quoted ^= *p == '"';
        if (s && !quoted)
            has[s - list] = true;
    }
    for (size_t i = 0; list[i]; i++)
        if (has[i])
            return list[i];
    return ',';
}

static char *field_text(Arena *a, const Field *f) {
    char *s = arena_alloc(a, f->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        s[n++] = f->s[i];
        i += f->quoted && f->s[i] == '"';
    }
    return s;
}

typedef struct Named {
    const char *name;
    const Field *field;
} Named;

static int by_name(const void *a, const void *b) {
    const Named *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->field > y->field) - (x->field < y->field);
}

static bool check_names(const Reader *r, const char *const *name) {
    Named *sorted = NEW(r->temp, r->n, Named);
    for (int i = 0; i < r->n; i++)
        sorted[i] = (Named){name[i], &r->field[i]};
    qsort(sorted, (size_t)r->n, sizeof *sorted, by_name);
    for (int i = 1; i < r->n; i++)
        if (!strcmp(sorted[i].name, sorted[i - 1].name))
            return diag_error(field_loc(r, sorted[i].field),
                              "two columns have the name '%s'", sorted[i].name);
    return true;
}

/* A line of names has no number in it. */
static bool is_header(const Reader *r, CsvHeader how) {
    double x;
    if (how != CSV_DETECT)
        return how == CSV_HEADER;
    bool text = false;
    for (int i = 0; i < r->n; i++) {
        if (parse_number(&r->field[i], &x))
            return false;
        text |= !is_missing(&r->field[i]);
    }
    return text;
}

/* The names of the columns from the record just read, which is eaten if it is a header. */
static const char **read_names(Reader *r, CsvHeader how) {
    const char **name = NEW(r->arena, r->n, const char *);
    bool header = is_header(r, how);
    for (int i = 0; i < r->n; i++)
        name[i] = header && r->field[i].n ? field_text(r->arena, &r->field[i])
                                          : arena_printf(r->arena, "c%d", i + 1);
    if (header && !check_names(r, name))
        return NULL;
    if (header) {
        next_line(r);
    } else {
        r->p = r->line_start = r->field[0].line_start;
        r->line = r->field[0].line;
    }
    return name;
}

static int find_column(const Reader *r, const char *const *name, const char *wanted) {
    for (int i = 0; i < r->n; i++)
        if (!strcmp(name[i], wanted))
            return i;
    return -1;
}

/* Which field each wanted column is; NULL after an error. */
static int *pick_columns(const Reader *r, Loc loc, const char *const *name,
                         const CsvOptions *o) {
    const int n = o->ncolumn ? o->ncolumn : r->n;
    int *pick = NEW(r->temp, n, int);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        pick[i] = o->ncolumn ? find_column(r, name, o->column[i]) : i;
        if (pick[i] >= 0)
            continue;
        const char *near = diag_nearest(o->column[i], name, (size_t)r->n);
        ok = diag_error(loc, "'%s' has no column '%s'%s%s%s", r->src->name,
                        o->column[i], near ? "; did you mean '" : "", near ? near : "",
                        near ? "'?" : "");
    }
    return ok ? pick : NULL;
}

/* ---- the whole */

/* A record has at least a byte for each field and for its end. */
static int64_t most_rows(const Reader *r, int fields) {
    int64_t lines = 1, bytes = r->end - r->p;
    for (const char *p = r->p; p < r->end; p++)
        lines += *p == '\n' || *p == '\r';
    return lines < bytes / fields + 1 ? lines : bytes / fields + 1;
}

static bool read_row(const Reader *r, int fields, const int *pick, Csv *out,
                     int64_t row) {
    if (r->n != fields) {
        Loc at = r->n > fields ? field_loc(r, &r->field[fields])
                               : place(r, r->line, r->line_start, r->p);
        return diag_error(at, "got %d fields, expected %d as in line %d", r->n, fields,
                          r->first);
    }
    const DType dtype = out->table.type.dtype;
    float *f32 = (float *)out->table.data + row * out->ncolumn;
    double *f64 = (double *)out->table.data + row * out->ncolumn, x = 0;
    bool ok = true;
    for (int i = 0; i < out->ncolumn; i++) {
        ok &= read_number(r, &r->field[pick[i]], out->column[i], dtype, &x);
        if (dtype == F32)
            f32[i] = (float)x;
        else
            f64[i] = x;
    }
    out->line[row] = r->field[0].line;
    return ok;
}

static bool read_rows(Reader *r, int fields, const int *pick, Csv *out) {
    const int64_t most = most_rows(r, fields);
    int64_t rows = 0;
    bool ok = true;
    Type t = {out->table.type.dtype, 2, {{most, false}, {out->ncolumn, false}}};
    out->table = tensor_new(r->arena, out->src->name, &t);
    out->line = NEW(r->arena, most, int32_t);
    for (; next_record(r) && !diag_full(r->src->diag); next_line(r)) {
        bool good = read_record(r) && read_row(r, fields, pick, out, rows);
        if (!good && r->field[0].line == r->first)
            diag_note((Loc){r->src, r->first, 0}, "this line is taken for a record; "
                      "`skip: %d` would leave it out", r->first);
        rows += good;
        ok &= good;
    }
    out->table.type.dim[0].n = rows;
    if (ok && !rows)
        return diag_error((Loc){r->src, 0, 0}, "there are no records in it");
    return ok;
}

/* The text: unpacked, without a byte order mark, lines skipped. */
static bool open_text(Reader *r, char *text, size_t size, int skip) {
    if (gzip_is(text, size)) {
        text = gzip_expand(r->arena, (Loc){r->src, 0, 0}, text, size, MAX_FILE, &size);
        if (!text)
            return false;
        if (size == MAX_FILE)
            return diag_error((Loc){r->src, 0, 0}, "larger than %d bytes", MAX_FILE);
    }
    if (size > 1 && (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2)))
        return diag_error((Loc){r->src, 0, 0}, "got UTF-16 text, expected UTF-8");
    const size_t mark = size > 2 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
    r->src = diag_source(r->src->diag, r->src->name, text + mark, size - mark);
    r->p = r->line_start = text + mark;
    r->end = text + size;
    for (r->line = 1; r->line <= skip && r->p < r->end; next_line(r))
        while (!at_end(r))
            r->p++;
    return true;
}

static bool decode(Reader *r, Loc loc, char *text, size_t size, const CsvOptions *o,
                   Csv *out) {
    if (!open_text(r, text, size, o->skip))
        return false;
    if (!next_record(r))
        return diag_error((Loc){r->src, 0, 0}, "there are no records %s",
                          o->skip ? "behind the lines skipped" : "in it");
    r->separator = o->separator ? o->separator : find_separator(r);
    r->first = r->line;
    if (!read_record(r))
        return false;
    const int fields = r->n;
    const char **name = read_names(r, o->header);
    const int *pick = name ? pick_columns(r, loc, name, o) : NULL;
    if (!pick)
        return false;
    out->src = r->src;
    out->ncolumn = o->ncolumn ? o->ncolumn : fields;
    out->column = NEW(r->arena, out->ncolumn, const char *);
    for (int i = 0; i < out->ncolumn; i++)
        out->column[i] = name[pick[i]];
    out->table.type.dtype = o->dtype;
    return read_rows(r, fields, pick, out);
}

bool csv_read(Arena *a, Loc loc, const char *path, const CsvOptions *o, Csv *out) {
    size_t size;
    if (o->dtype != F32 && o->dtype != F64)
        bug("csv: a table of %s", dtype_info[o->dtype].name);
    char *text = file_read(a, loc, path, MAX_FILE - 1, &size);
    if (!text)
        return false;
    const char *name = arena_printf(a, "%s", path);
    Reader r = {.arena = a, .temp = arena_new(),
                .src = diag_source(loc.src->diag, name, text, size)};
    *out = (Csv){0};
    bool ok = decode(&r, loc, text, size, o, out);
    arena_free(r.temp);
    return ok;
}
