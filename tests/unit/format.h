/* For tests of file formats: one temporary file, and its damaged versions. */
#ifndef KILN_TESTS_UNIT_FORMAT_H
#define KILN_TESTS_UNIT_FORMAT_H

#include "frontend/tensor.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

typedef struct Case {
    Arena *arena, *keep;               /* of one read, of the test */
    Diag *diag;
    Loc loc;
    Text said;                         /* diagnostics, without the file's folder */
    const char *dir, *path;            /* a new folder, and the file in it */
} Case;

static inline void case_hear(void *user, DiagKind kind, Loc loc, const char *message) {
    Case *c = user;
    Text line = {0};
    diag_render(&line, kind, loc, message);
    for (char *p = line.s, *at; *p; p = at) {
        at = strstr(p, c->dir);
        text_put(&c->said, p, at ? (size_t)(at - p) : strlen(p));
        at = at ? at + strlen(c->dir) + 1 : p + strlen(p);
    }
    text_free(&line);
}

/* Forgets what was said; errors count from 0 again. */
static inline void case_reset(Case *c) {
    text_free(&c->said);
    arena_free(c->arena);
    c->arena = arena_new();
    c->diag = diag_new(c->arena, case_hear, c);
    c->loc = diag_nowhere(c->diag);
}

static inline void case_open(Case *c, const char *name) {
    *c = (Case){.keep = arena_new()};
    case_reset(c);
    c->dir = unit_folder(c->keep);
    c->path = arena_printf(c->keep, "%s/%s", c->dir, name);
}

static inline void case_close(Case *c) {
    text_free(&c->said);
    arena_free(c->arena);
    remove(c->path);
    CU_ASSERT_EQUAL(remove(c->dir), 0); /* nothing half-written was left */
    arena_free(c->keep);
}

static inline void case_put(Case *c, const void *bytes, size_t n) {
    FILE *f = fopen(c->path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, n, f), n);
    CU_ASSERT_EQUAL(fclose(f), 0);
}

/* The file's bytes; they may be changed. */
static inline char *case_get(Case *c, size_t *n) {
    return file_read(c->keep, c->loc, c->path, 1 << 30, n);
}

typedef bool ReadFn(Case *c);

/* Reads the file with these bytes; false goes with an error, true without one. */
static inline bool case_try(Case *c, ReadFn *read, const void *bytes, size_t n) {
    case_reset(c);
    case_put(c, bytes, n);
    bool ok = read(c);
    CU_ASSERT_EQUAL(ok, c->said.n == 0);
    CU_ASSERT_EQUAL(ok, diag_errors(c->diag) == 0);
    return ok;
}

/* Asserts on the whole message. */
static inline void case_fails(Case *c, ReadFn *read, const void *bytes, size_t n,
                              const char *said) {
    CU_ASSERT_FALSE(case_try(c, read, bytes, n));
    UNIT_SAME(c->said.s, said);
}

/* Every proper prefix must be refused; returns how many were not. */
static inline int case_truncate(Case *c, ReadFn *read, const char *bytes, size_t n) {
    int accepted = 0;
    for (size_t i = 0; i < n; i++)
        accepted += case_try(c, read, bytes, i);
    return accepted;
}

/* Every bit flipped on its own: nothing may crash. Returns how many were not noticed. */
static inline int case_flip(Case *c, ReadFn *read, const char *bytes, size_t n) {
    char *copy = malloc(n);
    int accepted = 0;
    memcpy(copy, bytes, n);
    for (size_t i = 0; i < 8 * n; i++) {
        copy[i / 8] = (char)(copy[i / 8] ^ 1 << i % 8);
        accepted += case_try(c, read, copy, n);
        copy[i / 8] = bytes[i / 8];
    }
    free(copy);
    return accepted;
}

#endif
