/* Vector lanes for a loop: lane l of every value that varies stands for iteration var + l. */
#include "passes/jam.h"

#include <string.h>

typedef struct {
    Jam *j;
    int var, lanes, active;
    int nold;
    const int *to;                     /* by local: the vector's variable, or -1 */
    const bool *varies;
    Cond in;                           /* lanes in which reads are made */
    bool failed;
} Widen;

static const Expr *wide(Widen *w, const Expr *e);

/* Lanes are counted in elements of four bytes: wider ones would not fit a register. */
static const Expr *splat(Widen *w, const Expr *e) {
    w->failed |= dtype_info[e->type].bytes > 4;
    return w->failed ? e : x_splat(w->j->p, w->lanes, e);
}

static void need_affine(Widen *w, const Ix *a) { w->failed |= !ix_affine_in(a, w->var); }

static const Expr *wide_read(Widen *w, const Expr *e) {
    Pool *p = w->j->p;
    const Ix *at = e->sub[0];
    const Expr *r = e;
    need_affine(w, at);
    if (w->failed)
        return e;
    w->failed |= ix_uses(at, w->var) && dtype_info[e->type].bytes > 4;
    if (ix_uses(at, w->var) && !w->failed)
        r = x_vread(p, e->type, e->u.slot, at, w->lanes, ix_coef(at, w->var), w->active);
    if (w->in.n == 0 || w->failed)
        return r;
    const Expr *zero = splat(w, x_num(p, e->type, 0));
    return x_vwhen(p, w->in, w->var, splat(w, r), zero);
}

static const Expr *wide_when(Widen *w, const Expr *e) {
    Pool *p = w->j->p;
    const Expr *a = wide(w, e->arg[0]), *b = wide(w, e->arg[1]);
    bool by_lane = cond_uses(e->cond, w->var);
    for (int i = 0; i < e->cond.n; i++)
        need_affine(w, e->cond.cmp[i].e);
    if (w->failed)
        return e;
    if (!by_lane && a->lanes == 1 && b->lanes == 1)
        return x_when(p, e->cond, a, b);
    a = splat(w, a);
    b = splat(w, b);
    return w->failed ? e : x_vwhen(p, e->cond, by_lane ? w->var : -1, a, b);
}

static const Expr *wide_call(Widen *w, const Expr *e) {
    const Expr *arg[MAX_ARGS];
    bool any = false;
    for (int i = 0; i < e->n; i++) {
        arg[i] = wide(w, e->arg[i]);
        any |= arg[i]->lanes > 1;
    }
    if (w->failed)
        return e;
    for (int i = 0; any && i < e->n; i++)
        arg[i] = splat(w, arg[i]);
    w->failed |= any && dtype_info[e->type].bytes > 4;
    if (w->failed)
        return e;
    return x_call(w->j->p, e->fn, e->n, arg);
}

/* Values are trees here: what they share stands in locals. */
static const Expr *wide(Widen *w, const Expr *e) {
    if (e->lanes > 1)
        w->failed = true;
    if (w->failed)
        return e;
    switch (e->kind) {
    case X_NUM:
        return e;
    case X_IX:
        need_affine(w, e->u.ix);
        if (w->failed || !ix_uses(e->u.ix, w->var))
            return e;
        w->failed |= dtype_info[e->type].bytes > 4;
        return x_ramp(w->j->p, e->type, w->lanes, e->u.ix, ix_coef(e->u.ix, w->var));
    case X_READ:
        return wide_read(w, e);
    case X_VAR:
        if (e->u.slot < w->nold && w->to && w->to[e->u.slot] >= 0)
            return x_var(w->j->p, e->type, w->lanes, w->to[e->u.slot]);
        return e;
    case X_CALL:
        return wide_call(w, e);
    case X_WHEN:
        return wide_when(w, e);
    case X_SPLAT:
    case X_TREE:
        w->failed = true;
        return e;
    }
    bug("expression of kind %d", e->kind);
}

static const Expr *mask(Widen *w) {
    Pool *p = w->j->p;
    return x_vwhen(p, w->in, w->var, splat(w, x_int(p, BOOL, 1)), splat(w, x_int(p, BOOL, 0)));
}

const Expr *jam_value(Jam *j, const Expr *e, int var, int lanes, Cond in) {
    Widen w = {.j = j, .var = var, .lanes = lanes, .active = lanes, .in = in};
    const Expr *r = splat(&w, wide(&w, e));
    if (w.failed)
        return NULL;
    if (in.n == 0 || e->kind == X_READ)
        return r;
    return x_call3(j->p, FN_select, mask(&w), r, splat(&w, x_num(j->p, e->type, 0)));
}

static Stmt *wide_list(Widen *w, const Stmt *s);

/* An `if` that the lane decides: its statements run in all lanes and count in some. */
static Stmt *wide_if(Widen *w, const Stmt *s) {
    Cond before = w->in;
    for (int i = 0; i < s->cond.n; i++)
        need_affine(w, s->cond.cmp[i].e);
    if (w->failed)
        return NULL;
    w->in = cond_and(w->j->p, before, s->cond);
    Stmt *r = wide_list(w, s->body);
    w->in = before;
    return r;
}

static Stmt *wide_stmt(Widen *w, const Stmt *s) {
    Pool *p = w->j->p;
    Stmt *c = NEW(w->j->a, 1, Stmt);
    *c = *s;
    c->next = NULL;
    switch (s->kind) {
    case S_FOR:
        w->failed |= ix_uses(s->lo, w->var) || ix_uses(s->hi, w->var);
        c->body = wide_list(w, s->body);
        return c;
    case S_IF:
        if (cond_uses(s->cond, w->var))
            return wide_if(w, s);
        c->body = wide_list(w, s->body);
        return c;
    case S_LET:
    case S_SET: {
        bool vector = w->to[s->var] >= 0;
        const Expr *v = wide(w, s->value);
        if (vector && !w->failed) {
            v = splat(w, v);
            c->var = w->to[s->var];
            if (s->kind == S_SET && w->in.n && !w->failed)
                v = x_call3(p, FN_select, mask(w), v, x_var(p, v->type, w->lanes, c->var));
        }
        c->value = v;
        return c;
    }
    case S_STORE: {
        if (!jam_store_varies(w->varies, w->var, s))
            return c;
        int64_t step = ix_coef(s->at, w->var);
        w->failed |= step == 0 || w->in.n || s->value->lanes > 1;
        need_affine(w, s->at);
        const Expr *v = splat(w, wide(w, s->value));
        return w->failed ? c : stmt_vstore(w->j->a, s->buf, s->at, step, w->active, v);
    }
    case S_COMMENT:
        return c;
    }
    bug("statement of kind %d", s->kind);
}

static Stmt *wide_list(Widen *w, const Stmt *s) {
    Stmt *first = NULL, **tail = &first;
    for (; s && !w->failed; s = s->next) {
        *tail = wide_stmt(w, s);
        while (*tail)
            tail = &(*tail)->next;
    }
    return first;
}

Stmt *jam_widen(Jam *j, Stmt *body, int var, int lanes, int active) {
    if (lanes == 1)
        return body;
    int n = j->k->nvar;
    bool *varies = jam_varies(j, body, var);
    int *to = NEW(j->a, n + 1, int);
    Widen w = {.j = j, .var = var, .lanes = lanes, .active = active, .nold = n, .to = to,
               .varies = varies};
    for (int v = 0; v < n; v++) {
        if (varies[v] && (j->k->var[v].lanes > 1 || dtype_info[j->k->var[v].type].bytes > 4))
            return NULL;
        to[v] = varies[v] ? kernel_var(j->a, j->k, j->k->var[v].type, lanes) : -1;
    }
    Stmt *r = wide_list(&w, body);
    return w.failed ? NULL : r;
}
