/* Running several iterations of a FREE loop at once: as copies, or as vector lanes. */
#ifndef KILN_PASSES_JAM_H
#define KILN_PASSES_JAM_H

#include "passes/pass.h"

typedef struct {
    Arena *a;
    Pool *p;
    Kernel *k;
    int whole;                         /* buffers from this one on hold all lanes: what does
                                          not count may be read */
} Jam;

/* The body of a loop over `var` for var + t*stride, t < times, side by side: statements in
 * copies, inner loops once, around the copies of what they hold. The caller makes the
 * loop over var step by times*stride. last: lanes that count in the vectors of the last
 * copy, 0 = all. */
Stmt *jam_unroll(Jam *j, Stmt *body, int var, int times, int stride, int last);
/* The same as lanes of vectors: lane l stands for var + l; lanes >= active are off.
 * NULL where an access is not affine in var. */
Stmt *jam_widen(Jam *j, Stmt *body, int var, int lanes, int active);
/* A value alone, its reads made only where `in` holds for the lane; elsewhere it is +0.
 * NULL as above. */
const Expr *jam_value(Jam *j, const Expr *e, int var, int lanes, Cond in);
/* By local: does its value depend on the loop variable? */
bool *jam_varies(Jam *j, const Stmt *body, int var);
bool jam_store_varies(const bool *varies, int var, const Stmt *s);
/* Copies with var replaced by `by`; locals are new. */
Stmt *jam_copy(Jam *j, Stmt *body, int var, const Ix *by);

#endif
