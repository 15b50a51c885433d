/* Trains the network in plain C, images in the order of the file.
 *   train train-images train-labels count epochs */
#include "mnist_cnn.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 28 * 28, BATCH = MNIST_CNN_BATCH };

static _Alignas(MNIST_CNN_ALIGN) unsigned char params[MNIST_CNN_PARAMS_BYTES],
    grads[MNIST_CNN_GRADS_BYTES + 1], state[MNIST_CNN_STATE_BYTES],
    arena[MNIST_CNN_ARENA_BYTES(1)];

static unsigned char *read_idx(const char *path, long header, size_t size, size_t n) {
    FILE *f = fopen(path, "rb");
    unsigned char *data = malloc(n * size);
    if (f == NULL || data == NULL || fseek(f, header, SEEK_SET) != 0 ||
        fread(data, size, n, f) != n) {
        fprintf(stderr, "cannot read %zu examples from %s\n", n, path);
        exit(1);
    }
    fclose(f);
    return data;
}

int main(int argc, char **argv) {
    mnist_cnn_ctx ctx = {
        .params = params, .grads = grads, .state = state, .arena = arena};
    if (argc != 5 || mnist_cnn_init(&ctx, 0) != 0)
        return 2;
    int count = atoi(argv[3]), epochs = atoi(argv[4]);
    int epoch_steps = (count + BATCH - 1) / BATCH;
    const unsigned char *images = read_idx(argv[1], 16, SIZE, (size_t)count);
    const unsigned char *labels = read_idx(argv[2], 8, 1, (size_t)count);
    uint32_t step = 0;
    for (int epoch = 1; epoch <= epochs; epoch++) {
        double sum = 0;
        for (int at = 0; at < count; at += BATCH, step++) {
            int n = count - at < BATCH ? count - at : BATCH;
            int32_t target[BATCH];
            float loss, accuracy;
            for (int i = 0; i < n; i++)
                target[i] = labels[at + i];
            ctx.rng[2] = step;
            ctx.lr = mnist_cnn_lr(step, epoch_steps);
            if (mnist_cnn_step(&ctx, n, images + (size_t)at * SIZE, target, &loss,
                               &accuracy) != 0)
                return 3;
            sum += (double)loss * n;
        }
        printf("epoch %d  loss %.6g\n", epoch, sum / count);
    }
    return 0;
}
