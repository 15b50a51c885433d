/* Data: the examples that a model trains, validates and is tested on. */
#ifndef KILN_TRAIN_DATA_H
#define KILN_TRAIN_DATA_H

#include "train/dataset.h"

typedef struct Examples {              /* rows of a dataset */
    const Dataset *set;
    int64_t n;                         /* 0: there are none */
    const int64_t *row;                /* NULL: 0..n-1 */
} Examples;

typedef struct Data {
    Dataset file[3];
    Examples train, valid, test;
} Data;

/* Everything that the model's `data` names; the part to validate on is drawn from the
 * training seed, or holds the last rows. */
bool data_open(Arena *a, const Model *m, Data *out);
int64_t data_count(const Model *m);    /* examples to train on, quickly; 0 after an error */
Examples examples_all(const Dataset *set);
/* The order of an epoch, 0 the first: it depends on seed, epoch and n alone. */
void examples_shuffle(int64_t *order, int64_t n, uint64_t seed, int64_t epoch);
/* Copies examples order[from .. from+n-1] (order NULL: in turn) to a buffer each for the
 * first `nfield` fields. */
void examples_copy(const Examples *e, const int64_t *order, int64_t from, int64_t n,
                   int nfield, void *const *to);
/* Such buffers, for batches of up to n. */
void **examples_buffers(Arena *a, const Dataset *set, int64_t n);

#endif
