/* kiln predict --generate: a language model writes on from a prompt. */
#include <errno.h>
#include <string.h>

#include "tools/generate.h"
#include "train/generate.h"
#include "train/sample.h"

typedef struct {
    Tool *t;
    Text *file; /* what will be in the file; NULL: it goes to stdout as it comes */
    const Vocab *tokens;
    Generator *generator;
    Sampler *sampler;
    int64_t nprompt;
    int32_t *prompt;
} Generate;

static bool sample_options(const Tool *t, SampleOptions *o) {
    const Args *a = t->args;
    *o = (SampleOptions){.temperature = a->temperature < 0 ? 1 : a->temperature,
                         .top_k = a->top_k < 0 ? 0 : a->top_k,
                         .top_p = a->top_p < 0 ? 1 : a->top_p};
    if (o->top_p <= 0 || o->top_p > 1)
        return usage_error("--top-p: got %g, expected more than 0 and at most 1", o->top_p);
    return tool_seed(t, &o->seed);
}

/* The prompt's numbers; without one, a line's end or whatever token is first. */
static bool read_prompt(Generate *g) {
    Tool *t = g->t;
    const char *text = t->args->prompt ? t->args->prompt : "";
    const Source *src = diag_source(t->diag, "--prompt", text, strlen(text));
    bool bytes = !strcmp(t->model->set.data.tokens, "bytes");
    g->prompt = vocab_encode(t->arena, g->tokens, src, bytes, &g->nprompt);
    if (!src->size) {
        int line = vocab_find(g->tokens, "\n", 1);
        PUSH(t->arena, g->prompt, g->nprompt) = line < 0 ? 0 : line;
    }
    return g->prompt != NULL;
}

static bool put(Generate *g, const char *s, size_t n) {
    if (g->file) {
        text_put(g->file, s, n);
        return true;
    }
    return (fwrite(s, 1, n, stdout) == n && !fflush(stdout)) ||
           diag_system(diag_nowhere(g->t->diag), "cannot write the text: %s", strerror(errno));
}

/* The prompt, then token by token. */
static bool write_text(Generate *g) {
    const Args *a = g->t->args;
    const int64_t count = a->tokens < 0 ? 200 : a->tokens;
    const float *logits = NULL;
    if (a->prompt && !put(g, a->prompt, strlen(a->prompt)))
        return false;
    for (int64_t i = 0; i < g->nprompt; i++)
        if (!(logits = generator_feed(g->generator, g->prompt[i])))
            return false;
    for (int64_t i = 0; i < count; i++) {
        int next = sampler_next(g->sampler, logits, (uint32_t)i);
        if (!put(g, g->tokens->token[next].s, g->tokens->token[next].n))
            return false;
        if (i + 1 < count && !(logits = generator_feed(g->generator, next)))
            return false;
    }
    return true;
}

static bool run(Generate *g, const ProgramOptions *o) {
    Tool *t = g->t;
    SessionOptions s = {.program = *o, .exec = {.backend = tool_backend(t), .opt = 2}};
    SampleOptions sample;
    Vocabs vocab;
    if (!t->model->set.data.train.text)
        return diag_error((Loc){t->model->source, 0, 0}, "generate: the model is trained on no "
                          "text: data.train.text");
    if (!sample_options(t, &sample) || !tool_vocabs(t, &vocab))
        return false;
    g->tokens = vocab.tokens ? vocab.tokens : vocab_bytes(t->arena);
    s.program.only = generator_streams(t->model) ? "init,stream" : "init,forward";
    s.program.raw = true;
    Session *session = read_prompt(g) ? session_open(t->model, &s) : NULL;
    bool ok = session && tool_read_weights(t, session) &&
              (g->generator = generator_new(t->arena, session, g->tokens));
    g->sampler = sampler_new(t->arena, &sample, g->tokens->n);
    ok = ok && write_text(g);
    session_close(session);
    return ok;
}

int command_generate(Tool *t, const ProgramOptions *o) {
    const char *path = t->args->out && strcmp(t->args->out, "-") ? t->args->out : NULL;
    Text text = {0};
    Generate g = {.t = t, .file = path ? &text : NULL};
    SampleOptions sample;
    if (!sample_options(t, &sample))
        return tool_usage(t);
    bool ok = tool_model(t, false, 1) && run(&g, o) &&
              (!path || file_write(diag_nowhere(t->diag), path, text.n ? text.s : "", text.n));
    text_free(&text);
    return tool_end(t, ok);
}
