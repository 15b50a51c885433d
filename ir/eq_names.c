/* What names mean in a row: indices, operands, extents, attributes. */
#include "ir/eq_row.h"

#include <string.h>

static bool is(const char *text, const char *name, size_t len) {
    return strlen(text) == len && memcmp(text, name, len) == 0;
}

const Attr *row_attr(const Row *r, const char *name, size_t len) {
    for (int i = 0; i < r->nattr; i++)
        if (is(r->attr[i].name, name, len))
            return &r->attr[i];
    return NULL;
}

int row_operand(const Row *r, const char *name, size_t len) {
    for (int i = 0; i < r->nsrc; i++)
        if (is(r->src[i].name, name, len))
            return i;
    return -1;
}

int row_index(const Row *r, const char *name, size_t len) {
    for (int i = 0; i < r->nidx; i++)
        if (r->idx[i].len == len && memcmp(r->idx[i].name, name, len) == 0)
            return i;
    return -1;
}

int row_add_index(Row *r, const char *name, size_t len) {
    if (r->nidx == MAX_INDEX) {
        parse_fail(&r->ps, "more than %d indices", MAX_INDEX);
        return 0;
    }
    r->idx[r->nidx] = (RowIndex){.name = name, .len = len};
    return r->nidx++;
}

/* --- extents decided by reads --- */

static const char *dim_text(Arena *a, Dim d) {
    return d.batch ? "the batch" : arena_printf(a, "%lld", (long long)d.n);
}

static const char *dim_name(Row *r, int src, int d) {
    return arena_printf(r->ps.arena, "%s.%d", r->src[src].name, d);
}

/* Index i runs over dim d of operand src. */
static bool unify(Row *r, int i, int src, int d) {
    RowIndex *x = &r->idx[i];
    Dim dim = r->src[src].type.dim[d];
    if (x->stated)
        return true;
    r->inferred = true;
    if (!x->known) {
        x->ext = dim;
        x->known = true;
        x->from = dim_name(r, src, d);
        return true;
    }
    if (x->ext.n == dim.n && x->ext.batch == dim.batch)
        return true;
    const char *was = dim_text(r->ps.arena, x->ext), *now = dim_text(r->ps.arena, dim);
    if (x->len)
        return parse_fail(&r->ps, "%.*s is %s in %s but %s in %s", (int)x->len, x->name,
                          was, x->from, now, dim_name(r, src, d));
    return parse_fail(&r->ps, "%s is %s but %s is %s", x->from, was,
                      dim_name(r, src, d), now);
}

/* --- subscripts --- */

bool row_run_next(Row *r, Run **run) {
    Parser *ps = &r->ps;
    const char *p;
    parse_space(ps);
    for (p = ps->at; p < ps->end && *p != '.'; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_' ||
              (*p >= '0' && *p <= '9')))
            return false;
    if (ps->failed || ps->end - p < 2 || p[1] != '.')
        return false;
    *run = run_find(r, ps->at, (size_t)(p - ps->at));
    ps->at = p + 2;
    return *run != NULL;
}

bool row_bare_index(Row *r, const char **name, size_t *len) {
    Parser *ps = &r->ps;
    const char *at = ps->at;
    if (!parse_name(ps, name, len))
        return false;
    parse_space(ps);
    bool ends =
        ps->at < ps->end && (*ps->at == ',' || *ps->at == ']' || *ps->at == '<');
    if (ends && !memchr(*name, '.', *len) && **name != '%' &&
        (row_index(r, *name, *len) >= 0 || !row_attr(r, *name, *len)))
        return true;
    ps->at = at;
    return false;
}

/* The operand's element at the result's element number. */
static int whole_subs(Row *r, int src, const Ix **sub) {
    const Type *t = &r->src[src].type;
    const Ix *number = ix_var(r->ps.pool, NUMBER_VAR);
    int64_t inner = 1;
    if (r->nwhole < MAX_RANK)
        r->whole[r->nwhole++] = src;
    r->inferred = true;
    for (int d = t->rank; d-- > 0;) {
        sub[d] = ix_div(r->ps.pool, number, inner);
        if (d > 0)
            sub[d] = ix_mod(r->ps.pool, sub[d], t->dim[d].n);
        inner *= t->dim[d].n;
    }
    return t->rank;
}

/* The run's part of a read. `..` is aligned at its end; extents of 1 are read again. */
static bool run_subs(Row *r, int src, Run *run, int others, const Ix **sub, int *n) {
    const Type *t = &r->src[src].type;
    int size = run->len ? run->size : t->rank - others;
    if (!run->placed && !run_place(r, run))
        return false;
    if (*n + size > t->rank || size > run->size)
        return parse_fail(&r->ps, "%s is %s, which is not %d dims", r->src[src].name,
                          type_text(r->ps.arena, t), *n + size);
    for (int k = 0; k < size; k++, ++*n) {
        int i = run->index[run->size - size + k];
        Dim dim = t->dim[*n];
        sub[*n] = ix_var(r->ps.pool, i);
        if (run->len == 0 && dim.n == 1 && !dim.batch) {
            r->idx[i].one = true;
            sub[*n] = ix_const(r->ps.pool, 0);
        } else if (!unify(r, i, src, *n)) {
            return false;
        }
    }
    return true;
}

static const Ix *one_sub(Row *r, int src, int d) {
    Parser *ps = &r->ps;
    const char *name;
    size_t len;
    if (!row_bare_index(r, &name, &len))
        return parse_ix(ps);
    int i = row_index(r, name, len);
    if (i < 0)
        i = row_add_index(r, name, len);
    if (d < r->src[src].type.rank && !ps->failed)
        unify(r, i, src, d);
    return ix_var(ps->pool, i);
}

static int read_subs(Row *r, int src, const Ix **sub) {
    Parser *ps = &r->ps;
    const Operand *o = &r->src[src];
    Run *run;
    int n = 0;
    int others = parse_peek(ps, "[") ? run_others(r, ps->at) : 0;
    parse_need(ps, "[");
    const char *from = ps->at;
    if (parse_is(ps, "#")) {
        if (parse_is(ps, "]"))
            return whole_subs(r, src, sub);
        ps->at = from;
    }
    while (!ps->failed && !parse_peek(ps, "]")) {
        if (row_run_next(r, &run))
            run_subs(r, src, run, others, sub, &n);
        else if (n == MAX_RANK)
            parse_fail(ps, "more than %d subscripts", MAX_RANK);
        else
            sub[n] = one_sub(r, src, n), n++;
        if (!parse_is(ps, ","))
            break;
    }
    parse_need(ps, "]");
    if (!ps->failed && n != o->type.rank)
        parse_fail(ps, "%s is %s, expected %d dim%s", o->name,
                   type_text(ps->arena, &o->type), n, n == 1 ? "" : "s");
    return ps->failed ? -1 : n;
}

/* --- names in expressions --- */

/* Digits, or the name of an integer attribute; below 0 it counts from the end. */
static bool dim_number(const Row *r, const char *text, size_t len, int rank,
                       int64_t *v) {
    const Attr *a = row_attr(r, text, len);
    *v = 0;
    if (a && a->kind == ATTR_INT) {
        *v = a->i < 0 ? a->i + rank : a->i;
        return true;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || len > 3)
            return false;
        *v = *v * 10 + (text[i] - '0');
    }
    return len > 0;
}

static const Ix *extents(Row *r, const Type *t, int64_t from, int64_t to) {
    Pool *p = r->ps.pool;
    const Ix *n = ix_const(p, 1);
    for (int64_t d = to; d-- > from;)
        n = t->dim[d].batch ? ix_scale(p, ix_batch(p), n->c)
                            : ix_scale(p, n, t->dim[d].n);
    return n;
}

/* `X.2`, `X.axis`: the extent of a dim; `X.1..axis`: the product of so many from there on;
 * `X.count`: of all; `list.1`: an element. NULL: none of these. */
static const Ix *dotted(Row *r, const char *name, size_t len) {
    Parser *ps = &r->ps;
    const char *dot = memchr(name, '.', len), *end = name + len;
    size_t head = dot ? (size_t)(dot - name) : 0;
    int src = row_operand(r, name, head);
    const Attr *list = row_attr(r, name, head);
    int64_t from = 0, many = 1;
    if (!dot || (src < 0 && !(list && list->kind == ATTR_LIST)))
        return NULL;
    const char *tail = dot + 1, *dots = tail;
    while (dots + 1 < end && !(dots[0] == '.' && dots[1] == '.'))
        dots++;
    bool product = dots + 1 < end;
    int rank = src < 0 ? 0 : r->src[src].type.rank;
    if (is("count", tail, (size_t)(end - tail)) && src >= 0)
        many = rank;
    else if (!dim_number(r, tail, (size_t)((product ? dots : end) - tail), rank,
                         &from) ||
             (product &&
              !dim_number(r, dots + 2, (size_t)(end - dots - 2), rank, &many)))
        return NULL;
    if (src < 0) {
        if (from < 0 || from >= list->i)
            return parse_fail(ps, "no element %lld in %s", (long long)from, list->name),
                   NULL;
        return ix_const(ps->pool, list->list[from]);
    }
    if (from < 0 || many < 0 || from + many > rank)
        return parse_fail(ps, "%s is %s, which has no dim %.*s", r->src[src].name,
                          type_text(ps->arena, &r->src[src].type), (int)(end - tail),
                          tail),
               NULL;
    return extents(r, &r->src[src].type, from, from + many);
}

static const Ix *integer_read(Row *r, int src) {
    const Ix *sub[MAX_RANK];
    const Operand *o = &r->src[src];
    if (dtype_info[o->type.dtype].is_float)
        return parse_fail(&r->ps, "%s is %s, subscripts read integers", o->name,
                          type_text(r->ps.arena, &o->type)),
               NULL;
    int n = read_subs(r, src, sub);
    return n < 0 ? NULL : ix_read(r->ps.pool, src, n, sub);
}

const Ix *row_ix(Parser *ps, const char *name, size_t len) {
    Row *r = ps->user;
    int i = row_index(r, name, len), src = row_operand(r, name, len);
    const Attr *a = row_attr(r, name, len);
    if (*name == '#')
        return r->inferred = true, ix_var(ps->pool, NUMBER_VAR);
    if (parse_peek(ps, "["))
        return src < 0 ? NULL : integer_read(r, src);
    if (i >= 0)
        return ix_var(ps->pool, i);
    if (a && a->kind == ATTR_INT) {
        if (a->i > INT64_C(1) << 40 || a->i < -(INT64_C(1) << 40))
            return parse_fail(ps, "%s is out of range", a->name), NULL;
        return ix_const(ps->pool, a->i);
    }
    const Ix *dim = dotted(r, name, len);
    if (dim || ps->failed || a || src >= 0 || memchr(name, '.', len) || *name == '%')
        return dim;
    if (len == 1 && *name == 'n')
        return ix_batch(ps->pool);
    return ix_var(ps->pool, row_add_index(r, name, len));
}

const Expr *row_value(Parser *ps, const char *name, size_t len) {
    Row *r = ps->user;
    const Ix *sub[MAX_RANK];
    int src = row_operand(r, name, len);
    const Attr *a = row_index(r, name, len) < 0 ? row_attr(r, name, len) : NULL;
    if (parse_peek(ps, "[")) {
        int n = src < 0 ? -1 : read_subs(r, src, sub);
        return n < 0 ? NULL : x_read(ps->pool, r->src[src].type.dtype, src, n, sub);
    }
    if (src >= 0)
        return parse_fail(ps, "operand %s without subscripts", r->src[src].name), NULL;
    if (!a || a->kind == ATTR_LIST)
        return NULL;
    ps->bare = true;
    return a->kind == ATTR_INT ? x_int(ps->pool, I64, a->i)
                               : x_num(ps->pool, F64, a->f);
}

/* --- what must hold --- */

/* Does the name that stands at `at` stand in the text before it, too? */
static bool named_before(Row *r, const char *from, const char *at, size_t len) {
    Parser ps = r->ps;
    const char *name;
    size_t n;
    ps.quiet = true;
    for (ps.at = from; ps.at < at;) {
        if (!parse_name(&ps, &name, &n))
            ps.at++;
        else if (name < at && n == len && !memcmp(name, at, len))
            return true;
    }
    return false;
}

/* Names in the text and what they are: "X.1 is 3, groups is 2". */
static void explain(Row *r, const char *from, const char *to, Text *out) {
    Parser ps = r->ps;
    const char *name;
    size_t len;
    int64_t v;
    ps.quiet = true;
    for (ps.at = from; ps.at < to;) {
        if (!parse_name(&ps, &name, &len)) {
            ps.at++;
            continue;
        }
        bool again = named_before(r, from, name, len);
        const Ix *e = row_ix(&ps, name, len);
        if (again)
            continue;
        if (e && ix_is_const(e, &v))
            text_printf(out, "%s%.*s is %lld", out->n ? ", " : "", (int)len, name,
                        (long long)v);
        else if (e)
            text_printf(out, "%s%.*s is the batch", out->n ? ", " : "", (int)len, name);
    }
}

void row_needs(Row *r) {
    Parser *ps = &r->ps;
    if (!parse_is(ps, "need"))
        return;
    do {
        parse_space(ps);
        const char *from = ps->at;
        Cond c = parse_comparison(ps);
        if (c.n == 0 || ps->failed)
            continue;
        Text why = {0};
        const char *to = ps->at;
        while (to > from && to[-1] == ' ')
            to--;
        explain(r, from, to, &why);
        parse_fail(ps, "needs %.*s, but %s", (int)(to - from), from,
                   why.n ? why.s : "not so");
        text_free(&why);
    } while (parse_is(ps, "&&"));
    parse_need(ps, ":");
}
