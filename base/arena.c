/* Arenas: blocks of zeroed memory, handed out in order, freed whole. */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#if defined __has_feature
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#elif defined __SANITIZE_ADDRESS__
#define ARENA_ASAN 1
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
enum { GAP = 16 };                     /* poisoned bytes behind each piece */
static void hide(void *p, size_t n) { __asan_poison_memory_region(p, n); }
static void show(void *p, size_t n) { __asan_unpoison_memory_region(p, n); }
#else
enum { GAP = 0 };
static void hide(void *p, size_t n) { (void)p, (void)n; }
static void show(void *p, size_t n) { (void)p, (void)n; }
#endif

enum { ALIGN = 16, FIRST_BLOCK = 16 << 10, LAST_BLOCK = 1 << 20 };

typedef struct Block {
    struct Block *next;                /* an older block */
    size_t used, cap;                  /* bytes of mem */
    _Alignas(ALIGN) unsigned char mem[];
} Block;

struct Arena {
    Block *head;                       /* the block that is being filled */
    size_t total, limit;               /* bytes of all blocks; 0 = no limit */
    size_t block;                      /* size of the next ordinary block */
    void (*fail)(void *user);
    void *user;
};

_Noreturn void out_of_memory(void) {
    fputs("kiln: out of memory\n", stderr);
    exit(3);
}

static _Noreturn void fail(Arena *a) {
    if (a->fail)
        a->fail(a->user);
    out_of_memory();
}

Arena *arena_new(void) {
    Arena *a = calloc(1, sizeof *a);
    if (!a)
        out_of_memory();
    a->block = FIRST_BLOCK;
    return a;
}

void arena_on_fail(Arena *a, void (*fn)(void *user), void *user) {
    a->fail = fn;
    a->user = user;
}

void arena_limit(Arena *a, size_t bytes) {
    a->limit = bytes;
}

size_t arena_size(const Arena *a) {
    return a->total;
}

static void free_blocks(Block *b) {
    while (b) {
        Block *next = b->next;
        show(b->mem, b->cap);
        free(b);
        b = next;
    }
}

void arena_free(Arena *a) {
    if (!a)
        return;
    free_blocks(a->head);
    free(a);
}

void arena_reset(Arena *a) {
    Block *b = a->head;
    if (!b)
        return;
    free_blocks(b->next);
    b->next = NULL;
    show(b->mem, b->cap);
    memset(b->mem, 0, b->used);
    hide(b->mem, b->cap);
    b->used = 0;
    a->total = b->cap;
}

static Block *block_add(Arena *a, size_t need) {
    size_t cap = need > a->block / 4 ? need : a->block;
    bool over = a->limit && (cap > a->limit || a->total > a->limit - cap);
    Block *b = over || cap > SIZE_MAX / 2 ? NULL : calloc(1, sizeof *b + cap);
    if (!b)
        fail(a);
    b->cap = cap;
    a->total += cap;
    hide(b->mem, cap);
    if (cap == need && a->head) {      /* a large piece: keep filling the head */
        b->next = a->head->next;
        a->head->next = b;
    } else {
        b->next = a->head;
        a->head = b;
    }
    if (cap != need && a->block < LAST_BLOCK)
        a->block *= 2;
    return b;
}

static size_t round_up(size_t n) {
    return (n + GAP + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

void *arena_alloc(Arena *a, size_t size) {
    if (size > SIZE_MAX / 4)
        fail(a);
    size_t need = round_up(size ? size : 1);
    Block *b = a->head;
    if (!b || b->cap - b->used < need)
        b = block_add(a, need);
    void *p = b->mem + b->used;
    b->used += need;
    show(p, size);
    return p;
}

void *arena_grow(Arena *a, void *p, size_t old, size_t new) {
    if (!p)
        return arena_alloc(a, new);
    if (new <= old)
        return p;
    if (new > SIZE_MAX / 4)
        fail(a);
    Block *b = a->head;
    size_t had = round_up(old ? old : 1), need = round_up(new);
    bool newest = b && (unsigned char *)p + had == b->mem + b->used;
    if (newest && need - had <= b->cap - b->used) {
        b->used += need - had;         /* stretch it where it is */
        show(p, new);
        return p;
    }
    void *q = arena_alloc(a, new);
    memcpy(q, p, old);
    return q;
}

void *arena_array(Arena *a, size_t n, size_t size) {
    if (size && n > SIZE_MAX / 4 / size)
        fail(a);
    return arena_alloc(a, n * size);
}

void *arena_push(Arena *a, void *p, size_t n, size_t size) {
    enum { FIRST = 4 };
    if (n == 0)
        return arena_array(a, FIRST, size);
    if (n < FIRST || (n & (n - 1)))
        return p;
    if (n > SIZE_MAX / 8 / size)
        fail(a);
    return arena_grow(a, p, n * size, 2 * n * size);
}

char *arena_printf(Arena *a, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        bug("arena_printf: bad format");
    char *s = arena_alloc(a, (size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    return s;
}
