/* Running programs: the table of backends, argument checks, contexts. */
#include "codegen/exec_backend.h"
#include "codegen/interp.h"

#include <math.h>
#include <string.h>

/* How a backend is reached: its info, NULL for one in a module, and whether its code checks
 * arguments itself. */
static const struct {
    const BackendInfo *info;
    bool checks;
} backends[] = {
    [EXEC_JIT] = {NULL, false},
    [EXEC_C] = {&c_backend, true},
    [EXEC_INTERP] = {&interp_backend, false},
};

static const char *const names[] = {
#define NAME(id, name, before) name,
    BACKENDS(NAME)
};

bool exec_find(const char *name, Backend *out) {
    for (size_t i = 0; i < COUNT(names); i++)
        if (!strcmp(names[i], name)) {
            *out = (Backend)i;
            return true;
        }
    return false;
}

const char *exec_name(Backend b) { return names[b]; }

struct Exec {
    const Program *program;
    const BackendInfo *backend;
    bool checks;
    void *self;
    void *module;                      /* handle of the JIT's module, or NULL */
};

Exec *exec_new(Arena *a, Loc loc, const Program *p, ExecOptions o) {
    Exec *e = NEW(a, 1, Exec);
    e->program = p;
    e->backend = backends[o.backend].info;
    e->checks = backends[o.backend].checks;
    if (!e->backend)
        e->backend = jit_module(loc, &e->module);
    if (!e->backend)
        return NULL;
    e->self = e->backend->open(a, loc, p, o);
    if (e->self)
        return e;
    module_close(e->module);
    return NULL;
}

void exec_free(Exec *e) {
    if (!e)
        return;
    e->backend->close(e->self);
    module_close(e->module);
}

/* --- running --- */

static int64_t count_at(const Type *t, int n) {
    int64_t count = 1;
    for (int i = 0; i < t->rank; i++)
        count *= t->dim[i].batch ? n : t->dim[i].n;
    return count;
}

static int64_t element(const void *data, DType t, int64_t i) {
    switch (t) {
    case I32: return ((const int32_t *)data)[i];
    case U32: return ((const uint32_t *)data)[i];
    case I64:
    case U64: return ((const int64_t *)data)[i];
    case U8:
    case BOOL: return ((const uint8_t *)data)[i];
    case F32: case F64: case NDTYPE: break;
    }
    bug("range of a %s input", dtype_info[t].name);
}

static bool in_range(const Slot *s, int n, const void *data) {
    int64_t count = s->lo < s->hi ? count_at(&s->type, n) : 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t v = element(data, s->type.dtype, i);
        if (v < s->lo || v >= s->hi)
            return false;
    }
    return true;
}

/* The same answers as the emitted C gives. */
static int check(const Program *p, const Entry *entry, const void *ctx, int n,
                 const void *const *in, void *const *out) {
    if (!ctx || n < 1 || n > p->batch)
        return 1;
    for (int i = 0; i < entry->nin; i++)
        if (!in[i])
            return 1;
    for (int i = 0; i < entry->nout; i++)
        if (!out[i])
            return 1;
    for (int i = 0; i < entry->nin; i++)
        if (!in_range(&p->input.slot[entry->in[i]], n, in[i]))
            return 2;
    const KilnCtx *c = ctx;
    for (int i = 0; entry->stream && i < p->stream.n; i++)
        if (!c->stream ||
            !in_range(&p->stream.slot[i], n, (const char *)c->stream + p->stream.slot[i].offset))
            return c->stream ? 2 : 1;
    return 0;
}

static bool finite(DType t, const void *data) {
    return t == F64 ? isfinite(*(const double *)data) : isfinite(*(const float *)data);
}

int exec_run(Exec *e, int entry, void *ctx, int n, const void *const *in, void *const *out) {
    if (entry < 0 || entry >= e->program->nentry)
        bug("entry %d of %d", entry, e->program->nentry);
    const Entry *what = &e->program->entry[entry];
    int status = e->checks ? 0 : check(e->program, what, ctx, n, in, out), at = what->judged - 1;
    if (!status)
        status = e->backend->run(e->self, entry, ctx, n, in, out);
    return status || at < 0 || finite(what->out[at].type.dtype, out[at]) ? status : 3;
}

/* --- contexts --- */

int64_t exec_ctx_bytes(const Program *p) { return (int64_t)sizeof(KilnCtx) + p->value.bytes; }

static void *block_new(Arena *a, int64_t bytes) {
    enum { ALIGN = 64 };
    uintptr_t at = (uintptr_t)arena_alloc(a, (size_t)bytes + ALIGN);
    return (void *)((at + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
}

static void preset(unsigned char *at, DType t, double v) {
    Num x = dtype_info[t].is_float ? (Num){.f = v} : (Num){.i = (int64_t)v};
    float f = (float)v;
    int32_t i32 = (int32_t)x.i;
    uint32_t u32 = (uint32_t)x.i;
    uint8_t u8 = (uint8_t)x.i;
    const void *from[NDTYPE] = {[F32] = &f,   [F64] = &x,   [I32] = &i32, [I64] = &x,
                                [U32] = &u32, [U64] = &x,   [U8] = &u8,   [BOOL] = &u8};
    memcpy(at, from[t], (size_t)dtype_info[t].bytes);
}

void *exec_ctx_new(Arena *a, const Program *p, int threads) {
    KilnCtx *c = block_new(a, exec_ctx_bytes(p));
    c->params = block_new(a, p->param.bytes);
    c->grads = block_new(a, p->grad.bytes);
    c->state = block_new(a, p->state.bytes);
    c->stream = block_new(a, p->stream.bytes);
    c->arena = block_new(a, program_planned(p) + threads * program_scratch(p));
    c->threads = threads;
    for (int i = 0; i < p->value.n; i++) {
        const Slot *s = &p->value.slot[i];
        unsigned char *at = (unsigned char *)(c + 1) + s->offset;
        int64_t count = count_at(&s->type, 1);
        for (int64_t k = 0; k < count; k++)
            preset(at + k * dtype_info[s->type.dtype].bytes, s->type.dtype, s->init);
    }
    return c;
}
