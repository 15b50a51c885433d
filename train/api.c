/* The public library: kiln.h over models and sessions. */
#include <kiln/kiln.h>

#include <stdlib.h>
#include <string.h>

#include "codegen/c.h"
#include "train/session.h"
#include "train/weights.h"

struct kiln {
    Arena *arena;
    Diag *diag;
    Text messages;
    Model *model;                      /* NULL after errors */
    Session *session;                  /* NULL until compiled */
    SessionOptions options;
    bool failed;                       /* compiling was tried in vain */
};

static void collect(void *user, DiagKind kind, Loc loc, const char *message) {
    kiln *k = user;
    diag_render(&k->messages, kind, loc, message);
}

static bool choose_backend(kiln *k, const char *name) {
    k->options.exec.backend = EXEC_JIT;
    return !name || exec_find(name, &k->options.exec.backend) ||
           diag_error(diag_nowhere(k->diag), "backend '%s': expected " BACKEND_NAMES, name);
}

static bool choose_target(kiln *k, const char *name) {
    k->options.program.target = target_find(name ? name : "native");
    return k->options.program.target ||
           diag_error(diag_nowhere(k->diag), "target '%s' is not known", name);
}

static kiln *open_model(ModelOptions m, const kiln_options *given) {
    static const kiln_options none;
    const kiln_options *o = given ? given : &none;
    Arena *a = arena_new();
    kiln *k = NEW(a, 1, kiln);
    k->arena = a;
    k->diag = diag_new(a, collect, k);
    m.nset = o->nset;
    m.set = o->set;
    m.batch = o->batch;
    m.training = o->training;
    m.strict = o->strict;
    k->options.program.training = o->training;
    k->options.program.threads = o->threads;
    k->options.exec.opt = 2;
    if (choose_backend(k, o->backend) && choose_target(k, o->target))
        k->model = model_load(a, k->diag, &m);
    return k;
}

kiln *kiln_open(const char *path, const kiln_options *options) {
    return open_model((ModelOptions){.path = path}, options);
}

kiln *kiln_open_text(const char *name, const char *text, size_t size,
                     const kiln_options *options) {
    return open_model((ModelOptions){.path = name, .text = text, .size = size}, options);
}

void kiln_close(kiln *k) {
    if (!k)
        return;
    session_close(k->session);
    text_free(&k->messages);
    arena_free(k->arena);
}

const char *kiln_version(void) { return KILN_VERSION; }

int kiln_errors(const kiln *k) { return diag_errors(k->diag); }

const char *kiln_messages(const kiln *k) { return k->messages.n ? k->messages.s : ""; }

int kiln_compile(kiln *k) {
    if (k->session)
        return 0;
    if (k->model && !k->failed)
        k->session = session_open(k->model, &k->options);
    k->failed = !k->session;
    return k->session ? 0 : -1;
}

/* --- entries --- */

int kiln_entry(kiln *k, const char *name) {
    return kiln_compile(k) ? -1 : program_entry(k->session->program, name);
}

static const Entry *entry_at(kiln *k, int entry) {
    bool there = kiln_compile(k) == 0 && entry >= 0 && entry < k->session->program->nentry;
    return there ? &k->session->program->entry[entry] : NULL;
}

int kiln_inputs(kiln *k, int entry) {
    const Entry *e = entry_at(k, entry);
    return e ? e->nin : 0;
}

int kiln_outputs(kiln *k, int entry) {
    const Entry *e = entry_at(k, entry);
    return e ? e->nout : 0;
}

static int describe(const char *name, const Type *type, kiln_tensor *t) {
    *t = (kiln_tensor){.name = name, .dtype = dtype_info[type->dtype].name,
                       .rank = type->rank};
    for (int d = 0; d < type->rank; d++) {
        t->shape[d] = type->dim[d].n;
        t->batched |= type->dim[d].batch;
    }
    return 1;
}

int kiln_input(kiln *k, int entry, int index, kiln_tensor *t) {
    const Entry *e = entry_at(k, entry);
    if (!e || index < 0 || index >= e->nin)
        return 0;
    const Slot *s = &k->session->program->input.slot[e->in[index]];
    return describe(s->name, &s->type, t);
}

int kiln_output(kiln *k, int entry, int index, kiln_tensor *t) {
    const Entry *e = entry_at(k, entry);
    if (!e || index < 0 || index >= e->nout)
        return 0;
    return describe(e->out[index].name, &e->out[index].type, t);
}

int kiln_run(kiln *k, int entry, int64_t n, const void *const *in, void *const *out) {
    if (kiln_compile(k))
        return -1;
    if (!entry_at(k, entry) || n < 1 || n > k->session->program->batch)
        return 1;
    return exec_run(k->session->exec, entry, k->session->ctx, (int)n, in, out);
}

void kiln_random(kiln *k, uint64_t seed, uint32_t step) {
    if (kiln_compile(k) == 0)
        session_random(k->session, seed, step);
}

void kiln_rate(kiln *k, float lr) {
    if (kiln_compile(k) == 0)
        session_rate(k->session, lr);
}

/* --- streams --- */

int64_t kiln_stream_bytes(kiln *k) {
    return kiln_compile(k) ? -1 : k->session->program->stream.bytes;
}

int kiln_stream_use(kiln *k, void *state) {
    if (kiln_compile(k) || (uintptr_t)state % 64)
        return -1;
    session_stream_use(k->session, state);
    return 0;
}

int kiln_stream_reset(kiln *k) {
    if (kiln_compile(k))
        return -1;
    session_stream_reset(k->session);
    return 0;
}

int kiln_stream_copy(kiln *k, void *to) {
    if (kiln_compile(k) || !to)
        return -1;
    memcpy(to, k->session->ctx->stream, (size_t)kiln_stream_bytes(k));
    return 0;
}

/* --- weights --- */

int kiln_init(kiln *k, uint64_t seed) {
    return kiln_compile(k) == 0 && session_init(k->session, seed) ? 0 : -1;
}

int kiln_load(kiln *k, const char *path) {
    return kiln_compile(k) == 0 &&
           weights_read(k->session, diag_nowhere(k->diag), path, 0, NULL) ? 0 : -1;
}

int kiln_save(kiln *k, const char *path) {
    return kiln_compile(k) == 0 &&
           weights_write(k->session, diag_nowhere(k->diag), path, NULL) ? 0 : -1;
}

int kiln_weight(kiln *k, int index, kiln_tensor *t, void **data) {
    if (kiln_compile(k) || index < 0)
        return 0;
    Tensors all = session_tensors(k->arena, k->session, PART_WEIGHTS);
    if (index >= all.n)
        return 0;
    *data = all.item[index].data;
    return describe(all.item[index].name, &all.item[index].type, t);
}

/* --- C --- */

int kiln_emit_c(kiln *k, const char *prefix, int embed, char **header, char **source) {
    if (kiln_compile(k))
        return -1;
    Text h = {0}, s = {0}, ident = {0};
    EmitC o = {.prefix = NULL};
    if (prefix) {
        emit_c_ident(&ident, prefix);
        o.prefix = ident.s;
    }
    if (embed) {
        o.weights = k->session->ctx->params;
        o.state = k->session->ctx->state;
    }
    emit_c_header(&h, k->session->program, &o);
    emit_c_source(&s, k->session->program, &o);
    text_free(&ident);
    *header = h.s;
    *source = s.s;
    return 0;
}

void kiln_free(void *text) { free(text); }
