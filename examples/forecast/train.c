/* Trains the forecast in plain C, windows in the order of the file, and prints the loss of
 * each step.
 *   train steps < temperatures, a number each */
#include "forecast.h"

#include <stdio.h>
#include <stdlib.h>

enum { HOURS = 144, DAY = 24, BATCH = FORECAST_BATCH, MOST = 1000000 };

static _Alignas(FORECAST_ALIGN) unsigned char params[FORECAST_PARAMS_BYTES],
    grads[FORECAST_GRADS_BYTES + 1], state[FORECAST_STATE_BYTES],
    arena[FORECAST_ARENA_BYTES(1)];
static float series[MOST], past[BATCH][HOURS], target[BATCH][HOURS];

/* Example e: a window of hours, and the same hours a day later. */
static void take(int at, int e) {
    for (int t = 0; t < HOURS; t++) {
        past[at][t] = series[e + t];
        target[at][t] = series[e + t + DAY];
    }
}

int main(int argc, char **argv) {
    forecast_ctx ctx = {.params = params, .grads = grads, .state = state, .arena = arena};
    int rows = 0, steps = argc > 1 ? atoi(argv[1]) : 0;
    while (rows < MOST && scanf("%f", &series[rows]) == 1)
        rows++;
    int examples = rows - HOURS - DAY + 1;
    if (steps < 1 || examples < 1 || forecast_init(&ctx, 0) != 0)
        return 2;
    for (int step = 0, at = 0; step < steps; step++, at = at < examples ? at : 0) {
        int n = examples - at < BATCH ? examples - at : BATCH;
        float loss, mae;
        for (int i = 0; i < n; i++)
            take(i, at + i);
        at += n;
        ctx.rng[2] = (uint32_t)step;
        ctx.lr = forecast_lr(step, (examples + BATCH - 1) / BATCH);
        if (forecast_step(&ctx, n, past[0], target[0], &loss, &mae) != 0)
            return 3;
        printf("%.9g\n", (double)loss);
    }
    return 0;
}
