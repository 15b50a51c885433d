/* Streaming: the graph of a whole sequence becomes that of its next steps; what the files
 * stream*.c share. */
#ifndef KILN_PASSES_STREAM_H
#define KILN_PASSES_STREAM_H

#include "passes/pass.h"

/* What is known of a tensor of the whole graph, by result_places. Time is counted in
 * steps of the input: a tensor's newest element after step t is number t + shift. */
typedef struct {
    uint32_t time;                     /* dims that run with time, as bits */
    bool late;                         /* has no such dim, but depends on the input so far */
    bool wanted;                       /* a result needs it */
    int own;                           /* the dim that is cut into steps; -1: none */
    int64_t shift;
    int64_t past;                      /* steps behind the newest that are read; 0: none */
    bool all;                          /* elements at any place are read */
    int64_t beyond;                    /* of a dim of `time` that is not own: elements from
                                          own element number + beyond on are `filler` */
    bool filled;                       /* ... and that is known */
    double filler;
    Ref step, kept;                    /* in the new graph: these steps' elements; all that
                                          are kept, these among them, element i in row
                                          i % rows */
    int64_t rows;
} Flow;

typedef struct {
    Stream *spec;
    const Graph *old;                  /* the whole sequence, see stream_prepare */
    const uint32_t *first;             /* by node of old: its place in flow */
    Flow *flow;
    Graph *g;                          /* the steps' */
    Ref position;                      /* steps before this call; {NULL}: not needed yet */
    bool failed;
} Streamer;

/* One read of an equation: of a value or inside a subscript. */
typedef struct { int slot, n; const Ix *const *sub; } EqRead;
typedef struct { int n; EqRead *item; } EqReads;
EqReads stream_reads(Arena *a, const Eq *e);

Flow *stream_flow(const Streamer *s, Ref r);
/* The free index that alone is the subscript of dim d of the result, or -1. */
int stream_index(const Node *n, int d);
/* sub as index + rest, with the bounds of rest; false if it is no such sum. */
bool stream_apart(Pool *p, const Eq *e, const Ix *sub, int index, int64_t *lo, int64_t *hi);
/* Reports what keeps a node from being streamed, at the place it comes from. */
void stream_fault(Streamer *s, const Node *n, const char *fmt, ...) PRINTF(3, 4);

/* A streamer of `old` in which `time` and `late` are known (stream_time.c). */
Streamer stream_new(Stream *spec, const Graph *old);
/* Indices of an equation that count time, as bits. */
uint64_t stream_indices(const Streamer *s, const Node *n);
/* stream_prepare.c: the graph in normal form, with what only moves data or depends on the
 * place in time alone computed where it is read. */
Graph *stream_prepare(Stream *spec, const Graph *whole);
/* stream_flow.c: fills in the rest of flow but the nodes. */
void stream_analyse(Streamer *s);
/* stream_future.c: is what an equation reads beyond its own time harmless? */
void stream_future(Streamer *s, const Node *n);
/* stream_eq.c: the steps' elements of an equation, in s->g. */
Ref stream_eq(Streamer *s, const Node *n);
const Ix *stream_position(Streamer *s, int slot);      /* as an integer */
Ref stream_position_ref(Streamer *s);

#endif
