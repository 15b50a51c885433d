/* Tensors with their values: making, listing and finding them. */
#include "frontend/tensor.h"

#include <stdlib.h>
#include <string.h>

Tensor tensor_new(Arena *a, const char *name, const Type *type) {
    return (Tensor){name, *type, arena_alloc(a, (size_t)type_bytes(type))};
}

Tensor *tensors_add(Arena *a, Tensors *list, Tensor t) {
    PUSH(a, list->item, list->n) = t;
    return &list->item[list->n - 1];
}

Tensor *tensors_find(const Tensors *list, const char *name) {
    for (int i = 0; i < list->n; i++)
        if (!strcmp(list->item[i].name, name))
            return &list->item[i];
    return NULL;
}

static int by_name(const void *a, const void *b) {
    const Tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

Tensor **tensors_sorted(Arena *a, const Tensors *list) {
    Tensor **sorted = NEW(a, list->n, Tensor *);
    for (int i = 0; i < list->n; i++)
        sorted[i] = &list->item[i];
    qsort(sorted, (size_t)list->n, sizeof *sorted, by_name);
    return sorted;
}

Loc tensor_file(Loc loc, const char *path) {
    return (Loc){diag_source(loc.src->diag, path, NULL, 0), 0, 0};
}
