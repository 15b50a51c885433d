/* Kernels: a function over pointers, batch and part; statements become its blocks. */
#include "codegen/llvm.h"

#include <string.h>

static void emit_body(Emit *e, const Stmt *s);

/* --- stores --- */

static void store(Emit *e, Val v, Val at, DType t) {
    LLVMSetAlignment(LLVMBuildStore(e->b, v, at), (unsigned)dtype_info[t].bytes);
}

static void store_lanes(Emit *e, const Stmt *s, DType t, Val at, Val v) {
    int lanes = s->value->lanes;
    if (s->step == 1 && s->active >= lanes) {
        store(e, v, at, t);
    } else if (s->step == 1) {
        LLVMTypeRef over[] = {LLVMTypeOf(v), e->ptr};
        Val align = LLVMConstInt(e->i32, (unsigned)dtype_info[t].bytes, false);
        Val arg[] = {v, at, align, ll_active(e, s->active, lanes)};
        ll_intrinsic(e, "llvm.masked.store", 2, over, 4, arg);
    } else {
        for (int l = 0; l < s->active; l++) {
            Val index = ll_i64(e, l * s->step);
            Val p = LLVMBuildGEP2(e->b, e->memory[t], at, &index, 1, "");
            store(e, ll_lane(e, v, l), p, t);
        }
    }
}

static void emit_store(Emit *e, const Stmt *s) {
    DType t = s->value->type;
    Val v = ll_expr(e, s->value), at = ll_at(e, s->buf, s->at);
    if (t == BOOL)
        v = LLVMBuildZExt(e->b, v, ll_vector(e->memory[t], s->value->lanes), "");
    if (s->value->lanes > 1)
        store_lanes(e, s, t, at, v);
    else
        store(e, v, at, t);
}

/* --- control --- */

/* A loop whose test stands at the end, behind one test before the first turn. */
static void emit_loop(Emit *e, const Stmt *s, Val lo, Val hi) {
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->b), body = ll_block(e), after = ll_block(e);
    Val step = ll_i64(e, s->step);
    Val last = LLVMBuildNSWSub(e->b, hi, step, "");
    Val some = LLVMBuildICmp(e->b, LLVMIntSLE, lo, last, "");
    LLVMBuildCondBr(e->b, some, body, after);
    LLVMPositionBuilderAtEnd(e->b, body);
    Val var = LLVMBuildPhi(e->b, e->i64, "");
    int mark = e->memo->n;
    e->loop[s->var] = var;
    emit_body(e, s->body);
    memo_release(e->memo, mark);
    Val next = LLVMBuildNSWAdd(e->b, var, step, "");
    LLVMBasicBlockRef from[] = {before, LLVMGetInsertBlock(e->b)};
    Val in[] = {lo, next};
    LLVMAddIncoming(var, in, from, 2);
    LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntSLE, next, last, ""), body, after);
    LLVMPositionBuilderAtEnd(e->b, after);
}

/* Turns [T*part/parts, T*(part+1)/parts) of the T turns. */
static void emit_part(Emit *e, const Stmt *s) {
    Val lo = ll_ix(e, s->lo), hi = ll_ix(e, s->hi), step = ll_i64(e, s->step);
    Val room = LLVMBuildNSWSub(e->b, hi, lo, "");
    Val none = LLVMBuildICmp(e->b, LLVMIntSLT, room, ll_i64(e, 0), "");
    room = LLVMBuildSelect(e->b, none, ll_i64(e, 0), room, "");
    Val turns = LLVMBuildUDiv(e->b, room, step, "");
    Val border[2];
    for (int i = 0; i < 2; i++) {
        Val p = i ? LLVMBuildNSWAdd(e->b, e->part, ll_i64(e, 1), "") : e->part;
        Val at = LLVMBuildUDiv(e->b, LLVMBuildNSWMul(e->b, turns, p, ""), e->parts, "");
        border[i] = LLVMBuildNSWAdd(e->b, lo, LLVMBuildNSWMul(e->b, at, step, ""), "");
    }
    emit_loop(e, s, border[0], border[1]);
}

static void emit_if(Emit *e, const Stmt *s) {
    LLVMBasicBlockRef then = ll_block(e), after = ll_block(e);
    LLVMBuildCondBr(e->b, ll_cond(e, s->cond), then, after);
    LLVMPositionBuilderAtEnd(e->b, then);
    int mark = e->memo->n;
    emit_body(e, s->body);
    memo_release(e->memo, mark);
    LLVMBuildBr(e->b, after);
    LLVMPositionBuilderAtEnd(e->b, after);
}

static void emit_stmt(Emit *e, const Stmt *s) {
    switch (s->kind) {
    case S_FOR:
        if (s->loop == LOOP_PARALLEL)
            emit_part(e, s);
        else
            emit_loop(e, s, ll_ix(e, s->lo), ll_ix(e, s->hi));
        return;
    case S_IF:
        emit_if(e, s);
        return;
    case S_LET:
    case S_SET:
        LLVMBuildStore(e->b, ll_expr(e, s->value), e->local[s->var]);
        return;
    case S_STORE:
        emit_store(e, s);
        return;
    case S_COMMENT:
        return;
    }
    bug("statement of kind %d", s->kind);
}

static void emit_body(Emit *e, const Stmt *s) {
    for (; s; s = s->next) {
        int mark = e->memo->n;
        emit_stmt(e, s);
        memo_forget_values(e->memo, mark);    /* they may be stale; addresses are not */
    }
}

/* --- functions --- */

static void attribute(Emit *e, Val fn, unsigned index, const char *name) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(fn, index, LLVMCreateEnumAttribute(e->context, kind, 0));
}

Val ll_function(Emit *e, const char *name, LLVMTypeRef result, int n, LLVMTypeRef *arg) {
    Val fn = LLVMAddFunction(e->module, name,
                             LLVMFunctionType(result, arg, (unsigned)n, false));
    attribute(e, fn, (unsigned)LLVMAttributeFunctionIndex, "nounwind");
    return fn;
}

static void alloca_locals(Emit *e, const Kernel *k) {
    e->local = NEW(e->arena, k->nvar, Val);
    for (int i = 0; i < k->nvar; i++)
        e->local[i] = LLVMBuildAlloca(e->b, ll_type(e, k->var[i].type, k->var[i].lanes), "");
}

/* Arguments: a pointer for each buffer, the batch, part, parts. */
static Val declare(Emit *e, const Kernel *k) {
    LLVMTypeRef *arg = NEW(e->arena, k->nbuf + 3, LLVMTypeRef);
    for (int i = 0; i < k->nbuf + 3; i++)
        arg[i] = i < k->nbuf ? e->ptr : e->i64;
    Val fn = ll_function(e, k->name, e->none, k->nbuf + 3, arg);
    LLVMSetVisibility(fn, LLVMHiddenVisibility);
    attribute(e, fn, (unsigned)LLVMAttributeFunctionIndex, "noinline");
    for (int i = 0; i < k->nbuf; i++)
        if (k->buf[i].kind == BUF_LOCAL || k->buf[i].restricted)
            attribute(e, fn, (unsigned)i + 1, "noalias");
    return fn;
}

/* What the caller's parallel() calls: takes apart the record of call_parts in
 * llvm_entry.c - pointers, batch, parts, bytes between the threads' locals. */
static void emit_part_fn(Emit *e, const Kernel *k, Val kernel, Val fn) {
    int n = k->nbuf;
    Val *arg = NEW(e->arena, n + 3, Val);
    e->fn = fn;
    LLVMPositionBuilderAtEnd(e->b, ll_block(e));
    for (int i = 0; i < n + 3; i++) {
        Val index = ll_i64(e, i);
        Val p = LLVMBuildGEP2(e->b, e->i64, LLVMGetParam(fn, 0), &index, 1, "");
        arg[i] = LLVMBuildLoad2(e->b, i < n ? e->ptr : e->i64, p, "");
    }
    Val part = LLVMBuildSExt(e->b, LLVMGetParam(fn, 1), e->i64, "");
    Val shift = LLVMBuildMul(e->b, arg[n + 2], part, "");
    for (int i = 0; i < n; i++)
        if (k->buf[i].kind == BUF_LOCAL)
            arg[i] = LLVMBuildGEP2(e->b, e->memory[U8], arg[i], &shift, 1, "");
    arg[n + 2] = arg[n + 1];
    arg[n + 1] = part;
    LLVMBuildCall2(e->b, LLVMGlobalGetValueType(kernel), kernel, arg, (unsigned)n + 3, "");
    LLVMBuildRetVoid(e->b);
}

void ll_declare(Emit *e, int number) {
    const Kernel *k = e->program->kernel[number];
    LLVMTypeRef part[] = {e->ptr, e->i32};
    if (e->kernel_fn[number])
        return;
    e->kernel_fn[number] = declare(e, k);
    if (!k->parallel)
        return;
    Val fn = ll_function(e, arena_printf(e->arena, "%s.part", k->name), e->none, 2, part);
    LLVMSetVisibility(fn, LLVMHiddenVisibility);
    e->part_fn[number] = fn;
}

void ll_kernel(Emit *e, int number) {
    const Kernel *k = e->program->kernel[number];
    ll_declare(e, number);
    Val fn = e->kernel_fn[number];
    e->kernel = k;
    e->fn = fn;
    e->mask = NULL;
    e->loop = NEW(e->arena, k->nloop, Val);
    e->buf = NEW(e->arena, k->nbuf, Val);
    memo_clear(e->memo);
    LLVMPositionBuilderAtEnd(e->b, ll_block(e));
    for (int i = 0; i < k->nbuf; i++)
        e->buf[i] = LLVMGetParam(fn, (unsigned)i);
    e->batch = LLVMGetParam(fn, (unsigned)k->nbuf);
    e->part = LLVMGetParam(fn, (unsigned)k->nbuf + 1);
    e->parts = LLVMGetParam(fn, (unsigned)k->nbuf + 2);
    alloca_locals(e, k);
    emit_body(e, k->body);
    LLVMBuildRetVoid(e->b);
    if (k->parallel)
        emit_part_fn(e, k, fn, e->part_fn[number]);
}
