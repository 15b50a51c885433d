/* Interning of graph nodes and the checks of scans; for graph*.c alone. */
#ifndef KILN_IR_NODE_H
#define KILN_IR_NODE_H

#include "ir/scan.h"

struct NodeTable *node_table(Arena *a);
/* The node of g that equals key, or a deep copy of key, appended. The origins are added to
 * those of the node. */
Node *node_intern(Graph *g, const Node *key, const Origin *from);
/* Sources and scans count by node number, so nodes of two graphs can be compared. */
bool node_equal(const Node *a, const Node *b);

/* NULL if body, sources and counts fit each other, else what does not. */
const char *scan_check(Arena *a, const Scan *s, int nsrc, const Ref *src);

/* How nodes are spelled in text; the reader and the printer share it. */
extern const char *const leaf_word[N_CONST];       /* "input", "param" ... */
extern const char *const result_word[TO_GRAD + 1]; /* "output", "param" ... */

#endif
