/* The interpreter as a backend: entries call kernels' tapes with places resolved. */
#include "codegen/interp.h"

#include "codegen/interp_tape.h"

#include <string.h>

typedef struct {
    Arena *arena;
    Loc loc;
    const Program *p;
    Tape **tape;                       /* one for each kernel */
    ExecOptions options;
} Interp;

static void *open_interp(Arena *a, Loc loc, const Program *p, ExecOptions o) {
    Interp *in = NEW(a, 1, Interp);
    *in = (Interp){a, loc, p, NEW(a, p->nkernel + 1, Tape *), o};
    for (int i = 0; i < p->nkernel; i++)
        in->tape[i] = interp_compile(a, p->pool, p->kernel[i]);
    return in;
}

static void close_interp(void *self) { (void)self; }

/* One run of an entry. */
typedef struct {
    const Interp *in;
    Arena *arena;                      /* for this run */
    const Entry *entry;
    KilnCtx *ctx;
    int n;
    const void *const *arg_in;
    void *const *arg_out;
} Job;

static int64_t bytes_at(const Type *t, int n) {
    int64_t bytes = dtype_info[t->dtype].bytes;
    for (int i = 0; i < t->rank; i++)
        bytes *= t->dim[i].batch ? n : t->dim[i].n;
    return bytes;
}

/* Where a place's block starts, and how long it is. Constants, inputs and read blocks are
 * not written: the verifier saw to it. */
static Memory block(const Job *j, const Place *p) {
    const Program *g = j->in->p;
    switch (p->space) {
    case AT_ARENA: return (Memory){j->ctx->arena, program_planned(g)};
    case AT_PARAM: return (Memory){j->ctx->params, g->param.bytes};
    case AT_GRAD:  return (Memory){j->ctx->grads, g->grad.bytes};
    case AT_STATE: return (Memory){j->ctx->state, g->state.bytes};
    case AT_STREAM: return (Memory){j->ctx->stream, g->stream.bytes};
    case AT_CONST: return (Memory){(unsigned char *)(uintptr_t)g->const_data, g->constant.bytes};
    case AT_VALUE: return (Memory){(unsigned char *)(j->ctx + 1), g->value.bytes};
    case AT_INPUT:
        return (Memory){(unsigned char *)(uintptr_t)j->arg_in[p->index],
                        bytes_at(&g->input.slot[j->entry->in[p->index]].type, j->n)};
    case AT_OUTPUT:
        return (Memory){j->arg_out[p->index], bytes_at(&j->entry->out[p->index].type, j->n)};
    }
    bug("space %d", p->space);
}

static Memory argument(const Job *j, const Place *p, const Buf *b, int64_t turn) {
    Memory m = block(j, p);
    int64_t at = p->offset + p->stride * turn, width = dtype_info[b->dtype].bytes;
    if (at < 0 || at > m.size)
        bug("a place at byte %lld of a block of %lld", (long long)at, (long long)m.size);
    int64_t room = (m.size - at) / width;
    return (Memory){m.data + at, b->size < room ? b->size : room};
}

static bool run_kernel(const Job *j, const Call *c, int64_t turn) {
    const Kernel *k = j->in->p->kernel[c->kernel];
    Arena *a = arena_new();
    Memory *m = NEW(a, k->nbuf + 1, Memory);
    for (int i = 0, arg = 0; i < k->nbuf; i++) {
        const Buf *b = &k->buf[i];
        m[i] = b->kind == BUF_ARG
                   ? argument(j, &c->arg[arg++], b, turn)
                   : (Memory){(unsigned char *)j->ctx->arena + program_planned(j->in->p) +
                                  kernel_local(k, i), b->size};
    }
    bool ok = interp_run(a, j->in->loc, j->in->tape[c->kernel], j->n, m);
    arena_free(a);
    if (j->in->options.watch)
        j->in->options.watch(j->in->options.watcher, c->kernel);
    return ok;
}

/* Calls from..to-1 of the entry, with loops among them. */
static bool run_calls(const Job *j, int from, int to, int64_t turn) {
    for (int i = from; i < to; i++) {
        const Call *c = &j->entry->call[i];
        if (c->kind == C_KERNEL && !run_kernel(j, c, turn))
            return false;
        if (c->kind != C_LOOP)
            continue;
        int end = i + 1;
        for (int depth = 1; depth > 0; end++) {
            depth += j->entry->call[end].kind == C_LOOP;
            depth -= j->entry->call[end].kind == C_END;
        }
        for (int64_t t = 0; t < c->times; t++)
            if (!run_calls(j, i + 1, end - 1, t))
                return false;
        i = end - 1;
    }
    return true;
}

static int run_entry(void *self, int entry, void *ctx, int n, const void *const *in,
                     void *const *out) {
    const Interp *self_in = self;
    Job j = {self_in, self_in->arena, &self_in->p->entry[entry], ctx, n, in, out};
    return run_calls(&j, 0, j.entry->ncall, 0) ? 0 : 2;
}

const BackendInfo interp_backend = {open_interp, run_entry, close_interp};
