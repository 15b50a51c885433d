/* Generation: the last window of tokens through forward, once for each new token. */
#include "train/generate.h"

#include <string.h>

#include "train/cast.h"

struct Generator {
    Session *s;
    int entry;
    int64_t window, classes;           /* tokens of an input; scores of a step */
    bool each;                         /* scores for each token, not for the last alone */
    int64_t n;                         /* tokens in the window */
    int32_t *token;
    DType dtype;
    void *in;
    void **out;
};

static bool no_language_model(const Session *s, const char *why) {
    return diag_error((Loc){s->model->source, 0, 0}, "generate: the model is none of the next "
                      "token: %s", why);
}

static bool fits(const Session *s, const Vocab *tokens) {
    const Model *m = s->model;
    const Type *in = &m->input.item[0].type, *out = &m->output.item[0].type;
    if (m->input.n != 1 || m->output.n != 1)
        return no_language_model(s, "it has several inputs or outputs");
    if (in->rank != 2 || dtype_info[in->dtype].is_float)
        return no_language_model(s, "its input is no row of whole numbers");
    if (out->dtype != F32 || out->rank < 2 || out->rank > 3 ||
        (out->rank == 3 && out->dim[1].n != in->dim[1].n))
        return no_language_model(s, "its output is no row of scores for each token, or for the "
                                    "last");
    if (out->dim[out->rank - 1].n < tokens->n)
        return no_language_model(s, arena_printf(s->arena, "it tells %lld classes, there are %d "
                                 "tokens", (long long)out->dim[out->rank - 1].n, tokens->n));
    return true;
}

Generator *generator_new(Arena *a, Session *s, const Vocab *tokens) {
    const Model *m = s->model;
    if (!fits(s, tokens))
        return NULL;
    const Type *in = &m->input.item[0].type, *out = &m->output.item[0].type;
    Generator *g = NEW(a, 1, Generator);
    *g = (Generator){.s = s, .entry = session_entry(s, "forward"), .window = in->dim[1].n,
                     .classes = out->dim[out->rank - 1].n, .each = out->rank == 3,
                     .dtype = in->dtype, .token = NEW(a, in->dim[1].n, int32_t),
                     .in = arena_array(a, (size_t)in->dim[1].n,
                                       (size_t)dtype_info[in->dtype].bytes),
                     .out = session_outputs(a, s, session_entry(s, "forward"))};
    return g;
}

/* Tokens stand at the window's beginning where each has scores, else at its end. */
const float *generator_feed(Generator *g, int token) {
    int64_t keep = g->window - 1, at;
    if (g->n == g->window)
        memmove(g->token, g->token + 1, (size_t)keep * sizeof *g->token);
    else
        g->n++;
    g->token[g->n - 1] = token;
    at = g->each ? 0 : g->window - g->n;
    memset(g->in, 0, (size_t)(g->window * dtype_info[g->dtype].bytes));
    cast_array(I32, g->token, g->n, g->dtype,
               (unsigned char *)g->in + at * dtype_info[g->dtype].bytes);
    const void *in[] = {g->in};
    if (!session_run(g->s, g->entry, 1, in, g->out))
        return NULL;
    return (const float *)g->out[0] + (g->each ? (g->n - 1) * g->classes : 0);
}
