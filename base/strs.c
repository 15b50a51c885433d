/* Interned strings: equal texts are one pointer; and the hash that keys are made of. */
#include "base/base.h"

#include <string.h>

typedef struct Slot {
    const char *text;                  /* NULL: free */
    size_t len;
    uint64_t hash;
} Slot;

struct Strs {
    Arena *arena;
    Slot *slot;                        /* open addressing, at most half full */
    size_t n, cap;                     /* cap a power of two */
};

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed) {
    const unsigned char *b = p;
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * UINT64_C(0x100000001b3);
    return h;
}

Strs *strs_new(Arena *a) {
    Strs *s = NEW(a, 1, Strs);
    s->arena = a;
    s->cap = 64;
    s->slot = NEW(a, s->cap, Slot);
    return s;
}

static Slot *find(Slot *slot, size_t cap, const char *text, size_t len, uint64_t hash) {
    for (size_t i = (size_t)hash & (cap - 1);; i = (i + 1) & (cap - 1)) {
        Slot *s = &slot[i];
        if (!s->text)
            return s;
        if (s->hash == hash && s->len == len && !memcmp(s->text, text, len))
            return s;
    }
}

static void widen(Strs *s) {
    size_t cap = 2 * s->cap;
    Slot *slot = NEW(s->arena, cap, Slot);
    for (size_t i = 0; i < s->cap; i++) {
        const Slot *old = &s->slot[i];
        if (old->text)
            *find(slot, cap, old->text, old->len, old->hash) = *old;
    }
    s->slot = slot;
    s->cap = cap;
}

const char *strs_put(Strs *s, const char *text, size_t len) {
    uint64_t hash = hash_bytes(text, len, 0);
    Slot *slot = find(s->slot, s->cap, text, len, hash);
    if (slot->text)
        return slot->text;
    if (2 * (s->n + 1) > s->cap) {
        widen(s);
        slot = find(s->slot, s->cap, text, len, hash);
    }
    char *copy = arena_alloc(s->arena, len + 1);
    if (len)
        memcpy(copy, text, len);
    *slot = (Slot){copy, len, hash};
    s->n++;
    return copy;
}

const char *strs_z(Strs *s, const char *text) {
    return strs_put(s, text, strlen(text));
}
