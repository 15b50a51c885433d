/* Prediction: forward over examples into a file, and losses over labelled ones. */
#ifndef KILN_TRAIN_PREDICT_H
#define KILN_TRAIN_PREDICT_H

#include "train/data.h"
#include "train/session.h"

typedef struct {
    const char *path;                  /* "-": stdout; ".npy": one array; else CSV */
    int64_t samples;                   /* > 1: that many runs of `sample` an example */
    Words report;                      /* statistics over them: "mean", "std", "q05" ... */
    uint64_t seed;                     /* of the samples */
} PredictOptions;

/* The outputs of all examples, in order; `as` has been applied. */
bool predict_write(Session *s, const Examples *e, const PredictOptions *o);

enum { MAX_METRICS = 8 };
/* The loss and the metrics of the model over all examples, each the mean over them; the
 * program has the entry loss. Returns how many, 0 after an error. */
int predict_evaluate(Session *s, const Examples *e, double value[MAX_METRICS]);
const char *metric_name(const Model *m, int i);        /* "loss", then the metrics */

#endif
