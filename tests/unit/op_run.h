/* All op cases as a few programs of many entries, run every way against the oracle. */
#ifndef KILN_TESTS_OP_RUN_H
#define KILN_TESTS_OP_RUN_H

#include "codegen/exec.h"
#include "op_case.h"

typedef struct {
    Backend backend;
    const char *target;                /* row of targets.def */
    const char *cc, *cflags;           /* EXEC_C */
    bool fast;                         /* the interpreter's error is small, and its bits
                                          are the others' */
} OpWay;

typedef struct OpRuns OpRuns;
/* Builds the cases' graphs, operands and expected results; `only`: one op, or NULL. NULL
 * after an error. */
OpRuns *op_runs_new(Arena *a, const char *only);
/* How many results are not what they should be; the first few are printed. */
int op_runs_check(OpRuns *r, const OpWay *w);

#endif
