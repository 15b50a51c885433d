/* Runs tapes: each instruction on a block of points; and numbers in memory. */
#include "ir/tape.h"

#include <math.h>
#include <string.h>

int64_t dim_size(const Run *r, Dim d) { return d.batch ? r->n : d.n; }

int64_t value_count(const Run *r, const Type *t) {
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= dim_size(r, t->dim[i]);
    return n;
}

int value_bytes(const Run *r, DType t) {
    return r->wide && t == F32 ? 8 : dtype_info[t].bytes;
}

Value value_new(const Run *r, Arena *a, const Type *t) {
    int64_t n = value_count(r, t);
    return (Value){*t, arena_array(a, (size_t)(n ? n : 1), (size_t)value_bytes(r, t->dtype))};
}

Num value_get(const Run *r, DType t, const void *data, int64_t i) {
    switch (r->wide && t == F32 ? F64 : t) {
    case F32:  return (Num){.f = (double)((const float *)data)[i]};
    case F64:  return (Num){.f = ((const double *)data)[i]};
    case I32:  return (Num){.i = ((const int32_t *)data)[i]};
    case I64:  return (Num){.i = ((const int64_t *)data)[i]};
    case U32:  return (Num){.i = ((const uint32_t *)data)[i]};
    case U64:  return (Num){.i = (int64_t)((const uint64_t *)data)[i]};
    case U8:
    case BOOL: return (Num){.i = ((const uint8_t *)data)[i]};
    case NDTYPE: break;
    }
    bug("value of type %d", t);
}

void value_put(const Run *r, DType t, void *data, int64_t i, Num v) {
    switch (r->wide && t == F32 ? F64 : t) {
    case F32:  ((float *)data)[i] = (float)v.f; return;
    case F64:  ((double *)data)[i] = v.f; return;
    case I32:  ((int32_t *)data)[i] = (int32_t)v.i; return;
    case I64:  ((int64_t *)data)[i] = v.i; return;
    case U32:  ((uint32_t *)data)[i] = (uint32_t)v.i; return;
    case U64:  ((uint64_t *)data)[i] = (uint64_t)v.i; return;
    case U8:
    case BOOL: ((uint8_t *)data)[i] = (uint8_t)v.i; return;
    case NDTYPE: break;
    }
    bug("value of type %d", t);
}

/* --- integers --- */

static int64_t floor_div(int64_t a, int64_t k) { return a / k - (a % k < 0); }

#define EACH(expr) \
    for (int i = 0; i < n; i++) { \
        const int64_t x = a[i], y = b[i]; \
        (void)x, (void)y; \
        to[i] = (expr); \
    } \
    return

static void run_integer(const Op *op, int n, int64_t *restrict to, const int64_t *a,
                        const int64_t *b) {
    const int64_t k = op->k, add = op->add;
    switch ((int)op->kind) {
    case OP_LINE: EACH(k * x + add);
    case OP_PLUS: EACH(x + k * y);
    case OP_DIV:  EACH(floor_div(x, k));
    case OP_MOD:  EACH(x - k * floor_div(x, k));
    case OP_MIN:  EACH(x < y ? x : y);
    case OP_MAX:  EACH(x > y ? x : y);
    case OP_ABS:  EACH(x < 0 ? -x : x);
    case OP_NOT_NEGATIVE: EACH(x >= 0);
    case OP_ZERO: EACH(x == 0);
    case OP_AND:  EACH(x & y);
    case OP_BUT:  EACH(x & ~y);
    case OP_INSIDE: EACH((x >= 0) & (x < k));
    case OP_PLACE: EACH(y ? x : -1);
    }
    bug("tape operation %d", op->kind);
}

/* --- memory --- */

static void put(Reg *r, int i, DType t, Num v) {
    if (dtype_info[t].is_float)
        r->f[i] = v.f;
    else
        r->i[i] = v.i;
}

static bool run_check(const Tape *t, const Op *op, int n) {
    const Reg *a = t->reg[op->a], *mask = op->mask < 0 ? NULL : t->reg[op->mask];
    int64_t bad = 0;
    for (int i = 0; i < n; i++)
        bad |= ((a->i[i] < 0) | (a->i[i] >= op->k)) & (mask ? mask->i[i] : 1);
    for (int i = 0; bad && i < n; i++)
        if ((!mask || mask->i[i]) && (a->i[i] < 0 || a->i[i] >= op->k))
            return diag_error(t->run->loc,
                              "node %u reads operand %d at %lld, outside of dim %d of %lld",
                              t->run->node, op->slot, (long long)a->i[i], op->dim,
                              (long long)op->k);
    return true;
}

static void run_load(const Tape *t, const Op *op, int n) {
    const Reg *at = t->reg[op->a], *mask = op->mask < 0 ? NULL : t->reg[op->mask];
    Reg *to = t->reg[op->to];
    if (op->type == F32 && !t->run->wide) {
        const float *data = op->data;
        for (int i = 0; i < n; i++)
            to->f[i] = !mask || mask->i[i] ? (double)data[at->i[i]] : 0;
        return;
    }
    for (int i = 0; i < n; i++) {
        if (!mask || mask->i[i])
            put(to, i, op->type, value_get(t->run, op->type, op->data, at->i[i]));
        else
            to->i[i] = 0;              /* the bits of 0.0 too */
    }
}

/* --- numbers --- */

static void run_from_int(const Tape *t, const Op *op, int n) {
    static const Fn fn[] = {[F32] = FN_f32, [F64] = FN_f64, [I32] = FN_i32, [I64] = FN_i64,
                            [U32] = FN_u32, [U64] = FN_u64, [U8] = FN_u8};
    const Reg *a = t->reg[op->a];
    Reg *to = t->reg[op->to];
    DType type = t->run->wide && op->type == F32 ? F64 : op->type;
    for (int i = 0; i < n; i++) {
        Num v = {.i = a->i[i]};
        if (type == BOOL)
            v.i = v.i != 0;
        else if (type != I64)
            v = prim_eval(fn[type], I64, &v);
        put(to, i, type, v);
    }
}

#define FLOATS(expr) \
    do { \
        for (int i = 0; i < n; i++) { \
            const double x = a->f[i], y = b->f[i]; \
            to->f[i] = (expr); \
        } \
        return true; \
    } while (0)
#define TESTS(expr) \
    do { \
        for (int i = 0; i < n; i++) { \
            const double x = a->f[i], y = b->f[i]; \
            to->i[i] = (expr); \
        } \
        return true; \
    } while (0)

/* Arithmetic on floats without a call for each point. A product or a sum of two f32 is
 * right when it is rounded to f32 from double. */
static bool run_floats(const Op *op, bool single, int n, Reg *to, const Reg *a,
                       const Reg *b) {
    if (!dtype_info[op->type].is_float)
        return false;
    switch ((int)op->fn) {
    case FN_add: if (single) FLOATS((double)(float)(x + y)); else FLOATS(x + y);
    case FN_sub: if (single) FLOATS((double)(float)(x - y)); else FLOATS(x - y);
    case FN_mul: if (single) FLOATS((double)(float)(x * y)); else FLOATS(x * y);
    case FN_lt:  TESTS(x < y);
    case FN_le:  TESTS(x <= y);
    case FN_eq:  TESTS(x == y);
    case FN_ne:  TESTS(x != y);
    }
    return false;
}

/* A primitive, point by point. Wide runs compute as in f64, but the bits of an f32 are
 * those of its rounded value. */
static void run_prim(const Tape *t, const Op *op, int n, Reg *to, const Reg *const *arg) {
    const bool wide = t->run->wide, in_float = dtype_info[op->type].is_float;
    const bool round = wide && op->fn == FN_bits && op->type == F32;
    const Fn fn = wide && op->fn == FN_f32 ? FN_f64 : op->fn;
    const DType type = wide && op->type == F32 && !round ? F64 : op->type;
    for (int i = 0; i < n; i++) {
        Num v[3] = {{0}};
        for (int k = 0; k < fn_info[fn].nargs; k++) {
            if (in_float)
                v[k].f = round ? (double)(float)arg[k]->f[i] : arg[k]->f[i];
            else
                v[k].i = arg[k]->i[i];
        }
        put(to, i, op->result, prim_eval(fn, type, v));
    }
}

static void run_call(const Tape *t, const Op *op, int n) {
    const Reg *arg[3] = {t->reg[op->a], op->b < 0 ? NULL : t->reg[op->b],
                         op->c < 0 ? NULL : t->reg[op->c]};
    Reg *to = t->reg[op->to];
    if (!run_floats(op, op->type == F32 && !t->run->wide, n, to, arg[0], arg[1]))
        run_prim(t, op, n, to, arg);
}

static void run_wide_call(const Tape *t, const Op *op, int n) {
    const bool floats = dtype_info[op->type].is_float;
    double x[MAX_ARGS] = {0};
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < fn_info[op->fn].nargs; k++) {
            const Reg *r = t->reg[op->arg[k]];
            x[k] = floats ? r->f[i] : (double)r->i[i];
        }
        put(t->reg[op->to], i, op->result, fun_eval_wide(op->fn, x));
    }
}

static void run_pick(const Tape *t, const Op *op, int n) {
    const Reg *a = t->reg[op->a], *b = t->reg[op->b], *c = t->reg[op->c];
    Reg *to = t->reg[op->to];
    for (int i = 0; i < n; i++)
        to->i[i] = a->i[i] ? b->i[i] : c->i[i];
}

bool tape_run(Tape *t, int count) {
    for (int i = 0; i < t->nop; i++) {
        const Op *op = &t->op[i];
        switch (op->kind) {
        case OP_LINE: case OP_PLUS: case OP_DIV: case OP_MOD: case OP_MIN: case OP_MAX:
        case OP_ABS: case OP_NOT_NEGATIVE: case OP_ZERO: case OP_AND: case OP_BUT:
        case OP_INSIDE: case OP_PLACE:
            run_integer(op, count, t->reg[op->to]->i, t->reg[op->a]->i,
                        t->reg[op->b < 0 ? op->a : op->b]->i);
            break;
        case OP_CHECK:
            if (!run_check(t, op, count))
                return false;
            break;
        case OP_LOAD:      run_load(t, op, count); break;
        case OP_FROM_INT:  run_from_int(t, op, count); break;
        case OP_CALL:      run_call(t, op, count); break;
        case OP_WIDE_CALL: run_wide_call(t, op, count); break;
        case OP_PICK:      run_pick(t, op, count); break;
        }
    }
    return true;
}
