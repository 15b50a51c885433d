/* Element types, extents and shapes. */
#ifndef KILN_IR_TYPE_H
#define KILN_IR_TYPE_H

#include "base/base.h"

typedef enum {
#define DTYPE(ID, name, bytes, is_float, ctype) ID,
#include "ir/dtypes.def"
    NDTYPE
} DType;

typedef struct {
    const char *name;                  /* in text: "f32" */
    int bytes;
    bool is_float;
    const char *ctype;                 /* in C: "float" */
} DTypeInfo;
extern const DTypeInfo dtype_info[NDTYPE];
bool dtype_parse(const char *name, size_t len, DType *out);

enum { MAX_RANK = 8 };

/* An extent. The batch is the one bounded symbol: 1..n, passed at run time. */
typedef struct {
    int64_t n;                         /* the extent, or the batch's upper bound */
    bool batch;
} Dim;

typedef struct {
    DType dtype;
    int rank;
    Dim dim[MAX_RANK];                 /* outermost first. The batch is dim[0] of what
                                          enters and leaves; a stacked tensor may have it
                                          further in: strides are those of its bound */
} Type;

bool type_equal(const Type *a, const Type *b);
/* Elements at the upper bound; false on overflow of 2^40 bytes. */
bool type_count(const Type *t, int64_t *count);
int64_t type_bytes(const Type *t);     /* of a checked type */
void type_print(Text *out, const Type *t);      /* f32[n:64,784]; n:64 is the batch */
const char *type_text(Arena *a, const Type *t);

#endif
