/* Reads a graph's text form (see graph_print.c). */
#include "ir/node.h"
#include "ir/parse.h"

#include <string.h>

enum { MAX_NEST = 8 };                 /* scans in scans */

typedef struct { const char *name; Ref ref; } Known;   /* interned, with the '%' */

typedef struct {
    Graph *g;
    Known *known;
    int nknown;
} Scope;

typedef struct {
    Parser ps;
    Strs *strs;
    int nest;
    const char *seen;                  /* `here` is the place of this byte */
    Loc here;
} Reader;

static Loc place(Reader *r) {
    parse_space(&r->ps);
    for (; r->seen < r->ps.at; r->seen++) {
        r->here.col = *r->seen == '\n' ? 1 : r->here.col + 1;
        r->here.line += *r->seen == '\n';
    }
    return r->here;
}

/* --- tokens --- */

static int hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *read_quoted(Reader *r) {
    Parser *ps = &r->ps;
    if (!parse_need(ps, "\""))
        return NULL;
    char *text = NEW(ps->arena, ps->end - ps->at + 1, char);
    size_t n = 0;
    while (ps->at < ps->end && *ps->at != '"' && *ps->at != '\n') {
        const char *c = ps->at;
        bool escape = ps->end - c > 3 && c[0] == '\\' && c[1] == 'x' && hex(c[2]) >= 0 &&
                      hex(c[3]) >= 0;
        text[n++] = escape ? (char)(hex(c[2]) * 16 + hex(c[3])) : *c;
        ps->at += escape ? 4 : 1;
    }
    return parse_need(ps, "\"") ? strs_put(r->strs, text, n) : NULL;
}

static const char *read_word(Reader *r, const char *what) {
    const char *name;
    size_t len;
    if (parse_name(&r->ps, &name, &len) && *name != '%')
        return strs_put(r->strs, name, len);
    parse_fail(&r->ps, "expected %s", what);
    return NULL;
}

static int64_t read_count(Reader *r) {
    int64_t v = 0;
    if (parse_int(&r->ps, &v) && v < 0)
        parse_fail(&r->ps, "got %lld, expected a count", (long long)v);
    return v;
}

static bool read_type(Reader *r, const Graph *g, Type *t) {
    Parser *ps = &r->ps;
    const char *name;
    size_t len;
    int64_t count;
    *t = (Type){0};
    if (!parse_name(ps, &name, &len) || !dtype_parse(name, len, &t->dtype))
        return parse_fail(ps, "expected an element type");
    parse_need(ps, "[");
    while (!ps->failed && !parse_is(ps, "]")) {
        if (t->rank == MAX_RANK)
            return parse_fail(ps, "more than %d dims", MAX_RANK);
        Dim *d = &t->dim[t->rank++];
        d->batch = parse_is(ps, "n:");
        d->n = read_count(r);
        if (d->batch && d->n != g->batch && !ps->failed)
            return parse_fail(ps, "batch of %lld in a graph with batch %lld", (long long)d->n,
                              (long long)g->batch);
        if (!parse_peek(ps, "]"))
            parse_need(ps, ",");
    }
    if (!ps->failed && !type_count(t, &count))
        return parse_fail(ps, "tensor is too large");
    return !ps->failed;
}

/* --- names --- */

static const Ref *known(Reader *r, const Scope *s, const char *name, size_t len) {
    const char *key = strs_put(r->strs, name, len);
    for (int i = s->nknown; i-- > 0;)
        if (s->known[i].name == key)
            return &s->known[i].ref;
    return NULL;
}

/* %name, or %name.k for result k. */
static bool find_ref(Reader *r, const Scope *s, const char *name, size_t len, Ref *out) {
    const Ref *whole = known(r, s, name, len);
    size_t dot = len;
    int k = 0;
    if (whole) {
        *out = *whole;
        return true;
    }
    while (dot > 0 && name[dot - 1] >= '0' && name[dot - 1] <= '9')
        dot--;
    if (dot < 2 || name[dot - 1] != '.' || len - dot == 0 || len - dot > 4)
        return false;
    for (size_t i = dot; i < len; i++)
        k = k * 10 + (name[i] - '0');
    whole = known(r, s, name, dot - 1);
    if (!whole || k >= whole->node->nres)
        return false;
    *out = (Ref){whole->node, k};
    return true;
}

static bool read_ref(Reader *r, const Scope *s, Ref *out) {
    const char *name;
    size_t len;
    parse_space(&r->ps);
    const char *at = r->ps.at;
    if (!parse_name(&r->ps, &name, &len) || *name != '%')
        return parse_fail(&r->ps, "expected a node, such as %%1");
    if (find_ref(r, s, name, len, out))
        return true;
    r->ps.at = at;
    return parse_fail(&r->ps, "unknown node '%.*s'", (int)len, name);
}

/* --- what follows a node: types, kernel, origins --- */

typedef struct {
    Loc loc;                           /* of the definition */
    const char *at, *types_at;         /* texts of the definition and of its types */
    Type *types;
    int ntypes;
    Band band;
    int64_t kernel, share, nest;
} Tail;

static void read_origins(Reader *r, Graph *g, Loc loc) {
    Parser *ps = &r->ps;
    Origin *first = NEW(ps->arena, 1, Origin), *o = first;
    first->loc = loc;
    for (bool more = parse_is(ps, "from"); more; more = parse_is(ps, ",")) {
        if (o->what || o->name) {
            Origin *next = NEW(ps->arena, 1, Origin);
            next->loc = loc;
            o->next = next;
            o = next;
        }
        if (!parse_peek(ps, "\""))
            o->what = read_word(r, "where the node comes from");
        if (parse_peek(ps, "\""))
            o->name = read_quoted(r);
    }
    g->origin = first;
}

static void read_band(Reader *r, Band *b) {
    Parser *ps = &r->ps;
    b->id = (int)read_count(r);
    parse_need(ps, "loops");
    b->loops = (int)read_count(r);
    parse_need(ps, "block");
    b->block = read_count(r);
    b->sums = parse_is(ps, "sums") ? (int)read_count(r) : 0;
    if (parse_is(ps, "row")) {
        b->row = (int)read_count(r);
        parse_need(ps, "reach");
        b->reach = read_count(r);
    }
}

static bool read_tail(Reader *r, Graph *g, Tail *t) {
    Parser *ps = &r->ps;
    parse_need(ps, ":");
    parse_space(ps);
    t->types_at = ps->at;
    do {
        Type type;
        if (!read_type(r, g, &type))
            return false;
        PUSH(ps->arena, t->types, t->ntypes) = type;
    } while (parse_is(ps, ","));
    if (parse_is(ps, "band"))
        read_band(r, &t->band);
    t->kernel = -1;
    if (parse_is(ps, "kernel")) {
        t->kernel = read_count(r);
        parse_need(ps, "share");
        t->share = read_count(r);
        t->nest = parse_is(ps, "nest") ? read_count(r) : 0;
    }
    read_origins(r, g, t->loc);
    return !ps->failed;
}

/* Errors that show only when a definition has been read whole. */
static Node *fail_at(Reader *r, const char *at, const char *message) {
    if (!r->ps.failed)
        r->ps.at = at;
    parse_fail(&r->ps, "%s", message);
    return NULL;
}

static bool check_types(Reader *r, const Node *n, const Tail *t) {
    Arena *a = r->ps.arena;
    for (int i = 0; i < n->nres && n->nres == t->ntypes; i++)
        if (!type_equal(&n->types[i], &t->types[i])) {
            fail_at(r, t->types_at,
                    arena_printf(a, "result %d is %s, the text says %s", i,
                                 type_text(a, &n->types[i]), type_text(a, &t->types[i])));
            return false;
        }
    if (n->nres != t->ntypes)
        fail_at(r, t->types_at, arena_printf(a, "node has %d results, the text says %d",
                                             n->nres, t->ntypes));
    return n->nres == t->ntypes;
}

/* --- nodes --- */

static Node *read_leaf(Reader *r, Scope *s, NodeKind kind, Tail *t) {
    const char *name = read_quoted(r);
    if (!name || !read_tail(r, s->g, t))
        return NULL;
    for (int i = 0; i < s->g->nnode; i++) {
        const Node *o = s->g->node[i];
        if (o->kind == kind && strcmp(o->name, name) == 0 && !check_types(r, o, t))
            return NULL;
    }
    return graph_leaf(s->g, kind, name, t->types).node;
}

/* Where a list's element is out of range, the number is not what was written. */
static bool put_integer(unsigned char *at, DType t, bool minus, uint64_t v) {
    static const uint64_t most[NDTYPE] = {[I32] = INT32_MAX, [I64] = INT64_MAX,
                                          [U32] = UINT32_MAX, [U64] = UINT64_MAX,
                                          [U8] = UINT8_MAX, [BOOL] = 1};
    bool is_signed = t == I32 || t == I64;
    if (v > most[t] + (minus && is_signed) || (minus && !is_signed && v))
        return false;
    v = minus ? 0 - v : v;
    for (int i = 0; i < dtype_info[t].bytes; i++)
        at[i] = (unsigned char)(v >> 8 * i);
    return true;
}

static bool read_element(Reader *r, unsigned char *at, DType t) {
    Number v;
    bool minus = parse_is(&r->ps, "-");
    parse_space(&r->ps);
    if (!parse_number(&r->ps, &v))
        return false;
    double f = minus ? -v.f : v.f;
    if (t == F64)
        memcpy(at, &f, sizeof f);
    else if (t == F32)
        memcpy(at, &(float){(float)f}, sizeof(float));
    else if (!v.whole || !put_integer(at, t, minus, (uint64_t)v.i))
        return parse_fail(&r->ps, "number does not fit %s", dtype_info[t].name);
    return true;
}

/* The numbers stand before the type, so they are read when that is known. */
static bool read_list(Reader *r, const char *at, unsigned char *data, const Type *t) {
    int64_t bytes = type_bytes(t);
    int size = dtype_info[t->dtype].bytes;
    const char *after = r->ps.at;
    r->ps.at = at;
    for (int64_t i = 0; i < bytes; i += size)
        if ((i && !parse_need(&r->ps, ",")) || !read_element(r, data + i, t->dtype))
            return false;
    if (!parse_need(&r->ps, "]"))
        return false;
    r->ps.at = after;
    return true;
}

static bool read_hex(Reader *r, const char *at, unsigned char *data, const Type *t) {
    int64_t bytes = type_bytes(t), i = 0;
    for (; i < bytes && hex(at[0]) >= 0 && hex(at[1]) >= 0; i++, at += 2)
        data[i] = (unsigned char)(hex(at[0]) * 16 + hex(at[1]));
    if (i < bytes || *at != '"')
        fail_at(r, at, arena_printf(r->ps.arena, "expected %lld bytes in hex",
                                    (long long)bytes));
    return !r->ps.failed;
}

static Node *read_const(Reader *r, Scope *s, Tail *t) {
    Parser *ps = &r->ps;
    bool in_hex = parse_is(ps, "hex");
    if (!parse_need(ps, in_hex ? "\"" : "["))
        return NULL;
    const char *at = ps->at;
    while (ps->at < ps->end && *ps->at != (in_hex ? '"' : ']'))
        ps->at++;
    if (!parse_need(ps, in_hex ? "\"" : "]") || !read_tail(r, s->g, t))
        return NULL;
    for (int i = 0; i < t->types->rank; i++)
        if (t->types->dim[i].batch)
            return fail_at(r, t->types_at, "constant over the batch");
    if (type_bytes(t->types) > 8 * (ps->end - ps->start))
        return fail_at(r, t->types_at, "constant is shorter than its type");
    unsigned char *data = NEW(ps->arena, type_bytes(t->types) + 1, unsigned char);
    if (!(in_hex ? read_hex : read_list)(r, at, data, t->types))
        return NULL;
    return graph_const(s->g, t->types, data).node;
}

/* Every known %name in the text is an operand; graph_eq drops those that the equation does
 * not read (such as the 4 of i0%4). */
static int operands(Reader *r, const Scope *s, const char *text, Operand **op, Ref **src) {
    int n = 0, m = 0;
    for (const char *p = text; *p; p++) {
        size_t len = 1;
        Ref ref;
        bool again = false;
        if (*p != '%')
            continue;
        while ((p[len] >= 'a' && p[len] <= 'z') || (p[len] >= 'A' && p[len] <= 'Z') ||
               (p[len] >= '0' && p[len] <= '9') || p[len] == '_' || p[len] == '.')
            len++;
        if (!find_ref(r, s, p, len, &ref))
            continue;
        const char *name = strs_put(r->strs, p, len);
        for (int i = 0; i < n; i++)
            again |= (*op)[i].name == name;
        if (again)
            continue;
        PUSH(r->ps.arena, *op, n) = (Operand){name, *ref_type(ref)};
        PUSH(r->ps.arena, *src, m) = ref;
    }
    return n;
}

static Node *read_eq(Reader *r, Scope *s, Tail *t) {
    Parser *ps = &r->ps;
    Type found;
    Operand *op = NULL;
    Ref *src = NULL;
    Loc loc = place(r);
    const char *at = ps->at, *end = memchr(at, '}', (size_t)(ps->end - at));
    if (!end) {
        parse_fail(ps, "equation without '}'");
        return NULL;
    }
    ps->at = end + 1;
    if (!read_tail(r, s->g, t))
        return NULL;
    while (end > at && (end[-1] == ' ' || end[-1] == '\n'))
        end--;
    const char *text = arena_printf(ps->arena, "%.*s", (int)(end - at), at);
    int n = operands(r, s, text, &op, &src);
    Eq *e = eq_parse(ps->pool, loc, text, n, op, 0, NULL, t->types->dtype, &found);
    if (!e) {
        ps->failed = true;
        return NULL;
    }
    return graph_eq_in(s->g, t->band, e, &found, n, src).node;
}

static int read_refs(Reader *r, const Scope *s, const char *what, Ref **src, int *nsrc) {
    int from = *nsrc;
    Ref ref;
    parse_need(&r->ps, what);
    parse_need(&r->ps, "(");
    while (!r->ps.failed && !parse_is(&r->ps, ")")) {
        if (read_ref(r, s, &ref))
            PUSH(r->ps.arena, *src, *nsrc) = ref;
        if (!parse_peek(&r->ps, ")"))
            parse_need(&r->ps, ",");
    }
    return *nsrc - from;
}

static bool read_body(Reader *r, Graph *g);

static Node *read_scan(Reader *r, Scope *s, Tail *t) {
    Parser *ps = &r->ps;
    Scan sc = {.steps = read_count(r), .reverse = parse_is(ps, "reverse")};
    Ref *src = NULL;
    int nsrc = 0;
    sc.ncarry = read_refs(r, s, "carry", &src, &nsrc);
    sc.nstack = read_refs(r, s, "stack", &src, &nsrc);
    sc.nwhole = read_refs(r, s, "whole", &src, &nsrc);
    sc.body = graph_new(s->g->arena, s->g->pool, s->g->strs, s->g->name, s->g->batch);
    sc.body->strict = s->g->strict;
    if (r->nest == MAX_NEST)
        parse_fail(ps, "scans nested more than %d deep", MAX_NEST);
    r->nest++;
    if (ps->failed || !read_body(r, sc.body) || !read_tail(r, s->g, t))
        return NULL;
    r->nest--;
    sc.nout = sc.body->nresult - sc.ncarry;
    const char *bad = scan_check(ps->arena, &sc, nsrc, src);
    if (bad)
        return fail_at(r, t->at, bad);
    return graph_scan(s->g, &sc, nsrc, src);
}

static Node *read_argsort(Reader *r, Scope *s, Tail *t) {
    Ref x;
    if (!read_ref(r, s, &x))
        return NULL;
    bool descending = parse_is(&r->ps, "descending");
    if (!read_tail(r, s->g, t))
        return NULL;
    if (ref_type(x)->rank == 0)
        return fail_at(r, t->at, "argsort of a scalar");
    return graph_argsort(s->g, x, descending).node;
}

static Node *read_node(Reader *r, Scope *s, Tail *t) {
    if (parse_is(&r->ps, "{"))
        return read_eq(r, s, t);
    if (parse_is(&r->ps, "const"))
        return read_const(r, s, t);
    if (parse_is(&r->ps, "scan"))
        return read_scan(r, s, t);
    if (parse_is(&r->ps, "argsort"))
        return read_argsort(r, s, t);
    for (NodeKind k = 0; k < N_CONST; k++)
        if (parse_is(&r->ps, leaf_word[k]))
            return read_leaf(r, s, k, t);
    parse_fail(&r->ps, "expected a node: input, param, state, value, const, scan, argsort or {");
    return NULL;
}

/* --- lines --- */

static bool read_definition(Reader *r, Scope *s) {
    const char *name;
    size_t len;
    const Origin *before = s->g->origin;
    Tail t = {.loc = place(r), .at = r->ps.at};
    if (!parse_name(&r->ps, &name, &len) || *name != '%')
        return parse_fail(&r->ps, "expected a node or a result");
    if (known(r, s, name, len))
        return parse_fail(&r->ps, "'%.*s' is defined twice", (int)len, name);
    parse_need(&r->ps, "=");
    Node *n = r->ps.failed ? NULL : read_node(r, s, &t);
    s->g->origin = before;
    if (!n || !check_types(r, n, &t))
        return false;
    n->kernel = (int)t.kernel;
    n->share = (int)t.share;
    n->nest = (int)t.nest;
    PUSH(r->ps.arena, s->known, s->nknown) = (Known){strs_put(r->strs, name, len), {n, 0}};
    return true;
}

static bool read_line(Reader *r, Scope *s) {
    Ref ref;
    for (int to = 0; to <= TO_GRAD; to++)
        if (parse_is(&r->ps, result_word[to])) {
            const char *name = read_quoted(r);
            if (!name || !read_ref(r, s, &ref))
                return false;
            graph_result(s->g, to, name, ref);
            return true;
        }
    return read_definition(r, s);
}

static bool read_body(Reader *r, Graph *g) {
    Scope s = {.g = g};
    parse_need(&r->ps, "{");
    while (!r->ps.failed && !parse_is(&r->ps, "}"))
        read_line(r, &s);
    return !r->ps.failed;
}

static Graph *read_graph(Reader *r) {
    Parser *ps = &r->ps;
    int64_t batch = 1;
    parse_need(ps, "graph");
    parse_need(ps, "@");
    const char *name = read_word(r, "the graph's name");
    if (name && parse_is(ps, "batch")) {
        batch = read_count(r);
        if (batch < 1 && !ps->failed)
            parse_fail(ps, "batch must be positive, got %lld", (long long)batch);
    }
    if (ps->failed)
        return NULL;
    Graph *g = graph_new(ps->arena, ps->pool, r->strs, name, batch);
    g->strict = parse_is(ps, "strict");
    if (!read_body(r, g))
        return NULL;
    parse_space(ps);
    if (ps->at < ps->end)
        parse_fail(ps, "text after the graph");
    return ps->failed ? NULL : g;
}

Graph *graph_parse(Arena *a, Pool *p, Strs *s, Source *src) {
    Reader r = {.strs = s, .here = {src, 1, 1}, .seen = src->text};
    r.ps = (Parser){.pool = p, .arena = a, .at = src->text, .start = src->text,
                    .end = src->text + src->size, .loc = {src, 1, 1}};
    r.ps.user = &r;
    return read_graph(&r);
}
