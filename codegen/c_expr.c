/* Expressions that fit into one C expression. */
#include "codegen/c_emit.h"

#include <math.h>
#include <string.h>

static void open_paren(Text *out, bool yes) { text_put(out, "(", yes); }
static void close_paren(Text *out, bool yes) { text_put(out, ")", yes); }

static void ramp(Emit *e, Text *out, const Expr *x) {
    if (x->lanes > 1) {
        text_printf(out, "ramp_%s(", c_vtype(e, x->type, x->lanes));
        c_ix(e, out, x->u.ix, PREC_ANY);
        text_printf(out, ", %lld)", (long long)x->step);
        return;
    }
    if (x->type == BOOL)
        text_printf(out, "(");
    else
        text_printf(out, "(%s)", dtype_info[x->type].ctype);
    c_ix(e, out, x->u.ix, PREC_ONE);
    if (x->type == BOOL)
        text_printf(out, " != 0)");
}

/* load, loadn (so many lanes), loadm (lanes of a mask), and the same with a distance. */
static void vector_read(Emit *e, Text *out, const Expr *x) {
    bool some = x->active < x->lanes, far = x->step != 1;
    const char *type = c_vtype(e, x->type, x->lanes), *name = far ? "gather" : "load";
    bool even = x->step == 2 && !some && !e->mask;
    text_printf(out, "%s%s_%s(&%s[", even ? "even" : name, e->mask ? "m" : some ? "n" : "",
                type, e->buf[x->u.slot]);
    c_ix(e, out, x->sub[0], PREC_ANY);
    text_printf(out, "]");
    if (far && !even)
        text_printf(out, ", %lld", (long long)x->step);
    if (e->mask && some)
        text_printf(out, ", select_mask%d(%s, first_mask%d(%d), splat_mask%d(0))", x->lanes,
                    e->mask, x->lanes, x->active, x->lanes);
    else if (e->mask)
        text_printf(out, ", %s", e->mask);
    else if (some)
        text_printf(out, ", %d", x->active);
    text_printf(out, ")");
}

static void read(Emit *e, Text *out, const Expr *x, int prec) {
    if (x->lanes > 1) {
        vector_read(e, out, x);
        return;
    }
    bool truth = x->type == BOOL;
    open_paren(out, truth && prec > PREC_ANY);
    text_printf(out, "%s[", e->buf[x->u.slot]);
    c_ix(e, out, x->sub[0], PREC_ANY);
    text_printf(out, "]%s", truth ? " != 0" : "");
    close_paren(out, truth && prec > PREC_ANY);
}

/* a op b; wrapped: computed unsigned, so that overflow is defined. */
static void infix(Emit *e, Text *out, const Expr *x, const char *op, int own, int prec) {
    open_paren(out, prec > own);
    c_expr(e, out, x->arg[0], own);
    text_printf(out, " %s ", op);
    c_expr(e, out, x->arg[1], own + 1);
    close_paren(out, prec > own);
}

static const char *unsigned_type(Emit *e, const Expr *x) {
    DType u = x->type == I32 ? U32 : x->type == I64 ? U64 : x->type;
    return c_type(e, u, x->lanes);
}

static void wrapped(Emit *e, Text *out, const Expr *x, const char *op) {
    const char *type = c_type(e, x->type, x->lanes), *u = unsigned_type(e, x);
    text_printf(out, "(%s)(", type);
    for (int i = 0; i < 2; i++) {
        text_printf(out, "%s(%s)", i ? op : "", u);
        c_expr(e, out, x->arg[i], PREC_ONE);
    }
    text_printf(out, ")");
}

static bool is_signed(DType t) { return t == I32 || t == I64; }
static bool is_bool(const Expr *x) { return x->type == BOOL; }

static void arithmetic(Emit *e, Text *out, const Expr *x, const char *op, int own, int prec) {
    if (is_signed(x->type)) {
        wrapped(e, out, x, arena_printf(e->arena, " %s ", op));
    } else if (x->type == U8 && x->lanes == 1) {
        text_printf(out, "(uint8_t)(");
        infix(e, out, x, op, PREC_ANY, PREC_ANY);
        text_printf(out, ")");
    } else {
        infix(e, out, x, op, own, prec);
    }
}

/* & | ^: masks of AVX-512 are small integers, which C widens. */
static void bitwise(Emit *e, Text *out, const Expr *x, const char *op, int prec) {
    bool narrow = (x->type == U8 && x->lanes == 1) || (is_bool(x) && x->lanes > 1);
    if (narrow)
        text_printf(out, "(%s)", c_type(e, x->type, x->lanes));
    open_paren(out, narrow || prec > PREC_ANY);
    c_expr(e, out, x->arg[0], PREC_ONE);
    text_printf(out, " %s ", op);
    c_expr(e, out, x->arg[1], PREC_ONE);
    close_paren(out, narrow || prec > PREC_ANY);
}

static void call(Emit *e, Text *out, const char *name, const Expr *x, const Expr *typed) {
    text_printf(out, "%s_%s(", name, c_vtype(e, typed->type, typed->lanes));
    for (int i = 0; i < x->n; i++) {
        text_printf(out, i ? ", " : "");
        c_expr(e, out, x->arg[i], PREC_ANY);
    }
    text_printf(out, ")");
}

/* Integers compared with themselves: compilers warn, so the answer is written. */
static bool same_integers(const Expr *x) {
    return fn_info[x->fn].rule == T_BOOL && x->arg[0] == x->arg[1] &&
           !dtype_info[x->arg[0]->type].is_float;
}

/* Masks: a == b is a ^ 1 ^ b, a < b is a ^ 1 & b. */
static void compare_masks(Emit *e, Text *out, const Expr *x) {
    bool flip = x->fn != FN_ne;
    const char *op = x->fn == FN_lt ? "&" : x->fn == FN_le ? "|" : "^";
    text_printf(out, flip ? "(%s)((" : "(%s)(", c_type(e, BOOL, x->lanes));
    c_expr(e, out, x->arg[0], PREC_ONE);
    if (flip)
        text_printf(out, " ^ splat_mask%d(1))", x->lanes);
    text_printf(out, " %s ", op);
    c_expr(e, out, x->arg[1], PREC_ONE);
    text_printf(out, ")");
}

static void compare(Emit *e, Text *out, const Expr *x, const char *op, int prec) {
    const Expr *a = x->arg[0];
    if (same_integers(x)) {
        const char *truth = x->fn == FN_le || x->fn == FN_eq ? "1" : "0";
        if (x->lanes > 1)
            text_printf(out, "splat_mask%d(%s)", x->lanes, truth);
        else
            text_printf(out, "%s", truth);
    } else if (x->lanes > 1 && is_bool(a)) {
        compare_masks(e, out, x);
    } else if (x->lanes > 1) {
        call(e, out, fn_info[x->fn].name, x, a);
    } else {
        open_paren(out, prec > PREC_ANY);
        c_expr(e, out, a, PREC_SUM);
        text_printf(out, " %s ", op);
        c_expr(e, out, x->arg[1], PREC_SUM);
        close_paren(out, prec > PREC_ANY);
    }
}

/* Counts at or beyond the width are taken modulo the width. */
static void shift(Emit *e, Text *out, const Expr *x, const char *op, int prec) {
    const Expr *count = x->arg[1];
    int mask = dtype_info[x->type].bytes * 8 - 1;
    bool left = x->fn == FN_shl, cast = (left && is_signed(x->type)) || x->type == U8;
    if (count->kind == X_SPLAT && count->arg[0]->kind == X_NUM)
        count = count->arg[0];
    if (cast)
        text_printf(out, "(%s)", c_type(e, x->type, x->lanes));
    open_paren(out, cast || prec > PREC_ANY);
    if (cast && left)
        text_printf(out, "(%s)", unsigned_type(e, x));
    c_expr(e, out, x->arg[0], PREC_ONE);
    if (count->kind == X_NUM) {
        text_printf(out, " %s %d", op, (int)(count->u.i & mask));
    } else {
        text_printf(out, " %s (", op);
        c_expr(e, out, count, PREC_ONE);
        if (x->lanes > 1)
            text_printf(out, " & splat_%s(%d))", c_vtype(e, x->type, x->lanes), mask);
        else
            text_printf(out, " & %d)", mask);
    }
    close_paren(out, cast || prec > PREC_ANY);
}

static void negate(Emit *e, Text *out, const Expr *x, int prec) {
    if (dtype_info[x->type].is_float || x->type == U32 || x->type == U64 || x->lanes > 1) {
        bool cast = is_signed(x->type);
        if (cast)
            text_printf(out, "(%s)-(%s)", c_type(e, x->type, x->lanes), unsigned_type(e, x));
        open_paren(out, !cast && prec > PREC_ANY);
        text_printf(out, cast ? "" : "-");
        c_expr(e, out, x->arg[0], PREC_ONE);
        close_paren(out, !cast && prec > PREC_ANY);
        return;
    }
    text_printf(out, "(%s)(0u - (%s)", c_type(e, x->type, 1),
                x->type == U8 ? "uint32_t" : unsigned_type(e, x));
    c_expr(e, out, x->arg[0], PREC_ONE);
    text_printf(out, ")");
}

/* x86's max and min, where a select has their form. */
static const char *pick(const Expr *x) {
    const Expr *c = x->arg[0], *a = x->arg[1], *b = x->arg[2];
    if (!dtype_info[x->type].is_float || c->kind != X_CALL || c->fn != FN_lt)
        return NULL;
    if (c->arg[0] == b && c->arg[1] == a)
        return "greater";
    return c->arg[0] == a && c->arg[1] == b ? "less" : NULL;
}

/* select(a > b || a != a, a, b): max that keeps a NaN; likewise min. */
static const char *keep(const Expr *x) {
    const Expr *c = x->arg[0], *a = x->arg[1], *b = x->arg[2];
    if (!dtype_info[x->type].is_float || c->kind != X_CALL || c->fn != FN_or)
        return NULL;
    const Expr *lt = c->arg[0], *nan = c->arg[1];
    if (lt->kind != X_CALL || lt->fn != FN_lt || nan->kind != X_CALL || nan->fn != FN_ne ||
        nan->arg[0] != a || nan->arg[1] != a)
        return NULL;
    if (lt->arg[0] == b && lt->arg[1] == a)
        return "max";
    return lt->arg[0] == a && lt->arg[1] == b ? "min" : NULL;
}

static void two(Emit *e, Text *out, const char *name, const Expr *x, const Expr *a,
                const Expr *b) {
    text_printf(out, "%s_%s(", name, c_vtype(e, x->type, x->lanes));
    c_expr(e, out, a, PREC_ANY);
    text_printf(out, ", ");
    c_expr(e, out, b, PREC_ANY);
    text_printf(out, ")");
}

int c_operands(const Emit *e, const Expr *x, const Expr *arg[3]) {
    bool inner = x->kind == X_CALL || x->kind == X_SPLAT || (x->kind == X_TREE && !e->mask);
    int from = 0;
    if (!inner || (x->kind == X_CALL && same_integers(x)))
        return 0;
    if (x->kind == X_CALL && x->fn == FN_select && (keep(x) || (x->lanes > 1 && pick(x))))
        from = 1;
    for (int i = from; i < x->n; i++)
        arg[i - from] = x->arg[i];
    return x->n - from;
}

static void choose(Emit *e, Text *out, const Expr *x, int prec) {
    const char *name = keep(x);
    if (!name && x->lanes > 1)
        name = pick(x);
    if (name) {
        two(e, out, name, x, x->arg[1], x->arg[2]);
    } else if (x->lanes > 1) {
        call(e, out, "select", x, x);
    } else {
        bool narrow = x->type == U8;
        text_printf(out, narrow ? "(uint8_t)" : "");
        open_paren(out, narrow || prec > PREC_ANY);
        c_expr(e, out, x->arg[0], PREC_SUM);
        text_printf(out, " ? ");
        c_expr(e, out, x->arg[1], PREC_SUM);
        text_printf(out, " : ");
        c_expr(e, out, x->arg[2], PREC_SUM);
        close_paren(out, narrow || prec > PREC_ANY);
    }
}

static void convert(Emit *e, Text *out, const Expr *x) {
    const Expr *a = x->arg[0];
    const char *to = c_vtype(e, x->type, x->lanes);
    if (is_bool(a) && x->lanes > 1) {
        text_printf(out, "select_%s(", to);
        c_expr(e, out, a, PREC_ANY);
        text_printf(out, ", splat_%s(1), splat_%s(0))", to, to);
    } else if (dtype_info[a->type].is_float && !dtype_info[x->type].is_float) {
        text_printf(out, "cvt_%s_%s(", to, c_vtype(e, a->type, a->lanes));
        c_expr(e, out, a, PREC_ANY);
        text_printf(out, ")");
    } else if (x->lanes > 1) {
        bool widen = a->type == U8 && x->type != U8;
        text_printf(out, "__builtin_convertvector(");
        if (widen)
            text_printf(out, "widen_i32x%d_u8x%d(", x->lanes, x->lanes);
        c_expr(e, out, a, PREC_ANY);
        text_printf(out, widen ? "), %s)" : ", %s)", to);
    } else {
        text_printf(out, "(%s)", c_type(e, x->type, 1));
        c_expr(e, out, a, PREC_ONE);
    }
}

static void reinterpret(Emit *e, Text *out, const Expr *x) {
    const Expr *a = x->arg[0];
    if (x->lanes > 1)
        text_printf(out, "(%s)", c_type(e, x->type, x->lanes));
    else
        text_printf(out, "bits_%s_%s(", dtype_info[x->type].name, dtype_info[a->type].name);
    c_expr(e, out, a, x->lanes > 1 ? PREC_ONE : PREC_ANY);
    text_printf(out, x->lanes > 1 ? "" : ")");
}

static void primitive(Emit *e, Text *out, const Expr *x, int prec) {
    switch ((int)x->fn) {
    case FN_add: arithmetic(e, out, x, "+", PREC_SUM, prec); return;
    case FN_sub: arithmetic(e, out, x, "-", PREC_SUM, prec); return;
    case FN_mul: arithmetic(e, out, x, "*", PREC_MUL, prec); return;
    case FN_div: arithmetic(e, out, x, "/", PREC_MUL, prec); return;
    case FN_neg: negate(e, out, x, prec); return;
    case FN_lt: compare(e, out, x, "<", prec); return;
    case FN_le: compare(e, out, x, "<=", prec); return;
    case FN_eq: compare(e, out, x, "==", prec); return;
    case FN_ne: compare(e, out, x, "!=", prec); return;
    case FN_and: bitwise(e, out, x, "&", prec); return;
    case FN_or: bitwise(e, out, x, "|", prec); return;
    case FN_xor: bitwise(e, out, x, "^", prec); return;
    case FN_shl: shift(e, out, x, "<<", prec); return;
    case FN_shr: shift(e, out, x, ">>", prec); return;
    case FN_fma: case FN_sqrt: case FN_mulhi:
        call(e, out, fn_info[x->fn].name, x, x);
        return;
    case FN_select: choose(e, out, x, prec); return;
    case FN_bits: reinterpret(e, out, x); return;
    case FN_f32: case FN_f64: case FN_i32: case FN_i64: case FN_u32: case FN_u64: case FN_u8:
        convert(e, out, x);
        return;
    }
    bug("C: %s is no primitive", fn_info[x->fn].name);
}

static void when(Emit *e, Text *out, const Expr *x, int prec) {
    open_paren(out, prec > PREC_ANY);
    c_cond(e, out, x->cond);
    text_printf(out, " ? ");
    c_expr(e, out, x->arg[0], PREC_SUM);
    text_printf(out, " : ");
    c_expr(e, out, x->arg[1], PREC_SUM);
    close_paren(out, prec > PREC_ANY);
}

void c_expr(Emit *e, Text *out, const Expr *x, int prec) {
    if (x->id < e->temp_cap && e->temp[x->id]) {
        text_printf(out, "t%d", e->temp[x->id]);
        return;
    }
    switch (x->kind) {
    case X_NUM: {
        bool sign = prec > PREC_ANY && (dtype_info[x->type].is_float ? signbit(x->u.num) != 0
                                                                     : x->u.i < 0);
        open_paren(out, sign);
        c_number(out, x);
        close_paren(out, sign);
        return;
    }
    case X_IX: ramp(e, out, x); return;
    case X_READ: read(e, out, x, prec); return;
    case X_VAR: text_printf(out, "v%d", x->u.slot); return;
    case X_CALL: primitive(e, out, x, prec); return;
    case X_WHEN: when(e, out, x, prec); return;
    case X_SPLAT:
    case X_TREE: {
        const char *mask = e->mask;    /* it speaks of lanes, not of what is inside */
        e->mask = NULL;
        if (x->kind == X_SPLAT)
            text_printf(out, "splat_%s(", c_vtype(e, x->type, x->lanes));
        else
            text_printf(out, "fold_%s_%s(", fn_info[x->fn].name,
                        c_vtype(e, x->type, x->arg[0]->lanes));
        c_expr(e, out, x->arg[0], PREC_ANY);
        text_printf(out, ")");
        e->mask = mask;
        return;
    }
    }
    bug("expression of kind %d", x->kind);
}
