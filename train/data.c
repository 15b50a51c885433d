/* Data: examples split into training and validation, shuffled, put together as batches. */
#include "train/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/permutation.h"

Examples examples_all(const Dataset *set) { return (Examples){set, set->n, NULL}; }

static int by_number(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int64_t part_of(const Part *part, int64_t n) {
    return (int64_t)floor(part->size * (double)n + 0.5);
}

int64_t data_count(const Model *m) {
    int64_t n = dataset_count(m);
    return n - part_of(&m->set.data.part, n);
}

/* The first rows of an order by lot, or the last rows, become the validation part. */
static bool split(Arena *a, const Model *m, Data *d) {
    const Part *part = &m->set.data.part;
    int64_t n = d->train.n, take = part_of(part, n);
    const Tree *t = tree_find(tree_find(m->tree, "data"), "valid");
    if (take < 1 || take >= n)
        return diag_error(t ? t->loc : diag_nowhere(m->diag), "data.valid: %g%% of %lld examples "
                          "leaves %s", part->size * 100, (long long)n,
                          take < 1 ? "none to validate on" : "none to train on");
    int64_t *row = NEW(a, n, int64_t);
    if (part->last) {
        for (int64_t i = 0; i < n; i++)
            row[i] = i < take ? n - take + i : i - take;
    } else {
        permutation_draw(row, n, (uint64_t)m->set.train.seed, 0, "split");
        qsort(row, (size_t)take, sizeof *row, by_number);
        qsort(row + take, (size_t)(n - take), sizeof *row, by_number);
    }
    d->valid = (Examples){d->train.set, take, row};
    d->train = (Examples){d->train.set, n - take, row + take};
    return true;
}

static bool load(Arena *a, const Model *m, const DataFiles *f, const char *section,
                 Dataset *set, Examples *out) {
    if (!f->csv && !f->images)
        return true;
    bool ok = dataset_load(a, m, f, section, true, set);
    *out = examples_all(set);
    return ok;
}

bool data_open(Arena *a, const Model *m, Data *out) {
    const Tree *data = tree_find(m->tree, "data");
    *out = (Data){.train.n = 0};
    if (!m->set.data.train.csv && !m->set.data.train.images)
        return diag_error(data ? data->loc : (Loc){m->source, 0, 0},
                          "data.train: no examples to train on");
    bool ok = load(a, m, &m->set.data.train, "train", &out->file[0], &out->train);
    ok = load(a, m, &m->set.data.valid, "valid", &out->file[1], &out->valid) && ok;
    ok = load(a, m, &m->set.data.test, "test", &out->file[2], &out->test) && ok;
    return ok && (m->set.data.part.size <= 0 || split(a, m, out));
}

void examples_shuffle(int64_t *order, int64_t n, uint64_t seed, int64_t epoch) {
    permutation_draw(order, n, seed, (uint32_t)epoch, "shuffle");
}

void examples_copy(const Examples *e, const int64_t *order, int64_t from, int64_t n,
                   int nfield, void *const *to) {
    for (int i = 0; i < nfield; i++) {
        const Field *f = &e->set->field[i];
        unsigned char *at = to[i];
        for (int64_t k = from; k < from + n; k++) {
            int64_t row = order ? order[k] : k;
            row = e->row ? e->row[row] : row;
            memcpy(at, f->data + row * f->bytes, (size_t)f->bytes);
            at += f->bytes;
        }
    }
}

void **examples_buffers(Arena *a, const Dataset *set, int64_t n) {
    void **to = NEW(a, set->nfield + 1, void *);
    for (int i = 0; i < set->nfield; i++)
        to[i] = arena_array(a, (size_t)n, (size_t)set->field[i].bytes);
    return to;
}
