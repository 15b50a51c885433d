/* Values as trees: what is used twice, or nests deeply, becomes a local. What stands under
 * a guard becomes a local of the same guard. */
#include "passes/lower.h"

#include "base/map.h"

enum { DEEP = 8 };

typedef struct { const Expr *made; int uses, depth; } Seen;
typedef struct { Arena *a; Map number; int n; Seen *seen; } Memo;   /* by expression */

static Seen *memo(Memo *m, const Expr *e) {
    int i = map_get(&m->number, e, 0);
    if (i < 0) {
        i = m->n;
        map_put(m->a, &m->number, e, 0, i);
        PUSH(m->a, m->seen, m->n) = (Seen){NULL, 0, 0};
    }
    return &m->seen[i];
}

static void count(Memo *m, const Expr *e) {
    if (memo(m, e)->uses++ > 0)
        return;
    for (int i = 0; e->arg && i < e->n && e->kind != X_WHEN; i++)
        count(m, e->arg[i]);
}

/* The branch of a `when` that is being rebuilt; NULL: none. */
typedef struct Guard { const struct Guard *up; Memo *around; Cond cond; bool yes; } Guard;

static void find_read(const Expr *e, void *user) {
    *(bool *)user |= e->kind == X_READ || (e->kind == X_IX && ix_reads(e->u.ix));
}

/* r, computed only where the branches around it are; what reads nothing may be anywhere. */
static const Expr *guarded(Lower *l, const Guard *g, const Expr *r) {
    const Expr *zero = x_num(l->p, r->type, 0);
    bool reads = false;
    if (g)
        x_visit(r, find_read, &reads);
    for (; reads && g; g = g->up)
        r = g->yes ? x_when(l->p, g->cond, r, zero) : x_when(l->p, g->cond, zero, r);
    return r;
}

static const Expr *rebuild(Lower *l, Memo *m, const Guard *g, const Expr *e);

/* A branch shares with itself alone. */
static const Expr *rebuild_branch(Lower *l, const Guard *g, const Expr *e) {
    Memo m = {.a = arena_new()};
    count(&m, e);
    const Expr *r = rebuild(l, &m, g, e);
    arena_free(m.a);
    return r;
}

static const Expr *rebuild(Lower *l, Memo *m, const Guard *g, const Expr *e) {
    const Expr *arg[MAX_ARGS], *r = e;
    int depth = 0;
    if (memo(m, e)->made)
        return memo(m, e)->made;
    for (const Guard *out = g; out; out = out->up)
        if (memo(out->around, e)->made)        /* a local by now, or the same tree */
            return memo(out->around, e)->made;
    for (int i = 0; e->arg && i < e->n; i++) {
        const Guard inner = {g, m, e->cond, i == 0};
        arg[i] = e->kind == X_WHEN ? rebuild_branch(l, &inner, e->arg[i])
                                   : rebuild(l, m, g, e->arg[i]);
        int d = e->kind == X_WHEN ? 1 : memo(m, e->arg[i])->depth + 1;
        depth = d > depth ? d : depth;
    }
    if (e->kind == X_CALL)
        r = x_call(l->p, e->fn, e->n, arg);
    else if (e->kind == X_WHEN)
        r = x_when(l->p, e->cond, arg[0], arg[1]);
    bool worth = r->kind == X_CALL || r->kind == X_WHEN || r->kind == X_READ;
    if (worth && (memo(m, e)->uses > 1 || depth >= DEEP)) {
        r = lower_var(l, lower_let(l, guarded(l, g, r)));
        depth = 0;
    }
    memo(m, e)->made = r;
    memo(m, e)->depth = depth;
    return r;
}

const Expr *lower_share(Lower *l, const Expr *e) {
    Memo m = {.a = arena_new()};
    count(&m, e);
    const Expr *r = rebuild(l, &m, NULL, e);
    arena_free(m.a);
    return r;
}
