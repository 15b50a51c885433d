/* Perfect nests of FREE loops: finding them, and looking at their accesses. */
#include "passes/nest.h"

Nest nest_at(Stmt *s) {
    Nest n = {0};
    while (s && s->kind == S_FOR && s->loop == LOOP_FREE && n.n < MAX_NEST) {
        n.loop[n.n++] = s;
        n.core = s->body;
        if (!s->body || s->body->next)
            break;
        s = s->body;
    }
    return n;
}

Stmt *nest_link(Nest *n) {
    for (int i = 0; i < n->n; i++) {
        n->loop[i]->body = i + 1 < n->n ? n->loop[i + 1] : n->core;
        n->loop[i]->next = NULL;
    }
    return n->loop[0];
}

static void box_list(const Stmt *s, Box *box, Dim *ext) {
    for (; s; s = s->next) {
        int64_t lo, hi;
        if (s->kind == S_FOR && ix_range(s->hi, box, &lo, &hi) && hi > 0)
            ext[s->var] = (Dim){hi, false};
        box_list(s->body, box, ext);
    }
}

Box nest_box(Arena *a, const Kernel *k, int64_t batch_bound) {
    Dim *ext = NEW(a, k->nloop + 1, Dim);
    Box box = {k->nloop, ext, batch_bound};
    for (int i = 0; i < k->nloop; i++)
        ext[i] = (Dim){INT32_MAX, false};
    box_list(k->body, &box, ext);
    return box;
}

int64_t nest_extent(const Stmt *loop, const Box *box, bool *varies) {
    int64_t lo, hi;
    *varies = !ix_is_const(loop->hi, &hi) || !ix_is_const(loop->lo, &lo);
    if (!*varies)
        return hi - lo;
    return nest_most(loop->hi, box, &hi) ? hi : box->batch;
}

bool nest_most(const Ix *e, const Box *box, int64_t *most) {
    int64_t lo;
    Box alone = {0, NULL, box->batch};
    return ix_range(e, &alone, &lo, most) || ix_range(e, box, &lo, most);
}

bool nest_holds_free(const Stmt *s) {
    for (; s; s = s->next)
        if ((s->kind == S_FOR && s->loop != LOOP_SERIAL) || (s->value && s->value->lanes > 1) ||
            nest_holds_free(s->body))
            return true;
    return false;
}

bool nest_holds_serial(const Stmt *s) {
    for (; s; s = s->next)
        if ((s->kind == S_FOR && s->loop == LOOP_SERIAL) || nest_holds_serial(s->body))
            return true;
    return false;
}

typedef struct { AccessFn *access; IxFn *index; void *user; } Visit;

static void visit_ix(const Ix *x, Visit *v) {
    if (v->index)
        v->index(x, v->user);
    for (int i = 0; v->access && i < x->n; i++) {
        const IxAtom *t = x->term[i].atom;
        for (int j = 0; j < t->n; j++)
            visit_ix(t->a[j], v);
        if (t->kind == IX_READ)
            v->access(t->a[0], t->id, false, v->user);
    }
}

static void visit_expr(const Expr *e, void *user) {
    Visit *v = user;
    if (e->kind == X_IX)
        visit_ix(e->u.ix, v);
    if (e->kind == X_READ) {
        visit_ix(e->sub[0], v);
        if (v->access)
            v->access(e->sub[0], e->u.slot, false, v->user);
    }
    for (int i = 0; e->kind == X_WHEN && i < e->cond.n; i++)
        visit_ix(e->cond.cmp[i].e, v);
}

static void visit(const Stmt *s, Visit *v) {
    for (; s; s = s->next) {
        if (s->value)
            x_visit(s->value, visit_expr, v);
        if (s->kind == S_STORE) {
            visit_ix(s->at, v);
            if (v->access)
                v->access(s->at, s->buf, true, v->user);
        }
        if (s->kind == S_FOR) {
            visit_ix(s->lo, v);
            visit_ix(s->hi, v);
        }
        for (int i = 0; s->kind == S_IF && i < s->cond.n; i++)
            visit_ix(s->cond.cmp[i].e, v);
        visit(s->body, v);
    }
}

void nest_accesses(const Stmt *core, AccessFn *f, void *user) {
    Visit v = {f, NULL, user};
    visit(core, &v);
}

void nest_indices(const Stmt *core, IxFn *f, void *user) {
    Visit v = {NULL, f, user};
    visit(core, &v);
}

typedef struct { int var; double score; } Score;

/* Stores count more than reads, contiguous is best, a gather costs. */
static void weigh(const Ix *at, int buf, bool store, void *user) {
    Score *s = user;
    int64_t c = ix_coef(at, s->var);
    (void)buf;
    if (!ix_affine_in(at, s->var) || (store && c == 0))
        s->score = -1e9;
    else if (c == 1)
        s->score += store ? 4 : 2;
    else if (c != 0)
        s->score -= store ? 6 : 3;
}

double nest_score(const Nest *n, int var) {
    Score s = {var, 0};
    nest_accesses(n->core, weigh, &s);
    return s.score;
}
