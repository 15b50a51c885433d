/* For tests of training: a folder of files, models from text, what was said. */
#ifndef KILN_TESTS_TRAIN_CASE_H
#define KILN_TESTS_TRAIN_CASE_H

#include "tests/unit/unit.h"
#include "train/trainer.h"

#include <stdlib.h>
#include <string.h>

typedef struct Folder {
    Arena *arena;
    Diag *diag;
    const char *path;
    Text said;                         /* without the folder's path */
} Folder;

static inline void folder_hear(void *user, DiagKind kind, Loc loc, const char *message) {
    Folder *f = user;
    Text line = {0};
    diag_render(&line, kind, loc, message);
    for (char *p = line.s, *at; *p; p = at) {
        at = strstr(p, f->path);
        text_put(&f->said, p, at ? (size_t)(at - p) : strlen(p));
        at = at ? at + strlen(f->path) + 1 : p + strlen(p);
    }
    text_free(&line);
}

static inline Folder *folder_open(void) {
    Arena *a = arena_new();
    Folder *f = NEW(a, 1, Folder);
    *f = (Folder){.arena = a, .diag = diag_new(a, folder_hear, f), .path = unit_folder(a)};
    return f;
}

static inline const char *folder_file(Folder *f, const char *name) {
    return arena_printf(f->arena, "%s/%s", f->path, name);
}

static inline void folder_close(Folder *f) {
    char *command = arena_printf(f->arena, "rm -r '%s'", f->path);
    CU_ASSERT_EQUAL(system(command), 0);
    text_free(&f->said);
    arena_free(f->arena);
}

static inline void folder_put(Folder *f, const char *name, const void *bytes, size_t n) {
    CU_ASSERT_TRUE_FATAL(file_write(diag_nowhere(f->diag), folder_file(f, name), bytes, n));
}

static inline void folder_text(Folder *f, const char *name, const char *text) {
    folder_put(f, name, text, strlen(text));
}

/* The file's bytes, or "" with an error said. */
static inline char *folder_get(Folder *f, const char *name, size_t *n) {
    char *s = file_read(f->arena, diag_nowhere(f->diag), folder_file(f, name), 1 << 28, n);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    return s;
}

static inline bool folder_same(Folder *f, const char *x, const char *y) {
    size_t n, m;
    const char *a = folder_get(f, x, &n), *b = folder_get(f, y, &m);
    return n == m && !memcmp(a, b, n);
}

/* An IDX file of bytes; dims up to a 0. */
static inline void folder_idx(Folder *f, const char *name, const int *dim, const uint8_t *data) {
    Text t = {0};
    int rank = 0;
    size_t n = 1;
    for (; dim[rank]; rank++)
        n *= (size_t)dim[rank];
    text_put(&t, (const char[]){0, 0, 8, (char)rank}, 4);
    for (int i = 0; i < rank; i++)
        text_put(&t, (const char[]){0, 0, (char)(dim[i] >> 8), (char)dim[i]}, 4);
    text_put(&t, (const char *)data, n);
    folder_put(f, name, t.s, t.n);
    text_free(&t);
}

/* The model of a text that seems to lie in the folder. NULL: said. */
static inline Model *folder_model(Folder *f, const char *text, int nset, const char *const *set) {
    ModelOptions o = {.path = folder_file(f, "m.yaml"), .text = text, .size = strlen(text),
                      .nset = nset, .set = set, .training = true};
    return model_load(f->arena, f->diag, &o);
}

#endif
