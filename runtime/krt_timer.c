/* A clock that only goes forward. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/krt.h"

#include <time.h>

double krt_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
