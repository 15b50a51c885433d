/* For tests of training: a folder of files, models from text, what was said, runs. */
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

/* What is asked for, or the interpreter where there is no JIT. */
static inline Backend backend_or(Backend b) {
    return b == EXEC_JIT && !exec_has_jit() ? EXEC_INTERP : b;
}

/* Training of a model in the folder `run`; ends before step `most` of this call. */
typedef struct {
    Folder *f;
    const char *text;
    int threads;                       /* 0: 1 */
    int nset;
    const char *const *set;
    const char *run;                   /* NULL: nothing is written */
    bool resume;
    int most;                          /* 0: no end */
    bool strict;
    Backend backend;                   /* see backend_or */
    bool split;                        /* some kernel must be cut for threads */
} Job;

static inline bool job_enough(void *user) {
    int *left = user;
    return --*left < 0;
}

static inline Session *job_open(const Job *j, Model *m) {
    SessionOptions o = {.program = {.training = true, .threads = j->threads,
                                    .only = TRAINER_ENTRIES},
                        .exec = {.backend = backend_or(j->backend), .cflags = "-O1"}};
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    m->strict = j->strict;
    Session *s = session_open(m, &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    bool split = !j->split;
    for (int i = 0; i < s->program->nkernel; i++)
        split |= s->program->kernel[i]->parallel;
    CU_ASSERT_TRUE(split);
    return s;
}

static inline TrainResult job_run(const Job *j) {
    Model *m = folder_model(j->f, j->text, j->nset, j->set);
    Session *s = job_open(j, m);
    Data data;
    TrainResult result;
    int left = j->most;
    TrainOptions o = {.run = j->run ? folder_file(j->f, j->run) : NULL, .resume = j->resume,
                      .stop = j->most ? job_enough : NULL, .user = &left};
    CU_ASSERT_TRUE_FATAL(data_open(j->f->arena, m, NULL, &data));
    trainer_run(s, &data, &o, &result);
    session_close(s);
    return result;
}

/* All that two runs wrote of their memory: weights, state, the optimizer's, sums. */
static inline bool runs_same(Folder *f, const char *a, const char *b) {
    static const char *const file[] = {"weights", "checkpoint"};
    bool same = true;
    for (size_t i = 0; i < COUNT(file); i++)
        same &= folder_same(f, arena_printf(f->arena, "%s/%s.safetensors", a, file[i]),
                            arena_printf(f->arena, "%s/%s.safetensors", b, file[i]));
    return same;
}

#endif
