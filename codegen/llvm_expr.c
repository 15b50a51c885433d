/* Scalar and vector expressions as LLVM values: reads, masks, guards, splats, ramps. */
#include "codegen/llvm.h"

#include <string.h>

enum { MAX_LANES = 64 };

LLVMTypeRef ll_vector(LLVMTypeRef element, int lanes) {
    return lanes > 1 ? LLVMVectorType(element, (unsigned)lanes) : element;
}

LLVMTypeRef ll_type(Emit *e, DType t, int lanes) { return ll_vector(e->value[t], lanes); }

LLVMBasicBlockRef ll_block(Emit *e) {
    return LLVMAppendBasicBlockInContext(e->context, e->fn, "");
}

Val ll_intrinsic(Emit *e, const char *name, int ntype, LLVMTypeRef *type, int narg, Val *arg) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    if (!id)
        bug("no intrinsic '%s'", name);
    Val fn = LLVMGetIntrinsicDeclaration(e->module, id, type, (size_t)ntype);
    LLVMTypeRef fntype = LLVMIntrinsicGetType(e->context, id, type, (size_t)ntype);
    return LLVMBuildCall2(e->b, fntype, fn, arg, (unsigned)narg, "");
}

Val ll_lane(Emit *e, Val v, int lane) {
    return LLVMBuildExtractElement(e->b, v, ll_i64(e, lane), "");
}

Val ll_splat(Emit *e, Val scalar, int lanes) {
    Val copy[MAX_LANES];
    if (lanes == 1)
        return scalar;
    if (LLVMIsConstant(scalar)) {
        for (int l = 0; l < lanes; l++)
            copy[l] = scalar;
        return LLVMConstVector(copy, (unsigned)lanes);
    }
    Val none = LLVMGetUndef(ll_vector(LLVMTypeOf(scalar), lanes));
    Val first = LLVMBuildInsertElement(e->b, none, scalar, ll_i64(e, 0), "");
    return LLVMBuildShuffleVector(e->b, first, none, LLVMConstNull(ll_vector(e->i32, lanes)), "");
}

Val ll_ramp(Emit *e, DType t, int64_t step, int lanes) {
    Val v[MAX_LANES];
    for (int l = 0; l < lanes; l++)
        v[l] = LLVMConstInt(e->value[t], (uint64_t)(l * step), true);
    return LLVMConstVector(v, (unsigned)lanes);
}

Val ll_active(Emit *e, int active, int lanes) {
    Val v[MAX_LANES];
    for (int l = 0; l < lanes; l++)
        v[l] = LLVMConstInt(e->i1, l < active, false);
    return LLVMConstVector(v, (unsigned)lanes);
}

/* --- reads --- */

static Val load(Emit *e, LLVMTypeRef type, Val at, DType t) {
    Val v = LLVMBuildLoad2(e->b, type, at, "");
    LLVMSetAlignment(v, (unsigned)dtype_info[t].bytes);
    return v;
}

static Val lane_address(Emit *e, const Expr *x, Val at, int lane) {
    Val index = ll_i64(e, lane * x->step);
    return LLVMBuildGEP2(e->b, e->memory[x->type], at, &index, 1, "");
}

/* Lanes one by one, those that are not active zero. */
static Val gather(Emit *e, const Expr *x, Val at) {
    LLVMTypeRef type = ll_vector(e->memory[x->type], x->lanes);
    Val v = x->active < x->lanes ? LLVMConstNull(type) : LLVMGetUndef(type);
    for (int l = 0; l < x->active; l++) {
        Val one = load(e, e->memory[x->type], lane_address(e, x, at, l), x->type);
        v = LLVMBuildInsertElement(e->b, v, one, ll_i64(e, l), "");
    }
    return v;
}

static Val masked_gather(Emit *e, const Expr *x, Val at, Val mask) {
    LLVMTypeRef type = ll_vector(e->memory[x->type], x->lanes);
    LLVMTypeRef over[] = {type, ll_vector(e->ptr, x->lanes)};
    Val ramp = ll_ramp(e, I64, x->step, x->lanes);
    Val p = LLVMBuildGEP2(e->b, e->memory[x->type], at, &ramp, 1, "");
    Val align = LLVMConstInt(e->i32, (unsigned)dtype_info[x->type].bytes, false);
    Val arg[] = {p, align, mask, LLVMConstNull(type)};
    return ll_intrinsic(e, "llvm.masked.gather", 2, over, 4, arg);
}

static Val masked_load(Emit *e, const Expr *x, Val at, Val mask) {
    LLVMTypeRef type = ll_vector(e->memory[x->type], x->lanes);
    LLVMTypeRef over[] = {type, e->ptr};
    Val align = LLVMConstInt(e->i32, (unsigned)dtype_info[x->type].bytes, false);
    Val arg[] = {at, align, mask, LLVMConstNull(type)};
    return ll_intrinsic(e, "llvm.masked.load", 2, over, 4, arg);
}

static Val read_lanes(Emit *e, const Expr *x, Val at) {
    bool all = x->active >= x->lanes;
    Val active = all ? NULL : ll_active(e, x->active, x->lanes), mask = e->mask;
    if (x->step == 0) {
        Val v = ll_splat(e, load(e, e->memory[x->type], at, x->type), x->lanes);
        return all ? v
                   : LLVMBuildSelect(e->b, active, v, LLVMConstNull(LLVMTypeOf(v)), "");
    }
    if (mask && active)
        mask = LLVMBuildAnd(e->b, mask, active, "");
    else if (!mask && x->step == 1)
        mask = active;
    if (x->step != 1)
        return mask ? masked_gather(e, x, at, mask) : gather(e, x, at);
    return mask ? masked_load(e, x, at, mask)
                : load(e, ll_vector(e->memory[x->type], x->lanes), at, x->type);
}

static Val read(Emit *e, const Expr *x) {
    Val at = ll_at(e, x->u.slot, x->sub[0]);
    Val v = x->lanes > 1 ? read_lanes(e, x, at) : load(e, e->memory[x->type], at, x->type);
    return x->type == BOOL
               ? LLVMBuildICmp(e->b, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "")
               : v;
}

/* --- guards --- */

enum { READS_LANES = 1, READS_SCALAR = 2 };

/* What an arm touches, which decides how a guard is kept lazy. */
static void note_reads(const Expr *x, void *user) {
    int *flags = user;
    bool scalar = x->kind == X_READ && (x->lanes == 1 || x->step == 0);
    if (x->kind == X_READ)
        scalar |= ix_reads(x->sub[0]);
    if (x->kind == X_IX)
        scalar |= ix_reads(x->u.ix);
    for (int i = 0; x->kind == X_WHEN && i < x->cond.n; i++)
        scalar |= ix_reads(x->cond.cmp[i].e);
    *flags |= (x->kind == X_READ ? READS_LANES : 0) | (scalar ? READS_SCALAR : 0);
}

static int arm_reads(const Expr *x) {
    int flags = 0;
    if (x->kind != X_NUM && x->kind != X_VAR)
        x_visit(x, note_reads, &flags);
    return flags;
}

/* An arm in a region of its own; *from is the block where its value is ready. */
static Val arm(Emit *e, const Expr *x, Val mask, LLVMBasicBlockRef at, LLVMBasicBlockRef to,
               LLVMBasicBlockRef *from) {
    int mark = e->memo->n;
    Val outer = e->mask;
    e->mask = mask;
    LLVMPositionBuilderAtEnd(e->b, at);
    Val v = x ? ll_expr(e, x) : NULL;
    *from = LLVMGetInsertBlock(e->b);
    LLVMBuildBr(e->b, to);
    e->mask = outer;
    memo_release(e->memo, mark);
    return v;
}

/* if (yes) a else b, of which b may be NULL: zero. */
static Val branch(Emit *e, Val yes, const Expr *a, const Expr *b, Val mask) {
    LLVMBasicBlockRef then = ll_block(e), other = ll_block(e), join = ll_block(e), from[2];
    LLVMBuildCondBr(e->b, yes, then, other);
    Val v[2] = {arm(e, a, mask, then, join, &from[0]), arm(e, b, mask, other, join, &from[1])};
    LLVMTypeRef type = ll_type(e, a->type, a->lanes);
    if (!b)
        v[1] = LLVMConstNull(type);
    LLVMPositionBuilderAtEnd(e->b, join);
    Val phi = LLVMBuildPhi(e->b, type, "");
    LLVMAddIncoming(phi, v, from, 2);
    return phi;
}

/* An arm of a guard by lanes: reads touch only lanes of the mask, scalars are read only
 * if some lane wants them. */
static Val masked_arm(Emit *e, const Expr *x, Val mask) {
    int flags = arm_reads(x);
    if (!flags)
        return ll_expr(e, x);
    if (e->mask)
        mask = LLVMBuildAnd(e->b, mask, e->mask, "");
    if (flags & READS_SCALAR) {
        LLVMTypeRef bits = LLVMIntTypeInContext(e->context, (unsigned)x->lanes);
        Val any = LLVMBuildBitCast(e->b, mask, bits, "");
        any = LLVMBuildICmp(e->b, LLVMIntNE, any, LLVMConstNull(bits), "");
        return branch(e, any, x, NULL, mask);
    }
    int mark = e->memo->n;
    Val outer = e->mask;
    e->mask = mask;
    Val v = ll_expr(e, x);
    e->mask = outer;
    memo_release(e->memo, mark);
    return v;
}

static Val when(Emit *e, const Expr *x) {
    if (x->lanes > 1 && x->lane_var >= 0) {
        Val mask = ll_lane_cond(e, x->cond, x->lane_var, x->lanes);
        Val a = masked_arm(e, x->arg[0], mask);
        Val b = masked_arm(e, x->arg[1], LLVMBuildNot(e->b, mask, ""));
        return LLVMBuildSelect(e->b, mask, a, b, "");
    }
    Val yes = ll_cond(e, x->cond);
    if (arm_reads(x->arg[0]) || arm_reads(x->arg[1]))
        return branch(e, yes, x->arg[0], x->arg[1], e->mask);
    Val a = ll_expr(e, x->arg[0]), b = ll_expr(e, x->arg[1]);
    return LLVMBuildSelect(e->b, yes, a, b, "");
}

/* --- values --- */

static Val number(Emit *e, const Expr *x) {
    return dtype_info[x->type].is_float ? LLVMConstReal(e->value[x->type], x->u.num)
                                        : LLVMConstInt(e->value[x->type], (uint64_t)x->u.i, true);
}

/* Lane l has ix + l*step, converted. Integers narrower than 64 bits wrap either way. */
static Val index_value(Emit *e, const Expr *x) {
    Val v = ll_ix(e, x->u.ix);
    LLVMTypeRef type = ll_type(e, x->type, x->lanes);
    bool narrow = !dtype_info[x->type].is_float && x->type != BOOL;
    if (narrow)
        v = LLVMBuildTrunc(e->b, v, e->value[x->type], "");
    if (x->lanes > 1) {
        Val ramp = ll_ramp(e, narrow ? x->type : I64, x->step, x->lanes);
        v = LLVMBuildAdd(e->b, ll_splat(e, v, x->lanes), ramp, "");
    }
    if (x->type == BOOL)
        return LLVMBuildICmp(e->b, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "");
    return narrow ? v : LLVMBuildSIToFP(e->b, v, type, "");
}

/* What is inside a splat or tree has other lanes: the mask does not speak of them. */
static Val unmasked(Emit *e, const Expr *x) {
    if (!e->mask)
        return ll_expr(e, x);
    int mark = e->memo->n;
    Val outer = e->mask;
    e->mask = NULL;
    Val v = ll_expr(e, x);
    e->mask = outer;
    memo_release(e->memo, mark);
    return v;
}

static Val call(Emit *e, const Expr *x) {
    Val arg[MAX_ARGS];
    for (int i = 0; i < x->n; i++)
        arg[i] = ll_expr(e, x->arg[i]);
    return ll_call(e, x->fn, x->arg[x->n == 3]->type, x->type, x->lanes, x->n, arg);
}

static Val compute(Emit *e, const Expr *x) {
    switch (x->kind) {
    case X_NUM:   return number(e, x);
    case X_IX:    return index_value(e, x);
    case X_READ:  return read(e, x);
    case X_VAR:
        return LLVMBuildLoad2(e->b, ll_type(e, x->type, x->lanes), e->local[x->u.slot], "");
    case X_CALL:  return call(e, x);
    case X_WHEN:  return when(e, x);
    case X_SPLAT: return ll_splat(e, unmasked(e, x->arg[0]), x->lanes);
    case X_TREE:
        return ll_tree(e, x->fn, x->type, x->arg[0]->lanes, unmasked(e, x->arg[0]));
    }
    bug("expression of kind %d", x->kind);
}

Val ll_expr(Emit *e, const Expr *x) {
    Val v = memo_find(e->memo, MEMO_EXPR, x);
    if (!v) {
        v = compute(e, x);
        memo_put(e, MEMO_EXPR, x, v);
    }
    return v;
}
