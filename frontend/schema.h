/* Schema: the keys of a model file, their types and defaults. */
#ifndef KILN_FRONTEND_SCHEMA_H
#define KILN_FRONTEND_SCHEMA_H

#include "frontend/value.h"

typedef enum {
#define VALUE(id, ...) KEY_##id = VALUE_##id,
    VALUES
#undef VALUE
    KEY_MAP = NVALUE,
    KEY_PICK,
    KEY_PICKS,
    KEY_ANY
} KeyKind;

typedef struct Key {                   /* a row of schema.def */
    const char *path;
    KeyKind kind;
    const char *rule, *def;
    int field;                         /* offset in Settings, or -1 */
    const char *help;
} Key;
extern const Key schema_keys[];
extern const int schema_key_count;
extern const char schema_must[];       /* the `def` of a key that must be given */
const Key *schema_key(const char *path);               /* NULL: there is none */
/* The last word of k's path if k stands directly below `path` ("": at the top), or NULL.
 * `init` is no key of a file. */
const char *schema_word(const Key *k, const char *path);

/* Checks t against the rows at and below `path`, adds defaults to it, brings short forms
 * into long ones, and writes values into `set` (which may be NULL). *t is replaced where
 * its form changes. `what` leads in messages in place of the path ("" : none). */
bool schema_check(Arena *a, Strs *strs, const Scope *scope, Tree **t, const char *path,
                  const char *what, Settings *set);
/* The top of a file: schema_check for every top-level key, and rules that hold between
 * keys. `let` must have been read into the scope. */
bool schema_file(Arena *a, Strs *strs, const Scope *scope, Tree **root, Settings *set);

/* A checked PICK is a map of one: its name, and the options below it. */
const Tree *pick_options(const Tree *pick, const char **name);
double tree_number(const Scope *s, const Tree *options, const char *key);   /* checked */

#endif
