/* Runs MNIST's test images through the trained network: all that it needs is here and in
 * mnist_cnn.c, which `kiln compile` wrote.   infer t10k-images t10k-labels */
#include "mnist_cnn.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 28 * 28, CLASSES = 10 };

static _Alignas(MNIST_CNN_ALIGN) unsigned char arena[MNIST_CNN_ARENA_BYTES(1)];

static FILE *open_idx(const char *path, long header) {
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, header, SEEK_SET) != 0) {
        perror(path);
        exit(1);
    }
    return f;
}

int main(int argc, char **argv) {
    unsigned char image[SIZE];
    float digit[CLASSES];
    int n = 0, right = 0, label;
    mnist_cnn_ctx ctx = {.arena = arena};
    if (argc != 3 || mnist_cnn_init(&ctx, 0) != 0)
        return 2;
    FILE *images = open_idx(argv[1], 16), *labels = open_idx(argv[2], 8);
    for (; fread(image, SIZE, 1, images) == 1 && (label = getc(labels)) != EOF; n++) {
        int best = 0;
        if (mnist_cnn_forward(&ctx, 1, image, digit) != 0)
            return 3;
        for (int k = 1; k < CLASSES; k++)
            best = digit[k] > digit[best] ? k : best;
        right += best == label;
    }
    printf("%d of %d images right, %.2f%%\nweights %d bytes, arena %zu bytes\n", right, n,
           100.0 * right / n, MNIST_CNN_PARAMS_BYTES + MNIST_CNN_STATE_BYTES, sizeof arena);
    return 0;
}
