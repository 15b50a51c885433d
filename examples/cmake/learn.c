/* Trains the same network from nothing, on digits whose segments flicker. */
#include "digits_train.h"

#include <kiln/krt.h>
#include <stdio.h>

enum { THREADS = 2 };

static _Alignas(DIGITS_TRAIN_ALIGN) unsigned char params[DIGITS_TRAIN_PARAMS_BYTES + 1],
    grads[DIGITS_TRAIN_GRADS_BYTES + 1], state[DIGITS_TRAIN_STATE_BYTES + 1],
    arena[DIGITS_TRAIN_ARENA_BYTES(THREADS) + 1];

static const unsigned char display[10] = {0x3f, 0x06, 0x5b, 0x4f, 0x66,
                                          0x6d, 0x7d, 0x07, 0x7f, 0x6f};

static unsigned random_below(unsigned *seed, unsigned n) {
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 16) % n;
}

int main(void) {
    digits_train_ctx ctx = {0};
    unsigned seed = 1;
    float first = 0, loss = 0;
    ctx.params = params;
    ctx.grads = grads;
    ctx.state = state;
    ctx.arena = arena;
    ctx.pool = krt_pool_new(THREADS);
    ctx.parallel = krt_parallel;
    ctx.threads = THREADS;
    if (digits_train_init(&ctx, 1) != 0)
        return 2;
    for (int step = 0; step < 400; step++) {
        float segments[DIGITS_TRAIN_BATCH][7];
        int32_t target[DIGITS_TRAIN_BATCH];
        for (int i = 0; i < DIGITS_TRAIN_BATCH; i++) {
            target[i] = (int32_t)random_below(&seed, 10);
            for (int k = 0; k < 7; k++)
                segments[i][k] = (float)(display[target[i]] >> k & 1);
            segments[i][random_below(&seed, 7)] += 0.3f;
        }
        int status = digits_train_step(&ctx, DIGITS_TRAIN_BATCH, &segments[0][0], target,
                                       &loss);
        if (status != 0)
            return 2;
        if (step == 0)
            first = loss;
    }
    krt_pool_free(ctx.pool);
    printf("loss %.4f, after 400 steps %.4f\n", (double)first, (double)loss);
    return !(loss < 0.1f && loss < first);
}
