/* YAML text to a Tree through libyaml's events, with limits of our own. */
#include "frontend/tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

typedef struct Anchor { const char *name; const Tree *tree; } Anchor;

typedef struct Reader {
    Arena *arena;
    Strs *strs;
    const Source *src;
    yaml_parser_t yaml;
    yaml_event_t event;                /* the next one, not yet taken */
    bool have;                         /* event is live */
    int depth, nodes;
    int nanchor;
    Anchor *anchor;
} Reader;

static Loc place(const Reader *r, yaml_mark_t m) {
    return (Loc){r->src, (int)m.line + 1, (int)m.column + 1};
}

/* Line and column of a byte, for errors below the level of YAML's own marks. */
static Loc place_byte(const Reader *r, size_t offset) {
    Loc loc = {r->src, 1, 1};
    for (size_t i = 0; i < offset && i < r->src->size; i++) {
        unsigned char c = (unsigned char)r->src->text[i];
        loc.line += c == '\n';
        loc.col = c == '\n' ? 1 : loc.col + ((c & 0xc0) != 0x80);
    }
    return loc;
}

static bool yaml_fault(Reader *r) {
    const yaml_parser_t *y = &r->yaml;
    if (y->error == YAML_MEMORY_ERROR)
        out_of_memory();
    if (y->error == YAML_READER_ERROR && y->problem_value >= 0)
        return diag_error(place_byte(r, y->problem_offset), "not UTF-8 text: %s (0x%02x)",
                          y->problem, (unsigned)y->problem_value);
    if (y->error == YAML_READER_ERROR)
        return diag_error(place_byte(r, y->problem_offset), "not UTF-8 text: %s",
                          y->problem);
    Loc loc = place(r, y->problem_mark);
    if (!y->context)
        return diag_error(loc, "not YAML: %s", y->problem);
    diag_error(loc, "not YAML: %s %s", y->problem, y->context);
    if (y->context_mark.line != y->problem_mark.line)
        diag_note(place(r, y->context_mark), "it starts here");
    return false;
}

/* Looks at the next event. */
static bool peek(Reader *r) {
    if (!r->have && !yaml_parser_parse(&r->yaml, &r->event))
        return yaml_fault(r);
    r->have = true;
    return true;
}

static void take(Reader *r) {
    yaml_event_delete(&r->event);
    r->have = false;
}

static Tree *read_node(Reader *r);

static bool count_nodes(Reader *r, int n, Loc loc) {
    r->nodes += n;
    return r->nodes <= TREE_MAX_NODES ||
           diag_error(loc, "too much in one file: more than %d values, aliases expanded",
                      TREE_MAX_NODES);
}

static int tree_size(const Tree *t) {
    int n = 1;
    for (int i = 0; i < t->n; i++)
        n += tree_size(t->item[i]);
    return n;
}

static int tree_depth(const Tree *t) {
    int deepest = 0;
    for (int i = 0; i < t->n; i++) {
        int d = tree_depth(t->item[i]);
        deepest = d > deepest ? d : deepest;
    }
    return deepest + (t->kind != TREE_SCALAR);
}

static bool too_deep(Loc loc) {
    return diag_error(loc, "nested more than %d deep", TREE_MAX_DEPTH);
}

static void keep_anchor(Reader *r, const char *name, const Tree *t) {
    if (name)
        PUSH(r->arena, r->anchor, r->nanchor) = (Anchor){name, t};
}

static Tree *read_alias(Reader *r) {
    Loc loc = place(r, r->event.start_mark);
    const char *name = strs_z(r->strs, (const char *)r->event.data.alias.anchor);
    take(r);
    for (int i = r->nanchor; i-- > 0;) {   /* a later anchor hides an earlier one */
        const Tree *t = r->anchor[i].tree;
        if (r->anchor[i].name != name)
            continue;
        if (!count_nodes(r, tree_size(t), loc))
            return NULL;
        if (r->depth + tree_depth(t) > TREE_MAX_DEPTH) {
            too_deep(loc);
            return NULL;
        }
        Tree *copy = tree_copy(r->arena, t);
        copy->loc = loc;
        return copy;
    }
    diag_error(loc, "no anchor '&%s' stands before this alias", name);
    return NULL;
}

static bool no_tag(const yaml_char_t *tag, Loc loc) {
    return !tag || diag_error(loc, "tags like '%s' are not used here: what a value means "
                              "follows from its key", (const char *)tag);
}

/* The text of a scalar event, interned; NULL and an error if it holds a NUL. */
static const char *scalar_text(Reader *r, Loc loc) {
    const char *s = (const char *)r->event.data.scalar.value;
    size_t n = r->event.data.scalar.length;
    if (memchr(s, 0, n)) {
        diag_error(loc, "a NUL character in text");
        return NULL;
    }
    return strs_put(r->strs, s, n);
}

static const char *intern_anchor(Reader *r, const yaml_char_t *anchor) {
    return anchor ? strs_z(r->strs, (const char *)anchor) : NULL;
}

static Tree *read_scalar(Reader *r) {
    Loc loc = place(r, r->event.start_mark);
    const char *anchor = intern_anchor(r, r->event.data.scalar.anchor);
    bool quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    bool ok = no_tag(r->event.data.scalar.tag, loc);
    const char *text = scalar_text(r, loc);
    take(r);
    if (!ok || !text)
        return NULL;
    Tree *t = tree_scalar(r->arena, text, loc);
    t->quoted = quoted;
    keep_anchor(r, anchor, t);
    return t;
}

static Tree *read_list(Reader *r) {
    Tree *list = tree_new(r->arena, TREE_LIST, place(r, r->event.start_mark));
    const char *anchor = intern_anchor(r, r->event.data.sequence_start.anchor);
    if (!no_tag(r->event.data.sequence_start.tag, list->loc))
        return NULL;
    take(r);
    while (peek(r) && r->event.type != YAML_SEQUENCE_END_EVENT) {
        Tree *t = read_node(r);
        if (!t)
            return NULL;
        tree_add(r->arena, list, NULL, t);
    }
    if (!r->have)
        return NULL;
    take(r);
    keep_anchor(r, anchor, list);
    return list;
}

static const char *read_key(Reader *r, Loc *loc) {
    *loc = place(r, r->event.start_mark);
    if (r->event.type != YAML_SCALAR_EVENT) {
        diag_error(*loc, "a key must be a plain word");
        return NULL;
    }
    if (!no_tag(r->event.data.scalar.tag, *loc))
        return NULL;
    const char *key = scalar_text(r, *loc);
    if (key && !strcmp(key, "<<")) {
        diag_error(*loc, "merge keys ('<<') are not used here: name shared numbers in "
                   "'let', repeat layers with 'repeat' or 'blocks'");
        return NULL;
    }
    if (key && r->event.data.scalar.anchor) {
        diag_error(*loc, "a key cannot have an anchor");
        return NULL;
    }
    take(r);
    return key;
}

typedef struct KeyAt { const char *key; int at; } KeyAt;

static int by_key(const void *a, const void *b) {
    const KeyAt *x = a, *y = b;
    if (x->key != y->key)
        return (uintptr_t)x->key < (uintptr_t)y->key ? -1 : 1;
    return x->at - y->at;
}

/* Keys are interned: equal ones stand together once sorted. */
static bool keys_differ(Reader *r, const Tree *map) {
    size_t n = (size_t)map->n;
    KeyAt *k = NEW(r->arena, n, KeyAt);
    int *first = NEW(r->arena, n, int);
    for (size_t i = 0; i < n; i++)
        k[i] = (KeyAt){map->item[i]->key, (int)i};
    if (n)
        qsort(k, n, sizeof *k, by_key);
    for (size_t i = 1, from = 0; i < n; i++) {
        if (k[i].key == k[from].key)
            first[k[i].at] = k[from].at + 1;
        else
            from = i;
    }
    bool ok = true;
    for (size_t i = 0; i < n; i++)
        if (first[i]) {
            ok = diag_error(map->item[i]->key_loc, "duplicate key '%s'",
                            map->item[i]->key);
            diag_note(map->item[first[i] - 1]->key_loc, "first given here");
        }
    return ok;
}

static Tree *read_map(Reader *r) {
    Tree *map = tree_new(r->arena, TREE_MAP, place(r, r->event.start_mark));
    const char *anchor = intern_anchor(r, r->event.data.mapping_start.anchor);
    if (!no_tag(r->event.data.mapping_start.tag, map->loc))
        return NULL;
    take(r);
    while (peek(r) && r->event.type != YAML_MAPPING_END_EVENT) {
        Loc loc;
        const char *key = read_key(r, &loc);
        Tree *value = key ? read_node(r) : NULL;
        if (!value)
            return NULL;
        tree_add(r->arena, map, key, value)->key_loc = loc;
    }
    if (!r->have)
        return NULL;
    take(r);
    keep_anchor(r, anchor, map);
    return keys_differ(r, map) ? map : NULL;
}

static Tree *read_node(Reader *r) {
    if (!peek(r))
        return NULL;
    Loc loc = place(r, r->event.start_mark);
    if (r->event.type == YAML_ALIAS_EVENT)
        return read_alias(r);
    if (!count_nodes(r, 1, loc))
        return NULL;
    if (r->event.type == YAML_SCALAR_EVENT)
        return read_scalar(r);
    if (r->depth == TREE_MAX_DEPTH) {
        too_deep(loc);
        return NULL;
    }
    r->depth++;
    Tree *t = r->event.type == YAML_SEQUENCE_START_EVENT ? read_list(r) : read_map(r);
    r->depth--;
    return t;
}

/* Events of the stream around the document are skipped; a second document is an error. */
static Tree *read_stream(Reader *r) {
    Tree *root = NULL;
    for (;;) {
        if (!peek(r))
            return NULL;
        Loc loc = place(r, r->event.start_mark);
        yaml_event_type_t type = r->event.type;
        if (type == YAML_STREAM_END_EVENT)
            break;
        if (type == YAML_DOCUMENT_START_EVENT && root) {
            diag_error(loc, "a second document starts here; one file is one model");
            return NULL;
        }
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT ||
            type == YAML_DOCUMENT_END_EVENT)
            take(r);
        else if (!(root = read_node(r)))
            return NULL;
    }
    return root ? root : tree_new(r->arena, TREE_MAP, (Loc){r->src, 1, 1});
}

Tree *tree_parse(Arena *a, Strs *strs, const Source *src, size_t skip) {
    Reader r = {.arena = a, .strs = strs, .src = src};
    if (src->size > TREE_MAX_BYTES) {
        diag_error((Loc){src, 0, 0}, "larger than %d bytes", TREE_MAX_BYTES);
        return NULL;
    }
    char *text = NEW(a, src->size + 1, char);
    if (src->size)
        memcpy(text, src->text, src->size);
    memset(text, ' ', skip);
    if (!yaml_parser_initialize(&r.yaml))
        out_of_memory();
    yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text, src->size);
    Tree *root = read_stream(&r);
    if (r.have)
        take(&r);
    yaml_parser_delete(&r.yaml);
    return root;
}

Tree *tree_new(Arena *a, TreeKind kind, Loc loc) {
    Tree *t = NEW(a, 1, Tree);
    t->kind = kind;
    t->loc = t->key_loc = loc;
    return t;
}

Tree *tree_scalar(Arena *a, const char *text, Loc loc) {
    Tree *t = tree_new(a, TREE_SCALAR, loc);
    t->text = text;
    return t;
}

Tree *tree_add(Arena *a, Tree *to, const char *key, Tree *value) {
    value->key = key;
    PUSH(a, to->item, to->n) = value;
    return value;
}

Tree *tree_copy(Arena *a, const Tree *t) {
    Tree *c = NEW(a, 1, Tree);
    *c = *t;
    c->n = 0;
    c->item = NULL;
    for (int i = 0; i < t->n; i++)
        PUSH(a, c->item, c->n) = tree_copy(a, t->item[i]);
    return c;
}

Tree *tree_find(const Tree *map, const char *key) {
    for (int i = 0; map && map->kind == TREE_MAP && i < map->n; i++)
        if (!strcmp(map->item[i]->key, key))
            return map->item[i];
    return NULL;
}

bool tree_null(const Tree *t) {
    return t->kind == TREE_SCALAR && !t->quoted &&
           (!*t->text || !strcmp(t->text, "~") || !strcmp(t->text, "null"));
}

bool tree_is(const Tree *t, const char *word) {
    return t && t->kind == TREE_SCALAR && !strcmp(t->text, word);
}

const char *tree_kind_name(const Tree *t) {
    static const char *const name[] = {"a scalar", "a list", "a map"};
    return tree_null(t) ? "nothing" : name[t->kind];
}
