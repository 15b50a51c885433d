/* How far rows of large values are needed.
 *
 * Where a guard keeps rows up to the row's own place (a causal mask), all that lies beyond
 * the end of a block of rows is nothing: it is not computed, if nobody reads it as more. */
#include "passes/band.h"

#include <math.h>

typedef struct {
    Pool *p;
    bool exact;                        /* 0*x is not 0 where x may be infinite */
    const Reach *known;                /* by node: large values that are 0 beyond */
    const Node *n;
    const Ix *place, *row;             /* of the row, and in it */
} Beyond;

static bool holds_guard(const Beyond *b, Cond c) {
    int64_t least;
    for (int i = 0; i < c.n; i++) {
        const Ix *rest = ix_sub(b->p, c.cmp[i].e, ix_sub(b->p, b->place, b->row));
        if (!c.cmp[i].eq && ix_is_const(rest, &least) && least <= 0)
            return true;
    }
    return false;
}

static bool zero(const Beyond *b, const Expr *e);

/* A product is 0 where a factor is, if the other is a number, or is taken to be one. */
static bool zero_product(const Beyond *b, const Expr *x, const Expr *y) {
    bool finite = !b->exact || (y->kind == X_NUM && isfinite(y->u.num));
    return finite && zero(b, x);
}

static bool zero_call(const Beyond *b, const Expr *e) {
    if (e->fn == FN_mul && zero_product(b, e->arg[1], e->arg[0]))
        return true;
    if (e->fn == FN_mul || e->fn == FN_div)
        return zero_product(b, e->arg[0], e->arg[1]);
    if (e->fn == FN_select)
        return zero(b, e->arg[1]) && zero(b, e->arg[2]);
    bool all = e->fn == FN_neg || e->fn == FN_add || e->fn == FN_sub;
    for (int i = 0; all && i < e->n; i++)
        all = zero(b, e->arg[i]);
    return all;
}

static bool zero(const Beyond *b, const Expr *e) {
    switch (e->kind) {
    case X_NUM:  return x_is_num(e, 0);
    case X_READ: return b->known[b->n->src[e->u.slot].node->id].zero;
    case X_WHEN: return zero(b, e->arg[1]) && (holds_guard(b, e->cond) || zero(b, e->arg[0]));
    case X_CALL: return zero_call(b, e);
    case X_IX: case X_VAR: case X_SPLAT: case X_TREE: return false;
    }
    bug("expression of kind %d", e->kind);
}

/* The index that runs along the row, and places to one of it: place = reach*row + rest. */
static bool row_index(const Member *as, const Ix *row, Reach *r) {
    r->index = -1;
    for (int i = 0; i < row->n; i++) {
        const IxTerm *t = &row->term[i];
        if (t->atom->kind != IX_VAR || t->coef < 1)
            return false;
        if (r->index < 0 || t->coef > r->places) {
            r->index = t->atom->id;
            r->places = t->coef;
        }
    }
    for (int i = 0; i < row->n; i++)
        if (row->term[i].atom->id != r->index &&
            row->term[i].coef * as->eq->ext[row->term[i].atom->id].n > r->places)
            return false;
    return r->index >= as->loops - as->sums && row->c == 0 && REACH_STEP % r->places == 0;
}

typedef struct { const Member *as; const Node *n; const Ix *row; bool ok; } Rows;

static void find_row(const Expr *e, void *user) {
    Rows *f = user;
    if (e->kind != X_READ || f->as[f->n->src[e->u.slot].node->id].role != ROLE_LARGE)
        return;
    const Ix *row = e->sub[e->n - 1];
    f->ok &= !f->row || f->row == row;
    f->row = row;
}

bool band_reach(Module *m, const Node *n, const Member *as, const Reach *known, Reach *r) {
    const Member *own = &as[n->id];
    const Eq *e = own->eq;
    Rows rows = {as, n, own->role == ROLE_LARGE ? e->store[e->nout - 1] : NULL, true};
    *r = (Reach){.index = -1, .places = 1};
    x_visit(e->body, find_row, &rows);
    if (!rows.row)
        return true;                   /* between rows: it has none */
    int place = own->sums ? e->nidx - 1 : own->loops - 1;
    Beyond b = {m->pool, m->strict, known, n, ix_var(m->pool, place), rows.row};
    if (!rows.ok || !row_index(own, rows.row, r))
        return false;
    if (own->role == ROLE_LARGE) {
        r->zero = e->fold == FOLD_NONE && zero(&b, e->body);
        return true;
    }
    const Expr *body = e->body;
    bool nothing = body->kind == X_WHEN && holds_guard(&b, body->cond) &&
                   body->arg[1] == fold_start(m->pool, e->fold, body->type);
    return e->nidx > e->nfree && (own->sums || r->index >= e->nfree) &&
           (nothing || (e->fold == FOLD_SUM && zero(&b, body)));
}

bool band_square(const Node *shape, int64_t block) {
    const Type *t = &shape->types[0];
    int64_t row = t->dim[t->rank - 1].n;
    return t->dim[t->rank - 2].n == row && row % REACH_STEP == 0 && row % block == 0;
}
