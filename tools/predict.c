/* kiln predict: outputs for examples, as a table or an array. */
#include <string.h>

#include "tools/generate.h"
#include "train/predict.h"

/* The examples of -d, or the model's test data. */
static bool load(Tool *t, Vocabs *vocab, Dataset *set) {
    const Args *a = t->args;
    const Model *m = t->model;
    if (a->data.n) {
        DataFiles files = dataset_files(m, a->data.item[0]);
        return dataset_load(t->arena, m, &files, NULL, false, vocab, set);
    }
    const DataFiles *test = &m->set.data.test;
    if (data_given(test))
        return dataset_load(t->arena, m, test, "test", false, vocab, set);
    return diag_error((Loc){m->source, 0, 0}, "the model names no test data: -d FILE");
}

static bool run(Tool *t, const ProgramOptions *o) {
    const Args *a = t->args;
    PredictOptions p = {.path = a->out ? a->out : "-",
                        .samples = t->model->set.predict.samples,
                        .report = t->model->set.predict.report};
    SessionOptions s = {.program = *o, .exec = {.backend = tool_backend(t), .opt = 2}};
    Dataset set;
    Vocabs vocab;
    if (!tool_vocabs(t, &vocab) || !load(t, &vocab, &set))
        return false;
    if (p.samples > 1 && !t->model->random)
        p.samples = 1;
    s.program.only = p.samples > 1 ? "init,sample" : "init,forward";
    Session *session = session_open(t->model, &s);
    Examples all = examples_all(&set);
    bool ok = session && tool_seed(t, &p.seed) && tool_read_weights(t, session) &&
              predict_write(session, &all, &p);
    session_close(session);
    return ok;
}

static bool options_fit(const Args *a) {
    bool writes = a->prompt || a->tokens >= 0 || a->temperature >= 0 || a->top_k >= 0 || a->top_p >= 0;
    if (a->generate && a->data.n)
        return usage_error("predict: --generate reads no data: leave out -d");
    return a->generate || !writes ||
           usage_error("predict: --prompt, --tokens, --temperature, --top-k and --top-p are for "
                       "--generate");
}

int command_predict(const Args *args) {
    enum { BATCH = 64 };
    Tool *t = tool_new(args);
    ProgramOptions o = {0};
    uint64_t seed;
    if (!tool_weights(t) || args->data.n > 1) {
        usage_error(args->data.n > 1 ? "predict: only one -d FILE"
                                     : "predict: weights are missing: -w FILE, or give a RUN");
        return tool_usage(t);
    }
    if (!options_fit(args) || !tool_options(t, &o) || !tool_seed(t, &seed))
        return tool_usage(t);
    if (args->generate)
        return command_generate(t, &o);
    bool ok = tool_model(t, false, args->batch > 0 ? args->batch : BATCH) && run(t, &o);
    return tool_end(t, ok);
}
