/* drive THREADS: runs every entry of the emitted models in `drives` and prints what came out.
 * Each block and argument stands between guards and holds exactly its bytes, arguments are
 * aligned no better than their elements, and what the arena holds before a call changes
 * nothing. With one thread the arena's last bytes are used; init leaves no NaN of the blocks'
 * in what is read. */
#include "drive.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 4096, ALIGN = 64, MARK = 0xa5, NBLOCK = 5, ARENA = 4, MAX_THREADS = 8, MAX_ARGS = 8 };

typedef struct { unsigned char *at; size_t bytes; void *whole; } Area;
typedef struct {
    const Drive *d;
    void *ctx;
    Area block[NBLOCK];                /* params, grads, state, stream, arena */
    int threads, fill;
    uint64_t hash;                     /* of all that came out */
    size_t top;                        /* of the arena: bytes up to the last one written */
    int failed;
} Run;

/* --- memory --- */

static Area area_new(size_t bytes, size_t off, int fill) {
    Area a = {NULL, bytes, malloc(bytes + 2 * GUARD + 2 * ALIGN)};
    uintptr_t at = (uintptr_t)a.whole + GUARD + ALIGN - 1;
    if (!a.whole)
        exit(3);
    a.at = (unsigned char *)(at - at % ALIGN + off);
    memset(a.at - GUARD, MARK, bytes + 2 * GUARD);
    memset(a.at, fill, bytes);
    return a;
}

static int area_whole(const Area *a) {
    for (size_t i = 1; i <= GUARD; i++)
        if (a->at[-(ptrdiff_t)i] != MARK || a->at[a->bytes + i - 1] != MARK)
            return 0;
    return 1;
}

static int finite_area(const Area *a, const char *dtype) {
    float x;
    for (size_t i = 0; !strcmp(dtype, "f32") && i + 4 <= a->bytes; i += 4) {
        memcpy(&x, a->at + i, 4);
        if (x - x != 0)
            return 0;
    }
    return 1;
}

static void hash_area(Run *r, const Area *a) {
    for (size_t i = 0; i < a->bytes; i++)
        r->hash = (r->hash ^ a->at[i]) * UINT64_C(1099511628211);
}

static void fail(Run *r, const char *what, const char *where) {
    if (!r->failed)
        printf("FAIL %s: %s in %s\n", r->d->name, what, where);
    r->failed = 1;
}

/* --- a pool of its own --- */

typedef struct { void (*fn)(void *arg, int part); void *arg; int part; } Part;

static void *run_part(void *user) {
    Part *p = user;
    p->fn(p->arg, p->part);
    return NULL;
}

static void parallel(void *pool, int parts, void (*fn)(void *arg, int part), void *arg) {
    pthread_t thread[MAX_THREADS];
    Part part[MAX_THREADS];
    (void)pool;
    for (int i = 1; i < parts; i++) {
        part[i] = (Part){fn, arg, i};
        if (pthread_create(&thread[i], NULL, run_part, &part[i]))
            exit(3);
    }
    fn(arg, 0);
    for (int i = 1; i < parts; i++)
        pthread_join(thread[i], NULL);
}

/* --- calls --- */

static size_t size_of(const char *dtype) {
    return strchr(dtype, '8') || !strcmp(dtype, "bool") ? 1 : strstr(dtype, "64") ? 8 : 4;
}

static void put_values(const Area *a, const DriveArg *arg, uint32_t seed) {
    size_t size = size_of(arg->dtype);
    for (size_t i = 0; i < a->bytes / size; i++) {
        seed = seed * 1664525u + 1013904223u;
        uint32_t bound = arg->bound ? (uint32_t)arg->bound : 2;
        uint32_t x = arg->bound || size == 8 || *arg->dtype == 'b' ? (seed >> 8) % bound : seed >> 8;
        float f = (float)(int)(seed >> 8) * 0x1p-23f - 1.0f;
        uint64_t wide = x;
        memcpy(a->at + i * size, *arg->dtype == 'f' ? (void *)&f : size == 8 ? (void *)&wide : (void *)&x,
               size);
    }
}

static void look_at(Run *r, const DriveEntry *e, const Area *arg) {
    static const char *const name[] = {"params", "grads", "state", "stream", "arena"};
    for (int i = 0; i < NBLOCK; i++)
        if (!area_whole(&r->block[i]))
            fail(r, "bytes beside a block were written", name[i]);
    for (int i = 0; i < e->narg; i++) {
        if (!area_whole(&arg[i]))
            fail(r, "bytes beside an argument were written", e->name);
        if (!e->arg[i].out)
            continue;
        hash_area(r, &arg[i]);
        if (!finite_area(&arg[i], e->arg[i].dtype))
            fail(r, "not all is finite", e->name);
    }
    for (size_t i = r->block[ARENA].bytes; i-- > r->top;)
        if (r->block[ARENA].at[i] != r->fill)
            r->top = i + 1;
    for (int i = 0; i < ARENA; i++)
        hash_area(r, &r->block[i]);
}

static void call(Run *r, const DriveEntry *e, int n, uint32_t step) {
    Area arg[MAX_ARGS];
    void *at[MAX_ARGS], *block[NBLOCK];
    for (int i = 0; i < e->narg; i++) {
        size_t size = size_of(e->arg[i].dtype);
        size_t count = e->arg[i].count * (e->arg[i].each ? (size_t)n : 1);
        arg[i] = area_new(count * size, size, r->fill);
        at[i] = arg[i].at;
        if (!e->arg[i].out)
            put_values(&arg[i], &e->arg[i], step * 977 + (uint32_t)i);
    }
    for (int i = 0; i < NBLOCK; i++)
        block[i] = r->block[i].at;
    memset(block[ARENA], r->fill, r->block[ARENA].bytes);
    r->d->set(r->ctx, block, r->threads > 1 ? parallel : NULL, r->threads, step);
    int status = e->call(r->ctx, n, at);
    if (status)
        fail(r, status == 4 ? "this CPU lacks features" : "status", e->name);
    look_at(r, e, arg);
    for (int i = 0; i < e->narg; i++)
        free(arg[i].whole);
}

/* Every entry with the whole batch and with a few, twice. */
static void run_all(Run *r) {
    const Drive *d = r->d;
    void *block[NBLOCK];
    for (int i = 0; i < NBLOCK; i++) {
        r->block[i] = area_new(i < ARENA ? d->bytes[i] : d->arena(r->threads), 0, 0xff);
        block[i] = r->block[i].at;
    }
    if (!(r->ctx = calloc(1, d->ctx)))
        exit(3);
    memset(block[1], 0, d->bytes[1]);
    d->set(r->ctx, block, NULL, 1, 0);
    if (d->init(r->ctx))
        fail(r, "status", "init");
    for (uint32_t step = 0; step < 2; step++)
        for (int i = 0; i < d->nentry; i++) {
            call(r, &d->entry[i], d->batch, step);
            call(r, &d->entry[i], d->batch > 4 ? d->batch / 2 - 1 : 1, step);
        }
    for (int i = 0; i < NBLOCK; i++)
        free(r->block[i].whole);
    free(r->ctx);
}

static int check(const Drive *d, int threads) {
    static const int fills[] = {0xff, 0x5a};
    Run r[2];
    for (int i = 0; i < 2; i++) {
        r[i] = (Run){.d = d, .threads = threads, .fill = fills[i],
                     .hash = UINT64_C(14695981039346656037)};
        run_all(&r[i]);
    }
    size_t top = r[0].top > r[1].top ? r[0].top : r[1].top, arena = d->arena(threads);
    if (r[0].hash != r[1].hash)
        fail(&r[0], "what memory held before a call matters", "the arena");
    if (threads == 1 && top + ALIGN < arena) {
        fail(&r[0], "bytes at its end are not used", "the arena");
        printf("%zu of %zu\n", top, arena);
    }
    printf("%s %016llx\n", d->name, (unsigned long long)r[0].hash);
    return r[0].failed || r[1].failed;
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1, failed = 0;
    for (int i = 0; drives[i]; i++)
        failed |= check(drives[i], threads);
    return failed;
}
