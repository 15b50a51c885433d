/* Tree: a YAML file as maps, lists and scalars that know their places. Scalars stay text:
 * whoever reads one decides its type. */
#ifndef KILN_FRONTEND_TREE_H
#define KILN_FRONTEND_TREE_H

#include "base/base.h"

typedef enum { TREE_SCALAR, TREE_LIST, TREE_MAP } TreeKind;

typedef struct Tree Tree;
struct Tree {
    TreeKind kind;
    Loc loc;                           /* of the value */
    const char *key;                   /* in a map: its key, interned; else NULL */
    Loc key_loc;
    const char *text;                  /* TREE_SCALAR, interned */
    bool quoted;                       /* '..', "..", | or >: never null */
    bool implied;                      /* a default, not written by the user */
    bool bare;                         /* a map of one that was a bare word: `relu` */
    int n;                             /* TREE_LIST, TREE_MAP: children */
    Tree **item;
};

enum { TREE_MAX_BYTES = 1 << 20, TREE_MAX_DEPTH = 64, TREE_MAX_NODES = 100000 };

/* NULL: errors reported. Aliases are copies; an empty file is an empty map. The first
 * `skip` bytes of the text count as blanks. */
Tree *tree_parse(Arena *a, Strs *strs, const Source *src, size_t skip);

Tree *tree_find(const Tree *map, const char *key);     /* NULL: absent, or not a map */
bool tree_null(const Tree *t);         /* `~`, `null` or nothing, not quoted */
bool tree_is(const Tree *t, const char *word);         /* a scalar with this text */
Tree *tree_new(Arena *a, TreeKind kind, Loc loc);
Tree *tree_scalar(Arena *a, const char *text, Loc loc);    /* text interned or static */
/* Appends to a list, or to a map under `key`. */
Tree *tree_add(Arena *a, Tree *to, const char *key, Tree *value);
Tree *tree_copy(Arena *a, const Tree *t);              /* deep */
const char *tree_kind_name(const Tree *t);             /* "a map", "a list", "a scalar" */
/* YAML that reads back as the same tree: block style, short leaves in flow style. */
void tree_print(Text *out, const Tree *t);

/* `--set a.b.c=value` (override.c): value is a piece of YAML. List items by number. Maps
 * on the way are made where absent. False: error reported. */
bool tree_override(Arena *a, Strs *strs, Diag *d, Tree **root, const char *arg);

#endif
