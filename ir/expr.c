/* Scalar and vector expressions: interned construction with exact simplification. */
#include "ir/pool.h"

#include <string.h>

static bool same_expr(const void *x, const void *y) {
    const Expr *a = x, *b = y;
    if (a->kind != b->kind || a->type != b->type || a->lanes != b->lanes || a->fn != b->fn ||
        a->n != b->n || a->u.i != b->u.i || a->step != b->step || a->active != b->active ||
        a->lane_var != b->lane_var || a->cond.n != b->cond.n)
        return false;
    for (int i = 0; i < a->cond.n; i++)
        if (a->cond.cmp[i].e != b->cond.cmp[i].e || a->cond.cmp[i].eq != b->cond.cmp[i].eq)
            return false;
    for (int i = 0; i < a->n; i++)
        if (a->arg ? a->arg[i] != b->arg[i] : a->sub[i] != b->sub[i])
            return false;
    return true;
}

static const Expr *intern(Pool *p, Expr e) {
    uint64_t h = hash_u64(hash_u64(29, e.kind * 64u + e.type), (uint64_t)e.lanes);
    h = hash_u64(hash_u64(h, e.fn), (uint64_t)e.u.i);
    h = hash_u64(hash_u64(h, (uint64_t)e.step), (uint64_t)e.active);
    for (int i = 0; i < e.n; i++)
        h = hash_u64(h, e.arg ? e.arg[i]->id : e.sub[i]->id);
    for (int i = 0; i < e.cond.n; i++)
        h = hash_u64(h, e.cond.cmp[i].e->id * 2u + e.cond.cmp[i].eq);
    bool fresh;
    Expr *r = pool_intern(p, &p->expr, &e, sizeof e, h, same_expr, &fresh);
    if (fresh) {
        r->id = p->nexpr++;
        if (e.arg)
            r->arg = pool_copy(p, e.arg, (size_t)e.n * sizeof *e.arg);
        else if (e.sub)
            r->sub = pool_copy(p, e.sub, (size_t)e.n * sizeof *e.sub);
    }
    return r;
}

static Expr blank(XKind kind, DType t, int lanes) {
    return (Expr){.kind = kind, .type = t, .lanes = lanes, .lane_var = -1};
}

/* A constant as its type holds it. */
static const Expr *constant(Pool *p, DType t, Num v) {
    Expr e = blank(X_NUM, t, 1);
    switch (t) {
    case F32:  e.u.num = (float)v.f; break;
    case F64:  e.u.num = v.f; break;
    case I32:  e.u.i = (int32_t)v.i; break;
    case U32:  e.u.i = (uint32_t)v.i; break;
    case I64:
    case U64:  e.u.i = v.i; break;
    case U8:   e.u.i = (uint8_t)v.i; break;
    case BOOL: e.u.i = v.i != 0; break;
    case NDTYPE: bug("constant without a type");
    }
    return intern(p, e);
}

const Expr *x_num(Pool *p, DType t, double v) {
    return constant(p, t, dtype_info[t].is_float ? (Num){.f = v} : (Num){.i = (int64_t)v});
}

const Expr *x_int(Pool *p, DType t, int64_t v) {
    return constant(p, t, dtype_info[t].is_float ? (Num){.f = (double)v} : (Num){.i = v});
}

const Expr *x_ix(Pool *p, DType t, const Ix *ix) {
    int64_t c;
    if (ix_is_const(ix, &c))
        return x_int(p, t, c);
    Expr e = blank(X_IX, t, 1);
    e.u.ix = ix;
    return intern(p, e);
}

const Expr *x_read(Pool *p, DType t, int slot, int n, const Ix *const *sub) {
    Expr e = blank(X_READ, t, 1);
    e.u.slot = slot;
    e.n = n;
    e.sub = n ? sub : NULL;
    return intern(p, e);
}

const Expr *x_var(Pool *p, DType t, int lanes, int id) {
    Expr e = blank(X_VAR, t, lanes);
    e.u.slot = id;
    return intern(p, e);
}

bool x_is_num(const Expr *e, double v) {
    if (e->kind == X_SPLAT)
        e = e->arg[0];
    if (e->kind != X_NUM)
        return false;
    return dtype_info[e->type].is_float ? memcmp(&e->u.num, &v, sizeof v) == 0
                                        : (double)e->u.i == v;
}

/* --- calls --- */

static DType result_type(Fn fn, const Expr *const *arg) {
    static const DType to[] = {[T_F32] = F32, [T_F64] = F64, [T_I32] = I32, [T_I64] = I64,
                               [T_U32] = U32, [T_U64] = U64, [T_U8] = U8};
    DType t = arg[0]->type;
    switch (fn_info[fn].rule) {
    case T_SAME:   return t;
    case T_BOOL:   return BOOL;
    case T_SELECT: return arg[1]->type;
    case T_BITS:
        switch (t) {
        case F32: return U32;
        case U32: return F32;
        case F64: return U64;
        case U64: return F64;
        default:  bug("bits of a %s", dtype_info[t].name);
        }
    case T_F32: case T_F64: case T_I32: case T_I64: case T_U32: case T_U64: case T_U8:
        return to[fn_info[fn].rule];
    }
    bug("type rule of %s", fn_info[fn].name);
}

static void check_call(Fn fn, int n, const Expr *const *arg) {
    const FnInfo *f = &fn_info[fn];
    if (n != f->nargs)
        bug("%s takes %d arguments, got %d", f->name, f->nargs, n);
    int first = f->rule == T_SELECT ? 1 : 0;
    for (int i = 0; i < n; i++)
        if (arg[i]->lanes != arg[0]->lanes || (i > first && arg[i]->type != arg[first]->type))
            bug("%s: argument %d is %s x%d beside %s x%d", f->name, i,
                dtype_info[arg[i]->type].name, arg[i]->lanes,
                dtype_info[arg[first]->type].name, arg[0]->lanes);
    if (first && arg[0]->type != BOOL)
        bug("%s: condition is %s", f->name, dtype_info[arg[0]->type].name);
}

static const Expr *fold_constants(Pool *p, Fn fn, int n, const Expr *const *arg) {
    Num v[MAX_ARGS];
    if (!fn_info[fn].prim)
        return NULL;
    for (int i = 0; i < n; i++) {
        if (arg[i]->kind != X_NUM)
            return NULL;
        v[i] = dtype_info[arg[i]->type].is_float ? (Num){.f = arg[i]->u.num}
                                                 : (Num){.i = arg[i]->u.i};
    }
    int typed = fn_info[fn].rule == T_SELECT ? 1 : 0;
    return constant(p, result_type(fn, arg), prim_eval(fn, arg[typed]->type, v));
}

/* Rules that hold for every value. x + 0 is not among them: -0 + 0 is +0. */
static const Expr *simpler(Pool *p, Fn fn, const Expr *const *a) {
    bool integer = !dtype_info[a[0]->type].is_float;
    switch ((int)fn) {
    case FN_add:
        if (x_is_num(a[0], integer ? 0.0 : -0.0))
            return a[1];
        return x_is_num(a[1], integer ? 0.0 : -0.0) ? a[0] : NULL;
    case FN_sub:
        return x_is_num(a[1], 0.0) ? a[0] : NULL;
    case FN_mul:
        if (x_is_num(a[0], 1))
            return a[1];
        if (x_is_num(a[1], 1))
            return a[0];
        if (x_is_num(a[0], -1) && !integer)
            return x_call1(p, FN_neg, a[1]);
        return x_is_num(a[1], -1) && !integer ? x_call1(p, FN_neg, a[0]) : NULL;
    case FN_div:
        return x_is_num(a[1], 1) ? a[0] : NULL;
    case FN_neg:
        return a[0]->kind == X_CALL && a[0]->fn == FN_neg ? a[0]->arg[0] : NULL;
    case FN_select:
        if (a[1] == a[2])
            return a[1];
        return a[0]->kind == X_NUM ? (a[0]->u.i ? a[1] : a[2]) : NULL;
    case FN_max:
    case FN_min:
        return a[0] == a[1] ? a[0] : NULL;
    case FN_f32:
        return a[0]->type == F32 ? a[0] : NULL;
    case FN_f64:
        return a[0]->type == F64 ? a[0] : NULL;
    case FN_i32:
        return a[0]->type == I32 ? a[0] : NULL;
    case FN_i64:
        return a[0]->type == I64 ? a[0] : NULL;
    case FN_u32:
        return a[0]->type == U32 ? a[0] : NULL;
    case FN_u64:
        return a[0]->type == U64 ? a[0] : NULL;
    case FN_u8:
        return a[0]->type == U8 ? a[0] : NULL;
    }
    return NULL;
}

const Expr *x_call(Pool *p, Fn fn, int n, const Expr *const *arg) {
    check_call(fn, n, arg);
    const Expr *r = fold_constants(p, fn, n, arg);
    if (!r)
        r = simpler(p, fn, arg);
    if (r)
        return r;
    Expr e = blank(X_CALL, result_type(fn, arg), arg[0]->lanes);
    e.fn = fn;
    e.n = n;
    e.arg = arg;
    return intern(p, e);
}

const Expr *x_call1(Pool *p, Fn fn, const Expr *a) { return x_call(p, fn, 1, &a); }

const Expr *x_call2(Pool *p, Fn fn, const Expr *a, const Expr *b) {
    const Expr *arg[] = {a, b};
    return x_call(p, fn, 2, arg);
}

const Expr *x_call3(Pool *p, Fn fn, const Expr *a, const Expr *b, const Expr *c) {
    const Expr *arg[] = {a, b, c};
    return x_call(p, fn, 3, arg);
}

const Expr *x_cast(Pool *p, DType to, const Expr *a) {
    static const Fn fn[] = {[F32] = FN_f32, [F64] = FN_f64, [I32] = FN_i32, [I64] = FN_i64,
                            [U32] = FN_u32, [U64] = FN_u64, [U8] = FN_u8};
    if (a->type == to)
        return a;
    if (to == BOOL)
        return x_call2(p, FN_ne, a, x_splat(p, a->lanes, x_num(p, a->type, 0)));
    if (a->type == BOOL)
        return x_call3(p, FN_select, a, x_splat(p, a->lanes, x_num(p, to, 1)),
                       x_splat(p, a->lanes, x_num(p, to, 0)));
    return x_call1(p, fn[to], a);
}

static bool cond_never(Cond c) {
    for (int i = 0; i < c.n; i++)
        if (c.cmp[i].e->n == 0 && (c.cmp[i].eq ? c.cmp[i].e->c != 0 : c.cmp[i].e->c < 0))
            return true;
    return false;
}

static const Expr *when(Pool *p, Cond c, int lane_var, const Expr *a, const Expr *b) {
    if (a->type != b->type || a->lanes != b->lanes)
        bug("when: %s x%d beside %s x%d", dtype_info[a->type].name, a->lanes,
            dtype_info[b->type].name, b->lanes);
    if (c.n == 0 || a == b)
        return a;
    if (cond_never(c))
        return b;
    if (a->kind == X_WHEN && a->arg[1] == b && a->lane_var == lane_var)
        return when(p, cond_and(p, c, a->cond), lane_var, a->arg[0], b);
    const Expr *arg[] = {a, b};
    Expr e = blank(X_WHEN, a->type, a->lanes);
    e.cond = c;
    e.lane_var = lane_var;
    e.n = 2;
    e.arg = arg;
    return intern(p, e);
}

const Expr *x_when(Pool *p, Cond c, const Expr *a, const Expr *b) {
    return when(p, c, -1, a, b);
}

const Expr *x_vwhen(Pool *p, Cond c, int lane_var, const Expr *a, const Expr *b) {
    return when(p, c, lane_var, a, b);
}

/* --- vectors --- */

const Expr *x_ramp(Pool *p, DType t, int lanes, const Ix *ix, int64_t step) {
    if (lanes == 1)
        return x_ix(p, t, ix);
    Expr e = blank(X_IX, t, lanes);
    e.u.ix = ix;
    e.step = step;
    return intern(p, e);
}

const Expr *x_vread(Pool *p, DType t, int slot, const Ix *at, int lanes, int64_t step,
                    int active) {
    if (lanes == 1)
        return x_read(p, t, slot, 1, &at);
    Expr e = blank(X_READ, t, lanes);
    e.u.slot = slot;
    e.n = 1;
    e.sub = &at;
    e.step = step;
    e.active = active;
    return intern(p, e);
}

const Expr *x_splat(Pool *p, int lanes, const Expr *a) {
    if (a->lanes == lanes)
        return a;
    if (a->lanes != 1)
        bug("splat of %d lanes", a->lanes);
    Expr e = blank(X_SPLAT, a->type, lanes);
    e.n = 1;
    e.arg = &a;
    return intern(p, e);
}

const Expr *x_tree(Pool *p, Fn fn, const Expr *a) {
    if (a->lanes == 1)
        return a;
    Expr e = blank(X_TREE, a->type, 1);
    e.fn = fn;
    e.n = 1;
    e.arg = &a;
    return intern(p, e);
}
