/* What the files that write random networks share: choices, shapes, and layers in both
 * spellings. */
#ifndef KILN_TESTS_NET_GEN_H
#define KILN_TESTS_NET_GEN_H

#include "ir/type.h"
#include "net.h"

enum { NET_RANK = 4, NET_OPTIONS = 14 };

typedef struct { DType dtype; int rank; int64_t dim[NET_RANK]; } Shape; /* no batch */

typedef struct Tensor {                /* what `from` may name */
    char name[24], var[24];            /* in YAML, in Python */
    Shape shape;
} Tensor;

/* Layers that stand in one list of names: the top, a turn of repeat, a block. */
typedef struct Level {
    struct Level *up;
    char q[16];                        /* Python's variable for the prefix of names */
    int first;                         /* tensors from here on can be named */
    int ncount;
    struct { const char *type; int n; } count[64];
} Level;

typedef enum { KEEP_NOTHING, KEEP_SPACE, KEEP_SHAPE } Keep;    /* but the channels */

typedef struct Gen {
    uint64_t state;
    Text *yaml, *python;
    int indent, tab;                   /* of YAML; of Python */
    int left;                          /* layers that may still be written */
    int nvar, nname, nq;               /* made so far */
    int depth;                         /* of residual and repeat */
    int64_t batch, blank, most;        /* bound; ctc's; elements of a tensor at most */
    Level *level;
    int ntensor;
    Tensor tensor[200];
    int nblock;
    struct { char name[16]; int rank; bool defaults; } block[4];
    int64_t d;                         /* `let` */
    void (*layer)(struct Gen *g, Shape *x, Keep keep);     /* one of a list */
    const Tensor *from;                /* the next layer takes this one, not the current */
    bool name_next;                    /* the next layer gets a name */
    char last[40];                     /* the name of the layer before */
    const Tensor *lengths;             /* of sequences of so many steps; NULL: none */
    int64_t steps;
    char table[40];                    /* an embedding that a head may share */
    int64_t rows, columns;
} Gen;

typedef struct {                       /* an output: its name, the tensor's in both */
    char name[40], of[40], var[24];
    Shape shape;                       /* rank 0: not known */
} Output;

/* One layer: Python's keywords are YAML's options. */
typedef struct {
    const char *type;
    int n;
    struct {
        const char *key;
        char value[48], var[24];       /* var: Python's, where that is another */
        bool main;
    } option[NET_OPTIONS];
    char from[80], args[80];           /* "" and "x": the current tensor */
    char extra[40];                    /* options that only YAML has */
} Layer;

uint64_t net_draw(Gen *g);
int64_t net_below(Gen *g, int64_t n);                  /* 0 .. n-1 */
bool net_chance(Gen *g, int percent);
int64_t net_width(Gen *g, int64_t most);               /* 1, lanes and beside, primes */
int64_t shape_count(const Shape *s);

void net_line(Gen *g, const char *fmt, ...) PRINTF(2, 3);      /* of YAML */
void net_code(Gen *g, const char *fmt, ...) PRINTF(2, 3);      /* of Python */
void layer_option(Layer *l, bool main, const char *key, const char *fmt, ...) PRINTF(4, 5);
void layer_tensor(Layer *l, const char *key, const Tensor *t);
void layer_from(Layer *l, const char *const *name, const char *const *var, int n);
/* Writes the layer; `out` is its result, which `from` can name from then on. */
void layer_put(Gen *g, Layer *l, const Shape *out);
void net_tensor(Gen *g, const char *name, const char *var, const Shape *shape);
void net_user_name(Gen *g, char *out, size_t size);
/* The name that Kiln makes up for an unnamed layer. */
void net_auto_name(Gen *g, const char *type, char *out, size_t size);
void net_level(Gen *g, Level *l, const char *q);       /* enter */
void net_leave(Gen *g);

/* One layer of the table, chosen among those that fit. */
void net_any_layer(Gen *g, Shape *x, Keep keep);
void net_init_option(Gen *g, Layer *l);
void net_linear(Gen *g, Shape *x, int64_t units);
void net_conv(Gen *g, Shape *x, int64_t filters, bool same);
void net_flatten(Gen *g, Shape *x);
void net_global_pool(Gen *g, Shape *x);
void net_word(Gen *g, const char *type, Shape *x);     /* without options or new shape */

/* Lists of layers: what they share, and one that is chosen for the kind of network. */
void net_blocks(Gen *g);
void net_layers(Gen *g, Shape *x, int n, Keep keep);
void net_input(Gen *g, const char *name, const Shape *s, bool batch);
void net_vector(Gen *g, Shape *x, int64_t units);

/* Layers of [time, features]. */
typedef struct { const char *type; int layers, ways; int64_t units, out; } Cell;
typedef struct {
    const Tensor *from[3];             /* [0] NULL: the current tensor */
    const Tensor *lengths, *mask;
    int64_t heads;                     /* 0: any */
} Attention;
Cell net_any_cell(Gen *g, const Shape *x, Keep keep);
/* `start`: none, h0, or h0 and c0. */
void net_cell(Gen *g, const Cell *c, Shape *x, bool last, const Tensor *lengths,
              const Tensor *const start[2]);
const Tensor *net_cell_end(Gen *g, const Cell *c, const char *state);  /* of the one before */
void net_attention(Gen *g, Shape *x, const Attention *a);
void net_conv1d(Gen *g, Shape *x, Keep keep);
void net_gated(Gen *g, Shape *x, Keep keep);
const Tensor *net_named(Gen *g, Shape *x);             /* the current tensor, with a name */
void net_any_step_layer(Gen *g, Shape *x, Keep keep);
void net_sequence(Gen *g);             /* a whole model of sequences */

void net_outputs(Gen *g, int n, Output *out);          /* names them */
void net_training(Gen *g, int n, const Output *out);

#endif
