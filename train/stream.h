/* The entry `stream` of a model: its next steps, given what it keeps of the past. */
#ifndef KILN_TRAIN_STREAM_H
#define KILN_TRAIN_STREAM_H

#include "frontend/model.h"
#include "passes/pass.h"

/* As deploy.stream says; raw: outputs before `as`. NULL, and errors, where the model cannot
 * be streamed. */
Graph *stream_graph(Model *m, bool raw, Stream *s);

#endif
