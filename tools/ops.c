/* kiln ops: the tables of what a model file can name, for readers. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/rows.h"
#include "tools/tool.h"

/* A line of a row's details: an option, an operand .. */
typedef struct {
    Arena *arena;
    Text *out;                         /* one of both */
    json_t *json;
} Details;

static void put(const Details *d, const char *what, const char *name, const char *text) {
    if (d->out) {
        text_printf(d->out, "  %-10s %s%s%s\n", what, name, *name && *text ? ": " : "", text);
        return;
    }
    char *list = arena_printf(d->arena, "%ss", what);
    if (!json_object_get(d->json, list))
        json_object_set_new(d->json, list, json_array());
    json_array_append_new(json_object_get(d->json, list),
                          json_pack("{s:s,s:s}", "name", name, "is", text));
}

static void put_one(const Details *d, const char *what, const char *text) {
    if (!*text)
        return;
    if (d->out)
        put(d, what, "", text);
    else
        json_object_set_new(d->json, what, json_string(text));
}

/* An option as its table has it; absent where `def` is "~". */
typedef struct {
    const char *name, *help;
    ValueType type;
    const char *def;                   /* NULL: required */
    bool alone;                        /* its value may stand for all options */
} Shown;

/* "a whole number, >=1, default 2; may stand alone" */
static const char *option_words(Arena *a, const Shown *o) {
    const char *rule = o->type.rule ? o->type.rule : "", *is = value_names(o->type.kind);
    const char *of = o->type.kind == VALUE_ONE ? rule
                   : *rule ? arena_printf(a, "%s, %s", is, rule) : is;
    const char *start = !o->def           ? ", required"
                        : *o->def == '~'  ? ""
                        : *o->def == '@'  ? arena_printf(a, ", default that of %s", o->def + 1)
                                          : arena_printf(a, ", default %s", o->def);
    return arena_printf(a, "%s%s%s%s%s", o->help, *o->help ? ": " : "", of, start,
                        o->alone ? "; may stand alone" : "");
}

static void put_option(const Details *d, const Shown *o) {
    put(d, "option", o->name, option_words(d->arena, o));
    if (d->out)
        return;
    const json_t *all = json_object_get(d->json, "options");
    json_t *last = json_array_get(all, json_array_size(all) - 1);
    json_object_set_new(last, "required", json_boolean(!o->def));
    json_object_set_new(last, "main", json_boolean(o->alone));
    if (o->def && *o->def != '~')
        json_object_set_new(last, "default", json_string(o->def + (*o->def == '@')));
}

/* --- rows --- */

static void put_layer(const Details *d, const LayerRow *l) {
    const char *at = l->options, *part, *params = l->params, *inputs = l->inputs;
    LayerOption o;
    while ((part = row_part(d->arena, &inputs, ' ')))
        put(d, "input", part, "");
    while (layer_row_option(d->arena, &at, &o))
        put_option(d, &(Shown){o.name, "", o.type, o.def, o.main});
    while ((part = row_part(d->arena, &params, ';')))
        put(d, "parameter", part, "");
}

static void put_keys(const Details *d, const char *path) {
    const char *alone = schema_key(path)->rule;
    for (int i = 0; i < schema_key_count; i++) {
        const Key *k = &schema_keys[i];
        const char *word = schema_word(k, path);
        const char *def = k->def == schema_must ? NULL : k->def ? k->def : "~";
        if (word)
            put_option(d, &(Shown){word, k->help, {(ValueKind)k->kind, k->rule}, def,
                                   !strcmp(word, alone)});
    }
}

static void put_op(const Details *d, const OpInfo *op) {
    static const char *const kind[] = {"whole number", "number", "list"};
    OpAttr attr[MAX_ATTRS];
    OpSource src[MAX_SOURCES];
    int nattr = op_attrs(op, attr), nsrc = op_sources(op, src);
    for (int i = 0; i < nsrc; i++)
        put(d, "operand", arena_printf(d->arena, "%.*s", (int)src[i].len, src[i].name),
            src[i].optional ? "optional" : "");
    for (int i = 0; i < nattr; i++) {
        char number[40];
        num_double(number, attr[i].value);
        put(d, "attribute", arena_printf(d->arena, "%.*s", (int)attr[i].len, attr[i].name),
            arena_printf(d->arena, "%s%s%s", kind[attr[i].kind],
                         attr[i].has_default ? ", default " : "",
                         attr[i].has_default ? number : ""));
    }
    put_one(d, "equation", op->eq);
}

static void put_scalar(const Details *d, const FnInfo *fn) {
    static const char *const takes[] = {"any type", "floats", "floats; computed in f32",
                                        "u32", "bool"};
    if (!fn->prim) {
        put_one(d, "takes", takes[fn->types]);
        put_one(d, "is", fn->def);
    }
    put_one(d, "derivative", fn->grad ? fn->grad : "");
}

static void put_row(const Details *d, const Row *r) {
    if (r->layer)
        put_layer(d, r->layer);
    for (int i = 0; i < r->nform; i++)
        put(d, "key", r->form[i].key, r->form[i].help);
    if (r->path)
        put_keys(d, r->path);
    if (r->op)
        put_op(d, r->op);
    if (r->fn)
        put_scalar(d, r->fn);
}

/* --- the whole --- */

static bool asked(const Row *r, const char *name) { return !name || !strcmp(r->name, name); }

static void put_json(Text *out, Arena *a, int n, const Row *row, const char *name) {
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        if (asked(&row[i], name)) {
            Details d = {.arena = a, .json = json_pack(
                "{s:s,s:s,s:s}", "kind", row_kind_name[row[i].kind], "name", row[i].name,
                "help", row[i].help)};
            put_row(&d, &row[i]);
            json_array_append_new(list, d.json);
        }
    char *text = json_dumps(list, JSON_PRESERVE_ORDER | JSON_INDENT(1));
    text_printf(out, "%s\n", text ? text : "[]");
    free(text);
    json_decref(list);
}

static void put_list(Text *out, int n, const Row *row) {
    for (int i = 0; i < n; i++) {
        if (!i || row[i].kind != row[i - 1].kind)
            text_printf(out, "%s%s\n", i ? "\n" : "", row_plural[row[i].kind]);
        text_printf(out, "  %-22s %s\n", row[i].name, row[i].help);
    }
}

static void put_details(Text *out, Arena *a, int n, const Row *row, const char *name) {
    for (int i = 0; i < n; i++)
        if (asked(&row[i], name)) {
            Details d = {.arena = a, .out = out};
            text_printf(out, "%s%s (%s): %s\n\n", out->n ? "\n" : "", name,
                        row_kind_name[row[i].kind], row[i].help);
            put_row(&d, &row[i]);
        }
}

static bool known(Arena *a, int n, const Row *row, const char *name) {
    const char **names = NEW(a, n, const char *);
    for (int i = 0; i < n; i++) {
        names[i] = row[i].name;
        if (asked(&row[i], name))
            return true;
    }
    return usage_unknown("name", name, n, names);
}

int command_ops(const Args *args) {
    Arena *a = arena_new();
    Text out = {0};
    int n;
    const Row *row = rows_all(a, &n);
    bool found = known(a, n, row, args->file), ok = true;
    if (found && args->json)
        put_json(&out, a, n, row, args->file);
    else if (found && args->file)
        put_details(&out, a, n, row, args->file);
    else if (found)
        put_list(&out, n, row);
    ok = !found || tool_print(&out);
    text_free(&out);
    arena_free(a);
    return !found ? BAD_USAGE : ok ? DONE : SYSTEM;
}
