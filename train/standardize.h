/* Standardize layers: mean and deviation of what they are given. */
#ifndef KILN_TRAIN_STANDARDIZE_H
#define KILN_TRAIN_STANDARDIZE_H

#include "train/data.h"
#include "train/session.h"

/* Sets the state of each such layer from these examples (the training part alone), one
 * behind the other, since a layer may stand behind another. The deviation is that of the
 * whole set (divided by n); where it is 0 it counts as 1. */
bool standardize_fill(Session *s, const Examples *train);

#endif
