/* kiln bench: times an entry on made-up inputs; one line of JSON. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/profile.h"
#include "tools/tool.h"

typedef struct {
    Tool *tool;
    Session *session;
    const Program *program;
    int entry, threads;
    const void **in;
    void **out;
    double *ms; /* of each run */
    int repeat;
    double compile_ms, base_mb;
    Profile *profile; /* NULL: not asked for */
} Bench;

/* --- memory --- */

/* A line of /proc/self/status in MiB; 0 where there is none. */
static double status_mb(const char *key) {
    char line[256];
    double kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            kb = strtod(line + strlen(key), NULL);
    if (f)
        fclose(f);
    return kb / 1024;
}

/* What compiling took is not the model's: forget the peak so far. */
static void reset_peak(void) {
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (!f)
        return;
    fputs("5", f);
    fclose(f);
}

/* --- inputs --- */

static uint32_t next(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void fill(const Slot *s, void *data, uint32_t *seed) {
    int64_t n = type_bytes(&s->type) / dtype_info[s->type.dtype].bytes;
    int64_t range = s->lo < s->hi ? s->hi - s->lo : s->type.dtype == BOOL ? 2 : 256;
    for (int64_t i = 0; i < n; i++) {
        uint32_t r = next(seed);
        int64_t v = s->lo + (int64_t)r % range;
        switch (s->type.dtype) {
        case F32: ((float *)data)[i] = (float)r * 0x1p-23f - 1; break;
        case F64: ((double *)data)[i] = r * 0x1p-23 - 1; break;
        case I32:
        case U32: ((int32_t *)data)[i] = (int32_t)v; break;
        case I64:
        case U64: ((int64_t *)data)[i] = v; break;
        case U8:
        case BOOL: ((uint8_t *)data)[i] = (uint8_t)v; break;
        case NDTYPE: break;
        }
    }
}

static void arguments(Bench *b) {
    const Entry *e = &b->program->entry[b->entry];
    Arena *a = b->tool->arena;
    uint32_t seed = 1;
    b->in = NEW(a, e->nin + 1, const void *);
    b->out = NEW(a, e->nout + 1, void *);
    for (int i = 0; i < e->nin; i++) {
        const Slot *s = &b->program->input.slot[e->in[i]];
        void *data = arena_alloc(a, (size_t)type_bytes(&s->type) + 1);
        fill(s, data, &seed);
        b->in[i] = data;
    }
    for (int i = 0; i < e->nout; i++)
        b->out[i] = arena_alloc(a, (size_t)type_bytes(&e->out[i].type) + 1);
}

/* --- measuring --- */

static bool call(Bench *b) {
    if (b->profile)
        profile_start(b->profile);
    return session_run(b->session, b->entry, b->program->batch, b->in, b->out);
}

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static bool measure(Bench *b) {
    enum { MOST = 100000 };
    double start = tool_seconds(), once;
    if (!call(b))
        return false;
    once = tool_seconds() - start;
    if (b->profile)
        profile_clear(b->profile, b->program->nkernel);
    double runs = 1 / (once > 1e-7 ? once : 1e-7);
    int64_t given = b->tool->args->repeat;
    b->repeat = given > 0 ? (int)given : runs > MOST ? MOST : runs < 3 ? 3 : (int)runs;
    b->ms = NEW(b->tool->arena, b->repeat, double);
    for (int i = 0; i < b->repeat; i++) {
        double t = tool_seconds();
        if (!call(b))
            return false;
        b->ms[i] = 1e3 * (tool_seconds() - t);
    }
    qsort(b->ms, (size_t)b->repeat, sizeof *b->ms, by_value);
    return true;
}

static bool put_profile(Bench *b) {
    Text out = {0};
    profile_print(&out, b->profile, b->program, b->repeat);
    bool ok = tool_print(&out);
    text_free(&out);
    return ok;
}

static bool put(Bench *b, const char *backend) {
    if (b->profile)
        return put_profile(b);
    const Program *p = b->program;
    int n = b->repeat;
    json_t *j = json_pack(
        "{s:s,s:s,s:I,s:i,s:s,s:s,s:s,s:i,s:f,s:f,s:I,s:I,s:f,s:f,s:f}", "name",
        p->name, "entry", p->entry[b->entry].name, "batch", (json_int_t)p->batch,
        "threads", b->threads, "backend", backend, "target", p->target->name, "math",
        p->strict ? "strict" : "fast", "repeat", n, "ms_median",
        (b->ms[n / 2] + b->ms[(n - 1) / 2]) / 2, "ms_min", b->ms[0], "arena_bytes",
        (json_int_t)(program_planned(p) + b->threads * program_scratch(p)),
        "params_bytes", (json_int_t)p->param.bytes, "peak_rss_mb", status_mb("VmHWM:"),
        "base_rss_mb", b->base_mb, "compile_ms", b->compile_ms);
    char *text = json_dumps(j, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
    Text out = {0};
    text_printf(&out, "%s\n", text ? text : "{}");
    bool ok = tool_print(&out);
    text_free(&out);
    free(text);
    json_decref(j);
    return ok;
}

/* --- the command --- */

static bool prepare(Bench *b, const ProgramOptions *o, const char *entry,
                    uint64_t seed) {
    Tool *t = b->tool;
    SessionOptions s = {.program = *o, .exec = {.backend = tool_backend(t), .opt = 2}};
    if (t->args->profile) {
        b->profile = profile_new(t->arena);
        s.exec.watch = profile_watch;
        s.exec.watcher = b->profile;
    }
    double start = tool_seconds();
    b->session = session_compile(t->model, &s);
    b->compile_ms = 1e3 * (tool_seconds() - start);
    if (!b->session)
        return false;
    b->program = b->session->program;
    b->entry = program_entry(b->program, entry);
    if (b->entry < 0)
        return diag_error((Loc){t->model->source, 0, 0}, "the model has no entry '%s'",
                          entry);
    reset_peak();
    b->base_mb = status_mb("VmRSS:");
    arguments(b);
    return session_start(b->session) && session_init(b->session, seed) &&
           (!tool_weights(t) || tool_read_weights(t, b->session));
}

int command_bench(const Args *args) {
    Tool *t = tool_new(args);
    const char *entry = args->entry ? args->entry : "forward";
    bool training = strcmp(entry, "loss") == 0 || strcmp(entry, "grad") == 0 ||
                    strcmp(entry, "step") == 0;
    Bench b = {.tool = t, .threads = args->threads > 0 ? (int)args->threads : 1};
    ProgramOptions o = {.training = training,
                        .only = arena_printf(t->arena, "init,%s", entry)};
    uint64_t seed;
    if (args->profile && tool_backend(t) == EXEC_C) {
        usage_error("bench: --profile needs the backend jit or interp");
        return tool_usage(t);
    }
    if (!tool_options(t, &o) || !tool_seed(t, &seed))
        return tool_usage(t);
    bool ok = tool_model(t, training, args->batch > 0 ? args->batch : 0) &&
              tool_seed(t, &seed) && prepare(&b, &o, entry, seed) && measure(&b) &&
              put(&b, exec_name(tool_backend(t)));
    session_close(b.session);
    return tool_end(t, ok);
}
