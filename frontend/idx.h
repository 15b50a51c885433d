/* IDX, the format of MNIST: one array of bytes, integers or floats. */
#ifndef KILN_FRONTEND_IDX_H
#define KILN_FRONTEND_IDX_H

#include "frontend/tensor.h"

/* Plain or gzip'd, told apart by the first bytes. The tensor's name is the path. */
bool idx_read(Arena *a, Loc loc, const char *path, Tensor *out);

#endif
