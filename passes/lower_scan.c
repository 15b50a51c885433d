/* Scans: a loop of launches around the kernels of the body. */
#include "passes/lower.h"

void lower_scan(Module *m, const Graph *g, const Node *n, Schedule *s) {
    (void)m;
    (void)g;
    (void)s;
    bug("scan '%s' reached lowering", n->name ? n->name : "");
}
