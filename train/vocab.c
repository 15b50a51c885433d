/* Vocabularies: tokens in a hash table, and as a file. */
#include "train/vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Vocab *vocab_new(Arena *a) {
    enum { SLOTS = 256 };
    Vocab *v = NEW(a, 1, Vocab);
    *v = (Vocab){.arena = a, .nslot = SLOTS, .slot = NEW(a, SLOTS, int)};
    return v;
}

static size_t find_slot(const Vocab *v, const char *s, size_t n) {
    size_t at = (size_t)hash_bytes(s, n, 0) & (v->nslot - 1);
    for (; v->slot[at]; at = (at + 1) & (v->nslot - 1)) {
        const Token *t = &v->token[v->slot[at] - 1];
        if (t->n == n && !memcmp(t->s, s, n))
            break;
    }
    return at;
}

int vocab_find(const Vocab *v, const char *s, size_t n) {
    return v->slot[find_slot(v, s, n)] - 1;
}

static void widen(Vocab *v) {
    v->nslot *= 2;
    v->slot = NEW(v->arena, v->nslot, int);
    for (int i = 0; i < v->n; i++)
        v->slot[find_slot(v, v->token[i].s, v->token[i].n)] = i + 1;
}

int vocab_add(Vocab *v, const char *s, size_t n) {
    size_t at = find_slot(v, s, n);
    if (v->slot[at])
        return v->slot[at] - 1;
    char *copy = arena_alloc(v->arena, n + 1);
    memcpy(copy, s, n);
    PUSH(v->arena, v->token, v->n) = (Token){copy, n};
    v->slot[at] = v->n;
    if ((size_t)v->n * 2 > v->nslot)
        widen(v);
    return v->n - 1;
}

/* --- bytes and characters --- */

Vocab *vocab_bytes(Arena *a) {
    Vocab *v = vocab_new(a);
    for (int i = 0; i < 256; i++)
        vocab_add(v, (const char[]){(char)i}, 1);
    return v;
}

size_t char_length(const char *s, size_t n) {
    static const struct { unsigned char mask, head; unsigned least; } form[] = {
        {0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    unsigned char c = n ? (unsigned char)*s : 0xff;
    for (size_t len = 1; len <= COUNT(form) && len <= n; len++) {
        if ((c & form[len - 1].mask) != form[len - 1].head)
            continue;
        unsigned code = c & (unsigned char)~form[len - 1].mask;
        for (size_t i = 1; i < len; i++) {
            if (((unsigned char)s[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | ((unsigned char)s[i] & 0x3f);
        }
        bool sound = code >= form[len - 1].least && code < 0x110000 && code >> 11 != 0x1b;
        return sound ? len : 0;
    }
    return 0;
}

Loc text_place(const Source *src, size_t at) {
    Loc loc = {src, 1, 1};
    for (size_t i = 0; i < at; i++) {
        loc.col += ((unsigned char)src->text[i] & 0xc0) != 0x80;
        if (src->text[i] == '\n') {
            loc.line++;
            loc.col = 1;
        }
    }
    return loc;
}

/* Bytes of UTF-8 sort as the code points do. */
static int by_bytes(const void *a, const void *b) {
    const Token *x = a, *y = b;
    int order = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

Vocab *vocab_chars(Arena *a, const Source *src) {
    Arena *temp = arena_new();
    Vocab *seen = vocab_new(temp), *v = vocab_new(a);
    bool ok = true;
    for (size_t at = 0, n; ok && at < src->size; at += n) {
        n = char_length(src->text + at, src->size - at);
        if (n)
            vocab_add(seen, src->text + at, n);
        else
            ok = diag_error(text_place(src, at), "byte 0x%02x is no part of UTF-8 text; "
                            "`tokens: bytes` takes any file", (unsigned char)src->text[at]);
    }
    if (ok)
        qsort(seen->token, (size_t)seen->n, sizeof *seen->token, by_bytes);
    for (int i = 0; ok && i < seen->n; i++)
        vocab_add(v, seen->token[i].s, seen->token[i].n);
    arena_free(temp);
    return ok ? v : NULL;
}

static bool unknown_char(const Vocab *v, const Source *src, size_t at, size_t n) {
    const unsigned char c = (unsigned char)src->text[at];
    if (!n)
        return diag_error(text_place(src, at), "byte 0x%02x is no part of UTF-8 text", c);
    char name[40];
    if (c < ' ')
        snprintf(name, sizeof name, "the byte 0x%02x", c);
    else
        snprintf(name, sizeof name, "'%.*s'", (int)n, src->text + at);
    return diag_error(text_place(src, at), "%s is not among the %d characters of the text that "
                      "the model is trained on", name, v->n);
}

int32_t *vocab_encode(Arena *a, const Vocab *v, const Source *src, bool bytes, int64_t *n) {
    int32_t *number = arena_array(a, src->size, sizeof *number);
    bool ok = true;
    *n = 0;
    for (size_t at = 0, len; at < src->size && !diag_full(src->diag); at += len ? len : 1) {
        len = bytes ? 1 : char_length(src->text + at, src->size - at);
        int found = len ? vocab_find(v, src->text + at, len) : -1;
        if (found < 0)
            ok = unknown_char(v, src, at, len);
        number[(*n)++] = found;
    }
    return ok ? number : NULL;
}

/* --- words --- */

typedef struct { Token token; int64_t count; } Ranked;

static int by_rank(const void *a, const void *b) {
    const Ranked *x = a, *y = b;
    int order = (x->count < y->count) - (x->count > y->count);
    return order ? order : by_bytes(&x->token, &y->token);
}

Vocab *vocab_ranked(Arena *a, const Vocab *all, const int64_t *count, int64_t least,
                    int nfirst, const char *const *first) {
    Arena *temp = arena_new();
    Ranked *list = NEW(temp, all->n + 1, Ranked);
    Vocab *v = vocab_new(a);
    for (int i = 0; i < nfirst; i++)
        vocab_add(v, first[i], strlen(first[i]));
    for (int i = 0; i < all->n; i++)
        list[i] = (Ranked){all->token[i], count[i]};
    qsort(list, (size_t)all->n, sizeof *list, by_rank);
    for (int i = 0; i < all->n && list[i].count >= least; i++)
        vocab_add(v, list[i].token.s, list[i].token.n);
    arena_free(temp);
    return v;
}

/* --- files --- */

static const char escapes[] = "n\nr\rt\t\\\\";         /* a letter, what it stands for */

static void put_escaped(Text *out, const Token *t) {
    for (size_t i = 0; i < t->n; i++) {
        const char *e = escapes + 1;
        while (*e != t->s[i] && e[1])
            e += 2;
        if (*e == t->s[i])
            text_printf(out, "\\%c", e[-1]);
        else
            text_put(out, t->s + i, 1);
    }
}

bool vocab_write(const Vocab *v, Loc loc, const char *path) {
    Text out = {0};
    for (int i = 0; i < v->n; i++) {
        put_escaped(&out, &v->token[i]);
        text_put(&out, "\n", 1);
    }
    bool ok = file_write(loc, path, out.n ? out.s : "", out.n);
    text_free(&out);
    return ok;
}

/* A line without its escapes, in place; the new length, or -1. */
static int64_t unescape(char *s, size_t n) {
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '\\') {
            s[to++] = s[i];
            continue;
        }
        const char *e = escapes;
        for (i++; i < n && *e && *e != s[i];)
            e += 2;
        if (i == n || !*e)
            return -1;
        s[to++] = e[1];
    }
    return (int64_t)to;
}

Vocab *vocab_read(Arena *a, Loc loc, const char *path) {
    enum { LARGEST = 1 << 28 };
    size_t size;
    char *text = file_read(a, loc, path, LARGEST, &size);
    Vocab *v = text ? vocab_new(a) : NULL;
    const Source *src = text ? diag_source(loc.src->diag, path, NULL, 0) : NULL;
    for (char *at = text, *end; v && at < text + size; at = end + 1) {
        end = memchr(at, '\n', (size_t)(text + size - at));
        int64_t n = end ? unescape(at, (size_t)(end - at)) : -1;
        int known = v->n;
        if (n <= 0 || vocab_add(v, at, (size_t)n) != known) {
            diag_error((Loc){src, 0, 0}, "token %d: got %s, expected one token in each line",
                       known, n > 0 ? "one that was there before" : "a broken line");
            return NULL;
        }
    }
    if (v && !v->n)
        diag_error((Loc){src, 0, 0}, "there are no tokens in it");
    return v && v->n ? v : NULL;
}
