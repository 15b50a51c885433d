/* A row of text on its way to an equation; for eq_parse.c, eq_names.c, eq_runs.c alone. */
#ifndef KILN_IR_EQ_ROW_H
#define KILN_IR_EQ_ROW_H

#include "ir/eq.h"
#include "ir/parse.h"

enum { MAX_INDEX = 60, NUMBER_VAR = 63, ROW_VARS = 64, MAX_RUNS = 8 };

/* An index, numbered as it was first seen: the result's, then the reduced. */
typedef struct {
    const char *name;                  /* "" for a dim of a run */
    size_t len;
    Dim ext;
    bool known;                        /* ext is set */
    bool stated;                       /* by a range in the text: reads do not decide */
    bool one;                          /* some operand has extent 1 there */
    const char *from;                  /* what decided it: "A.1" */
} RowIndex;

/* A run of dims, `..` or `a..`. */
typedef struct {
    const char *name;                  /* "" for `..` */
    size_t len;
    int size;                          /* dims; -1 = not known yet */
    bool fixed;                        /* the text gives the extents, `..<@shape` */
    Dim ext[MAX_RANK];                 /* fixed */
    bool placed;                       /* has indices */
    int index[MAX_RANK];
} Run;

/* One list of subscripts in the text. */
typedef struct {
    const char *at;                    /* its '[' */
    int src;                           /* operand; -1 = the result, or no read */
    int plain;                         /* single subscripts */
    bool number;                       /* [#] */
    int nrun;
    Run *run[MAX_RANK];
} List;

typedef struct {
    Parser ps;
    int nsrc, nattr;
    const Operand *src;
    const Attr *attr;
    int64_t batch;                     /* bound; 0 = no batch seen */
    int nidx, nfree;
    RowIndex idx[MAX_INDEX];
    int nrun;
    Run run[MAX_RUNS];
    int nlist;
    List *list;
    int nout;
    const Ix *store[MAX_RANK];
    Dim dim[MAX_RANK];
    int dim_of[MAX_RANK];              /* index whose extent the dim is, or -1: `dim` */
    bool listed;                       /* `for [..]`: taken as it stands */
    bool inferred;                     /* some extent is not a number in the text */
    int nwhole;
    int whole[MAX_RANK];               /* operands read at their element number, X[#] */
    Fold fold;
    bool scatter, arg, even;
    Order order;
    int64_t chunk, parts;              /* chunk 0: not in the text */
} Row;

/* eq_runs.c: finds all subscript lists and settles how long each run is. */
bool runs_settle(Row *r);
int run_others(const Row *r, const char *at); /* dims beside `..` in the list there */
Run *run_find(Row *r, const char *name, size_t len);
bool run_place(Row *r, Run *run);      /* gives it indices, in its own order */
/* Extents `@name` says: 0 is the first operand's, -1 what is left of its elements. */
bool row_shape(Row *r, const char *name, size_t len, int *n, Dim *dim);

/* eq_names.c: what names mean. */
const Attr *row_attr(const Row *r, const char *name, size_t len);
int row_operand(const Row *r, const char *name, size_t len);   /* -1 = none */
int row_index(const Row *r, const char *name, size_t len);     /* -1 = none */
int row_add_index(Row *r, const char *name, size_t len);
const Ix *row_ix(Parser *ps, const char *name, size_t len);    /* Parser's callbacks */
const Expr *row_value(Parser *ps, const char *name, size_t len);
/* `name`, then `,` or `]` or `<`: an index and nothing else; the cursor moves past it. */
bool row_bare_index(Row *r, const char **name, size_t *len);
/* `name..` or `..` next: its run. */
bool row_run_next(Row *r, Run **run);
/* `need X.1 == groups*W.1 && groups > 0:` before the equation, or an error. */
void row_needs(Row *r);

#endif
