/* Walks over expressions: rewriting, substitution, simplification, each node once. */
#include "ir/pool.h"

#include <string.h>

/* A walk is a generation; memo entries of other generations do not count. A walk inside
 * a walk may overwrite entries: that costs time, never correctness. */
static uint32_t walk_new(Pool *p) { return ++p->generation; }

static const Expr *memo_get(Pool *p, uint32_t walk, const Expr *e) {
    return e->id < p->memo_cap && p->memo_gen[e->id] == walk ? p->memo[e->id] : NULL;
}

static void memo_put(Pool *p, uint32_t walk, const Expr *e, const Expr *r) {
    if (e->id >= p->memo_cap) {
        uint32_t cap = p->memo_cap ? p->memo_cap : 1024;
        while (cap <= e->id)
            cap *= 2;
        p->memo_gen = arena_grow(p->arena, p->memo_gen, p->memo_cap * sizeof *p->memo_gen,
                                 cap * sizeof *p->memo_gen);
        p->memo = arena_grow(p->arena, p->memo, p->memo_cap * sizeof *p->memo,
                             cap * sizeof *p->memo);
        p->memo_cap = cap;
    }
    p->memo_gen[e->id] = walk;
    p->memo[e->id] = r;
}

/* e with other arguments. */
static const Expr *with_args(Pool *p, const Expr *e, const Expr *const *arg) {
    switch (e->kind) {
    case X_NUM: case X_IX: case X_READ: case X_VAR: return e;
    case X_CALL:  return x_call(p, e->fn, e->n, arg);
    case X_WHEN:  return x_vwhen(p, e->cond, e->lane_var, arg[0], arg[1]);
    case X_SPLAT: return x_splat(p, e->lanes, arg[0]);
    case X_TREE:  return x_tree(p, e->fn, arg[0]);
    }
    bug("expression of kind %d", e->kind);
}

/* f on e with new arguments. f has seen these, so it must not see what becomes of e where
 * that is one of them (x*1 is x), nor a guard that has taken in one of theirs. */
static const Expr *apply(Pool *p, const Expr *e, const Expr *const *arg, XFn *f, void *user) {
    const Expr *r;
    if (e->kind == X_WHEN) {
        Expr raw = *e;
        raw.arg = arg;
        r = f(p, &raw, user);
        return r == &raw ? with_args(p, e, arg) : r;
    }
    r = with_args(p, e, arg);
    return r->kind == e->kind ? f(p, r, user) : r;
}

static const Expr *rewrite(Pool *p, uint32_t walk, const Expr *e, XFn *f, void *user) {
    const Expr *r = memo_get(p, walk, e), *arg[MAX_ARGS];
    if (r)
        return r;
    bool changed = false;
    for (int i = 0; e->arg && i < e->n; i++) {
        arg[i] = rewrite(p, walk, e->arg[i], f, user);
        changed |= arg[i] != e->arg[i];
    }
    r = changed ? apply(p, e, arg, f, user) : f(p, e, user);
    memo_put(p, walk, e, r);
    return r;
}

const Expr *x_rewrite(Pool *p, const Expr *e, XFn *f, void *user) {
    return rewrite(p, walk_new(p), e, f, user);
}

typedef struct { int n; const Ix *const *map; const int *slot; } Subst;

/* The node's own indices rewritten by ix(). Vector nodes keep their shape. */
static const Expr *subst_node(Pool *p, const Expr *e, void *user) {
    const Subst *s = user;
    const Ix *sub[MAX_RANK];
    switch (e->kind) {
    case X_IX:
        return x_ramp(p, e->type, e->lanes, ix_subst(p, e->u.ix, s->n, s->map, s->slot),
                      e->step);
    case X_READ: {
        int slot = s->slot ? s->slot[e->u.slot] : e->u.slot;
        for (int i = 0; i < e->n; i++)
            sub[i] = ix_subst(p, e->sub[i], s->n, s->map, s->slot);
        return e->lanes > 1 ? x_vread(p, e->type, slot, sub[0], e->lanes, e->step, e->active)
                            : x_read(p, e->type, slot, e->n, sub);
    }
    case X_WHEN:
        return x_vwhen(p, cond_subst(p, e->cond, s->n, s->map, s->slot), e->lane_var,
                       e->arg[0], e->arg[1]);
    case X_NUM: case X_VAR: case X_CALL: case X_SPLAT: case X_TREE:
        return e;
    }
    bug("expression of kind %d", e->kind);
}

const Expr *x_subst(Pool *p, const Expr *e, int n, const Ix *const *map, const int *slot) {
    Subst s = {n, map, slot};
    return x_rewrite(p, e, subst_node, &s);
}

/* Expressions met before: open addressing, on the stack until there are many. */
enum { FEW = 64 };
typedef struct {
    const Expr **slot, *few[FEW];
    size_t n, cap;                     /* a power of two */
    Arena *arena;                      /* of a larger table; NULL: still few */
} Seen;

static bool seen_add(Seen *s, const Expr *e);

static void seen_grow(Seen *s) {
    Seen old = *s;
    s->arena = s->arena ? s->arena : arena_new();
    s->cap = 4 * old.cap;
    s->slot = NEW(s->arena, s->cap, const Expr *);
    s->n = 0;
    for (size_t i = 0; i < old.cap; i++)
        if (old.slot[i])
            seen_add(s, old.slot[i]);
}

/* False if it was there. */
static bool seen_add(Seen *s, const Expr *e) {
    if (2 * s->n >= s->cap)
        seen_grow(s);
    size_t j = hash_u64(31, e->id) & (s->cap - 1);
    while (s->slot[j] && s->slot[j] != e)
        j = (j + 1) & (s->cap - 1);
    if (s->slot[j])
        return false;
    s->slot[j] = e;
    s->n++;
    return true;
}

static void visit(Seen *s, const Expr *e, void (*f)(const Expr *, void *), void *user) {
    if (!seen_add(s, e))
        return;
    for (int i = 0; e->arg && i < e->n; i++)
        visit(s, e->arg[i], f, user);
    f(e, user);
}

void x_visit(const Expr *e, void (*f)(const Expr *e, void *user), void *user) {
    Seen s = {.cap = FEW};
    s.slot = s.few;
    visit(&s, e, f, user);
    if (s.arena)
        arena_free(s.arena);
}

bool x_uses_var(const Expr *e, int index) {
    if (e->kind == X_IX)
        return ix_uses(e->u.ix, index);
    if (e->kind == X_WHEN && cond_uses(e->cond, index))
        return true;
    for (int i = 0; i < e->n; i++)
        if (e->arg ? x_uses_var(e->arg[i], index) : ix_uses(e->sub[i], index))
            return true;
    return false;
}

static const Expr *simplify_node(Pool *p, const Expr *e, void *user) {
    const Box *box = user;
    const Ix *sub[MAX_RANK];
    bool never;
    switch (e->kind) {
    case X_IX:
        return x_ramp(p, e->type, e->lanes, ix_simplify(p, e->u.ix, box), e->step);
    case X_READ:
        for (int i = 0; i < e->n; i++)
            sub[i] = ix_simplify(p, e->sub[i], box);
        return e->lanes > 1
                   ? x_vread(p, e->type, e->u.slot, sub[0], e->lanes, e->step, e->active)
                   : x_read(p, e->type, e->u.slot, e->n, sub);
    case X_WHEN: {
        if (e->lanes > 1 && e->lane_var >= 0)
            return e;
        Cond c = cond_simplify(p, e->cond, box, &never);
        return never ? e->arg[1] : x_vwhen(p, c, e->lane_var, e->arg[0], e->arg[1]);
    }
    case X_NUM: case X_VAR: case X_CALL: case X_SPLAT: case X_TREE:
        return e;
    }
    bug("expression of kind %d", e->kind);
}

const Expr *x_simplify(Pool *p, const Expr *e, const Box *box) {
    Box b = *box;
    return x_rewrite(p, e, simplify_node, &b);
}
