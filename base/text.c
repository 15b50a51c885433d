/* Text: a string that grows at its end. */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

static void reserve(Text *t, size_t more) {
    if (more > SIZE_MAX / 4 - t->n)
        out_of_memory();
    size_t need = t->n + more + 1, cap = t->cap ? t->cap : 64;
    if (need <= t->cap)
        return;
    while (cap < need)
        cap *= 2;
    char *s = realloc(t->s, cap);
    if (!s)
        out_of_memory();
    t->s = s;
    t->cap = cap;
}

void text_put(Text *t, const char *s, size_t n) {
    if (!n)
        return;
    reserve(t, n);
    memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = '\0';
}

void text_vprintf(Text *t, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        bug("text_printf: bad format");
    reserve(t, (size_t)n);
    vsnprintf(t->s + t->n, (size_t)n + 1, fmt, again);
    t->n += (size_t)n;
    va_end(again);
}

void text_printf(Text *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    text_vprintf(t, fmt, ap);
    va_end(ap);
}

void text_free(Text *t) {
    free(t->s);
    *t = (Text){0};
}
