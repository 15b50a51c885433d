/* Data: the examples that a model trains, validates and is tested on. */
#ifndef KILN_TRAIN_DATA_H
#define KILN_TRAIN_DATA_H

#include "train/dataset.h"

typedef struct Examples {              /* some of a dataset */
    const Dataset *set;
    int64_t n;                         /* 0: there are none */
    const int64_t *row;                /* where each begins; NULL: */
    int64_t from, stride;              /* at from, from + stride ... */
} Examples;

typedef struct Data {
    Dataset file[3];
    Examples train, valid, test;
    Vocabs vocab;                      /* of texts and tagged sentences */
} Data;

/* Everything that the model's `data` names; the part to validate on is drawn from the
 * training seed, or holds the last rows. No row belongs to both parts. A vocabulary that
 * is not given is made from the training files. */
bool data_open(Arena *a, const Model *m, const Vocabs *vocab, Data *out);
Examples examples_all(const Dataset *set);             /* for judging or predicting */
int64_t examples_row(const Examples *e, int64_t k);    /* where example k begins */
/* The vocabularies of a training run's folder: tokens.txt, tags.txt, as far as its model
 * has them. */
bool data_write_vocabs(const Model *m, const Vocabs *v, const char *run);
bool data_read_vocabs(Arena *a, const Model *m, const char *run, Vocabs *out);
/* The order of an epoch, 0 the first: it depends on seed, epoch and n alone. */
void examples_shuffle(int64_t *order, int64_t n, uint64_t seed, int64_t epoch);
/* The order in which examples in turn make `batch` streams: row b of each batch goes on where
 * row b of the one before ends. The longer streams come first. */
void examples_streams(int64_t *order, int64_t n, int64_t batch);
/* Copies examples order[from .. from+n-1] (order NULL: in turn) to a buffer each for the
 * first `nfield` fields. */
void examples_copy(const Examples *e, const int64_t *order, int64_t from, int64_t n,
                   int nfield, void *const *to);
/* What a mean over n such examples counts: their number, less the share of labels that no
 * loss counts. */
double examples_weight(const Dataset *set, int64_t n, void *const *from);
/* Such buffers, for batches of up to n. */
void **examples_buffers(Arena *a, const Dataset *set, int64_t n);

#endif
