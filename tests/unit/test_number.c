/* frontend/: numbers and expressions over `let` names. */
#include "frontend/number.h"
#include "tests/unit/unit.h"

#include <string.h>

typedef struct Fixture {
    Arena *arena;
    Diag *diag;
    Scope let, inner;
    Text said;
} Fixture;

static void listen(void *user, DiagKind kind, Loc loc, const char *message) {
    Fixture *f = user;
    (void)kind;
    text_printf(&f->said, "%d:%d: %s\n", loc.line, loc.col, message);
}

static void start(Fixture *f) {
    static Name outer[] = {{"d", 128}, {"heads", 4}, {"x", 1}},
                inner[] = {{"x", 7}, {"k.0", 3}};
    *f = (Fixture){.arena = arena_new(), .let = {NULL, 3, outer}};
    f->inner = (Scope){&f->let, 2, inner};
    f->diag = diag_new(f->arena, listen, f);
}

static void end(Fixture *f) {
    text_free(&f->said);
    arena_free(f->arena);
}

static const char *eval(Fixture *f, const char *text) {
    Loc loc = {diag_source(f->diag, "t", text, strlen(text)), 1, 1};
    double v;
    char buf[40];
    f->said.n = 0;
    if (!number_text(&f->inner, loc, "units", text, &v))
        return f->said.s;
    return arena_printf(f->arena, "%s", num_double(buf, v));
}

static void values(void) {
    Fixture f;
    start(&f);
    UNIT_SAME(eval(&f, "4*d"), "512");
    UNIT_SAME(eval(&f, "1/255"), "0.00392156862745098");
    UNIT_SAME(eval(&f, " 010 "), "10");
    UNIT_SAME(eval(&f, "1e-3"), "0.001");
    UNIT_SAME(eval(&f, "2 + 3 * 4 - 1"), "13");
    UNIT_SAME(eval(&f, "(2 + 3) * -(4 - 1)"), "-15");
    UNIT_SAME(eval(&f, "100 // 7 // 2"), "7");
    UNIT_SAME(eval(&f, "-7 // 2"), "-4");
    UNIT_SAME(eval(&f, "-7 % 3"), "2");
    UNIT_SAME(eval(&f, "7 % -3"), "-2");
    UNIT_SAME(eval(&f, "12 / 4 / 3"), "1");
    UNIT_SAME(eval(&f, "x * k.0"), "21");
    UNIT_SAME(eval(&f, "- - +2"), "2");
    UNIT_SAME(eval(&f, ".5e1"), "5");
    end(&f);
}

static void errors(void) {
    Fixture f;
    start(&f);
    UNIT_SAME(eval(&f, "4*head"),
              "1:3: units: no number is named 'head'; did you mean 'heads'?\n");
    UNIT_SAME(eval(&f, "rows"),
              "1:1: units: no number is named 'rows'; name one in 'let', or "
              "give it with --set let.rows=...\n");
    UNIT_SAME(eval(&f, "1 / (d - 128)"), "1:3: units: division by zero\n");
    UNIT_SAME(eval(&f, "1 % 0"), "1:3: units: division by zero\n");
    UNIT_SAME(eval(&f, "(1 + 2"), "1:1: units: no ')' for this '('\n");
    UNIT_SAME(eval(&f, "1 +"), "1:4: units: expected a number, got the end\n");
    UNIT_SAME(eval(&f, ""), "1:1: units: expected a number, got nothing\n");
    UNIT_SAME(eval(&f, "3 apples"),
              "1:3: units: expected + - * / // % or the end, got 'apples'\n");
    UNIT_SAME(eval(&f, "12px"), "1:1: units: '12px' is no number\n");
    UNIT_SAME(eval(&f, "1e999"), "1:1: units: '1e999' is no number\n");
    UNIT_SAME(eval(&f, "1e300*1e300"), "1:1: units: '1e300*1e300' is too large\n");
    char deep[301];
    memset(deep, '(', 300);
    deep[300] = '\0';
    UNIT_SAME(eval(&f, deep), "1:65: units: nested more than 64 deep\n");
    end(&f);
}

static const char *whole(Fixture *f, const char *text, int64_t lo, int64_t hi) {
    Loc loc = {diag_source(f->diag, "t", text, strlen(text)), 1, 1};
    int64_t v;
    f->said.n = 0;
    if (!number_whole(&f->let, tree_scalar(f->arena, text, loc), "units", lo, hi, &v))
        return f->said.s;
    return arena_printf(f->arena, "%lld", (long long)v);
}

static void whole_numbers(void) {
    Fixture f;
    start(&f);
    UNIT_SAME(whole(&f, "d/heads", 1, 100), "32");
    UNIT_SAME(whole(&f, "0.1*30", 1, 100), "3");
    UNIT_SAME(whole(&f, "1e3", 0, INT64_MAX), "1000");
    UNIT_SAME(whole(&f, "1e19", 0, INT64_MAX),
              "1:1: units: expected at most 9223372036854775807, got 1e19\n");
    UNIT_SAME(whole(&f, "d/3", 1, 100),
              "1:1: units: expected a whole number, got 42.666666666666664\n");
    UNIT_SAME(whole(&f, "0", 1, 100), "1:1: units: expected at least 1, got 0\n");
    UNIT_SAME(whole(&f, "101", 1, 100), "1:1: units: expected at most 100, got 101\n");
    end(&f);
}

static void let_section(void) {
    Fixture f;
    start(&f);
    const char *text = "{d: 4, ff: 4*d, bad: e, 'a b': 1, e: 2}";
    Tree *t = tree_parse(f.arena, strs_new(f.arena),
                         diag_source(f.diag, "t", text, strlen(text)), 0);
    Scope s = {0};
    CU_ASSERT(!scope_let(f.arena, &s, t));
    double v;
    CU_ASSERT(scope_find(&s, "ff", 2, &v) && v == 16);
    UNIT_SAME(
        f.said.s,
        "1:22: bad: no number is named 'e'; name one in 'let', or give it with "
        "--set let.e=...\n1:25: let: 'a b' is no name: letters, digits and '_'\n");
    end(&f);
}

int main(void) {
    static const UnitTest test[] = {
        {"values", values},
        {"errors", errors},
        {"whole", whole_numbers},
        {"let", let_section},
    };
    return unit_main("number", test, COUNT(test));
}
