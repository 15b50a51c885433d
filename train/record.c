/* Records: JSON by jansson, a line for each, written through. */
#include "train/record.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct Records {
    const Model *m;
    const char *path;
    FILE *file;
};

static bool failed(const Records *r) {
    return diag_system(diag_nowhere(r->m->diag), "cannot write '%s': %s", r->path,
                       strerror(errno));
}

/* The lines of the old file that hold for steps up to `step`. */
static void keep_lines(Text *out, const char *text, int64_t step) {
    for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
        json_t *line = json_loadb(text, (size_t)(end - text), 0, NULL);
        const json_t *at = line ? json_object_get(line, "step") : NULL;
        bool ended = line && (json_object_get(line, "test") || json_object_get(line, "diverged"));
        if (at && !ended && json_integer_value(at) <= step)
            text_put(out, text, (size_t)(end - text) + 1);
        json_decref(line);
    }
}

static bool cut(Records *r, int64_t step) {
    enum { LARGEST = 1 << 28 };
    Arena *temp = arena_new();
    Loc loc = diag_nowhere(r->m->diag);
    Text kept = {0};
    FILE *old = step >= 0 ? fopen(r->path, "rb") : NULL;
    size_t size;
    char *text = old ? file_read(temp, loc, r->path, LARGEST, &size) : NULL;
    bool ok = !old || text;
    if (old)
        fclose(old);
    if (text)
        keep_lines(&kept, text, step);
    ok = ok && file_write(loc, r->path, kept.n ? kept.s : "", kept.n);
    text_free(&kept);
    arena_free(temp);
    return ok;
}

Records *records_open(Arena *a, const Model *m, const char *path, int64_t step) {
    Records *r = NEW(a, 1, Records);
    *r = (Records){.m = m, .path = path};
    if (!cut(r, step))
        return NULL;
    r->file = fopen(path, "ab");
    if (!r->file)
        failed(r);
    return r->file ? r : NULL;
}

static json_t *number(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static void put_metrics(const Records *r, json_t *to, const char *key, int n,
                        const double *value) {
    if (!value)
        return;
    json_t *all = json_object();
    for (int i = 0; i < n; i++)
        json_object_set_new(all, metric_name(r->m, i), number(value[i]));
    json_object_set_new(to, key, all);
}

bool records_add(Records *r, const Record *x) {
    json_t *line = json_object();
    json_object_set_new(line, "epoch", json_integer(x->epoch));
    json_object_set_new(line, "step", json_integer(x->step));
    json_object_set_new(line, "lr", number(x->lr));
    json_object_set_new(line, "seconds", number(x->seconds));
    if (x->diverged)
        json_object_set_new(line, "diverged", json_true());
    put_metrics(r, line, "train", x->nmetric, x->train);
    put_metrics(r, line, "valid", x->nmetric, x->valid);
    put_metrics(r, line, "test", x->nmetric, x->test);
    char *text = json_dumps(line, 0);
    json_decref(line);
    if (!text)
        out_of_memory();
    bool ok = fprintf(r->file, "%s\n", text) > 0 && !fflush(r->file);
    free(text);
    return ok || failed(r);
}

void records_close(Records *r) {
    if (r && r->file)
        fclose(r->file);
}
