/* Lowering of argsort: a sorting network over each row, keys beside their numbers.
 * Which places are compared does not depend on the values, so that the loops are free and
 * every address is proven. Ties are broken by number: the order is the stable one. */
#include "passes/lower.h"

typedef struct {
    Lower l;
    const Node *n;
    int64_t cols;
    int order, from, key;              /* buffers: result, operand, keys of this row */
    const Ix *row;                     /* address of the row's first element */
} Sort;

static const Expr *read_at(Sort *s, int buf, const Ix *at) {
    return x_read(s->l.p, s->l.k->buf[buf].dtype, buf, 1, &at);
}

/* NaN counts as the largest. */
static const Expr *less(Pool *p, const Expr *a, const Expr *b) {
    const Expr *lt = x_call2(p, FN_lt, a, b);
    if (!dtype_info[a->type].is_float)
        return lt;
    const Expr *last = x_call2(p, FN_and, x_call2(p, FN_ne, b, b), x_call2(p, FN_eq, a, a));
    return x_call2(p, FN_or, lt, last);
}

/* What stands at `lo` comes before what stands at `hi` from now on. */
static void put_in_order(Sort *s, const Ix *lo, const Ix *hi) {
    Lower *l = &s->l;
    Pool *p = l->p;
    const Ix *at[] = {lo, hi};
    const Expr *key[2], *number[2];
    for (int i = 0; i < 2; i++) {
        key[i] = lower_var(l, lower_let(l, read_at(s, s->key, at[i])));
        number[i] = lower_var(
            l, lower_let(l, read_at(s, s->order, ix_add(p, s->row, at[i]))));
    }
    int small = s->n->descending, large = 1 - small;
    const Expr *wrong = less(p, key[large], key[small]);
    const Expr *right = less(p, key[small], key[large]);
    const Expr *swap = x_call3(p, FN_select, x_call2(p, FN_or, wrong, right), wrong,
                               x_call2(p, FN_lt, number[1], number[0]));
    swap = lower_var(l, lower_let(l, swap));
    for (int i = 0; i < 2; i++) {
        const Expr *k = x_call3(p, FN_select, swap, key[1 - i], key[i]);
        const Expr *v = x_call3(p, FN_select, swap, number[1 - i], number[i]);
        lower_put(l, stmt_store(l->a, s->key, at[i], k));
        lower_put(l, stmt_store(l->a, s->order, ix_add(p, s->row, at[i]), v));
    }
}

static const Ix *open_loop(Lower *l, int64_t lo, int64_t hi) {
    return ix_var(l->p, lower_open(l, LOOP_FREE, ix_const(l->p, lo), ix_const(l->p, hi), 1));
}

typedef struct { int64_t size, first, last, from, to; bool mirrored; } Pairs;

/* In blocks first..last of `size` elements, pairs from..to: t with size-1-t, mirrored, or
 * with t + size/2. */
static void compare_pairs(Sort *s, Pairs q) {
    Lower *l = &s->l;
    if (q.first >= q.last || q.from >= q.to)
        return;
    const Ix *base = ix_scale(l->p, open_loop(l, q.first, q.last), q.size);
    const Ix *t = open_loop(l, q.from, q.to);
    const Ix *other = q.mirrored ? ix_sub(l->p, ix_const(l->p, q.size - 1), t)
                                 : ix_addc(l->p, t, q.size / 2);
    put_in_order(s, ix_add(l->p, base, t), ix_add(l->p, base, other));
    lower_close(l, 2);
}

/* The last block may be short: what is beyond the end would be the largest, and stay. */
static void stage(Sort *s, int64_t size, bool mirrored) {
    int64_t full = s->cols / size, rest = s->cols % size, half = size / 2;
    compare_pairs(s, (Pairs){size, 0, full, 0, half, mirrored});
    compare_pairs(s, (Pairs){size, full, full + 1, mirrored ? size - rest : 0,
                             mirrored ? half : rest - half, mirrored});
    s->l.k->work += 20.0 * (double)s->cols / 2;
}

/* Blocks of `size` are sorted by merging their halves, one of them backwards. */
static void network(Sort *s) {
    for (int64_t size = 2; size / 2 < s->cols; size *= 2) {
        stage(s, size, true);
        for (int64_t part = size / 2; part > 1; part /= 2)
            stage(s, part, false);
    }
}

static void start(Sort *s) {
    Lower *l = &s->l;
    const Ix *i = open_loop(l, 0, s->cols), *at = ix_add(l->p, s->row, i);
    lower_put(l, stmt_store(l->a, s->key, i,
                            x_cast(l->p, l->k->buf[s->key].dtype, read_at(s, s->from, at))));
    lower_put(l, stmt_store(l->a, s->order, at, x_ix(l->p, I32, i)));
    lower_close(l, 1);
}

static void add_buffers(Sort *s, DType t, int64_t size) {
    Arena *a = s->l.a;
    Kernel *k = s->l.k;
    DType key = t == BOOL ? U8 : t;
    s->order = kernel_buf(a, k, (Buf){.kind = BUF_ARG, .dtype = I32, .size = size, .read = true,
                                      .written = true, .restricted = true});
    s->from = kernel_buf(a, k, (Buf){.kind = BUF_ARG, .dtype = t, .size = size, .read = true,
                                     .restricted = true});
    s->key = kernel_buf(a, k, (Buf){.kind = BUF_LOCAL, .dtype = key, .size = s->cols,
                                    .read = true, .written = true});
}

Launch lower_argsort(Module *m, const Graph *g, const Node *n) {
    Sort s = {.l = {.m = m, .g = g, .p = m->pool, .a = m->arena}, .n = n};
    const Type *t = &n->types[0];
    int64_t size = 1;
    s.l.k = NEW(m->arena, 1, Kernel);
    s.l.k->origin = n->origin;
    s.l.tail[0] = &s.l.k->body;
    s.cols = t->dim[t->rank - 1].n;
    type_count(t, &size);
    add_buffers(&s, ref_type(n->src[0])->dtype, size);
    const Ix *rows = ix_const(m->pool, size / s.cols);
    if (t->dim[0].batch)
        rows = ix_scale(m->pool, ix_batch(m->pool), size / s.cols / t->dim[0].n);
    int row = lower_open(&s.l, LOOP_FREE, ix_const(m->pool, 0), rows, 1);
    s.row = ix_scale(m->pool, ix_var(m->pool, row), s.cols);
    start(&s);
    network(&s);
    s.l.k->work *= (double)(size / s.cols);
    Launch la = {.kind = C_KERNEL, .kernel = s.l.k, .narg = 2, .arg = NEW(m->arena, 2, Ref)};
    la.arg[0] = (Ref){(Node *)(uintptr_t)n, 0};
    la.arg[1] = lower_base(g, n->src[0]);
    return la;
}
