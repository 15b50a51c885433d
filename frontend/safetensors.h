/* safetensors: the format of weights and checkpoints. */
#ifndef KILN_FRONTEND_SAFETENSORS_H
#define KILN_FRONTEND_SAFETENSORS_H

#include "frontend/tensor.h"

typedef struct Meta {
    const char *key, *value;
} Meta;

typedef struct Metas {
    int n;
    Meta *item;
} Metas;

/* Appends to `out`, in the order of the data; small types come out widened. `meta` takes
 * what stands under __metadata__ and may be NULL. */
bool safetensors_read(Arena *a, Loc loc, const char *path, Tensors *out, Metas *meta);
/* Names are sorted; the same tensors give the same bytes. `meta` may be NULL. */
bool safetensors_write(Loc loc, const char *path, const Tensors *list,
                       const Metas *meta);
const char *metas_find(const Metas *list, const char *key);    /* NULL if absent */

#endif
