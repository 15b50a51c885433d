/* Learning rates over time: rows of schedules.def, run here and written out as C. */
#include "train/schedule.h"

#include <math.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* What stands around each row, in the functions here and in the text of schedule_c. */
#define BEFORE \
    double rate = base, t = 1.0, at = step; \
    uint32_t turns = (uint32_t)(at / every); \
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
                            double every, double total, uint32_t step) { \
        BEFORE __VA_ARGS__ AFTER \
    }
#include "train/schedules.def"

static const struct {
    const char *name;
    float (*run)(double base, double low, double gamma, double warmup, double every,
                 double total, uint32_t step);
    const char *text;
} rows[] = {
#define SCHEDULE(name, ...) {#name, run_##name, #__VA_ARGS__},
#include "train/schedules.def"
};

int64_t schedule_epoch(const Settings *s, int64_t examples) {
    return (examples + s->train.batch - 1) / s->train.batch;
}

int64_t schedule_total(const Settings *s, int64_t examples) {
    return s->train.steps ? s->train.steps : s->train.epochs * schedule_epoch(s, examples);
}

static double span_steps(Span span, int64_t epoch, int64_t total) {
    switch (span.unit) {
    case UNIT_STEPS: return rint(span.n);
    case UNIT_EPOCHS: return rint(span.n * (double)epoch);
    case UNIT_PART: return rint(span.n * (double)total);
    }
    bug("span in unit %d", (int)span.unit);
}

int64_t schedule_round(const Settings *s, int64_t examples) {
    int64_t epoch = schedule_epoch(s, examples), total = schedule_total(s, examples);
    Span span = s->train.validate;
    if (span.n == 0)
        span = epoch > total ? (Span){0.1, UNIT_PART} : (Span){1, UNIT_EPOCHS};
    return (int64_t)fmax(span_steps(span, epoch, total), 1);
}

static bool span_known(Span span, bool total) {
    return span.unit == UNIT_STEPS || span.n == 0 || (span.unit == UNIT_PART && total);
}

bool schedule_make(const Settings *s, int64_t examples, Schedule *out) {
    int64_t epoch = schedule_epoch(s, examples), total = schedule_total(s, examples);
    *out = (Schedule){.row = -1, .base = s->train.lr, .low = s->train.floor,
                      .gamma = s->train.gamma};
    for (size_t i = 0; i < COUNT(rows); i++)
        if (!strcmp(rows[i].name, s->train.schedule))
            out->row = (int)i;
    if (out->row < 0)
        bug("schedule '%s'", s->train.schedule);
    bool ends = strcmp(s->train.schedule, "constant") && strcmp(s->train.schedule, "step");
    if (!examples && ((ends && !total) || !span_known(s->train.warmup, total > 0) ||
                      !span_known(s->train.every, total > 0)))
        return false;
    out->total = (double)total;
    out->warmup = span_steps(s->train.warmup, epoch, total);
    out->every = fmax(span_steps(s->train.every, epoch, total), 1);
    return true;
}

float schedule_lr(const Schedule *s, uint32_t step) {
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

void schedule_c(Text *out, const Schedule *s) {
    constant(out, "base", s->base);
    constant(out, "low", s->low);
    constant(out, "gamma", s->gamma);
    constant(out, "warmup", s->warmup);
    constant(out, "every", s->every);
    constant(out, "total", s->total);
    lines(out, TEXT_OF(BEFORE));
    lines(out, rows[s->row].text);
    lines(out, TEXT_OF(AFTER));
}
