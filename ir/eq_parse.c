/* Reads a row of text to an equation: the grammar of eq.h, and what follows from shapes. */
#include "ir/eq_guard.h"
#include "ir/eq_row.h"

#include <string.h>

/* --- ranges and lists of indices --- */

/* After '<': 10, n:64 or an integer expression that is constant, or the batch. */
static Dim range(Row *r) {
    Parser *ps = &r->ps;
    const char *from = ps->at;
    int64_t n;
    if (parse_is(ps, "n")) {
        if (parse_is(ps, ":")) {
            parse_int(ps, &n);
            r->batch = ps->failed ? 1 : n;
            return (Dim){r->batch, true};
        }
        ps->at = from;
    }
    const Ix *e = parse_ix(ps);
    if (ps->failed)
        return (Dim){1, false};
    parse_space(ps);
    for (const char *p = from; p < ps->at; p++)
        r->inferred |= *p < '0' || *p > '9';
    if (ix_is_const(e, &n))
        return (Dim){n, false};
    if (e != ix_batch(ps->pool) || !r->batch)
        parse_fail(ps, "an extent that is neither a constant nor the batch");
    return (Dim){r->batch, true};
}

static bool check_extent(Row *r, const char *name, size_t len, int64_t n) {
    return n >= 1 || parse_fail(&r->ps, "the extent of %.*s comes out as %lld",
                                (int)len, name, (long long)n);
}

static int declare(Row *r, const char *name, size_t len) {
    int i = row_index(r, name, len);
    if (i < 0)
        i = row_add_index(r, name, len);
    if (parse_is(&r->ps, "<")) {
        r->idx[i].ext = range(r);
        r->idx[i].known = r->idx[i].stated = true;
        if (!r->ps.failed)
            check_extent(r, name, len, r->idx[i].ext.n);
    }
    return i;
}

/* `[u<3,v<3,c]`; the order is that of the list. */
static void index_list(Row *r) {
    const char *name;
    size_t len;
    Run *run;
    parse_need(&r->ps, "[");
    while (!r->ps.failed && !parse_peek(&r->ps, "]")) {
        if (row_run_next(r, &run)) {
            if (!run->placed)
                run_place(r, run);
        } else if (row_bare_index(r, &name, &len)) {
            declare(r, name, len);
        } else {
            parse_fail(&r->ps, "expected an index");
        }
        if (!parse_is(&r->ps, ","))
            break;
    }
    parse_need(&r->ps, "]");
}

/* --- the result --- */

static void put_dim(Row *r, const Ix *store, int index, Dim dim) {
    if (r->nout == MAX_RANK) {
        parse_fail(&r->ps, "a result of more than %d dims", MAX_RANK);
        return;
    }
    r->store[r->nout] = store;
    r->dim[r->nout] = dim;
    r->dim_of[r->nout++] = index;
}

/* `..@perm`: dim d of the result is dim perm[d] of the run. */
static void permuted(Row *r, Run *run) {
    Parser *ps = &r->ps;
    const char *name;
    size_t len;
    bool seen[MAX_RANK] = {0};
    const Attr *a = parse_name(ps, &name, &len) ? row_attr(r, name, len) : NULL;
    if (!a || a->kind != ATTR_LIST || run->placed) {
        parse_fail(ps, "expected a list of dims");
        return;
    }
    if (a->i != run->size) {
        parse_fail(ps, "%s has %lld entries, expected %d", a->name, (long long)a->i,
                   run->size);
        return;
    }
    for (int d = 0; d < run->size; d++) {
        int64_t from = a->list[d] < 0 ? a->list[d] + run->size : a->list[d];
        if (from < 0 || from >= run->size || seen[from]) {
            parse_fail(ps, "%s is no permutation of %d dims", a->name, run->size);
            return;
        }
        seen[from] = true;
        run->index[from] = row_add_index(r, "", 0);
        put_dim(r, ix_var(ps->pool, run->index[from]), run->index[from], (Dim){0, 0});
    }
    run->placed = true;
    r->inferred = true;
}

static void result_run(Row *r, Run *run) {
    Parser *ps = &r->ps;
    if (parse_is(ps, ":")) { /* `a..:keep`: as many dims of extent 1, if keep is 1 */
        const Ix *keep = parse_ix(ps);
        int64_t yes = 0;
        if (!ps->failed && (!ix_is_const(keep, &yes) || yes < 0 || yes > 1))
            parse_fail(ps, "dims are kept (1) or not (0)");
        for (int d = 0; yes == 1 && d < run->size; d++)
            put_dim(r, ix_const(ps->pool, 0), -1, (Dim){1, false});
        return;
    }
    if (parse_is(ps, "@")) {
        permuted(r, run);
        return;
    }
    if (parse_is(ps, "<")) { /* the shape was read when lists were scanned */
        const char *name;
        size_t len;
        parse_need(ps, "@");
        parse_name(ps, &name, &len);
    }
    if (run->placed)
        parse_fail(ps, "a run of dims twice in the result");
    else if (run_place(r, run))
        for (int d = 0; d < run->size; d++)
            put_dim(r, ix_var(ps->pool, run->index[d]), run->index[d], (Dim){0, 0});
}

static void result_sub(Row *r) {
    Parser *ps = &r->ps;
    const char *name, *from = ps->at;
    size_t len;
    if (!r->listed && row_bare_index(r, &name, &len)) {
        if (row_index(r, name, len) < 0) {
            int i = declare(r, name, len);
            put_dim(r, ix_var(ps->pool, i), i, (Dim){0, 0});
            return;
        }
        ps->at = from;
    }
    const Ix *e = parse_ix(ps);
    if (!parse_need(ps, "<"))
        return;
    Dim d = range(r);
    if (!ps->failed && check_extent(r, "the result", 10, d.n))
        put_dim(r, e, -1, d);
}

static void result(Row *r) {
    const char *name;
    size_t len;
    Run *run;
    if (parse_is(&r->ps, "for")) {
        r->listed = true;
        index_list(r);
    }
    if (!parse_name(&r->ps, &name, &len))
        parse_fail(&r->ps, "expected the result's name");
    parse_need(&r->ps, "[");
    while (!r->ps.failed && !parse_peek(&r->ps, "]")) {
        if (row_run_next(r, &run))
            result_run(r, run);
        else
            result_sub(r);
        if (!parse_is(&r->ps, ","))
            break;
    }
    parse_need(&r->ps, "]");
    r->nfree = r->nidx;
}

/* --- fold and order --- */

static void fold(Row *r) {
    static const struct {
        const char *text;
        Fold fold;
        bool arg, even;
    } table[] = {
        {"argmax=", FOLD_MAX, true, false},  {"argmin=", FOLD_MIN, true, false},
        {"evenmax=", FOLD_MAX, false, true}, {"evenmin=", FOLD_MIN, false, true},
        {"max=", FOLD_MAX, false, false},    {"min=", FOLD_MIN, false, false},
        {"+=", FOLD_SUM, false, false},      {"*=", FOLD_PROD, false, false},
        {"=", FOLD_NONE, false, false},
    };
    size_t i = 0;
    r->scatter = parse_is(&r->ps, "scatter");
    while (i < COUNT(table) && !parse_is(&r->ps, table[i].text))
        i++;
    if (i == COUNT(table)) {
        parse_need(&r->ps, "=");
        return;
    }
    r->fold = table[i].fold;
    r->arg = table[i].arg;
    r->even = table[i].even;
}

static void order(Row *r) {
    Parser *ps = &r->ps;
    r->parts = 1;
    if (!parse_peek(ps, "["))
        return;
    index_list(r);
    r->order = parse_is(ps, "lanes") ? ORDER_LANES : ORDER_SERIAL;
    if (parse_is(ps, "chunk") && parse_int(ps, &r->chunk) && r->chunk < 1)
        parse_fail(ps, "a chunk of %lld terms", (long long)r->chunk);
    if (parse_is(ps, "parts"))
        parse_int(ps, &r->parts);
    parse_is(ps, ":");
}

/* --- what the shapes decide --- */

static bool extents_known(Row *r) {
    for (int i = 0; i < r->nidx && !r->ps.failed; i++) {
        RowIndex *x = &r->idx[i];
        if (!x->known && x->one)
            x->ext = (Dim){1, false};
        else if (!x->known && x->len)
            parse_fail(&r->ps, "nothing says how far '%.*s' runs", (int)x->len,
                       x->name);
        else if (!x->known)
            parse_fail(&r->ps, "nothing says how far a dim of the result runs");
        else
            check_extent(r, x->len ? x->name : "a dim", x->len ? x->len : 5, x->ext.n);
    }
    return !r->ps.failed;
}

static bool result_type(Row *r, Type *t) {
    int64_t count;
    t->rank = r->nout;
    for (int d = 0; d < r->nout; d++) {
        t->dim[d] = r->dim_of[d] < 0 ? r->dim[d] : r->idx[r->dim_of[d]].ext;
    }
    return type_count(t, &count) ||
           parse_fail(&r->ps, "%s is too large", type_text(r->ps.arena, t));
}

static bool batch_inside(const Type *t) {
    for (int d = 1; d < t->rank; d++)
        if (t->dim[d].batch)
            return true;
    return false;
}

/* X[#]: both have the same elements. */
static bool wholes_fit(Row *r, const Type *t) {
    for (int i = 0; i < r->nwhole; i++) {
        const Type *s = &r->src[r->whole[i]].type;
        bool batch = s->rank && s->dim[0].batch, want = t->rank && t->dim[0].batch;
        int64_t n = 1, m = 1;
        type_count(s, &n);
        type_count(t, &m);
        if (n != m || batch != want || batch_inside(s) || batch_inside(t))
            return parse_fail(&r->ps, "%s is %s, which has not the elements of %s",
                              r->src[r->whole[i]].name, type_text(r->ps.arena, s),
                              type_text(r->ps.arena, t));
    }
    return true;
}

/* The canonical order: free ones as in the result; of the reduced, the batch first. What
 * has extent 1 is 0. Returns how many indices there are; of[] maps new to old. */
static int number(const Row *r, int *of, int *nfree) {
    int n = 0;
    for (int pass = 0; pass < 3; pass++) {
        for (int i = 0; i < r->nidx; i++) {
            Dim d = r->idx[i].ext;
            int rank = i < r->nfree || r->scatter ? 0 : d.batch && !r->listed ? 1 : 2;
            if (rank == pass && (r->listed || d.batch || d.n != 1))
                of[n++] = i;
        }
        if (pass == 0)
            *nfree = n;
    }
    return n;
}

static void substitute(Row *r, Eq *e, const Type *t) {
    Pool *p = r->ps.pool;
    const Ix *map[ROW_VARS] = {0}, **store = NEW(r->ps.arena, r->nout, const Ix *);
    int of[MAX_INDEX];
    e->nidx = number(r, of, &e->nfree);
    Dim *ext = NEW(r->ps.arena, e->nidx, Dim);
    for (int i = 0; i < r->nidx; i++)
        map[i] = ix_const(p, 0);
    for (int i = 0; i < e->nidx; i++) {
        map[of[i]] = ix_var(p, i);
        ext[i] = r->idx[of[i]].ext;
    }
    e->ext = ext;
    e->nout = r->nout;
    e->store = store;
    const Ix *element = ix_const(p, 0);
    for (int d = 0; d < r->nout; d++) {
        store[d] = ix_subst(p, r->store[d], ROW_VARS, map, NULL);
        element = ix_add(p, ix_scale(p, element, t->dim[d].n), store[d]);
    }
    map[NUMBER_VAR] = element;
    e->body = x_subst(p, e->body, ROW_VARS, map, NULL);
    Box box = eq_box(e);
    if (r->inferred)
        e->body = x_simplify(p, e->body, &box);
    for (int d = 0; d < r->nout && r->inferred; d++)
        if (!ix_is_var(store[d], NULL))
            store[d] = ix_simplify(p, store[d], &box);
}

/* --- guards for reads that may leave their operands --- */

typedef struct {
    Row *row;
    Eq *eq;
    Cond inside;
} Expansion;

static void expand(ReadCheck *c, const Leak *l) {
    Expansion *x = c->user;
    Pool *p = c->pool;
    Dim dim = c->src[l->slot]->dim[l->dim];
    const char *name = x->row->src[l->slot].name;
    int64_t lo, hi;
    const Ix *end = dim.batch ? ix_batch(p) : ix_const(p, dim.n);
    if (x->eq->fold != FOLD_NONE && !l->guarded) {
        const Ix *room = ix_addc(p, ix_sub(p, end, l->sub), -1);
        x->inside = cond_and(p, x->inside, cond_ge0(p, l->low ? l->sub : room));
    } else if (!dim.batch && ix_range(l->sub, &c->box, &lo, &hi)) {
        parse_fail(&x->row->ps, "%s.%d is %lld, but is read at %lld to %lld", name,
                   l->dim, (long long)dim.n, (long long)lo, (long long)hi);
    } else {
        parse_fail(&x->row->ps, "a read of %s may leave dim %d", name, l->dim);
    }
}

static void guard(Row *r, Eq *e) {
    Pool *p = r->ps.pool;
    const Type **src = NEW(r->ps.arena, r->nsrc, const Type *);
    Expansion x = {.row = r, .eq = e};
    ReadCheck c = {.pool = p,
                   .arena = r->ps.arena,
                   .eq = e,
                   .nsrc = r->nsrc,
                   .src = src,
                   .leak = expand,
                   .user = &x};
    for (int i = 0; i < r->nsrc; i++)
        src[i] = &r->src[i].type;
    reads_check(&c);
    if (c.fault && !r->ps.failed)
        parse_fail(&r->ps, "%s", c.fault);
    if (!r->ps.failed)
        e->body = x_when(p, x.inside, e->body, fold_start(p, e->fold, e->body->type));
}

/* --- all together --- */

static void label(Parser *ps) {
    const char *name, *from = ps->at;
    size_t len;
    if (parse_name(ps, &name, &len) && ps->at < ps->end && *ps->at == ':') {
        ps->label = arena_printf(ps->arena, "%.*s", (int)len, name);
        ps->at++;
    } else {
        ps->at = from;
    }
}

/* Only where the terms are few enough to be counted. */
static bool points_fit(Row *r, const Eq *e) {
    int64_t n = 1;
    for (int i = 0; i < e->nidx; i++)
        if (!size_mul(n, e->ext[i].n, &n) || n > INT64_C(1) << 56)
            return parse_fail(&r->ps, "an equation over too many points");
    return true;
}

static bool finish(Row *r, Eq *e, DType out_dtype, Type *out) {
    Parser *ps = &r->ps;
    if (!extents_known(r) || !result_type(r, out) || !wholes_fit(r, out))
        return false;
    if (out_dtype != NDTYPE)
        e->body = x_cast(ps->pool, out_dtype, e->body);
    out->dtype = e->body->type;
    e->fold = r->fold;
    e->scatter = r->scatter;
    e->arg = r->arg;
    e->even = r->even;
    substitute(r, e, out);
    if (e->fold == FOLD_NONE && e->nidx > e->nfree)
        return parse_fail(
            ps, "an index stands only on the right, but nothing is folded: +=?");
    if (!points_fit(r, e))
        return false;
    guard(r, e);
    if (e->nidx == e->nfree && !e->arg && !e->scatter && !r->listed)
        e->fold = FOLD_NONE;
    eq_set_order(e);
    if (r->chunk) {
        e->order = r->order;
        e->chunk = r->chunk;
        e->parts = r->parts;
    }
    return !ps->failed;
}

static bool sound(Row *r, const Eq *e, const Type *out) {
    const Type **src = NEW(r->ps.arena, r->nsrc, const Type *);
    for (int i = 0; i < r->nsrc; i++)
        src[i] = &r->src[i].type;
    const char *fault = eq_verify(r->ps.arena, r->ps.pool, e, r->nsrc, src, out);
    return !fault || parse_fail(&r->ps, "%s", fault);
}

Eq *eq_parse(Pool *p, Loc loc, const char *text, int nsrc, const Operand *src,
             int nattr, const Attr *attr, DType out_dtype, Type *out) {
    Arena *a = pool_arena(p);
    Row *r = NEW(a, 1, Row);
    Eq *e = NEW(a, 1, Eq);
    r->ps = (Parser){.pool = p,
                     .arena = a,
                     .at = text,
                     .start = text,
                     .end = text + strlen(text),
                     .loc = loc,
                     .rows = true,
                     .user = r,
                     .index = row_ix,
                     .value = row_value,
                     .number = out_dtype != NDTYPE ? out_dtype
                               : nsrc              ? src[0].type.dtype
                                                   : F32};
    r->nsrc = nsrc;
    r->src = src;
    r->nattr = nattr;
    r->attr = attr;
    for (int i = 0; i < nsrc; i++)
        for (int d = 0; d < src[i].type.rank; d++)
            if (src[i].type.dim[d].batch)
                r->batch = src[i].type.dim[d].n;
    *out = (Type){0};
    label(&r->ps);
    if (!runs_settle(r))
        return NULL;
    row_needs(r);
    result(r);
    fold(r);
    order(r);
    e->body = parse_expr(&r->ps);
    parse_space(&r->ps);
    if (!r->ps.failed && r->ps.at < r->ps.end)
        parse_fail(&r->ps, "got '%.1s' after the equation", r->ps.at);
    return !r->ps.failed && finish(r, e, out_dtype, out) && sound(r, e, out) ? e : NULL;
}
