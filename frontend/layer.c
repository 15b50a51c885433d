/* Layers: the table, their options, and ops as layers. */
#include "frontend/layer.h"

#include <math.h>
#include <string.h>

const LayerRow layer_rows[] = {
#define LAYER(name, inputs, options, params, checks, body, help) \
    {#name, inputs, options, params, checks, body, help},
#define ALIAS(other, name)
#define PART(name, body)
#include "frontend/layers.def"
};
const int layer_row_count = COUNT(layer_rows);

static const struct { const char *other, *name; } aliases[] = {
#define LAYER(...)
#define PART(name, body)
#define ALIAS(other, name) {#other, name},
#include "frontend/layers.def"
};

static const struct { const char *name, *body; } parts[] = {
#define LAYER(...)
#define PART(name, body) {#name, body},
#define ALIAS(other, name)
#include "frontend/layers.def"
};

const char *layer_part(const char *name) {
    for (size_t i = 0; i < COUNT(parts); i++)
        if (!strcmp(parts[i].name, name))
            return parts[i].body;
    bug("layers.def has no part '%s'", name);
}

const LayerRow *layer_find(const char *name) {
    for (int i = 0; i < layer_row_count; i++)
        if (!strcmp(layer_rows[i].name, name))
            return &layer_rows[i];
    return NULL;
}

/* Other frameworks' names differ in case and underscores too. */
static bool same_word(const char *a, const char *b) {
    for (;; a++, b++) {
        a += strspn(a, "_-");
        b += strspn(b, "_-");
        char x = *a >= 'A' && *a <= 'Z' ? (char)(*a - 'A' + 'a') : *a;
        char y = *b >= 'A' && *b <= 'Z' ? (char)(*b - 'A' + 'a') : *b;
        if (x != y)
            return false;
        if (!x)
            return true;
    }
}

bool layer_unknown(Arena *a, Loc loc, const char *name, int nextra, const char **extra) {
    const char **known = NULL;
    int n = 0;
    for (size_t i = 0; i < COUNT(aliases); i++)
        if (same_word(name, aliases[i].other))
            return diag_error(loc, "unknown layer '%s'; did you mean '%s'?", name,
                              aliases[i].name);
    for (int i = 0; i < nextra; i++)
        PUSH(a, known, n) = extra[i];
    for (int i = 0; i < layer_row_count; i++) {
        if (same_word(name, layer_rows[i].name))
            return diag_error(loc, "unknown layer '%s'; did you mean '%s'?", name,
                              layer_rows[i].name);
        PUSH(a, known, n) = layer_rows[i].name;
    }
    for (int i = 0; i < op_count; i++)
        if (!layer_find(op_info[i].name))
            PUSH(a, known, n) = op_info[i].name;
    return unknown_word(loc, name, arena_printf(a, "unknown layer '%s'", name), n,
                        known) ||
           diag_note(loc, "`kiln ops` lists all layers and ops");
}

/* "s=1 slope:f=0.01 shape:l" becomes "s int = 1; slope num = 0.01; shape ints". */
static const char *op_options(Arena *a, const char *attrs, Text *call) {
    Text out = {0};
    char *part;
    const char *sep = "; ";
    while ((part = row_part(a, &attrs, ' '))) {
        char *def = strchr(part, '='), *kind = strchr(part, ':');
        bool list = kind && kind[1] == 'l', real = kind && kind[1] == 'f';
        if (def)
            *def++ = '\0';
        if (kind)
            *kind = '\0';
        bool axis = !strcmp(part, "axis");
        text_printf(&out, "%s %s%s%s; ", part,
                    list   ? "ints"
                    : real ? "num"
                    : axis ? "axis"
                           : "int",
                    def ? " = " : "", def ? def : "");
        text_printf(call, list ? "%s%s=[%s[:]]" : "%s%s=%s", sep, part, part);
        sep = ", ";
    }
    const char *s = arena_printf(a, "%s", out.n ? out.s : "");
    text_free(&out);
    return s;
}

const LayerRow *layer_of_op(Arena *a, const char *name) {
    const OpInfo *op = op_find(name);
    if (!op)
        return NULL;
    LayerRow *row = NEW(a, 1, LayerRow);
    Text inputs = {0}, call = {0};
    const char *src = op->src;
    char *part;
    int n = 0;
    text_printf(&call, "o = %s(", name);
    for (; (part = row_part(a, &src, ' ')) && !strchr(part, '?'); n++) {
        text_printf(&inputs, "in%d:any ", n);
        text_printf(&call, "%sin%d", n ? ", " : "", n);
    }
    const char *options = op_options(a, op->attrs, &call);
    text_printf(&call, ")");
    *row = (LayerRow){name,    arena_printf(a, "%s", inputs.n ? inputs.s : ""),
                      options, "",
                      "",      arena_printf(a, "%s", call.s),
                      op->help};
    text_free(&inputs);
    text_free(&call);
    return row;
}

void macro_number(Macro *m, const char *name, double v) {
    PUSH(m->arena, m->numbers.name, m->numbers.n) = (Name){name, v};
}

void macro_ref(Macro *m, const char *name, Ref r) {
    PUSH(m->arena, m->ref, m->nref) = (NamedRef){name, r};
}

static const char *joined(const Macro *m, const char *a, const char *b) {
    return arena_printf(m->arena, "%s.%s", a, b);
}

bool layer_row_option(Arena *a, const char **at, LayerOption *o) {
    char *part = row_part(a, at, ';');
    if (!part)
        return false;
    char *def = strstr(part, " = ");
    if (def)
        *def = '\0';
    const char *rest = part;
    char *name = row_part(a, &rest, ' ');
    const char *kind = row_part(a, &rest, ' ');
    size_t n = strlen(name);
    o->main = name[n - 1] == '!';
    name[n - o->main] = '\0';
    o->name = name;
    o->type = (ValueType){value_kind(kind, strlen(kind)), row_part(a, &rest, ' ')};
    o->def = def ? def + 3 : NULL;
    if (o->type.kind == NVALUE)
        bug("layers.def: option '%s' of kind '%s'", name, kind);
    return true;
}

static void bind_pair(Macro *m, const char *name, const int64_t *v) {
    macro_number(m, joined(m, name, "0"), (double)v[0]);
    macro_number(m, joined(m, name, "1"), (double)v[1]);
}

/* padding.0, padding.1: on both sides; padding.top, .left, .bottom, .right: all four. `same`
 * keeps the extents at stride 1; where that takes an odd number, more goes to the end. */
static void bind_pad(Macro *m, const char *name, const int64_t *v) {
    static const char *const side[] = {"top", "left", "bottom", "right"};
    bool same = v[0] == PAD_SAME, uneven = false;
    int64_t low[2] = {v[0], v[1]}, high[2] = {v[0], v[1]};
    for (int i = 0; i < 2 && same; i++) {
        const char *all = arena_printf(m->arena, "dilation.%d * (kernel.%d - 1)", i, i);
        int64_t total = (int64_t)row_number(m, all);
        low[i] = total / 2;
        high[i] = total - low[i];
        uneven |= low[i] != high[i];
    }
    macro_number(m, joined(m, name, "same"), same);
    macro_number(m, joined(m, name, "uneven"), uneven);
    bind_pair(m, name, uneven ? (int64_t[]){0, 0} : low);
    for (int i = 0; i < 2; i++) {
        macro_number(m, joined(m, name, side[i]), (double)low[i]);
        macro_number(m, joined(m, name, side[i + 2]), (double)high[i]);
    }
}

/* Along one dim: padding.left and .right; padding on both sides where they are the same. */
static void bind_pad1(Macro *m, const char *name, int64_t v) {
    int64_t total = (int64_t)row_number(m, "dilation * (kernel - 1)");
    int64_t left = v == PAD_CAUSAL ? total : v == PAD_SAME ? total / 2 : v;
    int64_t right = v == PAD_CAUSAL ? 0 : v == PAD_SAME ? total - left : v;
    macro_number(m, joined(m, name, "same"), v < 0);
    macro_number(m, joined(m, name, "uneven"), left != right);
    macro_number(m, joined(m, name, "left"), (double)left);
    macro_number(m, joined(m, name, "right"), (double)right);
    macro_number(m, name, left == right ? (double)left : 0);
}

/* An axis counts the dims without the batch, from the end if negative; bound as the ops
 * count, with the batch. */
static bool bind_axis(Macro *m, const LayerOption *o, const Tree *t, int64_t v) {
    double rank, batch;
    if (!scope_find(&m->numbers, "rank", 4, &rank) ||
        !scope_find(&m->numbers, "b", 1, &batch))
        bug("layer %s has an axis but no input", m->where);
    if (v >= (int64_t)rank || v < -(int64_t)rank)
        return diag_error(t->loc,
                          "%s: %s %lld, but the input has %d dims besides the batch",
                          m->where, o->name, (long long)v, (int)rank);
    double axis = (double)v + (v < 0 ? rank : 0);
    macro_number(m, o->name, axis + batch);
    macro_number(m, joined(m, o->name, "n"), (double)m->list[0].list.item[(int)axis]);
    return true;
}

/* extra.0, extra.1: what a pool in ceil mode adds below and to the right, so that the last
 * window fits; a window that would start in that part is left out. */
static void bind_ceil(Macro *m, bool on) {
    static const char *const dim[] = {"h", "w"};
    double extra[2] = {0, 0}, d = 0, dilation;
    for (int i = 0; i < 2 && on; i++) {
        const char *n = arena_printf(m->arena, "dilation.%d", i);
        dilation = scope_find(&m->numbers, n, strlen(n), &d) ? d : 1;
        double k = row_number(m, arena_printf(m->arena, "kernel.%d", i));
        double s = row_number(m, arena_printf(m->arena, "stride.%d", i));
        double p = row_number(m, arena_printf(m->arena, "padding.%d", i));
        double size = row_number(m, dim[i]), reach = dilation * (k - 1) + 1;
        double last = s * ceil((size + 2 * p - reach) / s);
        last -= last >= size + p ? s : 0;
        extra[i] = last + reach > size + 2 * p ? last + reach - size - 2 * p : 0;
    }
    macro_number(m, "extra.0", extra[0]);
    macro_number(m, "extra.1", extra[1]);
    macro_number(m, "extra", extra[0] + extra[1] > 0);
}

/* Items that are not there count as 0. */
static void bind_ints(Macro *m, const char *name, const Ints *v) {
    PUSH(m->arena, m->list, m->nlist) = (NamedList){name, *v};
    macro_number(m, joined(m, name, "n"), v->n);
    for (int i = 0; i < MAX_RANK; i++)
        macro_number(m, arena_printf(m->arena, "%s.%d", name, i), (double)v->item[i]);
}

static bool bind_option(Macro *m, const LayerOption *o, const Tree *t, const Scope *scope) {
    union {
        int64_t i;
        int64_t pair[2];
        double f;
        bool b;
        const char *s;
        Ints ints;
    } v = {0};
    const char *what = arena_printf(m->arena, "%s: %s", m->where, o->name);
    bool absent = tree_null(t) && o->def && (*o->def == '~' || *o->def == '(');
    macro_number(m, joined(m, o->name, "given"), !absent);
    if (absent && m->nin)
        macro_number(m, o->name, *o->def == '(' ? row_number(m, o->def) : 0);
    if (absent)
        return true;
    if (!value_read(m->arena, scope, t, o->type, what, &v))
        return false;
    if (!m->nin)
        return true;
    switch (o->type.kind) {
    case VALUE_INT:  macro_number(m, o->name, (double)v.i); return true;
    case VALUE_NUM:  macro_number(m, o->name, v.f); return true;
    case VALUE_BOOL: macro_number(m, o->name, v.b); return true;
    case VALUE_PAIR: bind_pair(m, o->name, v.pair); return true;
    case VALUE_PAD:  bind_pad(m, o->name, v.pair); return true;
    case VALUE_PAD1: bind_pad1(m, o->name, v.i); return true;
    case VALUE_INTS: bind_ints(m, o->name, &v.ints); return true;
    case VALUE_AXIS: return bind_axis(m, o, t, v.i);
    case VALUE_CEIL: bind_ceil(m, v.b); return true;
    case VALUE_ONE:
        PUSH(m->arena, m->word, m->nword) = (NamedWord){o->name, v.s};
        return true;
    case VALUE_NUMS2: case VALUE_TEXT: case VALUE_TEXTS: case VALUE_SET: case VALUE_SPAN:
    case VALUE_PART: case NVALUE:
        break;
    }
    bug("layers.def: option '%s' of a kind that layers do not have", o->name);
}

/* The option's tree, made from the default where the user gives none: "@kernel" is a copy
 * of another option's. */
static Tree *option_tree(Macro *m, const LayerOption *o, Tree *options) {
    Tree *t = tree_find(options, o->name);
    const Tree *other = o->def && *o->def == '@' ? tree_find(options, o->def + 1) : NULL;
    if (t || !o->def || (*o->def == '@' && !other))
        return t;
    const Source *src = diag_source(m->loc.src->diag, "default", o->def, strlen(o->def));
    if (*o->def == '~' || *o->def == '(')
        t = tree_scalar(m->arena, "null", options->loc);
    else if (*o->def == '@')
        t = tree_copy(m->arena, other);
    else
        t = tree_parse(m->arena, m->graph->strs, src, 0);
    t->loc = t->key_loc = options->loc;
    t->implied = true;
    return tree_add(m->arena, options, o->name, t);
}

const char *layer_main(Arena *a, const LayerRow *row) {
    const char *at = row->options;
    LayerOption o;
    while (layer_row_option(a, &at, &o))
        if (o.main)
            return o.name;
    const char *second = strchr(row->inputs, ' ');
    bool several = !strncmp(row->inputs, "x..", 3) || (second && second[1] && !strchr(second, '='));
    return several ? "from" : NULL;
}

/* Brings `linear: 10` into the form `linear: {units: 10}`. */
static bool open_main(Macro *m, const LayerRow *row, Tree *options) {
    if (options->kind == TREE_MAP)
        return true;
    const char *name = layer_main(m->arena, row);
    Tree *value = NEW(m->arena, 1, Tree);
    *value = *options;
    options->kind = TREE_MAP;
    options->n = 0;
    options->item = NULL;
    if (tree_null(value))
        return true;
    if (!name)
        return diag_error(value->loc, "%s takes no value without a name%s", m->where,
                          *row->options ? "; write {option: value}" : "");
    value->key_loc = value->loc;
    tree_add(m->arena, options, name, value);
    return true;
}

static bool keys_known(Macro *m, const LayerRow *row, const Tree *options,
                       const char *const *common) {
    const char **known = NULL, *at = row->options, *name;
    int n = 0;
    bool ok = true;
    LayerOption o;
    while (layer_row_option(m->arena, &at, &o))
        PUSH(m->arena, known, n) = o.name;
    for (; *common; common++)
        PUSH(m->arena, known, n) = *common;
    for (at = row->inputs; (name = named_input(m->arena, &at, NULL));)
        PUSH(m->arena, known, n) = name;
    for (int i = 0; i < options->n; i++) {
        const Tree *t = options->item[i];
        int k = 0;
        while (k < n && strcmp(known[k], t->key))
            k++;
        if (k == n)
            ok = unknown_word(t->key_loc, t->key,
                              arena_printf(m->arena, "%s: unknown option '%s'", m->where,
                                           t->key), n, known);
    }
    return ok;
}

bool macro_open(Macro *m, const LayerRow *row, Tree *options, const char *const *common) {
    return open_main(m, row, options) && keys_known(m, row, options, common);
}

bool macro_options(Macro *m, const LayerRow *row, Tree *options, const Scope *scope) {
    const char *at = row->options;
    bool ok = true;
    LayerOption o;
    while (layer_row_option(m->arena, &at, &o)) {
        const Tree *t = option_tree(m, &o, options);
        if (!t)
            ok = diag_error(m->loc, "%s: no '%s' is given", m->where, o.name);
        else
            ok = ok && bind_option(m, &o, t, scope);
    }
    return ok;
}
