/* Forecasts as the hours come: reads temperatures, a number each, from standard input, and
 * prints for each what it will be a day later. At the end, on standard error, how far off
 * the forecasts were, and how far "as it is now" would have been. */
#include "forecast.h"

#include <math.h>
#include <stdio.h>

enum { DAY = 24 };

static _Alignas(FORECAST_ALIGN) unsigned char stream[FORECAST_STREAM_BYTES],
    arena[FORECAST_ARENA_BYTES(1)];

int main(void) {
    forecast_ctx ctx = {.stream = stream, .arena = arena};
    float now, told[DAY], was[DAY];
    double error = 0, naive = 0;
    long hours = 0;
    if (forecast_init(&ctx, 0) != 0 || forecast_stream_init(stream) != 0)
        return 1;
    for (; scanf("%f", &now) == 1; hours++) {
        float *tomorrow = &told[hours % DAY], *before = &was[hours % DAY];
        if (hours >= DAY) {
            error += fabs((double)now - (double)*tomorrow);
            naive += fabs((double)now - (double)*before);
        }
        *before = now;
        if (forecast_stream(&ctx, 1, &now, tomorrow) != 0)
            return 1;
        printf("%.2f\n", (double)*tomorrow);
        fflush(stdout);
    }
    if (hours > DAY)
        fprintf(stderr, "mean error %.4f, of the same hour a day before %.4f\n",
                error / (double)(hours - DAY), naive / (double)(hours - DAY));
    return 0;
}
