/* Writes text, a character a call.
 *   write tokens.txt chargpt.params [prompt [characters [seed]]]
 * tokens.txt is what the training left in its folder, chargpt.params what `kiln compile`
 * wrote. */
#include "chargpt.h"

#include <kiln/krt.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 64, VOCAB = 65 };

static _Alignas(CHARGPT_ALIGN) unsigned char params[CHARGPT_PARAMS_BYTES],
    stream[CHARGPT_STREAM_BYTES], arena[CHARGPT_ARENA_BYTES(1)];
static char vocab[VOCAB + 1];
static float next[VOCAB];
static int32_t text[CONTEXT];          /* what was read and written last */
static int n;

/* A character a line; a line break is "\n". */
static int read_vocab(const char *path) {
    FILE *f = fopen(path, "r");
    char line[16];
    int count = 0;
    while (f != NULL && count < VOCAB && fgets(line, sizeof line, f) != NULL)
        vocab[count++] = strcmp(line, "\\n\n") == 0 ? '\n' : line[0];
    if (f != NULL)
        fclose(f);
    return count == VOCAB;
}

/* A stream that is full begins again with the later half of its text. */
static int feed(chargpt_ctx *ctx, int32_t token) {
    int status = 0, from = n;
    if (n == CONTEXT) {
        n = CONTEXT / 2;
        memmove(text, text + CONTEXT / 2, sizeof text / 2);
        chargpt_stream_reset(stream);
        from = 0;
    }
    text[n++] = token;
    for (; from < n && status == 0; from++)
        status = chargpt_stream(ctx, 1, &text[from], next);
    return status;
}

/* One of the characters, each with its chance. */
static int32_t draw(void) {
    float at = (float)rand() / ((float)RAND_MAX + 1);
    int32_t token = 0;
    while (token + 1 < VOCAB && (at -= next[token]) >= 0)
        token++;
    return token;
}

int main(int argc, char **argv) {
    chargpt_ctx ctx = {.params = params, .stream = stream, .arena = arena};
    const char *prompt = argc > 3 ? argv[3] : "ROMEO:", *at;
    int length = argc > 4 ? atoi(argv[4]) : 500;
    if (argc < 3 || !read_vocab(argv[1])) {
        fprintf(stderr, "usage: write tokens.txt chargpt.params [prompt [characters [seed]]]\n");
        return 2;
    }
    srand(argc > 5 ? (unsigned)atoi(argv[5]) : 1);
    if (chargpt_init(&ctx, 0) != 0 || chargpt_stream_init(stream) != 0 ||
        krt_weights_read(argv[2], CHARGPT_LAYOUT, params, CHARGPT_PARAMS_BYTES) != KRT_OK)
        return 1;
    for (const char *p = prompt; *p != 0; p++)
        if ((at = memchr(vocab, *p, VOCAB)) == NULL || feed(&ctx, (int32_t)(at - vocab)) != 0)
            return 1;
    printf("%s", prompt);
    for (int i = 0; i < length && *prompt != 0; i++) {
        int32_t token = draw();
        putchar(vocab[token]);
        if (feed(&ctx, token) != 0)
            return 1;
    }
    putchar('\n');
    return 0;
}
