/* Numbers of one element type as another, by way of double; nothing is lost unsaid. */
#include "train/cast.h"

#include <math.h>
#include <string.h>

/* Whole numbers beyond 2^53 are no labels, no pixels and no parameters. */
double cast_element(DType from, const void *src, int64_t i) {
    switch (from) {
    case F32: return (double)((const float *)src)[i];
    case F64: return ((const double *)src)[i];
    case I32: return ((const int32_t *)src)[i];
    case I64: return (double)((const int64_t *)src)[i];
    case U32: return ((const uint32_t *)src)[i];
    case U64: return (double)((const uint64_t *)src)[i];
    case U8: return ((const uint8_t *)src)[i];
    case BOOL: return ((const uint8_t *)src)[i] != 0;
    case NDTYPE: break;
    }
    bug("cast from element type %d", (int)from);
}

typedef struct { double lo, hi; } Range;   /* lo <= x < hi */

static const Range ranges[NDTYPE] = {
    [I32] = {-0x1p31, 0x1p31}, [I64] = {-0x1p53, 0x1p53}, [U32] = {0, 0x1p32},
    [U64] = {0, 0x1p53},       [U8] = {0, 256},           [BOOL] = {0, 2},
};

static bool put(DType to, double x, void *dst, int64_t i) {
    const Range *r = &ranges[to];
    if (!dtype_info[to].is_float && !(x >= r->lo && x < r->hi && x == floor(x)))
        return false;
    switch (to) {
    case F32:
        ((float *)dst)[i] = (float)x;
        return isfinite(x) == isfinite((float)x);
    case F64: ((double *)dst)[i] = x; return true;
    case I32: ((int32_t *)dst)[i] = (int32_t)x; return true;
    case I64: ((int64_t *)dst)[i] = (int64_t)x; return true;
    case U32: ((uint32_t *)dst)[i] = (uint32_t)x; return true;
    case U64: ((uint64_t *)dst)[i] = (uint64_t)x; return true;
    case U8:
    case BOOL: ((uint8_t *)dst)[i] = (uint8_t)x; return true;
    case NDTYPE: break;
    }
    bug("cast to element type %d", (int)to);
}

int64_t cast_array(DType from, const void *src, int64_t n, DType to, void *dst) {
    if (from == to) {
        memcpy(dst, src, (size_t)(n * dtype_info[to].bytes));
        return -1;
    }
    for (int64_t i = 0; i < n; i++)
        if (!put(to, cast_element(from, src, i), dst, i))
            return i;
    return -1;
}
