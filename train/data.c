/* Data: examples split into training and validation, shuffled, put together as batches. */
#include "train/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/permutation.h"

/* The examples that lie wholly within rows from .. to-1. */
static Examples range(const Dataset *set, int64_t from, int64_t to, int64_t stride) {
    int64_t room = to - from - set->span;
    return (Examples){set, room < 0 ? 0 : room / stride + 1, NULL, from, stride};
}

Examples examples_all(const Dataset *set) { return range(set, 0, set->rows, set->judged); }

int64_t examples_row(const Examples *e, int64_t k) {
    return e->row ? e->row[k] : e->from + k * e->stride;
}

/* --- parts --- */

static int by_number(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int64_t part_of(const Part *part, int64_t n) {
    return (int64_t)floor(part->size * (double)n + 0.5);
}

/* Sets how many examples each part has, and where they are if none is drawn by lot. */
static void cut(const Part *part, const Dataset *set, Examples *train, Examples *valid) {
    int64_t rows = part_of(part, set->rows);
    *train = range(set, 0, set->rows - (part->last ? rows : 0), set->stride);
    *valid = (Examples){.set = set};
    if (part->last) {
        *valid = range(set, set->rows - rows, set->rows, set->judged);
    } else {
        valid->n = part_of(part, train->n);
        train->n -= valid->n;
    }
}

static bool empty_part(Loc loc, const Part *part, const Dataset *set, const Examples *train) {
    const char *left = train->n ? "none to validate on" : "none to train on";
    double percent = part->size * 100;
    if (set->span == 1)
        return diag_error(loc, "data.valid: %g%% of %lld examples leaves %s", percent,
                          (long long)set->rows, left);
    return diag_error(loc, "data.valid: %g%% of %lld rows leaves %s: an example takes %lld in "
                      "turn", percent, (long long)set->rows, left, (long long)set->span);
}

/* By lot, or the last rows: examples that reach over the cut belong to neither part. */
static bool split(Arena *a, const Model *m, Data *d) {
    const Part *part = &m->set.data.part;
    const Dataset *set = d->train.set;
    const Tree *t = tree_find(tree_find(m->tree, "data"), "valid");
    Loc loc = t ? t->loc : diag_nowhere(m->diag);
    int64_t n = d->train.n;
    if (!part->last && set->span > set->stride)
        return diag_error(loc, "data.valid: examples of %lld rows that begin every %lld share "
                          "rows, so that a part drawn by lot would be known from training: "
                          "write 'last %g%%'", (long long)set->span, (long long)set->stride,
                          part->size * 100);
    cut(part, set, &d->train, &d->valid);
    if (!d->train.n || !d->valid.n)
        return empty_part(loc, part, set, &d->train);
    if (part->last)
        return true;
    int64_t *row = NEW(a, n, int64_t);
    permutation_draw(row, n, (uint64_t)m->set.train.seed, 0, "split");
    qsort(row, (size_t)d->valid.n, sizeof *row, by_number);
    qsort(row + d->valid.n, (size_t)d->train.n, sizeof *row, by_number);
    for (int64_t i = 0; i < n; i++)
        row[i] *= set->stride;
    d->valid.row = row;
    d->train.row = row + d->valid.n;
    return true;
}

/* --- files --- */

static bool load(Arena *a, const Model *m, const DataFiles *f, const char *section, Data *d,
                 Dataset *set, Examples *out) {
    if (!data_given(f))
        return true;
    bool ok = dataset_load(a, m, f, section, true, &d->vocab, set);
    *out = ok ? examples_all(set) : (Examples){.n = 0};
    return ok;
}

bool data_open(Arena *a, const Model *m, const Vocabs *vocab, Data *out) {
    const Tree *data = tree_find(m->tree, "data");
    *out = (Data){.train.n = 0};
    if (vocab)
        out->vocab = *vocab;
    if (!data_given(&m->set.data.train))
        return diag_error(data ? data->loc : (Loc){m->source, 0, 0},
                          "data.train: no examples to train on");
    if (!load(a, m, &m->set.data.train, "train", out, &out->file[0], &out->train))
        return false;
    out->train = range(&out->file[0], 0, out->file[0].rows, out->file[0].stride);
    bool ok = load(a, m, &m->set.data.valid, "valid", out, &out->file[1], &out->valid);
    ok = load(a, m, &m->set.data.test, "test", out, &out->file[2], &out->test) && ok;
    return ok && (m->set.data.part.size <= 0 || split(a, m, out));
}

/* --- vocabularies of a run --- */

static const struct { const char *file; size_t at; } vocab_files[] = {
    {"tokens.txt", offsetof(Vocabs, tokens)},
    {"tags.txt", offsetof(Vocabs, tags)},
};

static bool has_vocab(const Model *m, size_t i) {
    const DataFiles *f = &m->set.data.train;
    return f->tagged || (i == 0 && f->text && strcmp(m->set.data.tokens, "bytes"));
}

bool data_write_vocabs(const Model *m, const Vocabs *v, const char *run) {
    Arena *temp = arena_new();
    bool ok = true;
    for (size_t i = 0; i < COUNT(vocab_files); i++) {
        Vocab *const *p = (const void *)((const char *)v + vocab_files[i].at);
        if (*p && has_vocab(m, i))
            ok = ok && vocab_write(*p, diag_nowhere(m->diag),
                                   arena_printf(temp, "%s/%s", run, vocab_files[i].file));
    }
    arena_free(temp);
    return ok;
}

bool data_read_vocabs(Arena *a, const Model *m, const char *run, Vocabs *out) {
    bool ok = true;
    *out = (Vocabs){NULL, NULL};
    for (size_t i = 0; i < COUNT(vocab_files); i++) {
        Vocab **p = (void *)((char *)out + vocab_files[i].at);
        if (has_vocab(m, i))
            ok &= (*p = vocab_read(a, diag_nowhere(m->diag),
                                   arena_printf(a, "%s/%s", run, vocab_files[i].file))) != NULL;
    }
    return ok;
}

/* --- batches --- */

void examples_shuffle(int64_t *order, int64_t n, uint64_t seed, int64_t epoch) {
    permutation_draw(order, n, seed, (uint32_t)epoch, "shuffle");
}

void examples_streams(int64_t *order, int64_t n, int64_t batch) {
    for (int64_t k = 0; k < n; k++) {
        int64_t b = k % batch, longer = n % batch;
        order[k] = b * (n / batch) + (b < longer ? b : longer) + k / batch;
    }
}

void examples_copy(const Examples *e, const int64_t *order, int64_t from, int64_t n,
                   int nfield, void *const *to) {
    for (int i = 0; i < nfield; i++) {
        const Field *f = &e->set->field[i];
        unsigned char *at = to[i];
        for (int64_t k = from; k < from + n; k++) {
            int64_t row = examples_row(e, order ? order[k] : k);
            memcpy(at, f->data + row * f->stride, (size_t)f->bytes);
            at += f->bytes;
        }
    }
}

double examples_weight(const Dataset *set, int64_t n, void *const *from) {
    const Field *label = &set->field[set->ninput];
    if (set->nfield != set->ninput + 1 || !label->tensor->ignores)
        return (double)n;
    const int32_t *class = from[set->ninput];
    int64_t counted = 0;
    for (int64_t i = 0; i < n * label->count; i++)
        counted += class[i] != label->tensor->ignored;
    return (double)counted / (double)label->count;
}

void **examples_buffers(Arena *a, const Dataset *set, int64_t n) {
    void **to = NEW(a, set->nfield + 1, void *);
    for (int i = 0; i < set->nfield; i++)
        to[i] = arena_array(a, (size_t)n, (size_t)set->field[i].bytes);
    return to;
}
