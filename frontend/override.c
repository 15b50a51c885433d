/* Changes to a Tree from the command line: --set a.b.c=value. */
#include "frontend/tree.h"

#include <string.h>

typedef struct Path {
    const Source *src;                 /* the whole argument */
    const char *arg;
    size_t at, len;                    /* the component being looked at */
} Path;

static Loc path_loc(const Path *p) {
    return (Loc){p->src, 1, (int)p->at + 1};
}

static bool is_index(const char *s, int *n) {
    int v = 0;
    for (const char *p = s; *p; p++) {
        if (*p < '0' || *p > '9' || p - s > 6)
            return false;
        v = v * 10 + (*p - '0');
    }
    *n = v;
    return *s != '\0';
}

/* What stands under `key` in t, made if absent; NULL and an error where that cannot be.
 * A bare word opens into a map: `optimizer: sgd` and the key `sgd`. */
static Tree **step(Arena *a, const Path *p, Tree **at, const char *key) {
    Tree *t = *at;
    int i;
    if (t->kind == TREE_SCALAR && (tree_null(t) || tree_is(t, key))) {
        Tree *map = tree_new(a, TREE_MAP, t->loc);
        map->key = t->key;
        map->key_loc = t->key_loc;
        *at = t = map;
    }
    if (t->kind == TREE_SCALAR) {
        diag_error(path_loc(p), "no '%s' can be set here: '%.*s' is '%s', not a map", key,
                   p->at ? (int)p->at - 1 : 0, p->arg, t->text);
        return NULL;
    }
    if (t->kind == TREE_LIST) {
        if (is_index(key, &i) && i < t->n)
            return &t->item[i];
        diag_error(path_loc(p), "'%s' is no item of this list: its items are 0 to %d",
                   key, t->n - 1);
        return NULL;
    }
    for (i = 0; i < t->n; i++)
        if (!strcmp(t->item[i]->key, key))
            return &t->item[i];
    Tree *none = tree_scalar(a, "", path_loc(p));
    tree_add(a, t, key, none);
    return &t->item[t->n - 1];
}

bool tree_override(Arena *a, Strs *strs, Diag *d, Tree **root, const char *arg) {
    const Source *src = diag_source(d, "--set", arg, strlen(arg));
    const char *eq = strchr(arg, '=');
    if (!eq)
        return diag_error((Loc){src, 1, 1}, "expected path=value, got '%s'", arg);
    Tree *value = tree_parse(a, strs, src, (size_t)(eq - arg) + 1);
    if (!value)
        return false;
    if (eq[1 + strspn(eq + 1, " ")] == '\0')
        value = tree_scalar(a, "", (Loc){src, 1, (int)(eq - arg) + 2});
    Path p = {src, arg, 0, 0};
    Tree **at = root;
    for (;; p.at += p.len + 1) {
        p.len = strcspn(arg + p.at, ".=");
        if (!p.len)
            return diag_error(path_loc(&p), "an empty key in the path");
        at = step(a, &p, at, strs_put(strs, arg + p.at, p.len));
        if (!at)
            return false;
        if (arg + p.at + p.len == eq)
            break;
    }
    value->key = (*at)->key;
    value->key_loc = path_loc(&p);
    *at = value;
    return true;
}
