/* Primitives by the table of scalars.def, defined functions by their bodies, trees. */
#include "codegen/llvm.h"

#include <string.h>

/* The words that scalars.def uses. Names with a ':' are looked up after it. */
static const struct { const char *name; Spell spell; } words[] = {
    {"FAdd", {SP_BINARY, LLVMFAdd, NULL}}, {"FSub", {SP_BINARY, LLVMFSub, NULL}},
    {"FMul", {SP_BINARY, LLVMFMul, NULL}}, {"FDiv", {SP_BINARY, LLVMFDiv, NULL}},
    {"Add", {SP_BINARY, LLVMAdd, NULL}},   {"Sub", {SP_BINARY, LLVMSub, NULL}},
    {"Mul", {SP_BINARY, LLVMMul, NULL}},   {"And", {SP_BINARY, LLVMAnd, NULL}},
    {"Or", {SP_BINARY, LLVMOr, NULL}},     {"Xor", {SP_BINARY, LLVMXor, NULL}},
    {"Shl", {SP_SHIFT, LLVMShl, NULL}},   {"AShr", {SP_SHIFT, LLVMAShr, NULL}},
    {"LShr", {SP_SHIFT, LLVMLShr, NULL}}, {"FNeg", {SP_UNARY, LLVMFNeg, NULL}},
    {"Neg", {SP_UNARY, LLVMSub, NULL}},    {"Select", {SP_SELECT, 0, NULL}},
    {"MulHi", {SP_MULHI, 0, NULL}},        {"BitCast", {SP_CAST, LLVMBitCast, NULL}},
    {"FPCast", {SP_CAST, LLVMFPExt, NULL}},   {"SIToFP", {SP_CAST, LLVMSIToFP, NULL}},
    {"UIToFP", {SP_CAST, LLVMUIToFP, NULL}},  {"FPToSI", {SP_CAST, LLVMFPToSI, NULL}},
    {"FPToUI", {SP_CAST, LLVMFPToUI, NULL}},  {"SExt", {SP_CAST, LLVMSExt, NULL}},
    {"ZExt", {SP_CAST, LLVMZExt, NULL}},
    {"FCmp:olt", {SP_FCMP, LLVMRealOLT, NULL}}, {"FCmp:ole", {SP_FCMP, LLVMRealOLE, NULL}},
    {"FCmp:oeq", {SP_FCMP, LLVMRealOEQ, NULL}}, {"FCmp:une", {SP_FCMP, LLVMRealUNE, NULL}},
    {"ICmp:slt", {SP_ICMP, LLVMIntSLT, NULL}},  {"ICmp:sle", {SP_ICMP, LLVMIntSLE, NULL}},
    {"ICmp:ult", {SP_ICMP, LLVMIntULT, NULL}},  {"ICmp:ule", {SP_ICMP, LLVMIntULE, NULL}},
    {"ICmp:eq", {SP_ICMP, LLVMIntEQ, NULL}},    {"ICmp:ne", {SP_ICMP, LLVMIntNE, NULL}},
};

static Spell spell_of(const char *word) {
    if (!word || !*word)
        return (Spell){SP_NONE, 0, NULL};
    if (*word == '@')
        return (Spell){SP_INTRINSIC, 0, word + 1};
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcmp(words[i].name, word) == 0)
            return words[i].spell;
    bug("scalars.def: LLVM has no '%s'", word);
}

void ll_prims(Emit *e) {
    for (int f = 0; f < NFN; f++) {
        if (!fn_info[f].prim)
            continue;
        e->spell[f][CLASS_FLOAT] = spell_of(fn_info[f].llvm_f);
        e->spell[f][CLASS_SIGNED] = spell_of(fn_info[f].llvm_s);
        e->spell[f][CLASS_UNSIGNED] = spell_of(fn_info[f].llvm_u);
    }
}

static NumClass class_of(DType t) {
    switch (t) {
    case F32: case F64: return CLASS_FLOAT;
    case I32: case I64: return CLASS_SIGNED;
    case U32: case U64: case U8: case BOOL: return CLASS_UNSIGNED;
    case NDTYPE: break;
    }
    bug("value without a type");
}

/* A float that fits lies between these (for open: strictly above); another becomes the
 * least integer of the type, as prim_eval has it. */
static const struct { double above, below; bool open; int64_t least; } fits[NDTYPE] = {
    [I32] = {-0x1p31, 0x1p31, false, INT32_MIN}, [I64] = {-0x1p63, 0x1p63, false, INT64_MIN},
    [U32] = {-1, 0x1p32, true, 0}, [U64] = {-1, 0x1p64, true, 0}, [U8] = {-1, 0x1p8, true, 0},
};

static Val to_integer(Emit *e, DType from, DType to, int lanes, Val v) {
    Val lo = ll_splat(e, LLVMConstReal(e->value[from], fits[to].above), lanes);
    Val hi = ll_splat(e, LLVMConstReal(e->value[from], fits[to].below), lanes);
    Val least = ll_splat(e, LLVMConstInt(e->value[to], (uint64_t)fits[to].least, true), lanes);
    Val in = LLVMBuildFCmp(e->b, fits[to].open ? LLVMRealOGT : LLVMRealOGE, v, lo, "");
    in = LLVMBuildAnd(e->b, in, LLVMBuildFCmp(e->b, LLVMRealOLT, v, hi, ""), "");
    LLVMOpcode op = fits[to].open ? LLVMFPToUI : LLVMFPToSI;
    return LLVMBuildSelect(e->b, in, LLVMBuildCast(e->b, op, v, ll_type(e, to, lanes), ""),
                           least, "");
}

static Val cast(Emit *e, LLVMOpcode op, DType from, DType to, int lanes, Val v) {
    LLVMTypeRef type = ll_type(e, to, lanes);
    switch ((int)op) {
    case LLVMFPExt: return LLVMBuildFPCast(e->b, v, type, "");
    case LLVMSExt:  return LLVMBuildIntCast2(e->b, v, type, true, "");
    case LLVMZExt:  return LLVMBuildIntCast2(e->b, v, type, false, "");
    case LLVMFPToSI:
    case LLVMFPToUI: return to_integer(e, from, to, lanes, v);
    }
    return LLVMBuildCast(e->b, op, v, type, "");
}

/* Counts are taken modulo the width. */
static Val shift(Emit *e, LLVMOpcode op, DType t, int lanes, Val v, Val count) {
    Val last = LLVMConstInt(e->value[t], 8 * (unsigned)dtype_info[t].bytes - 1, false);
    return LLVMBuildBinOp(e->b, op, v, LLVMBuildAnd(e->b, count, ll_splat(e, last, lanes), ""),
                          "");
}

/* The upper half of the product of two unsigned integers. */
static Val mulhi(Emit *e, DType t, int lanes, Val a, Val b) {
    unsigned bits = 8 * (unsigned)dtype_info[t].bytes;
    LLVMTypeRef wide = ll_vector(LLVMIntTypeInContext(e->context, 2 * bits), lanes);
    Val product = LLVMBuildMul(e->b, LLVMBuildZExt(e->b, a, wide, ""),
                               LLVMBuildZExt(e->b, b, wide, ""), "");
    Val shift = ll_splat(e, LLVMConstInt(LLVMIntTypeInContext(e->context, 2 * bits), bits, false),
                         lanes);
    return LLVMBuildTrunc(e->b, LLVMBuildLShr(e->b, product, shift, ""),
                          ll_type(e, t, lanes), "");
}

static Val prim(Emit *e, Fn fn, DType from, DType to, int lanes, int n, Val *arg) {
    const Spell *s = &e->spell[fn][class_of(from)];
    LLVMTypeRef type = ll_type(e, from, lanes);
    switch (s->kind) {
    case SP_UNARY:
        return s->code == LLVMFNeg ? LLVMBuildFNeg(e->b, arg[0], "")
                                   : LLVMBuildNeg(e->b, arg[0], "");
    case SP_BINARY:
        return LLVMBuildBinOp(e->b, (LLVMOpcode)s->code, arg[0], arg[1], "");
    case SP_FCMP:
        return LLVMBuildFCmp(e->b, (LLVMRealPredicate)s->code, arg[0], arg[1], "");
    case SP_ICMP:
        return LLVMBuildICmp(e->b, (LLVMIntPredicate)s->code, arg[0], arg[1], "");
    case SP_INTRINSIC: return ll_intrinsic(e, s->intrinsic, 1, &type, n, arg);
    case SP_CAST:      return cast(e, (LLVMOpcode)s->code, from, to, lanes, arg[0]);
    case SP_SHIFT:
        return shift(e, (LLVMOpcode)s->code, from, lanes, arg[0], arg[1]);
    case SP_SELECT:    return LLVMBuildSelect(e->b, arg[0], arg[1], arg[2], "");
    case SP_MULHI:     return mulhi(e, from, lanes, arg[0], arg[1]);
    case SP_NONE:      break;
    }
    bug("%s of %s has no LLVM spelling", fn_info[fn].name, dtype_info[from].name);
}

/* The body of a defined function, written over variables 0.. that stand for arg. */
static Val body(Emit *e, const Expr *x, int lanes, Val *arg) {
    Val v, in[MAX_ARGS];
    switch ((int)x->kind) {
    case X_VAR:
        return arg[x->u.slot];
    case X_NUM:
        return ll_splat(e, ll_expr(e, x), lanes);
    case X_CALL:
        if ((v = memo_find(e->memo, MEMO_EXPR, x)) != NULL)
            return v;
        for (int i = 0; i < x->n; i++)
            in[i] = body(e, x->arg[i], lanes, arg);
        v = prim(e, x->fn, x->arg[x->n == 3]->type, x->type, lanes, x->n, in);
        memo_put(e, MEMO_EXPR, x, v);
        return v;
    }
    bug("definition with an expression of kind %d", x->kind);
}

Val ll_call(Emit *e, Fn fn, DType from, DType to, int lanes, int n, Val *arg) {
    if (fn_info[fn].prim)
        return prim(e, fn, from, to, lanes, n, arg);
    const Expr *var[MAX_ARGS];
    for (int i = 0; i < n; i++)
        var[i] = x_var(e->pool, from, 1, i);
    int mark = e->memo->n;
    Val v = body(e, x_expand(e->pool, x_call(e->pool, fn, n, var)), lanes, arg);
    memo_release(e->memo, mark);
    return v;
}

/* Lanes first .. first+n of v. */
static Val part(Emit *e, Val v, int first, int n) {
    if (n == 1)
        return ll_lane(e, v, first);
    Val index = ll_ramp(e, I32, 1, n);
    if (first)
        index = LLVMConstAdd(index, ll_splat(e, LLVMConstInt(e->i32, (unsigned)first, false), n));
    return LLVMBuildShuffleVector(e->b, v, LLVMGetUndef(LLVMTypeOf(v)), index, "");
}

Val ll_tree(Emit *e, Fn fn, DType t, int lanes, Val v) {
    while (lanes > 1) {
        lanes /= 2;
        Val half[] = {part(e, v, 0, lanes), part(e, v, lanes, lanes)};
        v = ll_call(e, fn, t, t, lanes, 2, half);
    }
    return v;
}
