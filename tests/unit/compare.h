/* One graph, every way to compute it: the oracle in f32 against interpreter, C and JIT in
 * strict mode, bit for bit, and the oracle in f64 for size of error. */
#ifndef KILN_TESTS_COMPARE_H
#define KILN_TESTS_COMPARE_H

#include "codegen/exec.h"
#include "ir/oracle.h"
#include "passes/pass.h"

typedef struct {
    int n;                             /* batch of the call */
    uint64_t seed;                     /* of the leaves' values */
    int64_t index_bound;               /* integer leaves hold 0..index_bound-1 */
    bool special;                      /* +-0, ties, infinities, NaN, 1e4 among them */
    const char *target;                /* row of targets.def */
    Backend backend;
    const char *cc, *cflags;           /* EXEC_C */
    int threads;
    bool fast;                         /* fast mode: compared by error, not by bits */
    double tolerance;                  /* fast: of max|x - ref| / max|ref| */
} Compare;

/* True if equal; else what differs is printed to stderr. */
bool compare_graph(Arena *a, const Graph *g, const Compare *c);
/* The program of one graph, leaves as its blocks. NULL after an error. */
Program *compare_program(Arena *a, const Graph *g, const char *target, bool strict);
/* The same bits, where any NaN equals any NaN. Returns the first difference, or -1. */
int64_t compare_bits(DType t, const void *x, const void *y, int64_t count);
/* max|x - ref| / max|ref| of floats; infinite where one alone is no number. */
double compare_error(DType t, const void *x, const void *ref, int64_t count);

#endif
