/* Guards of terms as bounds of their loop. */
#ifndef KILN_PASSES_BOUND_H
#define KILN_PASSES_BOUND_H

#include "passes/jam.h"

/* The body of a loop over `row`, of which `times` turns will run side by side from `start`
 * on: loops over terms are cut where the guard of a term turns. */
Stmt *bound_rows(Jam *j, const Stmt *body, int row, int start, int times, int64_t batch);

#endif
