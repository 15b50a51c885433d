/* What every folder leans on: arenas, strings, growing text, checked sizes, errors. */
#ifndef KILN_BASE_H
#define KILN_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Arena: zeroed memory that lives and dies together. Never returns NULL: when memory is
 * out, the arena's `fail` hook is called (it does not return); the default prints one
 * line and ends the process with 3. */
typedef struct Arena Arena;
Arena *arena_new(void);
void arena_free(Arena *a);
void arena_reset(Arena *a);                                /* forgets all, keeps a block */
void arena_on_fail(Arena *a, void (*fn)(void *user), void *user);
void arena_limit(Arena *a, size_t bytes);                  /* more is a failure; 0: no limit */
size_t arena_size(const Arena *a);                         /* bytes taken from the system */
_Noreturn void out_of_memory(void);                        /* the default `fail` */
void *arena_alloc(Arena *a, size_t size);                  /* 16-byte aligned, zeroed */
void *arena_grow(Arena *a, void *p, size_t old, size_t new); /* copies, zeroes the rest */
#define NEW(arena, n, T) ((T *)arena_array((arena), (size_t)(n), sizeof(T)))
void *arena_array(Arena *a, size_t n, size_t size);        /* checked n * size */

/* Appends to `p[n]`, growing by doubling: PUSH(arena, v->item, v->n) = x; the capacity is
 * implied by n (powers of two from 4). */
#define PUSH(arena, p, n) \
    (*((p) = arena_push((arena), (p), (size_t)(n), sizeof *(p)), (n)++, &(p)[(n) - 1]))
void *arena_push(Arena *a, void *p, size_t n, size_t size);

/* Interned strings compare by pointer. */
typedef struct Strs Strs;
Strs *strs_new(Arena *a);
const char *strs_put(Strs *s, const char *text, size_t len);
const char *strs_z(Strs *s, const char *text);             /* zero-terminated */
char *arena_printf(Arena *a, const char *fmt, ...) PRINTF(2, 3);
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed); /* FNV-1a, 64 bits */

/* Text: a growing string in malloc'd memory, for output. */
typedef struct { char *s; size_t n, cap; } Text;           /* s is 0-terminated if n > 0 */
void text_put(Text *t, const char *s, size_t n);
void text_printf(Text *t, const char *fmt, ...) PRINTF(2, 3);
void text_vprintf(Text *t, const char *fmt, va_list ap);
void text_free(Text *t);
/* Shortest decimal that reads back as the same double (or float), whatever the locale;
 * "inf", "-inf", "nan". Returns buf. */
char *num_double(char buf[40], double x);
char *num_float(char buf[40], float x);
bool num_parse(const char *s, size_t n, double *x);        /* whole text, C locale */

/* Checked size arithmetic: false, and *r untouched, on overflow or a negative result. */
bool size_mul(int64_t a, int64_t b, int64_t *r);
bool size_add(int64_t a, int64_t b, int64_t *r);
int64_t size_align(int64_t a, int64_t to);                 /* `to` a power of two */

/* The user's fault. A Source is a text that errors point into; Diag collects. */
typedef struct Diag Diag;
typedef struct Source {
    const char *name;                  /* as the user gave it */
    const char *text;                  /* whole content; may be NULL */
    size_t size;
    Diag *diag;
} Source;
typedef struct Loc {
    const Source *src;                 /* NULL: no place is known */
    int line, col;                     /* from 1; 0 = whole file */
} Loc;
typedef enum { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE } DiagKind;
typedef void DiagFn(void *user, DiagKind kind, Loc loc, const char *message);

Diag *diag_new(Arena *a, DiagFn *fn, void *user);          /* fn NULL: print to stderr */
Source *diag_source(Diag *d, const char *name, const char *text, size_t size);
/* All return false, so that `return diag_error(...)` reads well. loc.src must be set; use
 * diag_nowhere(d) where there is no file. After 20 errors the rest are dropped. */
bool diag_error(Loc loc, const char *fmt, ...) PRINTF(2, 3);
bool diag_warn(Loc loc, const char *fmt, ...) PRINTF(2, 3);
/* An error that is no fault of the input: files, memory, missing tools. */
bool diag_system(Loc loc, const char *fmt, ...) PRINTF(2, 3);
bool diag_note(Loc loc, const char *fmt, ...) PRINTF(2, 3);
Loc diag_nowhere(Diag *d);
int diag_errors(const Diag *d);
/* 0: no errors; 3: one was the system's; 1: all were the input's. */
int diag_status(const Diag *d);
bool diag_full(const Diag *d);                             /* 20 errors reported: stop */
/* Renders `name:line:col: error: message`, the source line and a caret. */
void diag_render(Text *out, DiagKind kind, Loc loc, const char *message);
/* The candidate nearest to `word` (edit distance, at most a third of its length), or NULL. */
const char *diag_nearest(const char *word, const char *const *candidates, size_t n);

/* Our fault: prints the message and aborts; the command's SIGABRT handler adds the pass
 * and its input, and exits with 70. */
_Noreturn void bug(const char *fmt, ...) PRINTF(1, 2);

/* Whole file into the arena (0-terminated). NULL and an error at `loc` when it cannot be
 * read or is larger than `max` bytes. */
char *file_read(Arena *a, Loc loc, const char *path, int64_t max, size_t *size);
/* Writes to a temporary beside `path`, syncs, renames: whole or not at all. */
bool file_write(Loc loc, const char *path, const void *data, size_t size);

#endif
