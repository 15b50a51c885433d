/* Datasets: files of examples, in memory as the entries of a model take them. */
#ifndef KILN_TRAIN_DATASET_H
#define KILN_TRAIN_DATASET_H

#include "frontend/model.h"
#include "train/vocab.h"

typedef struct Field {
    const ModelTensor *tensor;         /* the model's input or label */
    int64_t count, bytes;              /* elements and bytes of one example */
    int64_t stride;                    /* bytes from one row to the next */
    unsigned char *data;               /* of the example that begins at row 0 */
} Field;

/* Rows: of a table, images, tokens of a text, sentences. An example is `span` of them in
 * turn, so that a window is nothing but a place in the rows. */
typedef struct Dataset {
    int64_t rows, span;
    int64_t stride;                    /* rows from one example to the next in training */
    int64_t judged;                    /* and in validation, test and prediction */
    int nfield, ninput;
    Field *field;                      /* inputs, then labels, in the model's order */
} Dataset;

/* `section` is where the model's file names the files: "train", "valid", "test". Messages
 * point there, and relative paths start at the folder of that file. NULL: paths from
 * elsewhere. `images` may be IDX or .npy; labels are read if `labelled`. CSV columns fill
 * inputs, then labels, in order. Values must fit element types and ranges. What `vocab`
 * does not hold yet is made from these files. */
bool dataset_load(Arena *a, const Model *m, const DataFiles *f, const char *section,
                  bool labelled, Vocabs *vocab, Dataset *out);
/* Of one path: of the kind that the model trains on, if that is no table of numbers; else a
 * CSV if it is named so (.csv, .tsv, .txt, also with .gz), else images. */
DataFiles dataset_files(const Model *m, const char *path);
/* The path that stands in the model's file, from the working directory on. */
const char *dataset_path(Arena *a, const Model *m, const char *path);

#endif
