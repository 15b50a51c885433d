/* kiln train: a network from its data, into a folder that can be gone on from. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tools/tool.h"
#include "train/trainer.h"

static volatile sig_atomic_t caught; /* number of the signal that asked to end, or 0 */

static void on_signal(int number) {
    caught = number;
}

static bool asked(void *user) {
    (void)user;
    return caught != 0;
}

/* The first signal ends the training with its state saved, a second one at once. */
static void catch_signals(void) {
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

static void put_metrics(const Model *m, const char *part, int n, const double *value) {
    printf("%s", part);
    for (int i = 0; i < n; i++)
        printf("  %s %.6g", metric_name(m, i), value[i]);
    printf("\n");
}

static void put_result(const Tool *t, const TrainResult *r) {
    printf("epochs %lld  steps %lld%s%s\n", (long long)r->epoch, (long long)r->step,
           r->stopped_early ? "  stopped early" : "", r->ran ? "" : "  nothing was left to do");
    if (r->ran)
        put_metrics(t->model, "train", r->nmetric, r->train);
    if (r->validated)
        put_metrics(t->model, "valid", r->nmetric, r->valid);
    if (r->tested)
        put_metrics(t->model, "test", r->nmetric, r->test);
}

static int exit_code(const Tool *t, TrainStatus status) {
    switch (status) {
    case TRAIN_DONE: return DONE;
    case TRAIN_FAILED: return diag_status(t->diag) == 3 ? SYSTEM : BAD_INPUT;
    case TRAIN_DIVERGED: return DIVERGED;
    case TRAIN_INTERRUPTED: return 128 + caught;
    }
    bug("training ended with %d", (int)status);
}

static TrainStatus run(Tool *t, const ProgramOptions *o) {
    const Args *a = t->args;
    SessionOptions s = {.program = *o, .exec = {.backend = tool_backend(t), .opt = 2}};
    TrainOptions train = {.run = a->out ? a->out : t->run,
                          .resume = a->resume,
                          .weights = a->weights,
                          .stop = asked,
                          .log = stderr,
                          .terminal = isatty(2) != 0};
    TrainResult result = {0};
    Data data;
    Vocabs vocab = {NULL, NULL};
    if (!tool_streams(t))              /* better said before than after training */
        return TRAIN_FAILED;
    if (a->resume && !data_read_vocabs(t->arena, t->model, train.run, &vocab))
        return TRAIN_FAILED;
    if (!data_open(t->arena, t->model, &vocab, &data))
        return TRAIN_FAILED;
    s.program.only = TRAINER_ENTRIES;
    Session *session = session_open(t->model, &s);
    if (!session)
        return TRAIN_FAILED;
    catch_signals();
    TrainStatus status = trainer_run(session, &data, &train, &result);
    session_close(session);
    if (status == TRAIN_DONE || status == TRAIN_INTERRUPTED)
        put_result(t, &result);
    return status;
}

/* --seed is the model's own key, so that it is part of what the run's folder says. */
static void add_seed(Tool *t, Args *args) {
    Words set = {args->set.n, NEW(t->arena, args->set.n + 4, const char *)};
    for (int i = 0; i < args->set.n; i++)
        set.item[i] = args->set.item[i];
    if (args->seed)
        set.item[set.n++] = arena_printf(t->arena, "train.seed=%s", args->seed);
    args->set = set;
}

int command_train(const Args *given) {
    Args args = *given;
    Tool *t = tool_new(&args);
    ProgramOptions o = {.training = true};
    uint64_t seed;
    if (!args.out && !t->run) {
        usage_error("train: -o RUN is missing");
        return tool_usage(t);
    }
    if (!tool_options(t, &o) || !tool_seed(t, &seed))
        return tool_usage(t);
    add_seed(t, &args);
    int code = tool_model(t, true, 0) ? exit_code(t, run(t, &o)) : -1;
    int failed = tool_end(t, false);
    return code < 0 ? failed : code;
}
