/* NumPy's .npz: a zip file of arrays. */
#ifndef KILN_FRONTEND_NPZ_H
#define KILN_FRONTEND_NPZ_H

#include "frontend/tensor.h"

/* Appends the entries to `out`, in the file's order, named without .npy. */
bool npz_read(Arena *a, Loc loc, const char *path, Tensors *out);
/* Stored, not packed, in the list's order: the same tensors give the same bytes. */
bool npz_write(Loc loc, const char *path, const Tensors *list);

#endif
