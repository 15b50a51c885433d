/* Kernels as they come out of `lower`, with what their arguments stand for. */
#ifndef KILN_PASSES_LOWER_H
#define KILN_PASSES_LOWER_H

#include "passes/pass.h"

/* One launch of a kernel, or the borders of a scan's loop. */
typedef struct { int64_t offset, stride; } Turn;   /* bytes: at the first turn, and per turn */
typedef struct {
    CallKind kind;
    Kernel *kernel;
    int narg;                          /* one for each BUF_ARG, in order */
    Ref *arg;
    Turn *turn;                        /* beside arg: where in it; NULL: all of it */
    int64_t times;                     /* C_LOOP */
} Launch;

typedef struct Schedule { int n; Launch *launch; } Schedule;

/* State while one kernel is built. */
typedef struct {
    const Node *node;
    int nloop;                         /* free indices, each a loop */
    const Ix *at[MAX_RANK * 4];        /* and what it is there */
    int var;                           /* local that holds the result, or -1 */
    bool preset;                       /* declared before the guard around its value */
    int local, local_from;             /* BUF_LOCAL of dims >= local_from, or -1 */
    int64_t stride;                    /* of dim local_from, if it counts from the block's
                                          start; else 0 */
    int out[2];                        /* BUF_ARG of each result that leaves, or -1 */
    bool used[2];                      /* result is wanted by anyone */
} Made;

typedef struct {
    Module *m;
    const Graph *g;
    const uint32_t *first;             /* by node: place of its first result */
    const bool *leaves;                /* by place: is it read outside of its kernel? */
    Pool *p;
    Arena *a;
    Kernel *k;
    int nmade;
    Made *made;
    int narg;
    Ref *arg;                          /* of each BUF_ARG */
    int *arg_buf;                      /* and its buffer */
    Band band;                         /* of the kernel; .id 0: none */
    int sums;                          /* loops of the band that some node sums over */
    const Ix *base;                    /* first turn of the block */
    const Ix *at[MAX_RANK * 4];        /* the free indices of what was lowered last */
    int depth;                         /* open loops */
    Stmt **tail[MAX_RANK * 4 + 2];     /* where the next statement goes, by depth */
} Lower;

/* Row-major address of an element of t, from dim `from` on. */
const Ix *lower_flat(Pool *p, const Type *t, int from, const Ix *const *sub);
/* The same in the local buffer of what is made here. */
const Ix *lower_local(Lower *l, const Made *m, const Ix *const *sub);
void lower_put(Lower *l, Stmt *s);     /* appends at the innermost open loop */
/* Expression and index of a node in kernel terms: flat addresses, guards moved to the
 * reads, defined functions expanded. map: index -> loop expression. */
const Ix *lower_ix(Lower *l, const Node *n, const Ix *x, const Ix *const *map);
Cond lower_cond(Lower *l, const Node *n, Cond c, const Ix *const *map);
const Expr *lower_expr(Lower *l, const Node *n, const Expr *e, const Ix *const *map);
/* Puts what the value uses more than once, and what nests deeply, into locals. */
const Expr *lower_share(Lower *l, const Expr *e);
int lower_let(Lower *l, const Expr *value);        /* a new local */
const Expr *lower_var(Lower *l, int v);
/* A loop around what follows, until lower_close(l, 1). Returns its variable. */
int lower_open(Lower *l, LoopKind kind, const Ix *lo, const Ix *hi, int64_t step);
void lower_close(Lower *l, int n);
const Ix *lower_extent(Lower *l, Dim d);
/* Reduction of a node's body in canonical order. Result: value, and the winner's number
 * in *arg (arg results). map is complete for free indices, filled for reduced ones. */
const Expr *lower_reduce(Lower *l, const Node *n, const Ix **map, const Expr **arg);
/* Opens the loops of the free indices that are not open yet. */
void lower_free(Lower *l, Made *m, const Ix **map);
/* Bands (lower_band.c). Open statements that hold what shares so many loops. */
int lower_depth(const Lower *l, int loops);
void lower_blocks(Lower *l, Dim e);                /* opens the loop over blocks */
/* Turns from l->base to the block's end, where the blocked loop has extent e. */
const Ix *lower_block_turns(Lower *l, Dim e);
/* Where the loop over index i of n ends: at `end`, or where no more of the row is needed. */
const Ix *lower_row_end(Lower *l, const Node *n, int i, const Ix *end);
/* The terms of the band's block, one by one, onto local acc. */
void lower_block(Lower *l, const Node *n, const Ix **map, int acc);
void lower_sum(Lower *l, Made *m);                 /* a sum over the band's last loops */

/* Does the node only rename the bytes of its source? Such nodes have no kernel. */
bool lower_is_view(const Graph *g, const Node *n);
Ref lower_base(const Graph *g, Ref r);             /* whose bytes r names */
void lower_graph(Module *m, const Graph *g, Schedule *s);
Launch lower_argsort(Module *m, const Graph *g, const Node *n);
void lower_scan(Module *m, const Graph *g, const Node *n, Schedule *s);
/* A launch of n, for which fuse_update holds, on the slot itself. */
Launch lower_update(Module *m, const Graph *g, Node *n);
Kernel *lower_copy(Module *m, const Type *t);      /* its second argument becomes the first */

/* May argument `read` live in the bytes of argument `write`? Then they may overlap from
 * now on. For scalar loops: asked before they are tiled. */
bool plan_share(Kernel *k, int read, int write);

#endif
