/* Orders drawn by lot. Draw i takes word i of the stream: counter {i/4, turn, key}, as
 * every random number of Kiln does. */
#include "train/permutation.h"

#include "base/base.h"

#include <string.h>

/* Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (2011). */
void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t word[4]) {
    uint32_t k0 = key[0], k1 = key[1];
    memcpy(word, counter, 4 * sizeof *word);
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xd2511f53 * word[0], b = (uint64_t)0xcd9e8d57 * word[2];
        uint32_t w1 = word[1], w3 = word[3];
        word[0] = (uint32_t)(b >> 32) ^ w1 ^ k0;
        word[1] = (uint32_t)b;
        word[2] = (uint32_t)(a >> 32) ^ w3 ^ k1;
        word[3] = (uint32_t)a;
        k0 += 0x9e3779b9;
        k1 += 0xbb67ae85;
    }
}

void permutation_draw(int64_t *order, int64_t n, uint64_t seed, uint32_t turn,
                      const char *stream) {
    const uint64_t purpose = hash_bytes(stream, strlen(stream), 0);
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t counter[4] = {0, turn, (uint32_t)purpose, (uint32_t)(purpose >> 32)}, word[4];
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t left = n, i = 0; left > 1; left--, i++) {
        if (i % 4 == 0) {
            counter[0] = (uint32_t)(i / 4);
            philox(counter, key, word);
        }
        int64_t pick = (int64_t)((uint64_t)word[i % 4] * (uint64_t)left >> 32);
        int64_t t = order[pick];
        order[pick] = order[left - 1];
        order[left - 1] = t;
    }
}
