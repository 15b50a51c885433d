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
/* False where the schedule depends on how many examples there are, and `examples` is 0. */
bool schedule_make(const Settings *s, int64_t examples, Schedule *out);
float schedule_lr(const Schedule *s, uint32_t step);   /* for step 0, 1 ... */
/* The body of a C function `float f(uint32_t step)` that gives the same bits. */
void schedule_c(Text *out, const Schedule *s);

#endif
