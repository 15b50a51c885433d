/* Model: what a YAML file becomes, and what train/ builds programs from. */
#ifndef KILN_FRONTEND_MODEL_H
#define KILN_FRONTEND_MODEL_H

#include "frontend/tree.h"
#include "ir/graph.h"

/* A number of steps, of epochs, or a part of all steps (`100 steps`, `2 epochs`, `5%`). */
typedef struct {
    double n;                          /* UNIT_PART: 0..1 */
    enum { UNIT_STEPS, UNIT_EPOCHS, UNIT_PART } unit;
} Span;

/* One set of examples: a CSV file, a pair of IDX files, a text, or sentences of word/tag;
 * NULL where not given. Relative paths start at the directory of the model file. */
#define DATA_FILES(X) X(csv) X(images) X(labels) X(text) X(tagged)
#define DATA_FILE(name) const char *name;
typedef struct { DATA_FILES(DATA_FILE) } DataFiles;
#undef DATA_FILE
bool data_given(const DataFiles *f);   /* examples of some kind */
typedef struct { int n; const char **item; } Words;
typedef struct { double size; bool last; } Part;       /* 0..1, of the last rows or any */

/* The sections beside `model`, every default filled in; see schema.def. */
typedef struct Settings {
    int64_t version;
    const char *name;                  /* the model's, prefix of everything in C */
    struct {
        DataFiles train, valid, test;
        Part part;                     /* of `train` to validate on; size 0: none */
        bool shuffle;                  /* a new order in each epoch; else the files' */
        Words target, columns;         /* CSV: label columns; all columns in order */
        struct {                       /* CSV: rows in turn; past 0: none */
            int64_t past, stride;
            int64_t future;            /* rows behind the past that are the label, or 0: */
            int64_t ahead;             /* the label has the row so many behind each */
            Words of;                  /* columns whose future is the label */
        } window;
        const char *tokens;            /* text: "chars", "bytes" */
        int64_t stride;                /* text: from one example to the next; 0: default */
        int64_t min_count;             /* tagged: rarer words are unknown */
        bool lower;                    /* tagged: words in lower case */
    } data;
    struct {
        bool given;                    /* the file has a `train` section */
        int64_t batch, epochs, seed;
        int64_t steps;                 /* instead of epochs; 0: epochs hold */
        const char *optimizer;         /* "sgd", "adam", "adamw" */
        double lr, momentum, dampening, weight_decay, betas[2], eps;
        bool nesterov;
        const char *schedule;          /* "constant", "cosine", "linear", "step" */
        Span warmup;                   /* linear, from 0; every schedule has it */
        double floor;                  /* cosine, linear: learning rate at the end */
        Span every;                    /* step: lr *= gamma once in so many */
        double gamma;
        Span validate;                 /* from one validation to the next; 0: default */
        const char *stop_metric;       /* "valid.loss" ...; NULL: no early stop */
        int64_t patience;              /* validations without improvement */
        double min_delta;
        double clip_norm, clip_value;  /* 0: off */
        Words metrics;                 /* "accuracy", "mae", "mse" */
    } train;
    struct { int64_t samples; Words report; } predict;
    struct {
        bool stream;                   /* an entry that takes the sequence step by step */
        int64_t chunk;                 /* steps of a call */
        int64_t max;                   /* steps that are kept at most; 0: the input's */
        int64_t axis;                  /* of the first input: time */
    } deploy;
} Settings;

/* A tensor of the model's interface or memory, in the order of first use. */
typedef struct {
    const char *name;                  /* "image", "conv2d.weight", "batch_norm.running_var" */
    Type type;                         /* input and output: dim[0] is the batch */
    Loc loc;
    bool trainable;                    /* parameters */
    int64_t blank;                     /* parameters: this row, from 1, starts as 0; 0: none */
    bool ranged;                       /* integer input: lo <= each element < hi */
    int64_t lo, hi;
    bool judged;                       /* carry: of the entry loss */
    bool ignores;                      /* label: elements that are `ignored` do not count */
    int64_t ignored;
} ModelTensor;
typedef struct { int n; ModelTensor *item; } ModelTensors;

typedef struct { const char *name, *of; } Tied;        /* parameter names: copy, original */

/* A `standardize` layer: train/ fills both states from the training data. */
typedef struct { const char *mean, *std; int axis; } Standardize; /* axis of its input */

typedef struct {                       /* a line of `check --summary` */
    const char *path, *type;           /* "repeat.0.linear", "linear" */
    Type out;
    int nparam;                        /* its parameters are param[first_param ...] */
    int first_param;
    Loc loc;
} LayerInfo;

typedef struct Model {
    Arena *arena;
    Pool *pool;
    Strs *strs;
    Diag *diag;
    const Source *source;
    const Tree *tree;                  /* with every default: what `check --resolved` prints */
    Settings set;
    int64_t batch;                     /* upper bound B */
    bool strict;
    ModelTensors input, output, param, state; /* output: after `as` */
    ModelTensors carry;                /* states that layers carry from batch to batch */
    ModelTensors label;                /* "target", or "target.<output>" if several; empty
                                          without a loss */
    int ntied;
    Tied *tied;
    int nstandardize;
    Standardize *standardize;
    int nlayer;
    LayerInfo *layer;
    bool random;                       /* `sample` differs from `forward` */
    struct Build *build;               /* private to build.c */
} Model;

typedef struct {
    const char *path;                  /* as the user gave it, in messages too */
    const char *text;                  /* NULL: read the file */
    size_t size;
    int nset;
    const char *const *set;            /* "a.b.c=value", as for --set */
    int64_t batch;                     /* B; 0: train.batch if training, else 1 */
    bool training, strict;
} ModelOptions;

/* NULL: errors reported. Everything, loss included, has been built once by then, so that
 * the functions below cannot fail. */
Model *model_load(Arena *a, Diag *d, const ModelOptions *o);

typedef enum {
    MODE_EVAL,                         /* forward */
    MODE_JUDGE,                        /* loss: the same, with carried states */
    MODE_TRAIN,                        /* grad, step: batch statistics, dropout, new state */
    MODE_SAMPLE                        /* sample: dropout only */
} Mode;

/* The network in a new graph named `entry`. No results are set but those TO_STATE: in
 * MODE_TRAIN running statistics, there and in MODE_JUDGE carried states. The run-time value `rng` (u32[4]) is read where
 * there is randomness. */
typedef struct {
    Graph *graph;
    Ref *input, *param, *state, *label;    /* leaves, as in Model; {NULL}: not read */
    Ref *raw;                          /* outputs before `as` */
    Ref *output;                       /* outputs after `as` */
    Ref loss;                          /* f32, rank 0, mean over the batch; {NULL}: none */
    Ref *metric;                       /* f32, rank 0, as in set.train.metrics; mean over
                                          the batch; {NULL} where there is no loss */
    Ref *standardize;                  /* inputs of the standardize layers */
} ModelGraph;
ModelGraph *model_graph(Model *m, const char *entry, Mode mode);

/* The dim of an input of this type that is time, as deploy.stream says; -1: none. */
int model_time(const Model *m, const Type *t);
/* The same graph in MODE_EVAL for a sequence of so many steps, without a loss. NULL, and
 * errors, where the model does not allow that. */
ModelGraph *model_stretched(Model *m, const char *entry, int64_t steps);

/* The entry `init`: every parameter and state (TO_PARAM, TO_STATE) from `rng`. */
Graph *model_init(Model *m);
/* Adds results to g: the carried states of training, or of judging, begin again. */
void model_reset(const Model *m, Graph *g, bool judged);

#endif
