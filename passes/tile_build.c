/* Register tiles of a contraction, as tile.c has chosen them:
 *
 *   loops that packed reads depend on
 *     blocks of lanes: pack
 *       other loops
 *         row loops, in tiles: one loop over the lanes: the reduction, jammed */
#include "passes/bound.h"
#include "passes/tile.h"

#include <string.h>

typedef struct {
    const Hot *hot;
    int buf;                           /* BUF_LOCAL of terms x width elements */
    const Stmt *path[MAX_NEST];        /* loops around the read */
    int npath, first_term;             /* path[first_term..] run over one chunk's terms */
    int64_t size[MAX_NEST];            /* extents of those */
    int64_t chunk_terms, chunks;       /* chunks at the bound; 1 if packed chunk by chunk */
} Pack;

typedef struct {
    Tile *t;
    Jam j;
    Pool *p;
    Arena *a;
    int v;                             /* variable of the lanes' loop */
    int64_t width;                     /* lanes of a block */
    int npack;
    Pack pack[MAX_HOT];
    const Ix *base;                    /* first lane of the block being built */
    int64_t active;                    /* its lanes */
    int lane;                          /* loop over the lanes of the group being built: */
    const Ix *first;                   /* one turn from here */
    int64_t step;
} Build;

/* --- packing --- */

typedef struct { const Expr *want; bool yes; } Find;

static void find_read(const Expr *e, void *user) {
    Find *f = user;
    f->yes |= e == f->want;
}

static bool path_to(Pack *k, const Stmt *s) {
    for (; s; s = s->next) {
        Find f = {k->hot->read, false};
        if (s->value)
            x_visit(s->value, find_read, &f);
        if (f.yes)
            return true;
        if (s->kind == S_FOR)
            k->path[k->npath++] = s;
        if (path_to(k, s->body))
            return true;
        if (s->kind == S_FOR)
            k->npath--;
    }
    return false;
}

/* The most turns a loop takes; its bounds may be a run cut short: min(lo + run, end). */
static bool most_turns(Build *b, const Stmt *s, int64_t *turns) {
    const Box *box = &b->t->box;
    const Ix *hi = s->hi;
    if (hi->n == 1 && hi->c == 0 && hi->term->coef == 1 && hi->term->atom->kind == IX_MIN)
        for (int i = 0; i < 2; i++)
            if (nest_most(ix_sub(b->p, hi->term->atom->a[i], s->lo), box, turns))
                return *turns > 0;
    return nest_most(ix_sub(b->p, hi, s->lo), box, turns) && *turns > 0;
}

/* Terms of all chunks: the last may be cut short where its outermost loop ends. */
static int64_t all_terms(Build *b, const Pack *k) {
    int64_t n = k->chunk_terms * k->chunks, lo, end;
    const Stmt *s = k->first_term < k->npath ? k->path[k->first_term] : NULL;
    if (!s || s->hi->n != 1 || s->hi->term->atom->kind != IX_MIN)
        return n;
    Box box = {0, NULL, b->t->m->batch};
    int64_t inner = k->chunk_terms / k->size[k->first_term];
    for (int i = 0; i < 2; i++)
        if (ix_range(s->hi->term->atom->a[i], &box, &lo, &end) && end * inner < n)
            n = end * inner;
    return n;
}

static bool plan_pack(Build *b, Pack *k) {
    int chunk = -1;
    k->chunk_terms = k->chunks = 1;
    if (!path_to(k, b->t->nest.core))
        return false;
    for (int i = 0; i < k->npath; i++)
        if (tile_sums_chunks(k->path[i]))
            chunk = i;
    k->first_term = chunk + 1;
    for (int i = k->first_term; i < k->npath; i++) {
        if (!most_turns(b, k->path[i], &k->size[i]))
            return false;
        k->chunk_terms *= k->size[i];
    }
    if (chunk >= 0 && !b->t->parted && !most_turns(b, k->path[chunk], &k->chunks))
        return false;
    if (k->chunk_terms * k->chunks * b->width > (1 << 18))
        k->chunks = 1;
    k->buf = kernel_buf(b->a, b->t->k,
                        (Buf){.kind = BUF_LOCAL, .dtype = k->hot->read->type, .read = true,
                              .size = all_terms(b, k) * b->width, .written = true});
    return true;
}

static bool chunk_by_chunk(const Pack *k) { return k->first_term > 0 && k->chunks == 1; }

/* Where the current term's row of lanes begins. */
static const Ix *row(Build *b, const Pack *k) {
    const Ix *at = ix_const(b->p, 0);
    for (int i = k->first_term; i < k->npath; i++)
        at = ix_add(b->p, ix_scale(b->p, at, k->size[i]),
                    ix_sub(b->p, ix_var(b->p, k->path[i]->var), k->path[i]->lo));
    if (k->chunks > 1)
        at = ix_add(b->p, at, ix_scale(b->p, ix_var(b->p, k->path[k->first_term - 1]->var),
                                       k->chunk_terms));
    return ix_scale(b->p, at, b->width);
}

/* Loops that fill the buffer for the current block. */
static Stmt *fill(Build *b, const Pack *k) {
    int l = kernel_loop(b->t->k);
    const Ix *lane = ix_var(b->p, l), **map = NEW(b->a, b->v + 1, const Ix *);
    map[b->v] = ix_add(b->p, b->base, lane);
    Stmt *s = stmt_store(b->a, k->buf, ix_add(b->p, row(b, k), lane),
                         x_subst(b->p, k->hot->read, b->v + 1, map, NULL));
    s = stmt_for(b->a, l, LOOP_FREE, ix_const(b->p, 0), ix_const(b->p, b->active), 1, s);
    for (int i = k->npath; i-- > k->first_term - (k->chunks > 1);)
        s = stmt_for(b->a, k->path[i]->var, LOOP_FREE, k->path[i]->lo, k->path[i]->hi, 1, s);
    Jam j = b->j;
    return jam_copy(&j, s, b->v, map[b->v]);
}

static const Expr *packed(Pool *p, const Expr *e, void *user) {
    Build *b = user;
    for (int i = 0; i < b->npack; i++) {
        const Pack *k = &b->pack[i];
        if (e != k->hot->read)
            continue;
        const Ix *at = ix_add(p, row(b, k), ix_sub(p, ix_var(p, b->v), b->base));
        return x_read(p, e->type, k->buf, 1, &at);
    }
    return e;
}

/* The core with packed reads, and fills where they belong to one chunk. */
static Stmt *with_packs(Build *b, const Stmt *s) {
    Stmt *first = NULL, **tail = &first;
    for (; s; s = s->next) {
        for (int i = 0; i < b->npack; i++)
            if (chunk_by_chunk(&b->pack[i]) && b->pack[i].path[b->pack[i].first_term] == s) {
                *tail = fill(b, &b->pack[i]);
                tail = &(*tail)->next;
            }
        Stmt *c = NEW(b->a, 1, Stmt);
        *c = *s;
        c->next = NULL;
        c->body = with_packs(b, s->body);
        if (s->value)
            c->value = x_rewrite(b->p, s->value, packed, b);
        *tail = c;
        tail = &c->next;
    }
    return first;
}

/* --- tiles --- */

/* Row loops from loop i of the nest inwards, then the one turn over the lanes. */
static Stmt *rows(Build *b, int i, Stmt *body);

static Stmt *row_tile(Build *b, int i, Stmt *body, int times, const Ix *lo, const Ix *hi) {
    int u = kernel_loop(b->t->k), each = kernel_loop(b->t->k);
    body = jam_copy(&b->j, body, b->t->nest.loop[i]->var, ix_var(b->p, each));
    body = bound_rows(&b->j, body, each, u, times, b->t->m->batch);
    body = jam_unroll(&b->j, body, each, times, 1, 0);
    body = jam_copy(&b->j, body, each, ix_var(b->p, u));
    return stmt_for(b->a, u, LOOP_FREE, lo, hi, times, rows(b, i + 1, body));
}

/* Copies of the next tile: all that is left, if that is known and more than a few. */
static int fewer(int times, const Ix *rest) {
    int64_t left;
    if (ix_is_const(rest, &left) && left > 4 && left < times)
        return (int)left;
    return times > 4 ? 4 : 1;
}

static Stmt *rows(Build *b, int i, Stmt *body) {
    Tile *t = b->t;
    while (i < t->nest.n && (i == t->vec || t->tile[i] == 1))
        i++;
    if (i == t->nest.n)
        return stmt_for(b->a, b->lane, LOOP_FREE, b->first,
                        ix_addc(b->p, b->first, b->step), b->step, body);
    const Ix *lo = t->nest.loop[i]->lo, *hi = t->nest.loop[i]->hi;
    const Ix *rest = ix_sub(b->p, hi, lo);
    Stmt *first = NULL, **tail = &first;
    for (int times = t->tile[i]; times >= 1; times = fewer(times, rest)) {
        int64_t left;
        if (ix_is_const(rest, &left) && left < times && left > 0)
            times = (int)left;         /* the exact remainder */
        if (!ix_is_const(rest, &left) || left >= times) {
            *tail = row_tile(b, i, body, times, lo, hi);
            tail = &(*tail)->next;
        }
        lo = ix_add(b->p, lo, ix_scale(b->p, ix_div(b->p, rest, times), times));
        rest = ix_mod(b->p, rest, times);
        if (times == 1 || lo == hi)
            break;
    }
    return first;
}

/* Rows over `count` registers of `lanes` from lane `from` of the block; the last register
 * holds `last` lanes. */
static Stmt *lane_group(Build *b, const Stmt *core, int64_t from, int lanes, int count,
                        int last) {
    b->lane = kernel_loop(b->t->k);
    b->first = ix_addc(b->p, b->base, from);
    b->step = (int64_t)lanes * count;
    Stmt *body = jam_copy(&b->j, (Stmt *)(uintptr_t)core, b->v, ix_var(b->p, b->lane));
    body = jam_widen(&b->j, body, b->lane, lanes, count == 1 && last ? last : lanes);
    if (!body)
        return NULL;
    body = jam_unroll(&b->j, body, b->lane, count, lanes, count > 1 && last < lanes ? last : 0);
    return rows(b, 0, body);
}

static Stmt **append(Stmt **tail, Stmt *list) {
    *tail = list;
    while (*tail)
        tail = &(*tail)->next;
    return tail;
}

/* Does a read in lanes move along loop i? Then the block is made anew for each turn. */
static bool outside(const Tile *t, int i) {
    for (int h = 0; h < t->nhot; h++)
        if (t->hot[h].coef[t->vec] && t->hot[h].coef[i])
            return true;
    return false;
}

/* All that belongs to one block of `active` lanes from `base` on. */
static Stmt *block(Build *b, const Ix *base, int64_t active) {
    Tile *t = b->t;
    int lanes = t->m->target->lanes;
    int64_t full = active / lanes, left = active % lanes;
    Stmt *inner = NULL, **tail = &inner, *made = NULL, **out = &made;
    b->base = base;
    b->active = active;
    Stmt *core = with_packs(b, t->nest.core);
    bool masked = t->m->target->masked && left;
    if (full || masked) {
        int count = (int)(full + masked);
        Stmt *g = lane_group(b, core, 0, lanes, count, masked ? (int)left : lanes);
        if (!g)
            return NULL;
        tail = append(tail, g);
    }
    if (left && !masked)
        tail = append(tail, lane_group(b, core, full * lanes, 1, (int)left, 1));
    for (int i = 0; i < b->npack; i++)
        if (!chunk_by_chunk(&b->pack[i]))
            out = append(out, fill(b, &b->pack[i]));
    for (int i = t->nest.n; i-- > 0;) {
        Stmt *s = t->nest.loop[i];
        if (i != t->vec && t->tile[i] == 1 && !outside(t, i))
            inner = stmt_for(b->a, s->var, LOOP_FREE, s->lo, s->hi, 1, inner);
    }
    append(out, inner);
    return made;
}

/* Every block, in one loop, so that threads can share it. */
static Stmt *blocks(Build *b) {
    Tile *t = b->t;
    int64_t e = t->extent[t->vec], full = e / b->width, left = e % b->width;
    int n = kernel_loop(t->k);
    const Ix *nv = ix_var(b->p, n), *base = ix_scale(b->p, nv, b->width);
    Stmt *body = NULL, *edge = NULL;
    if (full && !(body = block(b, base, b->width)))
        return NULL;
    if (left && !(edge = block(b, ix_const(b->p, full * b->width), left)))
        return NULL;
    if (full && left) {
        body = stmt_if(b->a, cond_ge0(b->p, ix_sub(b->p, ix_const(b->p, full - 1), nv)), body);
        body->next = stmt_if(b->a, cond_ge0(b->p, ix_addc(b->p, nv, -full)), edge);
    }
    const Ix *count = t->dynamic[t->vec] ? ix_div(b->p, t->nest.loop[t->vec]->hi, b->width)
                                         : ix_const(b->p, full + (left > 0));
    return stmt_for(b->a, n, LOOP_FREE, ix_const(b->p, 0), count, 1, full ? body : edge);
}

Stmt *tile_build(Tile *t) {
    Build b = {.t = t, .p = t->m->pool, .a = t->m->arena};
    b.j = (Jam){b.a, b.p, t->k, t->k->nbuf};
    b.v = t->nest.loop[t->vec]->var;
    b.width = (int64_t)t->vectors * t->m->target->lanes;
    for (int i = 0; i < t->nhot; i++) {
        Pack k = {.hot = &t->hot[i]};
        if (!t->hot[i].pack)
            continue;
        if (plan_pack(&b, &k))
            b.pack[b.npack++] = k;
    }
    Stmt *made = blocks(&b);
    if (!made)
        return NULL;
    for (int i = t->nest.n; i-- > 0;) {
        Stmt *s = t->nest.loop[i];
        if (i != t->vec && t->tile[i] == 1 && outside(t, i))
            made = stmt_for(b.a, s->var, LOOP_FREE, s->lo, s->hi, 1, made);
    }
    return made;
}
