/* base/: arenas, interned strings, text, numbers, sizes, diagnostics. */
#include "tests/unit/unit.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* --- arenas --- */

static void arena_zeroed_and_aligned(void) {
    Arena *a = arena_new();
    for (size_t n = 0; n < 3000; n += 7) {
        unsigned char *p = arena_alloc(a, n);
        CU_ASSERT_EQUAL((uintptr_t)p % 16, 0);
        size_t set = 0;
        for (size_t i = 0; i < n; i++)
            set += p[i] != 0;
        CU_ASSERT_EQUAL(set, 0);
        memset(p, 0xff, n);
    }
    CU_ASSERT(arena_size(a) > 0);
    arena_free(a);
    arena_free(NULL);
}

static void arena_large_pieces(void) {
    Arena *a = arena_new();
    char *small = arena_alloc(a, 8);
    char *big = arena_alloc(a, 5 << 20);
    char *next = arena_alloc(a, 8);
    memset(big, 1, 5 << 20);
    CU_ASSERT(next > small && next - small < 1024); /* the block is still being filled */
    CU_ASSERT_EQUAL(small[0] | next[0], 0);
    arena_free(a);
}

static void arena_grows(void) {
    Arena *a = arena_new();
    char *p = arena_alloc(a, 5);
    memcpy(p, "hello", 5);
    char *q = arena_grow(a, p, 5, 4000);
    CU_ASSERT_PTR_EQUAL(p, q);         /* the newest piece stays where it is */
    CU_ASSERT(!memcmp(q, "hello\0\0", 7) && q[3999] == 0);
    arena_alloc(a, 1);
    char *r = arena_grow(a, q, 4000, 1 << 20);
    CU_ASSERT_PTR_NOT_EQUAL(q, r);
    CU_ASSERT(!memcmp(r, "hello\0", 6) && r[(1 << 20) - 1] == 0);
    CU_ASSERT_PTR_EQUAL(arena_grow(a, r, 1 << 20, 3), r);
    CU_ASSERT_PTR_NOT_NULL(arena_grow(a, NULL, 0, 10));
    arena_free(a);
}

static void arena_push_doubles(void) {
    Arena *a = arena_new();
    int64_t *v = NULL;
    int n = 0;
    for (int i = 0; i < 20000; i++) {
        PUSH(a, v, n) = i;
        if (i % 3 == 0)
            arena_alloc(a, 1);         /* so that it has to move */
    }
    CU_ASSERT_EQUAL(n, 20000);
    int wrong = 0;
    for (int i = 0; i < n; i++)
        wrong += v[i] != i;
    CU_ASSERT_EQUAL(wrong, 0);
    arena_free(a);
}

static void arena_resets(void) {
    Arena *a = arena_new();
    arena_reset(a);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            unsigned char *p = arena_alloc(a, 999);
            CU_ASSERT_EQUAL_FATAL(p[0] | p[998], 0);
            memset(p, 0xee, 999);
        }
        size_t before = arena_size(a);
        arena_reset(a);
        CU_ASSERT(arena_size(a) < before || round > 0);
    }
    arena_free(a);
}

static void jump(void *user) {
    longjmp(*(jmp_buf *)user, 1);
}

static void arena_fails_by_hook(void) {
    Arena *a = arena_new();
    jmp_buf out;
    volatile int reached = 0;
    arena_on_fail(a, jump, &out);
    if (!setjmp(out))
        reached = arena_alloc(a, SIZE_MAX / 2) != NULL;
    if (!setjmp(out))
        reached = arena_array(a, SIZE_MAX / 8, 16) != NULL;
    if (!setjmp(out))
        reached = arena_array(a, SIZE_MAX / 16 + 2, 16) != NULL;
    arena_limit(a, 1 << 20);
    if (!setjmp(out))
        reached = arena_alloc(a, 2 << 20) != NULL;
    CU_ASSERT_EQUAL(reached, 0);
    volatile int pieces = 0;
    if (!setjmp(out))
        for (;; pieces++)
            arena_alloc(a, 1024);
    CU_ASSERT(pieces > 500 && pieces <= 1024);
    CU_ASSERT(arena_size(a) <= 1 << 20);
    arena_free(a);
}

static void arena_prints(void) {
    Arena *a = arena_new();
    UNIT_SAME(arena_printf(a, "%s-%d", "k", 12), "k-12");
    UNIT_SAME(arena_printf(a, "%s", ""), "");
    CU_ASSERT_EQUAL(strlen(arena_printf(a, "%5000d", 1)), 5000);
    arena_free(a);
}

/* --- strings and text --- */

static void strings_are_interned(void) {
    Arena *a = arena_new();
    Strs *s = strs_new(a);
    enum { N = 3000 };
    const char *first[N];
    for (int i = 0; i < N; i++)
        first[i] = strs_z(s, arena_printf(a, "name%d", i));
    int moved = 0;
    for (int i = 0; i < N; i++)
        moved += strs_z(s, arena_printf(a, "name%d", i)) != first[i];
    CU_ASSERT_EQUAL(moved, 0);
    UNIT_SAME(first[17], "name17");
    CU_ASSERT_PTR_EQUAL(strs_put(s, "name17xyz", 6), first[17]);
    CU_ASSERT_PTR_NOT_EQUAL(strs_put(s, "a\0b", 3), strs_z(s, "a"));
    CU_ASSERT_PTR_EQUAL(strs_put(s, "a\0b", 3), strs_put(s, "a\0b", 3));
    CU_ASSERT_PTR_EQUAL(strs_put(s, "x", 0), strs_z(s, ""));
    arena_free(a);
}

static void hash_is_fnv1a(void) {
    CU_ASSERT_EQUAL(hash_bytes("", 0, 0), UINT64_C(0xcbf29ce484222325));
    CU_ASSERT_EQUAL(hash_bytes("a", 1, 0), UINT64_C(0xaf63dc4c8601ec8c));
    CU_ASSERT_EQUAL(hash_bytes("foobar", 6, 0), UINT64_C(0x85944171f73967e8));
    CU_ASSERT_NOT_EQUAL(hash_bytes("a", 1, 1), hash_bytes("a", 1, 2));
}

static void text_grows(void) {
    Text t = {0};
    text_put(&t, "", 0);
    CU_ASSERT_PTR_NULL(t.s);
    text_printf(&t, "%s", "");
    UNIT_SAME(t.s, "");
    for (int i = 0; i < 1000; i++)
        text_printf(&t, "%d,", i % 10);
    CU_ASSERT_EQUAL(t.n, 2000);
    CU_ASSERT_EQUAL(strlen(t.s), 2000);
    text_put(&t, "end\n", 3);
    UNIT_SAME(t.s + 1996, "8,9,end");
    text_free(&t);
    CU_ASSERT(t.s == NULL && t.n == 0 && t.cap == 0);
}

/* --- numbers --- */

static double bits64(uint64_t u) {
    double d;
    memcpy(&d, &u, sizeof d);
    return d;
}

static float bits32(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static void numbers_print_shortest(void) {
    static const struct {
        double x;
        const char *s;
    } row[] = {
        {0, "0"}, {-0.0, "-0"}, {1, "1"}, {-2.5, "-2.5"}, {0.1, "0.1"}, {100, "100"},
        {1e15, "1000000000000000"}, {1e16, "1e16"}, {123456789012345680, "1.2345678901234568e17"},
        {1e-3, "0.001"}, {1.5e-4, "0.00015"}, {1e-5, "1e-5"}, {1.25e-7, "1.25e-7"},
        {1e23, "1e23"}, {5e-324, "5e-324"}, {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1.7976931348623157e308, "1.7976931348623157e308"}, {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"}, {5.684341886080802e-14, "5.684341886080802e-14"},
        {9007199254740993, "9007199254740992"}, {INFINITY, "inf"}, {-INFINITY, "-inf"},
        {NAN, "nan"},
    };
    char buf[40];
    for (size_t i = 0; i < COUNT(row); i++)
        UNIT_SAME(num_double(buf, row[i].x), row[i].s);
    UNIT_SAME(num_float(buf, 0.1f), "0.1");
    UNIT_SAME(num_float(buf, 16777216.0f), "16777216");
    UNIT_SAME(num_float(buf, 3.4028235e38f), "3.4028235e38");
    UNIT_SAME(num_float(buf, 1e-45f), "1e-45");
    UNIT_SAME(num_float(buf, 1.1754944e-38f), "1.1754944e-38");
    UNIT_SAME(num_float(buf, -INFINITY), "-inf");
}

static int wrong_double(double x) {
    char buf[40];
    double y;
    num_double(buf, x);
    bool ok = strlen(buf) < 25 && num_parse(buf, strlen(buf), &y) && y == x &&
              strtod(buf, NULL) == x;
    if (!ok)
        printf("%a printed as %s\n", x, buf);
    return !ok;
}

static void numbers_round_trip(void) {
    uint64_t u = 1;
    int wrong = 0;
    for (int i = 0; i < 20000; i++) {
        u = u * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        double x = bits64(u);
        float f = bits32((uint32_t)(u >> 32));
        char buf[40];
        if (isfinite(x))
            wrong += wrong_double(x) + wrong_double((double)(u >> 40) / 1000);
        if (isfinite(f))
            wrong += strtof(num_float(buf, f), NULL) != f || strlen(buf) > 17;
    }
    for (int e = -1074; e < 1024; e++)
        wrong += wrong_double(ldexp(1, e)) + wrong_double(-nextafter(ldexp(1, e), 0));
    CU_ASSERT_EQUAL(wrong, 0);
}

static void numbers_parse(void) {
    static const struct {
        const char *s;
        double x;
    } good[] = {
        {"0", 0}, {"-1", -1}, {"+2", 2}, {"1.", 1}, {".5", 0.5}, {"-.5e1", -5},
        {"1e-3", 0.001}, {"1E+3", 1000}, {"00012", 12}, {"0e999999999", 0},
        {"1e-999999999", 0}, {"inf", INFINITY}, {"-inf", -INFINITY},
        {"9007199254740993", 9007199254740992}, {"9007199254740993.00000000000000001",
        9007199254740994}, {"2.4703282292062328e-324", 5e-324},
        {"0.0000000000000000000000000000000000000001e40", 1},
        {"10000000000000000000000000000000000000000e-40", 1},
    };
    static const char *const bad[] = {
        "", "-", "+", ".", "e5", "1e", "1e+", "1 ", " 1", "1,5", "0x10", "1.2.3", "infinity",
        "--1", "1e5.", "1f", "nano", "1e999", "-1e999", "1_000",
    };
    double x = 7;
    for (size_t i = 0; i < COUNT(good); i++) {
        CU_ASSERT(num_parse(good[i].s, strlen(good[i].s), &x) && x == good[i].x);
    }
    CU_ASSERT(num_parse("-0", 2, &x) && x == 0 && signbit(x));
    CU_ASSERT(num_parse("nan", 3, &x) && isnan(x));
    CU_ASSERT(num_parse("123xyz", 3, &x) && x == 123);
    for (size_t i = 0; i < COUNT(bad); i++) {
        x = 7;
        bool ok = !num_parse(bad[i], strlen(bad[i]), &x) && x == 7;
        if (!ok)
            printf("'%s' was read as %g\n", bad[i], x);
        CU_ASSERT(ok);
    }
}

/* Exactly between two doubles; a digit far behind decides. */
static void numbers_parse_long(void) {
    Text t = {0};
    text_printf(&t, "9007199254740993.");
    for (int i = 0; i < 3000; i++)
        text_put(&t, "0", 1);
    double x;
    CU_ASSERT(num_parse(t.s, t.n, &x) && x == 9007199254740992);
    text_put(&t, "1", 1);
    CU_ASSERT(num_parse(t.s, t.n, &x) && x == 9007199254740994);
    t.n = 0;
    for (int i = 0; i < 300; i++)
        text_put(&t, "1", 1);
    CU_ASSERT(num_parse(t.s, t.n, &x) && x > 1.1e299 && x < 1.12e299);
    for (int i = 0; i < 2000; i++)
        text_put(&t, "1", 1);
    CU_ASSERT(!num_parse(t.s, t.n, &x));
    text_printf(&t, "e-2000");
    CU_ASSERT(num_parse(t.s, t.n, &x) && x > 1.1e299 && x < 1.12e299);
    text_free(&t);
}

static void numbers_ignore_locale(void) {
    static const char *const name[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "nl_NL.UTF-8"};
    bool comma = false;
    for (size_t i = 0; i < COUNT(name) && !comma; i++)
        comma = setlocale(LC_ALL, name[i]) && *localeconv()->decimal_point == ',';
    char buf[40];
    double x;
    UNIT_SAME(num_double(buf, 1234.5), "1234.5");
    CU_ASSERT(num_parse("1234.5", 6, &x) && x == 1234.5);
    CU_ASSERT(!num_parse("1234,5", 6, &x));
    setlocale(LC_ALL, "C");
}

static void sizes_are_checked(void) {
    int64_t r = 5;
    CU_ASSERT(!size_mul(INT64_MAX, 2, &r) && r == 5);
    CU_ASSERT(!size_mul(-1, 2, &r) && r == 5);
    CU_ASSERT(!size_mul(INT64_MIN, -1, &r) && r == 5);
    CU_ASSERT(!size_add(INT64_MAX, 1, &r) && r == 5);
    CU_ASSERT(!size_add(1, -2, &r) && r == 5);
    CU_ASSERT(size_mul(3, 4, &r) && r == 12);
    CU_ASSERT(size_mul(INT64_MAX, 1, &r) && r == INT64_MAX);
    CU_ASSERT(size_add(-1, 1, &r) && r == 0);
    CU_ASSERT(size_mul(0, INT64_MAX, &r) && r == 0);
    CU_ASSERT(size_align(0, 64) == 0 && size_align(1, 64) == 64 && size_align(64, 64) == 64);
}

/* --- diagnostics --- */

typedef struct {
    Text text;
    int calls;
} Heard;

static void hear(void *user, DiagKind kind, Loc loc, const char *message) {
    Heard *h = user;
    diag_render(&h->text, kind, loc, message);
    h->calls++;
}

static const char mlp[] = "kiln: 1\nlayers:\n  - linear: {units: 0}\n\ttabbed: \303\244\303\266 x\r\n";

static void diag_shows_the_place(void) {
    Arena *a = arena_new();
    Heard h = {0};
    Diag *d = diag_new(a, hear, &h);
    Source *s = diag_source(d, "mlp.yaml", mlp, sizeof mlp - 1);
    CU_ASSERT_FALSE(diag_error((Loc){s, 3, 21}, "units must be positive, got %d", 0));
    diag_note((Loc){s, 2, 0}, "in these layers");
    diag_warn((Loc){s, 4, 13}, "tabs");
    diag_error((Loc){s, 0, 0}, "whole file");
    diag_error((Loc){s, 99, 1}, "no such line");
    diag_error(diag_nowhere(d), "no file");
    UNIT_SAME(h.text.s,
              "mlp.yaml:3:21: error: units must be positive, got 0\n"
              "    3 |   - linear: {units: 0}\n"
              "      |                     ^\n"
              "mlp.yaml:2: note: in these layers\n"
              "    2 | layers:\n"
              "mlp.yaml:4:13: warning: tabs\n"
              "    4 | \ttabbed: \303\244\303\266 x\n"
              "      | \t           ^\n"
              "mlp.yaml: error: whole file\n"
              "mlp.yaml:99:1: error: no such line\n"
              "error: no file\n");
    CU_ASSERT_EQUAL(diag_errors(d), 4);
    text_free(&h.text);
    arena_free(a);
}

static void diag_tells_whose_fault(void) {
    Arena *a = arena_new();
    Heard h = {0};
    Diag *d = diag_new(a, hear, &h);
    CU_ASSERT_EQUAL(diag_status(d), 0);
    diag_warn(diag_nowhere(d), "careful");
    CU_ASSERT_EQUAL(diag_status(d), 0);
    diag_error(diag_nowhere(d), "the user's");
    CU_ASSERT_EQUAL(diag_status(d), 1);
    CU_ASSERT_FALSE(diag_system(diag_nowhere(d), "the system's"));
    diag_error(diag_nowhere(d), "the user's again");
    CU_ASSERT_EQUAL(diag_status(d), 3);
    CU_ASSERT_EQUAL(diag_errors(d), 3);
    text_free(&h.text);
    arena_free(a);
}

static void diag_stops_after_20(void) {
    Arena *a = arena_new();
    Heard h = {0};
    Diag *d = diag_new(a, hear, &h);
    for (int i = 0; i < 30; i++) {
        CU_ASSERT_EQUAL(diag_full(d), i >= 20);
        diag_error(diag_nowhere(d), "error %d", i);
        diag_note(diag_nowhere(d), "its note");
    }
    CU_ASSERT_EQUAL(h.calls, 40);
    CU_ASSERT_EQUAL(diag_errors(d), 20);
    text_free(&h.text);
    arena_free(a);
}

static void diag_cuts_long_lines(void) {
    Arena *a = arena_new();
    char *line = arena_alloc(a, 100001);
    memset(line, 'x', 100000);
    line[50000] = 'Y';
    Source s = {"long.yaml", line, 100000, NULL};
    Text t = {0};
    diag_render(&t, DIAG_ERROR, (Loc){&s, 1, 50001}, "here");
    CU_ASSERT(t.n < 300);
    char *shown = strchr(t.s, '\n') + 1, *caret = strchr(shown, '\n') + 1;
    CU_ASSERT_EQUAL(shown[strcspn(caret, "^")], 'Y');
    text_free(&t);
    arena_free(a);
}

static void diag_hides_control_characters(void) {
    static const char evil[] = "a: \033[31mred\n";
    Source s = {"e\033vil.yaml", evil, sizeof evil - 1, NULL};
    Text t = {0};
    diag_render(&t, DIAG_NOTE, (Loc){&s, 1, 1}, "got \033]0;\007");
    UNIT_SAME(t.s, "e?vil.yaml:1:1: note: got ?]0;?\n"
                   "    1 | a: ?[31mred\n"
                   "      | ^\n");
    text_free(&t);
}

/* Columns and lines that are not there must not be read. */
static void diag_survives_wrong_places(void) {
    static const char text[] = {'a', '\n', 'b', (char)0xc3};
    Source s = {"t", text, sizeof text, NULL};
    for (int line = 0; line < 5; line++)
        for (int col = 0; col < 8; col++) {
            Text t = {0};
            diag_render(&t, DIAG_ERROR, (Loc){&s, line, col}, "m");
            CU_ASSERT(t.n > 0);
            text_free(&t);
        }
}

static void diag_suggests(void) {
    static const char *const c[] = {"linear", "relu", "conv2d", "max_pool2d", "lr"};
    static const struct {
        const char *word, *found;
    } row[] = {
        {"lienar", "linear"}, {"linera", "linear"}, {"relo", "relu"}, {"ReLU", "relu"},
        {"Conv2D", "conv2d"}, {"conv", NULL}, {"maxpool2d", "max_pool2d"}, {"xy", NULL},
        {"", NULL}, {"banana", NULL}, {"liner", "linear"},
    };
    for (size_t i = 0; i < COUNT(row); i++)
        UNIT_SAME(diag_nearest(row[i].word, c, COUNT(c)), row[i].found);
    char word[200];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    CU_ASSERT_PTR_NULL(diag_nearest(word, c, COUNT(c)));
    const char *longer[] = {word, "ab"};
    CU_ASSERT_PTR_NULL(diag_nearest("xyzxyz", longer, 2));
}

int main(void) {
    static const UnitTest test[] = {
        {"arena: zeroed and aligned", arena_zeroed_and_aligned},
        {"arena: large pieces", arena_large_pieces},
        {"arena: grows", arena_grows},
        {"arena: push doubles", arena_push_doubles},
        {"arena: resets", arena_resets},
        {"arena: fails by its hook", arena_fails_by_hook},
        {"arena: prints", arena_prints},
        {"strs: interned", strings_are_interned},
        {"strs: hash is FNV-1a", hash_is_fnv1a},
        {"text: grows", text_grows},
        {"num: prints the shortest", numbers_print_shortest},
        {"num: round trip", numbers_round_trip},
        {"num: parses", numbers_parse},
        {"num: parses long digits", numbers_parse_long},
        {"num: ignores the locale", numbers_ignore_locale},
        {"size: checked", sizes_are_checked},
        {"diag: shows the place", diag_shows_the_place},
        {"diag: tells whose fault", diag_tells_whose_fault},
        {"diag: stops after 20", diag_stops_after_20},
        {"diag: cuts long lines", diag_cuts_long_lines},
        {"diag: hides control characters", diag_hides_control_characters},
        {"diag: survives wrong places", diag_survives_wrong_places},
        {"diag: suggests", diag_suggests},
    };
    return unit_main("base", test, COUNT(test));
}
