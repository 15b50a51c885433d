/* The runtime: each part runs once and on its thread, whatever the numbers; weights files
 * are read back or refused for the right reason; the clock goes forward. */
#define _POSIX_C_SOURCE 200809L
#include "runtime/krt.h"
#include "tests/unit/format.h"

#include <pthread.h>
#include <time.h>

/* ---- pool */

enum { MAX_PARTS = 300 };

typedef struct Job {
    KrtPool *pool;
    int ran[MAX_PARTS];                /* plain on purpose: a race is seen by sanitizers */
    pthread_t by[MAX_PARTS];
    long sum[MAX_PARTS];
} Job;

static void note_part(void *arg, int part) {
    Job *j = arg;
    j->ran[part]++;
    j->by[part] = pthread_self();
    j->sum[part] += part;
}

static int wrong_counts(const Job *j, int parts, int times) {
    int wrong = 0;
    for (int i = 0; i < MAX_PARTS; i++)
        wrong += j->ran[i] != (i < parts ? times : 0);
    return wrong;
}

static void every_part_once(void) {
    static const int parts[] = {-1, 0, 1, 2, 3, 4, 5, 7, 16, 299};
    for (int threads = 1; threads <= 5; threads++) {
        KrtPool *p = krt_pool_new(threads);
        CU_ASSERT_PTR_NOT_NULL_FATAL(p);
        CU_ASSERT_EQUAL(krt_pool_threads(p), threads);
        for (size_t i = 0; i < COUNT(parts); i++) {
            Job j = {.pool = p};
            krt_parallel(p, parts[i], note_part, &j);
            krt_parallel(p, parts[i], note_part, &j);
            CU_ASSERT_EQUAL(wrong_counts(&j, parts[i], 2), 0);
        }
        krt_pool_free(p);
    }
}

static void same_thread(void) {
    enum { THREADS = 3, PARTS = 100 };
    KrtPool *p = krt_pool_new(THREADS);
    Job j = {.pool = p}, again = {.pool = p};
    krt_parallel(p, PARTS, note_part, &j);
    for (int round = 0; round < 100; round++)
        krt_parallel(p, 2 + round % (PARTS - 1), note_part, &again);
    int wrong = 0;
    for (int i = 0; i < PARTS; i++) {
        wrong += !pthread_equal(j.by[i], j.by[i % THREADS]);
        wrong += !pthread_equal(j.by[i], again.by[i]);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_TRUE(pthread_equal(j.by[0], pthread_self()));
    CU_ASSERT_FALSE(pthread_equal(j.by[1], j.by[0]));
    CU_ASSERT_FALSE(pthread_equal(j.by[1], j.by[2]));
    krt_pool_free(p);
}

static void start_and_stop(void) {
    int wrong = 0;
    for (int i = 0; i < 500; i++) {
        KrtPool *p = krt_pool_new(1 + i % 4);
        Job j = {.pool = p};
        if (i % 3)
            krt_parallel(p, i % 7, note_part, &j);
        wrong += p ? wrong_counts(&j, i % 3 ? i % 7 : 0, 1) : 1;
        krt_pool_free(p);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    krt_pool_free(NULL);
}

static void many_calls(void) {
    enum { CALLS = 100000, PARTS = 5 };
    KrtPool *p = krt_pool_new(2);
    Job j = {.pool = p};
    for (int i = 0; i < CALLS; i++)
        krt_parallel(p, PARTS, note_part, &j);
    CU_ASSERT_EQUAL(wrong_counts(&j, PARTS, CALLS), 0);
    for (int i = 0; i < PARTS; i++)
        CU_ASSERT_EQUAL(j.sum[i], (long)i * CALLS);
    krt_pool_free(p);
}

/* More threads than processors, and pauses long enough for all to fall asleep. */
static void from_sleep(void) {
    KrtPool *p = krt_pool_new(9);
    Job j = {.pool = p};
    for (int i = 0; i < 200; i++) {
        krt_parallel(p, 40, note_part, &j);
        if (i % 10 == 0)
            nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    CU_ASSERT_EQUAL(wrong_counts(&j, 40, 200), 0);
    krt_pool_free(p);
}

static void one_is_slow(void *arg, int part) {
    if (part == 1)
        nanosleep(&(struct timespec){0, 3000000}, NULL);
    note_part(arg, part);
}

static void caller_sleeps(void) {
    KrtPool *p = krt_pool_new(2);
    Job j = {.pool = p};
    for (int i = 0; i < 20; i++)
        krt_parallel(p, 2, one_is_slow, &j);
    CU_ASSERT_EQUAL(wrong_counts(&j, 2, 20), 0);
    krt_pool_free(p);
}

typedef struct Outer {
    KrtPool *pool;
    Job inner[4];
} Outer;

static void nest(void *arg, int part) {
    Outer *o = arg;
    krt_parallel(o->pool, 10, note_part, &o->inner[part]);
}

static void nested(void) {
    KrtPool *p = krt_pool_new(3);
    Outer o = {.pool = p};
    for (int i = 0; i < 100; i++)
        krt_parallel(p, 4, nest, &o);
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(wrong_counts(&o.inner[i], 10, 100), 0);
        for (int k = 1; k < 10; k++)
            CU_ASSERT_TRUE(pthread_equal(o.inner[i].by[k], o.inner[i].by[0]));
    }
    krt_pool_free(p);
}

typedef struct Caller {
    Job job;
    pthread_t thread;
} Caller;

static void *call(void *arg) {
    Caller *c = arg;
    for (int i = 0; i < 2000; i++)
        krt_parallel(c->job.pool, 8, note_part, &c->job);
    return NULL;
}

/* Several threads of the program share one pool: who comes second works alone. */
static void several_callers(void) {
    Caller c[3];
    KrtPool *p = krt_pool_new(2);
    for (size_t i = 0; i < COUNT(c); i++) {
        c[i].job = (Job){.pool = p};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&c[i].thread, NULL, call, &c[i]), 0);
    }
    for (size_t i = 0; i < COUNT(c); i++) {
        pthread_join(c[i].thread, NULL);
        CU_ASSERT_EQUAL(wrong_counts(&c[i].job, 8, 2000), 0);
    }
    krt_pool_free(p);
}

static void without_pool(void) {
    Job j = {0};
    krt_parallel(NULL, 6, note_part, &j);
    CU_ASSERT_EQUAL(wrong_counts(&j, 6, 1), 0);
    CU_ASSERT_EQUAL(krt_pool_threads(NULL), 1);
    KrtPool *p = krt_pool_new(-3);
    CU_ASSERT_EQUAL(krt_pool_threads(p), 1);
    krt_pool_free(p);
}

/* ---- weights */

enum { HEADER = 64, BLOCK = 200 };
static const uint64_t hash = 0x0123456789abcdef;

static void fill(unsigned char *block) {
    for (int i = 0; i < BLOCK; i++)
        block[i] = (unsigned char)(i * 73 + 5);
}

static void weights_round_trip(void) {
    unsigned char block[BLOCK], back[BLOCK] = {0};
    Case c;
    fill(block);
    case_open(&c, "w.bin");
    CU_ASSERT_EQUAL(krt_weights_write(c.path, hash, block, BLOCK), KRT_OK);
    CU_ASSERT_EQUAL(krt_weights_read(c.path, hash, back, BLOCK), KRT_OK);
    CU_ASSERT_FALSE(memcmp(block, back, BLOCK));
    unsigned char *map;
    CU_ASSERT_EQUAL_FATAL(krt_weights_map(c.path, hash, BLOCK, (void **)&map), KRT_OK);
    CU_ASSERT_EQUAL((uintptr_t)map % 64, 0);
    CU_ASSERT_FALSE(memcmp(block, map, BLOCK));
    map[3] ^= 1;                       /* stays in memory */
    krt_weights_unmap(map, BLOCK);
    CU_ASSERT_EQUAL(krt_weights_read(c.path, hash, back, BLOCK), KRT_OK);
    CU_ASSERT_EQUAL(krt_weights_write(c.path, hash, NULL, 0), KRT_OK);
    CU_ASSERT_EQUAL(krt_weights_read(c.path, hash, NULL, 0), KRT_OK);
    case_close(&c);
}

/* CRC-32C, bit by bit. */
static uint32_t crc32c(const char *p, size_t n) {
    uint32_t crc = ~UINT32_C(0);
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

/* The format, byte by byte. */
static void weights_bytes(void) {
    CU_ASSERT_EQUAL(crc32c("123456789", 9), 0xe3069283); /* as published */
    char covered[24 + 9];
    Case c;
    size_t n;
    case_open(&c, "w.bin");
    CU_ASSERT_EQUAL(krt_weights_write(c.path, hash, "abcdefghi", 9), KRT_OK);
    const char *f = case_get(&c, &n);
    CU_ASSERT_EQUAL_FATAL(n, HEADER + 9);
    CU_ASSERT_FALSE(memcmp(
        f, "KRTW\1\0\0\0\xef\xcd\xab\x89\x67\x45\x23\x01\x09\0\0\0\0\0\0\0", 24));
    memcpy(covered, f, 24);
    memcpy(covered + 24, f + HEADER, 9);
    uint32_t crc = crc32c(covered, sizeof covered);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL((unsigned char)f[24 + i], (crc >> 8 * i & 255));
    for (int i = 28; i < HEADER; i++)
        CU_ASSERT_EQUAL(f[i], 0);
    CU_ASSERT_FALSE(memcmp(f + HEADER, "abcdefghi", 9));
    case_close(&c);
}

static KrtStatus status;               /* of the last read */

static bool read(Case *c) {
    unsigned char back[BLOCK] = {0}, zero[BLOCK] = {0};
    status = krt_weights_read(c->path, hash, back, BLOCK);
    if (status)
        CU_ASSERT_FALSE(memcmp(back, zero, BLOCK));
    return status ? diag_error(c->loc, "%s", krt_strerror(status)) : true;
}

static void weights_errors(void) {
    unsigned char block[BLOCK], f[HEADER + BLOCK + 1] = {0};
    Case c;
    size_t n;
    fill(block);
    case_open(&c, "w.bin");
    CU_ASSERT_EQUAL(krt_weights_read(c.path, hash, f, 1), KRT_CANNOT_OPEN);
    CU_ASSERT_EQUAL(krt_weights_read(c.dir, hash, f, 1), KRT_CANNOT_READ);
    CU_ASSERT_EQUAL(krt_weights_write(c.path, hash, block, BLOCK), KRT_OK);
    memcpy(f, case_get(&c, &n), HEADER + BLOCK);
    CU_ASSERT_EQUAL(krt_weights_read(c.path, hash + 1, f, BLOCK), KRT_OTHER_LAYOUT);
    CU_ASSERT_EQUAL(krt_weights_read(c.path, hash, f, BLOCK - 1), KRT_OTHER_SIZE);
    static const struct {
        size_t at;
        KrtStatus expected;
    } flip[] = {
        {0, KRT_BAD_MAGIC},     {3, KRT_BAD_MAGIC},
        {4, KRT_BAD_VERSION},   {8, KRT_OTHER_LAYOUT},
        {15, KRT_OTHER_LAYOUT}, {16, KRT_OTHER_SIZE},
        {23, KRT_OTHER_SIZE},   {24, KRT_BAD_CHECKSUM},
        {28, KRT_BAD_CHECKSUM}, {63, KRT_BAD_CHECKSUM},
        {64, KRT_BAD_CHECKSUM}, {HEADER + BLOCK - 1, KRT_BAD_CHECKSUM},
    };
    for (size_t i = 0; i < COUNT(flip); i++) {
        f[flip[i].at] ^= 1;
        CU_ASSERT_FALSE(case_try(&c, read, f, HEADER + BLOCK));
        CU_ASSERT_EQUAL(status, flip[i].expected);
        f[flip[i].at] ^= 1;
    }
    CU_ASSERT_FALSE(case_try(&c, read, f, HEADER + BLOCK + 1));
    CU_ASSERT_EQUAL(status, KRT_TOO_LONG);
    CU_ASSERT_FALSE(case_try(&c, read, f, HEADER + BLOCK - 1));
    CU_ASSERT_EQUAL(status, KRT_TRUNCATED);
    CU_ASSERT_TRUE(case_try(&c, read, f, HEADER + BLOCK));
    CU_ASSERT_EQUAL(case_truncate(&c, read, (char *)f, HEADER + BLOCK), 0);
    CU_ASSERT_EQUAL(case_flip(&c, read, (char *)f, HEADER + BLOCK), 0);
    case_close(&c);
}

static void weights_whole_or_not(void) {
    unsigned char block[BLOCK], back[BLOCK];
    Case c;
    fill(block);
    case_open(&c, "w.bin");
    const char *there = arena_printf(c.keep, "%s/no/w.bin", c.dir);
    CU_ASSERT_EQUAL(krt_weights_write(there, hash, block, BLOCK), KRT_CANNOT_WRITE);
    CU_ASSERT_EQUAL(krt_weights_write(c.dir, hash, block, BLOCK), KRT_CANNOT_WRITE);
    CU_ASSERT_EQUAL(krt_weights_write(c.path, 1, "old", 3), KRT_OK);
    CU_ASSERT_EQUAL(krt_weights_write(c.path, hash, block, BLOCK), KRT_OK);
    CU_ASSERT_EQUAL(krt_weights_read(c.path, hash, back, BLOCK), KRT_OK);
    for (int i = 0; i <= KRT_BAD_CHECKSUM; i++)
        for (int k = 0; k < i; k++)
            CU_ASSERT_TRUE(
                strcmp(krt_strerror((KrtStatus)i), krt_strerror((KrtStatus)k)));
    case_close(&c);
}

static void timer(void) {
    double a = krt_seconds(), b = krt_seconds();
    nanosleep(&(struct timespec){0, 2000000}, NULL);
    double c = krt_seconds();
    CU_ASSERT_TRUE(a <= b && c - a >= 0.002 && c - a < 60);
}

int main(void) {
    static const UnitTest test[] = {
        {"every part once", every_part_once},
        {"same thread", same_thread},
        {"start and stop", start_and_stop},
        {"many calls", many_calls},
        {"from sleep", from_sleep},
        {"caller sleeps", caller_sleeps},
        {"nested", nested},
        {"several callers", several_callers},
        {"without pool", without_pool},
        {"weights round trip", weights_round_trip},
        {"weights bytes", weights_bytes},
        {"weights errors", weights_errors},
        {"weights whole or not", weights_whole_or_not},
        {"timer", timer},
    };
    return unit_main("krt", test, COUNT(test));
}
