/* Trains the tagger in plain C, sentences in the order of the file, and prints the loss of
 * each step.
 *   train tokens.txt tags.txt steps epoch-steps < sentences of word/tag, a line each
 * The first two are what a training by the command left in its folder, a token a line. */
#include "tagger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH = 32, MOST = 20000, LONGEST = 128, UNKNOWN = 1, BATCH = TAGGER_BATCH };

static _Alignas(TAGGER_ALIGN) unsigned char params[TAGGER_PARAMS_BYTES],
    grads[TAGGER_GRADS_BYTES + 1], state[TAGGER_STATE_BYTES], arena[TAGGER_ARENA_BYTES(1)];
static char word[MOST][LONGEST], tag[MOST][LONGEST], line[65536];
static int32_t number[BATCH][LENGTH], count[BATCH], target[BATCH][LENGTH];

static int read_lines(const char *path, char (*to)[LONGEST]) {
    FILE *f = fopen(path, "r");
    int n = 0;
    while (f != NULL && n < MOST && fgets(to[n], LONGEST, f) != NULL) {
        to[n][strcspn(to[n], "\n")] = 0;
        n++;
    }
    if (f != NULL)
        fclose(f);
    return n;
}

static int find(const char *s, int from, int n, char (*in)[LONGEST], int absent) {
    for (int i = from; i < n; i++)
        if (strcmp(in[i], s) == 0)
            return i;
    return absent;
}

/* The next example: words of a line, at most LENGTH; the rest of it is the one after. */
static int take(int at, int words, int tags) {
    static char *next;
    while (next == NULL) {
        if (fgets(line, sizeof line, stdin) == NULL)
            return 0;
        next = strtok(line, " \t\r\n");
    }
    count[at] = 0;
    for (int i = 0; i < LENGTH; i++) {
        number[at][i] = 0;
        target[at][i] = -1;
        if (next == NULL)
            continue;
        char *slash = strrchr(next, '/');
        *slash = 0;
        number[at][i] = find(next, UNKNOWN + 1, words, word, UNKNOWN);
        target[at][i] = find(slash + 1, 0, tags, tag, -1);
        count[at]++;
        next = strtok(NULL, " \t\r\n");
    }
    return 1;
}

int main(int argc, char **argv) {
    tagger_ctx ctx = {.params = params, .grads = grads, .state = state, .arena = arena};
    int words = argc == 5 ? read_lines(argv[1], word) : 0;
    int tags = argc == 5 ? read_lines(argv[2], tag) : 0, steps = argc == 5 ? atoi(argv[3]) : 0;
    if (!words || !tags || tagger_init(&ctx, 0) != 0)
        return 2;
    for (int step = 0; step < steps; step++) {
        float loss, accuracy;
        int n = 0;
        while (n < BATCH && take(n, words, tags))
            n++;
        if (n == 0)
            break;
        ctx.rng[2] = (uint32_t)step;
        ctx.lr = tagger_lr(step, atoi(argv[4]));
        if (tagger_step(&ctx, n, number[0], count, target[0], &loss, &accuracy) != 0)
            return 3;
        printf("%.9g\n", (double)loss);
    }
    return 0;
}
