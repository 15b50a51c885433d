/* Reductions as loops, in the canonical order of ir/eq.h: term -> chunk -> part -> total.
 *
 * A chunk is a run of one index, times the whole indices inside it; the indices outside
 * the run are found from the chunk's number. */
#include "passes/lower.h"

#include "passes/jam.h"

typedef struct {
    int cut;                           /* index that is cut into runs */
    int64_t run, blocks;               /* length of a run; runs in the index, at the bound */
    int64_t chunks;                    /* at the bound */
} Shape;

static Shape shape_of(const Eq *e) {
    int64_t inner = 1;
    int i = e->nidx;
    while (i - 1 > e->nfree && inner * e->ext[i - 1].n <= e->chunk)
        inner *= e->ext[--i].n;
    Shape s = {.cut = i - 1};
    int64_t extent = e->ext[s.cut].n;
    s.run = e->chunk == 0 || e->chunk / inner > extent ? extent : e->chunk / inner;
    s.blocks = s.chunks = (extent + s.run - 1) / s.run;
    for (i = e->nfree; i < s.cut; i++)
        s.chunks *= e->ext[i].n;
    return s;
}

typedef struct {
    Lower *l;
    const Node *node;
    const Eq *eq;
    const Ix **map;
    Shape shape;
    const Ix *lo, *hi;                 /* the run of this chunk */
    int arg;                           /* winner's number, or -1 */
} Reduce;

/* --- the terms of one chunk, one by one --- */

static const Ix *number(Reduce *r) {
    Pool *p = r->l->p;
    const Ix *at = ix_const(p, 0);
    for (int i = r->eq->nfree; i < r->eq->nidx; i++)
        at = ix_add(p, ix_scale(p, at, r->eq->ext[i].n), r->map[i]);
    return at;
}

/* acc = fold(acc, term); the winner's number moves where the term is better. */
static void combine(Reduce *r, int acc, const Expr *term) {
    Lower *l = r->l;
    Pool *p = l->p;
    const Expr *a = lower_var(l, acc);
    if (r->arg >= 0) {
        const Expr *t = term = lower_var(l, lower_let(l, term));
        const Expr *more = r->eq->fold == FOLD_MAX ? x_call2(p, FN_lt, a, t)
                                                   : x_call2(p, FN_lt, t, a);
        const Expr *nan = x_call2(p, FN_and, x_call2(p, FN_ne, t, t), x_call2(p, FN_eq, a, a));
        lower_put(l, stmt_set(l->a, r->arg,
                              x_call3(p, FN_select, x_call2(p, FN_or, more, nan),
                                      x_ix(p, I32, number(r)), lower_var(l, r->arg))));
    }
    lower_put(l, stmt_set(l->a, acc, x_expand(p, x_call2(p, fold_fn(r->eq->fold), a, term))));
}

/* The body at the current point. A guard around the whole term becomes an `if`, unless
 * it compares with what is read. */
static void term(Reduce *r, int acc) {
    Lower *l = r->l;
    const Expr *body = r->eq->body;
    const Expr *none = x_num(l->p, body->type, fold_identity(r->eq->fold, body->type));
    bool guarded = body->kind == X_WHEN && body->arg[1] == none;
    for (int i = 0; guarded && i < body->cond.n; i++)
        guarded = !ix_reads(body->cond.cmp[i].e);
    if (guarded) {
        Stmt *s = stmt_if(l->a, lower_cond(l, r->node, body->cond, r->map), NULL);
        lower_put(l, s);
        l->tail[++l->depth] = &s->body;
        body = body->arg[0];
    }
    combine(r, acc, lower_share(l, lower_expr(l, r->node, body, r->map)));
    lower_close(l, guarded);
}

/* Loops over the chunk's indices but for the last `leave`. Returns how many. */
static int chunk_loops(Reduce *r, int leave) {
    int n = 0;
    for (int i = r->shape.cut; i < r->eq->nidx - leave; i++, n++) {
        bool cut = i == r->shape.cut;
        const Ix *end = cut ? r->hi : lower_extent(r->l, r->eq->ext[i]);
        int v = lower_open(r->l, LOOP_SERIAL, cut ? r->lo : ix_const(r->l->p, 0),
                           lower_row_end(r->l, r->node, i, end), 1);
        r->map[i] = ix_var(r->l->p, v);
    }
    return n;
}

static void serial_chunk(Reduce *r, int acc) {
    int n = chunk_loops(r, 0);
    term(r, acc);
    lower_close(r->l, n);
}

/* --- sixteen lanes --- */

/* The number in the chunk of the first term of the current row. */
static const Ix *row_start(Reduce *r) {
    Pool *p = r->l->p;
    const Ix *at = ix_const(p, 0);
    int last = r->eq->nidx - 1;
    for (int i = r->shape.cut; i < last; i++) {
        const Ix *v = i == r->shape.cut ? ix_sub(p, r->map[i], r->lo) : r->map[i];
        at = ix_add(p, ix_scale(p, at, i == r->shape.cut ? 1 : r->eq->ext[i].n), v);
    }
    return r->shape.cut == last ? at : ix_scale(p, at, r->eq->ext[last].n);
}

/* What one lane sums: rows in groups of 16 that begin at lane 0, so ends are guarded. */
static void one_lane(Reduce *r, int acc, int lane) {
    Lower *l = r->l;
    Pool *p = l->p;
    int64_t left;
    int last = r->eq->nidx - 1, rows = chunk_loops(r, 1);
    bool cut = r->shape.cut == last;
    const Ix *lo = cut ? r->lo : ix_const(p, 0);
    const Ix *hi = cut ? r->hi : lower_extent(l, r->eq->ext[last]);
    const Ix *length = ix_sub(p, lower_row_end(l, r->node, last, hi), lo);
    const Ix *phase = ix_mod(p, row_start(r), LANES), *from = ix_scale(p, phase, -1);
    const Ix *groups = ix_div(p, ix_addc(p, ix_add(p, length, phase), LANES - 1), LANES);
    int v = lower_open(l, LOOP_SERIAL, from, ix_add(p, from, ix_scale(p, groups, LANES)), LANES);
    const Ix *at = ix_add(p, ix_var(p, v), ix_var(p, lane));
    bool even = ix_is_const(phase, NULL) && ix_is_const(ix_mod(p, length, LANES), &left) && !left;
    r->map[last] = ix_add(p, lo, at);
    if (!even) {
        Cond in = cond_and(p, cond_ge0(p, at), cond_ge0(p, ix_addc(p, ix_sub(p, length, at), -1)));
        Stmt *s = stmt_if(l->a, in, NULL);
        lower_put(l, s);
        l->tail[++l->depth] = &s->body;
    }
    term(r, acc);
    lower_close(l, rows + 1 + !even);
}

/* The sixteen folds, from memory, folded by halves: sums as vectors. */
static const Expr *halves(Lower *l, int buf, DType t, int width, Fold fold) {
    const Expr *v[LANES];
    int n = LANES / width;
    for (int i = 0; i < n; i++)
        v[i] = x_vread(l->p, t, buf, ix_const(l->p, i * width), width, 1, width);
    for (n /= 2; n >= 1; n /= 2)
        for (int i = 0; i < n; i++) {
            v[i] = x_expand(l->p, x_call2(l->p, fold_fn(fold), v[i], v[i + n]));
            if (fold != FOLD_SUM)      /* it uses its arguments more than once */
                v[i] = lower_var(l, lower_let(l, v[i]));
        }
    return fold == FOLD_SUM ? x_tree(l->p, FN_add, v[0]) : v[0];
}

static void lanes_chunk(Reduce *r, int acc) {
    Lower *l = r->l;
    Pool *p = l->p;
    DType t = r->eq->body->type;
    int width = l->m->target->lanes < LANES ? l->m->target->lanes : LANES;
    Stmt *list = NULL, *wide;
    int lane = kernel_loop(l->k);
    l->tail[++l->depth] = &list;
    Fold fold = r->eq->fold;
    int sum = lower_let(l, x_num(p, t, fold_identity(fold, t)));
    one_lane(r, sum, lane);
    int buf = kernel_buf(l->a, l->k, (Buf){.kind = BUF_LOCAL, .dtype = t, .size = LANES});
    lower_put(l, stmt_store(l->a, buf, ix_var(p, lane), lower_var(l, sum)));
    lower_close(l, 1);
    Jam j = {.a = l->a, .p = p, .k = l->k};
    wide = jam_widen(&j, list, lane, width, width);
    if (!wide) {
        width = 1;
        wide = list;
    }
    lower_put(l, stmt_for(l->a, lane, LOOP_SERIAL, ix_const(p, 0), ix_const(p, LANES), width,
                          wide));
    const Expr *all = halves(l, buf, t, fold == FOLD_SUM ? width : 1, fold);
    lower_put(l, stmt_set(l->a, acc, x_expand(p, x_call2(p, fold_fn(fold), lower_var(l, acc),
                                                         all))));
}

/* --- chunks, parts, total --- */

/* Number of chunks of this call. */
static const Ix *chunk_count(Reduce *r) {
    Lower *l = r->l;
    const Eq *e = r->eq;
    const Ix *n = ix_const(l->p, r->shape.blocks);
    for (int i = e->nfree; i <= r->shape.cut; i++) {
        if (i == r->shape.cut && !e->ext[i].batch)
            continue;
        if (i == r->shape.cut)
            n = ix_div(l->p, ix_addc(l->p, ix_batch(l->p), r->shape.run - 1), r->shape.run);
        else if (e->ext[i].batch)      /* the batch is outermost: the rest is constant */
            n = ix_scale(l->p, ix_batch(l->p), r->shape.chunks / e->ext[i].n);
        else if (i == e->nfree || !e->ext[e->nfree].batch)
            n = ix_scale(l->p, n, e->ext[i].n);
    }
    return n;
}

/* Chunk number c as the outer indices and the run. */
static void place_chunk(Reduce *r, const Ix *c) {
    Pool *p = r->l->p;
    const Eq *e = r->eq;
    int64_t unit = r->shape.blocks;
    bool outermost = r->shape.cut == e->nfree;
    const Ix *end = lower_extent(r->l, e->ext[r->shape.cut]);
    for (int i = r->shape.cut - 1; i >= e->nfree; i--) {
        const Ix *q = ix_div(p, c, unit);
        r->map[i] = i == e->nfree ? q : ix_mod(p, q, e->ext[i].n);
        unit *= e->ext[i].n;
    }
    if (r->shape.blocks == 1) {
        r->lo = ix_const(p, 0);
        r->hi = end;
        return;
    }
    r->lo = ix_scale(p, outermost ? c : ix_mod(p, c, r->shape.blocks), r->shape.run);
    r->hi = ix_addc(p, r->lo, r->shape.run);
    if (e->ext[r->shape.cut].batch || e->ext[r->shape.cut].n % r->shape.run)
        r->hi = ix_min(p, r->hi, end);
}

static void one_chunk(Reduce *r, int into, const Ix *c) {
    Lower *l = r->l;
    const Expr *start = x_num(l->p, r->eq->body->type,
                              fold_identity(r->eq->fold, r->eq->body->type));
    place_chunk(r, c);
    if (r->eq->order == ORDER_LANES) {
        int winner = r->arg;
        if (winner >= 0)               /* the first of all, one by one */
            serial_chunk(r, lower_let(l, start));
        r->arg = -1;
        lanes_chunk(r, into);
        r->arg = winner;
        return;
    }
    if (r->shape.chunks == 1 || r->eq->fold != FOLD_SUM) {
        serial_chunk(r, into);
        return;
    }
    int acc = lower_let(l, start);
    serial_chunk(r, acc);
    lower_put(l, stmt_set(l->a, into, x_call2(l->p, FN_add, lower_var(l, into),
                                              lower_var(l, acc))));
}

static void chunk_range(Reduce *r, int into, const Ix *lo, const Ix *hi) {
    int c = lower_open(r->l, LOOP_SERIAL, lo, hi, 1);
    one_chunk(r, into, ix_var(r->l->p, c));
    lower_close(r->l, 1);
}

const Expr *lower_reduce(Lower *l, const Node *n, const Ix **map, const Expr **arg) {
    const Eq *e = n->eq;
    Pool *p = l->p;
    DType t = e->body->type;
    Reduce r = {.l = l, .node = n, .eq = e, .map = map, .shape = shape_of(e), .arg = -1};
    const Expr *start = x_num(p, t, fold_identity(e->fold, t));
    const Ix *zero = ix_const(p, 0);

    if (e->arg)
        r.arg = lower_let(l, x_int(p, I32, 0));
    int total = lower_let(l, start);
    if (e->parts > 1 && e->fold == FOLD_SUM) {
        int64_t each = (r.shape.chunks + e->parts - 1) / e->parts;
        int part = lower_open(l, LOOP_SERIAL, zero, ix_const(p, e->parts), 1);
        const Ix *lo = ix_scale(p, ix_var(p, part), each);
        int sum = lower_let(l, start);
        chunk_range(&r, sum, lo, ix_min(p, ix_addc(p, lo, each), chunk_count(&r)));
        lower_put(l, stmt_set(l->a, total, x_call2(p, FN_add, lower_var(l, total),
                                                   lower_var(l, sum))));
        lower_close(l, 1);
    } else if (r.shape.chunks > 1) {
        chunk_range(&r, total, zero, chunk_count(&r));
    } else {
        one_chunk(&r, total, zero);
    }
    *arg = r.arg >= 0 ? lower_var(l, r.arg) : NULL;
    return lower_var(l, total);
}

void lower_block(Lower *l, const Node *n, const Ix **map, int acc) {
    const Eq *e = n->eq;
    Reduce r = {.l = l, .node = n, .eq = e, .map = map, .arg = -1};
    int v = lower_open(l, LOOP_SERIAL, ix_const(l->p, 0),
                       lower_block_turns(l, e->ext[e->nidx - 1]), 1);
    map[e->nidx - 1] = ix_add(l->p, l->base, ix_var(l->p, v));
    term(&r, acc);
    lower_close(l, 1);
}
