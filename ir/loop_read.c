/* Reads a kernel's text form (see loop_print.c). */
#include "ir/loop.h"
#include "ir/parse.h"

#include <string.h>

typedef struct {
    Parser ps;
    Strs *strs;
    Kernel *k;
    const Expr **shared;               /* s1, s2 ... of the next statement */
    int nshared;
} Reader;

static bool numbered(const char *name, size_t len, char first, int *id) {
    *id = 0;
    if (len < 2 || len > 8 || name[0] != first)
        return false;
    for (size_t i = 1; i < len; i++) {
        if (name[i] < '0' || name[i] > '9')
            return false;
        *id = *id * 10 + (name[i] - '0');
    }
    return true;
}

static bool read_slot(Reader *r, const char *name, size_t len, int *slot) {
    if (!numbered(name, len, '%', slot) || *slot >= r->k->nbuf)
        return parse_fail(&r->ps, "unknown buffer '%.*s'", (int)len, name);
    return true;
}

static const Ix *read_index(Parser *ps, const char *name, size_t len) {
    Reader *r = ps->user;
    int id;
    if (len == 1 && *name == 'n')
        return ix_batch(ps->pool);
    if (*name == '%') {
        if (!read_slot(r, name, len, &id) || !parse_need(ps, "["))
            return NULL;
        const Ix *at = parse_ix(ps);
        return parse_need(ps, "]") ? ix_read(ps->pool, id, 1, &at) : NULL;
    }
    if (!numbered(name, len, 'i', &id))
        return NULL;
    if (id >= r->k->nloop)
        r->k->nloop = id + 1;
    return ix_var(ps->pool, id);
}

/* [at] or [at; lanes, step, active] */
typedef struct { const Ix *at; int64_t lanes, step, active; } Access;

static bool read_access(Reader *r, Access *a) {
    Parser *ps = &r->ps;
    if (!parse_need(ps, "["))
        return false;
    *a = (Access){parse_ix(ps), 1, 1, 1};
    if (parse_is(ps, ";")) {
        parse_int(ps, &a->lanes);
        parse_need(ps, ",");
        parse_int(ps, &a->step);
        parse_need(ps, ",");
        parse_int(ps, &a->active);
        if (!ps->failed && (a->lanes < 2 || a->lanes > 64 || a->active < 1))
            return parse_fail(ps, "bad number of lanes");
    }
    return parse_need(ps, "]") && !ps->failed;
}

static const Expr *read_value(Parser *ps, const char *name, size_t len) {
    Reader *r = ps->user;
    int id;
    if (*name == '%') {
        Access a;
        if (!read_slot(r, name, len, &id) || !read_access(r, &a))
            return NULL;
        return x_vread(ps->pool, r->k->buf[id].dtype, id, a.at, (int)a.lanes, a.step,
                       (int)a.active);
    }
    if (numbered(name, len, 's', &id))
        return id > 0 && id <= r->nshared ? r->shared[id - 1] : NULL;
    if (!numbered(name, len, 'v', &id) || id >= r->k->nvar || r->k->var[id].lanes == 0)
        return NULL;
    return x_var(ps->pool, r->k->var[id].type, r->k->var[id].lanes, id);
}

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
        bool escape = *c == '\\' && ps->end - c > 3 && c[1] == 'x' && hex(c[2]) >= 0 &&
                      hex(c[3]) >= 0;
        text[n++] = escape ? (char)(hex(c[2]) * 16 + hex(c[3])) : *c;
        ps->at += escape ? 4 : 1;
    }
    return parse_need(ps, "\"") ? strs_put(r->strs, text, n) : NULL;
}

static bool next_is(Reader *r, char c) {
    parse_space(&r->ps);
    return r->ps.at < r->ps.end && *r->ps.at == c;
}

static bool read_number(Reader *r, double *x) {
    Parser *ps = &r->ps;
    parse_space(ps);
    const char *from = ps->at;
    while (ps->at < ps->end && strchr("+-.0123456789einfa", *ps->at))
        ps->at++;
    return num_parse(from, (size_t)(ps->at - from), x) || parse_fail(ps, "expected a number");
}

static bool read_buf(Reader *r, BufKind kind) {
    Parser *ps = &r->ps;
    Buf b = {.kind = kind};
    const char *name;
    size_t len;
    int id;
    if (!parse_name(ps, &name, &len) || !numbered(name, len, '%', &id) || id != r->k->nbuf)
        return parse_fail(ps, "expected buffer %%%d", r->k->nbuf);
    if (!parse_name(ps, &name, &len) || !dtype_parse(name, len, &b.dtype))
        return parse_fail(ps, "expected an element type");
    if (!parse_need(ps, "[") || !parse_int(ps, &b.size) || !parse_need(ps, "]"))
        return false;
    b.read = parse_is(ps, "in");
    b.written = parse_is(ps, "out");
    b.restricted = parse_is(ps, "restrict");
    if (next_is(r, '"'))
        b.name = read_quoted(r);
    kernel_buf(ps->arena, r->k, b);
    return !ps->failed;
}

static Stmt *read_body(Reader *r);

static Stmt *read_for(Reader *r) {
    Parser *ps = &r->ps;
    const Ix *var = parse_ix(ps), *lo = NULL, *hi = NULL;
    int id = 0;
    int64_t step = 1;
    if (ps->failed || !ix_is_var(var, &id))
        return parse_fail(ps, "expected a loop variable"), NULL;
    if (parse_need(ps, "="))
        lo = parse_ix(ps);
    if (parse_need(ps, "to"))
        hi = parse_ix(ps);
    if (parse_is(ps, "step") && parse_int(ps, &step) && step < 1)
        parse_fail(ps, "step must be positive");
    for (LoopKind kind = LOOP_FREE; kind <= LOOP_PARALLEL && !ps->failed; kind++)
        if (parse_is(ps, loop_kind_name[kind])) {
            r->k->parallel |= kind == LOOP_PARALLEL;
            return stmt_for(ps->arena, id, kind, lo, hi, step, read_body(r));
        }
    parse_fail(ps, "expected free, serial or parallel");
    return NULL;
}

static void declare(Reader *r, int id, const Expr *value) {
    while (r->k->nvar <= id)
        kernel_var(r->ps.arena, r->k, F32, 0);
    r->k->var[id].type = value->type;
    r->k->var[id].lanes = value->lanes;
}

static Stmt *read_assign(Reader *r, StmtKind kind) {
    Parser *ps = &r->ps;
    const char *name;
    size_t len;
    int id;
    if (!parse_name(ps, &name, &len) || !numbered(name, len, 'v', &id))
        return parse_fail(ps, "expected a local variable"), NULL;
    const Expr *value = parse_need(ps, "=") ? parse_expr(ps) : NULL;
    if (ps->failed)
        return NULL;
    if (kind == S_SET)
        return stmt_set(ps->arena, id, value);
    declare(r, id, value);
    return stmt_let(ps->arena, id, value);
}

static Stmt *read_store(Reader *r) {
    Parser *ps = &r->ps;
    const char *name;
    size_t len;
    int id;
    Access a;
    if (!parse_name(ps, &name, &len) || !read_slot(r, name, len, &id) || !read_access(r, &a))
        return parse_fail(ps, "expected a statement"), NULL;
    ps->number = r->k->buf[id].dtype;
    bool sign = parse_need(ps, "=");
    const char *from = ps->at;
    const Expr *value = sign ? parse_expr(ps) : NULL;
    ps->number = F32;
    if (ps->failed)
        return NULL;
    ps->at = value->lanes == a.lanes ? ps->at : from;
    if (value->lanes != a.lanes)
        return parse_fail(ps, "stores %d lanes as %lld", value->lanes, (long long)a.lanes), NULL;
    return stmt_vstore(ps->arena, id, a.at, a.step, (int)a.active, value);
}

static void read_shared(Reader *r) {
    Parser *ps = &r->ps;
    const char *name;
    size_t len;
    int id;
    if (!parse_name(ps, &name, &len) || !numbered(name, len, 's', &id) || id != r->nshared + 1) {
        parse_fail(ps, "expected s%d", r->nshared + 1);
        return;
    }
    const Expr *value = parse_need(ps, "=") ? parse_expr(ps) : NULL;
    if (!ps->failed)
        PUSH(ps->arena, r->shared, r->nshared) = value;
}

static Stmt *read_stmt(Reader *r) {
    Parser *ps = &r->ps;
    r->nshared = 0;
    while (!ps->failed && parse_is(ps, "with "))
        read_shared(r);
    if (parse_is(ps, "for "))
        return read_for(r);
    if (parse_is(ps, "if ")) {
        Cond c = parse_cond(ps);
        return stmt_if(ps->arena, c, read_body(r));
    }
    if (parse_is(ps, "let "))
        return read_assign(r, S_LET);
    if (parse_is(ps, "set "))
        return read_assign(r, S_SET);
    if (parse_is(ps, "comment "))
        return stmt_comment(ps->arena, read_quoted(r));
    return read_store(r);
}

static Stmt *read_list(Reader *r) {
    Stmt *first = NULL, **tail = &first;
    while (!r->ps.failed && !parse_is(&r->ps, "}")) {
        Stmt *s = read_stmt(r);
        if (!s)
            break;
        *tail = s;
        tail = &s->next;
    }
    return first;
}

static Stmt *read_body(Reader *r) { return parse_need(&r->ps, "{") ? read_list(r) : NULL; }

static void read_head(Reader *r) {
    Parser *ps = &r->ps;
    if (parse_need(ps, "kernel"))
        r->k->name = read_quoted(r);
    if (parse_is(ps, "work"))
        read_number(r, &r->k->work);
    parse_need(ps, "{");
    while (!ps->failed) {
        if (parse_is(ps, "arg "))
            read_buf(r, BUF_ARG);
        else if (parse_is(ps, "local "))
            read_buf(r, BUF_LOCAL);
        else
            break;
    }
}

Kernel *loop_parse_next(Arena *a, Pool *p, Strs *s, Source *src, size_t *at) {
    Reader r = {.strs = s, .k = NEW(a, 1, Kernel)};
    r.ps = (Parser){.pool = p, .arena = a, .at = src->text + *at, .end = src->text + src->size,
                    .loc = {src, 1, 1}, .start = src->text, .user = &r, .index = read_index,
                    .value = read_value, .number = F32};
    read_head(&r);
    r.k->body = read_list(&r);
    parse_space(&r.ps);
    *at = (size_t)(r.ps.at - src->text);
    for (int i = 0; i < r.k->nvar; i++)                /* numbers that no let declares */
        if (r.k->var[i].lanes == 0)
            r.k->var[i].lanes = 1;
    if (r.ps.failed)
        return NULL;
    r.k->hash = loop_hash(r.k);
    return r.k;
}

Kernel *loop_parse(Arena *a, Pool *p, Strs *s, Source *src) {
    size_t at = 0;
    Kernel *k = loop_parse_next(a, p, s, src, &at);
    if (k && at < src->size) {
        int line = 1;
        for (size_t i = 0; i < at; i++)
            line += src->text[i] == '\n';
        diag_error((Loc){src, line, 0}, "text after the kernel's end");
        return NULL;
    }
    return k;
}
