/* Learning rates over time: rows of schedules.def, run here and written out as C. */
#include "train/schedule.h"

#include <math.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* What stands around each row, in the functions here and in the text of schedule_c. */
#define BEFORE \
    double rate = base, t = 1.0, at = (double)step; \
    int64_t turns = (int64_t)(at / (every < 1.0 ? 1.0 : every)); \
    if (at < warmup) { \
        return (float)(base * (at + 1.0) / warmup); \
    } \
    if (at < total) { \
        t = (at - warmup) / (total - warmup); \
    } \
    (void)t, (void)turns, (void)low, (void)gamma;
#define AFTER return (float)rate;
#define TEXT(...) #__VA_ARGS__
#define TEXT_OF(macro) TEXT(macro)

#define SCHEDULE(name, ...) \
    static float run_##name(double base, double low, double gamma, double warmup, \
                            double every, double total, int64_t step) { \
        BEFORE __VA_ARGS__ AFTER \
    }
#include "train/schedules.def"

static const struct {
    const char *name;
    float (*run)(double base, double low, double gamma, double warmup, double every,
                 double total, int64_t step);
    const char *text;
} rows[] = {
#define SCHEDULE(name, ...) {#name, run_##name, #__VA_ARGS__},
#include "train/schedules.def"
};

static int find_row(const char *name) {
    for (size_t i = 0; i < COUNT(rows); i++)
        if (!strcmp(rows[i].name, name))
            return (int)i;
    bug("schedule '%s'", name);
}

int64_t schedule_epoch(const Settings *s, int64_t examples) {
    return (examples + s->train.batch - 1) / s->train.batch;
}

int64_t schedule_total(const Settings *s, int64_t examples) {
    return s->train.steps ? s->train.steps : s->train.epochs * schedule_epoch(s, examples);
}

/* Whole steps; schedule_c writes the same sum. */
static double span_steps(Span span, int64_t epoch, int64_t total) {
    const double of[] = {[UNIT_STEPS] = 1, [UNIT_EPOCHS] = (double)epoch,
                         [UNIT_PART] = (double)total};
    double steps = span.n * of[span.unit];
    return (double)(int64_t)(steps + 0.5);
}

int64_t schedule_round(const Settings *s, int64_t examples) {
    int64_t epoch = schedule_epoch(s, examples), total = schedule_total(s, examples);
    Span span = s->train.validate;
    if (span.n == 0)
        span = epoch > total ? (Span){0.1, UNIT_PART} : (Span){1, UNIT_EPOCHS};
    return (int64_t)fmax(span_steps(span, epoch, total), 1);
}

Schedule schedule_make(const Settings *s, int64_t examples) {
    int64_t epoch = schedule_epoch(s, examples), total = schedule_total(s, examples);
    return (Schedule){.row = find_row(s->train.schedule), .base = s->train.lr,
                      .low = s->train.floor, .gamma = s->train.gamma,
                      .warmup = span_steps(s->train.warmup, epoch, total),
                      .every = span_steps(s->train.every, epoch, total),
                      .total = (double)total};
}

float schedule_lr(const Schedule *s, int64_t step) {
    return rows[s->row].run(s->base, s->low, s->gamma, s->warmup, s->every, s->total, step);
}

/* --- as C --- */

static void line(Text *out, const char *from, const char *to, int depth) {
    while (from < to && *from == ' ')
        from++;
    if (from < to)
        text_printf(out, "%*s%.*s\n", 4 * depth, "", (int)(to - from), from);
}

/* Statements in one line, each on its own: breaks behind ; { } outside of parentheses. */
static void lines(Text *out, const char *s) {
    int depth = 1, round = 0;
    const char *start = s;
    for (; *s; s++) {
        round += (*s == '(') - (*s == ')');
        if (*s == '}')
            depth--;
        if (round || !strchr(";{}", *s))
            continue;
        line(out, start, s + 1, depth);
        depth += *s == '{';
        start = s + 1;
    }
}

static void constant(Text *out, const char *name, double value) {
    char buf[40];
    text_printf(out, "    const double %s = %s;\n", name, num_double(buf, value));
}

static void span(Text *out, const char *name, Span span) {
    static const char *const of[] = {[UNIT_STEPS] = "", [UNIT_EPOCHS] = " * epoch",
                                     [UNIT_PART] = " * total"};
    char buf[40];
    text_printf(out, "    const double %s_steps = %s%s;\n", name, num_double(buf, span.n),
                of[span.unit]);
    text_printf(out, "    const double %s = (double)(int64_t)(%s_steps + 0.5);\n", name, name);
}

/* Steps in all: given, or counted in epochs. */
static void length(Text *out, const Settings *s) {
    text_printf(out, "    const double epoch = (double)epoch_steps;\n");
    if (s->train.steps)
        text_printf(out, "    const double total = %lld.0;\n", (long long)s->train.steps);
    else
        text_printf(out, "    const double total = %lld.0 * epoch;\n",
                    (long long)s->train.epochs);
}

void schedule_c(Text *out, const Settings *s) {
    constant(out, "base", s->train.lr);
    constant(out, "low", s->train.floor);
    constant(out, "gamma", s->train.gamma);
    length(out, s);
    span(out, "warmup", s->train.warmup);
    span(out, "every", s->train.every);
    text_printf(out, "    (void)epoch;\n");
    lines(out, TEXT_OF(BEFORE));
    lines(out, rows[find_row(s->train.schedule)].text);
    lines(out, TEXT_OF(AFTER));
}
