/* What tile.c (which tiles) and tile_build.c (making them) share. */
#ifndef KILN_PASSES_TILE_H
#define KILN_PASSES_TILE_H

#include "passes/jam.h"
#include "passes/nest.h"

enum { MAX_HOT = 4, MOST_VECTORS = 4 };

typedef struct {                       /* a read inside the reduction */
    const Expr *read;
    int64_t coef[MAX_NEST];            /* of each loop of the nest in its address */
    bool guarded;                      /* under an `if` or a `when` */
    bool pack;
} Hot;

typedef struct {
    Module *m;
    Kernel *k;
    Nest nest;
    Box box;                           /* of the kernel's loops */
    int64_t extent[MAX_NEST];
    bool dynamic[MAX_NEST];            /* runs to the batch */
    int nhot;
    Hot hot[MAX_HOT];
    double terms;                      /* reduced points at the bound */
    int vec;                           /* the loop that becomes lanes */
    int vectors;                       /* registers side by side along it */
    int tile[MAX_NEST];                /* copies of each other loop; 1 = none */
    bool chunked, parted;              /* loops over chunks, over parts */
} Tile;

/* A loop over chunks or parts: it sets up a sum, loops, and adds it to the total. */
bool tile_sums_chunks(const Stmt *loop);
/* Replaces the nest by tiles; the new list. NULL if it cannot be done. */
Stmt *tile_build(Tile *t);

#endif
