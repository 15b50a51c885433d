/* Subscripts, guards and numbers as C. */
#include "codegen/c_emit.h"

#include <math.h>
#include <string.h>

/* --- subscripts --- */

static void open_paren(Text *out, bool yes) { text_put(out, "(", yes); }
static void close_paren(Text *out, bool yes) { text_put(out, ")", yes); }

static void integer(Text *out, int64_t v) {
    if (v == INT64_MIN)
        text_printf(out, "(-%lldLL - 1)", (long long)INT64_MAX);
    else
        text_printf(out, "%lld%s", (long long)v, v > INT32_MAX || v < -INT32_MAX ? "LL" : "");
}

static void c_call2(Emit *e, Text *out, const char *fn, const Ix *a, const Ix *b) {
    text_printf(out, "%s(", fn);
    c_ix(e, out, a, PREC_ANY);
    text_printf(out, ", ");
    c_ix(e, out, b, PREC_ANY);
    text_printf(out, ")");
}

/* C's division rounds towards zero, which is floor where nothing is negative. */
static void c_div(Emit *e, Text *out, const IxAtom *a, int prec) {
    bool div = a->kind == IX_DIV;
    if (!scope_proves(&e->scope, a->a[0])) {
        c_call2(e, out, div ? "floor_div" : "floor_mod", a->a[0],
                ix_const(e->scope.pool, a->k));
        return;
    }
    open_paren(out, prec >= PREC_MUL);
    c_ix(e, out, a->a[0], PREC_ONE);
    text_printf(out, " %c ", div ? '/' : '%');
    integer(out, a->k);
    close_paren(out, prec >= PREC_MUL);
}

static void c_atom(Emit *e, Text *out, const IxAtom *a, int prec) {
    switch (a->kind) {
    case IX_VAR:
        text_printf(out, "%s", e->loop[a->id]);
        return;
    case IX_BATCH:
        text_printf(out, "n");
        return;
    case IX_DIV:
    case IX_MOD:
        c_div(e, out, a, prec);
        return;
    case IX_MIN:
    case IX_MAX:
        c_call2(e, out, a->kind == IX_MIN ? "least" : "most", a->a[0], a->a[1]);
        return;
    case IX_ABS:
        text_printf(out, "distance(");
        c_ix(e, out, a->a[0], PREC_ANY);
        text_printf(out, ")");
        return;
    case IX_READ:
        text_printf(out, "(ptrdiff_t)%s[", e->buf[a->id]);
        c_ix(e, out, a->a[0], PREC_ANY);
        text_printf(out, "]");
        return;
    }
    bug("index atom of kind %d", a->kind);
}

static void c_term(Emit *e, Text *out, const IxAtom *a, int64_t coef, int prec) {
    if (coef == 1) {
        c_atom(e, out, a, prec);
        return;
    }
    open_paren(out, prec > PREC_MUL);
    integer(out, coef);
    text_printf(out, " * ");
    c_atom(e, out, a, PREC_ONE);
    close_paren(out, prec > PREC_MUL);
}

/* Terms with a sign of their own first, so that nothing starts with a minus. */
void c_ix(Emit *e, Text *out, const Ix *x, int prec) {
    int plus = 0;
    for (int i = 0; i < x->n; i++)
        plus += x->term[i].coef > 0;
    bool lone = x->n == 1 && x->c == 0 && plus == 1, wrap = !lone && x->n > 0 && prec > PREC_ANY;
    if (lone) {
        c_term(e, out, x->term[0].atom, x->term[0].coef, prec);
        return;
    }
    open_paren(out, wrap);
    const char *join = "";
    for (int i = 0; i < x->n; i++)
        if (x->term[i].coef > 0) {
            text_printf(out, "%s", join);
            c_term(e, out, x->term[i].atom, x->term[i].coef, PREC_SUM);
            join = " + ";
        }
    if (plus == 0 || x->c > 0) {
        bool sign = x->n == 0 && x->c < 0 && prec > PREC_ANY;
        text_printf(out, "%s", join);
        open_paren(out, sign);
        integer(out, x->c);
        close_paren(out, sign);
    }
    for (int i = 0; i < x->n; i++)
        if (x->term[i].coef < 0) {
            text_printf(out, " - ");
            c_term(e, out, x->term[i].atom, -x->term[i].coef, PREC_MUL);
        }
    if (plus > 0 && x->c < 0) {
        text_printf(out, " - ");
        integer(out, -x->c);
    }
    close_paren(out, wrap);
}

/* Terms of x with the given sign, all made positive; the constant goes with `c`. */
static const Ix *side(Emit *e, const Ix *x, bool positive, bool c) {
    Pool *p = e->scope.pool;
    Ix part = {.c = c ? (positive ? x->c : -x->c) : 0};
    IxTerm *t = NEW(e->arena, x->n + 1, IxTerm);
    for (int i = 0; i < x->n; i++)
        if ((x->term[i].coef > 0) == positive)
            t[part.n++] = (IxTerm){positive ? x->term[i].coef : -x->term[i].coef,
                                   x->term[i].atom};
    part.term = t;
    return ix_add(p, &part, ix_const(p, 0));           /* sorted and interned */
}

/* i + 3 >= 0 && 27 - j >= 0 reads as i >= -3 && j <= 27. */
static void c_compare(Emit *e, Text *out, Cmp c) {
    const Ix *left = side(e, c.e, true, false), *right = side(e, c.e, false, false);
    const char *op = c.eq ? "==" : ">=";
    if (left->n == 0) {
        left = right;
        right = ix_const(e->scope.pool, c.e->c);
        op = c.eq ? "==" : "<=";
    } else if (right->n == 0) {
        right = ix_const(e->scope.pool, -c.e->c);
    } else if (c.e->c > 0) {
        left = ix_addc(e->scope.pool, left, c.e->c);
    } else {
        right = ix_addc(e->scope.pool, right, -c.e->c);
    }
    c_ix(e, out, left, PREC_ANY);
    text_printf(out, " %s ", op);
    c_ix(e, out, right, PREC_ANY);
}

void c_cond(Emit *e, Text *out, Cond c) {
    for (int i = 0; i < c.n; i++) {
        text_printf(out, i ? " && " : "");
        c_compare(e, out, c.cmp[i]);
    }
    if (c.n == 0)
        text_printf(out, "1");
}

/* --- numbers --- */

static bool has_point(const char *s) { return strpbrk(s, ".e") != NULL; }

/* C99 has no constant for what is not finite: a helper makes it of bits. */
static void c_float(Text *out, float x) {
    char buf[40];
    if (isnan(x))
        text_printf(out, "bits_f32_u32(0x7fc00000u)");
    else if (isinf(x))
        text_printf(out, "bits_f32_u32(0x%s00000u)", x < 0 ? "ff8" : "7f8");
    else
        text_printf(out, has_point(num_float(buf, x)) ? "%sf" : "%s.0f", buf);
}

static void c_double(Text *out, double x) {
    char buf[40];
    if (isnan(x))
        text_printf(out, "bits_f64_u64((uint64_t)0x7ff8 << 48)");
    else if (isinf(x))
        text_printf(out, "bits_f64_u64((uint64_t)0x%s << 48)", x < 0 ? "fff0" : "7ff0");
    else
        text_printf(out, has_point(num_double(buf, x)) ? "%s" : "%s.0", buf);
}

void c_number(Text *out, const Expr *x) {
    switch (x->type) {
    case F32:  c_float(out, (float)x->u.num); return;
    case F64:  c_double(out, x->u.num); return;
    case I32:
        if (x->u.i == INT32_MIN)
            text_printf(out, "(-2147483647 - 1)");
        else
            text_printf(out, "%lld", (long long)x->u.i);
        return;
    case I64:  integer(out, x->u.i); return;
    case U32:  text_printf(out, "%lluu", (unsigned long long)x->u.i); return;
    case U64:  text_printf(out, "%lluu", (unsigned long long)x->u.i); return;
    case U8:   text_printf(out, "(uint8_t)%lld", (long long)x->u.i); return;
    case BOOL: text_printf(out, x->u.i ? "1" : "0"); return;
    case NDTYPE: break;
    }
    bug("a constant without a type");
}
