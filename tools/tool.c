/* What the subcommands share: models from files or runs, programs, weights, files. */
#define _POSIX_C_SOURCE 200809L
#include "tools/tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/crash.h"

static void report(void *user, DiagKind kind, Loc loc, const char *message) {
    Text out = {0};
    if (kind == DIAG_WARNING && ((Tool *)user)->quiet)
        return;
    diag_render(&out, kind, loc, message);
    fwrite(out.s, 1, out.n, stderr);
    text_free(&out);
}

Tool *tool_new(const Args *args) {
    Arena *a = arena_new();
    Tool *t = NEW(a, 1, Tool);
    struct stat st;
    *t = (Tool){
        .args = args, .arena = a, .diag = diag_new(a, report, t), .path = args->file};
    if (args->file && stat(args->file, &st) == 0 && S_ISDIR(st.st_mode)) {
        t->run = args->file;
        t->path = arena_printf(a, "%s/model.yaml", args->file);
    }
    return t;
}

int tool_end(Tool *t, bool ok) {
    int code = diag_status(t->diag);
    arena_free(t->arena);
    return ok ? DONE : code ? code : BAD_INPUT;
}

int tool_usage(Tool *t) {
    arena_free(t->arena);
    return BAD_USAGE;
}

bool tool_model(Tool *t, bool training, int64_t batch) {
    const Args *a = t->args;
    ModelOptions o = {.path = t->path,
                      .nset = a->set.n,
                      .set = a->set.item,
                      .batch = batch,
                      .training = training,
                      .strict = a->math && strcmp(a->math, "strict") == 0};
    t->model = model_load(t->arena, t->diag, &o);
    if (t->model && training && !t->model->set.train.given) {
        diag_error((Loc){t->model->source, 0, 0},
                   "the model has no section `train`, which says how to");
        t->model = NULL;
    }
    return t->model != NULL;
}

static bool unknown_target(const char *name) {
    Text list = {0};
    for (int i = 0; i < target_count; i++)
        text_printf(&list, "%s, ", target_info[i].name);
    usage_error("--target: got '%s', expected %snative", name, list.n ? list.s : "");
    text_free(&list);
    return false;
}

/* Is each word of the list a pass, and may it be left out? */
static bool passes_known(const char *option, const char *list, bool all, bool skip) {
    const char *known[64];
    int n = 0;
    for (; n < pass_count && n < 64; n++)
        known[n] = pass_info[n].name;
    for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',') {
        char word[32];
        bool found = false, fixed = false;
        snprintf(word, sizeof word, "%.*s", (int)strcspn(at, ","), at);
        for (int i = 0; i < n; i++)
            if (strcmp(word, known[i]) == 0) {
                found = true;
                fixed = skip && pass_info[i].needed;
            }
        if (fixed)
            return usage_error("--%s: nothing works without the pass '%s'", option,
                               word);
        if (!found && !(all && strcmp(word, "all") == 0))
            return usage_unknown("pass", word, n, known);
    }
    return true;
}

bool tool_options(Tool *t, ProgramOptions *o) {
    const Args *a = t->args;
    o->target = target_find(a->target ? a->target : "native");
    if (!o->target)
        return unknown_target(a->target);
    if (!passes_known("dump", a->dump, true, false) ||
        !passes_known("skip", a->skip, false, true))
        return false;
    o->threads = a->threads > 0 ? (int)a->threads : 1;
    o->pass = (PassOptions){.only_off = a->skip,
                            .dump = a->dump,
                            .out = stderr,
                            .verify = a->verify,
                            .timing = a->timing};
    o->running = crash_module();
    return true;
}

Program *tool_program(Tool *t, ProgramOptions *o) {
    return program_build(t->arena, t->model, o);
}

bool tool_streams(Tool *t) {
    ProgramOptions o = {.only = "stream"};
    int n;
    return !t->model->set.deploy.stream || program_graphs(t->arena, t->model, &o, &n);
}

const char *tool_weights(const Tool *t) {
    if (t->args->weights)
        return t->args->weights;
    return t->run ? arena_printf(t->arena, "%s/weights.safetensors", t->run) : NULL;
}

bool tool_read_weights(Tool *t, Session *s) {
    const Words *list = &t->args->rename;
    Rename *r = NEW(t->arena, list->n + 1, Rename);
    for (int i = 0; i < list->n; i++)
        tool_pair(t->arena, list->item[i], &r[i].pattern, &r[i].replacement);
    return weights_read(s, diag_nowhere(t->diag), tool_weights(t), list->n, r);
}

bool tool_vocabs(Tool *t, Vocabs *out) {
    const DataFiles *train = &t->model->set.data.train;
    Dataset set;
    *out = (Vocabs){NULL, NULL};
    if (t->run)
        return data_read_vocabs(t->arena, t->model, t->run, out);
    return !(train->text || train->tagged) ||
           dataset_load(t->arena, t->model, train, "train", t->model->label.n > 0, out, &set);
}

bool tool_seed(const Tool *t, uint64_t *seed) {
    const char *text = t->args->seed;
    char *end;
    *seed = t->model ? (uint64_t)t->model->set.train.seed : 0;
    if (!text)
        return true;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    return (*text >= '0' && *text <= '9' && !*end && !errno) ||
           usage_error("--seed: got '%s', expected a whole number below 2^64", text);
}

Backend tool_backend(const Tool *t) {
    Backend b = exec_has_jit() ? EXEC_JIT : EXEC_C;
    if (t->args->backend)
        exec_find(t->args->backend, &b);
    return b;
}

bool tool_folder(Tool *t, const char *path) {
    char *copy = arena_printf(t->arena, "%s", path);
    struct stat st;
    for (char *at = copy + 1;; at++) {
        char c = *at;
        if (c && c != '/')
            continue;
        *at = 0;
        if (mkdir(copy, 0777) &&
            (errno != EEXIST || stat(copy, &st) || !S_ISDIR(st.st_mode)))
            return diag_system(diag_nowhere(t->diag), "cannot make the folder '%s': %s",
                               copy, strerror(errno));
        if (!c)
            return true;
        *at = c;
    }
}

char *tool_file_name(Arena *a, const char *name) {
    char *s = arena_printf(a, "%s", name);
    for (char *c = s; *c; c++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-",
                    *c))
            *c = '_';
    return s;
}

void tool_pair(Arena *a, const char *arg, const char **name, const char **value) {
    size_t n = strcspn(arg, "=");
    *name = arena_printf(a, "%.*s", (int)n, arg);
    *value = arg[n] ? arg + n + 1 : "";
}

double tool_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool tool_print(const Text *out) {
    return out->n == fwrite(out->n ? out->s : "", 1, out->n, stdout) && !fflush(stdout);
}
