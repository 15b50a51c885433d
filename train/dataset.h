/* Datasets: files of examples, in memory as the entries of a model take them. */
#ifndef KILN_TRAIN_DATASET_H
#define KILN_TRAIN_DATASET_H

#include "frontend/model.h"

typedef struct Field {
    const ModelTensor *tensor;         /* the model's input or label */
    int64_t count, bytes;              /* elements and bytes of one example */
    unsigned char *data;               /* examples one behind the other */
} Field;

typedef struct Dataset {
    int64_t n;                         /* examples */
    int nfield, ninput;
    Field *field;                      /* inputs, then labels, in the model's order */
} Dataset;

/* `section` is where the model's file names the files: "train", "valid", "test". Messages
 * point there, and relative paths start at the folder of that file. NULL: paths from
 * elsewhere. `images` may be IDX or .npy; labels are read if `labelled`. CSV columns fill
 * inputs, then labels, in order. Values must fit element types and ranges. */
bool dataset_load(Arena *a, const Model *m, const DataFiles *f, const char *section,
                  bool labelled, Dataset *out);
/* Of one path: a CSV if it is named so (.csv, .tsv, .txt, also with .gz), else images. */
DataFiles dataset_files(const char *path);
/* The number of training examples alone, quickly; 0 after an error. */
int64_t dataset_count(const Model *m);
/* The path that stands in the model's file, from the working directory on. */
const char *dataset_path(Arena *a, const Model *m, const char *path);

#endif
