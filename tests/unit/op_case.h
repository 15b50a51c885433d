/* The rows of op_cases.def as graphs, and values for their operands. */
#ifndef KILN_TESTS_OP_CASE_H
#define KILN_TESTS_OP_CASE_H

#include "ir/oracle.h"

typedef struct {
    const char *op;                    /* of the table, or equations if it has a '=' */
    const char *with;                  /* operands and attributes */
    int64_t bound;                     /* integers are 0..bound-1; 0: any */
    double lo, hi;                     /* of FILL_SMOOTH; both 0: off kinks near 0 */
} OpCase;
extern const OpCase op_case[];
extern const int op_case_count;

enum { OP_CASE_BATCH = 5, OP_CASE_LEAVES = 8 };

/* Result 0 is y. Where y is a float, the last leaf weighs it, and result 1 + k is the
 * gradient of sum(y*weight) by leaf of[k]; a float leaf that is not there has none. */
typedef struct {
    Graph *graph;
    int nleaf;
    const Node *leaf[OP_CASE_LEAVES];
    int of[OP_CASE_LEAVES];
} OpGraph;
/* Inputs' names start with the graph's. False after an error. */
bool op_case_build(Arena *a, Pool *p, Strs *s, Diag *d, const OpCase *c, const char *name,
                   OpGraph *out);

typedef enum {
    FILL_PLAIN,                        /* about -2 .. 2 */
    FILL_ODD,                          /* also +-0, ties, denormals, +-100, +-1e4 */
    FILL_WILD,                         /* also infinities and NaN, few */
    FILL_SMOOTH                        /* doubles, off kinks and ties */
} Fill;
/* The leaf's values for a batch of n. */
OracleTensor op_case_values(Arena *a, const OpCase *c, const Node *leaf, int n, Fill f,
                            uint64_t seed);

#endif
