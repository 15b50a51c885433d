/* Checks a tree against the table of keys, and fills in what it leaves out. */
#include "frontend/schema.h"

#include <string.h>

const char schema_must[] = "must";

#define MUST schema_must
#define AT(field) (int)offsetof(Settings, field)
#define NOWHERE (-1)
const Key schema_keys[] = {
#define KEY(path, kind, rule, def, field, help) \
    {path, KEY_##kind, rule, def, field, help},
#include "frontend/schema.def"
};
const int schema_key_count = COUNT(schema_keys);

typedef struct Check {
    Arena *arena;
    Strs *strs;
    const Scope *scope;
    Settings *set;
    const char *what;                  /* leads in messages in place of `root` */
    size_t root;                       /* length of the path that `what` stands for */
} Check;

static bool check(Check *c, Tree **at, const Key *k);

/* The name that messages give to a path. */
static const char *named(const Check *c, const char *path) {
    if (!c->what)
        return path;
    return arena_printf(c->arena, "%s%s%s", c->what, path[c->root] ? ": " : "",
                        path + c->root + (path[c->root] == '.'));
}

const Key *schema_key(const char *path) {
    for (int i = 0; i < schema_key_count; i++)
        if (!strcmp(schema_keys[i].path, path))
            return &schema_keys[i];
    return NULL;
}

const char *schema_word(const Key *k, const char *path) {
    size_t n = strlen(path);
    if (n && (strncmp(k->path, path, n) || k->path[n] != '.'))
        return NULL;
    const char *word = k->path + n + (n > 0);
    return strchr(word, '.') || !strcmp(k->path, "init") ? NULL : word;
}

static const Key *key_below(const char *path, const char *word) {
    for (int i = 0; i < schema_key_count; i++) {
        const char *w = schema_word(&schema_keys[i], path);
        if (w && !strcmp(w, word))
            return &schema_keys[i];
    }
    return NULL;
}

static bool unknown_key(Check *c, Loc loc, const char *word, const char *path,
                        const char *what) {
    const char *known[64];
    int n = 0;
    for (int i = 0; i < schema_key_count && n < 64; i++)
        if ((known[n] = schema_word(&schema_keys[i], path)))
            n++;
    const char *where = *path ? arena_printf(c->arena, "%s: ", named(c, path)) : "";
    return unknown_word(loc, word,
                        arena_printf(c->arena, "%sunknown %s '%s'", where, what, word), n,
                        known);
}

static Tree *implied(Check *c, const char *text, Loc loc) {
    const Source *src = diag_source(loc.src->diag, "default", text, strlen(text));
    Tree *t = tree_parse(c->arena, c->strs, src, 0);
    t->loc = t->key_loc = loc;
    t->implied = true;
    return t;
}

/* Adds what the map leaves out. The order of keys is the user's, then the table's. */
static bool add_defaults(Check *c, Tree *map, const char *path) {
    bool ok = true;
    for (int i = 0; i < schema_key_count; i++) {
        const char *word = schema_word(&schema_keys[i], path);
        if (!word || tree_find(map, word) || !schema_keys[i].def)
            continue;
        if (schema_keys[i].def == schema_must) {
            const char *where =
                *path ? arena_printf(c->arena, "%s: ", named(c, path)) : "";
            ok = diag_error(map->implied ? map->loc : map->key_loc,
                            "%sno '%s' is given (%s)", where, word, schema_keys[i].help);
            continue;
        }
        Tree *t = tree_add(c->arena, map, word, implied(c, schema_keys[i].def, map->loc));
        ok &= check(c, &map->item[map->n - 1], &schema_keys[i]) && t;
    }
    return ok;
}

static bool check_keys(Check *c, Tree *map, const char *path) {
    bool ok = true;
    for (int i = 0; i < map->n; i++) {
        const Key *k = key_below(path, map->item[i]->key);
        if (!k)
            ok = unknown_key(c, map->item[i]->key_loc, map->item[i]->key, path, "key");
        else
            ok &= check(c, &map->item[i], k);
    }
    return add_defaults(c, map, path) && ok;
}

/* Makes {word: value} of a value, in the value's place. */
static Tree *wrap(Check *c, Tree **at, const char *word, Tree *value) {
    Tree *old = *at, *map = tree_new(c->arena, TREE_MAP, old->loc);
    map->key = old->key;
    map->key_loc = old->key_loc;
    value->key_loc = old->loc;
    tree_add(c->arena, map, word, value);
    return *at = map;
}

static Tree *empty_map(Check *c, const Tree *like) {
    Tree *t = tree_new(c->arena, TREE_MAP, like->loc);
    t->key = like->key;
    t->key_loc = like->key_loc;
    return t;
}

static bool check_map(Check *c, Tree **at, const Key *k) {
    Tree *t = *at;
    if (tree_null(t))
        t = *at = empty_map(c, t);
    if (t->kind == TREE_SCALAR && *k->rule) {
        Tree *value = tree_copy(c->arena, t);
        t = wrap(c, at, k->rule, value);
    }
    if (t->kind != TREE_MAP)
        return diag_error(
            t->loc, "%s: expected a map of options, got %s", named(c, k->path),
            t->kind == TREE_LIST ? "a list" : arena_printf(c->arena, "'%s'", t->text));
    return check_keys(c, t, k->path);
}

/* A bare word becomes {word: {}}. */
static bool check_pick(Check *c, Tree **at, const Key *k) {
    Tree *t = *at;
    if (t->kind == TREE_SCALAR && !tree_null(t)) {
        t = wrap(c, at, t->text, empty_map(c, t));
        t->bare = true;
    }
    if (t->kind != TREE_MAP || t->n != 1)
        return diag_error(t->loc,
                          "%s: expected one name, alone or with options {name: {...}}"
                          ", got %s",
                          named(c, k->path),
                          t->kind == TREE_MAP ? t->n ? "several" : "an empty map"
                                              : tree_kind_name(t));
    const Key *chosen = key_below(k->path, t->item[0]->key);
    if (!chosen)
        return unknown_key(c, t->item[0]->key_loc, t->item[0]->key, k->path, "name");
    if (c->set && k->field >= 0)
        *(const char **)(void *)((char *)c->set + k->field) = t->item[0]->key;
    return check(c, &t->item[0], chosen);
}

static bool check_picks(Check *c, Tree **at, const Key *k) {
    Tree *list = *at;
    bool ok = true;
    if (list->kind != TREE_LIST)
        return check_pick(c, at, k);
    if (!list->n)
        return diag_error(list->loc, "%s: an empty list", named(c, k->path));
    for (int i = 0; i < list->n; i++)
        ok &= check_pick(c, &list->item[i], k);
    return ok;
}

/* Where no Settings take the value it is checked all the same. */
static bool check_value(Check *c, const Tree *t, const Key *k) {
    union {
        Words words;
        Span span;
        Part part;
        double num[2];
        int64_t i[2];
        Ints ints;
    } room;
    void *out = c->set && k->field >= 0 ? (char *)c->set + k->field : (void *)&room;
    ValueType type = {(ValueKind)k->kind, k->rule};
    return value_read(c->arena, c->scope, t, type, named(c, k->path), out);
}

static bool check(Check *c, Tree **at, const Key *k) {
    if (k->kind < KEY_MAP)
        return check_value(c, *at, k);
    if (k->kind == KEY_MAP)
        return check_map(c, at, k);
    if (k->kind == KEY_PICK)
        return check_pick(c, at, k);
    return k->kind == KEY_ANY || check_picks(c, at, k);
}

bool schema_check(Arena *a, Strs *strs, const Scope *scope, Tree **t, const char *path,
                  const char *what, Settings *set) {
    Check c = {a, strs, scope, set, what, strlen(path)};
    const Key *k = schema_key(path);
    if (!k)
        bug("schema path '%s'", path);
    return check(&c, t, k);
}

static const Tree *at_path(const Tree *root, const char *section, const char *key) {
    return tree_find(tree_find(root, section), key);
}

bool data_given(const DataFiles *f) { return f->csv || f->images || f->text || f->tagged; }

static const char files_expected[] =
    "a CSV file, images and labels, a text, or tagged sentences";

/* Each set of examples is of one kind. */
static bool files_agree(const Tree *root, const char *key, const DataFiles *f) {
    const Tree *t = at_path(root, "data", key);
    int n = (f->csv != NULL) + (f->images || f->labels) + (f->text != NULL) +
            (f->tagged != NULL);
    if (!t || !n)
        return !t || !strcmp(key, "valid") ||
               diag_error(t->loc, "data.%s: expected %s", key, files_expected);
    if (n > 1)
        return diag_error(t->loc, "data.%s: expected %s, got several of them", key,
                          files_expected);
    if (!f->images != !f->labels)
        return diag_error(t->loc,
                          "data.%s: images and labels belong together, '%s' is missing",
                          key, f->images ? "labels" : "images");
    return true;
}

/* A key that only one kind of training examples has. */
static bool key_fits(const Tree *t, const char *what, bool kind, const char *expected) {
    return !t || kind || diag_error(t->key_loc, "%s goes with %s", what, expected);
}

static bool kinds_agree(const Tree *root, const Settings *set) {
    const Tree *data = tree_find(root, "data"), *train = tree_find(data, "train");
    const Tree *window = tree_find(data, "window"), *target = tree_find(data, "target");
    const DataFiles *f = &set->data.train;
    bool ok = key_fits(window, "data.window", f->csv, "a CSV file");
    ok &= key_fits(tree_find(train, "tokens"), "data.train.tokens", f->text, "a text");
    ok &= key_fits(tree_find(train, "stride"), "data.train.stride", f->text, "a text");
    ok &= key_fits(tree_find(data, "words"), "data.words", f->tagged, "tagged sentences");
    if (window && !set->data.window.future == !set->data.window.ahead)
        ok = diag_error(window->key_loc, "data.window: expected either 'future' (rows behind the "
                        "window) or 'ahead' (a row behind each)");
    if (window && target)
        ok = diag_error(target->key_loc, "data.target: the labels of windows are the "
                        "columns of data.window.of");
    return ok;
}

static bool stop_is_measured(const Tree *root, const Settings *set) {
    const char *watched = set->train.stop_metric;
    const Tree *t = tree_find(at_path(root, "train", "stop"), "metric");
    const char *metric = watched ? strchr(watched, '.') + 1 : "loss";
    bool found = !strcmp(metric, "loss");
    for (int i = 0; i < set->train.metrics.n; i++)
        found |= !strcmp(metric, set->train.metrics.item[i]);
    if (found)
        return true;
    return diag_error(t->loc,
                      "train.stop.metric: '%s' is not measured; add 'metrics: [%s]' to "
                      "'train'",
                      watched, metric);
}

static bool rules_hold(const Tree *root, const Settings *set) {
    const Tree *valid = at_path(root, "data", "valid");
    const Tree *steps = at_path(root, "train", "steps");
    const Tree *epochs = at_path(root, "train", "epochs");
    const DataFiles *v = &set->data.valid;
    if (set->version != 1)
        return diag_error(tree_find(root, "kiln")->loc,
                          "kiln: version 1 of the language is known here, got %lld",
                          (long long)set->version);
    bool ok = files_agree(root, "train", &set->data.train);
    ok &= files_agree(root, "valid", v) && files_agree(root, "test", &set->data.test);
    ok &= kinds_agree(root, set);
    if (valid && set->data.part.size > 0 && data_given(v))
        ok = diag_error(valid->loc,
                        "data.valid: expected a part of the training examples or "
                        "files, not both");
    if (steps && epochs)
        ok = diag_error(steps->key_loc, "train: both 'steps' and 'epochs' are given");
    if (set->train.nesterov && set->train.momentum == 0)
        ok = diag_error(at_path(root, "train", "optimizer")->loc,
                        "train.optimizer.sgd: nesterov needs a momentum");
    return stop_is_measured(root, set) && ok;
}

/* How texts and sentences are read, where that is left out. */
static void imply_tokens(Check *c, Tree *data) {
    Tree *train = tree_find(data, "train");
    if (tree_find(train, "text") && !tree_find(train, "tokens"))
        tree_add(c->arena, train, "tokens", implied(c, "chars", train->loc));
    if (tree_find(train, "tagged") && !tree_find(data, "words"))
        tree_add(c->arena, data, "words", implied(c, "{}", data->loc));
}

bool schema_file(Arena *a, Strs *strs, const Scope *scope, Tree **root, Settings *set) {
    Check c = {.arena = a, .strs = strs, .scope = scope, .set = set};
    if ((*root)->kind != TREE_MAP)
        return diag_error((*root)->loc,
                          "expected a map with the keys kiln, model, ..., got %s",
                          tree_kind_name(*root));
    Tree *train = tree_find(*root, "train");
    set->train.given = train != NULL;
    if (train && train->kind == TREE_MAP && !tree_find(train, "steps") &&
        !tree_find(train, "epochs"))
        tree_add(a, train, "epochs", implied(&c, "10", train->loc));
    imply_tokens(&c, tree_find(*root, "data"));
    return check_keys(&c, *root, "") && rules_hold(*root, set);
}

const Tree *pick_options(const Tree *pick, const char **name) {
    *name = pick->item[0]->key;
    return pick->item[0];
}

double tree_number(const Scope *s, const Tree *options, const char *key) {
    double v = 0;
    const Tree *t = tree_find(options, key);
    if (!t || !number_real(s, t, key, &v))
        bug("option '%s' was not checked", key);
    return v;
}
