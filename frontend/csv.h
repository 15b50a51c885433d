/* Tables of numbers as text: comma, semicolon, tab or blanks between the fields. */
#ifndef KILN_FRONTEND_CSV_H
#define KILN_FRONTEND_CSV_H

#include "frontend/tensor.h"

typedef enum { CSV_DETECT, CSV_HEADER, CSV_NO_HEADER } CsvHeader;

typedef struct CsvOptions {
    int skip;                          /* lines to leave out at the top */
    CsvHeader header;                  /* is the first line one of names? */
    char separator;                    /* 0: found out; ' ': runs of blanks and tabs */
    DType dtype;                       /* F32 or F64 */
    int ncolumn;                       /* columns wanted, 0: all; others may be text */
    const char *const *column;         /* their names, in the order wanted */
} CsvOptions;

typedef struct Csv {
    const Source *src;                 /* for errors about a row: {src, line[row], 1} */
    int ncolumn;
    const char **column;               /* names; c1, c2 ... without a header */
    Tensor table;                      /* [rows, ncolumn] */
    int32_t *line;                     /* of each row, from 1 */
} Csv;

/* Plain or gzip'd. Every record must have as many fields as the first; quotes "a ""b"""
 * may hold separators and line ends; empty lines count for nothing. A missing value
 * (empty, NA, NaN, null, ?) is an error, as is a number that the dtype does not hold. */
bool csv_read(Arena *a, Loc loc, const char *path, const CsvOptions *o, Csv *out);

#endif
