/* Trains the network in plain C, images in the order of the file, and prints the loss of
 * each step.
 *   train train-images train-labels steps */
#include "fashion_vit.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 28 * 28, MOST = 60000, BATCH = FASHION_VIT_BATCH };

static _Alignas(FASHION_VIT_ALIGN) unsigned char params[FASHION_VIT_PARAMS_BYTES],
    grads[FASHION_VIT_GRADS_BYTES + 1], state[FASHION_VIT_STATE_BYTES],
    arena[FASHION_VIT_ARENA_BYTES(1)];
static unsigned char image[MOST][SIZE], label[MOST];

static int read_idx(const char *path, long header, void *data, size_t size) {
    FILE *f = fopen(path, "rb");
    size_t n = f != NULL && fseek(f, header, SEEK_SET) == 0 ? fread(data, size, MOST, f) : 0;
    if (f != NULL)
        fclose(f);
    return (int)n;
}

int main(int argc, char **argv) {
    fashion_vit_ctx ctx = {.params = params, .grads = grads, .state = state, .arena = arena};
    int count = argc == 4 ? read_idx(argv[1], 16, image, SIZE) : 0;
    if (count < 1 || read_idx(argv[2], 8, label, 1) != count || fashion_vit_init(&ctx, 0) != 0)
        return 2;
    for (int step = 0, at = 0; step < atoi(argv[3]); step++, at = at < count ? at : 0) {
        int n = count - at < BATCH ? count - at : BATCH;
        int32_t target[BATCH];
        float loss, accuracy;
        for (int i = 0; i < n; i++)
            target[i] = label[at + i];
        ctx.rng[2] = (uint32_t)step;
        ctx.lr = fashion_vit_lr(step, (count + BATCH - 1) / BATCH);
        if (fashion_vit_step(&ctx, n, image[at], target, &loss, &accuracy) != 0)
            return 3;
        at += n;
        printf("%.9g\n", (double)loss);
    }
    return 0;
}
