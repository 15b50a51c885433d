/* The gradient of a scan: a reversed scan over stacked results. */
#include "passes/grad.h"

void grad_scan(Grad *gr, const Node *n) {
    (void)gr;
    bug("the gradient of scan %u", n->id);
}
