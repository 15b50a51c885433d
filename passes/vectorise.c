/* Vector lanes for what `tile` left: maps, pools, column sums.
 * in: loops   out: of each perfect nest of FREE loops, the one that suits lanes best is
 * innermost and steps by the target's lanes; a scalar loop or masked lanes do the rest
 * keeps: the value of every element, bit for bit */
#include "passes/jam.h"
#include "passes/nest.h"

/* --- collapsing --- */

typedef struct { int outer, inner; int64_t extent; bool ok; } Merge;

static void mergeable(const Ix *x, void *user) {
    Merge *m = user;
    m->ok &= ix_affine_in(x, m->outer) && ix_affine_in(x, m->inner) &&
             ix_coef(x, m->outer) == ix_coef(x, m->inner) * m->extent;
}

/* Two innermost loops that walk memory as one become one. */
static bool collapse(Module *m, Kernel *k, Nest *n) {
    int64_t e;
    Stmt *in = n->loop[n->n - 1], *out = n->loop[n->n - 2];
    if (!ix_is_const(in->hi, &e) || !ix_is_const(in->lo, &(int64_t){0}) || in->lo->c != 0 ||
        out->lo->n || out->lo->c)
        return false;
    Merge g = {out->var, in->var, e, true};
    nest_indices(n->core, mergeable, &g);
    if (!g.ok)
        return false;
    Jam j = {.a = m->arena, .p = m->pool, .k = k};
    n->core = jam_copy(&j, n->core, out->var, ix_const(m->pool, 0));
    in->hi = ix_scale(m->pool, out->hi, e);
    n->loop[n->n - 2] = in;
    n->n--;
    return true;
}

/* --- choosing and widening --- */

static int best_loop(const Nest *n, const Box *box) {
    int best = -1;
    double most = 0;
    for (int i = 0; i < n->n; i++) {
        bool dynamic;
        int64_t e = nest_extent(n->loop[i], box, &dynamic);
        double s = nest_score(n, n->loop[i]->var);
        if (e < 4 || s <= 0)
            continue;
        if (best < 0 || s > most) {
            best = i;
            most = s;
        }
    }
    return best;
}

static void innermost(Nest *n, int at) {
    Stmt *s = n->loop[at];
    for (int i = at; i + 1 < n->n; i++)
        n->loop[i] = n->loop[i + 1];
    n->loop[n->n - 1] = s;
}

/* What is left of hi - lo after steps of `lanes`: 0 if nothing, -1 if not known. */
static int64_t rest(const Stmt *s, int64_t lanes) {
    for (int i = 0; i < s->hi->n; i++)
        if (s->hi->term[i].coef % lanes)
            return -1;
    return s->lo->n ? -1 : (s->hi->c - s->lo->c) % lanes;
}

/* The loop as lanes, followed by what is left over. NULL if it cannot be. */
static Stmt *widen_loop(Module *m, Kernel *k, Stmt *s) {
    Jam j = {.a = m->arena, .p = m->pool, .k = k};
    int64_t lanes = m->target->lanes, left = rest(s, lanes), total;
    bool fixed = ix_is_const(ix_sub(m->pool, s->hi, s->lo), &total);
    Stmt *first = NULL, **tail = &first;
    if (!fixed || total >= lanes) {
        Stmt *wide = jam_widen(&j, s->body, s->var, (int)lanes, (int)lanes);
        if (!wide)
            return NULL;
        *tail = stmt_for(m->arena, s->var, LOOP_FREE, s->lo, s->hi, lanes, wide);
        tail = &(*tail)->next;
    }
    if (left == 0)
        return first;
    const Ix *from = ix_sub(m->pool, s->hi, s->lo);
    from = ix_add(m->pool, s->lo, ix_scale(m->pool, ix_div(m->pool, from, lanes), lanes));
    int v = kernel_loop(k);
    Stmt *body = jam_copy(&j, s->body, s->var, ix_var(m->pool, v));
    if (left > 1 && m->target->masked) {
        Stmt *wide = jam_widen(&j, body, v, (int)lanes, (int)left);
        if (!wide)
            return NULL;
        *tail = stmt_for(m->arena, v, LOOP_FREE, from, ix_addc(m->pool, from, lanes), lanes, wide);
    } else {
        *tail = stmt_for(m->arena, v, LOOP_FREE, from, s->hi, 1, body);
    }
    return first;
}

static void walk(Module *m, Kernel *k, Stmt **at);

static void nest(Module *m, Kernel *k, Stmt **at) {
    Stmt *s = *at, *next = s->next;
    Nest n = nest_at(s);
    bool tiled = nest_holds_free(n.core);
    for (int i = 0; i < n.n; i++)
        tiled |= n.loop[i]->step != 1;
    if (tiled) {
        walk(m, k, &n.loop[n.n - 1]->body);
        return;
    }
    while (n.n > 1 && !nest_holds_serial(n.core) && collapse(m, k, &n))
        ;
    Box box = nest_box(m->temp, k, m->batch);
    int best = best_loop(&n, &box);
    if (best >= 0) {
        innermost(&n, best);
        nest_link(&n);
        Stmt *wide = widen_loop(m, k, n.loop[n.n - 1]);
        if (wide && n.n > 1)
            n.loop[n.n - 2]->body = wide;
        *at = n.n > 1 || !wide ? n.loop[0] : wide;
    } else {
        *at = nest_link(&n);
    }
    Stmt *last = *at;
    while (last->next)
        last = last->next;
    last->next = next;
}

static void walk(Module *m, Kernel *k, Stmt **at) {
    while (*at) {
        Stmt *s = *at, *next = s->next;
        if (s->kind == S_FOR && s->loop == LOOP_FREE && s->step == 1)
            nest(m, k, at);
        else
            walk(m, k, &s->body);
        while (*at && *at != next)
            at = &(*at)->next;
    }
}

bool pass_vectorise(Module *m, Kernel *k) {
    if (m->target->lanes > 1)
        walk(m, k, &k->body);
    return true;
}
