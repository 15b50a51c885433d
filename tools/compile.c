/* kiln compile: a network as a header, a source, and weights. */
#include <string.h>

#include "codegen/c.h"
#include "runtime/krt.h"
#include "tools/tool.h"
#include "train/schedule.h"

typedef struct {
    Tool *tool;
    const Program *program;
    Session *session; /* holds the weights; NULL: none */
    const char *prefix;
    Text header, source, lr;
} Compile;

enum { EMBED_MOST = 1 << 20 }; /* bytes that `auto` writes as C */

static bool find_prefix(Compile *c) {
    const char *given = c->tool->args->prefix;
    const char *name = given ? given : c->tool->model->set.name;
    Text t = {0};
    emit_c_ident(&t, name);
    c->prefix = arena_printf(c->tool->arena, "%s", t.s);
    text_free(&t);
    return !given || strcmp(given, c->prefix) == 0 ||
           usage_error("--prefix: '%s' is no identifier that C and C++ leave free; "
                       "'%s' would be",
                       given, c->prefix);
}

/* --- weights --- */

static bool load(Compile *c, const ProgramOptions *o) {
    SessionOptions s = {.program = *o, .exec = {.backend = EXEC_INTERP}};
    c->session = session_open(c->tool->model, &s);
    return c->session && (!o->training || session_init(c->session, 0)) &&
           tool_read_weights(c->tool, c->session);
}

static bool embedded(const Compile *c) {
    const char *how = c->tool->args->embed ? c->tool->args->embed : "auto";
    int64_t bytes = c->program->param.bytes + c->program->state.bytes;
    return strcmp(how, "always") == 0 ||
           (strcmp(how, "auto") == 0 && bytes <= EMBED_MOST);
}

static bool write_block(Compile *c, const char *ending, const void *data,
                        int64_t bytes) {
    const char *path =
        arena_printf(c->tool->arena, "%s/%s.%s", c->tool->args->out, c->prefix, ending);
    if (!bytes)
        return true;
    KrtStatus status =
        krt_weights_write(path, emit_c_layout(c->program), data, (size_t)bytes);
    return status == KRT_OK ||
           diag_system(diag_nowhere(c->tool->diag), "cannot write '%s': %s", path,
                       krt_strerror(status));
}

/* --- files --- */

static bool write_text(Compile *c, const char *ending, const Text *t) {
    return file_write(
        diag_nowhere(c->tool->diag),
        arena_printf(c->tool->arena, "%s/%s.%s", c->tool->args->out, c->prefix, ending),
        t->s, t->n);
}

static bool emit(Compile *c) {
    const KilnCtx *ctx = c->session ? c->session->ctx : NULL;
    bool embed = ctx && embedded(c);
    EmitC o = {.prefix = c->prefix,
               .weights = embed ? ctx->params : NULL,
               .state = embed ? ctx->state : NULL,
               .lr = c->lr.n ? c->lr.s : NULL};
    emit_c_header(&c->header, c->program, &o);
    emit_c_source(&c->source, c->program, &o);
    if (!tool_folder(c->tool, c->tool->args->out))
        return false;
    if (ctx && !embed &&
        !(write_block(c, "params", ctx->params, c->program->param.bytes) &&
          write_block(c, "state", ctx->state, c->program->state.bytes)))
        return false;
    return write_text(c, "c", &c->source) && write_text(c, "h", &c->header);
}

static bool build(Compile *c, ProgramOptions *o) {
    if (o->training)
        schedule_c(&c->lr, &c->tool->model->set);
    if (tool_weights(c->tool)) {
        if (!o->training)
            o->only = "forward,sample,stream"; /* nothing is left to be drawn by lot */
        if (!load(c, o))
            return false;
        c->program = c->session->program;
    } else {
        c->program = tool_program(c->tool, o);
    }
    return c->program && emit(c);
}

int command_compile(const Args *args) {
    Tool *t = tool_new(args);
    Compile c = {.tool = t};
    ProgramOptions o = {.training = args->train};
    if (!args->out) {
        usage_error("compile: -o FOLDER is missing");
        return tool_usage(t);
    }
    if (args->embed && !tool_weights(t) && strcmp(args->embed, "always") == 0) {
        usage_error("compile: --embed-weights always needs weights: -w FILE");
        return tool_usage(t);
    }
    if (!tool_options(t, &o))
        return tool_usage(t);
    bool ok = tool_model(t, args->train, args->batch > 0 ? args->batch : 0);
    if (ok && !find_prefix(&c))
        return tool_usage(t);
    ok = ok && build(&c, &o);
    session_close(c.session);
    text_free(&c.header);
    text_free(&c.source);
    text_free(&c.lr);
    return tool_end(t, ok);
}
