/* Recurrent cells in the text of a layer's row; see layers.def. */
#ifndef KILN_FRONTEND_ROW_CELL_H
#define KILN_FRONTEND_ROW_CELL_H

#include "frontend/layer.h"

struct LayerCell {
    const char *suffix;                /* of parameters: "_l0", "_l1_reverse" */
    bool reverse;                      /* from the last step to the first */
    Ref valid;                         /* [time, n]: 1 in the steps that count; {NULL}: all */
};

/* "h = out, c = units {statements}": runs the statements for every layer and direction, on
 * `x`, each time with parameters of its own; they end with a scan whose carries are these.
 * Then `o` is the layer's result, and <layer>.h, <layer>.c are known to the user. */
bool row_cells(Macro *m, const char *text);
/* Makes of the lengths of the first input `lengths` [n], and `valid` [time, n]: 1 in the
 * steps that count. */
bool row_valid(Macro *m, Ref lengths);
const char *row_cell_key(const Macro *m, const char *key);   /* "weight_ih_l0" */

#endif
