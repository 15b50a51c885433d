/* Guards of terms as bounds of their loop.
 *
 * A loop over terms that one comparison of its variable guards is cut where the comparison
 * turns. Side by side run several rows, each with a turn of its own: between the first of
 * these and the last the guard stays, before and after it is gone. */
#include "passes/bound.h"

enum { WORTH = 32 };                   /* turns of a loop that is cut */

typedef struct {
    Jam *j;
    int row, start;                    /* variable of the rows; what the first is called */
    int times;
    int64_t batch;
} Cut;

/* The comparison: rest + a*row + b*loop >= 0 with b = 1 or -1. */
typedef struct { const Ix *rest; int64_t a, b; } Turn;

static bool turn_of(const Cut *c, const Stmt *s, Turn *t) {
    Pool *p = c->j->p;
    int64_t lo, hi;
    Box box = {0, NULL, c->batch};
    const Stmt *guard = s->body;
    if (s->kind != S_FOR || s->loop != LOOP_SERIAL || s->step != 1 || !guard || guard->next ||
        guard->kind != S_IF || guard->cond.n != 1 || guard->cond.cmp[0].eq)
        return false;
    const Ix *e = guard->cond.cmp[0].e;
    if (ix_reads(e) || !ix_affine_in(e, s->var) || !ix_affine_in(e, c->row) ||
        (ix_range(ix_sub(p, s->hi, s->lo), &box, &lo, &hi) && hi < WORTH))
        return false;
    t->a = ix_coef(e, c->row);
    t->b = ix_coef(e, s->var);
    t->rest = ix_sub(p, ix_sub(p, e, ix_scale(p, ix_var(p, c->row), t->a)),
                     ix_scale(p, ix_var(p, s->var), t->b));
    t->rest = ix_add(p, t->rest, ix_scale(p, ix_var(p, c->start), t->a));
    return t->b == 1 || t->b == -1;
}

static Stmt *range(const Cut *c, const Stmt *s, const Ix *lo, const Ix *hi, Stmt *body) {
    Stmt *r = NEW(c->j->a, 1, Stmt);
    *r = *s;
    r->lo = lo;
    r->hi = hi;
    r->body = body;
    r->next = NULL;
    return r;
}

/* The loop in up to two parts, in order. */
static Stmt *cut(const Cut *c, const Stmt *s, const Turn *t) {
    Pool *p = c->j->p;
    int64_t last = t->a * (c->times - 1), least = last < 0 ? last : 0, most = last > 0 ? last : 0;
    const Ix *all = ix_addc(p, t->rest, least), *any = ix_addc(p, t->rest, most);
    Stmt *body = s->body->body, *free, *held;
    if (t->b < 0) {                    /* up to `rest`, and its place too */
        all = ix_min(p, s->hi, ix_addc(p, all, 1));
        any = ix_min(p, s->hi, ix_addc(p, any, 1));
        free = range(c, s, s->lo, all, body);
        held = range(c, s, ix_max(p, s->lo, all), any, s->body);
        free->next = least == most ? NULL : held;
        return free;
    }
    all = ix_max(p, s->lo, ix_scale(p, all, -1));  /* from -rest on */
    any = ix_max(p, s->lo, ix_scale(p, any, -1));
    free = range(c, s, all, s->hi, body);
    held = range(c, s, any, ix_min(p, s->hi, all), s->body);
    held->next = free;
    return least == most ? free : held;
}

static Stmt *cut_list(const Cut *c, const Stmt *s) {
    Stmt *first = NULL, **tail = &first;
    for (; s; s = s->next) {
        Turn t;
        if (turn_of(c, s, &t)) {
            *tail = cut(c, s, &t);
        } else {
            *tail = NEW(c->j->a, 1, Stmt);
            **tail = *s;
            (*tail)->next = NULL;
            (*tail)->body = cut_list(c, s->body);
        }
        while (*tail)
            tail = &(*tail)->next;
    }
    return first;
}

Stmt *bound_rows(Jam *j, const Stmt *body, int row, int start, int times, int64_t batch) {
    Cut c = {j, row, start, times, batch};
    return cut_list(&c, body);
}
