/* The trainer: steps, rounds, validation, early stop. */
#ifndef KILN_TRAIN_TRAINER_H
#define KILN_TRAIN_TRAINER_H

#include "train/checkpoint.h"

typedef enum {
    TRAIN_DONE,
    TRAIN_FAILED,                      /* reported: model, data, files */
    TRAIN_DIVERGED,                    /* reported: the loss is not finite */
    TRAIN_INTERRUPTED                  /* `stop` said so; the state is saved */
} TrainStatus;

#define TRAINER_ENTRIES "init,loss,step"   /* ProgramOptions.only: what the trainer runs */

typedef struct {
    const char *run;                   /* folder of the run; NULL: nothing is written */
    bool resume;                       /* go on from the folder's checkpoint */
    const char *weights;               /* start from this file; NULL: from the seed */
    bool (*stop)(void *user);          /* asked before each step: end here? may be NULL */
    void *user;
    FILE *log;                         /* progress; NULL: none */
    bool terminal;                     /* log is one */
} TrainOptions;

typedef struct {
    TrainStatus status;
    int64_t epoch, step;               /* done */
    bool ran;                          /* steps, now; false: the run had ended */
    bool stopped_early;
    bool best;                         /* weights.safetensors holds the best, not the last */
    int64_t best_step;                 /* 0: none */
    int nmetric;                       /* loss and metrics, see metric_name */
    bool validated, tested;
    double train[MAX_METRICS], valid[MAX_METRICS], test[MAX_METRICS];
} TrainResult;

/* Trains the session's model as its settings say. The session is as the training left it,
 * but with the weights of the file where those are tested. The same seed gives the same
 * bits, whatever the threads, straight through or resumed. */
TrainStatus trainer_run(Session *s, const Data *d, const TrainOptions *o, TrainResult *out);

#endif
