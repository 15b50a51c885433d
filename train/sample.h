/* Sampling: the next token from scores, drawn by lot that a seed decides. */
#ifndef KILN_TRAIN_SAMPLE_H
#define KILN_TRAIN_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

typedef struct {
    double temperature;                /* of the softmax; 0: always the best */
    int64_t top_k;                     /* only the k best; 0: all */
    double top_p;                      /* only the best that together have this share; 1: all */
    uint64_t seed;
} SampleOptions;

typedef struct Sampler Sampler;
Sampler *sampler_new(Arena *a, const SampleOptions *o, int n);
/* One of n tokens by their logits; `draw` numbers the draws, so that each has randomness of
 * its own. Equal logits stand in the order of their numbers. */
int sampler_next(Sampler *s, const float *logits, uint32_t draw);

#endif
