/* Values: from text to the types that the schema and the layer table ask for. */
#include "frontend/value.h"

#include <math.h>
#include <string.h>

static const struct { const char *name, *expected; } kinds[] = {
#define VALUE(id, name, expected, type) {name, expected},
    VALUES
#undef VALUE
};

enum { MAX_LISTED = 40 };              /* more possible words are not listed */

ValueKind value_kind(const char *name, size_t len) {
    int k = 0;
    while (k < NVALUE &&
           (strlen(kinds[k].name) != len || memcmp(kinds[k].name, name, len)))
        k++;
    return (ValueKind)k;
}

bool unknown_word(Loc loc, const char *word, const char *message, int n,
                  const char *const *known) {
    Text all = {0};
    const char *near = diag_nearest(word, known, (size_t)n);
    for (int i = 0; i < n; i++)
        text_printf(&all, "%s%s", i ? ", " : "", known[i]);
    if (near)
        diag_error(loc, "%s; did you mean '%s'?", message, near);
    else
        diag_error(loc, "%s", message);
    if (n && n <= MAX_LISTED)
        diag_note(loc, "possible here: %s", all.s);
    text_free(&all);
    return false;
}

int rule_words(Arena *a, const char *rule, const char ***word) {
    int n = 0;
    for (const char *p = rule; *p;) {
        size_t len = strcspn(p, "|");
        PUSH(a, *word, n) = arena_printf(a, "%.*s", (int)len, p);
        p += len + (p[len] == '|');
    }
    return n;
}

static bool expected(const Tree *t, ValueType type, const char *what) {
    const char *want = kinds[type.kind].expected;
    if (t->kind == TREE_SCALAR && !tree_null(t))
        return diag_error(t->loc, "%s: expected %s, got '%s'", what, want, t->text);
    return diag_error(t->loc, "%s: expected %s, got %s", what, want, tree_kind_name(t));
}

void value_bounds(const char *rule, double *lo, double *hi, bool *open) {
    *lo = -INFINITY;
    *hi = INFINITY;
    *open = false;
    if (!rule || !*rule)
        return;
    const char *dots = strstr(rule, "..");
    *open = *rule == '>' && rule[1] != '=';
    const char *from = rule + strspn(rule, ">=");
    if (!num_parse(from, dots ? (size_t)(dots - from) : strlen(from), lo) ||
        (dots && !num_parse(dots + 2, strlen(dots + 2), hi)))
        bug("value rule '%s'", rule);
}

static bool read_num(const Scope *s, const Tree *t, ValueType type, const char *what,
                     double *out) {
    double lo, hi, v;
    bool open;
    char bound[40], got[40];
    value_bounds(type.rule, &lo, &hi, &open);
    if (!number_real(s, t, what, &v))
        return false;
    num_double(got, v);
    if (v < lo || (open && v == lo))
        return diag_error(t->loc, "%s: expected %s %s, got %s", what,
                          open ? "more than" : "at least", num_double(bound, lo), got);
    if (v > hi)
        return diag_error(t->loc, "%s: expected at most %s, got %s", what,
                          num_double(bound, hi), got);
    *out = v;
    return true;
}

static bool read_int(const Scope *s, const Tree *t, ValueType type, const char *what,
                     int64_t *out) {
    double lo, hi;
    bool open;
    value_bounds(type.rule, &lo, &hi, &open);
    int64_t from = isinf(lo) ? -((int64_t)1 << 53) : (int64_t)lo + open;
    int64_t to = isinf(hi) ? (int64_t)1 << 53 : (int64_t)hi;
    return number_whole(s, t, what, from, to, out);
}

static bool read_ints(const Scope *s, const Tree *t, ValueType type, const char *what,
                      Ints *out) {
    if (t->kind != TREE_LIST) {
        out->n = 1;
        return t->kind == TREE_SCALAR ? read_int(s, t, type, what, &out->item[0])
                                      : expected(t, type, what);
    }
    if (t->n > MAX_RANK)
        return diag_error(t->loc, "%s: expected at most %d numbers, got %d", what,
                          MAX_RANK, t->n);
    out->n = t->n;
    for (int i = 0; i < t->n; i++)
        if (!read_int(s, t->item[i], type, what, &out->item[i]))
            return false;
    return true;
}

static bool is_word(const char *s) {
    while ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_')
        s++;
    return !*s;
}

/* Words of a padding, for the kind that has all of them the last one too. */
static bool read_pad_word(Arena *a, const Scope *s, const Tree *t, ValueType type,
                          const char *what, int64_t *out, bool *ok) {
    static const char *const word[] = {"same", "valid", "causal"};
    static const int64_t value[] = {PAD_SAME, 0, PAD_CAUSAL};
    int n = type.kind == VALUE_PAD1 ? 3 : 2;
    double number;
    *ok = true;
    for (int i = 0; i < n; i++)
        if (tree_is(t, word[i])) {
            *out = value[i];
            return true;
        }
    if (t->kind != TREE_SCALAR || !is_word(t->text) ||
        scope_find(s, t->text, strlen(t->text), &number))
        return false;
    *ok = unknown_word(t->loc, t->text, arena_printf(a, "%s: unknown word '%s'", what, t->text),
                       n, word);
    return true;
}

static bool read_pad1(Arena *a, const Scope *s, const Tree *t, ValueType type,
                      const char *what, int64_t *out) {
    bool ok;
    return read_pad_word(a, s, t, type, what, out, &ok) ? ok : read_int(s, t, type, what, out);
}

static bool read_pair(Arena *a, const Scope *s, const Tree *t, ValueType type,
                      const char *what, int64_t *out) {
    Ints v = {0};
    bool ok;
    if (type.kind == VALUE_PAD && read_pad_word(a, s, t, type, what, &out[0], &ok)) {
        out[1] = out[0];
        return ok;
    }
    if (t->kind == TREE_LIST && t->n != 2)
        return diag_error(t->loc, "%s: expected [height, width], got %d values", what,
                          t->n);
    if (!read_ints(s, t, type, what, &v))
        return false;
    out[0] = v.item[0];
    out[1] = v.item[v.n - 1];
    return true;
}

static bool read_nums2(const Scope *s, const Tree *t, ValueType type, const char *what,
                       double *out) {
    if (t->kind != TREE_LIST || t->n != 2)
        return expected(t, type, what);
    return read_num(s, t->item[0], type, what, &out[0]) &&
           read_num(s, t->item[1], type, what, &out[1]);
}

static bool read_bool(const Tree *t, ValueType type, const char *what, bool *out) {
    *out = tree_is(t, "true");
    return *out || tree_is(t, "false") || expected(t, type, what);
}

static bool read_text(const Tree *t, ValueType type, const char *what, const char **out) {
    if (t->kind != TREE_SCALAR || tree_null(t) || !*t->text)
        return expected(t, type, what);
    *out = t->text;
    return true;
}

static bool read_word(Arena *a, const Tree *t, ValueType type, const char *what,
                      const char **out) {
    const char **word = NULL;
    if (t->kind != TREE_SCALAR || tree_null(t))
        return expected(t, type, what);
    int n = rule_words(a, type.rule, &word);
    for (int i = 0; i < n; i++)
        if (tree_is(t, word[i])) {
            *out = word[i];
            return true;
        }
    return unknown_word(t->loc, t->text,
                        arena_printf(a, "%s: unknown word '%s'", what, t->text), n, word);
}

static bool read_words(Arena *a, const Tree *t, ValueType type, const char *what,
                       Words *out) {
    const Tree one = {
        .kind = TREE_LIST, .n = 1, .item = (Tree *[]){(Tree *)(uintptr_t)t}};
    const Tree *list = t->kind == TREE_SCALAR ? &one : t;
    if (list->kind != TREE_LIST || tree_null(t))
        return expected(t, type, what);
    *out = (Words){0};
    for (int i = 0; i < list->n; i++) {
        const char *word;
        if (!(type.kind == VALUE_SET ? read_word(a, list->item[i], type, what, &word)
                                     : read_text(list->item[i], type, what, &word)))
            return false;
        PUSH(a, out->item, out->n) = word;
    }
    return true;
}

/* A number before a unit: "100 steps", "5%". */
static bool read_amount(Arena *a, const Scope *s, const Tree *t, size_t len,
                        const char *what, double *out) {
    Tree head = *t;
    head.text = arena_printf(a, "%.*s", (int)len, t->text);
    return read_num(s, &head, (ValueType){VALUE_NUM, ">=0"}, what, out);
}

static bool ends_with(const char *s, const char *end, size_t *rest) {
    size_t n = strlen(s), m = strlen(end);
    *rest = n - (m < n ? m : n);
    return n >= m && !strcmp(s + n - m, end);
}

static bool read_percent(Arena *a, const Scope *s, const Tree *t, size_t len,
                         const char *what, double *out) {
    if (!read_amount(a, s, t, len, what, out))
        return false;
    *out /= 100;
    return *out <= 1 || diag_error(t->loc, "%s: expected at most 100%%, got '%s'", what,
                                   t->text);
}

static bool read_span(Arena *a, const Scope *s, const Tree *t, ValueType type,
                      const char *what, Span *out) {
    size_t n;
    if (t->kind != TREE_SCALAR || tree_null(t))
        return expected(t, type, what);
    out->unit = UNIT_PART;
    if (ends_with(t->text, "%", &n))
        return read_percent(a, s, t, n, what, &out->n);
    out->unit = UNIT_EPOCHS;
    if (ends_with(t->text, " epochs", &n) || ends_with(t->text, " epoch", &n))
        return read_amount(a, s, t, n, what, &out->n);
    const char *last = strrchr(t->text, ' ');
    out->unit = UNIT_STEPS;
    if (last && is_word(last + 1) && strcmp(last, " steps") && strcmp(last, " step"))
        return expected(t, type, what);
    if (!ends_with(t->text, " steps", &n) && !ends_with(t->text, " step", &n))
        n = strlen(t->text);
    return read_amount(a, s, t, n, what, &out->n);
}

static bool read_part(Arena *a, const Scope *s, const Tree *t, ValueType type,
                      const char *what, Part *out) {
    size_t n;
    if (t->kind != TREE_SCALAR || !ends_with(t->text, "%", &n))
        return expected(t, type, what);
    out->last = !strncmp(t->text, "last ", 5);
    Tree rest = *t;
    if (out->last) {
        rest.text += 5;
        rest.loc.col += 5;
        n -= 5;
    }
    return read_percent(a, s, &rest, n, what, &out->size);
}

bool value_read(Arena *a, const Scope *s, const Tree *t, ValueType type, const char *what,
                void *out) {
    switch (type.kind) {
    case VALUE_INT:
    case VALUE_AXIS:  return read_int(s, t, type, what, out);
    case VALUE_NUM:   return read_num(s, t, type, what, out);
    case VALUE_NUMS2: return read_nums2(s, t, type, what, out);
    case VALUE_BOOL:
    case VALUE_CEIL:  return read_bool(t, type, what, out);
    case VALUE_TEXT:  return read_text(t, type, what, out);
    case VALUE_ONE:   return read_word(a, t, type, what, out);
    case VALUE_TEXTS:
    case VALUE_SET:   return read_words(a, t, type, what, out);
    case VALUE_SPAN:  return read_span(a, s, t, type, what, out);
    case VALUE_PART:  return read_part(a, s, t, type, what, out);
    case VALUE_PAIR:
    case VALUE_PAD:   return read_pair(a, s, t, type, what, out);
    case VALUE_PAD1:  return read_pad1(a, s, t, type, what, out);
    case VALUE_INTS:  return read_ints(s, t, type, what, out);
    case NVALUE:      break;
    }
    bug("value kind %d", type.kind);
}
