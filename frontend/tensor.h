/* Tensors with their values, as files hold them. */
#ifndef KILN_FRONTEND_TENSOR_H
#define KILN_FRONTEND_TENSOR_H

#include "ir/type.h"

typedef struct Tensor {
    const char *name;
    Type type;                         /* no dim is the batch */
    void *data;                        /* row-major, 16-byte aligned, in the arena */
} Tensor;

typedef struct Tensors {
    int n;
    Tensor *item;
} Tensors;

/* The largest file of tensors that is read: 64 GiB. */
#define TENSOR_FILE_MAX (INT64_C(1) << 36)

/* Values are zero. The type's size has been checked. */
Tensor tensor_new(Arena *a, const char *name, const Type *type);
Tensor *tensors_add(Arena *a, Tensors *list, Tensor t);    /* until the next add */
Tensor *tensors_find(const Tensors *list, const char *name); /* NULL if absent */
/* The items ordered by name, bytewise. */
Tensor **tensors_sorted(Arena *a, const Tensors *list);
/* The file as a whole, for errors in files that have no lines. */
Loc tensor_file(Loc loc, const char *path);

#endif
