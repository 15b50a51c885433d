/* Sessions: program, backend, threads and memory of a model, opened and closed together. */
#include "train/session.h"

#include <string.h>

#include "runtime/krt.h"

Session *session_compile(Model *m, const SessionOptions *o) {
    Arena *a = arena_new();
    Session *s = NEW(a, 1, Session);
    *s = (Session){.arena = a, .model = m, .options = *o};
    s->program = program_build(a, m, &o->program);
    s->exec = s->program ? exec_new(a, diag_nowhere(m->diag), s->program, o->exec) : NULL;
    if (s->exec)
        return s;
    session_close(s);
    return NULL;
}

bool session_start(Session *s) {
    int threads = s->options.program.threads > 1 ? s->options.program.threads : 1;
    s->ctx = exec_ctx_new(s->arena, s->program, threads);
    s->stream = s->ctx->stream;
    if (threads == 1)
        return true;
    s->pool = krt_pool_new(threads);
    if (!s->pool)
        return diag_error(diag_nowhere(s->model->diag), "cannot start %d threads", threads);
    s->ctx->parallel = krt_parallel;
    s->ctx->pool = s->pool;
    return true;
}

Session *session_open(Model *m, const SessionOptions *o) {
    Session *s = session_compile(m, o);
    if (!s || session_start(s))
        return s;
    session_close(s);
    return NULL;
}

void session_close(Session *s) {
    if (!s)
        return;
    exec_free(s->exec);
    krt_pool_free(s->pool);
    arena_free(s->arena);
}

/* --- values --- */

static void *value(Session *s, const char *name) {
    const Slot *v = block_find(&s->program->value, name);
    if (!v)
        bug("the program has no value '%s'", name);
    return (unsigned char *)(s->ctx + 1) + v->offset;
}

void session_random(Session *s, uint64_t seed, uint32_t step) {
    const uint32_t rng[4] = {(uint32_t)seed, (uint32_t)(seed >> 32), step, 0};
    memcpy(value(s, "rng"), rng, sizeof rng);
}

void session_rate(Session *s, float lr) { memcpy(value(s, "lr"), &lr, sizeof lr); }

void session_stream_use(Session *s, void *state) { s->ctx->stream = state ? state : s->stream; }

void session_stream_reset(Session *s) {
    memset(s->ctx->stream, 0, (size_t)s->program->stream.bytes);
}

/* --- entries --- */

int session_entry(const Session *s, const char *name) {
    int entry = program_entry(s->program, name);
    if (entry < 0)
        bug("the program has no entry '%s'", name);
    return entry;
}

bool session_run(Session *s, int entry, int64_t n, const void *const *in, void *const *out) {
    static const char *const said[] = {
        NULL, "an argument is missing or the batch is too large",
        "an element of an input is out of its range", NULL,
        "this CPU lacks features of the target",
    };
    enum { NOT_FINITE = 3 };
    int status = exec_run(s->exec, entry, s->ctx, (int)n, in, out);
    s->finite = status != NOT_FINITE;
    if (!status || status == NOT_FINITE)
        return true;
    return diag_error(diag_nowhere(s->model->diag), "%s: %s", s->program->entry[entry].name,
                      status < (int)COUNT(said) ? said[status] : "failed");
}

bool session_init(Session *s, uint64_t seed) {
    session_random(s, seed, 0);
    return session_run(s, session_entry(s, "init"), 1, NULL, NULL);
}

void **session_outputs(Arena *a, const Session *s, int entry) {
    const Entry *e = &s->program->entry[entry];
    void **out = NEW(a, e->nout + 1, void *);
    for (int i = 0; i < e->nout; i++)
        out[i] = arena_alloc(a, (size_t)type_bytes(&e->out[i].type));
    return out;
}

/* --- tensors --- */

static void add(Arena *a, Tensors *list, const Block *b, void *base, int from, int to) {
    for (int i = from; i < to; i++) {
        const Slot *s = &b->slot[i];
        tensors_add(a, list, (Tensor){s->name, s->type, (unsigned char *)base + s->offset});
    }
}

Tensors session_tensors(Arena *a, const Session *s, PartOf part) {
    const Program *p = s->program;
    int nstate = s->model->state.n;
    Tensors list = {0};
    if (part & PART_PARAMS)
        add(a, &list, &p->param, s->ctx->params, 0, p->param.n);
    if (part & PART_STATE)
        add(a, &list, &p->state, s->ctx->state, 0, nstate);
    if (part & PART_OPTIMIZER)
        add(a, &list, &p->state, s->ctx->state, nstate, p->state.n);
    return list;
}
