/* Bands as loops: blocks of rows, and sums that grow from block to block. */
#include "passes/band.h"
#include "passes/lower.h"

/* Blocks are a loop between those that hold them and the turns of one. */
int lower_depth(const Lower *l, int loops) {
    return loops + (l->band.id && loops >= l->band.loops - 1);
}

/* Where sums grow in memory, blocks are in order. */
void lower_blocks(Lower *l, Dim e) {
    int64_t blocks = (e.n + l->band.block - 1) / l->band.block;
    int v = lower_open(l, l->sums ? LOOP_SERIAL : LOOP_FREE, ix_const(l->p, 0),
                       ix_const(l->p, blocks), 1);
    l->base = ix_scale(l->p, ix_var(l->p, v), l->band.block);
}

const Ix *lower_block_turns(Lower *l, Dim e) {
    const Ix *block = ix_const(l->p, l->band.block);
    return e.n % l->band.block ? ix_min(l->p, block, ix_sub(l->p, lower_extent(l, e), l->base))
                               : block;
}

/* What rows before place `at` need, in whole steps. */
static const Ix *reach(Pool *p, const Ix *at) {
    return ix_scale(p, ix_div(p, ix_addc(p, at, REACH_STEP - 1), REACH_STEP), REACH_STEP);
}

const Ix *lower_row_end(Lower *l, const Node *n, int i, const Ix *end) {
    if (!l->band.id || !n->band.reach || n->band.row != i)
        return end;
    const Ix *most = reach(l->p, ix_addc(l->p, l->base, l->band.block));
    most = ix_div(l->p, most, n->band.reach);
    return ix_is_const(end, NULL) ? most : ix_min(l->p, end, most);
}

typedef struct {
    Lower *l;
    const Made *made;
    const Eq *eq;
    const Ix **map;
    const Ix *term;                    /* number of the block's first term */
    const Ix *before;                  /* the same without the loop in blocks */
} Sum;

/* What stands in memory from before; nothing where the sum begins. Where the reach of rows
 * grows, so it does for rows from `start` of the first turn of the loops outside. */
static const Expr *from_before(const Sum *s, Cond begins, Cond outer, const Ix *start, int buf,
                               const Ix *at) {
    Pool *p = s->l->p;
    const Node *n = s->made->node;
    const Expr *none = x_num(p, s->eq->body->type, 0);
    const Expr *old = x_read(p, s->eq->body->type, buf, 1, &at);
    if (n->band.reach) {
        const Ix *row = ix_scale(p, s->map[n->band.row], n->band.reach);
        Cond fresh = cond_and(p, outer, cond_ge0(p, ix_sub(p, row, start)));
        old = x_when(p, fresh, none, old);
    }
    return x_when(p, begins, none, old);
}

static const Ix *result_at(const Sum *s) {
    const Ix *sub[MAX_RANK];
    for (int d = 0; d < s->eq->nout; d++)
        sub[d] = lower_ix(s->l, s->made->node, s->eq->store[d], s->map);
    return lower_flat(s->l->p, &s->made->node->types[0], 0, sub);
}

/* A buffer for the sums of a chunk, apart from the total. */
static const Ix *chunk_at(const Sum *s, int *buf) {
    Lower *l = s->l;
    const Ix *at = ix_const(l->p, 0);
    int64_t size = 1;
    for (int i = l->band.loops - s->made->node->band.sums; i < s->eq->nfree; i++) {
        at = ix_add(l->p, ix_scale(l->p, at, s->eq->ext[i].n), s->map[i]);
        size *= s->eq->ext[i].n;
    }
    *buf = kernel_buf(l->a, l->k, (Buf){.kind = BUF_LOCAL, .dtype = s->eq->body->type,
                                        .size = size, .read = true, .written = true});
    return at;
}

/* At the end of a chunk its sum is added to the total. */
static void add_chunk(const Sum *s, int acc) {
    Lower *l = s->l;
    Pool *p = l->p;
    const Eq *e = s->eq;
    const Ix *chunk = ix_div(p, s->term, e->chunk), *at = result_at(s);
    const Ix *end = ix_addc(p, ix_scale(p, chunk, e->chunk), e->chunk);
    if (eq_terms(e) % e->chunk)
        end = ix_min(p, end, ix_const(p, eq_terms(e)));
    const Ix *start = ix_scale(p, chunk, e->chunk);
    const Expr *total = from_before(s, cond_eq0(p, chunk), cond_eq0(p, s->before), start,
                                    s->made->out[0], at);
    Stmt *add = stmt_store(l->a, s->made->out[0], at, x_call2(p, FN_add, total, lower_var(l, acc)));
    const Ix *next = ix_add(p, s->term, lower_block_turns(l, e->ext[e->nidx - 1]));
    lower_put(l, stmt_if(l->a, cond_ge0(p, ix_sub(p, next, end)), add));
}

void lower_sum(Lower *l, Made *m) {
    const Eq *e = m->node->eq;
    Pool *p = l->p;
    int buf = m->out[0], sums = m->node->band.sums;
    Sum s = {l, m, e, NEW(l->a, e->nidx + 1, const Ix *), ix_const(p, 0), NULL};
    lower_free(l, m, s.map);
    for (int i = 0; i < sums; i++) {
        bool last = i == sums - 1;
        s.map[e->nfree + i] = last ? l->base : l->at[l->band.loops - sums + i];
        s.term = ix_add(p, ix_scale(p, s.term, e->ext[e->nfree + i].n), s.map[e->nfree + i]);
    }
    s.before = ix_sub(p, s.term, l->base);
    bool chunks = e->chunk < eq_terms(e);
    const Ix *at = chunks ? chunk_at(&s, &buf) : result_at(&s);
    Cond first = cond_eq0(p, chunks ? ix_mod(p, s.term, e->chunk) : s.term);
    Cond outer = cond_eq0(p, chunks ? ix_mod(p, s.before, e->chunk) : s.before);
    int acc = lower_let(l, from_before(&s, first, outer, reach(p, l->base), buf, at));
    l->k->buf[m->out[0]].read = true;
    lower_block(l, m->node, s.map, acc);
    lower_put(l, stmt_store(l->a, buf, at, lower_var(l, acc)));
    if (chunks)
        add_chunk(&s, acc);
    lower_close(l, e->nfree - (l->band.loops - sums));
}
