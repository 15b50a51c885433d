/* What names of layers and inputs stand for, and what is said where they do not. */
#include "frontend/build.h"

#include <string.h>

const char *build_path(const Build *b, const char *prefix, const char *name) {
    return strs_z(b->m->strs, arena_printf(b->arena, "%s%s", prefix, name));
}

Named *build_name(Build *b, const char *path, const char *type, Loc loc, Ref ref) {
    PUSH(b->arena, b->named, b->nnamed) = (Named){.path = path, .type = type, .loc = loc, .ref = ref};
    return &b->named[b->nnamed - 1];
}

static Named *find_path(Build *b, const char *path) {
    for (int i = b->nnamed; i-- > 0;)
        if (b->named[i].path == path && !b->named[i].closed)
            return &b->named[i];
    return NULL;
}

Named *build_find(Build *b, const Place *place, const char *name) {
    Named *found = NULL;
    for (; place && !found; place = place->up)
        found = find_path(b, build_path(b, place->prefix, name));
    return found ? found : find_path(b, build_path(b, "", name));
}

void build_use(Build *b, Ref r) {
    for (int i = 0; i < b->nnamed; i++)
        b->named[i].used |= r.node && ref_equal(b->named[i].ref, r);
}

void build_note(Build *b, Ref r, int number) {
    for (int i = b->nnamed; i-- > 0;) {
        const Named *n = &b->named[i];
        if (!ref_equal(n->ref, r))
            continue;
        const char *which = number ? arena_printf(b->arena, "input %d", number) : "input";
        const char *shape = type_text(b->arena, ref_type(r));
        if (!strcmp(n->type, "input"))
            diag_note(n->loc, "%s %s is '%s', declared here", which, shape, n->path);
        else
            diag_note(n->loc, "%s %s comes from '%s' here", which, shape, n->path);
        return;
    }
}

/* Where a layer named so is written, for a hint that order matters. */
static const Tree *find_later(const Tree *t, const char *name) {
    const Tree *given = tree_find(t, "name");
    if (t->kind == TREE_MAP && tree_is(given, name))
        return given;
    for (int i = 0; i < t->n; i++) {
        const Tree *found = find_later(t->item[i], name);
        if (found)
            return found;
    }
    return NULL;
}

/* A tensor inside a scan that is built whose path is the name, or ends with it. */
static const Named *find_closed(const Build *b, const char *name) {
    size_t n = strlen(name);
    for (int i = b->nnamed; i-- > 0;) {
        const char *path = b->named[i].path;
        size_t before = strlen(path) - n;
        if (b->named[i].closed && strlen(path) >= n && !strcmp(path + before, name) &&
            (!before || path[before - 1] == '.'))
            return &b->named[i];
    }
    return NULL;
}

bool build_unknown_tensor(Build *b, Loc loc, const char *what, const char *name) {
    const char **known = NULL;
    int n = 0;
    for (int i = 0; i < b->nnamed && n < 1000; i++)
        if (!b->named[i].closed)
            PUSH(b->arena, known, n) = b->named[i].path;
    const Tree *later =
        find_later(tree_find(tree_find(b->root, "model"), "layers"), name);
    const char *near = diag_nearest(name, known, (size_t)n);
    const Named *inner = find_closed(b, name);
    if (later && !inner) {
        diag_error(loc, "%s: '%s' is made only later; layers run in order", what, name);
        diag_note(later->loc, "here");
    } else if (inner) {
        diag_error(loc, "%s: '%s' is inside a scan, one for each step", what, name);
        diag_note(inner->loc, "here");
    } else if (near) {
        diag_error(loc, "%s: no tensor is named '%s'; did you mean '%s'?", what, name,
                   near);
    } else {
        diag_error(loc, "%s: no tensor is named '%s'", what, name);
    }
    return false;
}

const char *build_auto_name(Build *b, Place *place, const char *type) {
    struct Count *c = NULL;
    for (int i = 0; i < place->ncount && !c; i++)
        if (!strcmp(place->count[i].type, type))
            c = &place->count[i];
    if (!c) {
        PUSH(b->arena, place->count, place->ncount) = (struct Count){type, 0};
        c = &place->count[place->ncount - 1];
    }
    for (;;) {
        c->n++;
        const char *name = c->n == 1 ? type : arena_printf(b->arena, "%s_%d", type, c->n);
        if (!find_path(b, build_path(b, place->prefix, name)))
            return name;
    }
}

bool build_name_allowed(Build *b, const Tree *t, const char *path) {
    const char *bad = strpbrk(t->text, ". /\\\"'");
    if (bad || !*t->text)
        return diag_error(t->loc, "name: '%s' has a character that names cannot have",
                          t->text);
    const Named *first = find_path(b, path);
    if (!first)
        return true;
    diag_error(t->loc, "duplicate name '%s'", t->text);
    return diag_note(first->loc, "first given here");
}
