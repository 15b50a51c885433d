/* Prediction: batches through an entry, gathered as columns or arrays. */
#include "train/predict.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/npy.h"

/* --- evaluation --- */

const char *metric_name(const Model *m, int i) {
    return i ? m->set.train.metrics.item[i - 1] : "loss";
}

/* The order of the examples, where the loss carries states; they begin again. */
static bool begin_streams(Arena *a, Session *s, const Examples *e, int64_t **order) {
    int reset = program_entry(s->program, "loss_reset");
    *order = NULL;
    if (reset < 0)
        return true;
    *order = NEW(a, e->n, int64_t);
    examples_streams(*order, e->n, s->program->batch);
    return session_run(s, reset, 1, NULL, NULL);
}

int predict_evaluate(Session *s, const Examples *e, double value[MAX_METRICS]) {
    Arena *temp = arena_new();
    int entry = session_entry(s, "loss"), n = s->program->entry[entry].nout;
    void **in = examples_buffers(temp, e->set, s->program->batch);
    void **out = session_outputs(temp, s, entry);
    double sum[MAX_METRICS] = {0}, weight = 0;
    int64_t *order;
    bool ok = begin_streams(temp, s, e, &order);
    if (n > MAX_METRICS)
        bug("%d metrics", n);
    for (int64_t at = 0, rows; ok && at < e->n; at += rows) {
        rows = e->n - at < s->program->batch ? e->n - at : s->program->batch;
        examples_copy(e, order, at, rows, e->set->nfield, in);
        ok = session_run(s, entry, rows, (const void *const *)in, out);
        double part = examples_weight(e->set, rows, in);
        for (int i = 0; ok && part > 0 && i < n; i++)
            sum[i] += (double)*(float *)out[i] * part;
        weight += part;
    }
    for (int i = 0; i < n; i++)
        value[i] = sum[i] / weight;
    arena_free(temp);
    return ok ? n : 0;
}

/* --- results --- */

typedef struct {                       /* one output, or one statistic of it */
    const char *name;
    const char *statistic;             /* NULL: the value itself */
    int output;
    Tensor all;                        /* of all examples */
    int64_t count;                     /* elements of an example */
} Column;

typedef struct {
    Arena *arena;
    Session *s;
    const Examples *e;
    const PredictOptions *o;
    int entry;
    int64_t samples;                   /* 1: one run of `forward` */
    int ncolumn;
    Column *column;
    void **in, **out;
    float **draws;                     /* for each output: samples of a batch */
} Predict;

static const Slot *output(const Predict *p, int i) {
    return &p->s->program->entry[p->entry].out[i];
}

static int64_t count_of(const Type *t) {
    int64_t n = 1;
    for (int i = 1; i < t->rank; i++)
        n *= t->dim[i].n;
    return n;
}

static void add_column(Predict *p, int i, const char *statistic) {
    const Slot *s = output(p, i);
    Column c = {.name = s->name, .statistic = statistic, .output = i, .count = count_of(&s->type)};
    Type t = s->type;
    t.dim[0] = (Dim){p->e->n, false};
    t.dtype = statistic ? F32 : t.dtype;
    if (statistic)
        c.name = arena_printf(p->arena, "%s.%s", s->name, statistic);
    c.all = tensor_new(p->arena, c.name, &t);
    PUSH(p->arena, p->column, p->ncolumn) = c;
}

static void add_columns(Predict *p) {
    bool sampled = p->samples > 1;
    for (int i = 0; i < p->s->program->entry[p->entry].nout; i++) {
        for (int k = 0; sampled && k < p->o->report.n; k++)
            add_column(p, i, p->o->report.item[k]);
        if (!sampled)
            add_column(p, i, NULL);
    }
}

/* --- statistics --- */

static int by_value(const void *a, const void *b) {
    const float *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double mean_of(const float *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum / (double)n;
}

static double std_of(const float *x, int64_t n) {
    double mean = mean_of(x, n), sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += ((double)x[i] - mean) * ((double)x[i] - mean);
    return sqrt(sum / (double)(n - 1));
}

/* Of sorted values, straight lines between them; "q05" is 5 in a hundred. */
static double quantile(const float *x, int64_t n, const char *name) {
    double at = strtod(name + 1, NULL) / 100 * (double)(n - 1);
    int64_t i = (int64_t)at;
    double low = (double)x[i], high = (double)x[i + (i + 1 < n)];
    return low + (high - low) * (at - (double)i);
}

static double statistic(const char *name, const float *sorted, int64_t n) {
    return !strcmp(name, "mean") ? mean_of(sorted, n)
         : !strcmp(name, "std")  ? std_of(sorted, n) : quantile(sorted, n, name);
}

/* Sample number k of all outputs, for `rows` examples. */
static void keep_draw(Predict *p, int64_t k, int64_t rows) {
    for (int i = 0; i < p->s->program->entry[p->entry].nout; i++) {
        const float *from = p->out[i];
        int64_t count = rows * count_of(&output(p, i)->type);
        for (int64_t j = 0; j < count; j++)
            p->draws[i][j * p->samples + k] = from[j];
    }
}

static void sort_draws(Predict *p, int64_t rows) {
    for (int i = 0; i < p->s->program->entry[p->entry].nout; i++)
        for (int64_t j = 0; j < rows * count_of(&output(p, i)->type); j++)
            qsort(p->draws[i] + j * p->samples, (size_t)p->samples, sizeof(float), by_value);
}

/* --- batches --- */

/* Sample k of batch b has a step of its own, so that all draws differ. */
static bool run_batch(Predict *p, int64_t batch, int64_t rows) {
    int64_t samples = p->samples;
    for (int64_t k = 0; k < samples; k++) {
        session_random(p->s, p->o->seed, (uint32_t)(batch * samples + k));
        if (!session_run(p->s, p->entry, rows, (const void *const *)p->in, p->out))
            return false;
        if (samples > 1)
            keep_draw(p, k, rows);
    }
    if (samples > 1)
        sort_draws(p, rows);
    return true;
}

static void keep_batch(Predict *p, int64_t at, int64_t rows) {
    for (int i = 0; i < p->ncolumn; i++) {
        Column *c = &p->column[i];
        int64_t n = rows * c->count, bytes = dtype_info[c->all.type.dtype].bytes;
        unsigned char *to = (unsigned char *)c->all.data + at * c->count * bytes;
        if (!c->statistic)
            memcpy(to, p->out[c->output], (size_t)(n * bytes));
        for (int64_t j = 0; c->statistic && j < n; j++) {
            const float *draw = p->draws[c->output] + j * p->samples;
            ((float *)(void *)to)[j] = (float)statistic(c->statistic, draw, p->samples);
        }
    }
}

static bool run_all(Predict *p) {
    int64_t most = p->s->program->batch, nout = p->s->program->entry[p->entry].nout;
    p->in = examples_buffers(p->arena, p->e->set, most);
    p->out = session_outputs(p->arena, p->s, p->entry);
    p->draws = NEW(p->arena, nout + 1, float *);
    for (int i = 0; i < nout && p->samples > 1; i++)
        p->draws[i] = NEW(p->arena, most * count_of(&output(p, i)->type) * p->samples, float);
    for (int64_t at = 0, rows, batch = 0; at < p->e->n; at += rows, batch++) {
        rows = p->e->n - at < most ? p->e->n - at : most;
        examples_copy(p->e, NULL, at, rows, p->e->set->ninput, p->in);
        if (!run_batch(p, batch, rows))
            return false;
        keep_batch(p, at, rows);
    }
    return true;
}

/* --- files --- */

/* A field, in quotes where it needs them. */
static void put_field(Text *out, const char *s) {
    if (!strpbrk(s, ",\"\n\r")) {
        text_printf(out, "%s", s);
        return;
    }
    text_put(out, "\"", 1);
    for (; *s; s++)
        text_put(out, "\"\"", *s == '"' ? 2 : 0), text_put(out, s, *s != '"');
    text_put(out, "\"", 1);
}

static void put_names(const Predict *p, Text *out) {
    for (int i = 0; i < p->ncolumn; i++)
        for (int64_t k = 0; k < p->column[i].count; k++) {
            Text name = {0};
            text_printf(&name, "%s", p->column[i].name);
            if (p->column[i].count > 1)
                text_printf(&name, "_%lld", (long long)k);
            text_put(out, ",", i || k);
            put_field(out, name.s);
            text_free(&name);
        }
    text_put(out, "\n", 1);
}

static void put_number(Text *out, const Tensor *t, int64_t i) {
    char buf[40];
    switch (t->type.dtype) {
    case F32: text_printf(out, "%s", num_float(buf, ((const float *)t->data)[i])); return;
    case F64: text_printf(out, "%s", num_double(buf, ((const double *)t->data)[i])); return;
    case I32: text_printf(out, "%d", (int)((const int32_t *)t->data)[i]); return;
    case I64: text_printf(out, "%lld", (long long)((const int64_t *)t->data)[i]); return;
    case U32: text_printf(out, "%u", (unsigned)((const uint32_t *)t->data)[i]); return;
    case U64: text_printf(out, "%llu", (unsigned long long)((const uint64_t *)t->data)[i]); return;
    case U8:
    case BOOL: text_printf(out, "%d", ((const uint8_t *)t->data)[i]); return;
    case NDTYPE: break;
    }
    bug("element type %d", (int)t->type.dtype);
}

static bool write_csv(const Predict *p, Loc loc) {
    Text out = {0};
    put_names(p, &out);
    for (int64_t e = 0; e < p->e->n; e++) {
        for (int i = 0; i < p->ncolumn; i++)
            for (int64_t k = 0; k < p->column[i].count; k++) {
                text_put(&out, ",", i || k);
                put_number(&out, &p->column[i].all, e * p->column[i].count + k);
            }
        text_put(&out, "\n", 1);
    }
    bool ok = strcmp(p->o->path, "-") ? file_write(loc, p->o->path, out.s, out.n)
              : (fwrite(out.s, 1, out.n, stdout) == out.n && !fflush(stdout)) ||
                    diag_error(loc, "cannot write to stdout: %s", strerror(errno));
    text_free(&out);
    return ok;
}

static bool write_npy(const Predict *p, Loc loc) {
    if (p->ncolumn == 1)
        return npy_write(loc, p->o->path, &p->column[0].all);
    return diag_error(loc, "'%s': an .npy file holds one array, there are %d, '%s' and '%s' among "
                      "them: write a CSV file", p->o->path, p->ncolumn, p->column[0].name,
                      p->column[1].name);
}

bool predict_write(Session *s, const Examples *e, const PredictOptions *o) {
    Arena *temp = arena_new();
    size_t len = strlen(o->path);
    bool npy = len > 4 && !strcmp(o->path + len - 4, ".npy");
    bool sampled = o->samples > 1 && program_entry(s->program, "sample") >= 0;
    Predict p = {.arena = temp, .s = s, .e = e, .o = o,
                 .samples = sampled ? o->samples : 1,
                 .entry = session_entry(s, sampled ? "sample" : "forward")};
    add_columns(&p);
    Loc loc = diag_nowhere(s->model->diag);
    bool ok = run_all(&p) && (npy ? write_npy(&p, loc) : write_csv(&p, loc));
    arena_free(temp);
    return ok;
}
