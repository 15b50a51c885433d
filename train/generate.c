/* Generation: a token a call through the entry `stream`, or where the model has none the
 * last window of tokens through forward. */
#include "train/generate.h"

#include <string.h>

#include "train/cast.h"

struct Generator {
    Session *s;
    int entry;
    bool stream;
    int64_t limit, position;           /* of the stream: most tokens, 0: no end; fed so far */
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

static bool fits(const Session *s, int entry, const Vocab *tokens) {
    const Entry *e = &s->program->entry[entry];
    const Type *in = &s->program->input.slot[e->in[0]].type, *out = &e->out[0].type;
    if (e->nin != 1 || e->nout != 1)
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

/* The most tokens that a stream takes; 0: there is no end. */
static int64_t stream_limit(const Program *p) {
    const Slot *position = block_find(&p->stream, "position");
    return position ? position->hi : 0;
}

bool generator_streams(const Model *m) { return m->set.deploy.stream && m->set.deploy.chunk == 1; }

Generator *generator_new(Arena *a, Session *s, const Vocab *tokens) {
    bool stream = generator_streams(s->model);
    int entry = session_entry(s, stream ? "stream" : "forward");
    if (!fits(s, entry, tokens))
        return NULL;
    const Type *in = &s->model->input.item[0].type, *out = &s->program->entry[entry].out[0].type;
    Generator *g = NEW(a, 1, Generator);
    *g = (Generator){.s = s, .entry = entry, .stream = stream,
                     .limit = stream ? stream_limit(s->program) : 0,
                     .window = in->dim[1].n, .classes = out->dim[out->rank - 1].n,
                     .each = out->rank == 3, .dtype = in->dtype};
    if (g->limit > g->window)
        g->window = g->limit;
    g->token = NEW(a, g->window, int32_t);
    g->in = arena_array(a, (size_t)g->window, (size_t)dtype_info[in->dtype].bytes);
    g->out = session_outputs(a, s, entry);
    return g;
}

static void keep(Generator *g, int token) {
    if (g->n == g->window)
        memmove(g->token, g->token + 1, (size_t)(g->window - 1) * sizeof *g->token);
    else
        g->n++;
    g->token[g->n - 1] = token;
}

static bool run(Generator *g) {
    const void *in[] = {g->in};
    return session_run(g->s, g->entry, 1, in, g->out);
}

/* One token; a stream that is full begins again with the later half of its tokens. */
static bool feed_stream(Generator *g) {
    int64_t from = g->n - 1;
    if (g->limit && g->position == g->limit) {
        session_stream_reset(g->s);
        g->position = 0;
        from = g->n - (g->limit + 1) / 2;
    }
    for (; from < g->n; from++, g->position++) {
        cast_array(I32, g->token + from, 1, g->dtype, g->in);
        if (!run(g))
            return false;
    }
    return true;
}

/* Tokens stand at the window's beginning where each has scores, else at its end. */
static bool feed_window(Generator *g) {
    const int64_t bytes = dtype_info[g->dtype].bytes, at = g->each ? 0 : g->window - g->n;
    memset(g->in, 0, (size_t)(g->window * bytes));
    cast_array(I32, g->token, g->n, g->dtype, (unsigned char *)g->in + at * bytes);
    return run(g);
}

const float *generator_feed(Generator *g, int token) {
    keep(g, token);
    if (!(g->stream ? feed_stream(g) : feed_window(g)))
        return NULL;
    int64_t row = g->each && !g->stream ? g->n - 1 : 0;
    return (const float *)g->out[0] + row * g->classes;
}
