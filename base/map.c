/* Map: from a pointer and a number to an int, by open addressing. */
#include "base/map.h"

typedef struct MapSlot { const void *key; int number, value; } MapSlot;

static MapSlot *slot_of(const Map *m, const void *key, int number) {
    uint64_t h = ((uint64_t)(uintptr_t)key >> 4) + (uint64_t)number;
    size_t j = (size_t)((h * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (m->cap - 1);
    while (m->slot[j].key && (m->slot[j].key != key || m->slot[j].number != number))
        j = (j + 1) & (m->cap - 1);
    return &m->slot[j];
}

int map_get(const Map *m, const void *key, int number) {
    const MapSlot *s = m->cap ? slot_of(m, key, number) : NULL;
    return s && s->key ? s->value : -1;
}

static void grow(Arena *a, Map *m) {
    const Map old = *m;
    m->cap = old.cap ? 2 * old.cap : 64;
    m->slot = NEW(a, m->cap, MapSlot);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slot[i].key)
            *slot_of(m, old.slot[i].key, old.slot[i].number) = old.slot[i];
}

void map_put(Arena *a, Map *m, const void *key, int number, int value) {
    if (2 * m->n >= m->cap)
        grow(a, m);
    MapSlot *s = slot_of(m, key, number);
    m->n += !s->key;
    *s = (MapSlot){key, number, value};
}
