/* Tags words: reads sentences, a line each, from standard input, and prints word/tag.
 *   tag tokens.txt tags.txt tagger.params
 * The first two are what the training left in its folder, the third what `kiln compile` wrote. */
#include "tagger.h"

#include <kiln/krt.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH = 32, WORDS = 17906, TAGS = 472, LONGEST = 128, UNKNOWN = 1 };

static _Alignas(TAGGER_ALIGN) unsigned char params[TAGGER_PARAMS_BYTES],
    arena[TAGGER_ARENA_BYTES(1)];
static char word[WORDS][LONGEST], tag[TAGS][LONGEST];
static float score[LENGTH * TAGS];

static int read_lines(const char *path, int most, char (*line)[LONGEST]) {
    FILE *f = fopen(path, "r");
    int n = 0;
    while (f != NULL && n < most && fgets(line[n], LONGEST, f) != NULL) {
        line[n][strcspn(line[n], "\n")] = 0;
        n++;
    }
    if (f != NULL)
        fclose(f);
    return n;
}

static int find(const char *s) {
    for (int i = UNKNOWN + 1; i < WORDS; i++)
        if (strcmp(word[i], s) == 0)
            return i;
    return UNKNOWN;
}

static int best(const float *x) {
    int at = 0;
    for (int i = 1; i < TAGS; i++)
        at = x[i] > x[at] ? i : at;
    return at;
}

int main(int argc, char **argv) {
    tagger_ctx ctx = {.params = params, .arena = arena};
    static char line[65536];
    if (argc != 4 || read_lines(argv[1], WORDS, word) == 0 ||
        read_lines(argv[2], TAGS, tag) == 0) {
        fprintf(stderr, "usage: tag tokens.txt tags.txt tagger.params\n");
        return 2;
    }
    if (tagger_init(&ctx, 0) != 0 ||
        krt_weights_read(argv[3], TAGGER_LAYOUT, params, TAGGER_PARAMS_BYTES) != KRT_OK)
        return 1;
    while (fgets(line, sizeof line, stdin) != NULL) {
        for (char *s = strtok(line, " \t\r\n"); s != NULL;) {
            const char *text[LENGTH];
            int32_t number[LENGTH] = {0}, count = 0;
            for (; s != NULL && count < LENGTH; s = strtok(NULL, " \t\r\n")) {
                text[count] = s;
                number[count++] = find(s);
            }
            if (tagger_forward(&ctx, 1, number, &count, score) != 0)
                return 1;
            for (int i = 0; i < count; i++)
                printf("%s/%s ", text[i], tag[best(score + i * TAGS)]);
        }
        printf("\n");
    }
    return 0;
}
