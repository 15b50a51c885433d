/* Scalar functions: their table, and their definitions read into expressions. */
#include "ir/scalar.h"

#include "ir/parse.h"

#include <string.h>

const FnInfo fn_info[NFN] = {
#define PRIM(name, nargs, rule, c, f, s, u, grad) \
    {#name, nargs, rule, TAKES_ANY, true, c, f, s, u, "", grad, 0},
#define FUN(name, nargs, types, rule, def, grad, ulp, wide) \
    {#name, nargs, rule, types, false, "", "", "", "", def, grad, ulp},
#include "ir/scalars.def"
};

bool fn_parse(const char *name, size_t len, Fn *out) {
    for (int i = 0; i < NFN; i++)
        if (strlen(fn_info[i].name) == len && !memcmp(fn_info[i].name, name, len)) {
            *out = (Fn)i;
            return true;
        }
    return false;
}

static bool prim_takes(const FnInfo *f, DType t) {
    bool is_signed = t == I32 || t == I64;
    const char *how = dtype_info[t].is_float ? f->llvm_f
                      : is_signed            ? f->llvm_s
                                             : f->llvm_u;
    return *how != 0;
}

bool fn_takes(Fn fn, DType t) {
    const FnInfo *f = &fn_info[fn];
    if (f->prim)
        return prim_takes(f, t);
    switch (f->types) {
    case TAKES_ANY: return true;
    case TAKES_FLOAT:
    case TAKES_F32: return dtype_info[t].is_float;
    case TAKES_U32: return t == U32;
    case TAKES_BOOL: return t == BOOL;
    }
    bug("%s takes no type", f->name);
}

/* --- templates: expressions over the arguments, as steps in order --- */

enum { DEFINITION = MAX_ARGS, NTEXT, RESULT = MAX_ARGS, MAX_NAMES = 64 };

typedef struct {
    const Expr *e; /* X_VAR: argument `slot`; RESULT: the result */
    int arg[3];    /* X_CALL: steps */
} Step;
typedef struct {
    int n;
    Step *step;         /* the last is the value */
    const Expr **value; /* of the steps, while it is used */
} Template;

/* All that is cached in a pool: by function, text (derivative k or DEFINITION), type. */
typedef struct {
    Template *of[NFN][NTEXT][NDTYPE];
} Cache;

typedef struct {
    const char *name;
    size_t len;
    const Expr *e;
} Name;
typedef struct {
    int n;
    Name name[MAX_NAMES];
} Scope;

static const Expr *lookup(Parser *ps, const char *name, size_t len) {
    const Scope *s = ps->user;
    for (int i = s->n; i-- > 0;)
        if (s->name[i].len == len && !memcmp(s->name[i].name, name, len))
            return s->name[i].e;
    return NULL;
}

static const Ix *no_index(Parser *ps, const char *name, size_t len) {
    (void)ps, (void)name, (void)len;
    return NULL;
}

static void define(Scope *s, const char *name, size_t len, const Expr *e) {
    for (int i = 0; i < s->n; i++)
        if (s->name[i].len == len && !memcmp(s->name[i].name, name, len)) {
            s->name[i].e = e;
            return;
        }
    if (s->n == MAX_NAMES)
        bug("scalars.def: more than %d names", MAX_NAMES);
    s->name[s->n++] = (Name){name, len, e};
}

/* `name = value; ... result` */
static const Expr *read_text(Parser *ps) {
    for (;;) {
        const char *start = ps->at, *name;
        size_t len;
        if (!parse_name(ps, &name, &len) || !parse_is(ps, "=")) {
            ps->at = start;
            return parse_expr(ps);
        }
        const Expr *e = parse_expr(ps);
        parse_need(ps, ";");
        if (ps->failed)
            return NULL;
        define(ps->user, name, len, e);
    }
}

static const Expr *parse_text(Pool *p, const FnInfo *f, DType t, const char *text,
                              size_t len) {
    static const char letters[] = "abcdefg";
    Scope scope = {0};
    for (int i = 0; i < f->nargs; i++)
        define(&scope, letters + i, 1, x_var(p, t, 1, i));
    define(&scope, "o", 1, x_var(p, t, 1, RESULT));
    Parser ps = {.pool = p,
                 .arena = pool_arena(p),
                 .at = text,
                 .start = text,
                 .end = text + len,
                 .quiet = true,
                 .user = &scope,
                 .value = lookup,
                 .index = no_index,
                 .number = t};
    const Expr *e = read_text(&ps);
    parse_space(&ps);
    if (!e || ps.failed || ps.at != ps.end)
        bug("scalars.def: %s of %s: cannot read '%s'", f->name, dtype_info[t].name,
            ps.at);
    return e;
}

static void add_step(const Expr *e, void *user) {
    Template *t = user;
    for (int k = 0; e->arg && k < e->n; k++)
        for (int i = t->n; i-- > 0;)
            if (t->step[i].e == e->arg[k])
                t->step[t->n].arg[k] = i;
    t->step[t->n++].e = e;
}

static void count_step(const Expr *e, void *user) {
    if (e->kind != X_VAR && e->kind != X_NUM && (e->kind != X_CALL || e->n > 3))
        bug("scalars.def: expression of kind %d in a definition", e->kind);
    ++*(int *)user;
}

static Template *template_new(Pool *p, const Expr *e) {
    Template *t = NEW(pool_arena(p), 1, Template);
    int n = 0;
    x_visit(e, count_step, &n);
    t->step = NEW(pool_arena(p), n, Step);
    t->value = NEW(pool_arena(p), n, const Expr *);
    x_visit(e, add_step, t);
    return t;
}

/* The part of f's text that is meant; NULL if there is none. */
static const char *text_part(const FnInfo *f, int which, size_t *len) {
    const char *s = which == DEFINITION ? f->def : f->grad;
    *len = strlen(s);
    if (which == DEFINITION)
        return s;
    for (; which > 0 && *s; which--) {
        s += strcspn(s, ";");
        s += *s == ';';
    }
    *len = strcspn(s, ";");
    return *len ? s : NULL;
}

/* NULL for a derivative that is zero. */
static const Template *template_of(Pool *p, Fn fn, int which, DType t) {
    void **slot = pool_slot(p, 0);
    if (!*slot)
        *slot = NEW(pool_arena(p), 1, Cache);
    Template **cached = &((Cache *)*slot)->of[fn][which][t];
    size_t len;
    const char *text = text_part(&fn_info[fn], which, &len);
    if (*cached || !text)
        return *cached;
    const Expr *e = parse_text(p, &fn_info[fn], t, text, len);
    return *cached = template_new(p, which == DEFINITION ? x_expand(p, e) : e);
}

/* A call whose arguments may be vectors beside scalars. */
static const Expr *call(Pool *p, const Expr *e, const Step *s,
                        const Expr *const *value) {
    const Expr *arg[3];
    int lanes = 1;
    for (int i = 0; i < e->n; i++) {
        arg[i] = value[s->arg[i]];
        lanes = arg[i]->lanes > lanes ? arg[i]->lanes : lanes;
    }
    for (int i = 0; i < e->n; i++)
        arg[i] = x_splat(p, lanes, arg[i]);
    return x_call(p, e->fn, e->n, arg);
}

static const Expr *instance(Pool *p, const Template *t, const Expr *const *arg) {
    for (int i = 0; i < t->n; i++) {
        const Expr *e = t->step[i].e;
        t->value[i] = e->kind == X_VAR   ? arg[e->u.slot]
                      : e->kind == X_NUM ? e
                                         : call(p, e, &t->step[i], t->value);
    }
    return t->value[t->n - 1];
}

/* --- their use --- */

const Expr *fn_definition(Pool *p, Fn fn, const Expr *const *arg) {
    const FnInfo *f = &fn_info[fn];
    DType t = arg[0]->type;
    if (!fn_takes(fn, t))
        bug("%s of a %s", f->name, dtype_info[t].name);
    if (f->types != TAKES_F32 || t == F32)
        return x_splat(p, arg[0]->lanes,
                       instance(p, template_of(p, fn, DEFINITION, t), arg));
    const Expr *single[MAX_ARGS];
    for (int i = 0; i < f->nargs; i++)
        single[i] = x_cast(p, F32, arg[i]);
    return x_cast(p, t, fn_definition(p, fn, single));
}

const Expr *fn_derivative(Pool *p, const Expr *e, int k) {
    const Expr *arg[MAX_ARGS + 1];
    const Template *t = template_of(p, e->fn, k, e->arg[0]->type);
    for (int i = 0; i < e->n; i++)
        arg[i] = e->arg[i];
    arg[RESULT] = e;
    const Expr *d = t ? instance(p, t, arg) : NULL;
    return d && x_is_num(d, 0) ? NULL : d;
}

static const Expr *expand(Pool *p, const Expr *e, void *user) {
    (void)user;
    return e->kind == X_CALL && !fn_info[e->fn].prim ? fn_definition(p, e->fn, e->arg)
                                                     : e;
}

const Expr *x_expand(Pool *p, const Expr *e) {
    return x_rewrite(p, e, expand, NULL);
}
