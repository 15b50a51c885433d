/* Loading: what the readers of single kinds of files share; dataset.c is the whole. */
#ifndef KILN_TRAIN_LOAD_H
#define KILN_TRAIN_LOAD_H

#include "frontend/csv.h"
#include "train/dataset.h"

typedef struct {
    Arena *arena, *temp;
    const Model *m;
    const char *section;               /* "train"; NULL: the paths stand nowhere */
    bool labelled;
    Vocabs *vocab;
    Dataset *set;
    Csv csv;                           /* of a CSV: rows know their lines */
    Loc file;                          /* being read */
    const int *column;                 /* of a CSV: where the field's elements stand */
} Load;

/* --- dataset.c --- */
Loc load_key(const Load *l, const char *key);          /* of data.<section>.<key> */
const char *load_path(const Load *l, const char *path);
const char *load_kind(const Load *l, const Field *f);  /* "input" or "label" */
const char *load_shape(Arena *a, const Type *t, int from); /* "[2, 3]" */
/* Zeroed room for the field's part of all rows; `rows` says how many there are. */
void load_room(Load *l, Field *f, int64_t row_bytes);
/* n elements of type d, which become those of row e; false: one does not fit. */
bool load_row(const Load *l, const Field *f, int64_t e, int64_t n, DType d, const void *from);
/* The model's first input and its label, where it has no others; NULL: an error. */
bool load_pair(Load *l, const char *key, const char *what, Field **x, Field **label);
/* A text, unpacked if it is gzip'd; NULL: it cannot be read, or is empty. */
const Source *load_source(Load *l, Loc loc, const char *path);

/* --- one for each kind of file --- */
bool load_arrays(Load *l, const DataFiles *f);         /* load_array.c */
bool load_csv(Load *l, const DataFiles *f);            /* load_csv.c */
bool load_text(Load *l, const DataFiles *f);           /* load_text.c */
bool load_tagged(Load *l, const DataFiles *f);         /* load_tagged.c */

#endif
