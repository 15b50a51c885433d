/* Models: from a file and overrides, through the schema, to graphs. */
#include "frontend/model.h"
#include "frontend/build.h"
#include "frontend/form.h"

#include <string.h>

static const Source *model_source(Arena *a, Diag *d, const ModelOptions *o) {
    if (o->text)
        return diag_source(d, o->path, o->text, o->size);
    size_t size;
    char *text = file_read(a, diag_nowhere(d), o->path, TREE_MAX_BYTES, &size);
    return text ? diag_source(d, o->path, text, size) : NULL;
}

static Tree *model_tree(Model *m, const ModelOptions *o) {
    Tree *root = tree_parse(m->arena, m->strs, m->source, 0);
    bool ok = root != NULL;
    for (int i = 0; ok && i < o->nset; i++)
        ok = tree_override(m->arena, m->strs, m->diag, &root, o->set[i]);
    return ok ? root : NULL;
}

/* The file's name without directories and what follows the first dot. */
static const char *stem(const Model *m) {
    const char *slash = strrchr(m->source->name, '/');
    const char *s = slash ? slash + 1 : m->source->name;
    size_t n = strcspn(s, ".");
    return n ? strs_put(m->strs, s, n) : "model";
}

static bool blocks_sound(const Tree *blocks) {
    static const char *const keys[] = {BLOCK_FORM(FORM_WORD)};
    bool ok = true;
    if (blocks && blocks->kind != TREE_MAP)
        return diag_error(blocks->loc,
                          "blocks: expected a map from names to {args, layers}, got %s",
                          tree_kind_name(blocks));
    for (int i = 0; blocks && i < blocks->n; i++) {
        const Tree *t = blocks->item[i];
        bool taken = layer_find(t->key) || op_find(t->key) ||
                     build_is_group(t->key);
        if (taken)
            ok = diag_error(t->key_loc, "block '%s' has the name of a layer", t->key);
        if (t->kind != TREE_MAP)
            ok = diag_error(t->loc, "block '%s': expected {args: ..., layers: [...]}",
                            t->key);
        for (int k = 0; t->kind == TREE_MAP && k < t->n; k++)
            if (strcmp(t->item[k]->key, "args") && strcmp(t->item[k]->key, "layers")) {
                Text s = {0};
                text_printf(&s, "block '%s': unknown key '%s'", t->key, t->item[k]->key);
                ok = unknown_word(t->item[k]->key_loc, t->item[k]->key, s.s,
                                  COUNT(keys), keys);
                text_free(&s);
            }
    }
    return ok;
}

/* Everything but the network: numbers, keys, settings. */
static bool read_settings(Model *m, Build *b) {
    const Tree *let = tree_find(b->root, "let");
    bool ok = !let || scope_let(m->arena, &b->let, let);
    if (b->root->kind == TREE_MAP && !tree_find(b->root, "name"))
        tree_add(m->arena, b->root, "name",
                 tree_scalar(m->arena, stem(m), (Loc){m->source, 1, 1}))->implied = true;
    ok &= schema_file(m->arena, m->strs, &b->let, &b->root, &m->set);
    return blocks_sound(tree_find(b->root, "blocks")) && ok;
}

/* By itself, or by a part of it. */
static bool is_used(const Build *b, const Named *n) {
    size_t len = strlen(n->path);
    bool used = n->used || n->part;
    for (int i = 0; i < b->nnamed && !used; i++) {
        const Named *p = &b->named[i];
        used = p->part && p->used && !p->closed && !strncmp(p->path, n->path, len) &&
               p->path[len] == '.';
    }
    return used;
}

static bool all_used(const Build *b) {
    bool ok = true;
    for (int i = 0; i < b->nnamed; i++) {
        const Named *n = &b->named[i];
        if (is_used(b, n))
            continue;
        if (!strcmp(n->type, "input"))
            ok = diag_error(n->loc, "input '%s' is used by no layer", n->path);
        else if (n->ref.node)
            diag_warn(n->loc, "%s '%s': its result is used nowhere", n->type, n->path);
    }
    return ok;
}

static bool build_graph(Build *b, const char *entry, Mode mode) {
    Model *m = b->m;
    Tree *model = tree_find(b->root, "model"), *layers = tree_find(model, "layers");
    Place top = {NULL, "", &b->let, NULL, 0, NULL};
    Ref x = {0};
    b->mode = mode;
    b->g = graph_new(m->arena, m->pool, m->strs, entry, m->batch);
    b->g->strict = m->strict;
    b->out = NEW(m->arena, 1, ModelGraph);
    b->out->graph = b->g;
    b->nparam = b->nstate = b->nstandardize = b->nout = b->nnamed = b->nlayer = 0;
    b->named = NULL;
    b->rng = (Ref){0};
    b->failed = false;
    if (!build_inputs(b, tree_find(model, "inputs"), &x))
        return false;
    if (layers->kind != TREE_LIST || !layers->n)
        return diag_error(
            layers->loc, "model.layers: expected a list of layers, got %s",
            layers->kind == TREE_LIST ? "an empty one" : tree_kind_name(layers));
    x = build_layers(b, &top, layers, x);
    bool ok = !b->failed && build_outputs(b, tree_find(model, "outputs"), x);
    ok = ok && (!b->declare || all_used(b));
    return ok && (!m->set.train.given || b->max || build_loss(b));
}

static void choose_batch(Model *m, const ModelOptions *o) {
    m->batch = o->batch                            ? o->batch
               : o->training && m->set.train.given ? m->set.train.batch
                                                   : 1;
}

Model *model_load(Arena *a, Diag *d, const ModelOptions *o) {
    Model *m = NEW(a, 1, Model);
    Build *b = NEW(a, 1, Build);
    *m = (Model){.arena = a, .pool = pool_new(a), .strs = strs_new(a), .diag = d,
                 .strict = o->strict, .build = b};
    *b = (Build){.m = m, .arena = a, .declare = true, .errors = diag_errors(d)};
    if (diag_full(d))                  /* errors from here on would not be seen */
        return NULL;
    m->source = model_source(a, d, o);
    b->root = m->source ? model_tree(m, o) : NULL;
    m->tree = b->root;
    if (!b->root || !read_settings(m, b))
        return NULL;
    m->tree = b->root;
    choose_batch(m, o);
    if (!build_graph(b, "forward", MODE_EVAL)) {
        if (diag_errors(d) == b->errors)
            bug("a model failed without a message");
        return NULL;
    }
    b->declare = false;
    if (!carry_settle(m))
        return NULL;
    m->random = model_graph(m, "sample", MODE_SAMPLE) && b->rng.node;
    model_graph(m, "grad", MODE_TRAIN);
    return m;
}

int model_time(const Model *m, const Type *t) {
    const Type *first = &m->input.item[0].type;
    int axis = (int)m->set.deploy.axis, of = axis + (first->rank && first->dim[0].batch);
    int batch = t->rank && t->dim[0].batch;
    if (of >= first->rank)
        return -1;
    if (axis + batch < t->rank && t->dim[axis + batch].n == first->dim[of].n)
        return axis + batch;
    for (int d = batch; d < t->rank; d++)
        if (t->dim[d].n == first->dim[of].n)
            return d;
    return -1;
}

ModelGraph *model_stretched(Model *m, const char *entry, int64_t steps) {
    m->build->max = steps;
    bool ok = build_graph(m->build, entry, MODE_EVAL);
    m->build->max = 0;
    return ok ? m->build->out : NULL;
}

ModelGraph *model_graph(Model *m, const char *entry, Mode mode) {
    if (!build_graph(m->build, entry, mode))
        bug("the entry %s could not be built where forward could", entry);
    return m->build->out;
}
