/* Reads the ten digits of a seven-segment display with a network whose weights are part of
 * the program. */
#include "digits.h"

#include <stdio.h>

static _Alignas(DIGITS_ALIGN) unsigned char arena[DIGITS_ARENA_BYTES(1) + 1];

/* Segments a..g of each digit, one bit each. */
static const unsigned char display[10] = {0x3f, 0x06, 0x5b, 0x4f, 0x66,
                                          0x6d, 0x7d, 0x07, 0x7f, 0x6f};

int main(void) {
    digits_ctx ctx = {0};
    int wrong = 0;
    ctx.arena = arena;
    if (digits_init(&ctx, 0) != 0)
        return 2;
    for (int i = 0; i < 10; i++) {
        float segments[7], digit[10];
        int best = 0;
        for (int k = 0; k < 7; k++)
            segments[k] = (float)(display[i] >> k & 1);
        if (digits_forward(&ctx, 1, segments, digit) != 0)
            return 2;
        for (int k = 1; k < 10; k++)
            if (digit[k] > digit[best])
                best = k;
        printf("%d is read as %d (%.1f%%)\n", i, best, 100 * (double)digit[best]);
        wrong += best != i;
    }
    return wrong != 0;
}
