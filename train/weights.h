/* Weights files: parameters and state of a session, under PyTorch's names. */
#ifndef KILN_TRAIN_WEIGHTS_H
#define KILN_TRAIN_WEIGHTS_H

#include "frontend/safetensors.h"
#include "train/session.h"

/* The first match of a POSIX extended regular expression in each name of the file is
 * replaced; \1 .. \9 stand for its groups. */
typedef struct { const char *pattern, *replacement; } Rename;

/* .npz files are recognised by their first bytes, all others are safetensors. A missing or
 * unknown tensor is an error; copies of tied ones and num_batches_tracked are left out.
 * The session is as it was unless all fits. */
bool weights_read(Session *s, Loc loc, const char *path, int nrename, const Rename *rename);
/* Parameters and the model's state; .npz by the path's ending. `meta` may be NULL. */
bool weights_write(const Session *s, Loc loc, const char *path, const Metas *meta);
/* What weights_read does with a file's tensors; `file` is its place. */
bool weights_set(Session *s, Loc file, const Tensors *from, PartOf part);

#endif
