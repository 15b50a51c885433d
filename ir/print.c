/* Text of index expressions, guards and expressions; parse.c reads it back. */
#include "ir/expr.h"

#include <math.h>
#include <string.h>

static void var_name(Text *out, int id, const Names *names) {
    if (names && names->var)
        text_printf(out, "%s", names->var[id]);
    else
        text_printf(out, "i%d", id);
}

static void slot_name(Text *out, int id, const Names *names) {
    if (names && names->slot)
        text_printf(out, "%s", names->slot[id]);
    else
        text_printf(out, "%%%d", id);
}

static void subscripts(Text *out, int n, const Ix *const *sub, const Names *names) {
    text_printf(out, "[");
    for (int i = 0; i < n; i++) {
        text_printf(out, i ? "," : "");
        ix_print(out, sub[i], names);
    }
    text_printf(out, "]");
}

static void print_atom(Text *out, const IxAtom *t, const Names *names) {
    switch (t->kind) {
    case IX_VAR:   var_name(out, t->id, names); return;
    case IX_BATCH: text_printf(out, "n"); return;
    case IX_DIV:
    case IX_MOD:
        text_printf(out, "(");
        ix_print(out, t->a[0], names);
        text_printf(out, ")%c%lld", t->kind == IX_DIV ? '/' : '%', (long long)t->k);
        return;
    case IX_MIN:
    case IX_MAX:
    case IX_ABS:
        text_printf(out, "%s(", t->kind == IX_MIN ? "min" : t->kind == IX_MAX ? "max" : "abs");
        for (int i = 0; i < t->n; i++) {
            text_printf(out, i ? ", " : "");
            ix_print(out, t->a[i], names);
        }
        text_printf(out, ")");
        return;
    case IX_READ:
        slot_name(out, t->id, names);
        subscripts(out, t->n, t->a, names);
        return;
    }
    bug("index atom of kind %d", t->kind);
}

static bool wrapped(const IxAtom *t) { return t->kind == IX_DIV || t->kind == IX_MOD; }

void ix_print(Text *out, const Ix *a, const Names *names) {
    for (int i = 0; i < a->n; i++) {
        int64_t k = a->term[i].coef;
        text_printf(out, k < 0 ? "-" : i ? "+" : "");
        if (k != 1 && k != -1)
            text_printf(out, "%lld*", (long long)(k < 0 ? -k : k));
        bool wrap = wrapped(a->term[i].atom) && k != 1;
        text_printf(out, wrap ? "(" : "");
        print_atom(out, a->term[i].atom, names);
        text_printf(out, wrap ? ")" : "");
    }
    if (a->c || a->n == 0)
        text_printf(out, "%s%lld", a->n && a->c > 0 ? "+" : "", (long long)a->c);
}

void cond_print(Text *out, Cond c, const Names *names) {
    for (int i = 0; i < c.n; i++) {
        text_printf(out, i ? " && " : "");
        ix_print(out, c.cmp[i].e, names);
        text_printf(out, c.cmp[i].eq ? " == 0" : " >= 0");
    }
    if (c.n == 0)
        text_printf(out, "0 == 0");
}

/* Numbers carry their type: 1:f32, -3:i32; floats print as short as reads back equal. */
static void print_num(Text *out, const Expr *e) {
    char buf[40];
    if (e->type == F32)
        text_printf(out, "%s", num_float(buf, (float)e->u.num));
    else if (e->type == F64)
        text_printf(out, "%s", num_double(buf, e->u.num));
    else
        text_printf(out, "%lld", (long long)e->u.i);
    text_printf(out, ":%s", dtype_info[e->type].name);
}

static void print_args(Text *out, const Expr *e, const Names *names) {
    for (int i = 0; i < e->n; i++) {
        text_printf(out, i ? ", " : "");
        x_print(out, e->arg[i], names);
    }
    text_printf(out, ")");
}

static bool infix(Text *out, const Expr *e, const Names *names) {
    const char *op = e->fn == FN_add ? " + " : e->fn == FN_sub ? " - " : e->fn == FN_mul ? "*"
                   : e->fn == FN_div ? "/" : NULL;
    if (!op)
        return false;
    text_printf(out, "(");
    x_print(out, e->arg[0], names);
    text_printf(out, "%s", op);
    x_print(out, e->arg[1], names);
    text_printf(out, ")");
    return true;
}

/* Vector forms: %b[at; lanes, step, active]   #i32(ix; lanes, step)   splat(lanes, x)
 * when@v(cond, a, b) tests cond at v + lane   tree.add(x)   v3:f32x8 is a variable */
void x_print(Text *out, const Expr *e, const Names *names) {
    if (names && names->shared && names->shared[e->id]) {
        text_printf(out, "s%d", names->shared[e->id]);
        return;
    }
    switch (e->kind) {
    case X_NUM:
        print_num(out, e);
        return;
    case X_IX:
        text_printf(out, "#%s(", dtype_info[e->type].name);
        ix_print(out, e->u.ix, names);
        if (e->lanes > 1)
            text_printf(out, "; %d, %lld", e->lanes, (long long)e->step);
        text_printf(out, ")");
        return;
    case X_READ:
        slot_name(out, e->u.slot, names);
        if (e->lanes == 1) {
            subscripts(out, e->n, e->sub, names);
            return;
        }
        text_printf(out, "[");
        ix_print(out, e->sub[0], names);
        text_printf(out, "; %d, %lld, %d]", e->lanes, (long long)e->step, e->active);
        return;
    case X_VAR:
        text_printf(out, "v%d", e->u.slot);
        return;
    case X_CALL:
        if (infix(out, e, names))
            return;
        text_printf(out, "%s(", fn_info[e->fn].name);
        print_args(out, e, names);
        return;
    case X_WHEN:
        if (e->lanes > 1 && e->lane_var >= 0) {
            text_printf(out, "when@");
            var_name(out, e->lane_var, names);
            text_printf(out, "(");
        } else {
            text_printf(out, "when(");
        }
        cond_print(out, e->cond, names);
        text_printf(out, ", ");
        print_args(out, e, names);
        return;
    case X_SPLAT:
        text_printf(out, "splat(%d, ", e->lanes);
        print_args(out, e, names);
        return;
    case X_TREE:
        text_printf(out, "tree.%s(", fn_info[e->fn].name);
        print_args(out, e, names);
        return;
    }
    bug("expression of kind %d", e->kind);
}
