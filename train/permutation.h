/* Orders drawn by lot: Philox4x32-10, the same everywhere. */
#ifndef KILN_TRAIN_PERMUTATION_H
#define KILN_TRAIN_PERMUTATION_H

#include <stdint.h>

void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t word[4]);
/* The numbers 0..n-1, n < 2^32, in an order that depends on nothing but what is given:
 * `stream` says what the order is for, `turn` is the epoch. */
void permutation_draw(int64_t *order, int64_t n, uint64_t seed, uint32_t turn,
                      const char *stream);

#endif
