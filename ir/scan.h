/* Scans taken apart and put together; see Scan in graph.h. */
#ifndef KILN_IR_SCAN_H
#define KILN_IR_SCAN_H

#include "ir/graph.h"

Type type_slice(const Type *stacked);              /* without dim 0 */
Type type_stack(const Type *slice, int64_t steps); /* with the time axis as dim 0 */
/* The body's input of that kind ('c', 'x', 'w') and number, or NULL. */
const Node *scan_input(const Scan *s, char kind, int number);
/* Kind and number of an input of a body: 'c', 'x' or 'w'. */
char scan_leaf(const Node *input, int *number);

/* A scan in the making: sources are given as tensors of the graph around it, and come back
 * as what the body reads. Nodes are then added to `body`. */
typedef struct {
    Graph *g, *body;
    int64_t steps;
    bool reverse;
    int n[3];                          /* carries, stacked, whole */
    Ref *src[3], *in[3];               /* outside, and in the body */
} ScanDraft;

ScanDraft scan_draft(Graph *g, int64_t steps, bool reverse);
Ref scan_carry(ScanDraft *d, Ref start);
Ref scan_stack(ScanDraft *d, Ref stacked);         /* the same source twice is one */
Ref scan_whole(ScanDraft *d, Ref whole);
/* The finished scan; next: each carry's new value, out: what is stacked. */
Node *scan_done(ScanDraft *d, const Ref *next, int nout, const Ref *out);

/* A tensor of one number. */
Ref graph_filled(Graph *g, const Type *t, double value);

#endif
