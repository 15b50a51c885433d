/* Says what is on each of Fashion-MNIST's test images and how often that is right: all that
 * it needs is here and in fashion_vit.c, which `kiln compile` wrote.
 *   classify t10k-images t10k-labels [number]: what is on image `number`, or all */
#include "fashion_vit.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 28 * 28, CLASSES = 10 };

static const char *const name[CLASSES] = {"t-shirt", "trouser", "pullover", "dress",
                                          "coat", "sandal", "shirt", "sneaker",
                                          "bag", "ankle boot"};
static _Alignas(FASHION_VIT_ALIGN) unsigned char arena[FASHION_VIT_ARENA_BYTES(1)];

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
    float chance[CLASSES];
    int n = 0, right = 0, label, only = argc == 4 ? atoi(argv[3]) : -1;
    fashion_vit_ctx ctx = {.arena = arena};
    if (argc < 3 || fashion_vit_init(&ctx, 0) != 0)
        return 2;
    FILE *images = open_idx(argv[1], 16), *labels = open_idx(argv[2], 8);
    for (; fread(image, SIZE, 1, images) == 1 && (label = getc(labels)) != EOF; n++) {
        int best = 0;
        if (only >= 0 && n != only)
            continue;
        if (fashion_vit_forward(&ctx, 1, image, chance) != 0)
            return 3;
        for (int k = 1; k < CLASSES; k++)
            best = chance[k] > chance[best] ? k : best;
        right += best == label;
        if (only >= 0)
            printf("%s, %.1f%% sure; it is a %s\n", name[best], 100.0 * (double)chance[best],
                   name[label]);
    }
    if (only < 0)
        printf("%d of %d images right, %.2f%%\n", right, n, 100.0 * right / n);
    return 0;
}
