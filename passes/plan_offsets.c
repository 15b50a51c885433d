/* Offsets for buffers with lifetimes: greedy first fit, best fit along the skyline, then
 * best fit again with more weight on what stuck out. The best of all of them counts; all
 * stop when the lower bound is reached, or when the work is enough. */
#include "passes/pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Work is counted in buffers and segments looked at, and STEP for each one placed: some
 * nanoseconds. A small plan has few ways to be better, and gets less of it. */
enum { WORK_FIT = 150000000, WORK_REPAIR = 20000000, WORK_BUFFER = 100000, STEP = 50 };

#define MOST (INT64_C(1) << 50)        /* bytes of one buffer; types stop before */

typedef struct Piece {
    int64_t lower, upper, size;        /* size: rounded up to the alignment */
    int64_t offset;                    /* by the method that ran last */
    int id;
} Piece;

typedef struct Segment {
    int64_t from, to;                  /* in time */
    int64_t height;                    /* free from here up */
} Segment;

typedef struct Ranked {
    double key;
    int index;
} Ranked;

typedef struct Plan {
    Arena *temp;
    int n;
    Piece *piece;                      /* by lower */
    int64_t bound, size;               /* lower bound; the best arena so far */
    int64_t *best;                     /* its offsets */
    double *key;                       /* priority, larger is earlier */
    int64_t fit;                       /* the best arena by best fit */
    double *fit_key;                   /* its keys */
    Ranked *rank;                      /* order of first fit */
    Piece *placed;                     /* by offset */
    int *todo, ntodo;                  /* not yet in the skyline, by lower */
    Segment *segment;
    int nsegment;
    int64_t work, limit;
    uint64_t random;
} Plan;

/* ---- the bound */

typedef struct Event {
    int64_t time, change;
} Event;

/* At one time, what ends comes before what begins. */
static int by_time(const void *a, const void *b) {
    const Event *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return (x->change > y->change) - (x->change < y->change);
}

static int64_t most_alive(Arena *temp, int n, const Life *life, int64_t align) {
    Event *event = NEW(temp, 2 * (size_t)n, Event);
    int64_t alive = 0, most = 0, all = 0;
    size_t k = 0;
    for (int i = 0; i < n; i++) {
        if (life[i].lower >= life[i].upper)
            continue;
        if (life[i].size < 0 || life[i].size > MOST)
            bug("plan: buffer %d of %lld bytes", i, (long long)life[i].size);
        const int64_t size = size_align(life[i].size, align);
        if (!size_add(all, size, &all))
            bug("plan: buffers of more than 2^63 bytes");
        event[k++] = (Event){life[i].lower, size};
        event[k++] = (Event){life[i].upper, -size};
    }
    if (k)
        qsort(event, k, sizeof *event, by_time);
    for (size_t i = 0; i < k; i++) {
        alive += event[i].change;
        most = alive > most ? alive : most;
    }
    return most;
}

int64_t plan_bound(Arena *temp, int n, const Life *life) {
    return most_alive(temp, n, life, 1);
}

/* ---- greedy: in some order, each at the lowest offset that is free while it lives */

static int by_key(const void *a, const void *b) {
    const Ranked *x = a, *y = b;
    if (x->key != y->key)
        return x->key > y->key ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static void keep_best(Plan *p, int64_t size) {
    if (size >= p->size)
        return;
    p->size = size;
    for (int i = 0; i < p->n; i++)
        p->best[i] = p->piece[i].offset;
}

static void first_fit(Plan *p, Piece *b, int nplaced) {
    int64_t top = 0;
    int i, at;
    for (i = 0; i < nplaced; i++) {
        const Piece *q = &p->placed[i];
        if (q->lower >= b->upper || q->upper <= b->lower)
            continue;
        if (q->offset - top >= b->size)
            break;
        if (q->offset + q->size > top)
            top = q->offset + q->size;
    }
    b->offset = top;
    for (at = i; at > 0 && p->placed[at - 1].offset > top; at--) {
    }
    memmove(p->placed + at + 1, p->placed + at, (size_t)(nplaced - at) * sizeof *b);
    p->placed[at] = *b;
}

static bool greedy(Plan *p) {
    int64_t size = 0;
    for (int i = 0; i < p->n; i++)
        p->rank[i] = (Ranked){p->key[i], i};
    qsort(p->rank, (size_t)p->n, sizeof *p->rank, by_key);
    for (int i = 0; i < p->n; i++) {
        Piece *b = &p->piece[p->rank[i].index];
        first_fit(p, b, i);
        if (b->offset + b->size > size)
            size = b->offset + b->size;
    }
    keep_best(p, size);
    return true;
}

/* ---- best fit: in the lowest segment of the skyline over time, of the buffers that live
 * within it, the one with the largest key; if there is none, the segment is lifted */

static int lowest_segment(const Plan *p) {
    int low = 0;
    for (int i = 1; i < p->nsegment; i++)
        if (p->segment[i].height < p->segment[low].height)
            low = i;
    return low;
}

/* The position in p->todo of the buffer to place in s, -1 if none fits. */
static int choose(Plan *p, const Segment *s) {
    int lo = 0, hi = p->ntodo, chosen = -1, i;
    while (lo < hi) {
        const int mid = (lo + hi) / 2;
        if (p->piece[p->todo[mid]].lower < s->from)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (i = lo; i < p->ntodo && p->piece[p->todo[i]].lower < s->to; i++)
        if (p->piece[p->todo[i]].upper <= s->to &&
            (chosen < 0 || p->key[p->todo[i]] > p->key[p->todo[chosen]]))
            chosen = i;
    p->work += i - lo;
    return chosen;
}

/* Neighbours of the same height become one; `at` has changed, and those beside it. */
static void merge(Plan *p, int at) {
    const int last = at + 2 < p->nsegment ? at + 2 : p->nsegment - 1;
    for (int i = last; i > 0 && i >= at; i--) {
        Segment *s = &p->segment[i];
        if (s[-1].height != s->height)
            continue;
        s[-1].to = s->to;
        memmove(s, s + 1, (size_t)(--p->nsegment - i) * sizeof *s);
    }
}

static void lift(Plan *p, int at) {
    Segment *s = &p->segment[at];
    int64_t height = INT64_MAX;
    if (at > 0)
        height = s[-1].height;
    if (at + 1 < p->nsegment && s[1].height < height)
        height = s[1].height;
    s->height = height;
    merge(p, at);
}

/* Puts b on the segment, which is split at its ends. */
static void put(Plan *p, int at, Piece *b) {
    const Segment old = p->segment[at];
    Segment part[3];
    int n = 0;
    b->offset = old.height;
    if (b->lower > old.from)
        part[n++] = (Segment){old.from, b->lower, old.height};
    part[n++] = (Segment){b->lower, b->upper, old.height + b->size};
    if (b->upper < old.to)
        part[n++] = (Segment){b->upper, old.to, old.height};
    memmove(p->segment + at + n, p->segment + at + 1,
            (size_t)(p->nsegment - at - 1) * sizeof old);
    memcpy(p->segment + at, part, (size_t)n * sizeof *part);
    p->nsegment += n - 1;
    merge(p, at);
}

/* False when the work was used up before the end. */
static bool best_fit(Plan *p) {
    int64_t size = 0, end = p->piece[0].upper;
    for (int i = 0; i < p->n; i++) {
        p->todo[i] = i;
        end = p->piece[i].upper > end ? p->piece[i].upper : end;
    }
    p->ntodo = p->n;
    p->nsegment = 1;
    p->segment[0] = (Segment){p->piece[0].lower, end, 0};
    while (p->ntodo && p->work < p->limit) {
        const int at = lowest_segment(p), chosen = choose(p, &p->segment[at]);
        p->work += p->nsegment + STEP;
        if (chosen < 0) {
            lift(p, at);
            continue;
        }
        Piece *b = &p->piece[p->todo[chosen]];
        put(p, at, b);
        size = b->offset + b->size > size ? b->offset + b->size : size;
        memmove(p->todo + chosen, p->todo + chosen + 1,
                (size_t)(--p->ntodo - chosen) * sizeof *p->todo);
    }
    if (p->ntodo)
        return false;
    if (size < p->fit) {
        p->fit = size;
        memcpy(p->fit_key, p->key, (size_t)p->n * sizeof *p->key);
    }
    keep_best(p, size);
    return true;
}

/* ---- the whole */

static double key_size(const Piece *b) {
    return (double)b->size;
}

static double key_area(const Piece *b) {
    return (double)b->size * (double)(b->upper - b->lower);
}

static double key_lower(const Piece *b) {
    return -(double)b->lower;
}

static double key_life(const Piece *b) {
    return (double)(b->upper - b->lower);
}

static double key_life_size1(const Piece *b) {
    return key_life(b) * sqrt(sqrt((double)b->size));
}

static double key_life_size2(const Piece *b) {
    return key_life(b) * sqrt((double)b->size);
}

static double key_life_size3(const Piece *b) {
    return key_life_size2(b) * sqrt(sqrt((double)b->size));
}

static const struct {
    bool (*run)(Plan *p);
    double (*key)(const Piece *b);
} method[] = {
    {greedy, key_size},         {greedy, key_area},   {best_fit, key_life_size2},
    {best_fit, key_life_size1}, {best_fit, key_area}, {best_fit, key_life_size3},
    {best_fit, key_life},       {greedy, key_lower},
};

/* Numbers in [0, 1); the same for each run. */
static double next_random(Plan *p) {
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    return (double)(p->random >> 11) * 0x1p-53;
}

/* What reaches above the bound came too late: more weight for it, and all again. */
static void repair(Plan *p) {
    const int64_t most = (int64_t)p->n * WORK_BUFFER;
    p->limit = p->work + (most < WORK_REPAIR ? most : WORK_REPAIR);
    memcpy(p->key, p->fit_key, (size_t)p->n * sizeof *p->key);
    while (p->size > p->bound && best_fit(p))
        for (int i = 0; i < p->n; i++)
            if (p->piece[i].offset + p->piece[i].size > p->bound)
                p->key[i] *= 1 + next_random(p);
}

static int by_lower(const void *a, const void *b) {
    const Piece *x = a, *y = b;
    if (x->lower != y->lower)
        return x->lower < y->lower ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static void load(Plan *p, int n, const Life *life, int64_t align) {
    p->piece = NEW(p->temp, n, Piece);
    for (int i = 0; i < n; i++)
        if (life[i].lower < life[i].upper && life[i].size)
            p->piece[p->n++] = (Piece){life[i].lower, life[i].upper,
                                       size_align(life[i].size, align), 0, i};
    if (p->n)
        qsort(p->piece, (size_t)p->n, sizeof *p->piece, by_lower);
    p->best = NEW(p->temp, p->n, int64_t);
    p->key = NEW(p->temp, p->n, double);
    p->fit_key = NEW(p->temp, p->n, double);
    p->rank = NEW(p->temp, p->n, Ranked);
    p->placed = NEW(p->temp, p->n, Piece);
    p->todo = NEW(p->temp, p->n, int);
    p->segment = NEW(p->temp, 2 * (size_t)p->n + 1, Segment);
}

int64_t plan_offsets(Arena *temp, int n, Life *life, int64_t align) {
    Plan p = {.temp = temp, .size = INT64_MAX, .fit = INT64_MAX, .limit = WORK_FIT,
              .bound = most_alive(temp, n, life, align), .random = 88172645463325252};
    load(&p, n, life, align);
    for (size_t m = 0; m < COUNT(method) && p.n && p.size > p.bound; m++) {
        for (int i = 0; i < p.n; i++)
            p.key[i] = method[m].key(&p.piece[i]);
        method[m].run(&p);
    }
    if (p.fit < INT64_MAX)
        repair(&p);
    for (int i = 0; i < n; i++)
        life[i].offset = 0;
    for (int i = 0; i < p.n; i++)
        life[p.piece[i].id].offset = p.best[i];
    return p.n ? p.size : 0;
}
