/* Progress: a line that is redrawn on a terminal, a line for each round elsewhere. */
#ifndef KILN_TRAIN_PROGRESS_H
#define KILN_TRAIN_PROGRESS_H

#include "train/record.h"

typedef struct {
    FILE *out;                         /* NULL: silent */
    bool terminal;
    int columns;                       /* of the terminal; 0: asked for */
    const Model *m;
    /* of this round */
    double began, drawn;               /* by the clock */
    int64_t from;                      /* steps that were done when it began */
} Progress;

void progress_begin(Progress *p, int64_t done);
/* `done` of `all` steps of the round; metrics so far. Draws at most 10 times a second. */
void progress_step(Progress *p, const Record *r, int64_t done, int64_t all);
void progress_round(Progress *p, const Record *r);     /* the line that stays */
void progress_clear(Progress *p);                      /* before other text */
/* "epoch 3/30  62%|█████   | 744/1200 [00:04<00:03, 181 it/s] loss=0.41 acc=0.87" */
void progress_text(Text *out, const Progress *p, const Record *r, int64_t done, int64_t all,
                   double seconds);

#endif
