/* Perfect nests of FREE loops, and what their accesses look like. */
#ifndef KILN_PASSES_NEST_H
#define KILN_PASSES_NEST_H

#include "passes/pass.h"

enum { MAX_NEST = 24 };

typedef struct {
    int n;
    Stmt *loop[MAX_NEST];              /* outermost first; each holds just the next */
    Stmt *core;                        /* what the innermost holds */
} Nest;

/* The nest that starts at s, a FREE loop. */
Nest nest_at(Stmt *s);
/* The nest's loops and core in their present order, written back into loop[0]'s place. */
Stmt *nest_link(Nest *n);
/* Values of the kernel's loop variables; those that are not known take any. */
Box nest_box(Arena *a, const Kernel *k, int64_t batch_bound);
/* Trip count if it is constant, else the most it can be and *varies set. */
int64_t nest_extent(const Stmt *loop, const Box *box, bool *varies);
/* The most of e: by the batch alone, or else by the loops. */
bool nest_most(const Ix *e, const Box *box, int64_t *most);
bool nest_holds_free(const Stmt *core);            /* FREE loops or vectors inside */
bool nest_holds_serial(const Stmt *core);          /* reduction loops inside */

/* Every access of the core: address, and whether it is a store. */
typedef void AccessFn(const Ix *at, int buf, bool store, void *user);
void nest_accesses(const Stmt *core, AccessFn *f, void *user);
/* Every index expression of the core: addresses, guards, bounds, values. */
typedef void IxFn(const Ix *x, void *user);
void nest_indices(const Stmt *core, IxFn *f, void *user);
/* How well lanes along var suit the core; below 0: not at all. */
double nest_score(const Nest *n, int var);

#endif
