/* Values for a program's blocks: weights from files, random numbers, what a status means. */
#ifndef KILN_TOOLS_VALUES_H
#define KILN_TOOLS_VALUES_H

#include "frontend/tensor.h"
#include "tools/tool.h"

/* Fills blocks from tool_weights(), names changed by --rename. Every parameter and state of
 * the model must be there; what else is there must be known. Optimizer state may be both. */
bool values_weights(Tool *t, const Program *p, void *params, void *state);
/* .npz, or else safetensors. */
bool values_read(Tool *t, const char *path, Tensors *out);
void values_rng(const Program *p, KilnCtx *ctx, uint64_t seed, uint32_t step);
/* 0: true; else an error that says what happened to the entry. */
bool values_status(Tool *t, const char *entry, int status);

#endif
