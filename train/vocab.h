/* Vocabularies: which number stands for which byte, character, word or tag. */
#ifndef KILN_TRAIN_VOCAB_H
#define KILN_TRAIN_VOCAB_H

#include "base/base.h"

typedef struct { const char *s; size_t n; } Token;     /* not 0-terminated */

typedef struct Vocab {
    Arena *arena;
    int n;
    Token *token;                      /* by number */
    size_t nslot;                      /* a power of two: open addressing */
    int *slot;                         /* number + 1; 0: free */
} Vocab;

typedef struct {                       /* of a model's data; NULL: not known yet */
    Vocab *tokens, *tags;
} Vocabs;

enum { WORD_PAD, WORD_UNKNOWN, WORD_FIRST };           /* the first numbers of words */

Vocab *vocab_new(Arena *a);
int vocab_find(const Vocab *v, const char *s, size_t n);   /* -1: absent */
int vocab_add(Vocab *v, const char *s, size_t n);      /* its number, new or not */
Vocab *vocab_bytes(Arena *a);          /* all 256, each its own number */
/* The characters of UTF-8 text by code point. NULL: reported, with its place in src. */
Vocab *vocab_chars(Arena *a, const Source *src);
/* The numbers of all *n tokens of a text, bytes or characters. NULL: reported, with the
 * place of each that has none. */
int32_t *vocab_encode(Arena *a, const Vocab *v, const Source *src, bool bytes, int64_t *n);
/* Words and tags: the most frequent first, equals in the order of bytes. `first` lie in
 * front; those that come less than `least` times are left out. */
Vocab *vocab_ranked(Arena *a, const Vocab *all, const int64_t *count, int64_t least,
                    int nfirst, const char *const *first);
/* Bytes of the UTF-8 character at s, at most n; 0: there is none. */
size_t char_length(const char *s, size_t n);
/* Where byte `at` of a text stands. */
Loc text_place(const Source *src, size_t at);

/* A file with a token a line, numbered from 0; \n \r \t \\ stand for what would break a
 * line. False, NULL: reported. */
bool vocab_write(const Vocab *v, Loc loc, const char *path);
Vocab *vocab_read(Arena *a, Loc loc, const char *path);

#endif
