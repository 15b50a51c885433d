/* The driver: from entries' graphs to a program, pass by pass, in the table's order. */
#ifndef KILN_PASSES_PASS_H
#define KILN_PASSES_PASS_H

#include "ir/loop.h"

typedef struct {
    bool training;                     /* works on grads or state */
    int judged;                        /* as Entry's */
    int nin;
    const int *in;                     /* its inputs, by number in module->input, in order */
    bool stream;                       /* its state is the stream's */
} EntryInfo;

typedef struct Module {
    Arena *arena;                      /* lives with the module */
    Arena *temp;                       /* emptied after each pass */
    Pool *pool;
    Strs *strs;
    Diag *diag;
    const char *name;
    const Target *target;
    bool strict;
    int64_t batch;
    int threads;                       /* arena's scratch is planned for so many */
    int ngraph;
    Graph **graph;                     /* one for each entry */
    EntryInfo *info;                   /* beside graph */
    Block param, state, value, input;  /* declared by the front end, in order */
    Block stream;                      /* what the entry `stream` keeps from call to call */
    struct Schedule *schedule;         /* from `lower` on: each graph's launches */
    Program *program;                  /* from `plan` on */
    const char *pass;                  /* running now, for crash reports */
} Module;

typedef enum { ON_GRAPH, ON_KERNEL, ON_PROGRAM } PassOn;
typedef struct {
    const char *name;
    PassOn on;
    bool exact;
    bool needed;                       /* there is no program without it */
    const char *what;                  /* one sentence */
    bool (*graph)(Module *m, Graph **g);        /* ON_GRAPH: for each graph */
    bool (*kernel)(Module *m, Kernel *k);       /* ON_KERNEL: for each kernel */
    bool (*program)(Module *m);                 /* ON_PROGRAM: once */
} PassInfo;
#define PASS_ON_GRAPH(f) bool f(Module *m, Graph **g);
#define PASS_ON_KERNEL(f) bool f(Module *m, Kernel *k);
#define PASS_ON_PROGRAM(f) bool f(Module *m);
#define PASS(id, kind, ...) PASS_ON_##kind(pass_##id)
#include "passes/passes.def"
extern const PassInfo pass_info[];
extern const int pass_count;

typedef struct {
    const char *only_off;              /* comma-separated passes not to run, none of
                                          them needed; may be NULL */
    const char *dump;                  /* after these passes ("all"), to `out` */
    FILE *out;
    bool verify;                       /* after each pass; a fault is a bug */
    bool timing;
} PassOptions;
/* An ON_GRAPH row on a graph, then on the bodies of its scans. */
bool pass_graph(Module *m, const PassInfo *pass, Graph **g);
/* All rows in order. NULL program only after a reported error. */
bool passes_run(Module *m, const PassOptions *o);

/* Reverse mode (grad.c): d/d wrt of the sum of y*seed (seed NULL node: y must have one
 * element, seed is 1) as new nodes of g, in normal form. {NULL} where zero. */
void graph_gradient(Graph *g, int ny, const Ref *y, const Ref *seed, int nwrt,
                    const Ref *wrt, Ref *grad);

/* Streaming (stream.c): from the graph of a whole sequence to that of its next steps. What
 * is kept from call to call are leaves N_STATE and results TO_STATE; zeros start it. */
typedef struct {
    Loc loc;                           /* where nothing better is known */
    int64_t time;                      /* steps of the whole sequence */
    int64_t steps;                     /* of a call */
    int ninput;                        /* the inputs that run with time, and along which dim */
    const char *const *input;
    const int *dim;
    int64_t limit;                     /* out: most steps in all; 0: any number */
    int nslot;
    Slot *slot;                        /* out: the state, names and types */
} Stream;
Graph *graph_stream(const Graph *whole, Stream *s);         /* NULL: errors reported */

/* Offsets for buffers with lifetimes (plan_offsets.c), used by `plan` and tested on its own. */
typedef struct { int64_t lower, upper, size, offset; } Life; /* lives in [lower, upper) */
/* Best of greedy-by-size and best-fit; returns the arena's size. */
int64_t plan_offsets(Arena *temp, int n, Life *life, int64_t align);
int64_t plan_bound(Arena *temp, int n, const Life *life);   /* largest sum alive at once */

#endif
