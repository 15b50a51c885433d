/* Runs the text of a row: numbers, lists, checks, parameters, and ops in order. */
#include "frontend/row_cell.h"
#include "frontend/row_scan.h"

#include <math.h>
#include <string.h>

static char *trimmed(Arena *a, const char *s, size_t n) {
    while (n && *s == ' ')
        s++, n--;
    while (n && s[n - 1] == ' ')
        n--;
    return arena_printf(a, "%.*s", (int)n, s);
}

char *row_part(Arena *a, const char **at, char sep) {
    const char *p = *at + strspn(*at, " ");
    int depth = 0;
    size_t n = 0;
    if (!*p)
        return NULL;
    for (; p[n] && (depth || p[n] != sep); n++)
        depth += (strchr("([{", p[n]) != NULL) - (strchr(")]}", p[n]) != NULL);
    *at = p + n + (p[n] == sep);
    return trimmed(a, p, n);
}

double row_number(const Macro *m, const char *text) {
    double v;
    if (!number_text(&m->numbers, m->loc, m->where, text, &v))
        bug("row of %s: number '%s'", m->where, text);
    return v;
}

static const char *word_find(const Macro *m, const char *name) {
    for (int i = 0; i < m->nword; i++)
        if (!strcmp(m->word[i].name, name))
            return m->word[i].word;
    return NULL;
}

/* `number`, `!number`, `name==word` or `number==number`. */
static bool term_holds(const Macro *m, const char *term) {
    const char *eq = strstr(term, "==");
    if (!eq)
        return *term == '!' ? row_number(m, term + 1) == 0 : row_number(m, term) != 0;
    const char *left = trimmed(m->arena, term, (size_t)(eq - term));
    const char *right = trimmed(m->arena, eq + 2, strlen(eq + 2));
    const char *word = word_find(m, left);
    return word ? !strcmp(word, right) : row_number(m, left) == row_number(m, right);
}

bool row_holds(const Macro *m, char *part) {
    char *mark = strstr(part, " ? ");
    if (!mark)
        return true;
    const char *rest = mark + 3, *term;
    *mark = '\0';
    while ((term = row_part(m->arena, &rest, '&')))
        if (!term_holds(m, term))
            return false;
    return true;
}

static const Ints *list_find(const Macro *m, const char *name, size_t len) {
    for (int i = m->nlist; i-- > 0;)
        if (strlen(m->list[i].name) == len && !memcmp(m->list[i].name, name, len))
            return &m->list[i].list;
    bug("row of %s: no list '%.*s'", m->where, (int)len, name);
}

static void list_push(const Macro *m, Ints *l, int64_t v) {
    if (l->n == MAX_RANK)
        bug("row of %s: a list of more than %d", m->where, MAX_RANK);
    l->item[l->n++] = v;
}

/* name[from:] + add: the items of a named list from one on. */
static void push_slice(const Macro *m, Ints *out, const char *item, const char *open) {
    const Ints *l = list_find(m, item, (size_t)(open - item));
    const char *colon = strchr(open, ':'), *plus = strchr(colon, '+');
    const char *head = trimmed(m->arena, open + 1, (size_t)(colon - open) - 1);
    int64_t add = plus ? (int64_t)row_number(m, plus + 1) : 0;
    for (int i = *head ? (int)row_number(m, head) : 0; i < l->n; i++)
        list_push(m, out, l->item[i] + add);
}

Ints row_list(const Macro *m, const char *text, bool batch) {
    Ints out = {0};
    size_t n = strlen(text);
    if (n < 2 || *text != '[' || text[n - 1] != ']')
        bug("row of %s: '%s' is no list", m->where, text);
    const char *at = trimmed(m->arena, text + 1, n - 2), *item;
    while ((item = row_part(m->arena, &at, ','))) {
        const char *open = strchr(item, '['), *caret = strchr(item, '^');
        if (!strcmp(item, "n")) {      /* the batch, where there is one */
            if (batch)
                list_push(m, &out, 0);
        } else if (open) {
            push_slice(m, &out, item, open);
        } else {
            int64_t times = caret ? (int64_t)row_number(m, caret + 1) : 1;
            const char *one =
                caret ? trimmed(m->arena, item, (size_t)(caret - item)) : item;
            for (int64_t i = 0; i < times; i++)
                list_push(m, &out, (int64_t)nearbyint(row_number(m, one)));
        }
    }
    return out;
}

bool macro_fault(Macro *m, const char *message) {
    diag_error(m->loc, "%s: %s", m->where, message);
    for (int i = 0; i < m->nin; i++)
        build_note(m->build, m->in[i], m->nin > 1 ? i + 1 : 0);
    return false;
}

/* The message of a check, with {name} replaced by its value. */
static const char *filled(const Macro *m, const char *s) {
    Text out = {0};
    char num[40];
    for (; *s; s++) {
        const char *close = *s == '{' ? strchr(s, '}') : NULL;
        if (close)
            text_printf(&out, "%s", num_double(num, row_number(m, trimmed(m->arena, s + 1,
                                                          (size_t)(close - s - 1)))));
        else
            text_put(&out, s, 1);
        s = close ? close : s;
    }
    const char *r = arena_printf(m->arena, "%s", out.n ? out.s : "");
    text_free(&out);
    return r;
}

bool macro_checks(Macro *m, const char *checks, bool weights) {
    const char *part;
    while ((part = row_part(m->arena, &checks, ';'))) {
        const char *bar = strchr(part, '|');
        char *number = trimmed(m->arena, part, (size_t)(bar - part));
        if ((strstr(part, "weight.") != NULL) == weights && row_holds(m, number) &&
            row_number(m, number) < 0)
            return macro_fault(m, filled(m, bar + 2));
    }
    return true;
}

static void bind_shape(Macro *m, const char *key, const Type *t) {
    for (int i = 0; i < t->rank; i++)
        macro_number(m, arena_printf(m->arena, "%s.%d", key, i), (double)t->dim[i].n);
}

/* "weight[units, k] weight; mean[c] state = 0; bias[units] bias ? bias" */
bool macro_params(Macro *m, const LayerRow *row) {
    const char *at = row->params, *bad = NULL;
    char *part;
    while ((part = row_part(m->arena, &at, ';'))) {
        if (!row_holds(m, part))
            continue;
        const char *open = strchr(part, '['), *close = strrchr(part, ']');
        const char *role = close + 1 + strspn(close + 1, " "), *eq = strchr(role, '=');
        bool each = open[-1] == '@';
        if (each != (m->cell != NULL))
            continue;
        const char *key = strs_put(m->graph->strs, part, (size_t)(open - part - each));
        Ints shape =
            row_list(m, trimmed(m->arena, open, (size_t)(close - open) + 1), false);
        Type t = {.dtype = F32, .rank = shape.n};
        for (int i = 0; i < shape.n; i++)
            t.dim[i].n = shape.item[i];
        Ref r = build_param(m->build, m, each ? row_cell_key(m, key) : key, &t,
                            trimmed(m->arena, role, strcspn(role, " =")),
                            eq ? row_number(m, eq + 1) : 0);
        if (!r.node)
            return false;
        macro_ref(m, key, r);
        bind_shape(m, key, ref_type(r));
        if (!type_equal(&t, ref_type(r)))
            bad = arena_printf(m->arena, "expects a %s %s, that of '%s' is %s", key,
                               type_text(m->arena, &t), m->tied,
                               type_text(m->arena, ref_type(r)));
    }
    if (!macro_checks(m, row->checks, true))
        return false;
    return !bad || macro_fault(m, bad);
}

typedef struct { Arena *arena; const char *message; } Caught;

static void keep_first(void *user, DiagKind kind, Loc loc, const char *message) {
    Caught *c = user;
    (void)loc;
    if (kind == DIAG_ERROR && !c->message)
        c->message = arena_printf(c->arena, "%s", message);
}

/* An op or {equation}; where it does not fit, {NULL} and what it says about that. */
static Ref try_op(Macro *m, const char *op, int nsrc, const Ref *src, int nattr,
                  const Attr *attr, const char **message) {
    Caught c = {m->arena, NULL};
    Diag *d = diag_new(m->arena, keep_first, &c);
    Loc loc = {diag_source(d, op, NULL, 0), 0, 0};
    Ref r = *op == '{' ? graph_equation(m->graph, loc,
                                        trimmed(m->arena, op + 1, strlen(op) - 2), nsrc, src,
                                        nattr, attr, NDTYPE)
                       : graph_op(m->graph, loc, op, nsrc, src, nattr, attr);
    if (!r.node && message)
        *message = c.message ? c.message : "does not fit";
    return r;
}

static bool word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_';
}

/* What the user calls the operand that an op calls by this word; NULL: no operand. */
static const char *operand_name(const Macro *m, const char *op, int nsrc, const Ref *src,
                                const char *word, size_t len) {
    OpSource source[MAX_SOURCES];
    int n = op_sources(op_find(op), source);
    for (int i = 0; i < n && i < nsrc; i++) {
        if (source[i].len != len || memcmp(source[i].name, word, len))
            continue;
        for (int k = 0; k < m->nin; k++)
            if (ref_equal(m->in[k], src[i]))
                return m->nin == 1 ? "the input"
                                   : arena_printf(m->arena, "input %d", k + 1);
        return "the tensor";
    }
    return NULL;
}

/* An op's message without its name, its operands called as the user knows them. */
static const char *in_layer_terms(const Macro *m, const char *op, int nsrc,
                                  const Ref *src, const char *message) {
    size_t n = strlen(op);
    Text out = {0};
    const char *p = message + (!strncmp(message, op, n) && message[n] == ':' ? n + 2 : 0);
    for (bool start = true; *p; start = !word_char(p[-1])) {
        size_t len = 0;
        while (word_char(p[len]))
            len++;
        const char *name = start && len ? operand_name(m, op, nsrc, src, p, len) : NULL;
        len += !len;
        if (name)
            text_printf(&out, "%s", name);
        else
            text_put(&out, p, len);
        p += len;
    }
    const char *s = arena_printf(m->arena, "%s", out.n ? out.s : "does not fit");
    text_free(&out);
    return s;
}

Ref macro_op(Macro *m, const char *op, int nsrc, const Ref *src, int nattr,
             const Attr *attr) {
    const char *message = NULL;
    Ref r = try_op(m, op, nsrc, src, nattr, attr, &message);
    if (!r.node)
        macro_fault(m, *op == '{' ? message : in_layer_terms(m, op, nsrc, src, message));
    return r;
}

/* What an op says about one of its attributes; those of an equation are real, but `k:i`. */
static Attr attr_kind(const OpInfo *op, char *name) {
    char *colon = strchr(name, ':');
    OpAttr spec[MAX_ATTRS];
    int n = op ? op_attrs(op, spec) : 0;
    for (int i = 0; i < n; i++)
        if (strlen(name) == spec[i].len && !memcmp(name, spec[i].name, spec[i].len))
            return (Attr){.name = name, .kind = spec[i].kind};
    if (op)
        bug("a row gives the op '%s' the attribute '%s'", op->name, name);
    if (colon)
        *colon = '\0';
    return (Attr){.name = name, .kind = colon ? ATTR_INT : ATTR_FLOAT};
}

static Attr read_attr(Macro *m, const OpInfo *op, const char *text) {
    const char *eq = strchr(text, '=');
    Attr a = attr_kind(op, trimmed(m->arena, text, (size_t)(eq - text)));
    const char *value = trimmed(m->arena, eq + 1, strlen(eq + 1));
    if (a.kind == ATTR_LIST) {
        const Type *t = m->nin ? ref_type(m->in[0]) : NULL;
        Ints *l = NEW(m->arena, 1, Ints);
        *l = row_list(m, value, t && t->rank && t->dim[0].batch);
        a.i = l->n;
        a.list = l->item;
    } else if (a.kind == ATTR_FLOAT) {
        a.f = strcmp(value, "-inf") ? row_number(m, value) : -INFINITY;
    } else if (*value == '#') {        /* half of the random key: the path's hash */
        uint64_t key = hash_bytes(m->path, strlen(m->path), 0);
        a.i = (int64_t)(!strcmp(value, "#hi") ? key >> 32 : key & UINT32_MAX);
    } else {
        a.i = (int64_t)nearbyint(row_number(m, value));
    }
    return a;
}

Ref macro_find(const Macro *m, const char *name) {
    for (int i = m->nref; i-- > 0;)
        if (!strcmp(m->ref[i].name, name))
            return m->ref[i].ref;
    return (Ref){0};
}

/* An argument; false where it is an optional one and absent. */
static bool read_arg(Macro *m, char *text, Ref *out) {
    size_t n = strlen(text);
    bool optional = text[n - 1] == '?';
    text[n - optional] = '\0';
    *out = strcmp(text, "rng") ? macro_find(m, text) : build_rng(m->build);
    if (!out->node && !optional)
        *out = graph_number(m->graph, F32, row_number(m, text));
    if (out->node)
        *out = row_inside(m, *out);
    return out->node != NULL;
}

/* All inputs, two at a time. */
static Ref fold_inputs(Macro *m, const char *op, int nattr, const Attr *attr) {
    Ref r = m->in[0];
    for (int i = 1; i < m->nin; i++) {
        Ref pair[] = {r, m->in[i]};
        r = try_op(m, op, 2, pair, nattr, attr, NULL);
        if (!r.node) {
            macro_fault(m, arena_printf(m->arena,
                                        "its inputs %s and %s do not fit together",
                                        type_text(m->arena, ref_type(pair[0])),
                                        type_text(m->arena, ref_type(pair[1]))));
            break;
        }
    }
    return r;
}

/* op(x, 2, rng; a=1, b=[n, c]), op(x..; ...) or {equation}(x, y; a=1). */
static Ref run_op(Macro *m, const char *call) {
    const char *open = strchr(*call == '{' ? strrchr(call, '}') : call, '(');
    const char *op = trimmed(m->arena, call, (size_t)(open - call));
    const char *inside = trimmed(m->arena, open + 1, strlen(open) - 2), *part;
    const char *args = row_part(m->arena, &inside, ';');
    char *arg;
    const OpInfo *info = op_find(op);
    Ref src[MAX_SOURCES];
    Attr attr[MAX_ATTRS];
    int n = 0, nattr = 0;
    if (!info && *op != '{')
        bug("a row uses the op '%s', which there is none of", op);
    while (nattr < MAX_ATTRS && (part = row_part(m->arena, &inside, ',')))
        attr[nattr++] = read_attr(m, info, part);
    if (args && strstr(args, ".."))
        return fold_inputs(m, op, nattr, attr);
    while (args && n < MAX_SOURCES && (arg = row_part(m->arena, &args, ',')))
        n += read_arg(m, arg, &src[n]);
    return macro_op(m, op, n, src, nattr, attr);
}

/* range x size */
static bool run_range(Macro *m, const char *rest) {
    Ref x = macro_find(m, row_part(m->arena, &rest, ' '));
    return build_range(m->build, m, x, 0, (int64_t)row_number(m, rest));
}

/* blank weight number */
static bool run_blank(Macro *m, const char *rest) {
    const char *key = row_part(m->arena, &rest, ' ');
    build_blank(m->build, m, key, (int64_t)row_number(m, rest));
    return true;
}

/* standardize mean std axis */
static bool run_standardize(Macro *m, const char *rest) {
    const char *mean = row_part(m->arena, &rest, ' '),
               *std = row_part(m->arena, &rest, ' ');
    build_standardize(m->build, m, mean, std, (int)row_number(m, rest));
    return true;
}

/* let name = number */
static void run_let(Macro *m, const char *rest) {
    const char *eq = strchr(rest, '=');
    macro_number(m, trimmed(m->arena, rest, (size_t)(eq - rest)), row_number(m, eq + 1));
}

static bool run_all(Macro *m, const char *body);

/* What begins with a word of its own; false if nothing does. */
static bool run_word(Macro *m, const char *part, bool *ok) {
    *ok = true;
    if (!strncmp(part, "range ", 6))
        *ok = run_range(m, part + 6);
    else if (!strncmp(part, "blank ", 6))
        *ok = run_blank(m, part + 6);
    else if (!strncmp(part, "standardize ", 12))
        *ok = run_standardize(m, part + 12);
    else if (!strncmp(part, "let ", 4))
        run_let(m, part + 4);
    else if (!strncmp(part, "use ", 4))
        *ok = run_all(m, layer_part(trimmed(m->arena, part + 4, strlen(part + 4))));
    else if (!strncmp(part, "scan ", 5))
        row_scan(m, part + 5);
    else if (!strncmp(part, "step ", 5))
        row_step(m, part + 5);
    else
        return false;
    return true;
}

static bool run_statement(Macro *m, char *part) {
    bool ok;
    if (!strncmp(part, "cells ", 6))
        return row_cells(m, part + 6);
    if (!row_holds(m, part))
        return true;
    if (run_word(m, part, &ok))
        return ok;
    const char *arrow = strstr(part, "<-"), *eq = strchr(part, '=');
    if (arrow && !eq) {
        Ref r = macro_find(m, trimmed(m->arena, arrow + 2, strlen(arrow + 2)));
        build_state(m->build, m, trimmed(m->arena, part, (size_t)(arrow - part)), r);
        return true;
    }
    const char *call = trimmed(m->arena, eq + 1, strlen(eq + 1));
    Ref r = strchr(call, '(') ? run_op(m, call) : macro_find(m, call);
    if (!r.node)
        return false;
    macro_ref(m, trimmed(m->arena, part, (size_t)(eq - part)), r);
    return true;
}

static bool run_all(Macro *m, const char *body) {
    char *part;
    while ((part = row_part(m->arena, &body, ';')))
        if (!run_statement(m, part))
            return false;
    return true;
}

bool macro_body(Macro *m, const char *body, Ref *out) {
    if (!run_all(m, body))
        return false;
    *out = macro_find(m, "o");
    if (!out->node)
        *out = m->in[0];
    return true;
}
