/* What grad.c and grad_scan.c share. */
#ifndef KILN_PASSES_GRAD_H
#define KILN_PASSES_GRAD_H

#include "passes/pass.h"

typedef struct {
    Graph *g;
    const bool *need;                  /* by node id: a wanted node reaches it */
    const uint32_t *first;             /* by node id: place of its result 0 in adjoint */
    Ref *adjoint;                      /* d / d result so far; {NULL} = zero */
} Grad;

/* Adds a contribution to the adjoint of r. */
void grad_add(Grad *gr, Ref r, Ref part);
/* What the read of an equation node passes to its source, given the node's adjoint; in
 * normal form. {NULL} where zero. */
Ref grad_eq_part(Graph *g, const Node *n, const Expr *read, Ref down);
/* The reads of a node's body that are floats and whose source is needed. */
typedef struct { const Expr *read[64]; int n; const Node *node; const bool *need; } Reads;
void grad_reads(Reads *r);
/* Equation n of a body, summed over the steps of its scan: time is the outermost reduced
 * index but for the batch. stacked: sources that have the time as a leading dim. */
Ref grad_over_time(Graph *g, const Node *n, int64_t steps, const bool *stacked,
                   const Ref *src);
/* Passes a scan's adjoints on: a reversed scan over stacked carries. */
void grad_scan(Grad *gr, const Node *n);

#endif
