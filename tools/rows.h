/* The rows of all tables that a model file can name, one like the other. */
#ifndef KILN_TOOLS_ROWS_H
#define KILN_TOOLS_ROWS_H

#include "frontend/form.h"
#include "frontend/schema.h"

typedef enum {
    ROW_LAYER, ROW_GROUP, ROW_LOSS, ROW_METRIC, ROW_OPTIMIZER, ROW_INIT, ROW_SCHEDULE, ROW_OP,
    ROW_SCALAR,
    NROW
} RowKind;
extern const char *const row_plural[NROW];             /* "layers" */
extern const char *const row_kind_name[NROW];          /* "layer" */

typedef struct {
    RowKind kind;
    const char *name, *help;
    const LayerRow *layer;             /* layer; group: its other keys, or NULL */
    const FormKey *form;               /* layer, group: keys that are no options */
    int nform;
    const char *path;                  /* loss, optimizer .. : of its key in schema.def */
    const OpInfo *op;
    const FnInfo *fn;
} Row;

/* All of them, kind by kind; *n of them. */
Row *rows_all(Arena *a, int *n);
const char *value_names(ValueKind k);                  /* "a whole number" */

#endif
