/* Learns what a signal looks like, then watches it value by value and tells where it is not
 * what was expected.
 *
 *     kiln compile ../sensor.yaml --train -o gen
 *     cc -O2 -Igen watch.c gen/sensor.c -lm -o watch && ./watch */
#include "sensor.h"

#include <math.h>
#include <stdio.h>

enum { WINDOW = 64, BATCH = SENSOR_BATCH };

static _Alignas(SENSOR_ALIGN) unsigned char params[SENSOR_PARAMS_BYTES],
    state[SENSOR_STATE_BYTES], arena[SENSOR_ARENA_BYTES(1)], past[SENSOR_STREAM_BYTES];

/* Two waves; at step 1500 something knocks. */
static float signal_at(int t) {
    float knock = t >= 1500 && t < 1504 ? 1.5f : 0;
    return sinf(0.31f * (float)t) + 0.5f * sinf(0.11f * (float)t + 1) + knock;
}

static int learn(sensor_ctx *ctx) {
    static float x[BATCH * WINDOW], next[BATCH * WINDOW];
    float loss = 0;
    for (uint32_t step = 0; step < 300; step++) {
        for (int i = 0; i < BATCH; i++)
            for (int t = 0; t < WINDOW; t++) {
                int at = (int)(step * 37 + (uint32_t)i * 89) % 1200 + t;
                x[i * WINDOW + t] = signal_at(at);
                next[i * WINDOW + t] = signal_at(at + 1);
            }
        if (sensor_step(ctx, BATCH, x, next, &loss) != 0)
            return 1;
    }
    printf("learned: loss %.4f\n", (double)loss);
    return 0;
}

int main(void) {
    sensor_ctx ctx = {.params = params, .state = state, .arena = arena, .stream = past};
    if (sensor_init(&ctx, 1) != 0 || learn(&ctx) != 0 || sensor_stream_init(past) != 0)
        return 1;
    float expected = 0;
    for (int t = 0; t < 2000; t++) {
        float x = signal_at(t), off = fabsf(x - expected);
        if (t > WINDOW && off > 0.7f)
            printf("step %d: %.2f, expected %.2f\n", t, (double)x, (double)expected);
        if (sensor_stream(&ctx, 1, &x, &expected) != 0)
            return 1;
    }
    return 0;
}
