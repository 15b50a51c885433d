/* Records: a line of JSON for each round of a training, which is an epoch
 * unless the model says otherwise.
 *
 *   {"epoch": 1, "step": 938, "lr": 0.1, "seconds": 4.2,
 *    "train": {"loss": 0.41, "accuracy": 0.87}, "valid": {...}}
 * and at the end {"test": {...}}, or {"diverged": true}. Numbers that are not finite are
 * null. */
#ifndef KILN_TRAIN_RECORD_H
#define KILN_TRAIN_RECORD_H

#include "train/predict.h"

typedef struct {                       /* what is told of a round, or of the end */
    int64_t epoch, epochs, step;
    int64_t steps;                     /* of all rounds, if they are no whole epochs; else 0 */
    double lr, seconds;
    int nmetric;
    const double *train, *valid, *test; /* nmetric values; NULL: not measured */
    bool diverged;
} Record;

typedef struct Records Records;
/* Writes behind the records of the file; those of steps after `step`, and a last line that
 * is cut off, are dropped first. -1: all. NULL: reported. */
Records *records_open(Arena *a, const Model *m, const char *path, int64_t step);
bool records_add(Records *r, const Record *x); /* on disk when it returns */
void records_close(Records *r);        /* NULL is fine */

#endif
