/* Standardize layers: a program that ends before the layer runs over the training data. */
#include "train/standardize.h"

#include <math.h>
#include <string.h>

#include "train/cast.h"
#include "train/weights.h"

typedef struct {                       /* of one place along the axis */
    double shift;                      /* the first value, so that squares stay small */
    double sum, square, n;
} Moments;

static void moments_add(Moments *m, double x) {
    if (m->n == 0)
        m->shift = x;
    x -= m->shift;
    m->sum += x;
    m->square += x * x;
    m->n += 1;
}

/* A batch: element i stands at place i / inner % places. */
static void add_batch(Moments *m, const Type *t, int axis, int64_t rows, const void *x) {
    int64_t inner = 1, count = rows, places = t->dim[axis].n;
    for (int i = 1; i < t->rank; i++) {
        count *= t->dim[i].n;
        inner *= i > axis ? t->dim[i].n : 1;
    }
    for (int64_t i = 0; i < count; i++)
        moments_add(&m[i / inner % places], cast_element(t->dtype, x, i));
}

static bool run(Session *part, const Examples *e, int axis, Moments *m) {
    Arena *temp = arena_new();
    int entry = session_entry(part, "forward");
    const Type *t = &part->program->entry[entry].out[0].type;
    void **in = examples_buffers(temp, e->set, part->program->batch);
    void **out = session_outputs(temp, part, entry);
    bool ok = true;
    for (int64_t at = 0, rows; ok && at < e->n; at += rows) {
        rows = e->n - at < part->program->batch ? e->n - at : part->program->batch;
        examples_copy(e, NULL, at, rows, e->set->ninput, in);
        ok = session_run(part, entry, rows, (const void *const *)in, out);
        if (ok)
            add_batch(m, t, axis, rows, out[0]);
    }
    arena_free(temp);
    return ok;
}

static bool fill(Session *s, Session *part, const Examples *e, const Standardize *layer) {
    Arena *temp = arena_new();
    Tensors from = session_tensors(temp, s, PART_WEIGHTS);
    Tensor *mean = tensors_find(&from, layer->mean), *std = tensors_find(&from, layer->std);
    Moments *m = NEW(temp, mean->type.dim[0].n, Moments);
    bool ok = weights_set(part, diag_nowhere(s->model->diag), &from, PART_WEIGHTS) &&
              run(part, e, layer->axis, m);
    for (int64_t i = 0; ok && i < mean->type.dim[0].n; i++) {
        double off = m[i].sum / m[i].n, var = m[i].square / m[i].n - off * off;
        float deviation = (float)sqrt(fmax(var, 0));
        ((float *)mean->data)[i] = (float)(m[i].shift + off);
        ((float *)std->data)[i] = deviation > 0 ? deviation : 1;
    }
    arena_free(temp);
    return ok;
}

bool standardize_fill(Session *s, const Examples *train) {
    bool ok = true;
    for (int i = 0; ok && i < s->model->nstandardize; i++) {
        SessionOptions o = s->options;
        o.program.standardize = i + 1;
        o.program.only = NULL;
        Session *part = session_open(s->model, &o);
        ok = part && fill(s, part, train, &s->model->standardize[i]);
        session_close(part);
    }
    return ok;
}
