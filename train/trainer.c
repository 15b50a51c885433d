/* The trainer: from initial weights, or a checkpoint, through all rounds of steps. */
#include "train/trainer.h"

#include <math.h>
#include <string.h>

#include "runtime/krt.h"
#include "train/progress.h"
#include "train/schedule.h"
#include "train/standardize.h"
#include "train/weights.h"

typedef struct {
    Session *s;
    const Settings *set;
    const Data *data;
    const TrainOptions *o;
    TrainResult *out;
    Arena *arena;
    TrainState state;
    Schedule schedule;
    int64_t total, epoch_steps, round; /* steps in all, in a whole epoch, between records */
    int64_t shuffled;                  /* the epoch that `order` is of, -1: none */
    int64_t *order;                    /* of the examples in this epoch; NULL: as they are */
    int step, reset;                   /* entries; reset -1: no state is carried */
    int nmetric;
    void **in, **out_of;
    double lr;                         /* of the last step */
    Records *records;
    Progress progress;
} Trainer;

static Loc key_loc(const Trainer *t, const char *key) {
    const Tree *at = tree_find(tree_find(t->s->model->tree, "train"), key);
    return at ? at->loc : (Loc){t->s->model->source, 0, 0};
}

/* --- start --- */

/* The metric that the model watches: its number, and whether it is one of validation. */
static int watched(const Trainer *t, bool *valid) {
    const char *name = t->set->train.stop_metric;
    *valid = name && !strncmp(name, "valid.", 6);
    for (int i = 0; name && i < t->nmetric; i++)
        if (!strcmp(strchr(name, '.') + 1, metric_name(t->s->model, i)))
            return i;
    return -1;
}

static bool fits(Trainer *t) {
    bool valid;
    watched(t, &valid);
    if (valid && !t->data->valid.n)
        return diag_error(key_loc(t, "stop"), "train.stop: '%s' is watched, but 'data' names no "
                          "examples to validate on", t->set->train.stop_metric);
    if (t->set->train.batch > t->s->program->batch)
        return diag_error(key_loc(t, "batch"), "train.batch: got %lld, the program takes batches "
                          "of up to %lld", (long long)t->set->train.batch,
                          (long long)t->s->program->batch);
    if (t->total > UINT32_MAX)
        return diag_error(key_loc(t, "epochs"), "got %lld steps in all, expected less than 2^32",
                          (long long)t->total);
    return true;
}

static void prepare(Trainer *t) {
    const Program *p = t->s->program;
    int64_t n = t->data->train.n;
    t->step = session_entry(t->s, "step");
    t->nmetric = p->entry[t->step].nout;
    t->total = schedule_total(t->set, n);
    t->epoch_steps = schedule_epoch(t->set, n);
    t->round = schedule_round(t->set, n);
    t->shuffled = -1;
    t->reset = program_entry(p, "step_reset");
    if (t->set->data.shuffle || t->reset >= 0)
        t->order = NEW(t->arena, n, int64_t);
    t->in = examples_buffers(t->arena, t->data->train.set, t->set->train.batch);
    t->out_of = session_outputs(t->arena, t->s, t->step);
    t->state = (TrainState){.seed = t->set->train.seed, .batch = t->set->train.batch,
                            .examples = n};
    t->progress = (Progress){.out = t->o->log, .terminal = t->o->terminal, .m = t->s->model};
    t->schedule = schedule_make(t->set, n);
    if (t->nmetric > MAX_METRICS)
        bug("%d metrics", t->nmetric);
}

static bool start(Trainer *t) {
    Loc loc = diag_nowhere(t->s->model->diag);
    if (!session_init(t->s, (uint64_t)t->set->train.seed))
        return false;
    if (t->o->weights)
        return weights_read(t->s, loc, t->o->weights, 0, NULL);
    return standardize_fill(t->s, &t->data->train);
}

/* Written at once, so that a folder that cannot be written is known before the training. */
static bool start_run(Trainer *t) {
    const char *run = t->o->run;
    if (!run)
        return true;
    if (!checkpoint_folder(t->s->model, run) ||
        !data_write_vocabs(t->s->model, &t->data->vocab, run))
        return false;
    if (!t->o->resume && !(checkpoint_weights(t->s, run, "last", &t->state) &&
                           checkpoint_save(t->s, run, &t->state)))
        return false;
    t->records = records_open(t->arena, t->s->model,
                              checkpoint_path(t->arena, run, "metrics.jsonl"),
                              t->o->resume ? t->state.step : -1);
    return t->records != NULL;
}

/* --- steps --- */

static void train_metrics(Trainer *t) {
    for (int i = 0; i < t->nmetric; i++)
        t->out->train[i] = t->state.sum[i] / t->state.weight;
}

/* The epoch that the last step was in, from 1. */
static int64_t epoch_of(const Trainer *t) { return t->state.epoch + (t->state.at > 0); }

static Record record(const Trainer *t, int64_t epoch) {
    int64_t epochs = (t->total + t->epoch_steps - 1) / t->epoch_steps;
    bool whole = t->round % t->epoch_steps == 0;
    return (Record){.epoch = epoch, .epochs = epochs, .step = t->state.step,
                    .steps = whole ? 0 : t->total, .lr = t->lr,
                    .seconds = krt_seconds() - t->progress.began, .nmetric = t->nmetric,
                    .train = t->out->train};
}

static TrainStatus diverged(Trainer *t) {
    Record r = record(t, epoch_of(t));
    r.diverged = true;
    progress_clear(&t->progress);
    if (t->records && !records_add(t->records, &r))
        return TRAIN_FAILED;
    diag_error(key_loc(t, "optimizer"), "training diverged: the loss is %s in step %lld, epoch "
               "%lld; a lower learning rate or 'clip' may help", isnan(*(float *)t->out_of[0])
               ? "not a number" : "infinite", (long long)t->state.step, (long long)r.epoch);
    return TRAIN_DIVERGED;
}

/* The examples of this epoch in their order; states that are carried begin with it. */
static bool start_epoch(Trainer *t) {
    const TrainState *s = &t->state;
    if (t->reset >= 0)
        examples_streams(t->order, s->examples, s->batch);
    else if (t->order)
        examples_shuffle(t->order, s->examples, (uint64_t)s->seed, s->epoch);
    t->shuffled = s->epoch;
    return t->reset < 0 || s->at || session_run(t->s, t->reset, 1, NULL, NULL);
}

static TrainStatus run_step(Trainer *t) {
    TrainState *s = &t->state;
    int64_t from = s->at * s->batch, left = s->examples - from;
    int64_t n = left < s->batch ? left : s->batch;
    float lr = schedule_lr(&t->schedule, s->step);
    if (t->shuffled != s->epoch && !start_epoch(t))
        return TRAIN_FAILED;
    session_random(t->s, (uint64_t)s->seed, (uint32_t)s->step);
    session_rate(t->s, lr);
    t->lr = (double)lr;
    examples_copy(&t->data->train, t->order, from, n, t->data->train.set->nfield,
                  t->in);
    if (!session_run(t->s, t->step, n, (const void *const *)t->in, t->out_of))
        return TRAIN_FAILED;
    double weight = examples_weight(t->data->train.set, n, t->in);
    for (int i = 0; i < t->nmetric && weight > 0; i++)
        s->sum[i] += (double)*(float *)t->out_of[i] * weight;
    s->weight += weight;
    t->out->ran = true;
    s->at++;
    s->step++;
    train_metrics(t);
    if (!t->s->finite)
        return diverged(t);
    if (s->at == t->epoch_steps || s->step == t->total) {
        s->epoch++;
        s->at = 0;
    }
    return TRAIN_DONE;
}

static TrainStatus interrupted(Trainer *t) {
    bool best = t->set->train.stop_metric && t->state.best_step;
    progress_clear(&t->progress);
    if (t->o->run && !((best || checkpoint_weights(t->s, t->o->run, "last", &t->state)) &&
                       checkpoint_save(t->s, t->o->run, &t->state)))
        return TRAIN_FAILED;
    return TRAIN_INTERRUPTED;
}

static bool stopping(const Trainer *t) { return t->o->stop && t->o->stop(t->o->user); }

/* To the end of the round that the state is in. */
static TrainStatus run_round(Trainer *t) {
    const TrainState *s = &t->state;
    int64_t from = s->step - s->step % t->round, end = from + t->round;
    end = end < t->total ? end : t->total;
    progress_begin(&t->progress, s->step - from);
    while (s->step < end) {
        if (stopping(t))
            return interrupted(t);
        TrainStatus status = run_step(t);
        if (status != TRAIN_DONE)
            return status;
        Record r = record(t, epoch_of(t));
        progress_step(&t->progress, &r, s->step - from, end - from);
    }
    return TRAIN_DONE;
}

/* --- rounds --- */

/* Notes whether the watched metric is the best so far. */
static bool improved(Trainer *t) {
    bool valid;
    int i = watched(t, &valid);
    if (i < 0)
        return false;
    double x = (valid ? t->out->valid : t->out->train)[i], sign = 1;
    if (!strcmp(metric_name(t->s->model, i), "accuracy"))
        sign = -1;
    t->state.waited++;
    if (isnan(x) || (t->state.best_step &&
                     !(sign * x < sign * t->state.best - t->set->train.min_delta)))
        return false;
    t->state.best = x;
    t->state.best_step = t->state.step;
    t->state.waited = 0;
    return true;
}

static bool save_round(Trainer *t, bool better) {
    const char *run = t->o->run;
    bool watching = t->set->train.stop_metric != NULL;
    if (!run)
        return true;
    if (watching && better && !checkpoint_weights(t->s, run, "best", &t->state))
        return false;
    if (!watching && !checkpoint_weights(t->s, run, "last", &t->state))
        return false;
    return checkpoint_save(t->s, run, &t->state);
}

static bool end_round(Trainer *t) {
    TrainState *s = &t->state;
    if (t->data->valid.n && !predict_evaluate(t->s, &t->data->valid, t->out->valid))
        return false;
    t->out->validated = t->data->valid.n > 0;
    s->weight = 0;
    memset(s->sum, 0, sizeof s->sum);
    bool better = improved(t);
    Record r = record(t, epoch_of(t));
    r.valid = t->out->validated ? t->out->valid : NULL;
    progress_round(&t->progress, &r);
    return (!t->records || records_add(t->records, &r)) && save_round(t, better);
}

static TrainStatus run_rounds(Trainer *t) {
    const TrainState *s = &t->state;
    while (s->step < t->total) {
        t->out->stopped_early = t->set->train.stop_metric && s->waited >= t->set->train.patience;
        if (t->out->stopped_early)
            break;
        TrainStatus status = run_round(t);
        if (status != TRAIN_DONE)
            return status;
        if (!end_round(t))
            return TRAIN_FAILED;
    }
    return TRAIN_DONE;
}

/* --- the whole --- */

/* The test examples are used once: with the weights that the run leaves. */
static bool run_test(Trainer *t) {
    if (!t->data->test.n)
        return true;
    Record r = record(t, t->state.epoch);
    if (t->o->run &&
        !weights_read(t->s, diag_nowhere(t->s->model->diag),
                      checkpoint_path(t->arena, t->o->run, "weights.safetensors"), 0, NULL))
        return false;
    if (!predict_evaluate(t->s, &t->data->test, t->out->test))
        return false;
    t->out->tested = true;
    r.train = NULL;
    r.test = t->out->test;
    return !t->records || records_add(t->records, &r);
}

static TrainStatus run(Trainer *t) {
    prepare(t);
    if (!fits(t))
        return TRAIN_FAILED;
    bool ok = t->o->resume ? checkpoint_load(t->s, t->o->run, &t->state) : start(t);
    if (!ok || !start_run(t))
        return TRAIN_FAILED;
    TrainStatus status = run_rounds(t);
    if (status == TRAIN_DONE && !run_test(t))
        return TRAIN_FAILED;
    return status;
}

TrainStatus trainer_run(Session *s, const Data *d, const TrainOptions *o, TrainResult *out) {
    Trainer t = {.s = s, .set = &s->model->set, .data = d, .o = o, .out = out,
                 .arena = arena_new()};
    *out = (TrainResult){0};
    out->status = run(&t);
    out->epoch = t.state.epoch;
    out->step = t.state.step;
    out->nmetric = t.nmetric;
    out->best_step = t.state.best_step;
    out->best = t.set->train.stop_metric && t.state.best_step;
    records_close(t.records);
    arena_free(t.arena);
    return out->status;
}
