/* Sizes that cannot overflow unseen. */
#include "base/base.h"

bool size_mul(int64_t a, int64_t b, int64_t *r) {
    int64_t v;
    if (__builtin_mul_overflow(a, b, &v) || v < 0)
        return false;
    *r = v;
    return true;
}

bool size_add(int64_t a, int64_t b, int64_t *r) {
    int64_t v;
    if (__builtin_add_overflow(a, b, &v) || v < 0)
        return false;
    *r = v;
    return true;
}

int64_t size_align(int64_t a, int64_t to) {
    return (a + to - 1) & ~(to - 1);
}
