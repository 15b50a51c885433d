/* The sections `inputs` and `outputs` of a model. */
#include "frontend/build.h"
#include "frontend/form.h"

#include <string.h>

const LayerRow input_row = {
    "input", "", "shape! ints >=1; dtype one f32|u8|i32|i64 = f32; batch bool = true",
    "",      "", "",
    ""};
static const char *const no_keys[] = {NULL};

static bool input_type(Build *b, Tree *t, Type *type) {
    Macro m = {.build = b,
               .arena = b->arena,
               .graph = b->g,
               .loc = t->key_loc,
               .where = arena_printf(b->arena, "input '%s'", t->key),
               .path = t->key,
               .nin = 1};
    if (!macro_open(&m, &input_row, t, no_keys) ||
        !macro_options(&m, &input_row, t, &b->let))
        return false;
    const Ints *shape = &m.list[0].list;
    int64_t count;
    bool batch = row_number(&m, "batch") != 0;
    *type = (Type){.rank = shape->n + batch};
    if (type->rank > MAX_RANK)
        return diag_error(t->loc, "%s: more than %d dims", m.where, MAX_RANK - 1);
    if (batch)
        type->dim[0] = (Dim){b->m->batch, true};
    for (int i = 0; i < shape->n; i++)
        type->dim[i + batch].n = shape->item[i];
    int time = b->max ? model_time(b->m, type) : -1;
    if (time >= 0)
        type->dim[time].n = b->max;
    dtype_parse(m.word[0].word, strlen(m.word[0].word), &type->dtype);
    return type_count(type, &count) ||
           diag_error(t->loc, "%s: %s is too large", m.where, type_text(b->arena, type));
}

static bool input_name_allowed(const Tree *t) {
    if (!*t->key || strpbrk(t->key, "/\\\"'."))
        return diag_error(t->key_loc,
                          "input '%s' has a character that names cannot have", t->key);
    return strcmp(t->key, "target") ||
           diag_error(t->key_loc, "'target' is the name of the labels; "
                                  "give the input another");
}

bool build_inputs(Build *b, Tree *inputs, Ref *first) {
    bool ok = true;
    if (inputs->kind != TREE_MAP || !inputs->n)
        return diag_error(inputs->loc,
                          "model.inputs: expected a map from names to shapes, got %s",
                          inputs->n ? tree_kind_name(inputs) : "nothing");
    b->out->input = NEW(b->arena, inputs->n, Ref);
    for (int i = 0; i < inputs->n; i++) {
        Tree *t = inputs->item[i];
        Type type;
        if (!input_name_allowed(t) || !input_type(b, t, &type)) {
            ok = false;
            continue;
        }
        Ref r = b->out->input[i] = graph_leaf(b->g, N_INPUT, t->key, &type);
        if (b->declare)
            PUSH(b->arena, b->m->input.item, b->m->input.n) =
                (ModelTensor){.name = t->key, .type = type, .loc = t->key_loc};
        build_name(b, t->key, "input", t->key_loc, r);
    }
    *first = inputs->n == 1 ? b->out->input[0] : (Ref){0};
    return ok;
}

/* One line of `outputs`: name is NULL for one that is named as its tensor. */
static bool add_output(Build *b, const char *name, Loc loc, Ref raw, Tree **as) {
    int i = b->nout;
    for (int k = 0; k < b->m->output.n && b->declare; k++)
        if (!strcmp(b->m->output.item[k].name, name))
            return diag_error(loc, "duplicate output '%s'", name);
    build_use(b, raw);
    Ref out = as ? build_single(b, name, as, raw) : raw;
    if (!out.node)
        return false;
    if (!ref_type(out)->rank || !ref_type(out)->dim[0].batch)
        return diag_error(loc, "output '%s' does not depend on the batch", name);
    b->out->raw = arena_push(b->arena, b->out->raw, (size_t)i, sizeof(Ref));
    b->out->output = arena_push(b->arena, b->out->output, (size_t)i, sizeof(Ref));
    b->out->raw[i] = raw;
    b->out->output[i] = out;
    b->nout++;
    if (b->declare)
        PUSH(b->arena, b->m->output.item, b->m->output.n) =
            (ModelTensor){.name = name, .type = *ref_type(out), .loc = loc};
    return true;
}

static bool named_ref(Build *b, const Tree *t, const char *what, Ref *out) {
    *out = build_find_tensor(b, NULL, what, t);
    return out->node != NULL;
}

/* name: tensor, name: {from, as} or name: {as} */
static bool mapped_output(Build *b, Tree *t, Ref last) {
    static const char *const keys[] = {OUTPUT_FORM(FORM_WORD)};
    const char *what = arena_printf(b->arena, "output '%s'", t->key);
    Ref raw = last;
    Tree **as = NULL;
    if (t->kind == TREE_SCALAR)
        return named_ref(b, t, what, &raw) &&
               add_output(b, t->key, t->key_loc, raw, NULL);
    if (t->kind != TREE_MAP)
        return diag_error(t->loc,
                          "%s: expected a tensor's name or {from: ..., as: ...}", what);
    for (int i = 0; i < t->n; i++) {
        if (!strcmp(t->item[i]->key, "as"))
            as = &t->item[i];
        else if (strcmp(t->item[i]->key, "from"))
            return unknown_word(t->item[i]->key_loc, t->item[i]->key,
                                arena_printf(b->arena, "%s: unknown key '%s'", what,
                                             t->item[i]->key), COUNT(keys), keys);
    }
    const Tree *from = tree_find(t, "from");
    if (from && !named_ref(b, from, what, &raw))
        return false;
    return raw.node && add_output(b, t->key, t->key_loc, raw, as);
}

static bool listed_output(Build *b, const Tree *t) {
    Ref raw;
    return named_ref(b, t, "model.outputs", &raw) &&
           add_output(b, t->text, t->loc, raw, NULL);
}

/* The last layer's result, under its layer's name. */
static bool only_output(Build *b, Ref last) {
    const Named *n = b->nnamed ? &b->named[b->nnamed - 1] : NULL;
    return last.node && n && add_output(b, n->path, n->loc, last, NULL);
}

bool build_outputs(Build *b, Tree *outputs, Ref last) {
    bool ok = true;
    if (!outputs || tree_null(outputs))
        return only_output(b, last);
    if (outputs->kind == TREE_SCALAR)
        return listed_output(b, outputs);
    if (!outputs->n)
        return diag_error(outputs->loc, "model.outputs: there is none");
    for (int i = 0; i < outputs->n; i++)
        ok &= outputs->kind == TREE_LIST ? listed_output(b, outputs->item[i])
                                         : mapped_output(b, outputs->item[i], last);
    return ok;
}
