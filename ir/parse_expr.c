/* Reads values: typed expressions, whose bare numbers take the type of their neighbours. */
#include "ir/parse.h"

#include <string.h>

/* What has been read so far. A number without a type waits for a neighbour that has one,
 * and so does a call of nothing but such numbers; integer expressions wait for a
 * conversion. */
typedef enum { V_TYPED, V_IX, V_NUMBER, V_AS, V_CALL, V_WHEN } ValKind;
typedef struct Val {
    ValKind kind;
    const Expr *e; /* V_TYPED */
    const Ix *ix;  /* V_IX, V_AS: num(ix) */
    double f;      /* V_NUMBER */
    int64_t i;     /* V_NUMBER, if whole */
    bool whole;
    Fn fn; /* V_CALL */
    int n; /* V_CALL, V_WHEN */
    struct Val *arg;
    Cond cond; /* V_WHEN */
} Val;

static Val typed(const Expr *e) {
    return (Val){.kind = V_TYPED, .e = e};
}

static Val nothing(void) {
    return (Val){.kind = V_NUMBER, .whole = true};
}

static Val value(Parser *ps);

/* --- giving types --- */

static const Expr *give(Parser *ps, const Val *v, DType t);

static const Expr *give_number(Parser *ps, const Val *v, DType t) {
    if (dtype_info[t].is_float)
        return x_num(ps->pool, t, v->f);
    if (!v->whole) {
        char buf[40];
        parse_fail(ps, "%s is no %s", num_double(buf, v->f), dtype_info[t].name);
        return NULL;
    }
    return x_int(ps->pool, t, v->i);
}

static const Expr *make_call(Parser *ps, Fn fn, int n, const Val *arg, DType t) {
    const Expr *e[MAX_ARGS];
    for (int i = 0; i < n; i++)
        if (!(e[i] =
                  give(ps, &arg[i], fn_info[fn].rule == T_SELECT && i == 0 ? BOOL : t)))
            return NULL;
    for (int i = 1; i < n; i++)
        if (e[i]->lanes != e[0]->lanes && !ps->failed)
            parse_fail(ps, "'%s': %d lanes beside %d", fn_info[fn].name, e[i]->lanes,
                       e[0]->lanes);
    if (ps->failed)
        return NULL;
    if (!fn_takes(fn, t)) {
        parse_fail(ps, "'%s' does not take %s", fn_info[fn].name, dtype_info[t].name);
        return NULL;
    }
    return x_call(ps->pool, fn, n, e);
}

/* The value as one of type t; NULL after an error. */
static const Expr *give(Parser *ps, const Val *v, DType t) {
    if (ps->failed)
        return NULL;
    switch (v->kind) {
    case V_TYPED:
        if (v->e->type == t)
            return v->e;
        parse_fail(ps, "got %s, expected %s", dtype_info[v->e->type].name,
                   dtype_info[t].name);
        return NULL;
    case V_IX:
        parse_fail(ps, "an integer expression needs a conversion, as in %s(...)",
                   dtype_info[t].name);
        return NULL;
    case V_NUMBER: return give_number(ps, v, t);
    case V_AS: return x_ix(ps->pool, t, v->ix);
    case V_CALL: return make_call(ps, v->fn, v->n, v->arg, t);
    case V_WHEN: {
        const Expr *a = give(ps, &v->arg[0], t), *b = give(ps, &v->arg[1], t);
        return a && b ? x_when(ps->pool, v->cond, a, b) : NULL;
    }
    }
    bug("parsed value of kind %d", v->kind);
}

/* --- integer expressions within values --- */

static char ix_operation(const char *name) {
    static const struct {
        const char *name;
        char op;
    } table[] = {
        {"add", '+'}, {"sub", '-'}, {"mul", '*'},
        {"div", '/'}, {"min", 'm'}, {"max", 'M'},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        if (!strcmp(table[i].name, name))
            return table[i].op;
    return 0;
}

static const Ix *to_ix(Parser *ps, const Val *v) {
    if (ps->failed)
        return NULL;
    if (v->kind == V_IX)
        return v->ix;
    if (v->kind == V_NUMBER && v->whole)
        return ix_const(ps->pool, v->i);
    if (v->kind == V_CALL && v->n == 2 && ix_operation(fn_info[v->fn].name)) {
        const Ix *a = to_ix(ps, &v->arg[0]), *b = to_ix(ps, &v->arg[1]);
        return parse_ix_op(ps, ix_operation(fn_info[v->fn].name), a, b);
    }
    if (v->kind == V_CALL && v->fn == FN_neg) {
        const Ix *a = to_ix(ps, &v->arg[0]);
        return a ? ix_scale(ps->pool, a, -1) : NULL;
    }
    parse_fail(
        ps, "an integer expression beside another value: convert it, as in f32(...)");
    return NULL;
}

static Val ix_op(Parser *ps, char op, const Val *arg, int n) {
    const Ix *a = to_ix(ps, &arg[0]), *b = n > 1 ? to_ix(ps, &arg[1]) : NULL;
    Val r = {.kind = V_IX};
    if (ps->failed)
        return nothing();
    r.ix = op == '!'   ? ix_scale(ps->pool, a, -1)
           : op == '|' ? ix_abs(ps->pool, a)
                       : parse_ix_op(ps, op, a, b);
    return r;
}

/* --- calls --- */

static Val keep(Parser *ps, Val v, const Val *arg, int n) {
    v.n = n;
    v.arg = NEW(ps->arena, n, Val);
    memcpy(v.arg, arg, (size_t)n * sizeof *arg);
    return v;
}

static Val convert(Parser *ps, DType to, const Val *v) {
    if (ps->failed)
        return nothing();
    if (v->kind == V_IX)
        return typed(x_ix(ps->pool, to, v->ix));
    const Expr *e = v->kind == V_TYPED ? v->e : give(ps, v, to);
    return e ? typed(x_cast(ps->pool, to, e)) : nothing();
}

static Val build(Parser *ps, Fn fn, const Val *arg, int n) {
    const FnInfo *f = &fn_info[fn];
    int first = f->rule == T_SELECT ? 1 : 0, of = -1;
    bool integers = false;
    if (ps->failed)
        return nothing();
    for (int i = n; i-- > first;) {
        of = arg[i].kind == V_TYPED ? i : of;
        integers |= arg[i].kind == V_IX;
    }
    if (integers && of < 0) {
        char op = fn == FN_neg              ? '!'
                  : !strcmp(f->name, "abs") ? '|'
                                            : ix_operation(f->name);
        if (op)
            return ix_op(ps, op, arg, n);
    }
    if (of < 0 && (f->rule == T_SAME || f->rule == T_SELECT))
        return keep(ps, (Val){.kind = V_CALL, .fn = fn}, arg, n);
    const Expr *e = make_call(ps, fn, n, arg, of < 0 ? ps->number : arg[of].e->type);
    return e ? typed(e) : nothing();
}

static int arguments(Parser *ps, Val *arg, int max) {
    int n = 0;
    parse_need(ps, "(");
    do {
        if (n == max) {
            parse_fail(ps, "too many arguments");
            return n;
        }
        arg[n++] = value(ps);
    } while (parse_is(ps, ","));
    parse_need(ps, ")");
    return n;
}

/* num(ix): an integer expression as a number of its neighbours' type. */
static Val as_number(Parser *ps) {
    parse_need(ps, "(");
    const Ix *ix = parse_ix(ps);
    parse_need(ps, ")");
    return ps->failed ? nothing() : (Val){.kind = V_AS, .ix = ix};
}

static Val call(Parser *ps, const char *name, size_t len) {
    Val arg[MAX_ARGS];
    DType to;
    Fn fn;
    if (len == 3 && !memcmp(name, "num", 3))
        return as_number(ps);
    bool conversion = dtype_parse(name, len, &to);
    if (!conversion && !fn_parse(name, len, &fn)) {
        parse_fail(ps, "unknown function '%.*s'", (int)len, name);
        return nothing();
    }
    int n = arguments(ps, arg, MAX_ARGS), want = conversion ? 1 : fn_info[fn].nargs;
    if (!ps->failed && n != want)
        parse_fail(ps, "%.*s takes %d argument%s, got %d", (int)len, name, want,
                   want == 1 ? "" : "s", n);
    if (ps->failed)
        return nothing();
    return conversion ? convert(ps, to, arg) : build(ps, fn, arg, n);
}

/* when(cond, a, b); when@v(...) tests the condition lane by lane. */
static Val guarded(Parser *ps) {
    int lane_var = -1;
    const char *name;
    size_t len;
    Val arm[2];
    if (parse_is(ps, "@")) {
        const Ix *v = parse_name(ps, &name, &len) ? ps->index(ps, name, len) : NULL;
        if (!v || !ix_is_var(v, &lane_var))
            parse_fail(ps, "when@: expected a loop variable");
    }
    parse_need(ps, "(");
    Cond c = parse_cond(ps);
    for (int i = 0; i < 2; i++) {
        parse_need(ps, ",");
        arm[i] = value(ps);
    }
    parse_need(ps, ")");
    if (ps->failed)
        return nothing();
    int of = arm[0].kind == V_TYPED ? 0 : arm[1].kind == V_TYPED ? 1 : -1;
    if (of < 0)
        return keep(ps, (Val){.kind = V_WHEN, .cond = c}, arm, 2);
    DType t = arm[of].e->type;
    const Expr *a = give(ps, &arm[0], t), *b = give(ps, &arm[1], t);
    if (a && b && a->lanes != b->lanes)
        parse_fail(ps, "when: %d lanes beside %d", a->lanes, b->lanes);
    return ps->failed ? nothing() : typed(x_vwhen(ps->pool, c, lane_var, a, b));
}

/* --- printed and vector forms --- */

static char peek(const Parser *ps) {
    return ps->at < ps->end ? *ps->at : 0;
}

/* #f32(ix) or #f32(ix; lanes, step); # alone is an integer. */
static Val hash(Parser *ps) {
    const char *name;
    size_t len;
    DType t;
    int64_t lanes = 1, step = 0;
    ps->at++;
    bool type = peek(ps) >= 'a' && peek(ps) <= 'z' && parse_name(ps, &name, &len);
    if (!type) {
        const Ix *ix = ps->index(ps, "#", 1);
        if (!ix)
            parse_fail(ps, "unexpected '#'");
        return ix ? (Val){.kind = V_IX, .ix = ix} : nothing();
    }
    if (!dtype_parse(name, len, &t))
        parse_fail(ps, "got '%.*s', expected a type", (int)len, name);
    parse_need(ps, "(");
    const Ix *ix = parse_ix(ps);
    if (parse_is(ps, ";")) {
        parse_int(ps, &lanes);
        parse_need(ps, ",");
        parse_int(ps, &step);
    }
    parse_need(ps, ")");
    if (!ps->failed && (lanes < 1 || lanes > 64))
        parse_fail(ps, "%lld lanes", (long long)lanes);
    if (ps->failed)
        return nothing();
    return typed(x_ramp(ps->pool, t, (int)lanes, ix, step));
}

static Val splat(Parser *ps) {
    int64_t lanes = 0;
    parse_need(ps, "(");
    parse_int(ps, &lanes);
    parse_need(ps, ",");
    const Expr *e = parse_expr(ps);
    parse_need(ps, ")");
    if (!ps->failed && (lanes < 1 || lanes > 64 || (e->lanes > 1 && e->lanes != lanes)))
        parse_fail(ps, "splat of %d lanes into %lld", e->lanes, (long long)lanes);
    return ps->failed ? nothing() : typed(x_splat(ps->pool, (int)lanes, e));
}

static Val tree(Parser *ps, const char *name, size_t len) {
    Fn fn;
    if (!fn_parse(name, len, &fn))
        parse_fail(ps, "unknown function '%.*s'", (int)len, name);
    parse_need(ps, "(");
    const Expr *e = parse_expr(ps);
    parse_need(ps, ")");
    return ps->failed ? nothing() : typed(x_tree(ps->pool, fn, e));
}

/* --- numbers --- */

/* The number may state its type: 1:u32. */
static Val suffixed(Parser *ps, Val v) {
    const char *name, *at = ps->at;
    size_t len;
    DType t;
    if (ps->failed || peek(ps) != ':')
        return v;
    ps->at++;
    if (peek(ps) != ' ' && parse_name(ps, &name, &len) && dtype_parse(name, len, &t)) {
        const Expr *e = give_number(ps, &v, t);
        return e ? typed(e) : nothing();
    }
    ps->at = at;
    return v;
}

static Val number(Parser *ps, bool minus) {
    Number n = {.whole = true};
    parse_number(ps, &n);
    Val v = {.kind = V_NUMBER, .f = n.f, .i = n.i, .whole = n.whole};
    if (minus) {
        v.i = (int64_t)(0 - (uint64_t)v.i);
        v.f = -v.f;
    }
    return suffixed(ps, v);
}

/* --- the grammar --- */

static bool number_next(Parser *ps) {
    parse_space(ps);
    return (peek(ps) >= '0' && peek(ps) <= '9') || parse_peek(ps, "inf") ||
           parse_peek(ps, "nan");
}

static Val named(Parser *ps) {
    const char *name;
    size_t len;
    if (!parse_name(ps, &name, &len)) {
        if (!ps->failed)
            parse_fail(ps,
                       ps->at < ps->end ? "got '%.1s', expected a value"
                                        : "expected a value",
                       ps->at);
        return nothing();
    }
    if (len == 4 && !memcmp(name, "when", 4))
        return guarded(ps);
    if (len == 5 && !memcmp(name, "splat", 5))
        return splat(ps);
    if (len > 5 && !memcmp(name, "tree.", 5))
        return tree(ps, name + 5, len - 5);
    if (parse_peek(ps, "("))
        return call(ps, name, len);
    ps->bare = false;
    const Expr *e = ps->value(ps, name, len);
    if (e && ps->bare) {
        double f = dtype_info[e->type].is_float ? e->u.num : (double)e->u.i;
        bool whole = f >= -0x1p53 && f <= 0x1p53 && f == (double)(int64_t)f;
        return (Val){
            .kind = V_NUMBER, .whole = whole, .i = whole ? (int64_t)f : 0, .f = f};
    }
    if (e || ps->failed)
        return e ? typed(e) : nothing();
    const Ix *ix = ps->index(ps, name, len);
    if (!ix && !ps->failed) {
        ps->at = name;
        parse_fail(ps, "unknown name '%.*s'", (int)len, name);
    }
    return ix ? (Val){.kind = V_IX, .ix = ix} : nothing();
}

static Val unary(Parser *ps) {
    Val v;
    if (ps->failed)
        return nothing();
    if (++ps->depth > 2000) {
        parse_fail(ps, "nested too deeply");
        return nothing();
    }
    if (number_next(ps)) {
        v = number(ps, false);
    } else if (parse_is(ps, "-")) {
        if (number_next(ps)) {
            v = number(ps, true);
        } else {
            v = unary(ps);
            v = build(ps, FN_neg, &v, 1);
        }
    } else if (parse_is(ps, "(")) {
        v = value(ps);
        parse_need(ps, ")");
    } else if (parse_peek(ps, "#")) {
        v = hash(ps);
    } else {
        v = named(ps);
    }
    ps->depth--;
    return v;
}

/* A % that starts a line is a buffer, which a new statement stores into. */
static bool starts_line(const Parser *ps) {
    const char *c = ps->at;
    while (c > ps->start && (c[-1] == ' ' || c[-1] == '\t'))
        c--;
    return c > ps->start && c[-1] == '\n';
}

static bool operator(Parser *ps, const char *set, char *op) {
    parse_space(ps);
    if (ps->failed || ps->at == ps->end || !*ps->at || !strchr(set, *ps->at))
        return false;
    if (*ps->at == '%' && starts_line(ps))
        return false;
    *op = *ps->at++;
    return true;
}

static Val binary(Parser *ps, char op, Val a, Val b) {
    Val arg[] = {a, b};
    if (op == '%')
        return ix_op(ps, op, arg, 2);
    return build(ps,
                 op == '+'   ? FN_add
                 : op == '-' ? FN_sub
                 : op == '*' ? FN_mul
                             : FN_div,
                 arg, 2);
}

static Val term(Parser *ps) {
    Val a = unary(ps);
    char op;
    while (operator(ps, "*/%", &op))
        a = binary(ps, op, a, unary(ps));
    return a;
}

static Val value(Parser *ps) {
    Val a = term(ps);
    char op;
    while (operator(ps, "+-", &op))
        a = binary(ps, op, a, term(ps));
    return a;
}

const Expr *parse_expr(Parser *ps) {
    Val v = value(ps);
    if (ps->failed)
        return NULL;
    return v.kind == V_TYPED ? v.e : give(ps, &v, ps->number);
}
