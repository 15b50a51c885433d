/* Map: from a pointer and a number to an int; zeroed it is empty. */
#ifndef KILN_BASE_MAP_H
#define KILN_BASE_MAP_H

#include "base/base.h"

typedef struct Map {
    size_t n, cap;
    struct MapSlot *slot;
} Map;

int map_get(const Map *m, const void *key, int number);   /* -1: not there */
void map_put(Arena *a, Map *m, const void *key, int number, int value); /* key not NULL */

#endif
