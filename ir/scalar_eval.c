/* Values of scalar functions: primitives exactly as emitted code computes them, defined
 * functions in double by the C library. */
#include "ir/expr.h"

#include <math.h>
#include <string.h>

/* --- primitives --- */

/* An integer as type t holds it. */
static Num wrap(DType t, uint64_t v) {
    switch (t) {
    case I32: return (Num){.i = (int32_t)(uint32_t)v};
    case U32: return (Num){.i = (uint32_t)v};
    case U8: return (Num){.i = (uint8_t)v};
    case BOOL: return (Num){.i = v & 1};
    case I64:
    case U64: return (Num){.i = (int64_t)v};
    case F32:
    case F64:
    case NDTYPE: break;
    }
    bug("integer of a float type");
}

static Num truth(bool v) {
    return (Num){.i = v};
}

/* The product or quotient of two f32, a sum or a root, is right when it is rounded to f32
 * from double. */
static Num eval_float(Fn fn, DType t, const Num *v) {
    double a = v[0].f, b = fn_info[fn].nargs > 1 ? v[1].f : 0, r = 0;
    switch ((int)fn) {
    case FN_add: r = a + b; break;
    case FN_sub: r = a - b; break;
    case FN_mul: r = a * b; break;
    case FN_div: r = a / b; break;
    case FN_neg: r = -a; break;
    case FN_sqrt: r = sqrt(a); break;
    case FN_fma:
        r = t == F32 ? (double)fmaf((float)a, (float)b, (float)v[2].f)
                     : fma(a, b, v[2].f);
        break;
    case FN_lt: return truth(a < b);
    case FN_le: return truth(a <= b);
    case FN_eq: return truth(a == b);
    case FN_ne: return truth(a != b);
    default: bug("%s of %s", fn_info[fn].name, dtype_info[t].name);
    }
    return (Num){.f = t == F32 ? (double)(float)r : r};
}

static uint64_t high_half(DType t, uint64_t a, uint64_t b) {
    if (t != U64)
        return a * b >> 8 * dtype_info[t].bytes;
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t mid = a1 * b0 + (a0 * b0 >> 32), low = a0 * b1 + (uint32_t)mid;
    return a1 * b1 + (mid >> 32) + (low >> 32);
}

static Num eval_int(Fn fn, DType t, const Num *v) {
    int64_t a = v[0].i, b = fn_info[fn].nargs > 1 ? v[1].i : 0;
    uint64_t ua = (uint64_t)a, ub = (uint64_t)b;
    unsigned count = (unsigned)ub & (8 * (unsigned)dtype_info[t].bytes - 1);
    bool less = t == U64 ? ua < ub : a < b;
    switch ((int)fn) {
    case FN_add: return wrap(t, ua + ub);
    case FN_sub: return wrap(t, ua - ub);
    case FN_mul: return wrap(t, ua * ub);
    case FN_neg: return wrap(t, 0 - ua);
    case FN_and: return wrap(t, ua & ub);
    case FN_or: return wrap(t, ua | ub);
    case FN_xor: return wrap(t, ua ^ ub);
    case FN_shl: return wrap(t, ua << count);
    case FN_shr: return wrap(t, t == U64 ? ua >> count : (uint64_t)(a >> count));
    case FN_mulhi:
        if (t == U32 || t == U64 || t == U8)
            return wrap(t, high_half(t, ua, ub));
        break;
    case FN_lt: return truth(less);
    case FN_le: return truth(less || a == b);
    case FN_eq: return truth(a == b);
    case FN_ne: return truth(a != b);
    }
    bug("%s of %s", fn_info[fn].name, dtype_info[t].name);
}

static Num eval_bits(DType t, Num v) {
    float f;
    uint32_t u;
    switch ((int)t) {
    case F32:
        f = (float)v.f;
        memcpy(&u, &f, sizeof u);
        return (Num){.i = u};
    case U32:
        u = (uint32_t)v.i;
        memcpy(&f, &u, sizeof f);
        return (Num){.f = (double)f};
    case F64:
    case U64: return v; /* a Num is either */
    }
    bug("bits of %s", dtype_info[t].name);
}

/* Cut towards zero. What does not fit has no value in C; here it is the least of the
 * type, as on x86. */
static Num cut(DType to, double x) {
    double top = ldexp(1, 8 * dtype_info[to].bytes), low = 0;
    if (to == I32 || to == I64) {
        top /= 2;
        low = -top;
    }
    if (!(x > low - 1 && x < top) && x != low)
        return wrap(to, (uint64_t)(int64_t)low);
    return wrap(to, to == U64 ? (uint64_t)x : (uint64_t)(int64_t)x);
}

static Num convert(DType to, DType from, Num v) {
    bool whole = !dtype_info[from].is_float;
    switch (to) {
    case F32:
        return (Num){.f = !whole        ? (double)(float)v.f
                          : from == U64 ? (double)(float)(uint64_t)v.i
                                        : (double)(float)v.i};
    case F64:
        return (Num){.f = !whole        ? v.f
                          : from == U64 ? (double)(uint64_t)v.i
                                        : (double)v.i};
    case I32:
    case I64:
    case U32:
    case U64:
    case U8:
    case BOOL: return whole ? wrap(to, (uint64_t)v.i) : cut(to, v.f);
    case NDTYPE: break;
    }
    bug("conversion to no type");
}

Num prim_eval(Fn fn, DType argtype, const Num *arg) {
    switch (fn_info[fn].rule) {
    case T_SELECT: return arg[0].i ? arg[1] : arg[2];
    case T_BITS: return eval_bits(argtype, arg[0]);
    case T_F32: return convert(F32, argtype, arg[0]);
    case T_F64: return convert(F64, argtype, arg[0]);
    case T_I32: return convert(I32, argtype, arg[0]);
    case T_I64: return convert(I64, argtype, arg[0]);
    case T_U32: return convert(U32, argtype, arg[0]);
    case T_U64: return convert(U64, argtype, arg[0]);
    case T_U8: return convert(U8, argtype, arg[0]);
    case T_SAME:
    case T_BOOL:
        return dtype_info[argtype].is_float ? eval_float(fn, argtype, arg)
                                            : eval_int(fn, argtype, arg);
    }
    bug("type rule of %s", fn_info[fn].name);
}

/* --- defined functions --- */

static uint32_t philox(const double *arg, uint32_t word) {
    uint32_t c[4], k[2];
    for (int i = 0; i < 4; i++)
        c[i] = (uint32_t)arg[i];
    for (int i = 0; i < 2; i++)
        k[i] = (uint32_t)arg[4 + i];
    for (int round = 0; round < 10; round++) {
        uint64_t p = (uint64_t)0xd2511f53 * c[0], q = (uint64_t)0xcd9e8d57 * c[2];
        c[0] = (uint32_t)(q >> 32) ^ c[1] ^ k[0];
        c[1] = (uint32_t)q;
        c[2] = (uint32_t)(p >> 32) ^ c[3] ^ k[1];
        c[3] = (uint32_t)p;
        k[0] += 0x9e3779b9;
        k[1] += 0xbb67ae85;
    }
    return c[word & 3];
}

static double wide_philox(const double *arg) {
    return philox(arg, (uint32_t)arg[6]);
}

static double wide_normal(const double *arg) {
    uint32_t word = (uint32_t)arg[6], angle = philox(arg, word | 1);
    double u = (double)((philox(arg, word & 2) >> 8) + 1) * 0x1p-24;
    double turn = (double)angle * 0x1p-32 * 6.283185307179586;
    return sqrt(-2 * log(u)) * (word & 1 ? sin(turn) : cos(turn));
}

Num fun_eval_wide(Fn fn, const double *arg) {
    int n = fn_info[fn].nargs;
    double a = arg[0], b = n > 1 ? arg[1] : 0, c = n > 2 ? arg[2] : 0, r = 0;
    switch (fn) {
#define PRIM(name, ...) \
    case FN_##name:     \
        bug("%s is a primitive", #name);
#define FUN(name, nargs, types, rule, def, grad, ulp, wide) \
    case FN_##name:                                         \
        r = (wide);                                         \
        break;
#include "ir/scalars.def"
    case NFN: bug("no function");
    }
    bool integer = fn_info[fn].rule == T_BOOL || fn == FN_philox;
    return integer ? (Num){.i = (int64_t)r} : (Num){.f = r};
}
