/* Integer expressions, addresses and guards as LLVM values of 64 bits. */
#include "codegen/llvm.h"

Val ll_i64(Emit *e, int64_t v) { return LLVMConstInt(e->i64, (uint64_t)v, true); }

/* floor(a / k) for any a. */
static Val floor_div(Emit *e, Val a, int64_t k) {
    if ((k & (k - 1)) == 0)
        return LLVMBuildAShr(e->b, a, ll_i64(e, __builtin_ctzll((uint64_t)k)), "");
    Val q = LLVMBuildSDiv(e->b, a, ll_i64(e, k), "");
    Val rest = LLVMBuildSub(e->b, a, LLVMBuildMul(e->b, q, ll_i64(e, k), ""), "");
    Val below = LLVMBuildICmp(e->b, LLVMIntSLT, rest, ll_i64(e, 0), "");
    return LLVMBuildSub(e->b, q, LLVMBuildZExt(e->b, below, e->i64, ""), "");
}

static Val floor_mod(Emit *e, Val a, int64_t k) {
    if ((k & (k - 1)) == 0)
        return LLVMBuildAnd(e->b, a, ll_i64(e, k - 1), "");
    return LLVMBuildSub(e->b, a, LLVMBuildMul(e->b, floor_div(e, a, k), ll_i64(e, k), ""), "");
}

static Val pick(Emit *e, LLVMIntPredicate p, Val a, Val b) {
    return LLVMBuildSelect(e->b, LLVMBuildICmp(e->b, p, a, b, ""), a, b, "");
}

static Val element(Emit *e, const IxAtom *t) {
    DType d = e->kernel->buf[t->id].dtype;
    Val v = LLVMBuildLoad2(e->b, e->memory[d], ll_at(e, t->id, t->a[0]), "");
    LLVMSetAlignment(v, (unsigned)dtype_info[d].bytes);
    return LLVMBuildIntCast2(e->b, v, e->i64, d == I32 || d == I64, "");
}

static Val atom(Emit *e, const IxAtom *t) {
    switch (t->kind) {
    case IX_VAR:   return e->loop[t->id];
    case IX_BATCH: return e->batch;
    case IX_DIV:   return floor_div(e, ll_ix(e, t->a[0]), t->k);
    case IX_MOD:   return floor_mod(e, ll_ix(e, t->a[0]), t->k);
    case IX_MIN:   return pick(e, LLVMIntSLT, ll_ix(e, t->a[0]), ll_ix(e, t->a[1]));
    case IX_MAX:   return pick(e, LLVMIntSGT, ll_ix(e, t->a[0]), ll_ix(e, t->a[1]));
    case IX_ABS: {
        Val v = ll_ix(e, t->a[0]);
        return pick(e, LLVMIntSGT, v, LLVMBuildNSWNeg(e->b, v, ""));
    }
    case IX_READ:  return element(e, t);
    }
    bug("index atom of kind %d", t->kind);
}

/* The sum without its constant, which unrolled code varies; NULL if nothing is left. */
static Val terms(Emit *e, const Ix *ix) {
    bool fixed = !ix_reads(ix);
    Val sum = fixed ? memo_find(e->memo, MEMO_SUM, ix) : NULL;
    if (sum)
        return sum;
    for (int i = 0; i < ix->n; i++) {
        Val v = atom(e, ix->term[i].atom);
        if (ix->term[i].coef != 1)
            v = LLVMBuildNSWMul(e->b, v, ll_i64(e, ix->term[i].coef), "");
        sum = sum ? LLVMBuildNSWAdd(e->b, sum, v, "") : v;
    }
    if (sum && fixed)
        memo_put(e, MEMO_SUM, ix, sum);
    return sum;
}

Val ll_ix(Emit *e, const Ix *ix) {
    Val v = terms(e, ix);
    if (!v)
        return ll_i64(e, ix->c);
    return ix->c ? LLVMBuildNSWAdd(e->b, v, ll_i64(e, ix->c), "") : v;
}

Val ll_at(Emit *e, int buf, const Ix *at) {
    LLVMTypeRef type = e->memory[e->kernel->buf[buf].dtype];
    bool fixed = !ix_reads(at);     /* no inbounds: a part of the sum may lie outside */
    Val p = fixed ? memo_find(e->memo, buf, at) : NULL, index;
    if (!p) {
        index = terms(e, at);
        p = index ? LLVMBuildGEP2(e->b, type, e->buf[buf], &index, 1, "")
                  : e->buf[buf];
        if (fixed)
            memo_put(e, buf, at, p);
    }
    index = ll_i64(e, at->c);
    return at->c ? LLVMBuildGEP2(e->b, type, p, &index, 1, "") : p;
}

static Val compare(Emit *e, bool eq, Val a) {
    return LLVMBuildICmp(e->b, eq ? LLVMIntEQ : LLVMIntSGE, a,
                         LLVMConstNull(LLVMTypeOf(a)), "");
}

/* so_far && the comparison. One that reads is made only if those before it hold: they may
 * be what keeps the read inside its buffer. */
static Val and_compare(Emit *e, Val so_far, const Cmp *c) {
    if (!ix_reads(c->e) || LLVMIsConstant(so_far))
        return LLVMBuildAnd(e->b, so_far, compare(e, c->eq, ll_ix(e, c->e)), "");
    int mark = e->memo->n;
    LLVMBasicBlockRef from[2] = {LLVMGetInsertBlock(e->b)}, then = ll_block(e), join = ll_block(e);
    LLVMBuildCondBr(e->b, so_far, then, join);
    LLVMPositionBuilderAtEnd(e->b, then);
    Val yes[2] = {LLVMConstInt(e->i1, 0, false), compare(e, c->eq, ll_ix(e, c->e))};
    from[1] = LLVMGetInsertBlock(e->b);
    LLVMBuildBr(e->b, join);
    memo_release(e->memo, mark);
    LLVMPositionBuilderAtEnd(e->b, join);
    Val phi = LLVMBuildPhi(e->b, e->i1, "");
    LLVMAddIncoming(phi, yes, from, 2);
    return phi;
}

Val ll_cond(Emit *e, Cond c) {
    Val all = LLVMConstInt(e->i1, 1, false);
    for (int i = 0; i < c.n; i++)
        all = and_compare(e, all, &c.cmp[i]);
    return all;
}

/* One comparison, lane by lane, with the loop variable moved on. */
static Val by_lane(Emit *e, Val mask, const Cmp *c, int var, int lanes) {
    Val base = e->loop[var];
    Memo *outer = e->memo, *fresh = NEW(e->arena, 1, Memo);
    e->memo = fresh;
    for (int l = 0; l < lanes; l++) {
        memo_clear(fresh);
        e->loop[var] = LLVMBuildNSWAdd(e->b, base, ll_i64(e, l), "");
        Val yes = and_compare(e, ll_lane(e, mask, l), c);
        mask = LLVMBuildInsertElement(e->b, mask, yes, ll_i64(e, l), "");
    }
    e->memo = outer;
    e->loop[var] = base;
    return mask;
}

Val ll_lane_cond(Emit *e, Cond c, int var, int lanes) {
    Val mask = LLVMConstAllOnes(ll_vector(e->i1, lanes));
    for (int i = 0; i < c.n; i++) {
        const Cmp *k = &c.cmp[i];
        if (ix_reads(k->e) || !ix_affine_in(k->e, var)) {
            mask = by_lane(e, mask, k, var, lanes);
            continue;
        }
        Val v = ll_splat(e, ll_ix(e, k->e), lanes);
        v = LLVMBuildAdd(e->b, v, ll_ramp(e, I64, ix_coef(k->e, var), lanes), "");
        mask = LLVMBuildAnd(e->b, mask, compare(e, k->eq, v), "");
    }
    return mask;
}
