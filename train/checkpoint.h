/* Checkpoints: the folder of a training run.
 *
 *   model.yaml              the model with every default and the paths of its data
 *   weights.safetensors     parameters and statistics, the best or the last
 *   checkpoint.safetensors  all that a run goes on from
 *   metrics.jsonl           see record.h */
#ifndef KILN_TRAIN_CHECKPOINT_H
#define KILN_TRAIN_CHECKPOINT_H

#include "train/predict.h"

typedef struct {                       /* how far a training is */
    int64_t epoch, step, at;           /* epochs, steps, steps of this epoch, done */
    double sum[MAX_METRICS], weight;   /* metrics of this round, times examples */
    double best;                       /* of the watched metric */
    int64_t best_step, waited;         /* steps done then, 0: none; rounds since */
    int64_t seed, batch, examples;     /* must be the same when a run goes on */
} TrainState;

/* Each is whole or not there; false: reported. */
bool checkpoint_folder(const Model *m, const char *run);   /* with model.yaml */
bool checkpoint_save(const Session *s, const char *run, const TrainState *state);
/* `which`: "best" or "last", told in the file with the metric's value. */
bool checkpoint_weights(const Session *s, const char *run, const char *which,
                        const TrainState *state);
/* state->seed, batch and examples are compared with those of the run. */
bool checkpoint_load(Session *s, const char *run, TrainState *state);
const char *checkpoint_path(Arena *a, const char *run, const char *file);

#endif
