/* Scans in the text of a layer's row; see layers.def. */
#ifndef KILN_FRONTEND_ROW_SCAN_H
#define KILN_FRONTEND_ROW_SCAN_H

#include "frontend/layer.h"

/* "h = [n, units], c = [n, units] over p": what follows is one step, h and c its carries and
 * p the step's slice of p, until row_step("h = y, c = d"). Then h is the last value, h.all
 * are those of all steps, stacked. */
void row_scan(Macro *m, const char *text);
void row_step(Macro *m, const char *text);
/* r as what is built now reads it: inside a scan, a value from around it is an operand. */
Ref row_inside(const Macro *m, Ref r);

#endif
