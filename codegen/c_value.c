/* A value as C: temporaries for what is used twice or grows too long, statements for
 * guards. A temporary is made where its value is needed whatever the guards say; what
 * stands behind a guard alone is computed behind it. */
#include "codegen/c_emit.h"

#include <string.h>

enum { LONG = 16, SMALL = 8 };         /* nodes in one C expression, in a guarded arm */

typedef struct { const Expr *x; int uses, weight; bool temp; } Item;
typedef struct { uint32_t walk; int n; Item *item; } Region;

static void room(Emit *e, uint32_t id) {
    uint32_t old = e->temp_cap, cap = old ? old : 1024;
    if (id < old)
        return;
    while (cap <= id)
        cap *= 2;
    e->temp = arena_grow(e->arena, e->temp, old * sizeof *e->temp, cap * sizeof *e->temp);
    e->stamp = arena_grow(e->arena, e->stamp, old * sizeof *e->stamp, cap * sizeof *e->stamp);
    e->index = arena_grow(e->arena, e->index, old * sizeof *e->index, cap * sizeof *e->index);
    e->temp_cap = cap;
}

/* Everything that x surely computes, arguments first. */
static void collect(Emit *e, Region *r, const Expr *x) {
    room(e, x->id);
    if (e->temp[x->id])
        return;
    if (e->stamp[x->id] == r->walk) {
        r->item[e->index[x->id]].uses++;
        return;
    }
    const Expr *arg[3];
    int n = c_operands(e, x, arg);
    for (int i = 0; i < n; i++)
        collect(e, r, arg[i]);
    e->stamp[x->id] = r->walk;
    e->index[x->id] = r->n;
    PUSH(e->arena, r->item, r->n) = (Item){.x = x, .uses = 1, .weight = 1};
}

/* Uses behind guards count for what the region computes anyway. */
static void count_guarded(Emit *e, Region *r, const Expr *x, uint32_t seen) {
    room(e, x->id);
    if (e->stamp[x->id] == r->walk)
        r->item[e->index[x->id]].uses++;
    if (e->stamp[x->id] == r->walk || e->stamp[x->id] == seen)
        return;
    e->stamp[x->id] = seen;
    for (int i = 0; x->arg && i < x->n; i++)
        count_guarded(e, r, x->arg[i], seen);
}

/* Nodes of x, each as often as it stands there, until the budget is used up. */
static bool small(const Expr *x, int *budget) {
    if (--*budget < 0 || (x->kind == X_WHEN && x->lanes > 1))
        return false;
    for (int i = 0; x->arg && i < x->n; i++)
        if (!small(x->arg[i], budget))
            return false;
    return true;
}

static bool needs_statement(const Expr *x) {
    int budget = SMALL;
    return x->kind == X_WHEN && (x->lanes > 1 || !small(x->arg[0], &budget) ||
                                 !small(x->arg[1], &budget));
}

static bool trivial(const Expr *x) {
    return x->kind == X_NUM || x->kind == X_VAR || (x->kind == X_SPLAT && trivial(x->arg[0])) ||
           (x->kind == X_IX && x->lanes == 1 && x->u.ix->n < 2);
}

static void decide(Emit *e, Region *r) {
    for (int i = 0; i < r->n; i++) {
        Item *it = &r->item[i];
        const Expr *x = it->x, *arg[3];
        for (int j = 0, n = c_operands(e, x, arg); j < n; j++)
            it->weight += e->temp[arg[j]->id] ? 1 : r->item[e->index[arg[j]->id]].weight;
        it->temp = needs_statement(x) || (it->uses > 1 && !trivial(x)) ||
                   (it->weight > LONG && i + 1 < r->n);
        if (it->temp)
            it->weight = 1;
    }
}

/* --- guards as statements --- */

static int new_temp(Emit *e) { return ++e->ntemp; }

static void assign(Emit *e, int t, const Expr *x) {
    Text text = {0};
    Temps temps = c_value(e, &text, x);
    c_line(e, "t%d = %s;", t, text.s);
    c_done(e, temps);
    text_free(&text);
}

static void scalar_guard(Emit *e, int t, const Expr *x) {
    Text cond = {0};
    c_cond(e, &cond, x->cond);
    c_line(e, "%s t%d;", c_type(e, x->type, x->lanes), t);
    c_open(e, "if (%s)", cond.s);
    assign(e, t, x->arg[0]);
    e->indent--;
    c_open(e, "} else");
    assign(e, t, x->arg[1]);
    c_close(e);
    text_free(&cond);
}

/* The mask of lanes l for which `c` holds at var + l. */
static void lane_test(Emit *e, Text *out, Cmp c, int var, int lanes) {
    Pool *p = e->scope.pool;
    int64_t step = ix_coef(c.e, var);
    if (ix_affine_in(c.e, var) && step == 0) {
        text_printf(out, "splat_mask%d(", lanes);
        c_cond(e, out, (Cond){1, &c});
        text_printf(out, ")");
    } else if (ix_affine_in(c.e, var) && step < 1 << 20 && step > -(1 << 20)) {
        text_printf(out, "%s_mask%d(", c.eq ? "eq0" : "ge0", lanes);
        c_ix(e, out, c.e, PREC_ANY);
        text_printf(out, ", %lld)", (long long)step);
    } else {
        const Ix **map = NEW(e->arena, var + 1, const Ix *);
        Text holds = {0};
        for (int l = 0; l < lanes; l++) {
            map[var] = ix_addc(p, ix_var(p, var), l);
            Cmp at = {ix_subst(p, c.e, var + 1, map, NULL), c.eq};
            text_printf(&holds, l ? ", " : "");
            c_cond(e, &holds, (Cond){1, &at});
        }
        int t = new_temp(e);
        c_line(e, "const i32x%d t%d = {%s};", lanes, t, holds.s);
        text_printf(out, "eq_i32x%d(splat_i32x%d(1), t%d)", lanes, lanes, t);
        text_free(&holds);
    }
}

static const char *lane_mask(Emit *e, const Expr *x) {
    const char *type = c_vtype(e, BOOL, x->lanes);
    Text out = {0};
    text_printf(&out, "(%s)(", type);
    for (int i = 0; i < x->cond.n; i++) {
        text_printf(&out, i ? " & " : "");
        lane_test(e, &out, x->cond.cmp[i], x->lane_var, x->lanes);
    }
    text_printf(&out, e->mask ? " & %s)" : ")", e->mask);
    const char *name = arena_printf(e->arena, "m%d", new_temp(e));
    c_line(e, "const %s %s = %s;", type, name, out.s);
    text_free(&out);
    return name;
}

/* Vector reads leave masked lanes alone; a scalar read must not happen for no lane. */
typedef struct { bool any, scalar; } Reads;

static void find_reads(const Expr *x, void *user) {
    Reads *r = user;
    bool index = (x->kind == X_READ && ix_reads(x->sub[0])) ||
                 (x->kind == X_IX && ix_reads(x->u.ix)) || x->kind == X_WHEN;
    r->any |= x->kind == X_READ || index;
    r->scalar |= (x->kind == X_READ && x->lanes == 1) || index || x->kind == X_TREE;
}

static Reads reads_of(const Expr *x) {
    Reads r = {false, false};
    x_visit(x, find_reads, &r);
    return r;
}

/* Lanes of `mask` in variable t become x, computed with reads of these lanes alone. */
static void masked_arm(Emit *e, int t, const Expr *x, const char *mask, bool whole) {
    const char *outer = e->mask, *type = c_vtype(e, x->type, x->lanes);
    bool test = reads_of(x).scalar;
    if (test)
        c_open(e, "if (any_mask%d(%s))", x->lanes, mask);
    e->mask = mask;
    Text text = {0};
    Temps temps = c_value(e, &text, x);
    if (whole)
        c_line(e, "t%d = %s;", t, text.s);
    else
        c_line(e, "t%d = select_%s(%s, %s, t%d);", t, type, mask, text.s, t);
    c_done(e, temps);
    e->mask = outer;
    if (test)
        c_close(e);
    text_free(&text);
}

static void lane_guard(Emit *e, int t, const Expr *x) {
    const char *type = c_vtype(e, x->type, x->lanes), *mask = lane_mask(e, x), *rest;
    const char *mtype = c_vtype(e, BOOL, x->lanes);
    c_line(e, "%s t%d = splat_%s(0);", c_type(e, x->type, x->lanes), t, type);
    if (!reads_of(x->arg[1]).any) {
        rest = mask;                   /* any will do */
    } else {
        rest = arena_printf(e->arena, "m%d", new_temp(e));
        const char *all = arena_printf(e->arena, "splat_%s(1)", mtype);
        c_line(e, "const %s %s = select_%s(%s, splat_%s(0), %s);", mtype, rest, mtype, mask,
               mtype, e->mask ? e->mask : all);
    }
    masked_arm(e, t, x->arg[1], rest, true);
    masked_arm(e, t, x->arg[0], mask, false);
}

static void make_temp(Emit *e, const Expr *x) {
    int t = new_temp(e);
    if (needs_statement(x) && x->lanes > 1 && x->lane_var >= 0) {
        lane_guard(e, t, x);
    } else if (needs_statement(x)) {
        scalar_guard(e, t, x);
    } else {
        Text text = {0};
        c_expr(e, &text, x, PREC_ANY);
        c_line(e, "const %s t%d = %s;", c_type(e, x->type, x->lanes), t, text.s);
        text_free(&text);
    }
    e->temp[x->id] = t;
}

Temps c_value(Emit *e, Text *out, const Expr *x) {
    Region r = {.walk = ++e->walk};
    Temps temps = {0};
    collect(e, &r, x);
    uint32_t seen = ++e->walk;
    for (int i = 0, n = r.n; i < n; i++)
        for (int j = 0; r.item[i].x->kind == X_WHEN && j < 2; j++)
            count_guarded(e, &r, r.item[i].x->arg[j], seen);
    decide(e, &r);
    for (int i = 0; i < r.n; i++)
        if (r.item[i].temp) {
            make_temp(e, r.item[i].x);
            PUSH(e->arena, temps.temp, temps.n) = r.item[i].x;
        }
    c_expr(e, out, x, PREC_ANY);
    return temps;
}

void c_done(Emit *e, Temps t) {
    for (int i = 0; i < t.n; i++)
        e->temp[t.temp[i]->id] = 0;
}
