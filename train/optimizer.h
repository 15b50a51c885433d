/* Optimizers as equations over parameters, gradients and state. */
#ifndef KILN_TRAIN_OPTIMIZER_H
#define KILN_TRAIN_OPTIMIZER_H

#include "frontend/model.h"

typedef struct { const char *name; Type type; double init; } OptState;

/* State slots that the optimizer of the settings adds; *n of them. */
OptState *optimizer_state(Model *m, int *n);
/* Sets the results of `step`: every trainable parameter and the optimizer's state.
 * grad[i] belongs to m->param.item[i], {NULL} where it is zero or not wanted. */
void optimizer_step(Model *m, Graph *g, const Ref *param, Ref *grad);

#endif
