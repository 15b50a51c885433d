/* What generated code may link: a thread pool, weights files, a clock. Knows nothing of
 * the compiler; C11 and POSIX. */
#ifndef KRT_H
#define KRT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A pool of threads for ctx->parallel and ctx->pool. The caller's thread is one of them. */
typedef struct KrtPool KrtPool;
KrtPool *krt_pool_new(int threads);    /* NULL: no memory or threads left */
void krt_pool_free(KrtPool *pool);     /* waits for the threads to end; NULL is fine */
int krt_pool_threads(const KrtPool *pool);
/* Runs fn(arg, part) for each part in 0..parts-1 and returns when all have ended. Part p
 * runs on thread p % threads, so that a part finds its data in that core's cache. Without
 * a pool, and while the pool is busy (a nested call), the parts run here one by one. */
void krt_parallel(void *pool, int parts, void (*fn)(void *arg, int part), void *arg);

/* A weights file: the bytes of a parameter block under a 64-byte header that says which
 * layout they have. `hash` and `bytes` are those of the generated code that reads it. */
typedef enum KrtStatus {
    KRT_OK,
    KRT_CANNOT_OPEN,                   /* not there, or not allowed */
    KRT_CANNOT_READ,
    KRT_CANNOT_WRITE,                  /* folder or disk; the old file stands */
    KRT_NO_MEMORY,
    KRT_BAD_MAGIC,                     /* not a weights file */
    KRT_BAD_VERSION,                   /* of a later runtime */
    KRT_OTHER_LAYOUT,                  /* of another model, target or compiler */
    KRT_OTHER_SIZE,                    /* holds another number of bytes */
    KRT_TRUNCATED,                     /* ends too early */
    KRT_TOO_LONG,                      /* bytes behind the end */
    KRT_BAD_CHECKSUM                   /* damaged */
} KrtStatus;
const char *krt_strerror(KrtStatus status);

/* Whole or not at all: written beside `path`, synced, renamed. */
KrtStatus krt_weights_write(const char *path, uint64_t hash, const void *data,
                            size_t bytes);
/* dst is untouched unless the result is KRT_OK. */
KrtStatus krt_weights_read(const char *path, uint64_t hash, void *dst, size_t bytes);
/* The block where the system maps it, aligned to 64; writes to it stay in memory. */
KrtStatus krt_weights_map(const char *path, uint64_t hash, size_t bytes, void **data);
void krt_weights_unmap(void *data, size_t bytes);

double krt_seconds(void);              /* of a clock that only goes forward */

#ifdef __cplusplus
}
#endif
#endif
