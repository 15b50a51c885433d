/* Trains the model in plain C, windows of the text one behind the other, and prints the loss
 * of each step.
 *   train steps < text */
#include "chargpt.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONTEXT = 64, MOST = 4000000, BATCH = CHARGPT_BATCH };

static _Alignas(CHARGPT_ALIGN) unsigned char params[CHARGPT_PARAMS_BYTES],
    grads[CHARGPT_GRADS_BYTES + 1], state[CHARGPT_STATE_BYTES], arena[CHARGPT_ARENA_BYTES(1)];
static unsigned char text[MOST];
static int32_t tokens[BATCH][CONTEXT], target[BATCH][CONTEXT];

/* Numbers characters by code, from 0. */
static void number(size_t n) {
    unsigned char of[256] = {0}, count = 0;
    for (size_t i = 0; i < n; i++)
        of[text[i]] = 1;
    for (int c = 0; c < 256; c++)
        of[c] = of[c] ? count++ : 0;
    for (size_t i = 0; i < n; i++)
        text[i] = of[text[i]];
}

int main(int argc, char **argv) {
    chargpt_ctx ctx = {.params = params, .grads = grads, .state = state, .arena = arena};
    size_t length = fread(text, 1, MOST, stdin);
    int steps = argc > 1 ? atoi(argv[1]) : 0, examples = ((int)length - 1) / CONTEXT;
    if (steps < 1 || examples < 1 || chargpt_init(&ctx, 0) != 0)
        return 2;
    number(length);
    for (int step = 0, at = 0; step < steps; step++, at = at < examples ? at : 0) {
        int n = examples - at < BATCH ? examples - at : BATCH;
        float loss;
        for (int i = 0; i < n; i++, at++)
            for (int t = 0; t < CONTEXT; t++) {
                tokens[i][t] = text[at * CONTEXT + t];
                target[i][t] = text[at * CONTEXT + t + 1];
            }
        ctx.rng[2] = (uint32_t)step;
        ctx.lr = chargpt_lr(step, (examples + BATCH - 1) / BATCH);
        if (chargpt_step(&ctx, n, tokens[0], target[0], &loss) != 0)
            return 3;
        printf("%.9g\n", (double)loss);
    }
    return 0;
}
