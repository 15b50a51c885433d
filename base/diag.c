/* Diagnostics: the user's faults, with the place, the line and a caret; and our own. */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ERRORS = 20, MAX_WORD = 64, MAX_WIDTH = 120 };

struct Diag {
    Arena *arena;
    DiagFn *fn;                        /* NULL: stderr */
    void *user;
    Source nowhere;                    /* what diag_nowhere points into: no name */
    int errors;                        /* reported ones */
    bool system;                       /* one of them was the system's */
    bool muted;                        /* the last error was dropped: so are its notes */
};

Diag *diag_new(Arena *a, DiagFn *fn, void *user) {
    Diag *d = NEW(a, 1, Diag);
    *d = (Diag){.arena = a, .fn = fn, .user = user};
    d->nowhere.diag = d;
    return d;
}

Source *diag_source(Diag *d, const char *name, const char *text, size_t size) {
    Source *s = NEW(d->arena, 1, Source);
    *s = (Source){name, text, size, d};
    return s;
}

Loc diag_nowhere(Diag *d) {
    return (Loc){&d->nowhere, 0, 0};
}

int diag_errors(const Diag *d) {
    return d->errors;
}

int diag_status(const Diag *d) {
    return d->system ? 3 : d->errors > 0;
}

bool diag_full(const Diag *d) {
    return d->errors >= MAX_ERRORS;
}

static void report(DiagKind kind, Loc loc, const char *fmt, va_list ap) {
    if (!loc.src || !loc.src->diag)
        bug("a diagnostic without a source: %s", fmt);
    Diag *d = loc.src->diag;
    if (kind != DIAG_NOTE)
        d->muted = diag_full(d);
    if (d->muted)
        return;
    d->errors += kind == DIAG_ERROR;
    Text message = {0};
    text_vprintf(&message, fmt, ap);
    if (d->fn) {
        d->fn(d->user, kind, loc, message.s);
    } else {
        Text out = {0};
        diag_render(&out, kind, loc, message.s);
        fwrite(out.s, 1, out.n, stderr);
        text_free(&out);
    }
    text_free(&message);
}

bool diag_error(Loc loc, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    report(DIAG_ERROR, loc, fmt, ap);
    va_end(ap);
    return false;
}

bool diag_system(Loc loc, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    report(DIAG_ERROR, loc, fmt, ap);
    va_end(ap);
    loc.src->diag->system = true;
    return false;
}

bool diag_warn(Loc loc, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    report(DIAG_WARNING, loc, fmt, ap);
    va_end(ap);
    return false;
}

bool diag_note(Loc loc, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    report(DIAG_NOTE, loc, fmt, ap);
    va_end(ap);
    return false;
}

/* Text from a user's file may hold escape sequences: none reaches the terminal. */
static void put_plain(Text *out, const char *s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        text_put(out, c == '\t' || (c >= 0x20 && c != 0x7f) ? &s[i] : "?", 1);
    }
}

static bool starts_char(char c) {
    return ((unsigned char)c & 0xc0) != 0x80;
}

/* The line numbered `line` of the source: its start, and its length in *n. */
static const char *source_line(const Source *s, int line, size_t *n) {
    const char *p = s->text, *end = p + s->size;
    for (int i = 1; i < line && p; i++) {
        p = memchr(p, '\n', (size_t)(end - p));
        p = p ? p + 1 : NULL;
    }
    if (!p)
        return NULL;
    const char *nl = memchr(p, '\n', (size_t)(end - p));
    *n = (size_t)((nl ? nl : end) - p);
    *n -= *n && p[*n - 1] == '\r';
    return p;
}

/* The line and a caret below column `col`, which counts characters, not bytes. Of a very
 * long line only the part around the caret is shown. */
static void put_excerpt(Text *out, Loc loc) {
    size_t n = 0, at = 0, from = 0;
    const char *p = source_line(loc.src, loc.line, &n);
    if (!p)
        return;
    for (int c = 1; c < loc.col && at < n; c++)
        for (at++; at < n && !starts_char(p[at]); at++) {
        }
    if (at > MAX_WIDTH * 3 / 4)
        for (from = at - MAX_WIDTH / 2; !starts_char(p[from]); from++) {
        }
    size_t to = n - from > MAX_WIDTH ? from + MAX_WIDTH : n;
    while (to < n && !starts_char(p[to]))
        to++;
    text_printf(out, "%5d | ", loc.line);
    put_plain(out, p + from, to - from);
    text_printf(out, "\n");
    if (loc.col < 1)
        return;
    text_printf(out, "      | ");
    for (size_t i = from; i < at; i++)
        if (starts_char(p[i]))
            text_put(out, p[i] == '\t' ? "\t" : " ", 1);
    text_printf(out, "^\n");
}

void diag_render(Text *out, DiagKind kind, Loc loc, const char *message) {
    static const char *const word[] = {"error", "warning", "note"};
    if (loc.src && loc.src->name) {
        put_plain(out, loc.src->name, strlen(loc.src->name));
        if (loc.line > 0)
            text_printf(out, ":%d", loc.line);
        if (loc.line > 0 && loc.col > 0)
            text_printf(out, ":%d", loc.col);
        text_printf(out, ": ");
    }
    text_printf(out, "%s: ", word[kind]);
    put_plain(out, message, strlen(message));
    text_printf(out, "\n");
    if (loc.src && loc.src->text && loc.line > 0)
        put_excerpt(out, loc);
}

static int lower(char c) {
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

static size_t min3(size_t a, size_t b, size_t c) {
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Insertions, deletions, changes and swaps of neighbours that make b of a; case is free. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb) {
    size_t row[3][MAX_WORD + 1];
    for (size_t j = 0; j <= nb; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *now = row[i % 3], *one = row[(i + 2) % 3], *two = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            int x = lower(a[i - 1]), y = lower(b[j - 1]);
            now[j] = min3(one[j] + 1, now[j - 1] + 1, one[j - 1] + (x != y));
            bool swapped = i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2]);
            if (swapped && two[j - 2] + 1 < now[j])
                now[j] = two[j - 2] + 1;
        }
    }
    return row[na % 3][nb];
}

const char *diag_nearest(const char *word, const char *const *candidates, size_t n) {
    size_t len = strlen(word), best = len / 3 + 1;
    const char *found = NULL;
    if (len > MAX_WORD)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t m = strlen(candidates[i]);
        size_t d = m > MAX_WORD ? best : distance(word, len, candidates[i], m);
        if (d < best) {
            best = d;
            found = candidates[i];
        }
    }
    return found;
}

_Noreturn void bug(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fputs("kiln: bug: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    abort();
}
