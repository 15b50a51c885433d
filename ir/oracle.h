/* The oracle: what a graph means, computed point by point, sharing nothing with lowering.
 *
 * f32 runs give the bits that strict code gives: every fold in the canonical order of
 * eq.h, defined functions by their definition over primitives. Wide runs hold f32 tensors
 * as doubles, round nothing to f32 and take defined functions from the C library; integers
 * are the same in both. Scatters go in the order of their points, argsort is stable with
 * NaN as the largest. A fold's first winner (argmax, argmin) is the lowest numbered term
 * that no other beats; a NaN beats all but a NaN; 0 where nothing beats the identity. */
#ifndef KILN_IR_ORACLE_H
#define KILN_IR_ORACLE_H

#include "ir/graph.h"

typedef struct {
    Arena *arena;                      /* of the results */
    bool wide;
    Loc loc;                           /* where errors are reported */
} OracleOptions;

typedef struct {
    NodeKind kind;                     /* the leaf's kind; not used in results */
    const char *name;
    Type type;                         /* extents of this call, none is the batch. Wide:
                                          floats are F64 in results, either in inputs */
    void *data;                        /* row-major */
} OracleTensor;

/* Runs g with a batch of n on the leaves' values; those that no result needs may be left
 * out. out[i] is g->result[i]. False and an error at o->loc where a leaf is missing or
 * has another type, where an index read from a tensor leads out of another, where a read
 * leaves its operand, or where an equation that is no scatter stores an element twice. */
bool oracle_run(const Graph *g, const OracleOptions *o, int64_t n, int nin,
                const OracleTensor *in, OracleTensor *out);

#endif
