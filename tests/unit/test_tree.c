/* frontend/: YAML text to trees, back, and --set. */
#include "frontend/tree.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

typedef struct Fixture {
    Arena *arena;
    Strs *strs;
    Diag *diag;
    Text said;                         /* line:col: message; one a line */
} Fixture;

static void listen(void *user, DiagKind kind, Loc loc, const char *message) {
    static const char *const word[] = {"", "warning: ", "note: "};
    Fixture *f = user;
    text_printf(&f->said, "%d:%d: %s%s\n", loc.line, loc.col, word[kind], message);
}

static void start(Fixture *f) {
    *f = (Fixture){.arena = arena_new()};
    f->strs = strs_new(f->arena);
    f->diag = diag_new(f->arena, listen, f);
}

static void end(Fixture *f) {
    text_free(&f->said);
    arena_free(f->arena);
}

static Tree *parse_n(Fixture *f, const char *text, size_t n) {
    return tree_parse(f->arena, f->strs, diag_source(f->diag, "t.yaml", text, n), 0);
}

static void fails(const char *text, const char *said) {
    Fixture f;
    start(&f);
    CU_ASSERT_PTR_NULL(parse_n(&f, text, strlen(text)));
    UNIT_SAME(f.said.s, said);
    end(&f);
}

static void prints(const char *text, const char *printed) {
    Fixture f;
    start(&f);
    Tree *t = parse_n(&f, text, strlen(text));
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_PTR_NULL(f.said.s);
    Text out = {0}, again = {0};
    tree_print(&out, t);
    UNIT_SAME(out.s, printed);
    t = parse_n(&f, out.s, out.n);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    tree_print(&again, t);
    UNIT_SAME(again.s, printed);
    text_free(&out);
    text_free(&again);
    end(&f);
}

static void places(void) {
    Fixture f;
    start(&f);
    const char *text =
        "kiln: 1\nmodel:\n  layers:\n    - linear: {units: 'x'}\n    - relu\n";
    Tree *t = parse_n(&f, text, strlen(text));
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    Tree *layers = tree_find(tree_find(t, "model"), "layers");
    CU_ASSERT_PTR_NOT_NULL_FATAL(layers);
    CU_ASSERT_EQUAL(layers->key_loc.line, 3);
    CU_ASSERT_EQUAL(layers->key_loc.col, 3);
    CU_ASSERT_EQUAL(layers->loc.line, 4);
    CU_ASSERT_EQUAL(layers->n, 2);
    Tree *units = tree_find(layers->item[0]->item[0], "units");
    CU_ASSERT_PTR_NOT_NULL_FATAL(units);
    CU_ASSERT_EQUAL(units->loc.col, 23);
    CU_ASSERT_EQUAL(units->key_loc.col, 16);
    CU_ASSERT(units->quoted && tree_is(units, "x"));
    CU_ASSERT(tree_is(layers->item[1], "relu"));
    CU_ASSERT_PTR_NULL(tree_find(layers, "x"));
    end(&f);
}

static void scalars_stay_text(void) {
    Fixture f;
    start(&f);
    const char *text = "[no, 1e-3, 010, 12:30, ~, null, '', , \"null\"]";
    Tree *t = parse_n(&f, text, strlen(text));
    CU_ASSERT_PTR_NULL(t);             /* YAML itself wants something between commas */
    text = "[no, 1e-3, 010, 12:30, ~, null, '', \"null\"]";
    t = parse_n(&f, text, strlen(text));
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    const char *is[] = {"no", "1e-3", "010", "12:30", "~", "null", "", "null"};
    for (int i = 0; i < 8; i++) {
        CU_ASSERT(tree_is(t->item[i], is[i]));
        CU_ASSERT_EQUAL(tree_null(t->item[i]), i == 4 || i == 5);
    }
    end(&f);
}

static void empty_is_a_map(void) {
    Fixture f;
    start(&f);
    Tree *t = parse_n(&f, "# nothing\n", 10);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_EQUAL(t->kind, TREE_MAP);
    CU_ASSERT_EQUAL(t->n, 0);
    CU_ASSERT_PTR_NOT_NULL(parse_n(&f, "", 0));
    end(&f);
}

static void bad_yaml(void) {
    fails("a: 1\nb: [1, 2\n", "3:1: not YAML: did not find expected ',' or ']' while "
                              "parsing a flow sequence\n"
                              "2:4: note: it starts here\n");
    fails("a: 1\n  b: 2\n",
          "2:4: not YAML: mapping values are not allowed in this context\n");
    fails("a: 1\nb: 2\na: 3\nb: 4\n",
          "3:1: duplicate key 'a'\n1:1: note: first given here\n"
          "4:1: duplicate key 'b'\n2:1: note: first given here\n");
    fails("x: &a {q: 1}\ny:\n  <<: *a\n", "3:3: merge keys ('<<') are not used here: "
                                          "name shared numbers in 'let', repeat "
                                          "layers with 'repeat' or 'blocks'\n");
    fails("[a]: 1\n", "1:1: a key must be a plain word\n");
    fails("a: *b\n", "1:4: no anchor '&b' stands before this alias\n");
    fails("a: &a [*a]\n", "1:8: no anchor '&a' stands before this alias\n");
    fails("a: !!int 3\n",
          "1:4: tags like 'tag:yaml.org,2002:int' are not used here: what a "
          "value means follows from its key\n");
    fails("a: 1\n---\nb: 2\n",
          "2:1: a second document starts here; one file is one model\n");
    fails("a: \"x\\0y\"\n", "1:4: a NUL character in text\n");
}

static void bad_bytes(void) {
    Fixture f;
    start(&f);
    CU_ASSERT_PTR_NULL(parse_n(&f, "a: 1\nb: \xff\n", 10));
    CU_ASSERT_PTR_NULL(parse_n(&f, "a: \xc3\xa9 \0x", 8));
    CU_ASSERT_PTR_NULL(parse_n(&f, "a: \xc3", 4));
    UNIT_SAME(f.said.s, "2:4: not UTF-8 text: invalid leading UTF-8 octet (0xff)\n"
                        "1:6: not UTF-8 text: control characters are not allowed (0x00)\n"
                        "1:4: not UTF-8 text: incomplete UTF-8 octet sequence\n");
    end(&f);
}

static void limits(void) {
    Fixture f;
    start(&f);
    size_t n = TREE_MAX_BYTES + 1;
    char *s = malloc(n);
    memset(s, '[', n);
    CU_ASSERT_PTR_NULL(parse_n(&f, s, n));
    CU_ASSERT_PTR_NULL(parse_n(&f, s, 40000));
    UNIT_SAME(f.said.s,
              "0:0: larger than 1048576 bytes\n1:65: nested more than 64 deep\n");
    memset(s + 64, ']', 64);
    CU_ASSERT_PTR_NOT_NULL(parse_n(&f, s, 128));
    free(s);
    end(&f);
    fails("a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
          "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
          "e: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
          "5:26: too much in one file: more than 100000 values, aliases expanded\n");
}

static void alias_depth(void) {
    Text t = {0};
    text_printf(&t, "a: &a ");
    for (int i = 0; i < 40; i++)
        text_printf(&t, "[");
    for (int i = 0; i < 40; i++)
        text_printf(&t, "]");
    text_printf(&t, "\nb: ");
    for (int i = 0; i < 30; i++)
        text_printf(&t, "[");
    text_printf(&t, "*a");
    for (int i = 0; i < 30; i++)
        text_printf(&t, "]");
    fails(t.s, "2:34: nested more than 64 deep\n");
    text_free(&t);
}

static void print_round_trip(void) {
    prints("a: 1\n", "a: 1\n");
    prints("kiln: 1\nmodel:\n  inputs: {x: [1, 2]}\n  layers:\n"
           "  - linear: {units: 4*d, bias: \"no\"}\n  - relu\n  - residual: [relu, "
           "tanh]\n",
           "kiln: 1\nmodel:\n  inputs: {x: [1, 2]}\n  layers:\n"
           "    - linear: {units: 4*d, bias: \"no\"}\n    - relu\n    - residual: "
           "[relu, tanh]\n");
    prints("- - - a\n  - {b: {c: {d: {e: []}}}}\n- 'it''s: \"#1\"\n\n  x'\n",
           "- - [a]\n  - b:\n      c: {d: {e: []}}\n- \"it's: \\\"#1\\\"\\x0ax\"\n");
    prints("a:\nb: -1\nc: '~'\nd: '- x'\n", "a: null\nb: -1\nc: \"~\"\nd: \"- x\"\n");
}

static const char *set(Fixture *f, const char *text, const char *arg) {
    Tree *t = parse_n(f, text, strlen(text));
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    f->said.n = 0;
    if (!tree_override(f->arena, f->strs, f->diag, &t, arg))
        return f->said.s;
    Text out = {0};
    tree_print(&out, t);
    const char *s = arena_printf(f->arena, "%s", out.s);
    text_free(&out);
    return s;
}

static void overrides(void) {
    Fixture f;
    start(&f);
    UNIT_SAME(set(&f, "{a: {b: 1}, c: 2}", "a.b=3"), "a: {b: 3}\nc: 2\n");
    UNIT_SAME(set(&f, "{a: {b: 1}, c: 2}", "a.x.y=[1, q]"),
              "a:\n  b: 1\n  x: {y: [1, q]}\nc: 2\n");
    UNIT_SAME(set(&f, "{a: [u, {v: 1}]}", "a.1.v= 9"), "a: [u, {v: 9}]\n");
    UNIT_SAME(set(&f, "{opt: sgd}", "opt.sgd.lr=0.1"), "opt: {sgd: {lr: 0.1}}\n");
    UNIT_SAME(set(&f, "{a: 1}", "a="), "a: null\n");
    UNIT_SAME(set(&f, "{a: 1}", "b=c=d"), "a: 1\nb: c=d\n");
    UNIT_SAME(set(&f, "{a: 1}", "a.b=2"),
              "1:3: no 'b' can be set here: 'a' is '1', not a map\n");
    UNIT_SAME(set(&f, "{a: [1]}", "a.1=2"),
              "1:3: '1' is no item of this list: its items are 0 to 0\n");
    UNIT_SAME(set(&f, "{a: 1}", "a"), "1:1: expected path=value, got 'a'\n");
    UNIT_SAME(set(&f, "{a: 1}", "a..b=1"), "1:3: an empty key in the path\n");
    UNIT_SAME(set(&f, "{a: 1}", "a=[1"),
              "2:1: not YAML: did not find expected ',' or ']' "
              "while parsing a flow sequence\n1:3: note: it starts here\n");
    end(&f);
}

int main(void) {
    static const UnitTest test[] = {
        {"places", places},       {"scalars_stay_text", scalars_stay_text},
        {"empty", empty_is_a_map}, {"bad_yaml", bad_yaml},
        {"bad_bytes", bad_bytes}, {"limits", limits},
        {"alias_depth", alias_depth}, {"print", print_round_trip},
        {"overrides", overrides},
    };
    return unit_main("tree", test, COUNT(test));
}
