/* What inline.c, fuse.c and order.c share. */
#ifndef KILN_PASSES_FUSE_H
#define KILN_PASSES_FUSE_H

#include "passes/pass.h"

bool fuse_plain(const Node *n);        /* store[d] is free index d, in order */
bool fuse_contraction(const Node *n);  /* a serial sum: `tile` wants it in a nest alone */

/* Does the equation read slot in a subscript or a guard? Such reads stay. */
bool fuse_as_index(const Eq *e, int slot);
/* e with the map p, its operand `slot`, computed in place of its reads; sources of both. */
void fuse_substitute(Graph *g, const Node *p, int slot, Eq *e, Ref *src, int *nsrc);
/* The state slot of which n is the next value, if that is the slot with some elements
 * changed (lower_update.c): n has a kernel of its own, which writes just those; else NULL. */
const Node *fuse_update(const Node *n);
bool fuse_moves(const Expr *e);        /* nothing is computed */

#endif
