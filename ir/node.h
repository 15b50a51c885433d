/* Interning of graph nodes and the checks of scans; for graph*.c alone. */
#ifndef KILN_IR_NODE_H
#define KILN_IR_NODE_H

#include "ir/graph.h"

struct NodeTable *node_table(Arena *a);
/* The node of g that equals key, or a deep copy of key, appended. The origins are added to
 * those of the node. */
Node *node_intern(Graph *g, const Node *key, const Origin *from);
/* Sources and scans count by node number, so nodes of two graphs can be compared. */
bool node_equal(const Node *a, const Node *b);

/* NULL if body, sources and counts fit each other, else what does not. */
const char *scan_check(Arena *a, const Scan *s, int nsrc, const Ref *src);
Type type_slice(const Type *stacked);              /* without dim 0 */
Type type_stack(const Type *slice, int64_t steps); /* with the time axis as dim 0 */
/* The body's input of that kind ('c', 'x', 'w') and number, or NULL. */
const Node *scan_input(const Scan *s, char kind, int number);

/* How nodes are spelled in text; the reader and the printer share it. */
extern const char *const leaf_word[N_CONST];       /* "input", "param" ... */
extern const char *const result_word[TO_GRAD + 1]; /* "output", "param" ... */

#endif
