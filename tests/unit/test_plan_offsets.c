/* The memory plan: nothing that lives at the same time overlaps, and the arena is near the
 * lower bound on the public hard cases and on the shapes that networks have. */
#include "passes/pass.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Case {
    Arena *arena;
    int n;
    Life *life;
    int64_t bound, size;
    double seconds;
} Case;

static Case case_new(int n) {
    Case c = {.arena = arena_new(), .n = n};
    c.life = NEW(c.arena, n + 1, Life);
    return c;
}

static uint64_t next(uint64_t *s) {
    *s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
    return *s >> 20;
}

static int64_t slow_bound(const Case *c) {
    int64_t most = 0;
    for (int i = 0; i < c->n; i++) {
        int64_t sum = 0;
        for (int j = 0; j < c->n; j++)
            if (c->life[j].lower <= c->life[i].lower &&
                c->life[j].upper > c->life[i].lower)
                sum += c->life[j].size;
        most = sum > most && c->life[i].lower < c->life[i].upper ? sum : most;
    }
    return most;
}

static int faults(const Case *c, int64_t align) {
    int wrong = 0;
    for (int i = 0; i < c->n; i++) {
        const Life *a = &c->life[i];
        if (a->lower >= a->upper)
            continue;
        wrong += a->offset < 0 || a->offset % align || a->offset + a->size > c->size;
        for (int j = 0; j < i; j++) {
            const Life *b = &c->life[j];
            wrong += b->lower < b->upper && a->lower < b->upper &&
                     b->lower < a->upper && a->size && b->size &&
                     a->offset < b->offset + b->size && b->offset < a->offset + a->size;
        }
    }
    return wrong;
}

/* Plans; asserts that the plan is right, and at most `ratio` of the bound. */
static void check(Case *c, int64_t align, double ratio) {
    Arena *temp = arena_new();
    c->bound = plan_bound(temp, c->n, c->life);
    clock_t t = clock();
    c->size = plan_offsets(temp, c->n, c->life, align);
    c->seconds = (double)(clock() - t) / CLOCKS_PER_SEC;
    if (c->n < 1000)
        CU_ASSERT_EQUAL(c->bound, slow_bound(c));
    CU_ASSERT_EQUAL(faults(c, align), 0);
    CU_ASSERT_TRUE(c->size >= c->bound);
    CU_ASSERT_TRUE((double)c->size <= ratio * (double)c->bound);
    arena_free(temp);
}

static bool load(Case *c, const char *path) {
    char line[256];
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    *c = case_new(2000);
    c->n = 0;
    while (fgets(line, sizeof line, f)) {
        char *p = strchr(line, ',');
        if (!p || !strncmp(line, "id,", 3))
            continue;
        Life *l = &c->life[c->n++];
        l->lower = strtoll(p + 1, &p, 10);
        l->upper = strtoll(p + 1, &p, 10);
        l->size = strtoll(p + 1, &p, 10);
    }
    fclose(f);
    return true;
}

/* MiniMalloc's challenge cases; each fits in 1048576 bytes by a solver's search. */
static void hard_cases(void) {
    static const struct {
        const char *name;
        double ratio;
    } row[] = {
        {"A.1048576", 1.10}, {"B.1048576", 1.12}, {"C.1048576", 1.14},
        {"D.1048576", 1.11}, {"E.1048576", 1.12}, {"F.1048576", 1.12},
        {"G.1048576", 1.14}, {"H.1048576", 1.10}, {"I.1048576", 1.12},
        {"J.1048576", 1.09}, {"K.1048576", 1.15}, {"example.12", 1},
    };
    const char *root = getenv("KILN_CONFORMANCE");
    int skipped = 0;
    printf("\n");
    for (size_t i = 0; i < COUNT(row); i++) {
        char path[512];
        Case c;
        snprintf(path, sizeof path, "%s/memory-plans/%s.csv",
                 root ? root : "../shared/conformance", row[i].name);
        if (!load(&c, path)) {
            skipped++;
            continue;
        }
        CU_ASSERT_TRUE(c.n > 4);
        check(&c, 1, row[i].ratio);
        printf("    %-10s %3d buffers: %7lld bytes, bound %7lld, ratio %.3f, %.0f ms\n",
               row[i].name, c.n, (long long)c.size, (long long)c.bound,
               (double)c.size / (double)c.bound, 1e3 * c.seconds);
        arena_free(c.arena);
    }
    if (skipped)
        printf("    skipped: %d cases that are not here\n", skipped);
    printf("  ");
}

static void small_cases(void) {
    Case c = case_new(0);
    check(&c, 64, 1);
    CU_ASSERT_EQUAL(c.size, 0);
    arena_free(c.arena);
    c = case_new(1);
    c.life[0] = (Life){3, 4, 10, -1};
    check(&c, 64, 6.4);
    CU_ASSERT_EQUAL(c.size, 64);
    CU_ASSERT_EQUAL(c.life[0].offset, 0);
    arena_free(c.arena);
    c = case_new(4);                   /* what touches in time may share */
    c.life[0] = (Life){0, 2, 100, -1};
    c.life[1] = (Life){2, 4, 100, -1};
    c.life[2] = (Life){1, 1, 900, -1}; /* never alive */
    c.life[3] = (Life){0, 4, 0, -1};
    check(&c, 1, 1);
    CU_ASSERT_EQUAL(c.size, 100);
    CU_ASSERT_EQUAL(c.life[2].offset, 0);
    arena_free(c.arena);
}

/* Forward keeps every activation for backward: lifetimes are nested. */
static void training(void) {
    enum { LAYERS = 60 };
    Case c = case_new(3 * LAYERS);
    for (int i = 0; i < LAYERS; i++) {
        const int64_t size = 4096 * (1 + i * 7 % 13), back = 2 * LAYERS - i;
        c.life[3 * i] = (Life){i, back, size, 0};
        c.life[3 * i + 1] = (Life){i, i + 1, 3 * size / 2, 0};
        c.life[3 * i + 2] = (Life){back - 1, back + 1, size, 0};
    }
    check(&c, 64, 1.01);
    arena_free(c.arena);
}

/* Inference: a chain, with residuals over three layers. */
static void inference(void) {
    enum { LAYERS = 200 };
    Case c = case_new(LAYERS);
    for (int i = 0; i < LAYERS; i++)
        c.life[i] = (Life){i, i + (i % 3 ? 2 : 4), 64 * (1 + (i * 37) % 50), 0};
    check(&c, 64, 1.0);
    arena_free(c.arena);
}

static void random_cases(void) {
    uint64_t s = 20240229;
    for (int round = 0; round < 300; round++) {
        Case c = case_new((int)(next(&s) % 60));
        for (int i = 0; i < c.n; i++) {
            const int64_t lower = (int64_t)(next(&s) % 50);
            c.life[i] = (Life){lower, lower + (int64_t)(next(&s) % 20),
                               (int64_t)(next(&s) % 1000), 0};
        }
        check(&c, round % 2 ? 1 : 16, round % 2 ? 1.5 : 1e9);
        arena_free(c.arena);
    }
}

static void same_again(void) {
    uint64_t s = 7;
    Case c = case_new(150), d = case_new(150);
    for (int i = 0; i < c.n; i++) {
        const int64_t lower = (int64_t)(next(&s) % 400);
        c.life[i] = (Life){lower, lower + 1 + (int64_t)(next(&s) % 90),
                           1 + (int64_t)(next(&s) % 5000), 0};
    }
    memcpy(d.life, c.life, 150 * sizeof *c.life);
    check(&c, 1, 1.3);
    check(&d, 1, 1.3);
    CU_ASSERT_FALSE(memcmp(c.life, d.life, 150 * sizeof *c.life));
    arena_free(c.arena);
    arena_free(d.arena);
}

/* Ten thousand buffers: short lives, any lives, all alive at once. */
static void many(void) {
    printf("\n");
    for (int kind = 0; kind < 3; kind++) {
        uint64_t s = 99;
        Case c = case_new(10000);
        for (int i = 0; i < c.n; i++) {
            const int64_t lower = (int64_t)(next(&s) % 10000);
            const int64_t life = 1 + (int64_t)(next(&s) % (kind ? 5000 : 30));
            c.life[i] = (Life){kind == 2 ? 0 : lower, kind == 2 ? 9 : lower + life,
                               1 + (int64_t)(next(&s) % 100000), 0};
        }
        check(&c, 64, kind == 2 ? 1.01 : 1.25);
        printf("    10000 buffers: ratio %.3f, %.0f ms\n",
               (double)c.size / (double)c.bound, 1e3 * c.seconds);
        arena_free(c.arena);
    }
    printf("  ");
}

int main(void) {
    static const UnitTest test[] = {
        {"hard cases", hard_cases},     {"small cases", small_cases},
        {"training", training},         {"inference", inference},
        {"random cases", random_cases}, {"same again", same_again},
        {"many", many},
    };
    return unit_main("plan_offsets", test, COUNT(test));
}
