/* An emitted model as a table, written by calls.py. */
#ifndef KILN_TESTS_DRIVE_H
#define KILN_TESTS_DRIVE_H

#include <stddef.h>
#include <stdint.h>

typedef void Parallel(void *pool, int parts, void (*fn)(void *arg, int part), void *arg);
typedef struct {
    int out;
    const char *dtype;
    size_t count;                      /* elements, of one of the batch if `each` */
    int each;
    int bound;                         /* integers are 0..bound-1; 0: any */
} DriveArg;
typedef struct {
    const char *name;
    int (*call)(void *ctx, int n, void *const *arg);
    int narg;
    DriveArg arg[8];
} DriveEntry;
typedef struct {
    const char *name;
    size_t ctx;
    int batch;
    size_t bytes[4];                   /* params, grads, state, stream */
    size_t (*arena)(int threads);
    int (*init)(void *ctx);
    void (*set)(void *ctx, void *const *block, Parallel *parallel, int threads, uint32_t step);
    int nentry;
    const DriveEntry *entry;
} Drive;
extern const Drive *const drives[];    /* of this program; NULL at the end */

#endif
