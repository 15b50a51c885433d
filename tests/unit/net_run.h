/* A random network, every entry of it: what the oracle says, and what backends say. */
#ifndef KILN_TESTS_NET_RUN_H
#define KILN_TESTS_NET_RUN_H

#include "codegen/exec.h"
#include "frontend/tensor.h"
#include "ir/oracle.h"
#include "net.h"
#include "train/program.h"

/* One call of an entry: the tensors before, and the results. */
typedef struct {
    const Graph *graph;
    int n;                             /* leaves before the call */
    OracleTensor *leaf;
    OracleTensor *want, *wide;         /* graph->nresult; wide: by doubles */
} Shot;

typedef struct {
    Arena *arena;
    Diag *diag;
    Model *model;                      /* strict */
    int batch;                         /* of the calls */
    int nshot;
    Shot *shot;                        /* init, forward, sample, loss, grad, step, step */
    Net net;
    uint64_t seed;
} NetCase;

/* Builds the network and asks the oracle. False: reported on stderr. */
bool net_open(NetCase *c, uint64_t seed, int limit, bool wide);
void net_close(NetCase *c);

typedef struct {
    Backend backend;
    const char *target;
    int threads;
    const char *cc, *cflags;           /* EXEC_C */
    int opt;                           /* EXEC_JIT */
} Way;
const char *way_text(Arena *a, const Way *w);

/* Runs all calls in one way; false if a bit differs from the oracle's. */
bool net_check(NetCase *c, const Way *w);
/* Fast mode: both ways must give the same bits. */
bool net_check_fast(NetCase *c, int n, const Way *w);
/* <dir>/<seed>.yaml, .py, .safetensors: the calls, with both of the oracle's results. */
bool net_write(NetCase *c, const char *dir);

#endif
