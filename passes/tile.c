/* Contractions: which index becomes lanes, which become register tiles, what is packed.
 * in: naive nests of FREE loops around a serial reduction   out: register tiles over
 * vector lanes, operands packed where their layout or distance asks for it
 * keeps: the order of every sum, so every bit
 *
 * Nothing here knows an op: matrix products, convolutions and their gradients differ only
 * in the strides of their reads. */
#include "passes/tile.h"

#include <string.h>

/* --- reads inside the reduction --- */

typedef struct { Tile *t; bool guarded, bad; } Collect;

static void add_hot(Collect *c, const Expr *read, bool guarded) {
    Tile *t = c->t;
    for (int i = 0; i < t->nhot; i++)
        if (t->hot[i].read == read)
            return;
    if (t->nhot == MAX_HOT) {
        c->bad = true;
        return;
    }
    Hot *h = &t->hot[t->nhot++];
    *h = (Hot){.read = read, .guarded = guarded};
    for (int i = 0; i < t->nest.n; i++) {
        int v = t->nest.loop[i]->var;
        c->bad |= !ix_affine_in(read->sub[0], v);
        h->coef[i] = ix_coef(read->sub[0], v);
    }
}

static void hot_expr(Collect *c, const Expr *e, bool guarded) {
    if (e->kind == X_READ)
        add_hot(c, e, guarded);
    for (int i = 0; e->arg && i < e->n; i++)
        hot_expr(c, e->arg[i], guarded || e->kind == X_WHEN);
}

static void hot_stmts(Collect *c, const Stmt *s, bool inside, bool guarded) {
    for (; s && !c->bad; s = s->next) {
        if (inside && s->value)
            hot_expr(c, s->value, guarded);
        c->bad |= inside && s->kind == S_STORE;
        hot_stmts(c, s->body, inside || s->kind == S_FOR, guarded || s->kind == S_IF);
    }
}

bool tile_sums_chunks(const Stmt *loop) {
    const Stmt *s = loop->body;
    if (!s || s->kind != S_LET)
        return false;
    while (s && s->kind != S_FOR)
        s = s->next;
    return s;
}

/* Reduced points, and whether there are loops over chunks and parts. */
static void reduction(Tile *t, const Stmt *s) {
    for (; s; s = s->next) {
        if (s->kind == S_FOR) {
            int64_t hi, e = 1;
            Box alone = {0, NULL, t->m->batch}, *box = ix_is_const(s->lo, NULL) ? &t->box : &alone;
            if (nest_most(ix_sub(t->m->pool, s->hi, s->lo), box, &hi) && hi > 0)
                e = hi;
            t->terms *= (double)e;
            bool sums = tile_sums_chunks(s);
            t->parted |= sums && t->chunked;
            t->chunked |= sums;
        }
        reduction(t, s->body);
    }
}

/* --- the choice --- */

/* Points of the nest outside loop v in which a read repeats. */
static double reuse(const Tile *t, const Hot *h, int v) {
    double r = 1;
    for (int i = 0; i < t->nest.n; i++)
        if (i != v && h->coef[i] == 0)
            r *= (double)t->extent[i];
    return r;
}

/* Does the loop always end with a block of lanes? */
static bool whole_blocks(const Tile *t, int v) {
    const Ix *hi = t->nest.loop[v]->hi;
    int64_t block = (int64_t)MOST_VECTORS * t->m->target->lanes;
    for (int i = 0; i < hi->n; i++)
        if (hi->term[i].coef % block || hi->term[i].atom->kind == IX_BATCH)
            return false;
    return hi->c % block == 0;
}

/* Cycles for each point and term if loop v becomes lanes; negative: it cannot. */
static double cost(const Tile *t, int v) {
    int64_t e = t->extent[v], lanes = t->m->target->lanes;
    double used = (double)e / (double)((e + lanes - 1) / lanes * lanes);
    double c = 0.5 / ((double)lanes * used), s = nest_score(&t->nest, t->nest.loop[v]->var);
    if (s < -1e8 || (t->dynamic[v] && !whole_blocks(t, v)))
        return -1;
    if (lanes == 1)
        return 1;
    for (int i = 0; i < t->nhot; i++) {
        const Hot *h = &t->hot[i];
        if (h->coef[v] != 0 && h->coef[v] != 1)
            c += h->guarded ? 1.0 : 1.0 / reuse(t, h, v) + 0.001;
    }
    return c + (s < 0 ? 1.0 / t->terms : 0);
}

static bool choose_lanes(Tile *t) {
    double least = 0;
    t->vec = -1;
    for (int i = 0; i < t->nest.n; i++) {
        double c = cost(t, i);
        if (c >= 0 && (t->vec < 0 || c <= least)) {
            t->vec = i;
            least = c;
        }
    }
    return t->vec >= 0;
}

/* Copies of a loop of extent e, at most `most`: few left over, then many at once. */
static int balanced(int64_t e, int most, bool dynamic) {
    int best = 1;
    if (most < 2 || e < 2)
        return 1;
    if (!dynamic) {
        int64_t tiles = (e + most - 1) / most;
        return (int)((e + tiles - 1) / tiles);
    }
    for (int c = most < e ? most : (int)e; c >= 2; c--)
        if (best == 1 || (e % c < e % best && 2 * c >= most))
            best = c;
    return best;
}

/* Loops along which the reads in lanes do not move: their copies share those reads. */
static bool shares_lanes(const Tile *t, int i) {
    for (int h = 0; h < t->nhot; h++)
        if (t->hot[h].coef[t->vec] && t->hot[h].coef[i])
            return false;
    return i != t->vec;
}

static void choose_tiles(Tile *t) {
    const Target *target = t->m->target;
    int room = target->registers - 6, lanes = target->lanes;
    int64_t e = t->extent[t->vec], regs = (e + lanes - 1) / lanes;
    bool rows = false;
    for (int i = 0; i < t->nest.n; i++) {
        t->tile[i] = 1;
        rows |= shares_lanes(t, i) && t->extent[i] > 1;
    }
    int most = rows ? (lanes == 1 ? 4 : 2) : MOST_VECTORS;
    t->vectors = regs < most ? (int)regs : most;
    room /= t->vectors;
    room = room > 25 ? 25 : room;
    for (int i = t->nest.n; i-- > 0;) {
        if (!shares_lanes(t, i))
            continue;
        t->tile[i] = balanced(t->extent[i], room, t->dynamic[i]);
        room /= t->tile[i];
    }
}

/* Packing: lanes that are not neighbours; or rows far apart that are read many times. */
static void choose_packs(Tile *t) {
    for (int i = 0; i < t->nhot; i++) {
        Hot *h = &t->hot[i];
        int64_t c = h->coef[t->vec];
        if (c == 0 || h->guarded || t->m->target->lanes == 1)
            continue;
        double again = reuse(t, h, t->vec);
        for (int j = 0; j < t->nest.n; j++)
            again /= h->coef[j] == 0 && j != t->vec ? t->tile[j] : 1;
        bool far = t->terms * (double)t->extent[t->vec] > 8192;
        h->pack = c != 1 ? again >= 2 : again >= 4 && far;
    }
}

static bool analyse(Tile *t) {
    Collect c = {t, false, false};
    if (!nest_holds_serial(t->nest.core) || nest_holds_free(t->nest.core))
        return false;
    hot_stmts(&c, t->nest.core, false, false);
    if (c.bad || t->nhot == 0)
        return false;
    for (int i = 0; i < t->nest.n; i++) {
        const Stmt *s = t->nest.loop[i];
        t->extent[i] = nest_extent(s, &t->box, &t->dynamic[i]);
        if (s->step != 1 || s->lo->n || s->lo->c || t->extent[i] < 1)
            return false;
    }
    t->terms = 1;
    reduction(t, t->nest.core);
    if (t->terms < 2 || !choose_lanes(t))
        return false;
    choose_tiles(t);
    choose_packs(t);
    return true;
}

static void walk(Module *m, Kernel *k, Stmt **at) {
    while (*at) {
        Stmt *s = *at, *next = s->next;
        if (s->kind == S_FOR && s->loop == LOOP_FREE) {
            Tile t = {.m = m, .k = k, .nest = nest_at(s), .box = nest_box(m->temp, k, m->batch)};
            Stmt *made = analyse(&t) ? tile_build(&t) : NULL;
            if (made)
                *at = made;
            else
                walk(m, k, &t.nest.loop[t.nest.n - 1]->body);
        } else {
            walk(m, k, &s->body);
        }
        while (*at && (*at)->next && (*at)->next != next)
            at = &(*at)->next;
        (*at)->next = next;
        at = &(*at)->next;
    }
}

bool pass_tile(Module *m, Kernel *k) {
    walk(m, k, &k->body);
    return true;
}
