/* Bodies of scans, rebuilt: what simplify_scan.c and grad_scan.c share. */
#ifndef KILN_PASSES_SCAN_H
#define KILN_PASSES_SCAN_H

#include "ir/scan.h"
#include "passes/pass.h"

/* Rebuilds values of the body `from` in the body of a draft, as far as they are asked for.
 * What is the same at every step and costs something is computed outside, once. */
typedef struct Rebody Rebody;
typedef bool GivenFn(Rebody *b, Ref r, Ref *as);   /* is r a source of the new body? */
struct Rebody {
    ScanDraft *d;
    const Graph *from;
    const bool *varies;                /* by node of `from`, see scan_varies */
    const Ref *whole;                  /* the body's w0, w1.. in d->g */
    GivenFn *given;
    void *user;
    uint32_t *first;                   /* by node: place of its result 0 in `made` */
    Ref *made;                         /* in d->body; {NULL}: not yet */
    Ref *outside;                      /* in d->g, by node: its result 0 */
};
Rebody rebody_new(ScanDraft *d, const Graph *from, const bool *varies, const Ref *whole);
Ref rebody(Rebody *b, Ref r);
/* A value that does not vary, in the graph around the scan. */
Ref rebody_outside(Rebody *b, Ref r);

/* Nodes that may differ from step to step: they read carries or slices. */
bool *scan_varies(const Graph *body);
/* By node, the place of its result 0 when all results are numbered; [nnode] is how many. */
uint32_t *result_places(Arena *a, const Graph *g);

/* Scans over the same sources that step alike become one; results, carries and sources
 * that nobody needs are dropped. */
Graph *simplify_scans(Module *m, const Graph *g);

#endif
