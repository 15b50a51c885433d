/* Entries: calls of kernels with every argument's place resolved, in parts if wanted. */
#include "codegen/llvm.h"

typedef struct {
    Emit *e;
    const Entry *entry;
    Val ctx, n, in, out;
    Val base[AT_OUTPUT + 1];           /* of the spaces that have one pointer */
    Val parallel, pool, threads;       /* the context's */
    Val split;                         /* i1: run parallel kernels in parts */
    Val scratch, args;                 /* first thread's locals; an argument record */
    int depth;                         /* open loops */
    struct { Val turn; LLVMBasicBlockRef body; int64_t times; } *loop;
} Job;

static Val offset(Emit *e, Val p, Val bytes) {
    return LLVMBuildGEP2(e->b, e->memory[U8], p, &bytes, 1, "");
}

static Val field(Job *j, size_t at, LLVMTypeRef type) {
    return LLVMBuildLoad2(j->e->b, type, offset(j->e, j->ctx, ll_i64(j->e, (int64_t)at)), "");
}

static Val address(Emit *e, const void *p) {
    return LLVMConstIntToPtr(ll_i64(e, (int64_t)(intptr_t)p), e->ptr);
}

static Val place(Job *j, const Place *p) {
    Emit *e = j->e;
    Val base = j->base[p->space];
    if (p->space == AT_INPUT || p->space == AT_OUTPUT) {
        Val index = ll_i64(e, p->index), list = p->space == AT_INPUT ? j->in : j->out;
        base = LLVMBuildLoad2(e->b, e->ptr, LLVMBuildGEP2(e->b, e->ptr, list, &index, 1, ""), "");
    }
    if (p->offset)
        base = offset(e, base, ll_i64(e, p->offset));
    if (p->stride && j->depth)
        base = offset(e, base, LLVMBuildNSWMul(e->b, j->loop[j->depth - 1].turn,
                                               ll_i64(e, p->stride), ""));
    return base;
}

static void call_serial(Job *j, int kernel, Val *arg) {
    Emit *e = j->e;
    int n = e->program->kernel[kernel]->nbuf;
    Val fn = e->kernel_fn[kernel];
    arg[n + 1] = ll_i64(e, 0);
    arg[n + 2] = ll_i64(e, 1);
    LLVMBuildCall2(e->b, LLVMGlobalGetValueType(fn), fn, arg, (unsigned)n + 3, "");
}

/* The record that emit_part_fn in llvm_kernel.c takes apart. */
static void call_parts(Job *j, int kernel, Val *arg) {
    Emit *e = j->e;
    int n = e->program->kernel[kernel]->nbuf;
    arg[n + 1] = LLVMBuildSExt(e->b, j->threads, e->i64, "");
    arg[n + 2] = ll_i64(e, program_scratch(e->program));
    for (int i = 0; i < n + 3; i++) {
        Val index = ll_i64(e, i);
        LLVMBuildStore(e->b, arg[i], LLVMBuildGEP2(e->b, e->i64, j->args, &index, 1, ""));
    }
    LLVMTypeRef type[] = {e->ptr, e->i32, e->ptr, e->ptr};
    Val to[] = {j->pool, j->threads, e->part_fn[kernel], j->args};
    LLVMBuildCall2(e->b, LLVMFunctionType(e->none, type, 4, false), j->parallel, to, 4, "");
}

/* Tells who watches that a kernel has run. */
static void call_watch(Job *j, int kernel) {
    Emit *e = j->e;
    const ExecOptions *o = e->options;
    if (!o->watch)
        return;
    LLVMTypeRef type[] = {e->ptr, e->i32};
    Val arg[] = {address(e, o->watcher), LLVMConstInt(e->i32, (unsigned)kernel, false)};
    LLVMValueRef fn = LLVMConstIntToPtr(ll_i64(e, (int64_t)(intptr_t)o->watch), e->ptr);
    LLVMBuildCall2(e->b, LLVMFunctionType(e->none, type, 2, false), fn, arg, 2, "");
}

static void call_kernel(Job *j, const Call *c) {
    Emit *e = j->e;
    const Kernel *k = e->program->kernel[c->kernel];
    Val *arg = NEW(e->arena, k->nbuf + 3, Val);
    ll_declare(e, c->kernel);
    for (int i = 0, a = 0; i < k->nbuf; i++)
        arg[i] = k->buf[i].kind == BUF_ARG ? place(j, &c->arg[a++])
                                           : offset(e, j->scratch, ll_i64(e, kernel_local(k, i)));
    arg[k->nbuf] = j->n;
    if (!k->parallel) {
        call_serial(j, c->kernel, arg);
        call_watch(j, c->kernel);
        return;
    }
    LLVMBasicBlockRef parts = ll_block(e), serial = ll_block(e), after = ll_block(e);
    LLVMBuildCondBr(e->b, j->split, parts, serial);
    LLVMPositionBuilderAtEnd(e->b, parts);
    call_parts(j, c->kernel, arg);
    LLVMBuildBr(e->b, after);
    LLVMPositionBuilderAtEnd(e->b, serial);
    call_serial(j, c->kernel, arg);
    LLVMBuildBr(e->b, after);
    LLVMPositionBuilderAtEnd(e->b, after);
    call_watch(j, c->kernel);
}

static void open_loop(Job *j, const Call *c) {
    Emit *e = j->e;
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->b), body = ll_block(e);
    LLVMBuildBr(e->b, body);
    LLVMPositionBuilderAtEnd(e->b, body);
    Val turn = LLVMBuildPhi(e->b, e->i64, ""), zero = ll_i64(e, 0);
    LLVMAddIncoming(turn, &zero, &before, 1);
    j->loop[j->depth].turn = turn;
    j->loop[j->depth].body = body;
    j->loop[j->depth++].times = c->times;
}

static void close_loop(Job *j) {
    Emit *e = j->e;
    LLVMBasicBlockRef last = LLVMGetInsertBlock(e->b), after = ll_block(e);
    j->depth--;
    Val next = LLVMBuildNSWAdd(e->b, j->loop[j->depth].turn, ll_i64(e, 1), "");
    Val more = LLVMBuildICmp(e->b, LLVMIntSLT, next, ll_i64(e, j->loop[j->depth].times), "");
    LLVMAddIncoming(j->loop[j->depth].turn, &next, &last, 1);
    LLVMBuildCondBr(e->b, more, j->loop[j->depth].body, after);
    LLVMPositionBuilderAtEnd(e->b, after);
}

static void prepare(Job *j) {
    Emit *e = j->e;
    int most = 0;
    for (int i = 0; i < e->program->nkernel; i++)
        if (e->program->kernel[i]->nbuf > most)
            most = e->program->kernel[i]->nbuf;
    j->args = LLVMBuildAlloca(e->b, LLVMArrayType(e->i64, (unsigned)most + 3), "");
    j->loop = arena_array(e->arena, (size_t)j->entry->ncall, sizeof *j->loop);
    j->n = LLVMBuildSExt(e->b, LLVMGetParam(e->fn, 1), e->i64, "");
    j->base[AT_PARAM] = field(j, offsetof(KilnCtx, params), e->ptr);
    j->base[AT_GRAD] = field(j, offsetof(KilnCtx, grads), e->ptr);
    j->base[AT_STATE] = field(j, offsetof(KilnCtx, state), e->ptr);
    j->base[AT_STREAM] = field(j, offsetof(KilnCtx, stream), e->ptr);
    j->base[AT_ARENA] = field(j, offsetof(KilnCtx, arena), e->ptr);
    j->base[AT_VALUE] = offset(e, j->ctx, ll_i64(e, sizeof(KilnCtx)));
    j->base[AT_CONST] = address(e, e->program->const_data);
    j->scratch = offset(e, j->base[AT_ARENA], ll_i64(e, program_planned(e->program)));
    j->parallel = field(j, offsetof(KilnCtx, parallel), e->ptr);
    j->pool = field(j, offsetof(KilnCtx, pool), e->ptr);
    j->threads = field(j, offsetof(KilnCtx, threads), e->i32);
    Val several = LLVMBuildICmp(e->b, LLVMIntSGT, j->threads,
                                LLVMConstInt(e->i32, 1, false), "");
    j->split = LLVMBuildAnd(e->b, several, LLVMBuildIsNotNull(e->b, j->parallel, ""), "");
}

void ll_entry(Emit *e, const Entry *entry, const char *name) {
    LLVMTypeRef type[] = {e->ptr, e->i32, e->ptr, e->ptr};
    Val fn = ll_function(e, name, e->none, 4, type);
    Job job = {.e = e, .entry = entry, .ctx = LLVMGetParam(fn, 0), .in = LLVMGetParam(fn, 2),
               .out = LLVMGetParam(fn, 3)}, *j = &job;
    e->fn = fn;
    LLVMPositionBuilderAtEnd(e->b, ll_block(e));
    prepare(j);
    for (int i = 0; i < entry->ncall; i++) {
        switch (entry->call[i].kind) {
        case C_KERNEL: call_kernel(j, &entry->call[i]); break;
        case C_LOOP:   open_loop(j, &entry->call[i]); break;
        case C_END:    close_loop(j); break;
        }
    }
    LLVMBuildRetVoid(e->b);
}
