/* NumPy's .npy: one array. */
#ifndef KILN_FRONTEND_NPY_H
#define KILN_FRONTEND_NPY_H

#include "frontend/tensor.h"

/* Versions 1 to 3, either byte order, C or Fortran order; comes out row-major, small
 * types widened. The tensor's name is the file's, without folder and .npy. */
bool npy_read(Arena *a, Loc loc, const char *path, Tensor *out);
bool npy_write(Loc loc, const char *path, const Tensor *t);

/* The same for an array in memory (an entry of an .npz); `what` begins each error. */
bool npy_decode(Arena *a, Loc file, const char *what, const void *bytes, size_t size,
                Tensor *out);
void *npy_encode(Arena *a, const Tensor *t, size_t *size);

#endif
