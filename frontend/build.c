/* Layers in order: `from`, residual, repeat and blocks, down to rows of layers.def. */
#include "frontend/build.h"
#include "frontend/form.h"

#include <string.h>

static const char *const common[] = {LAYER_FORM(FORM_WORD) NULL};
static const char *const weighted[] = {WEIGHTED_FORM(FORM_WORD) NULL};

/* --- one layer --- */

static bool read_spec(Build *b, Tree **item, Spec *s) {
    Tree *t = *item;
    if (t->kind == TREE_SCALAR && !tree_null(t)) {
        Tree *map = tree_new(b->arena, TREE_MAP, t->loc);
        map->key = t->key;
        map->key_loc = t->key_loc;
        Tree *options =
            tree_add(b->arena, map, t->text, tree_new(b->arena, TREE_MAP, t->loc));
        options->key_loc = t->loc;
        map->bare = true;
        *item = t = map;
    }
    if (t->kind != TREE_MAP || !t->n)
        return diag_error(t->loc, "expected a layer: a word such as 'relu' or a map "
                          "{linear: 10}, got %s", tree_kind_name(t));
    if (t->n > 1)
        return diag_error(t->item[1]->key_loc,
                          "a layer is a map with one key; '%s' belongs into "
                          "the map of '%s': {%s: {%s: ..., ...}}",
                          t->item[1]->key, t->item[0]->key, t->item[0]->key,
                          t->item[1]->key);
    s->type = t->item[0]->key;
    s->options = t->item[0];
    s->loc = s->options->key_loc;
    return true;
}

bool build_set_name(Build *b, Place *place, Spec *s) {
    const Tree *t = tree_find(s->options, "name");
    bool text = t && t->kind == TREE_SCALAR;
    s->name = text ? t->text : build_auto_name(b, place, s->type);
    s->path = build_path(b, place->prefix, s->name);
    s->where = arena_printf(b->arena, "%s '%s'", s->type, s->path);
    if (t && !text)
        return diag_error(t->loc, "name: expected a name, got %s", tree_kind_name(t));
    return !text || build_name_allowed(b, t, s->path);
}

Ref build_find_tensor(Build *b, const Place *place, const char *what, const Tree *t) {
    bool text = t->kind == TREE_SCALAR && !tree_null(t);
    const Named *named = text ? build_find(b, place, t->text) : NULL;
    if (!text)
        diag_error(t->loc, "%s: expected a tensor's name, got %s", what, tree_kind_name(t));
    else if (!named)
        build_unknown_tensor(b, t->loc, what, t->text);
    if (!named || !named->ref.node)
        return (Ref){0};
    build_use(b, named->ref);
    return build_inside(b, named->ref);
}

/* Inputs that options name. */
static bool find_named(Build *b, const Place *place, const Spec *s, const LayerRow *row,
                       Macro *m) {
    const char *at = row->inputs, *name, *item;
    bool ok = true;
    while ((name = named_input(b->arena, &at, &item))) {
        const Tree *t = tree_find(s->options, name);
        const char *what = arena_printf(b->arena, "%s: %s", s->where, name);
        Ref r = t ? build_find_tensor(b, place, what, t) : (Ref){0};
        ok = (!t || (r.node && macro_named(m, item, r))) && ok;
    }
    return ok;
}

bool build_find_inputs(Build *b, const Place *place, const Spec *s, Ref x, int *n,
                       Ref **in) {
    const Tree *from = tree_find(s->options, "from");
    bool ok = true;
    *n = 0;
    *in = NULL;
    if (!from) {
        PUSH(b->arena, *in, *n) = x;
        build_use(b, x);
        ok = x.node != NULL;
        if (!ok && diag_errors(b->m->diag) == b->errors)
            diag_error(s->loc,
                       "%s: the model has several inputs; name the one to take with "
                       "'from'",
                       s->where);
    }
    int count = !from ? 0 : from->kind == TREE_LIST ? from->n : 1;
    for (int i = 0; i < count; i++) {
        const Tree *t = from->kind == TREE_LIST ? from->item[i] : from;
        Ref r = build_find_tensor(b, place, arena_printf(b->arena, "%s: from", s->where), t);
        PUSH(b->arena, *in, *n) = r;
        ok &= r.node != NULL;
    }
    return ok;
}

static void add_default(Build *b, Tree *options, const char *key, const char *text) {
    if (tree_find(options, key))
        return;
    Tree *t = tree_scalar(b->arena, text, options->loc);
    t->implied = true;
    tree_add(b->arena, options, key, t);
}

static bool read_weighted(Build *b, const Place *place, const Spec *s, Macro *m) {
    add_default(b, s->options, "init", "default");
    add_default(b, s->options, "trainable", "true");
    Tree *init = tree_find(s->options, "init"), *tied = tree_find(s->options, "weights");
    const Tree *trainable = tree_find(s->options, "trainable");
    bool ok = true, train = true;
    for (int i = 0; init && i < s->options->n; i++)
        if (s->options->item[i] == init) {
            ok = schema_check(b->arena, b->m->strs, place->scope, &s->options->item[i],
                              "init", arena_printf(b->arena, "%s: init", s->where),
                              NULL);
            m->init = s->options->item[i];
        }
    if (trainable)
        ok &= value_read(b->arena, place->scope, trainable, (ValueType){VALUE_BOOL, ""},
                         arena_printf(b->arena, "%s: trainable", s->where), &train);
    m->frozen = !train;
    if (!tied)
        return ok;
    const Named *of = tied->kind == TREE_SCALAR ? build_find(b, place, tied->text) : NULL;
    if (!of)
        return build_unknown_tensor(b, tied->loc,
                                    arena_printf(b->arena, "%s: weights", s->where),
                                    tied->kind == TREE_SCALAR ? tied->text : "");
    m->tied = of->path;
    return ok;
}

static void bind_mode(const Build *b, Macro *m) {
    macro_number(m, "train", b->mode == MODE_TRAIN);
    macro_number(m, "random", b->mode == MODE_TRAIN || b->mode == MODE_SAMPLE);
}

static void add_layer_info(Build *b, const Spec *s, Ref out, int first) {
    if (b->declare)
        PUSH(b->arena, b->m->layer, b->m->nlayer) = (LayerInfo){
            s->path, s->type, *ref_type(out), b->m->param.n - first, first, s->loc};
}

static Ref run_row(Build *b, Macro *m, const LayerRow *row) {
    Ref out;
    m->row = row;
    bool ok = macro_checks(m, row->checks, false) && macro_params(m, row) &&
              macro_body(m, row->body, &out);
    int64_t count;
    if (ok && m->tied && !m->shares)
        ok = macro_fault(
            m, arena_printf(b->arena, "'%s' has no weights that fit here", m->tied));
    if (ok && !type_count(ref_type(out), &count))
        ok = macro_fault(m, arena_printf(b->arena, "the result %s is too large",
                                         type_text(b->arena, ref_type(out))));
    return ok ? out : (Ref){0};
}

static Ref build_row(Build *b, Place *place, Spec *s, const LayerRow *row, Ref x) {
    const Origin origin = {s->loc, s->path, s->type, NULL};
    Origin *o = NEW(b->arena, 1, Origin);
    *o = origin;
    b->g->origin = o;
    Macro m = {.build = b,
               .arena = b->arena,
               .graph = b->g,
               .loc = s->loc,
               .where = s->where,
               .path = s->path,
               .scope = place->scope};
    bind_mode(b, &m);
    int n = 0, first = b->m->param.n;
    Ref *in = NULL, out = {0};
    bool ok = macro_open(&m, row, s->options, *row->params ? weighted : common);
    ok &= build_set_name(b, place, s);
    m.where = s->where;
    m.path = o->name = s->path;
    bool fed = build_find_inputs(b, place, s, x, &n, &in);
    ok = ok && (!*row->params || read_weighted(b, place, s, &m));
    fed = fed && macro_inputs(&m, row, n, in) && find_named(b, place, s, row, &m);
    m.nin = fed ? n : 0;
    ok = ok && macro_options(&m, row, s->options, place->scope);
    if (ok && fed)
        out = run_row(b, &m, row);
    b->failed |= !out.node;
    if (out.node)
        add_layer_info(b, s, out, first);
    build_name(b, s->path, s->type, s->loc, out);
    return out;
}

/* --- residual, repeat, blocks --- */

Tree *build_layer_list(Build *b, const Spec *s, const char *key) {
    Tree *t = tree_find(s->options, key);
    if (t && t->kind == TREE_LIST)
        return t;
    if (t)
        diag_error(t->loc, "%s: %s: expected a list of layers, got %s", s->where, key,
                   tree_kind_name(t));
    else
        diag_error(s->loc, "%s: no '%s' are given", s->where, key);
    b->failed = true;
    return NULL;
}

static bool only_keys(Build *b, const Spec *s, int n, const char *const *known) {
    bool ok = true;
    for (int i = 0; i < s->options->n; i++) {
        const Tree *t = s->options->item[i];
        int k = 0;
        while (k < n && strcmp(known[k], t->key))
            k++;
        if (k == n)
            ok = unknown_word(
                t->key_loc, t->key,
                arena_printf(b->arena, "%s: unknown option '%s'", s->where, t->key), n,
                known);
    }
    b->failed |= !ok;
    return ok;
}

/* A list of layers is `layers`. */
static void open_list(Build *b, Spec *s) {
    Tree *t = s->options;
    if (t->kind == TREE_MAP)
        return;
    Tree *list = NEW(b->arena, 1, Tree);
    *list = *t;
    list->key_loc = list->loc;
    t->kind = TREE_MAP;
    t->n = 0;
    t->item = NULL;
    if (!tree_null(list))
        tree_add(b->arena, t, "layers", list);
}

/* The one input of a residual, repeat or block. */
static bool one_input(Build *b, const Place *place, const Spec *s, Ref x, Ref *out) {
    int n;
    Ref *in;
    if (!build_find_inputs(b, place, s, x, &n, &in)) {
        *out = (Ref){0};
        b->failed = true;
        return true;                   /* layers inside are still looked at */
    }
    *out = in[0];
    return n == 1 || diag_error(s->loc, "%s: expects 1 input, got %d", s->where, n);
}

static Ref build_residual(Build *b, Place *place, Spec *s, Ref x) {
    static const char *const keys[] = {RESIDUAL_FORM(FORM_WORD)};
    Ref start, end, side;
    open_list(b, s);
    if (!build_set_name(b, place, s) || !only_keys(b, s, COUNT(keys), keys) ||
        !one_input(b, place, s, x, &start))
        return b->failed = true, (Ref){0};
    Tree *layers = build_layer_list(b, s, "layers");
    if (!layers)
        return (Ref){0};
    bool has_side = tree_find(s->options, "shortcut") != NULL;
    Tree *shortcut = has_side ? build_layer_list(b, s, "shortcut") : NULL;
    end = build_layers(b, place, layers, start);
    side = shortcut ? build_layers(b, place, shortcut, start) : start;
    build_use(b, end);
    build_use(b, side);
    if (!end.node || !side.node)
        return (Ref){0};
    Ref in[] = {side, end};
    Macro m = {.build = b,
               .arena = b->arena,
               .graph = b->g,
               .loc = s->loc,
               .where = s->where,
               .nin = 2,
               .in = in};
    if (type_equal(ref_type(end), ref_type(side)))
        return macro_op(&m, "add", 2, in, 0, NULL);
    macro_fault(&m, arena_printf(b->arena,
                                 "its layers give %s, which cannot be added to %s",
                                 type_text(b->arena, ref_type(end)),
                                 type_text(b->arena, ref_type(side))));
    b->failed = true;
    return (Ref){0};
}

static Ref build_repeat(Build *b, Place *place, Spec *s, Ref x) {
    static const char *const keys[] = {REPEAT_FORM(FORM_WORD)};
    int64_t times = 0;
    const char *what = arena_printf(b->arena, "%s: times", s->where);
    bool map = s->options->kind == TREE_MAP;
    const Tree *t = map ? tree_find(s->options, "times") : NULL;
    if (!map || !t)
        diag_error(s->loc, "repeat: expected {times: n, layers: [...]}");
    if (!t || !build_set_name(b, place, s) || !only_keys(b, s, COUNT(keys), keys) ||
        !number_whole(place->scope, t, what, 1, MAX_REPEAT, &times) ||
        !one_input(b, place, s, x, &x))
        return b->failed = true, (Ref){0};
    Tree *layers = build_layer_list(b, s, "layers");
    bool failed = b->failed;
    for (int64_t i = 0; layers && i < times; i++) {
        Place in = {place, arena_printf(b->arena, "%s.%lld.", s->path, (long long)i),
                    place->scope, place->block, 0, NULL};
        b->failed = false;
        x = build_layers(b, &in, layers, x);
        failed |= b->failed;
        if (b->failed)                 /* the same errors again are of no use */
            break;
    }
    b->failed = failed;
    return layers ? x : (Ref){0};
}

static bool block_known(const Build *b, const char *name) {
    return tree_find(tree_find(b->root, "blocks"), name) != NULL;
}

/* Names and defaults of a block's arguments: `args` is a list of names or a map. */
static bool bind_args(Build *b, Place *place, const Spec *s, const Tree *args,
                      Scope *scope) {
    const char **known = NULL;
    int n = 0;
    bool ok = true;
    PUSH(b->arena, known, n) = "name";
    PUSH(b->arena, known, n) = "from";
    for (int i = 0; args && i < args->n; i++) {
        const Tree *a = args->item[i];
        bool list = args->kind == TREE_LIST;
        const char *name = list ? a->text : a->key;
        if (!name || args->kind == TREE_SCALAR)
            return diag_error(a->loc, "args: expected names of arguments");
        const Tree *given = tree_find(s->options, name);
        const Tree *value = given ? given : list || tree_null(a) ? NULL : a;
        double v = 1;
        const char *what = arena_printf(b->arena, "%s: %s", s->where, name);
        if (!value)
            ok = diag_error(s->loc, "%s: no '%s' is given", s->where, name);
        else
            ok &= number_real(given ? place->scope : &b->let, value, what, &v);
        PUSH(b->arena, scope->name, scope->n) = (Name){name, v};
        PUSH(b->arena, known, n) = name;
    }
    return only_keys(b, s, n, known) && ok;
}

/* A scalar in place of the options is the first argument. */
static void open_args(Build *b, Spec *s, const Tree *args) {
    Tree *t = s->options;
    const Tree *first = args && args->n ? args->item[0] : NULL;
    if (t->kind == TREE_MAP || (t->kind == TREE_SCALAR && !tree_null(t) && !first))
        return;
    Tree *value = NEW(b->arena, 1, Tree);
    *value = *t;
    value->key_loc = value->loc;
    t->kind = TREE_MAP;
    t->n = 0;
    t->item = NULL;
    if (!tree_null(value) && first)
        tree_add(b->arena, t, args->kind == TREE_LIST ? first->text : first->key, value);
}

static Ref build_block(Build *b, Place *place, Spec *s, Ref x) {
    Tree *block = tree_find(tree_find(b->root, "blocks"), s->type);
    const Tree *args = tree_find(block, "args");
    Scope *scope = NEW(b->arena, 1, Scope);
    scope->up = &b->let;
    int depth = 0;
    for (const Place *p = place; p; p = p->up, depth++)
        if (p->block == block || depth > MAX_BLOCKS) {
            b->failed = true;
            diag_error(s->loc, "block '%s' uses itself", s->type);
            return (Ref){0};
        }
    open_args(b, s, args);
    if (!build_set_name(b, place, s) || !bind_args(b, place, s, args, scope) ||
        !one_input(b, place, s, x, &x))
        return b->failed = true, (Ref){0};
    Spec inner = *s;
    inner.options = block;
    Tree *layers = build_layer_list(b, &inner, "layers");
    Place in = {place, arena_printf(b->arena, "%s.", s->path), scope, block, 0, NULL};
    return layers ? build_layers(b, &in, layers, x) : (Ref){0};
}

/* --- all of them --- */

typedef Ref BuildGroup(Build *b, Place *place, Spec *s, Ref x);
#define GROUP(name, ...) {#name, build_##name},
static const struct { const char *name; BuildGroup *build; } groups[] = {GROUPS(GROUP)};

bool build_is_group(const char *name) {
    for (size_t i = 0; i < COUNT(groups); i++)
        if (!strcmp(name, groups[i].name))
            return true;
    return false;
}

/* NULL: there is none. */
static BuildGroup *find_group(const Build *b, const char *name) {
    for (size_t i = 0; i < COUNT(groups); i++)
        if (!strcmp(name, groups[i].name))
            return groups[i].build;
    return block_known(b, name) ? build_block : NULL;
}

static Ref build_group(Build *b, Place *place, Spec *s, Ref x) {
    Ref out = find_group(b, s->type)(b, place, s, x);
    if (s->path) {
        build_use(b, out);             /* what it is called inside */
        build_name(b, s->path, s->type, s->loc, out);
    }
    return out;
}

static Ref build_layer(Build *b, Place *place, Tree **item, Ref x) {
    Spec s = {0};
    const Tree *blocks = tree_find(b->root, "blocks");
    if (!read_spec(b, item, &s))
        return b->failed = true, (Ref){0};
    s.where = s.type;
    if (find_group(b, s.type))
        return build_group(b, place, &s, x);
    const LayerRow *row = layer_find(s.type);
    row = row ? row : layer_of_op(b->arena, s.type);
    if (row)
        return build_row(b, place, &s, row, x);
    const char **extra = NULL;
    int n = 0;
    for (size_t i = 0; i < COUNT(groups); i++)
        PUSH(b->arena, extra, n) = groups[i].name;
    for (int i = 0; blocks && i < blocks->n; i++)
        PUSH(b->arena, extra, n) = blocks->item[i]->key;
    layer_unknown(b->arena, s.loc, s.type, n, extra);
    b->failed = true;
    return (Ref){0};
}

Ref build_layers(Build *b, Place *place, Tree *list, Ref x) {
    for (int i = 0; i < list->n && !diag_full(b->m->diag); i++) {
        if (++b->nlayer > MAX_LAYERS) {
            if (b->nlayer == MAX_LAYERS + 1)
                diag_error(list->item[i]->loc, "more than %d layers", MAX_LAYERS);
            b->failed = true;
            return (Ref){0};
        }
        x = build_layer(b, place, &list->item[i], x);
    }
    return x;
}

Ref build_single(Build *b, const char *path, Tree **spec, Ref x) {
    Spec s = {0};
    Place place = {NULL, "", &b->let, NULL, 0, NULL};
    if (!read_spec(b, spec, &s))
        return (Ref){0};
    const LayerRow *row = layer_find(s.type);
    row = row ? row : layer_of_op(b->arena, s.type);
    if (!row || *row->params) {
        row ? diag_error(s.loc, "as: '%s' has weights; put it among the layers", s.type)
            : layer_unknown(b->arena, s.loc, s.type, 0, NULL);
        return (Ref){0};
    }
    static const char *const none[] = {NULL};
    Origin *o = NEW(b->arena, 1, Origin);
    *o = (Origin){s.loc, path, s.type, NULL};
    b->g->origin = o;
    Macro m = {.build = b, .arena = b->arena, .graph = b->g, .loc = s.loc, .path = path,
               .where = arena_printf(b->arena, "%s of output '%s'", s.type, path),
               .scope = place.scope};
    Ref *in = NEW(b->arena, 1, Ref);
    *in = x;
    bind_mode(b, &m);
    if (!macro_open(&m, row, s.options, none) || !macro_inputs(&m, row, 1, in) ||
        !macro_options(&m, row, s.options, place.scope))
        return (Ref){0};
    return run_row(b, &m, row);
}
