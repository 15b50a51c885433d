/* Bands: equations over large values that become one kernel, block by block of rows. What
 * band.c (which equations may stand in one) and recompute.c (which do) share. */
#ifndef KILN_PASSES_BAND_H
#define KILN_PASSES_BAND_H

#include "passes/fuse.h"

/* A large value has more elements than the two tensors it is a product of, and matrices that
 * fill much of the cache, or is computed from such values point by point. Its rows run along the last dim; the indices of the
 * other dims are the loops of its band, the last of them goes in blocks. */
typedef enum {
    ROLE_NONE,                         /* stands in no band */
    ROLE_LARGE,                        /* a large value: computed where it is read */
    ROLE_ROW,                          /* folds rows, or maps what was folded: one result
                                          for each turn of the band's loops, or a row */
    ROLE_SUM                           /* sums over the loop that goes in blocks, and others */
} Role;

typedef struct {
    Role role;
    const Eq *eq;                      /* the band's loops in front, but for those summed */
    const Node *shape;                 /* the first large value of this shape */
    int loops;
    int sums;                          /* ROLE_SUM: how many of the last loops */
} Member;

/* What node n would be in a band; before: the same for all earlier nodes. */
Member band_member(Module *m, const Node *n, const Member *before);
/* Does n, in its form, read result r of an earlier member at its own place in the loops? */
bool band_reads_own(const Member *n, const Member *source, int slot);
/* How far along its rows a member is needed; see reach.c. */
enum { REACH_STEP = 64 };              /* rows are cut at multiples of this */
typedef struct {
    int index;                         /* along the row; -1: it has none */
    int64_t places;                    /* to one of that index */
    bool zero;                         /* a large value: 0 beyond the row's own place */
} Reach;
/* Is nothing needed of n beyond the row's own place? known: of all before, by node. */
bool band_reach(Module *m, const Node *n, const Member *as, const Reach *known, Reach *r);
/* Do rows have as many places as there are rows, in whole blocks? */
bool band_square(const Node *shape, int64_t block);
/* The equation of a large value, and operands behind the nsrc given ones that it reads
 * instead: copies with rows along neighbours. src has room for twice as many. */
const Eq *band_turn(Module *m, Graph *g, const Member *n, int nsrc, Ref *src);
bool band_same_shape(const Node *a, const Node *b);
/* Turns of the blocked loop that are worked on together, for large values of this shape. */
int64_t band_block(const Module *m, const Node *shape);

#endif
