/* Build: what stands between the tree and the graphs; for the files that build alone. */
#ifndef KILN_FRONTEND_BUILD_H
#define KILN_FRONTEND_BUILD_H

#include "frontend/layer.h"
#include "frontend/schema.h"

typedef struct {                       /* something that a name stands for */
    const char *path;                  /* interned */
    const char *type;                  /* "linear", "input" */
    Loc loc;
    Ref ref;                           /* {NULL}: its layer had an error */
    bool used;
    bool part;                         /* of the layer before the dot: "lstm.h" */
    bool closed;                       /* inside a scan that is built: not to be named */
} Named;

/* What a layer is written as: a bare word or a map of one. */
typedef struct {
    const char *type;
    Tree *options;
    Loc loc;                           /* of the word */
    const char *name;                  /* the user's, or made up */
    const char *path;
    const char *where;
} Spec;

/* Where layers stand: a prefix of names, numbers, and how often a name was given here. */
typedef struct Place {
    const struct Place *up;
    const char *prefix;                /* "", "repeat.0." */
    const Scope *scope;
    const struct Tree *block;          /* the block that is being used, or NULL */
    int ncount;
    struct Count { const char *type; int n; } *count;
} Place;

struct Build {
    Model *m;
    Arena *arena;
    Scope let;
    Tree *root;
    bool declare;                      /* the first time: the model's lists are filled */
    Init *init;                        /* of m->param, then of m->state */
    int ninit, nstate_init;
    Init *state_init;
    bool failed;
    int errors;                        /* reported before this model */
    /* the graph being built */
    Mode mode;
    int64_t max;                       /* extent of time in place of the input's; 0: that */
    Graph *g;                          /* inside a scan, its body */
    struct BuildScan *scan;            /* the innermost that is open; NULL: none */
    ModelGraph *out;
    int nparam, nstate, nstandardize, nout;    /* length of the lists in `out` */
    int nnamed, nlayer;
    Named *named;
    Ref rng;
};

enum { MAX_LAYERS = 10000, MAX_REPEAT = 10000, MAX_BLOCKS = 32 };

/* names.c */
const char *build_path(const Build *b, const char *prefix, const char *name); /* interned */
Named *build_find(Build *b, const Place *place, const char *name);  /* NULL: there is none */
Named *build_name(Build *b, const char *path, const char *type, Loc loc, Ref ref);
void build_use(Build *b, Ref r);       /* marks what it comes from as used */
/* The name that a layer gets if it is given none: its type, type_2, type_3 ... */
const char *build_auto_name(Build *b, Place *place, const char *type);
bool build_name_allowed(Build *b, const Tree *t, const char *path);
bool build_unknown_tensor(Build *b, Loc loc, const char *what, const char *name);

/* build_scan.c */
Ref build_scan(Build *b, Place *place, Spec *s, Ref x);
/* r as what is built now reads it: inside a scan, what is around it is an operand. */
Ref build_inside(Build *b, Ref r);
/* What an input of a body that is open stands for around it; {NULL}: it is none. */
Ref build_outside(const Build *b, const Node *input);

/* build.c */
bool build_set_name(Build *b, Place *place, Spec *s);
Tree *build_layer_list(Build *b, const Spec *s, const char *key);
/* The tensor that t names; {NULL}: an error, or a tensor of a layer with one. */
Ref build_find_tensor(Build *b, const Place *place, const char *what, const Tree *t);
/* The inputs of a layer: what `from` names, or the current tensor. False: an error, or an
 * input that comes from a layer with one. */
bool build_find_inputs(Build *b, const Place *place, const Spec *s, Ref x, int *n,
                       Ref **in);
bool build_is_group(const char *name);                 /* residual, repeat, scan */
Ref build_layers(Build *b, Place *place, Tree *list, Ref x);
/* One layer without parameters that is no layer of the model: `as` of an output. */
Ref build_single(Build *b, const char *path, Tree **spec, Ref x);

/* carry.c */
bool carry_settle(Model *m);           /* the data that carried states take; once built */

/* interface.c: the sections inputs and outputs */
bool build_inputs(Build *b, Tree *inputs, Ref *first);
bool build_outputs(Build *b, Tree *outputs, Ref last);

/* loss.c: loss and metrics of the outputs */
bool build_loss(Build *b);

#endif
