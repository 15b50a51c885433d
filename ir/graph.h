/* Graph IR: equations over tensors. Nodes are immutable, interned, and stand in
 * construction order, which is a topological order. */
#ifndef KILN_IR_GRAPH_H
#define KILN_IR_GRAPH_H

#include "ir/eq.h"

typedef enum {
    N_INPUT,                           /* argument of the entry, by name */
    N_PARAM,                           /* trained tensor */
    N_STATE,                           /* slot kept between calls: statistics, optimizer */
    N_VALUE,                           /* run-time value in the context: rng, lr, step */
    N_CONST,                           /* data known at compile time */
    N_EQ,
    N_SCAN,                            /* body graph run `steps` times */
    N_ARGSORT                          /* the one extern op: i32 order of the last dim */
} NodeKind;

typedef struct Node Node;
typedef struct Graph Graph;
typedef struct { Node *node; int res; } Ref;

typedef struct Origin {                /* where a node comes from, and the user's names */
    Loc loc;
    const char *name;                  /* layer's path, or NULL */
    const char *what;                  /* layer's type, "loss", "adam" ...: a bare word */
    const struct Origin *next;
} Origin;

/* A scan runs its body with N_INPUT nodes named c0.. (carries), x0.. (slice t of stacked
 * operands), w0.. (whole operands). Body outputs: new carries, then per-step results.
 * Sources: ncarry starts, nstack stacked [T,...], then whole ones. Results: the last
 * carries, then stacked [T,...]. The time axis of stacked tensors is dim 0. */
typedef struct {
    Graph *body;
    int ncarry, nstack, nwhole, nout;
    int64_t steps;
    bool reverse;                      /* t runs from steps-1 down to 0 */
} Scan;

/* Nodes of one band are one kernel: nests of loops, one after the other, for each block of
 * the last of `loops` leading free indices. What is computed again is a twin in another
 * band. */
typedef struct {
    int id;                            /* 0: none */
    int loops;
    int64_t block;
    int sums;                          /* so many of the last loops are its reduced indices:
                                          a sum that grows in memory from block to block */
    int row;                           /* reach > 0: index along the rows, or -1. Of a row no */
    int64_t reach;                     /* more is needed than up to the block's end: so many
                                          places to one of this index */
} Band;

struct Node {
    NodeKind kind;
    uint32_t id;                       /* place in graph->node */
    int nres;
    Type type[2];                      /* N_SCAN: see scan_type */
    const Type *types;                 /* of all results (points to type, or more) */
    int nsrc;
    const Ref *src;
    const Eq *eq;                      /* N_EQ */
    const Scan *scan;                  /* N_SCAN */
    bool descending;                   /* N_ARGSORT; NaN counts as the largest */
    const char *name;                  /* INPUT PARAM STATE VALUE, interned */
    const void *data;                  /* N_CONST: packed elements, row-major */
    const Origin *origin;
    Band band;                         /* N_EQ; its id tells twins apart */
    /* set by passes */
    int kernel;                        /* fuse: kernel number in this graph, -1 before */
    int share;                         /* fuse: leading free loops shared with the node
                                          before it in the kernel */
    int nest;                          /* fuse: which of a band's nests, 0 first */
};

typedef struct {                       /* an entry's line: result -> output | slot */
    enum { TO_OUTPUT, TO_PARAM, TO_STATE, TO_GRAD } to;
    const char *name;
    Ref ref;
} Result;

struct Graph {
    Arena *arena;
    Pool *pool;
    Strs *strs;
    const char *name;                  /* the entry: "forward", "step" ... */
    int64_t batch;                     /* upper bound B of the batch */
    int nnode;
    Node **node;
    int nresult;
    Result *result;
    bool strict;                       /* float mode of the program */
    struct NodeTable *table;           /* interning */
    const Origin *origin;              /* given to nodes made from now on */
};

Graph *graph_new(Arena *a, Pool *p, Strs *s, const char *name, int64_t batch);
const Type *ref_type(Ref r);
bool ref_equal(Ref a, Ref b);
Ref graph_leaf(Graph *g, NodeKind k, const char *name, const Type *t);
Ref graph_const(Graph *g, const Type *t, const void *data);
Ref graph_number(Graph *g, DType t, double v);          /* rank-0 constant */
/* Node from an equation; drops operands that are not read, merges equal ones, and numbers
 * the rest in the order of reading. */
Ref graph_eq(Graph *g, const Eq *e, const Type *result, int nsrc, const Ref *src);
Ref graph_eq_in(Graph *g, Band band, const Eq *e, const Type *result, int nsrc,
                const Ref *src);       /* in a band */
/* Several results: a scan; argsort. Result k is {node, k}. */
Node *graph_scan(Graph *g, const Scan *s, int nsrc, const Ref *src);
Ref graph_argsort(Graph *g, Ref x, bool descending);   /* stable */
/* An op of the table: {NULL} and an error at loc if sources or attributes do not fit. */
Ref graph_op(Graph *g, Loc loc, const char *op, int nsrc, const Ref *src, int nattr,
             const Attr *attr);
/* Row text given in place: equations with ';' between, of which later ones read the results
 * of earlier ones by name. `out`: last result's dtype, NDTYPE = that of the body. Operand
 * names are A, B, C, ... in the order of src. Errors are bugs: for our own use. */
Ref graph_text(Graph *g, const char *eq, int nsrc, const Ref *src, int nattr,
               const Attr *attr, DType out);
/* The same where a fault may be the user's: {NULL} and an error at loc. */
Ref graph_equation(Graph *g, Loc loc, const char *eq, int nsrc, const Ref *src, int nattr,
                   const Attr *attr, DType out);
void graph_result(Graph *g, int to, const char *name, Ref r);

/* Copies node n with sources map[id][res] into g (rebuild, never edit). */
Node *graph_copy(Graph *g, const Node *n, Node *const *map);
Node *graph_with(Graph *g, const Node *n, const Ref *src); /* n with these sources, of g */
Ref *graph_sources(Arena *a, const Node *n, Node *const *map, int room); /* by map, and room */
/* Rebuilding g as a whole: an empty graph of its name; then its results by map[old id]. */
Graph *graph_like(const Graph *g);
void graph_results(Graph *made, const Graph *old, Node *const *map);
/* Both, with every node in order: what `with` makes of it, or a copy where that is NULL. */
typedef Node *NodeWith(Graph *made, const Node *n, Node *const *map, void *user);
Graph *graph_rebuild(const Graph *old, NodeWith *with, void *user);
/* What results need, in order; others are dropped. */
Graph *graph_live(const Graph *g);

void graph_print(Text *out, const Graph *g);
Graph *graph_parse(Arena *a, Pool *p, Strs *s, Source *src); /* NULL: errors reported */
const char *graph_verify(Arena *a, const Graph *g);  /* NULL if sound, else what is not */

typedef struct {
    const char *name;
    const char *src;                   /* operand names, space between; '?' = optional */
    const char *attrs;                 /* "s=1 p=0 slope:f=0.01 shape:l" */
    const char *eq;
    const char *help;
} OpInfo;
extern const OpInfo op_info[];
extern const int op_count;
const OpInfo *op_find(const char *name);
/* The columns taken apart; both return how many. Names are not 0-terminated. */
enum { MAX_ATTRS = 16, MAX_SOURCES = 8 };
typedef struct {
    const char *name;
    size_t len;
    AttrKind kind;
    bool has_default;
    double value;                      /* the default */
} OpAttr;
typedef struct { const char *name; size_t len; bool optional; } OpSource;
int op_attrs(const OpInfo *o, OpAttr *out);
int op_sources(const OpInfo *o, OpSource *out);

#endif
