/* Checks a kernel: types, lanes, scopes, and that every access stays inside its buffer. */
#include "ir/loop_range.h"

#include <string.h>

typedef struct {
    Scope scope;
    const Kernel *k;
    const Target *target;
    bool *open;                        /* loop variables in scope */
    bool *live;                        /* locals in scope */
    int lane_var;                      /* pseudo variable for lanes */
    bool *sound;                       /* by expression id: found so under these guards */
    uint32_t ids;
    int nlog;
    uint32_t *log;                     /* what was found, newest last */
    char *fault;                       /* the first one found */
} Check;

static void fault(Check *c, const char *fmt, ...) PRINTF(2, 3);
static void fault(Check *c, const char *fmt, ...) {
    if (c->fault)
        return;
    Text t = {0};
    va_list ap;
    va_start(ap, fmt);
    text_vprintf(&t, fmt, ap);
    va_end(ap);
    c->fault = arena_printf(c->scope.arena, "%s: %s", c->k->name ? c->k->name : "kernel", t.s);
    text_free(&t);
}

static const char *shown(Check *c, const Ix *e) {
    Text t = {0};
    ix_print(&t, e, NULL);
    const char *s = arena_printf(c->scope.arena, "%s", t.s);
    text_free(&t);
    return s;
}

static void check_ix(Check *c, const Ix *e);

/* Elements at + l*step for l < lanes lie inside the buffer. Addresses made of values that
 * are read (a gather's) are not proved here: these come from tensors whose range was
 * checked where they entered. */
static void check_access(Check *c, int buf, const Ix *at, int lanes, int64_t step) {
    Pool *p = c->scope.pool;
    if (buf < 0 || buf >= c->k->nbuf) {
        fault(c, "buffer %d of %d", buf, c->k->nbuf);
        return;
    }
    check_ix(c, at);
    if (c->fault || ix_reads(at))
        return;
    ScopeMark m = scope_mark(&c->scope);
    const Ix *e = at;
    if (lanes > 1) {
        int lane = c->lane_var;
        scope_loop(&c->scope, lane, ix_const(p, 0), ix_const(p, lanes), 1);
        e = ix_add(p, at, ix_scale(p, ix_var(p, lane), step));
    }
    const Ix *room = ix_sub(p, ix_const(p, c->k->buf[buf].size - 1), e);
    if (!scope_proves(&c->scope, e))
        fault(c, "%%%d[%s] may lie before its buffer", buf, shown(c, at));
    else if (!scope_proves(&c->scope, room))
        fault(c, "%%%d[%s] may lie beyond its buffer of %lld", buf, shown(c, at),
              (long long)c->k->buf[buf].size);
    scope_leave(&c->scope, m);
}

static void check_readable(Check *c, int buf) {
    if (buf >= 0 && buf < c->k->nbuf && c->k->buf[buf].kind == BUF_ARG && !c->k->buf[buf].read)
        fault(c, "%%%d is read, but not marked so", buf);
}

static void check_ix(Check *c, const Ix *e) {
    for (int i = 0; i < e->n; i++) {
        const IxAtom *a = e->term[i].atom;
        if (a->kind == IX_VAR && (a->id < 0 || a->id > c->lane_var || !c->open[a->id]))
            fault(c, "i%d is used outside its loop", a->id);
        if (a->kind == IX_READ) {
            if (a->n != 1) {
                fault(c, "read with %d subscripts", a->n);
                return;
            }
            check_readable(c, a->id);
            check_access(c, a->id, a->a[0], 1, 0);
            if (!c->fault && dtype_info[c->k->buf[a->id].dtype].is_float)
                fault(c, "%%%d in a subscript is %s", a->id,
                      dtype_info[c->k->buf[a->id].dtype].name);
            continue;
        }
        for (int j = 0; j < a->n; j++)
            check_ix(c, a->a[j]);
    }
}

/* Each comparison is made where those before it hold. */
static void check_cond(Check *c, Cond cond) {
    ScopeMark m = scope_mark(&c->scope);
    for (int i = 0; i < cond.n; i++) {
        check_ix(c, cond.cmp[i].e);
        scope_guard(&c->scope, (Cond){1, &cond.cmp[i]});
    }
    scope_leave(&c->scope, m);
}

static void check_lanes(Check *c, int lanes) {
    if (lanes < 1 || lanes > 64 || (lanes & (lanes - 1)))
        fault(c, "%d lanes", lanes);
    else if (c->target && lanes > c->target->lanes)
        fault(c, "%d lanes, %s has %d", lanes, c->target->name, c->target->lanes);
}

static void check_read(Check *c, const Expr *e) {
    if (e->n != 1) {
        fault(c, "read with %d subscripts", e->n);
        return;
    }
    if (e->lanes > 1 && (e->active < 1 || e->active > e->lanes))
        fault(c, "%d of %d lanes active", e->active, e->lanes);
    check_readable(c, e->u.slot);
    check_access(c, e->u.slot, e->sub[0], e->lanes > 1 ? e->active : 1, e->step);
    if (!c->fault && c->k->buf[e->u.slot].dtype != e->type)
        fault(c, "%%%d is %s, read as %s", e->u.slot,
              dtype_info[c->k->buf[e->u.slot].dtype].name, dtype_info[e->type].name);
}

static void check_expr(Check *c, const Expr *e);

static void found_sound(Check *c, uint32_t id) {
    if (id >= c->ids) {
        uint32_t n = (id + 1) * 2;
        c->sound = arena_grow(c->scope.arena, c->sound, c->ids, n);
        c->ids = n;
    }
    c->sound[id] = true;
    PUSH(c->scope.arena, c->log, c->nlog) = id;
}

/* What was found behind a guard holds no longer. */
static void forget(Check *c, int mark) {
    while (c->nlog > mark)
        c->sound[c->log[--c->nlog]] = false;
}

/* Each lane tests the condition at its own place: the accesses below hold for any lane l
 * that passes, so the guard is stated for a lane of its own. */
static void check_when(Check *c, const Expr *e) {
    Pool *p = c->scope.pool;
    ScopeMark m = scope_mark(&c->scope);
    Cond cond = e->cond;
    if (e->lanes > 1 && e->lane_var >= 0) {
        const Ix **map = NEW(c->scope.arena, e->lane_var + 1, const Ix *);
        int lane = c->lane_var;
        scope_loop(&c->scope, lane, ix_const(p, 0), ix_const(p, e->lanes), 1);
        map[e->lane_var] = ix_add(p, ix_var(p, e->lane_var), ix_var(p, lane));
        cond = cond_subst(p, cond, e->lane_var + 1, map, NULL);
        c->open[lane] = true;
    }
    check_cond(c, cond);
    c->open[c->lane_var] = false;
    ScopeMark inner = scope_mark(&c->scope);
    int log = c->nlog;
    scope_guard(&c->scope, cond);
    check_expr(c, e->arg[0]);
    scope_leave(&c->scope, inner);
    forget(c, log);
    scope_unless(&c->scope, cond);
    check_expr(c, e->arg[1]);
    scope_leave(&c->scope, m);
    forget(c, log);
    for (int i = 0; i < 2; i++)
        if (e->arg[i]->type != e->type || e->arg[i]->lanes != e->lanes)
            fault(c, "branches of a when differ in type or lanes");
}

static void check_call(Check *c, const Expr *e) {
    for (int i = 0; i < e->n; i++) {
        check_expr(c, e->arg[i]);
        if (e->arg[i]->lanes != e->lanes)
            fault(c, "%s: %d lanes in %d", fn_info[e->fn].name, e->arg[i]->lanes, e->lanes);
    }
    if (c->target && e->fn == FN_fma && !c->target->fma)
        fault(c, "fma, which %s does not have", c->target->name);
}

static void check_var(Check *c, const Expr *e) {
    int v = e->u.slot;
    if (v < 0 || v >= c->k->nvar || !c->live[v])
        fault(c, "v%d is used before it is declared", v);
    else if (c->k->var[v].type != e->type || c->k->var[v].lanes != e->lanes)
        fault(c, "v%d is used as %s x%d", v, dtype_info[e->type].name, e->lanes);
}

static void check_node(Check *c, const Expr *e) {
    check_lanes(c, e->lanes);
    switch (e->kind) {
    case X_NUM:
        if (e->lanes != 1)
            fault(c, "a constant of %d lanes", e->lanes);
        return;
    case X_IX:   check_ix(c, e->u.ix); return;
    case X_READ: check_read(c, e); return;
    case X_VAR:  check_var(c, e); return;
    case X_CALL: check_call(c, e); return;
    case X_WHEN: check_when(c, e); return;
    case X_SPLAT:
    case X_TREE:
        check_expr(c, e->arg[0]);
        if (e->kind == X_TREE ? e->lanes != 1 || e->arg[0]->lanes == 1 : e->arg[0]->lanes != 1)
            fault(c, "lanes of a splat or tree");
        return;
    }
    bug("expression of kind %d", e->kind);
}

static void check_expr(Check *c, const Expr *e) {
    if (c->fault || (e->id < c->ids && c->sound[e->id]))
        return;
    check_node(c, e);
    found_sound(c, e->id);
}

static void check_body(Check *c, const Stmt *s, int depth);

static void check_for(Check *c, const Stmt *s, int depth) {
    if (s->var < 0 || s->var >= c->k->nloop || c->open[s->var]) {
        fault(c, "loop variable i%d of %d is already in use", s->var, c->k->nloop);
        return;
    }
    if (s->step < 1)
        fault(c, "loop step %lld", (long long)s->step);
    if (s->loop == LOOP_PARALLEL && depth > 0)
        fault(c, "a parallel loop inside another statement");
    check_ix(c, s->lo);
    check_ix(c, s->hi);
    ScopeMark m = scope_mark(&c->scope);
    scope_loop(&c->scope, s->var, s->lo, s->hi, s->step);
    c->open[s->var] = true;
    check_body(c, s->body, depth + 1);
    c->open[s->var] = false;
    scope_leave(&c->scope, m);
}

static void check_assign(Check *c, const Stmt *s) {
    check_expr(c, s->value);
    if (s->var < 0 || s->var >= c->k->nvar)
        fault(c, "variable v%d of %d", s->var, c->k->nvar);
    else if (s->kind == S_SET && !c->live[s->var])
        fault(c, "v%d is set before it is declared", s->var);
    else if (s->kind == S_LET && c->live[s->var])
        fault(c, "v%d is declared twice", s->var);
    else if (c->k->var[s->var].type != s->value->type ||
             c->k->var[s->var].lanes != s->value->lanes)
        fault(c, "v%d is given a value of another type", s->var);
    else
        c->live[s->var] = true;
}

static void check_store(Check *c, const Stmt *s) {
    check_expr(c, s->value);
    int lanes = s->value->lanes;
    if (lanes > 1 && (s->active < 1 || s->active > lanes))
        fault(c, "stores %d of %d lanes", s->active, lanes);
    check_access(c, s->buf, s->at, lanes > 1 ? s->active : 1, s->step);
    if (c->fault)
        return;
    const Buf *b = &c->k->buf[s->buf];
    if (b->kind == BUF_ARG && !b->written)
        fault(c, "%%%d is written, but not marked so", s->buf);
    if (b->dtype != s->value->type)
        fault(c, "%%%d is %s, stored as %s", s->buf, dtype_info[b->dtype].name,
              dtype_info[s->value->type].name);
}

static void check_stmt(Check *c, const Stmt *s, int depth) {
    ScopeMark m = scope_mark(&c->scope);
    forget(c, 0);
    switch (s->kind) {
    case S_FOR: check_for(c, s, depth); return;
    case S_IF:
        check_cond(c, s->cond);
        scope_guard(&c->scope, s->cond);
        check_body(c, s->body, depth + 1);
        scope_leave(&c->scope, m);
        return;
    case S_LET:
    case S_SET:   check_assign(c, s); return;
    case S_STORE: check_store(c, s); return;
    case S_COMMENT:
        if (!s->text)
            fault(c, "a comment without text");
        return;
    }
    bug("statement of kind %d", s->kind);
}

/* What is declared here ends here. */
static void check_body(Check *c, const Stmt *body, int depth) {
    for (const Stmt *s = body; s && !c->fault; s = s->next)
        check_stmt(c, s, depth);
    for (const Stmt *s = body; s; s = s->next)
        if (s->kind == S_LET && s->var >= 0 && s->var < c->k->nvar)
            c->live[s->var] = false;
}

/* One parallel loop, with nothing but declarations beside it: parts share nothing. */
static void check_parallel(Check *c) {
    int loops = 0, others = 0;
    for (const Stmt *s = c->k->body; s; s = s->next) {
        loops += s->kind == S_FOR && s->loop == LOOP_PARALLEL;
        others += s->kind != S_COMMENT && s->kind != S_LET;
    }
    if (c->k->parallel != (loops > 0))
        fault(c, "marked %s, has %d parallel loops", c->k->parallel ? "parallel" : "serial",
              loops);
    if (loops > 0 && others != 1)
        fault(c, "statements beside the parallel loop");
}

static void check_bufs(Check *c) {
    for (int i = 0; i < c->k->nbuf; i++) {
        const Buf *b = &c->k->buf[i];
        if (b->dtype >= NDTYPE || b->size < 0)
            fault(c, "%%%d has a bad type or size", i);
        if (b->kind == BUF_ARG && !b->read && !b->written)
            fault(c, "%%%d is neither read nor written", i);
    }
}

const char *loop_verify(Arena *a, Pool *p, const Kernel *k, int64_t batch, const Target *t) {
    Check c = {.scope = {.arena = a, .pool = p, .batch = batch}, .k = k, .target = t,
               .open = NEW(a, k->nloop + 1, bool), .live = NEW(a, k->nvar + 1, bool),
               .lane_var = k->nloop};
    check_bufs(&c);
    check_parallel(&c);
    check_body(&c, k->body, 0);
    return c.fault;
}
