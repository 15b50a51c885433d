/* Unroll-and-jam, and its twin with vector lanes instead of copies.
 *
 * What depends on the loop variable varies: it gets a copy for each iteration, or becomes
 * a vector. What does not depend on it stays one scalar statement. */
#include "passes/jam.h"

#include <string.h>

/* --- what varies --- */

typedef struct { const bool *varies; int var; bool yes; } Asks;

static void ask(const Expr *e, void *user) {
    Asks *q = user;
    if (e->kind == X_VAR)
        q->yes |= q->varies[e->u.slot];
    else if (e->kind == X_IX)
        q->yes |= ix_uses(e->u.ix, q->var);
    else if (e->kind == X_READ)
        q->yes |= ix_uses(e->sub[0], q->var);
    else if (e->kind == X_WHEN)
        q->yes |= cond_uses(e->cond, q->var) || e->lane_var == q->var;
}

static bool expr_varies(const bool *varies, int var, const Expr *e) {
    Asks q = {varies, var, false};
    x_visit(e, ask, &q);
    return q.yes;
}

/* One round over the statements; `all`: every local set here varies. */
static bool mark(bool *varies, int var, const Stmt *s, bool all) {
    bool more = false;
    for (; s; s = s->next) {
        bool here = all;
        if (s->kind == S_FOR)
            here |= ix_uses(s->lo, var) || ix_uses(s->hi, var);
        else if (s->kind == S_IF)
            here |= cond_uses(s->cond, var);
        else if ((s->kind == S_LET || s->kind == S_SET) && !varies[s->var] &&
                 (all || expr_varies(varies, var, s->value)))
            more = varies[s->var] = true;
        more |= mark(varies, var, s->body, here);
    }
    return more;
}

bool *jam_varies(Jam *j, const Stmt *body, int var) {
    bool *varies = NEW(j->a, j->k->nvar + 1, bool);
    while (mark(varies, var, body, false))
        ;
    return varies;
}

bool jam_store_varies(const bool *varies, int var, const Stmt *s) {
    return ix_uses(s->at, var) || expr_varies(varies, var, s->value);
}

typedef struct {
    Jam *j;
    int var, times;                    /* loop variable, copies */
    const bool *varies;                /* by local variable */
    int nold;                          /* locals before */
    const Expr **to;                   /* by local: what this copy calls it */
    int stride;                        /* between copies */
    int active;                        /* lanes of this copy that count; 0 = all */
} Work;

static bool stmt_varies(const Work *w, const Stmt *s) {
    switch (s->kind) {
    case S_FOR:
    case S_IF:
        return true;
    case S_LET:
    case S_SET:
        return w->varies[s->var];
    case S_STORE:
        return jam_store_varies(w->varies, w->var, s);
    case S_COMMENT:
        return false;
    }
    bug("statement of kind %d", s->kind);
}

/* --- copies --- */

typedef struct { const Work *w; } Renaming;

static const Expr *rename_node(Pool *p, const Expr *e, void *user) {
    Renaming *r = user;
    const Work *w = r->w;
    if (e->kind == X_VAR && e->u.slot < w->nold && w->to[e->u.slot])
        return w->to[e->u.slot];
    if (w->active && e->kind == X_READ && e->lanes > 1 && ix_uses(e->sub[0], w->var) &&
        e->u.slot < w->j->whole)
        return x_vread(p, e->type, e->u.slot, e->sub[0], e->lanes, e->step, w->active);
    return e;
}

static Stmt *copy_list(Work *w, const Stmt *s, const Ix *const *map, int nmap);

/* One statement with indices replaced by map, and locals that vary renamed. */
static Stmt *copy_stmt(Work *w, const Stmt *s, const Ix *const *map, int nmap) {
    Jam *j = w->j;
    Stmt *c = NEW(j->a, 1, Stmt);
    Renaming r = {w};
    *c = *s;
    c->next = NULL;
    if (s->kind == S_FOR) {
        const Ix **inner = NEW(j->a, nmap > s->var ? nmap : s->var + 1, const Ix *);
        memcpy(inner, map, (size_t)nmap * sizeof *inner);
        c->lo = ix_subst(j->p, s->lo, nmap, map, NULL);
        c->hi = ix_subst(j->p, s->hi, nmap, map, NULL);
        c->var = kernel_loop(j->k);
        inner[s->var] = ix_var(j->p, c->var);
        c->body = copy_list(w, s->body, inner, nmap > s->var ? nmap : s->var + 1);
        return c;
    }
    if (s->kind == S_IF) {
        c->cond = cond_subst(j->p, s->cond, nmap, map, NULL);
        c->body = copy_list(w, s->body, map, nmap);
        return c;
    }
    if (s->kind == S_LET && w->varies[s->var]) {
        c->var = kernel_var(j->a, j->k, j->k->var[s->var].type, j->k->var[s->var].lanes);
        w->to[s->var] = x_var(j->p, j->k->var[c->var].type, j->k->var[c->var].lanes, c->var);
    } else if (s->kind == S_SET && w->to[s->var]) {
        c->var = w->to[s->var]->u.slot;
    }
    if (s->value)
        c->value = x_rewrite(j->p, x_subst(j->p, s->value, nmap, map, NULL), rename_node, &r);
    if (s->kind == S_STORE)
        c->at = ix_subst(j->p, s->at, nmap, map, NULL);
    if (s->kind == S_STORE && w->active && s->value->lanes > 1)
        c->active = w->active;
    return c;
}

static Stmt *copy_list(Work *w, const Stmt *s, const Ix *const *map, int nmap) {
    Stmt *first = NULL, **tail = &first;
    for (; s; s = s->next) {
        *tail = copy_stmt(w, s, map, nmap);
        tail = &(*tail)->next;
    }
    return first;
}

Stmt *jam_copy(Jam *j, Stmt *body, int var, const Ix *by) {
    int n = j->k->nvar;
    bool *all = NEW(j->a, n + 1, bool);
    const Ix **map = NEW(j->a, var + 1, const Ix *);
    for (int v = 0; v < n; v++)
        all[v] = true;
    map[var] = by;
    Work w = {j, var, 1, all, n, NEW(j->a, n + 1, const Expr *), 1, 0};
    return copy_list(&w, body, map, var + 1);
}

/* --- unroll and jam --- */

typedef struct { Work *w; const Expr ***to; int last; } Copies;

static Stmt *jam_list(Copies *c, const Stmt *s);

/* Copies of the statements from s up to end, all of one iteration together: what they
 * share is used while it is in a register. */
static Stmt **replicate(Copies *c, const Stmt *s, const Stmt *end, Stmt **tail) {
    Work *w = c->w;
    const Ix **map = NEW(w->j->a, w->var + 1, const Ix *);
    for (int t = 0; t < w->times; t++) {
        w->to = c->to[t];
        w->active = t == w->times - 1 ? c->last : 0;
        map[w->var] = ix_addc(w->j->p, ix_var(w->j->p, w->var), t * w->stride);
        for (const Stmt *i = s; i != end; i = i->next) {
            *tail = copy_stmt(w, i, map, w->var + 1);
            tail = &(*tail)->next;
        }
    }
    return tail;
}

/* The end of the run of statements from s on that all vary and hold no others. */
static const Stmt *run_end(const Work *w, const Stmt *s) {
    const Stmt *end = s->next;
    while (!s->body && end && !end->body && end->kind != S_COMMENT && stmt_varies(w, end))
        end = end->next;
    return end;
}

static Stmt *jam_list(Copies *c, const Stmt *s) {
    Work *w = c->w;
    Stmt *first = NULL, **tail = &first;
    for (const Stmt *next; s; s = next) {
        next = s->next;
        bool fixed = s->kind == S_FOR
                         ? !ix_uses(s->lo, w->var) && !ix_uses(s->hi, w->var)
                         : s->kind == S_IF && !cond_uses(s->cond, w->var);
        if (!fixed && stmt_varies(w, s)) {
            next = run_end(w, s);
            tail = replicate(c, s, next, tail);
            continue;
        }
        Stmt *one = NEW(w->j->a, 1, Stmt);
        *one = *s;
        one->next = NULL;
        one->body = jam_list(c, s->body);
        *tail = one;
        tail = &one->next;
    }
    return first;
}

Stmt *jam_unroll(Jam *j, Stmt *body, int var, int times, int stride, int last) {
    if (times == 1 && last == 0)
        return body;
    int n = j->k->nvar;
    Work w = {j, var, times, jam_varies(j, body, var), n, NULL, stride, 0};
    Copies c = {&w, NEW(j->a, times, const Expr **), last};
    for (int t = 0; t < times; t++)
        c.to[t] = NEW(j->a, n + 1, const Expr *);
    return jam_list(&c, body);
}
