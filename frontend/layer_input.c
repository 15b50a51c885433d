/* Inputs of layers: what a row expects of them, and the names of their extents. */
#include "frontend/layer.h"

#include <string.h>

/* "key?x[span,k]:any" taken apart. */
typedef struct {
    const char *name;
    const char *pattern;               /* NULL: any dims */
    const char *dtype;                 /* "", "any", "int" */
    bool many, optional, named;
    const char *other;                 /* the input it is where it is absent; "": none */
} Item;

static Item read_item(Arena *a, const char *text) {
    size_t n = strcspn(text, "[.:?=");
    const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : text + n;
    const char *dtype = strchr(close, ':'), *rest = text + n + 1;
    return (Item){
        .name = arena_printf(a, "%.*s", (int)n, text),
        .pattern = open ? arena_printf(a, "%.*s", (int)(close - open) - 1, open + 1) : NULL,
        .dtype = dtype ? dtype + 1 : "",
        .many = text[n] == '.',
        .optional = text[n] == '?',
        .named = text[n] == '=',
        .other = text[n] == '?' ? arena_printf(a, "%.*s", (int)strcspn(rest, "[:"), rest) : "",
    };
}

const char *named_input(Arena *a, const char **at, const char **item) {
    char *part;
    while ((part = row_part(a, at, ' '))) {
        Item i = read_item(a, part);
        if (item)
            *item = part;
        if (i.named)
            return i.name;
    }
    return NULL;
}

static const char *dims_text(Arena *a, const Ints *dims) {
    Text out = {0};
    for (int i = 0; i < dims->n; i++)
        text_printf(&out, "%s%lld", i ? ", " : "", (long long)dims->item[i]);
    const char *s = arena_printf(a, "[%s]", out.n ? out.s : "");
    text_free(&out);
    return s;
}

/* The names in "c,h,w", "..,k", "c,.."; run: where `..` stands, or -1. */
static int pattern_words(Arena *a, const char *pattern, const char *word[MAX_RANK], int *run) {
    char *part;
    int n = 0;
    *run = -1;
    while ((part = row_part(a, &pattern, ','))) {
        if (!strcmp(part, ".."))
            *run = n;
        else
            word[n++] = part;
    }
    return n;
}

/* Names the dims of an input as the pattern says. */
static bool bind_pattern(Macro *m, const char *pattern, const Ints *dims) {
    const char *word[MAX_RANK];
    int run, n = pattern_words(m->arena, pattern, word, &run);
    if (run < 0 ? dims->n != n : dims->n < n)
        return macro_fault(m, arena_printf(m->arena, "expects an input [%s], got %s",
                                           pattern, dims_text(m->arena, dims)));
    for (int i = 0; i < n; i++) {
        int d = run >= 0 && i >= run ? dims->n - n + i : i;
        macro_number(m, word[i], (double)dims->item[d]);
    }
    return true;
}

static bool dtype_fits(Macro *m, const char *want, DType t) {
    if (!strcmp(want, "any") || (!*want && t == F32))
        return true;
    if (!strcmp(want, "int") && !dtype_info[t].is_float && t != BOOL)
        return true;
    return macro_fault(m, arena_printf(m->arena, "expects %s, got %s%s",
                                       *want ? "whole numbers (i32, u8)" : "f32",
                                       dtype_info[t].name,
                                       *want ? "" : "; a 'scale' before it converts"));
}

/* Extents: x.b, x.rank, x.size, x.real, the list x; of the first input b, rank .. too. */
static void bind_extents(Macro *m, const char *name, const Type *t, const Ints *dims) {
    double size = 1;
    bool first = m->nlist == 0;
    for (int i = 0; i < dims->n; i++)
        size *= (double)dims->item[i];
    PUSH(m->arena, m->list, m->nlist) = (NamedList){name, *dims};
    const Name number[] = {{"b", t->rank - dims->n}, {"rank", dims->n}, {"size", size},
                           {"real", dtype_info[t->dtype].is_float}};
    for (size_t i = 0; i < COUNT(number); i++) {
        if (first)
            macro_number(m, number[i].name, number[i].value);
        macro_number(m, arena_printf(m->arena, "%s.%s", name, number[i].name), number[i].value);
    }
}

static bool bind_input(Macro *m, const Item *item, Ref in) {
    const Type *t = ref_type(in);
    Ints dims = {0};
    for (int d = t->rank && t->dim[0].batch; d < t->rank; d++)
        dims.item[dims.n++] = t->dim[d].n;
    macro_ref(m, item->name, in);
    if (!item->many || !m->nlist)
        bind_extents(m, item->name, t, &dims);
    return dtype_fits(m, item->dtype, t->dtype) &&
           (!item->pattern || bind_pattern(m, item->pattern, &dims));
}

static void bind_given(Macro *m, const Item *item, bool given) {
    macro_number(m, arena_printf(m->arena, "%s.given", item->name), given);
}

/* An input that is not there: its extents are 0, or those of the one in its place. */
static bool bind_absent(Macro *m, const Item *item) {
    const char *word[MAX_RANK];
    const Type none = {.rank = 0};
    const Ints no_dims = {0};
    int run;
    bind_given(m, item, false);
    if (*item->other)
        return bind_input(m, item, macro_find(m, item->other));
    bind_extents(m, item->name, &none, &no_dims);
    for (int i = item->pattern ? pattern_words(m->arena, item->pattern, word, &run) : 0; i-- > 0;)
        macro_number(m, word[i], 0);
    return true;
}

bool macro_named(Macro *m, const char *text, Ref r) {
    const Item item = read_item(m->arena, text);
    const char *where = m->where;
    bind_given(m, &item, true);
    m->where = arena_printf(m->arena, "%s: %s", where, item.name);
    bool ok = bind_input(m, &item, r);
    m->where = where;
    return ok;
}

/* How many inputs a row takes: "expects 1 to 3 inputs". */
static bool wrong_count(const Macro *m, int least, int most, int got) {
    const char *range =
        least < most ? arena_printf(m->arena, "%d to %d", least, most)
                     : arena_printf(m->arena, "%d", most);
    return diag_error(m->loc, "%s: expects %s input%s, got %d", m->where, range,
                      most == 1 ? "" : "s", got);
}

bool macro_inputs(Macro *m, const LayerRow *row, int n, const Ref *in) {
    const char *at = row->inputs;
    char *part;
    int want = 0, least = 0;
    bool ok = true;
    m->nin = n;
    m->in = in;
    while (ok && (part = row_part(m->arena, &at, ' '))) {
        const Item item = read_item(m->arena, part);
        bool here = want < n && !item.named;
        if (here && item.optional)
            bind_given(m, &item, true);
        if (!here && (item.optional || item.named))
            ok = bind_absent(m, &item);
        for (int last = item.many ? n : want + 1; ok && here && want < last; want++)
            ok = bind_input(m, &item, in[want]);
        want += !here && !item.many && !item.named;
        least += !item.many && !item.optional && !item.named;
        if (item.many && n < 2)
            return diag_error(m->loc, "%s: expects two inputs or more: from: [a, b]",
                              m->where);
    }
    return ok && ((least <= n && n <= want) || wrong_count(m, least, want, n));
}
