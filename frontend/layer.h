/* Layers: rows of layers.def, and the one builder that turns a row into ops. */
#ifndef KILN_FRONTEND_LAYER_H
#define KILN_FRONTEND_LAYER_H

#include "frontend/value.h"

typedef struct {
    const char *name, *inputs, *options, *params, *checks, *body, *help;
} LayerRow;

extern const LayerRow layer_rows[];
extern const int layer_row_count;
const LayerRow *layer_find(const char *name);          /* NULL: there is none */
const char *layer_part(const char *name);              /* the statements of a PART */
/* An op of the op table as a layer; NULL: there is none. */
const LayerRow *layer_of_op(Arena *a, const char *name);
/* One option of a row: "kernel! pair >=1 = 2". */
typedef struct {
    const char *name;
    bool main;
    ValueType type;
    const char *def;                   /* NULL: required; "~": absent is allowed; see
                                          layers.def */
} LayerOption;
/* The next one of row->options; false: no more. */
bool layer_row_option(Arena *a, const char **at, LayerOption *o);
/* What a value stands for that is given in place of the options; NULL: nothing. */
const char *layer_main(Arena *a, const LayerRow *row);
/* Reports an unknown layer; `extra` are names of the user's blocks. */
bool layer_unknown(Arena *a, Loc loc, const char *name, int nextra, const char **extra);

/* How a parameter starts: uniform in [a, b), normal with mean a and deviation b, or a. */
typedef struct {
    enum { INIT_UNIFORM, INIT_NORMAL, INIT_CONSTANT } kind;
    double a, b;
} Init;

/* What a row is run with: names for numbers, lists of numbers, words and tensors. */
typedef struct Build Build;
typedef struct { const char *name; Ints list; } NamedList;
typedef struct { const char *name, *word; } NamedWord;
typedef struct { const char *name; Ref ref; } NamedRef;
typedef struct RowScan RowScan;
typedef struct LayerCell LayerCell;
typedef struct Macro {
    Build *build;
    Arena *arena;
    Graph *graph;                      /* inside a scan, its body */
    RowScan *scan;                     /* the scan that is open; NULL: none */
    const LayerRow *row;
    const LayerCell *cell;             /* the layer and direction that `cells` is at */
    Loc loc;                           /* of the layer in the file */
    const char *where;                 /* "linear 'fc2'", leads in messages */
    const char *path;                  /* "repeat.0.fc2": prefix of parameters */
    Scope numbers;
    int nlist, nword, nref, nin;
    NamedList *list;
    NamedWord *word;
    NamedRef *ref;
    const Ref *in;                     /* the layer's inputs */
    const Tree *init;                  /* checked; NULL: default */
    const Scope *scope;                /* the user's names, for `init` */
    const char *tied;                  /* path of the layer whose parameters are used */
    bool shares;                       /* it does use one of them */
    bool frozen;                       /* trainable: false */
} Macro;

void macro_number(Macro *m, const char *name, double v);
void macro_ref(Macro *m, const char *name, Ref r);
Ref macro_find(const Macro *m, const char *name);      /* {NULL}: there is none */
/* Brings options into the form of a map with known keys; those in `common` (up to NULL) are
 * left to the caller. */
bool macro_open(Macro *m, const LayerRow *row, Tree *options, const char *const *common);
/* Reads the options, adds defaults to the map, and binds their names; without inputs they
 * are only checked. */
bool macro_options(Macro *m, const LayerRow *row, Tree *options, const Scope *scope);
/* Binds the inputs and their extents as the row's `inputs` says. */
bool macro_inputs(Macro *m, const LayerRow *row, int n, const Ref *in);
/* The next input of a row that an option of its name names; NULL: no more. Its text goes to
 * *item, if that is not NULL, and from there to macro_named, which binds it. */
const char *named_input(Arena *a, const char **at, const char **item);
bool macro_named(Macro *m, const char *item, Ref r);
bool macro_params(Macro *m, const LayerRow *row);
/* Those checks that are about weights, or the others. */
bool macro_checks(Macro *m, const char *checks, bool weights);
bool macro_body(Macro *m, const char *body, Ref *out);  /* the value of `o`, else the input */

/* Text of rows: the next part before `sep` outside brackets, trimmed; NULL at the end. */
char *row_part(Arena *a, const char **at, char sep);
/* Cuts " ? condition" off a part and says whether it holds. */
/* An error, and where the inputs come from. */
bool macro_fault(Macro *m, const char *message);
bool row_holds(const Macro *m, char *part);
double row_number(const Macro *m, const char *text);
Ints row_list(const Macro *m, const char *text, bool batch);    /* "[n, c, 1^2, x[1:]]" */
/* An op with errors in terms of the layer; {NULL}: reported. */
Ref macro_op(Macro *m, const char *op, int nsrc, const Ref *src, int nattr,
             const Attr *attr);

/* build.c: the leaf of a parameter or state of this layer, declared when first asked for.
 * role: weight, bias, normal, ones, zeros, state. */
Ref build_param(Build *b, Macro *m, const char *key, const Type *t, const char *role,
                double value);
Ref build_rng(Build *b);
void build_state(Build *b, const Macro *m, const char *key, Ref r);
bool build_range(Build *b, Macro *m, Ref input, int64_t lo, int64_t hi);
/* carry.c: a state that the layer carries from batch to batch. *start ({NULL}: zeros) becomes
 * what it starts from, where the mode carries; `end` is what it ends with. */
bool build_carried(Build *b, Macro *m, const char *state, const Type *t, Ref *start);
void build_carry(Build *b, const Macro *m, const char *state, Ref end);
/* Row `row` of a parameter of this layer starts as 0. */
void build_blank(Build *b, const Macro *m, const char *key, int64_t row);
void build_standardize(Build *b, const Macro *m, const char *mean, const char *std, int axis);
void build_note(Build *b, Ref r, int number);          /* where a layer's input comes from */

#endif
