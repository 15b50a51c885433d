/* The reader of expressions: what it makes of a text, what it says of a bad one, and that
 * it reads back what the printers write. */
#include "ir/parse.h"
#include "tests/unit/unit.h"

#include <string.h>

typedef struct {
    Arena *a;
    Pool *p;
    Diag *d;
    Text said;
} Bench;

static void hear(void *user, DiagKind kind, Loc loc, const char *message) {
    Bench *b = user;
    (void)kind;
    if (loc.line)
        text_printf(&b->said, "%d:%d: ", loc.line, loc.col);
    text_printf(&b->said, "%s", message);
}

static Bench bench(void) {
    Bench b = {.a = arena_new()};
    b.p = pool_new(b.a);
    return b;
}

static void done(Bench *b) {
    text_free(&b->said);
    arena_free(b->a);
}

/* i0.. are indices, n the batch, %0.. operands: even ones f32, odd ones i32. */
static const Ix *index_name(Parser *ps, const char *name, size_t len) {
    const Ix *sub[MAX_RANK];
    if (*name == '%') {
        int n = parse_subs(ps, sub);
        return n < 0 ? NULL : ix_read(ps->pool, name[1] - '0', n, sub);
    }
    if (*name == 'n' && len == 1)
        return ix_batch(ps->pool);
    if (*name == '#')
        return ix_var(ps->pool, 9);
    return len == 2 && *name == 'i' ? ix_var(ps->pool, name[1] - '0') : NULL;
}

/* a b: f32, d: f64, c: bool, k: i32, u: u32, w: eight f32; half is a bare 0.5. */
static const Expr *value_name(Parser *ps, const char *name, size_t len) {
    static const struct {
        const char *name;
        DType t;
        int lanes;
    } var[] = {
        {"a", F32, 1}, {"b", F32, 1}, {"d", F64, 1}, {"c", BOOL, 1},
        {"k", I32, 1}, {"u", U32, 1}, {"w", F32, 8},
    };
    const Ix *sub[MAX_RANK];
    int64_t lanes = 1, step = 1, active = 1;
    if (*name == '%' && parse_need(ps, "[")) {
        int slot = name[1] - '0', n = 0;
        do
            sub[n++] = parse_ix(ps);
        while (parse_is(ps, ","));
        if (parse_is(ps, ";") && parse_int(ps, &lanes) && parse_need(ps, ",") &&
            parse_int(ps, &step) && parse_need(ps, ","))
            parse_int(ps, &active);
        parse_need(ps, "]");
        if (ps->failed)
            return NULL;
        return lanes > 1
                   ? x_vread(ps->pool, F32, slot, sub[0], (int)lanes, step, (int)active)
                   : x_read(ps->pool, slot % 2 ? I32 : F32, slot, n, sub);
    }
    if (len == 4 && !memcmp(name, "half", 4)) {
        ps->bare = true;
        return x_num(ps->pool, F64, 0.5);
    }
    if (len == 2 && *name == 'v')
        return x_var(ps->pool, var[name[1] - '0'].t, var[name[1] - '0'].lanes,
                     name[1] - '0');
    for (int i = 0; i < (int)COUNT(var); i++)
        if (len == 1 && *name == *var[i].name)
            return x_var(ps->pool, var[i].t, var[i].lanes, i);
    return NULL;
}

static Parser parser(Bench *b, const char *text) {
    text_free(&b->said);
    b->d = diag_new(b->a, hear, b);
    return (Parser){.pool = b->p,
                    .arena = b->a,
                    .at = text,
                    .start = text,
                    .end = text + strlen(text),
                    .loc = diag_nowhere(b->d),
                    .index = index_name,
                    .value = value_name,
                    .number = F32};
}

/* The text read whole and printed, or what was said. */
static void ix_gives(Bench *b, const char *text, const char *expected) {
    Parser ps = parser(b, text);
    const Ix *e = parse_ix(&ps);
    Text out = {0};
    CU_ASSERT_EQUAL(e == NULL, ps.failed);
    if (e)
        ix_print(&out, e, NULL);
    UNIT_SAME(e ? out.s : b->said.s, expected);
    text_free(&out);
}

static void expr_gives(Bench *b, const char *text, const char *expected) {
    Parser ps = parser(b, text);
    const Expr *e = parse_expr(&ps);
    Text out = {0};
    CU_ASSERT_EQUAL(e == NULL, ps.failed);
    if (e) {
        x_print(&out, e, NULL);
        parse_space(&ps);
        CU_ASSERT_PTR_EQUAL(ps.at, ps.end);
        Parser again = parser(b, out.s);
        const Expr *same = parse_expr(&again);
        if (same != e)
            printf("%s is not read back: %s\n", out.s,
                   b->said.s ? b->said.s : "another");
        CU_ASSERT_PTR_EQUAL(same, e);
    }
    UNIT_SAME(e ? out.s : b->said.s, expected);
    text_free(&out);
}

static void test_integers(void) {
    static const char *const row[][2] = {
        {"2*i0 + i1 - 3", "2*i0+i1-3"},
        {"i1+i0+i1", "i0+2*i1"},
        {"-(i0 - 4)", "-i0+4"},
        {"(2*i0 + 1)/2", "i0"},
        {"(3*i0 + i1)/2*4", "4*((3*i0+i1)/2)"},
        {"-7/2", "-4"},
        {"-7%4", "1"},
        {"i0 % 3 + i0/3", "(i0)/3+(i0)%3"},
        {"min(i0, 4) - max(i1, i2) + abs(i3)", "min(i0, 4)-max(i1, i2)+abs(i3)"},
        {"min(3, 5)*max(i0, i0+1)", "3*i0+3"},
        {"n - 1 - i0", "-i0+n-1"},
        {"%1[i0, i1+1] + 1", "%1[i0,i1+1]+1"},
        {"%1[%3[i0]]", "%1[%3[i0]]"},
        {"#/4", "(i9)/4"},
        {"6*i0*7", "42*i0"},
        {"i0*i1", "product of two integer expressions, neither constant"},
        {"i0/i1",
         "division of an integer expression by something that is not a positive "
         "constant"},
        {"i0/0",
         "division of an integer expression by something that is not a positive "
         "constant"},
        {"i0 + ", "got the end, expected an integer expression"},
        {"i0 + x", "unknown name 'x'"},
        {"(i0", "got the end, expected ')'"},
        {"min(i0)", "got ')', expected ','"},
        {"1099511627777", "integer out of range"},
        {"1099511627776*1099511627776", "integer out of range"},
        {"1000000*1000000*1000000*1000000", "integer out of range"},
        {"i0 + 4 & 3", "i0+4"}, /* the rest is another's */
    };
    Bench b = bench();
    for (size_t i = 0; i < COUNT(row); i++)
        ix_gives(&b, row[i][0], row[i][1]);
    done(&b);
}

static void test_guards(void) {
    static const char *const row[][2] = {
        {"i0 >= 2", "i0-2 >= 0"},
        {"i0 > 2", "i0-3 >= 0"},
        {"i0 <= 2", "-i0+2 >= 0"},
        {"i0 < i1", "-i0+i1-1 >= 0"},
        {"i0 == i1", "i0-i1 == 0"},
        {"2 < 3", "0 == 0"},
        {"i0 >= 0 && i0 >= 0", "i0 >= 0"},
        {"i0 = 3", "got '=', expected a comparison"},
        {"i0 < ", "got the end, expected an integer expression"},
        {"i0 < 3 && ", "got the end, expected an integer expression"},
    };
    Bench b = bench();
    for (size_t i = 0; i < COUNT(row); i++) {
        Parser ps = parser(&b, row[i][0]);
        Cond c = parse_cond(&ps);
        Text out = {0};
        cond_print(&out, c, NULL);
        UNIT_SAME(ps.failed ? b.said.s : out.s, row[i][1]);
        text_free(&out);
    }
    done(&b);
}

static void test_values(void) {
    static const char *const row[][2] = {
        {"a + b*2", "(v0 + (v1*2:f32))"},
        {"2*a", "(2:f32*v0)"},
        {"2*d + 1/3", "((2:f64*v2) + 0.3333333333333333:f64)"},
        {"(a - b) - a", "((v0 - v1) - v0)"},
        {"a - (b - a)", "(v0 - (v1 - v0))"},
        {"-a", "neg(v0)"},
        {"--a", "v0"},
        {"1/2", "0.5:f32"},
        {"half*d", "(0.5:f64*v2)"},
        {"k + 3", "(v4 + 3:i32)"},
        {"max(k, -1)", "max(v4, -1:i32)"},
        {"select(c, a, 0)", "select(v3, v0, 0:f32)"},
        {"select(lt(a, 1), 1, 0) + d", "(select(lt(v0, 1:f32), 1:f64, 0:f64) + v2)"},
        {"select(c, 1, 0)*d", "(select(v3, 1:f64, 0:f64)*v2)"},
        {"when(i0 >= 1, %0[i0-1], 0)", "when(i0-1 >= 0, %0[i0-1], 0:f32)"},
        {"when(i0 >= 1, 1, half)*d", "(when(i0-1 >= 0, 1:f64, 0.5:f64)*v2)"},
        {"f32(i0 + 1)*a", "(#f32(i0+1)*v0)"},
        {"f32(min(i0, 3) % 2)", "#f32((min(i0, 3))%2)"},
        {"num(2*n)*d", "(#f64(2*n)*v2)"},
        {"a/num(i0 - 1)", "(v0/#f32(i0-1))"},
        {"u32(#/4)", "#u32((i9)/4)"},
        {"u32(%1[i0])", "u32(%1[i0])"},
        {"f64(a)", "f64(v0)"},
        {"f32(a)", "v0"},
        {"f32(c)", "select(v3, 1:f32, 0:f32)"},
        {"bool(k)", "ne(v4, 0:i32)"},
        {"lt(a, 3)", "lt(v0, 3:f32)"},
        {"eq(0, 0)", "1:bool"},
        {"bits(a)", "bits(v0)"},
        {"and(u, 0xff)", "and(v5, 255:u32)"},
        {"#i32(i0+1; 8, 2)", "#i32(i0+1; 8, 2)"},
        {"%0[i0+4; 8, 1, 5]", "%0[i0+4; 8, 1, 5]"},
        {"splat(8, a) + w", "(splat(8, v0) + v6)"},
        {"tree.add(w)", "tree.add(v6)"},
        {"when@i2(i2 < 5, w, splat(8, 0:f32))",
         "when@i2(-i2+4 >= 0, v6, splat(8, 0:f32))"},
    };
    Bench b = bench();
    for (size_t i = 0; i < COUNT(row); i++)
        expr_gives(&b, row[i][0], row[i][1]);
    done(&b);
}

static void test_faults(void) {
    static const char *const row[][2] = {
        {"", "expected a value"},
        {"a +", "expected a value"},
        {"a + )", "got ')', expected a value"},
        {"(a", "got the end, expected ')'"},
        {"a + k", "got i32, expected f32"},
        {"a + x", "unknown name 'x'"},
        {"foo(a)", "unknown function 'foo'"},
        {"exp(a, b)", "exp takes 1 argument, got 2"},
        {"max(a)", "max takes 2 arguments, got 1"},
        {"f32(a, b)", "f32 takes 1 argument, got 2"},
        {"exp(k)", "'exp' does not take i32"},
        {"k/2", "'div' does not take i32"},
        {"and(a, b)", "'and' does not take f32"},
        {"k + 0.5", "0.5 is no i32"},
        {"a + i0", "an integer expression needs a conversion, as in f32(...)"},
        {"i0 + 1", "an integer expression needs a conversion, as in f32(...)"},
        {"select(a, a, b)", "got f32, expected bool"},
        {"when(i0 < 3, a, k)", "got i32, expected f32"},
        {"when(i0, a, b)", "got ',', expected a comparison"},
        {"#f99(i0)", "got 'f99', expected a type"},
        {"a + w", "'add': 8 lanes beside 1"},
        {"splat(4, w)", "splat of 8 lanes into 4"},
        {"#f32(i0; 0, 1)", "0 lanes"},
        {"add(a, a, a, a, a, a, a, a, a)", "too many arguments"},
    };
    Bench b = bench();
    for (size_t i = 0; i < COUNT(row); i++)
        expr_gives(&b, row[i][0], row[i][1]);
    done(&b);
}

static void test_numbers(void) {
    static const char *const row[][2] = {
        {"0", "0:f32"},
        {"-0", "-0:f32"},
        {"-0:f32", "-0:f32"},
        {"-0:i32", "0:i32"},
        {"1e-3", "0.001:f32"},
        {"1e40", "inf:f32"},
        {"0.1:f64", "0.1:f64"},
        {"16777217:f64", "16777217:f64"},
        {"0x1p-24", "5.9604645e-8:f32"},
        {"0x1.8p1", "3:f32"},
        {"0x10", "16:f32"},
        {"inf", "inf:f32"},
        {"-inf:f64", "-inf:f64"},
        {"nan", "nan:f32"},
        {"-2147483648:i32", "-2147483648:i32"},
        {"4294967295:u32", "4294967295:u32"},
        {"0xffffffff:u32", "4294967295:u32"},
        {"-1:u32", "4294967295:u32"},
        {"18446744073709551615:u64", "-1:u64"},
        {"-1:u64", "-1:u64"},
        {"9223372036854775807:i64", "9223372036854775807:i64"},
        {"1:bool", "1:bool"},
        {"0x", "0x without digits"},
        {"0x11111111111111111", "number out of range"},
        {"1e999", "bad number '1e999'"},
        {"1e+", "bad number '1e+'"},
    };
    Bench b = bench();
    for (size_t i = 0; i < COUNT(row); i++)
        expr_gives(&b, row[i][0], row[i][1]);
    done(&b);
}

/* Nesting has an end before the stack has. */
static void test_depth(void) {
    enum { DEEP = 100000 };
    Bench b = bench();
    char *text = NEW(b.a, DEEP + 1, char);
    for (int k = 0; k < 2; k++) {
        memset(text, k ? '-' : '(', DEEP);
        expr_gives(&b, text, "nested too deeply");
        ix_gives(&b, text, "nested too deeply");
    }
    done(&b);
}

/* Errors in a file's text are where they are; in a row of a table, where the row is used. */
static void test_places(void) {
    static const char file[] = "one\n  two {\n a + b # and\n # more\n + x }\n";
    Bench b = bench();
    Parser ps = parser(&b, file + 11);
    ps.end = file + strlen(file) - 2;
    ps.loc = (Loc){diag_source(b.d, "f", file, strlen(file)), 2, 8};
    CU_ASSERT_PTR_NULL(parse_expr(&ps));
    UNIT_SAME(b.said.s, "5:4: unknown name 'x'");
    ps = parser(&b, "a + x");
    ps.loc = (Loc){diag_source(b.d, "f", file, strlen(file)), 2, 3};
    ps.label = "op";
    CU_ASSERT_PTR_NULL(parse_expr(&ps));
    UNIT_SAME(b.said.s, "2:3: op: unknown name 'x'");
    ps = parser(&b, "a + x");
    ps.quiet = true;
    CU_ASSERT_PTR_NULL(parse_expr(&ps));
    CU_ASSERT_TRUE(ps.failed);
    CU_ASSERT_PTR_NULL(b.said.s);
    done(&b);
}

/* --- whatever the printers write is read back --- */

static uint32_t draw(uint32_t *seed, uint32_t n) {
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % n;
}

static const Ix *any_ix(Pool *p, uint32_t *seed, int depth) {
    const Ix *a, *b;
    uint32_t k = depth ? draw(seed, 10) : draw(seed, 2);
    if (k == 0)
        return ix_var(p, (int)draw(seed, 5));
    if (k == 1)
        return draw(seed, 4) ? ix_const(p, (int64_t)draw(seed, 19) - 9) : ix_batch(p);
    a = any_ix(p, seed, depth - 1);
    b = any_ix(p, seed, depth - 1);
    switch (k) {
    case 2: return ix_div(p, a, draw(seed, 5) + 1);
    case 3: return ix_mod(p, a, draw(seed, 5) + 1);
    case 4: return ix_min(p, a, b);
    case 5: return ix_max(p, a, b);
    case 6: return ix_abs(p, a);
    case 7: return ix_read(p, 1, 2, (const Ix *const[]){a, b});
    case 8: return ix_scale(p, a, (int64_t)draw(seed, 9) - 4);
    default: return ix_add(p, a, b);
    }
}

static const Expr *any_expr(Pool *p, uint32_t *seed, int depth) {
    static const Fn binary[] = {FN_add, FN_sub, FN_mul, FN_div, FN_max, FN_min};
    static const double num[] = {0, -0.0, 1, -1, 0.1, 1e-30, 3e38, 16777216};
    const Ix *sub[] = {any_ix(p, seed, 2), any_ix(p, seed, 1)};
    uint32_t k = depth ? draw(seed, 8) : draw(seed, 4);
    switch (k) {
    case 0: return x_num(p, F32, num[draw(seed, COUNT(num))]);
    case 1: return x_var(p, F32, 1, (int)draw(seed, 2));
    case 2: return x_read(p, F32, 2, 2, sub);
    case 3: return x_ix(p, F32, sub[0]);
    }
    const Expr *a = any_expr(p, seed, depth - 1), *b = any_expr(p, seed, depth - 1);
    switch (k) {
    case 4:
        return x_when(p, cond_and(p, cond_ge0(p, sub[0]), cond_eq0(p, sub[1])), a, b);
    case 5: return x_call3(p, FN_select, x_call2(p, FN_lt, a, b), b, a);
    case 6: return x_call1(p, draw(seed, 2) ? FN_neg : FN_relu, a);
    default: return x_call2(p, binary[draw(seed, COUNT(binary))], a, b);
    }
}

static void test_round_trip(void) {
    uint32_t seed = 7;
    for (int i = 0; i < 2000; i++) {
        Bench b = bench();
        const Ix *ix = any_ix(b.p, &seed, 4);
        const Expr *e = any_expr(b.p, &seed, 4);
        Text out = {0};
        ix_print(&out, ix, NULL);
        Parser ps = parser(&b, out.s);
        if (parse_ix(&ps) != ix)
            CU_FAIL_FATAL(out.s);
        text_free(&out);
        x_print(&out, e, NULL);
        ps = parser(&b, out.s);
        if (parse_expr(&ps) != e)
            CU_FAIL_FATAL(out.s);
        text_free(&out);
        done(&b);
    }
}

int main(void) {
    static const UnitTest test[] = {
        {"integers", test_integers}, {"guards", test_guards},
        {"values", test_values},     {"faults", test_faults},
        {"numbers", test_numbers},   {"depth", test_depth},
        {"places", test_places},     {"round trip", test_round_trip},
    };
    return unit_main("parse", test, COUNT(test));
}
