/* Checkpoints: a session's memory and the state of its training, to and from a folder. */
#define _XOPEN_SOURCE 700
#include "train/checkpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "train/weights.h"

typedef struct { const char *key; size_t at; } Number;

static const Number whole[] = {
    {"epoch", offsetof(TrainState, epoch)},
    {"step", offsetof(TrainState, step)},
    {"at", offsetof(TrainState, at)},
    {"best_step", offsetof(TrainState, best_step)},
    {"waited", offsetof(TrainState, waited)},
    {"seed", offsetof(TrainState, seed)},
    {"batch", offsetof(TrainState, batch)},
    {"examples", offsetof(TrainState, examples)},
};
static const Number real[] = {
    {"best", offsetof(TrainState, best)},
    {"weight", offsetof(TrainState, weight)},
};
static const char format[] = "kiln checkpoint 1";

const char *checkpoint_path(Arena *a, const char *run, const char *file) {
    return arena_printf(a, "%s/%s", run, file);
}

/* --- the folder --- */

static bool make_folders(Arena *a, Loc loc, const char *path) {
    char *s = arena_printf(a, "%s", path);
    for (char *p = s + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        mkdir(s, 0777);                /* what fails here fails below */
        *p = '/';
    }
    struct stat st;
    if (mkdir(s, 0777) && !(errno == EEXIST && !stat(s, &st) && S_ISDIR(st.st_mode)))
        return diag_system(loc, "cannot make the folder '%s': %s", path, strerror(errno));
    return true;
}

/* Paths of data that start at the model's file become absolute: the file moves. */
static void absolute(Arena *a, const Model *m, const char *folder, Tree *t) {
#define KEY(name) #name,
    static const char *const keys[] = {DATA_FILES(KEY)};
#undef KEY
    for (size_t i = 0; i < COUNT(keys); i++) {
        Tree *path = tree_find(t, keys[i]);
        if (path && path->kind == TREE_SCALAR && !tree_null(path) && path->text[0] != '/')
            path->text = strs_z(m->strs, arena_printf(a, "%s/%s", folder, path->text));
    }
}

static Tree *moved(Arena *a, const Model *m) {
    static const char *const sections[] = {"train", "valid", "test"};
    Tree *root = tree_copy(a, m->tree), *data = tree_find(root, "data");
    const char *here = dataset_path(a, m, ".");
    char *folder = realpath(here, NULL);
    for (size_t i = 0; folder && data && i < COUNT(sections); i++) {
        Tree *t = tree_find(data, sections[i]);
        if (t)
            absolute(a, m, folder, t);
    }
    free(folder);
    return root;
}

bool checkpoint_folder(const Model *m, const char *run) {
    Arena *temp = arena_new();
    Loc loc = diag_nowhere(m->diag);
    Text yaml = {0};
    tree_print(&yaml, moved(temp, m));
    bool ok = make_folders(temp, loc, run) &&
              file_write(loc, checkpoint_path(temp, run, "model.yaml"), yaml.s, yaml.n);
    text_free(&yaml);
    arena_free(temp);
    return ok;
}

/* --- numbers as metadata --- */

static void put(Arena *a, Metas *list, const char *key, const char *value) {
    PUSH(a, list->item, list->n) = (Meta){key, value};
}

static void put_real(Arena *a, Metas *list, const char *key, double x) {
    put(a, list, key, num_double(NEW(a, 40, char), x));
}

static Metas metas(Arena *a, const TrainState *s) {
    Metas list = {0};
    put(a, &list, "format", format);
    for (size_t i = 0; i < COUNT(whole); i++) {
        const int64_t *x = (const void *)((const char *)s + whole[i].at);
        put(a, &list, whole[i].key, arena_printf(a, "%lld", (long long)*x));
    }
    for (size_t i = 0; i < COUNT(real); i++) {
        const double *x = (const void *)((const char *)s + real[i].at);
        put_real(a, &list, real[i].key, *x);
    }
    for (int i = 0; i < MAX_METRICS; i++)
        put_real(a, &list, arena_printf(a, "sum%d", i), s->sum[i]);
    return list;
}

static bool get_real(Loc file, const Metas *list, const char *key, double *out) {
    const char *text = metas_find(list, key);
    return (text && num_parse(text, strlen(text), out)) ||
           diag_error(file, "not a checkpoint that this version reads: '%s' is %s", key,
                      text ? "no number" : "missing");
}

static bool get_whole(Loc file, const Metas *list, const char *key, int64_t *out) {
    const char *text = metas_find(list, key);
    char *end = NULL;
    errno = 0;
    *out = text ? strtoll(text, &end, 10) : -1;
    return (text && end > text && !*end && !errno && *out >= 0) ||
           diag_error(file, "not a checkpoint that this version reads: '%s' is %s", key,
                      text ? "no whole number" : "missing");
}

static bool same(Loc file, const char *what, int64_t got, int64_t expected) {
    return got == expected ||
           diag_error(file, "made with %s %lld, the run that is to go on has %lld", what,
                      (long long)got, (long long)expected);
}

static bool get_state(Arena *a, Loc file, const Metas *list, TrainState *s) {
    const char *is = metas_find(list, "format");
    TrainState got = {0};
    if (!is || strcmp(is, format))
        return diag_error(file, "not a checkpoint: 'format' is %s%s%s, expected '%s'",
                          is ? "'" : "", is ? is : "missing", is ? "'" : "", format);
    for (size_t i = 0; i < COUNT(whole); i++)
        if (!get_whole(file, list, whole[i].key, (void *)((char *)&got + whole[i].at)))
            return false;
    for (size_t i = 0; i < COUNT(real); i++)
        if (!get_real(file, list, real[i].key, (void *)((char *)&got + real[i].at)))
            return false;
    for (int i = 0; i < MAX_METRICS; i++)
        if (!get_real(file, list, arena_printf(a, "sum%d", i), &got.sum[i]))
            return false;
    bool ok = same(file, "seed", got.seed, s->seed);
    ok = same(file, "batch", got.batch, s->batch) && ok;
    ok = same(file, "training examples", got.examples, s->examples) && ok;
    if (ok)
        *s = got;
    return ok;
}

/* --- files --- */

bool checkpoint_save(const Session *s, const char *run, const TrainState *state) {
    Arena *temp = arena_new();
    Tensors list = session_tensors(temp, s, PART_ALL);
    Metas meta = metas(temp, state);
    bool ok = safetensors_write(diag_nowhere(s->model->diag),
                                checkpoint_path(temp, run, "checkpoint.safetensors"), &list, &meta);
    arena_free(temp);
    return ok;
}

bool checkpoint_weights(const Session *s, const char *run, const char *which,
                        const TrainState *state) {
    Arena *temp = arena_new();
    const char *watched = s->model->set.train.stop_metric;
    Metas meta = {0};
    put(temp, &meta, "format", "pt");
    put(temp, &meta, "weights", which);
    put(temp, &meta, "epoch", arena_printf(temp, "%lld", (long long)state->epoch));
    put(temp, &meta, "step", arena_printf(temp, "%lld", (long long)state->step));
    if (watched && state->best_step)
        put_real(temp, &meta, watched, state->best);
    bool ok = weights_write(s, diag_nowhere(s->model->diag),
                            checkpoint_path(temp, run, "weights.safetensors"), &meta);
    arena_free(temp);
    return ok;
}

bool checkpoint_load(Session *s, const char *run, TrainState *state) {
    Arena *temp = arena_new();
    const char *path = checkpoint_path(temp, run, "checkpoint.safetensors");
    Loc loc = diag_nowhere(s->model->diag), file = tensor_file(loc, path);
    Tensors list = {0};
    Metas meta = {0};
    bool ok = safetensors_read(temp, loc, path, &list, &meta) &&
              get_state(temp, file, &meta, state) && weights_set(s, file, &list, PART_ALL);
    arena_free(temp);
    return ok;
}
