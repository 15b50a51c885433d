/* Hash tables that make equal expressions the same pointer. */
#include "ir/pool.h"

#include <string.h>

Pool *pool_new(Arena *a) {
    Pool *p = NEW(a, 1, Pool);
    p->arena = a;
    return p;
}

Arena *pool_arena(Pool *p) { return p->arena; }

void **pool_slot(Pool *p, int slot) { return &p->user[slot]; }

uint64_t hash_u64(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 29);
}

void *pool_copy(Pool *p, const void *src, size_t size) {
    void *d = arena_alloc(p->arena, size ? size : 1);
    if (size)
        memcpy(d, src, size);
    return d;
}

static void grow(Pool *p, Table *t) {
    Table old = *t;
    t->cap = old.cap ? 2 * old.cap : 256;
    t->slot = NEW(p->arena, t->cap, const void *);
    t->hash = NEW(p->arena, t->cap, uint64_t);
    for (size_t i = 0; i < old.cap; i++) {
        if (!old.slot[i])
            continue;
        size_t j = old.hash[i] & (t->cap - 1);
        while (t->slot[j])
            j = (j + 1) & (t->cap - 1);
        t->slot[j] = old.slot[i];
        t->hash[j] = old.hash[i];
    }
}

void *pool_intern(Pool *p, Table *t, const void *key, size_t size, uint64_t hash,
                  SameFn *same, bool *fresh) {
    if (2 * t->n >= t->cap)
        grow(p, t);
    size_t j = hash & (t->cap - 1);
    *fresh = false;
    for (; t->slot[j]; j = (j + 1) & (t->cap - 1))
        if (t->hash[j] == hash && same(t->slot[j], key))
            return (void *)(uintptr_t)t->slot[j];
    void *made = pool_copy(p, key, size);
    t->slot[j] = made;
    t->hash[j] = hash;
    t->n++;
    *fresh = true;
    return made;
}
