/* What inline.c, fuse.c and order.c share. */
#ifndef KILN_PASSES_FUSE_H
#define KILN_PASSES_FUSE_H

#include "passes/pass.h"

bool fuse_plain(const Node *n);        /* store[d] is free index d, in order */
bool fuse_contraction(const Node *n);  /* a serial sum: `tile` wants it in a nest alone */

#endif
