/* Updates: a kernel that writes the elements of a slot that change, and no others. An index
 * that must equal something is no loop. */
#include "passes/fuse.h"
#include "passes/lower.h"

/* Operand that the elements come from which do not change; -1: n is no update. */
static int kept_slot(const Node *n) {
    const Expr *b = n->kind == N_EQ ? n->eq->body : NULL;
    if (!b || b->kind != X_WHEN || b->arg[1]->kind != X_READ || n->eq->fold != FOLD_NONE ||
        !fuse_plain(n) || n->nsrc == 0)
        return -1;
    int slot = b->arg[1]->u.slot;
    for (int d = 0; d < n->eq->nout; d++)
        if (b->arg[1]->sub[d] != n->eq->store[d])
            return -1;
    return n->src[slot].node->kind == N_STATE ? slot : -1;
}

typedef struct { int slot; bool read; } Seen;

static void see(const Expr *e, void *user) {
    Seen *s = user;
    s->read |= e->kind == X_READ && e->u.slot == s->slot;
}

const Node *fuse_update(const Node *n) {
    int slot = kept_slot(n);
    Seen s = {slot, false};
    if (slot < 0 || fuse_as_index(n->eq, slot))
        return NULL;
    x_visit(n->eq->body->arg[0], see, &s);
    return s.read ? NULL : n->src[slot].node;
}

typedef struct {
    Lower l;
    const Node *n;
    const Ix **map;                    /* of free indices; NULL: loop not yet open */
    bool *done;                        /* by comparison of the guard */
} Update;

/* What index i must be, by one of the comparisons; NULL: any. */
static const Ix *fixed(Update *u, int i) {
    Pool *p = u->l.p;
    Cond c = u->n->eq->body->cond;
    Box box = eq_box(u->n->eq);
    int64_t lo, hi;
    for (int k = 0; k < c.n; k++) {
        int64_t coef = ix_coef(c.cmp[k].e, i);
        if (!c.cmp[k].eq || u->done[k] || (coef != 1 && coef != -1))
            continue;
        const Ix *to = ix_scale(p, ix_sub(p, c.cmp[k].e, ix_scale(p, ix_var(p, i), coef)), -coef);
        if (ix_uses(to, i) || !ix_range(to, &box, &lo, &hi) || lo < 0 ||
            hi >= u->n->eq->ext[i].n)
            continue;
        u->done[k] = true;
        return to;
    }
    return NULL;
}

static bool known(const Update *u, const Ix *x) {
    for (int i = 0; i < u->n->eq->nidx; i++)
        if (ix_uses(x, i) && !u->map[i])
            return false;
    return true;
}

/* Comparisons all of whose indices are there go around what follows. */
static void test_known(Update *u) {
    Lower *l = &u->l;
    Cond c = u->n->eq->body->cond, now = {0, NULL};
    for (int k = 0; k < c.n; k++) {
        if (u->done[k] || !known(u, c.cmp[k].e))
            continue;
        u->done[k] = true;
        now = cond_and(l->p, now, (Cond){1, &c.cmp[k]});
    }
    if (!now.n)
        return;
    Stmt *s = stmt_if(l->a, lower_cond(l, u->n, now, u->map), NULL);
    lower_put(l, s);
    l->tail[++l->depth] = &s->body;
}

Launch lower_update(Module *m, const Graph *g, Node *n) {
    Update u = {.n = n, .l = {.m = m, .g = g, .p = m->pool, .a = m->arena}};
    Lower *l = &u.l;
    const Eq *e = n->eq;
    const Ix **to = NEW(l->a, e->nidx + 1, const Ix *);
    int64_t size = 1;
    type_count(&n->types[0], &size);
    u.map = NEW(l->a, e->nidx + 1, const Ix *);
    u.done = NEW(l->a, e->body->cond.n + 1, bool);
    l->k = NEW(l->a, 1, Kernel);
    l->tail[0] = &l->k->body;
    l->k->origin = n->origin;
    l->k->work = (double)size;
    int out = kernel_buf(l->a, l->k, (Buf){.kind = BUF_ARG, .dtype = n->types[0].dtype,
                                           .size = size, .written = true, .restricted = true});
    PUSH(l->a, l->arg, l->narg) = (Ref){n, 0};
    l->arg_buf = NEW(l->a, 4, int);    /* as PUSH has it for one */
    l->arg_buf[0] = out;
    for (int i = 0; i < e->nidx; i++)
        to[i] = fixed(&u, i);
    for (int i = 0; i < e->nidx; i++) {
        if (!to[i])
            u.map[i] = ix_var(l->p, lower_open(l, LOOP_FREE, ix_const(l->p, 0),
                                               lower_extent(l, e->ext[i]), 1));
        for (int k = 0; k < e->nidx; k++)
            if (to[k] && !u.map[k] && known(&u, to[k]))
                u.map[k] = lower_ix(l, n, to[k], u.map);
        test_known(&u);
    }
    const Ix *at = ix_const(l->p, 0);
    for (int d = 0; d < e->nout; d++)
        at = ix_add(l->p, ix_scale(l->p, at, n->types[0].dim[d].n),
                    lower_ix(l, n, e->store[d], u.map));
    lower_put(l, stmt_store(l->a, out, at, lower_expr(l, n, e->body->arg[0], u.map)));
    return (Launch){.kind = C_KERNEL, .kernel = l->k, .narg = l->narg, .arg = l->arg};
}
