/* Numbers of one element type as another. */
#ifndef KILN_TRAIN_CAST_H
#define KILN_TRAIN_CAST_H

#include "ir/type.h"

/* n elements. -1, or the first that `to` does not hold: no whole number, too large, for
 * floats a finite one that would become infinite. Fractions are rounded for floats only. */
int64_t cast_array(DType from, const void *src, int64_t n, DType to, void *dst);
double cast_element(DType from, const void *src, int64_t i);

#endif
