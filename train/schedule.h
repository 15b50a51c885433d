/* Learning rates over time. */
#ifndef KILN_TRAIN_SCHEDULE_H
#define KILN_TRAIN_SCHEDULE_H

#include "frontend/model.h"

typedef struct Schedule {
    int row;                           /* of schedules.def */
    double base, low, gamma;
    double warmup, every, total;       /* whole steps */
} Schedule;

int64_t schedule_epoch(const Settings *s, int64_t examples);   /* steps in an epoch */
/* Steps from one validation and record to the next. */
int64_t schedule_round(const Settings *s, int64_t examples);
int64_t schedule_total(const Settings *s, int64_t examples);   /* steps in all */
Schedule schedule_make(const Settings *s, int64_t examples);
float schedule_lr(const Schedule *s, int64_t step);    /* for step 0, 1 ... */
/* The body of a C function `float f(int64_t step, int64_t epoch_steps)` that gives the same
 * bits; epoch_steps is schedule_epoch of the data it trains on. */
void schedule_c(Text *out, const Settings *s);

#endif
