/* Learning rates: their values, and the same bits from the C that is emitted. */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/train_case.h"
#include "train/schedule.h"

#include <math.h>

enum {
    EXAMPLES = 1600,
    EPOCH_STEPS = 25,
    STEPS = 300,                       /* beyond the end of all schedules here */
};

static Settings settings(const char *schedule) {
    Settings s = {0};
    s.train.schedule = schedule;
    s.train.lr = 0.1;
    s.train.batch = 64;
    s.train.epochs = 10;
    s.train.gamma = 0.5;
    return s;
}

static Schedule make(const Settings *s) {
    CU_ASSERT_EQUAL(schedule_epoch(s, EXAMPLES), EPOCH_STEPS);
    return schedule_make(s, EXAMPLES);
}

static bool near(float got, double expected) { return fabs((double)got - expected) < 1e-8; }

static void constant(void) {
    Settings s = settings("constant");
    Schedule k = make(&s);
    CU_ASSERT_EQUAL(schedule_lr(&k, 0), 0.1f);
    CU_ASSERT_EQUAL(schedule_lr(&k, 100000), 0.1f);
}

static void warmup(void) {
    Settings s = settings("constant");
    s.train.warmup = (Span){10, UNIT_STEPS};
    Schedule k = make(&s);
    for (int i = 0; i < 20; i++)
        CU_ASSERT_TRUE(near(schedule_lr(&k, i), i < 10 ? 0.01 * (i + 1) : 0.1));
    s.train.warmup = (Span){2, UNIT_EPOCHS};
    k = make(&s);
    CU_ASSERT_EQUAL(k.warmup, 50);
    s.train.warmup = (Span){0.1, UNIT_PART};
    k = make(&s);
    CU_ASSERT_EQUAL(k.warmup, 25);
    s.train.steps = 1000;
    CU_ASSERT_EQUAL(make(&s).warmup, 100);
    s.train.warmup = (Span){0.5, UNIT_EPOCHS};     /* 12.5 steps */
    CU_ASSERT_EQUAL(make(&s).warmup, 13);
}

static void cosine(void) {
    Settings s = settings("cosine");
    s.train.floor = 0.01;
    s.train.warmup = (Span){50, UNIT_STEPS};
    Schedule k = make(&s);
    for (int i = 50; i < STEPS; i++) {
        double t = i < 250 ? (i - 50) / 200.0 : 1;
        double expected = 0.01 + 0.09 * (1 + cos(3.141592653589793 * t)) / 2;
        CU_ASSERT_TRUE(near(schedule_lr(&k, i), expected));
    }
}

static void linear(void) {
    Settings s = settings("linear");
    Schedule k = make(&s);
    for (int i = 0; i < STEPS; i++)
        CU_ASSERT_TRUE(near(schedule_lr(&k, i), i < 250 ? 0.1 * (1 - i / 250.0) : 0));
}

static void steps(void) {
    Settings s = settings("step");
    s.train.every = (Span){2, UNIT_EPOCHS};
    Schedule k = make(&s);
    for (int i = 0; i < STEPS; i++)
        CU_ASSERT_TRUE(near(schedule_lr(&k, i), 0.1 * pow(0.5, i / 50)));
}

/* What the emitted function gives for steps 0 to STEPS - 1. */
static const float *emitted(Folder *f, const Settings *s) {
    Text t = {0};
    size_t n;
    const char *cc = getenv("CC");
    text_printf(&t, "#include <stdint.h>\n#include <stdio.h>\n"
                "float lr(int64_t step, int64_t epoch_steps);\n"
                "float lr(int64_t step, int64_t epoch_steps) {\n");
    schedule_c(&t, s);
    text_printf(&t, "}\nint main(void) {\n    for (int i = 0; i < %d; i++) {\n"
                "        float x = lr(i, %d);\n        fwrite(&x, sizeof x, 1, stdout);\n    }\n"
                "    return 0;\n}\n", STEPS, EPOCH_STEPS);
    folder_put(f, "lr.c", t.s, t.n);
    text_free(&t);
    char *command = arena_printf(f->arena, "cd %s && %s -O2 -std=c11 -Wall -Wextra -pedantic "
                                 "-Wconversion -Werror lr.c -o lr && ./lr > out", f->path,
                                 cc && *cc ? cc : "cc");
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    float *out = (float *)(void *)folder_get(f, "out", &n);
    CU_ASSERT_EQUAL_FATAL(n, STEPS * sizeof *out);
    return out;
}

/* Every schedule, with lengths in every unit, and as many steps as epochs make or given. */
static void same_bits(void) {
    static const char *const names[] = {
#define SCHEDULE(name, ...) #name,
#include "train/schedules.def"
    };
    static const struct { Span warmup, every; int64_t steps; } of[] = {
        {{13, UNIT_STEPS}, {7, UNIT_STEPS}, 0}, {{0.5, UNIT_EPOCHS}, {0.3, UNIT_EPOCHS}, 0},
        {{0.07, UNIT_PART}, {0.15, UNIT_PART}, 0}, {{0, UNIT_STEPS}, {0.01, UNIT_EPOCHS}, 260},
        {{0.1, UNIT_PART}, {1.5, UNIT_EPOCHS}, 50},
    };
    for (size_t i = 0; i < COUNT(names) * COUNT(of); i++) {
        size_t k = i % COUNT(of);
        Folder *f = folder_open();
        Settings s = settings(names[i / COUNT(of)]);
        s.train.floor = 0.003;
        s.train.gamma = 0.7;
        s.train.warmup = of[k].warmup;
        s.train.every = of[k].every;
        s.train.steps = of[k].steps;
        Schedule here = make(&s);
        const float *c = emitted(f, &s);
        for (int n = 0; n < STEPS; n++)
            CU_ASSERT_EQUAL(c[n], schedule_lr(&here, n));
        folder_close(f);
    }
}

static const UnitTest tests[] = {
    {"constant", constant}, {"warmup", warmup}, {"cosine", cosine},
    {"linear", linear}, {"steps", steps}, {"same_bits", same_bits},
};

int main(void) { return unit_main("schedule", tests, COUNT(tests)); }
