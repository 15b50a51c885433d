/* kiln schema: the JSON Schema of model files (draft-07), from the tables that read them. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/rows.h"
#include "tools/tool.h"

/* Any number may be an expression over names of `let`. */
#define EXPRESSION "^[-+*/%()., 0-9A-Za-z_~]+$"

static json_t *of_type(const char *type) { return json_pack("{s:s}", "type", type); }

static json_t *defined(const char *name) {
    return json_pack("{s:o}", "$ref", json_sprintf("#/definitions/%s", name));
}

static json_t *either(json_t *a, json_t *b) { return json_pack("{s:[o,o]}", "anyOf", a, b); }

static json_t *list_of(json_t *item) {
    return json_pack("{s:s,s:o}", "type", "array", "items", item);
}

static json_t *map_of(json_t *value) {
    return json_pack("{s:s,s:o}", "type", "object", "additionalProperties", value);
}

/* An object with these keys alone. */
static json_t *open_map(void) {
    return json_pack("{s:s,s:b,s:{}}", "type", "object", "additionalProperties", 0,
                     "properties");
}

static void put_key(json_t *map, const char *key, bool must, json_t *value, const char *help) {
    if (help && *help && !json_object_get(value, "$ref"))
        json_object_set_new(value, "description", json_string(help));
    json_object_set_new(json_object_get(map, "properties"), key, value);
    if (!must)
        return;
    if (!json_object_get(map, "required"))
        json_object_set_new(map, "required", json_array());
    json_array_append_new(json_object_get(map, "required"), json_string(key));
}

/* --- values --- */

static json_t *words(Arena *a, const char *rule) {
    const char **word = NULL;
    json_t *list = json_array();
    int n = rule_words(a, rule, &word);
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string(word[i]));
    return json_pack("{s:o}", "enum", list);
}

static json_t *number(const char *type, const char *rule) {
    double lo, hi;
    bool open;
    json_t *t = of_type(type);
    value_bounds(rule, &lo, &hi, &open);
    if (isfinite(lo))
        json_object_set_new(t, open ? "exclusiveMinimum" : "minimum", json_real(lo));
    if (isfinite(hi))
        json_object_set_new(t, "maximum", json_real(hi));
    return either(t, defined("expression"));
}

static json_t *pair_of(json_t *item) {
    return json_pack("{s:s,s:o,s:i,s:i}", "type", "array", "items", item, "minItems", 2,
                     "maxItems", 2);
}

static json_t *one_or_pair(const char *rule) {
    return either(number("integer", rule), pair_of(number("integer", rule)));
}

static json_t *value(Arena *a, ValueType type) {
    switch (type.kind) {
    case VALUE_INT:
    case VALUE_AXIS:  return number("integer", type.rule);
    case VALUE_NUM:   return number("number", type.rule);
    case VALUE_NUMS2: return pair_of(number("number", type.rule));
    case VALUE_BOOL:
    case VALUE_CEIL:  return of_type("boolean");
    case VALUE_TEXT:  return defined("text");
    case VALUE_ONE:   return words(a, type.rule);
    case VALUE_TEXTS: return either(defined("text"), list_of(defined("text")));
    case VALUE_SET:   return either(words(a, type.rule), list_of(words(a, type.rule)));
    case VALUE_SPAN:  return defined("span");
    case VALUE_PART:  return json_pack("{s:s,s:s}", "type", "string", "pattern", "%$");
    case VALUE_PAIR:  return one_or_pair(type.rule);
    case VALUE_PAD:   return either(words(a, "same|valid"), one_or_pair(type.rule));
    case VALUE_PAD1:
        return either(words(a, "same|valid|causal"), number("integer", type.rule));
    case VALUE_INTS:
        return either(number("integer", type.rule), list_of(number("integer", type.rule)));
    case NVALUE:      break;
    }
    bug("value kind %d", (int)type.kind);
}

/* A default that is a number, a word or a list. */
static void put_default(json_t *schema, const char *def) {
    if (!def || strchr("~@(", *def) || json_object_get(schema, "$ref"))
        return;
    json_t *v = json_loads(def, JSON_DECODE_ANY, NULL);
    json_object_set_new(schema, "default", v ? v : json_string(def));
}

/* --- keys of schema.def --- */

static json_t *key(Arena *a, const Key *k);

static json_t *keys_below(Arena *a, const char *path) {
    json_t *map = open_map();
    for (int i = 0; i < schema_key_count; i++) {
        const Key *k = &schema_keys[i];
        const char *word = schema_word(k, path);
        if (!word)
            continue;
        json_t *v = key(a, k);
        put_default(v, k->def == schema_must ? NULL : k->def);
        put_key(map, word, k->def == schema_must, v, k->help);
    }
    return map;
}

/* A word, or a map of one from a word to its options. */
static json_t *pick(Arena *a, const char *path) {
    json_t *map = keys_below(a, path), *names = json_array(), *under;
    const char *name;
    json_object_foreach(json_object_get(map, "properties"), name, under)
        json_array_append_new(names, json_string(name));
    json_object_set_new(map, "minProperties", json_integer(1));
    json_object_set_new(map, "maxProperties", json_integer(1));
    return either(json_pack("{s:o}", "enum", names), map);
}

static json_t *by_hand(const char *path) {
    static const struct { const char *path, *name; } forms[] = {
        {"let", "numbers"}, {"blocks", "blocks"}, {"model.inputs", "inputs"},
        {"model.layers", "layers"}, {"model.outputs", "outputs"}};
    for (size_t i = 0; i < COUNT(forms); i++)
        if (!strcmp(forms[i].path, path))
            return defined(forms[i].name);
    bug("no form for the key '%s'", path);
}

/* A map, or what may stand in its place: nothing, and the value of its main key. */
static json_t *key_map(Arena *a, const Key *k) {
    json_t *map = either(keys_below(a, k->path), of_type("null"));
    if (*k->rule)
        json_array_append_new(json_object_get(map, "anyOf"),
                              key(a, schema_key(arena_printf(a, "%s.%s", k->path, k->rule))));
    return map;
}

static json_t *key(Arena *a, const Key *k) {
    if (k->kind < KEY_MAP)
        return value(a, (ValueType){(ValueKind)k->kind, k->rule});
    if (k->kind == KEY_MAP)
        return key_map(a, k);
    if (k->kind == KEY_PICK)
        return pick(a, k->path);
    return k->kind == KEY_ANY ? by_hand(k->path)
                              : either(pick(a, k->path), list_of(pick(a, k->path)));
}

/* --- layers and other forms --- */

static json_t *form_value(FormKind kind) {
    static const char *const names[] = {
        [FORM_NAME] = "text", [FORM_LAYER_NAME] = "text", [FORM_TENSOR] = "text",
        [FORM_LAYER] = "layer", [FORM_LAYERS] = "layers", [FORM_INIT] = "init",
        [FORM_STATES] = "states", [FORM_ARGS] = "args"};
    switch (kind) {
    case FORM_TENSORS: return either(defined("text"), list_of(defined("text")));
    case FORM_NUMBER:  return number("integer", ">=1");
    case FORM_BOOL:    return of_type("boolean");
    case FORM_NAME: case FORM_LAYER_NAME: case FORM_TENSOR: case FORM_LAYER: case FORM_LAYERS:
    case FORM_INIT: case FORM_STATES: case FORM_ARGS: break;
    }
    return defined(names[kind]);
}

static json_t *option_value(Arena *a, const LayerOption *o) {
    json_t *v = value(a, o->type);
    if (o->def && strchr("~@(", *o->def))
        v = either(v, of_type("null"));
    put_default(v, o->def);
    return v;
}

/* What stands for all options: the main one, or the inputs; *must: it has to be given. */
static json_t *main_value(Arena *a, const LayerRow *row) {
    const char *main = row ? layer_main(a, row) : NULL, *at = row ? row->options : "";
    LayerOption o;
    while (main && layer_row_option(a, &at, &o))
        if (!strcmp(o.name, main))
            return option_value(a, &o);
    return main ? form_value(FORM_TENSORS) : NULL;
}

/* The options of a row, its inputs that are named, and the keys of a form. */
static json_t *form_map(Arena *a, const LayerRow *row, int n, const FormKey *form) {
    json_t *map = open_map();
    const char *at = row ? row->options : "", *inputs = row ? row->inputs : "", *input;
    LayerOption o;
    while (layer_row_option(a, &at, &o))
        put_key(map, o.name, !o.def, option_value(a, &o), NULL);
    while ((input = named_input(a, &inputs, NULL)))
        put_key(map, input, false, form_value(FORM_TENSOR), "an input, by name");
    for (int i = 0; i < n; i++)
        put_key(map, form[i].key, form[i].must, form_value(form[i].kind), form[i].help);
    return map;
}

/* Options as a map, as the main one alone, or none at all. */
static json_t *form(Arena *a, const LayerRow *row, int n, const FormKey *keys, const char *help) {
    json_t *map = form_map(a, row, n, keys), *alone = main_value(a, row);
    json_t *all = either(map, of_type("null"));
    if (json_object_get(map, "required"))
        json_array_remove(json_object_get(all, "anyOf"), 1);
    if (alone)
        json_array_append_new(json_object_get(all, "anyOf"), alone);
    if (help)
        json_object_set_new(all, "description", json_string(help));
    return all;
}

/* A group whose first key holds layers takes their list alone. */
static json_t *row_form(Arena *a, const Row *r) {
    json_t *all = form(a, r->layer, r->nform, r->form, r->help);
    if (r->kind == ROW_GROUP && r->form[0].kind == FORM_LAYERS)
        json_array_append_new(json_object_get(all, "anyOf"), form_value(FORM_LAYERS));
    return all;
}

/* Every layer, group and op by name; an op of another's name is hidden by it. */
static json_t *layer_forms(Arena *a) {
    static const FormKey plain[] = {LAYER_FORM(FORM_KEY)};
    json_t *all = json_object();
    int n;
    const Row *row = rows_all(a, &n);
    for (int i = 0; i < n; i++) {
        if (row[i].kind == ROW_LAYER || row[i].kind == ROW_GROUP)
            json_object_set_new(all, row[i].name, row_form(a, &row[i]));
        else if (row[i].kind == ROW_OP && !json_object_get(all, row[i].name))
            json_object_set_new(all, row[i].name,
                                form(a, layer_of_op(a, row[i].name), COUNT(plain), plain,
                                     row[i].help));
    }
    return all;
}

/* A word or a map of one. What is none of the names may be a block of the file. */
static json_t *layer(Arena *a) {
    json_t *all = layer_forms(a), *names = json_array(), *under;
    const char *name;
    json_object_foreach(all, name, under)
        json_array_append_new(names, json_string(name));
    json_t *map = json_pack("{s:s,s:i,s:i,s:o}", "type", "object", "minProperties", 1,
                            "maxProperties", 1, "properties", all);
    return json_pack("{s:[{s:o},o,o]}", "anyOf", "enum", names, defined("text"), map);
}

/* --- the whole --- */

static json_t *definitions(Arena *a) {
    static const FormKey state[] = {STATE_FORM(FORM_KEY)}, output[] = {OUTPUT_FORM(FORM_KEY)},
                         block[] = {BLOCK_FORM(FORM_KEY)};
    json_t *d = json_object();
    json_object_set_new(d, "expression",
                        json_pack("{s:s,s:s}", "type", "string", "pattern", EXPRESSION));
    json_object_set_new(d, "text", json_pack("{s:[s,s,s]}", "type", "string", "number",
                                             "boolean"));
    json_object_set_new(d, "span", number("number", ">=0"));
    json_object_set_new(d, "numbers", map_of(number("number", "")));
    json_object_set_new(d, "args", either(list_of(defined("text")),
                                          map_of(either(number("number", ""),
                                                        of_type("null")))));
    json_object_set_new(d, "init", pick(a, "init"));
    json_object_set_new(d, "layer", layer(a));
    json_object_set_new(d, "layers", list_of(defined("layer")));
    json_object_set_new(d, "inputs", map_of(form(a, &input_row, 0, NULL, "an input")));
    json_object_set_new(d, "states", map_of(form(a, &state_row, COUNT(state), state, "a state")));
    json_object_set_new(d, "blocks", map_of(form(a, NULL, COUNT(block), block, "a block")));
    json_t *outputs = either(defined("text"), list_of(defined("text")));
    json_array_append_new(json_object_get(outputs, "anyOf"),
                          map_of(either(defined("text"),
                                        form_map(a, NULL, COUNT(output), output))));
    json_object_set_new(d, "outputs", outputs);
    return d;
}

int command_schema(const Args *args) {
    Arena *a = arena_new();
    Text out = {0};
    json_t *root = json_pack("{s:s,s:s}", "$schema", "http://json-schema.org/draft-07/schema#",
                             "title", "Kiln: a model file");
    json_t *file = keys_below(a, "");
    (void)args;
    json_object_update(root, file);
    json_object_set_new(root, "definitions", definitions(a));
    char *text = json_dumps(root, JSON_PRESERVE_ORDER | JSON_INDENT(1) | JSON_REAL_PRECISION(15));
    text_printf(&out, "%s\n", text ? text : "");
    free(text);
    json_decref(file);
    json_decref(root);
    bool ok = tool_print(&out);
    text_free(&out);
    arena_free(a);
    return ok ? DONE : SYSTEM;
}
