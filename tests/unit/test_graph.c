/* Graphs: interning, rebuilding, text that parses back, errors with a place, soundness. */
#include "ir/graph.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <string.h>

typedef struct {
    Arena *a;
    Pool *p;
    Strs *s;
    Diag *d;
    int errors, line, col;             /* of the first error */
    char message[200];
} Bench;

static void note(void *user, DiagKind kind, Loc loc, const char *message) {
    Bench *b = user;
    if (kind != DIAG_ERROR || b->errors++)
        return;
    b->line = loc.line;
    b->col = loc.col;
    snprintf(b->message, sizeof b->message, "%s", message);
}

static Bench *bench(void) {
    Arena *a = arena_new();
    Bench *b = NEW(a, 1, Bench);
    b->a = a;
    b->p = pool_new(a);
    b->s = strs_new(a);
    b->d = diag_new(a, note, b);
    return b;
}

static Graph *parse(Bench *b, const char *text) {
    return graph_parse(b->a, b->p, b->s, diag_source(b->d, "t.kir", text, strlen(text)));
}

static const char *print(Bench *b, const Graph *g) {
    Text t = {0};
    graph_print(&t, g);
    const char *s = arena_printf(b->a, "%s", t.s);
    text_free(&t);
    return s;
}

static Type f32(int rank, int64_t n, int64_t m) {
    return (Type){.dtype = F32, .rank = rank, .dim = {{n, false}, {m, false}}};
}

static Graph *new_graph(Bench *b) { return graph_new(b->a, b->p, b->s, "g", 8); }

/* O[i] = body for i < n */
static Eq map(Bench *b, const Dim *ext, const Expr *body) {
    const Ix **store = NEW(b->a, 1, const Ix *);
    store[0] = ix_var(b->p, 0);
    return (Eq){.nidx = 1, .nfree = 1, .ext = ext, .nout = 1, .store = store, .parts = 1,
                .body = body};
}

static const Expr *read1(Bench *b, int slot) {
    const Ix *i = ix_var(b->p, 0);
    return x_read(b->p, F32, slot, 1, &i);
}

/* --- construction --- */

static void leaves(void) {
    Bench *b = bench();
    Graph *g = new_graph(b);
    Type t = f32(1, 3, 0), m = f32(2, 2, 2);
    Ref x = graph_leaf(g, N_INPUT, "x", &t);
    CU_ASSERT_TRUE(ref_equal(x, graph_leaf(g, N_INPUT, "x", &t)));
    CU_ASSERT_FALSE(ref_equal(x, graph_leaf(g, N_PARAM, "x", &t)));
    const float one[4] = {1, 2, 3, 4}, zero = 0, minus = -0.0f;
    Ref c = graph_const(g, &m, one);
    CU_ASSERT_TRUE(ref_equal(c, graph_const(g, &m, (float[]){1, 2, 3, 4})));
    CU_ASSERT_FALSE(ref_equal(c, graph_const(g, &m, (float[]){1, 2, 3, 5})));
    CU_ASSERT_TRUE(c.node->data != one);
    Type s = {.dtype = F32};
    CU_ASSERT_TRUE(ref_equal(graph_number(g, F32, 0), graph_const(g, &s, &zero)));
    CU_ASSERT_TRUE(ref_equal(graph_number(g, F32, -0.0), graph_const(g, &s, &minus)));
    CU_ASSERT_FALSE(ref_equal(graph_number(g, F32, 0), graph_number(g, F32, -0.0)));
    CU_ASSERT_FALSE(ref_equal(graph_number(g, I32, 1), graph_number(g, U32, 1)));
    CU_ASSERT_EQUAL(*(const int64_t *)graph_number(g, I64, -7).node->data, -7);
    for (int i = 0; i < g->nnode; i++)
        CU_ASSERT_EQUAL(g->node[i]->id, (uint32_t)i);
    arena_free(b->a);
}

/* Operand slots: unused ones go, equal ones become one, the order is that of reading. */
static void operands(void) {
    Bench *b = bench();
    Graph *g = new_graph(b);
    Type t = f32(1, 3, 0);
    Ref x = graph_leaf(g, N_INPUT, "x", &t), y = graph_leaf(g, N_INPUT, "y", &t);
    Eq e = map(b, t.dim, x_call2(b->p, FN_sub, read1(b, 3), read1(b, 1)));
    Ref r = graph_eq(g, &e, &t, 4, (Ref[]){x, x, x, y});
    CU_ASSERT_EQUAL(r.node->nsrc, 2);
    CU_ASSERT_TRUE(ref_equal(r.node->src[0], y) && ref_equal(r.node->src[1], x));
    Eq f = map(b, t.dim, x_call2(b->p, FN_sub, read1(b, 0), read1(b, 1)));
    CU_ASSERT_TRUE(ref_equal(r, graph_eq(g, &f, &t, 2, (Ref[]){y, x})));
    CU_ASSERT_FALSE(ref_equal(r, graph_eq(g, &f, &t, 2, (Ref[]){x, y})));
    Ref twice = graph_eq(g, &f, &t, 2, (Ref[]){x, x});
    CU_ASSERT_EQUAL(twice.node->nsrc, 1);
    Eq h = map(b, t.dim, x_call2(b->p, FN_sub, read1(b, 2), read1(b, 2)));
    CU_ASSERT_TRUE(ref_equal(twice, graph_eq(g, &h, &t, 3, (Ref[]){y, y, x})));
    arena_free(b->a);
}

/* A read inside a subscript and inside a guard counts as a read. */
static void hidden_operands(void) {
    Bench *b = bench();
    Graph *g = new_graph(b);
    Type t = f32(1, 3, 0), ti = {.dtype = I32, .rank = 1, .dim = {{3, false}}};
    Ref x = graph_leaf(g, N_INPUT, "x", &t), at = graph_leaf(g, N_INPUT, "at", &ti),
        on = graph_leaf(g, N_INPUT, "on", &ti);
    const Ix *i = ix_var(b->p, 0), *sub = ix_read(b->p, 3, 1, &i);
    const Expr *read = x_read(b->p, F32, 4, 1, &sub);
    Cond c = cond_ge0(b->p, ix_read(b->p, 5, 1, &i));
    Eq e = map(b, t.dim, x_when(b->p, c, read, x_num(b->p, F32, 0)));
    Ref r = graph_eq(g, &e, &t, 6, (Ref[]){x, x, x, at, x, on});
    CU_ASSERT_EQUAL(r.node->nsrc, 3);
    CU_ASSERT_TRUE(ref_equal(r.node->src[0], x) && ref_equal(r.node->src[1], at));
    CU_ASSERT_TRUE(ref_equal(r.node->src[2], on));
    arena_free(b->a);
}

static void origins(void) {
    Bench *b = bench();
    Graph *g = new_graph(b);
    Type t = f32(1, 3, 0);
    Ref x = graph_leaf(g, N_INPUT, "x", &t);
    Origin fc = {.name = "fc", .what = "linear"}, act = {.name = "act", .what = "relu"};
    Eq e = map(b, t.dim, x_call2(b->p, FN_mul, read1(b, 0), read1(b, 0)));
    for (int i = 0; i < 3; i++) {
        g->origin = i == 1 ? &act : &fc;
        graph_eq(g, &e, &t, 1, &x);
    }
    g->origin = NULL;
    const Origin *o = graph_eq(g, &e, &t, 1, &x).node->origin;
    CU_ASSERT_TRUE(o && o->next && !o->next->next);
    UNIT_SAME(o->name, "fc");
    UNIT_SAME(o->next->what, "relu");
    arena_free(b->a);
}

static void live(void) {
    Bench *b = bench();
    Graph *g = parse(b, "graph @g batch 4 strict {\n"
                        "  %x = input \"x\" : f32[n:4,2]\n"
                        "  %y = input \"y\" : f32[n:4,2]\n"
                        "  %1 = { O[i0<n:4,i1<2] = relu(%y[i0,i1]) } : f32[n:4,2]\n"
                        "  %2 = { O[i0<n:4,i1<2] = relu(%x[i0,i1]) } : f32[n:4,2] from relu \"a\"\n"
                        "  output \"y\" %2\n"
                        "}\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(g);
    UNIT_SAME(print(b, graph_live(g)),
              "graph @g batch 4 strict {\n"
              "  %x = input \"x\" : f32[n:4,2]\n"
              "  %1 = { O[i0<n:4,i1<2] = relu(%x[i0,i1]) } : f32[n:4,2] from relu \"a\"\n"
              "  output \"y\" %1\n"
              "}\n");
    arena_free(b->a);
}

/* --- text --- */

static const char *const texts[] = {
    /* every kind of node, and every kind of result */
    "graph @step batch 64 strict {\n"
    "  %x = input \"x\" : f32[n:64,8]\n"
    "  %fc.weight = param \"fc.weight\" : f32[4,8]\n"
    "  %m = state \"m\" : f32[4,8]\n"
    "  %lr = value \"lr\" : f32[]\n"
    "  %1 = { O[i0<n:64,i1<4] += [i2<8] chunk 8 : (%x[i0,i2]*%fc.weight[i1,i2]) } : "
    "f32[n:64,4] from linear \"fc\", loss\n"
    "  %2 = { O[i0<n:64] argmax= [i1<4] chunk 4 : %1[i0,i1] } : f32[n:64], i32[n:64]\n"
    "  %3 = { O[i0<n:64] = (%2[i0]*#f32(%2.1[i0])) } : f32[n:64] kernel 2 share 1\n"
    "  %4 = argsort %1 descending : i32[n:64,4]\n"
    "  %5 = argsort %x : i32[n:64,8]\n"
    "  %6 = { O[i0<4,i1<8] = (%fc.weight[i0,i1] - (%m[i0,i1]*%lr[])) } : f32[4,8]\n"
    "  output \"y\" %3\n"
    "  output \"order\" %4\n"
    "  output \"o\\x22\\x5c\\x0a\" %5\n"
    "  param \"fc.weight\" %6\n"
    "  state \"m\" %6\n"
    "  grad \"fc.weight\" %6\n"
    "}\n",
    /* constants: short, long, what decimals cannot say, each type */
    "graph @c {\n"
    "  %1 = const [1, -0, 0.1, inf, -inf, nan] : f32[6]\n"
    "  %2 = const [0.1, 1e-300] : f64[2]\n"
    "  %3 = const [-2147483648, 2147483647] : i32[2]\n"
    "  %4 = const [-9223372036854775808, 9223372036854775807] : i64[2]\n"
    "  %5 = const [4294967295] : u32[1]\n"
    "  %6 = const [18446744073709551615] : u64[]\n"
    "  %7 = const [0, 255] : u8[2]\n"
    "  %8 = const [0, 1] : bool[2]\n"
    "  %9 = const hex \"0100c07f\" : f32[]\n"
    "  %10 = const hex \"000102030405060708090a0b0c0d0e0f10\" : u8[17]\n"
    "  %11 = const [] : f32[0]\n"
    "}\n",
    /* names that are no words, or two leaves' */
    "graph @g {\n"
    "  %1 = input \"x\" : f32[2]\n"
    "  %2 = param \"x\" : f32[2]\n"
    "  %3 = param \"0.weight\" : f32[2]\n"
    "  %4 = param \"a b\" : f32[2]\n"
    "  output \"y\" %4\n"
    "}\n",
    /* a scan in a scan */
    "graph @rnn batch 4 {\n"
    "  %x = input \"x\" : f32[5,n:4,3]\n"
    "  %h = input \"h\" : f32[n:4,3]\n"
    "  %w = param \"w\" : f32[3,3]\n"
    "  %1 = scan 5 reverse carry(%h) stack(%x) whole(%w) {\n"
    "    %c0 = input \"c0\" : f32[n:4,3]\n"
    "    %x0 = input \"x0\" : f32[n:4,3]\n"
    "    %w0 = input \"w0\" : f32[3,3]\n"
    "    %1 = { O[i0<n:4,i1<3] += [i2<3] chunk 3 : (%c0[i0,i2]*%w0[i1,i2]) } : f32[n:4,3]\n"
    "    %2 = scan 3 carry(%1) stack(%w0) whole() {\n"
    "      %c0 = input \"c0\" : f32[n:4,3]\n"
    "      %x0 = input \"x0\" : f32[3]\n"
    "      %1 = { O[i0<n:4,i1<3] = (%c0[i0,i1] + %x0[i1]) } : f32[n:4,3]\n"
    "      output \"c0\" %1\n"
    "    } : f32[n:4,3]\n"
    "    %3 = { O[i0<n:4,i1<3] = (%x0[i0,i1] + %2[i0,i1]) } : f32[n:4,3]\n"
    "    output \"c0\" %3\n"
    "    output \"y0\" %1\n"
    "  } : f32[n:4,3], f32[5,n:4,3] from rnn \"cell\"\n"
    "  output \"last\" %1\n"
    "  output \"all\" %1.1\n"
    "}\n",
    /* remainders are no operands; scatters and guards */
    "graph @g {\n"
    "  %x = input \"x\" : f32[12]\n"
    "  %at = input \"at\" : i32[12]\n"
    "  %1 = { O[i0<5] = %x[i0] } : f32[5]\n"
    "  %2 = { O[i0<12] = %1[(i0)%5] } : f32[12]\n"
    "  %3 = { for [i0<12] O[%at[i0]<7] scatter += %2[i0] } : f32[7]\n"
    "  %4 = { O[i0<14] = when(i0-1 >= 0 && -i0+12 >= 0, %x[i0-1], 0:f32) } : f32[14]\n"
    "  output \"y\" %3\n"
    "  output \"z\" %4\n"
    "}\n",
};

static void round_trip(void) {
    for (size_t i = 0; i < COUNT(texts); i++) {
        Bench *b = bench();
        Graph *g = parse(b, texts[i]);
        CU_ASSERT_PTR_NOT_NULL(g);
        if (!g) {
            printf("text %zu: %d:%d: %s\n", i, b->line, b->col, b->message);
            continue;
        }
        UNIT_SAME(print(b, g), texts[i]);
        UNIT_SAME(graph_verify(b->a, g), NULL);
        UNIT_SAME(print(b, parse(b, print(b, g))), texts[i]);
        CU_ASSERT_EQUAL(b->errors, 0);
        arena_free(b->a);
    }
}

static void names_of_choice(void) {
    Bench *b = bench();
    Graph *g = parse(b, "graph @g {\n"
                        "  %image = input \"x\" : f32[2]\n"
                        "  # a comment\n"
                        "  %sum = { O[i] = A[i] + A[i] } : f32[2]\n"
                        "}\n");
    CU_ASSERT_PTR_NULL(g);             /* operands are spelled %name */
    b = (arena_free(b->a), bench());
    g = parse(b, "graph @g {\n"
                 "  %image = input \"x\" : f32[2]\n"
                 "  # a comment\n"
                 "  %sum = { O[i] = %image[i] + %image[i] } : f32[2]\n"
                 "  output \"y\" %sum\n"
                 "}\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(g);
    UNIT_SAME(print(b, g), "graph @g {\n"
                           "  %x = input \"x\" : f32[2]\n"
                           "  %1 = { O[i0<2] = (%x[i0] + %x[i0]) } : f32[2]\n"
                           "  output \"y\" %1\n"
                           "}\n");
    arena_free(b->a);
}

/* Each text has one fault. */
static const struct { const char *text; int line, col; const char *message; } faults[] = {
    {"graf @g {}", 1, 1, "got 'graf', expected 'graph'"},
    {"graph @g batch 0 {}", 1, 17, "batch must be positive, got 0"},
    {"graph @g {\n  %x = tensor \"x\" : f32[2]\n}", 2, 8,
     "expected a node: input, param, state, value, const, scan, argsort or {"},
    {"graph @g {\n  %x = input \"x\" : f16[2]\n}", 2, 23, "expected an element type"},
    {"graph @g {\n  %x = input \"x\" : f32[n:3]\n}", 2, 27,
     "batch of 3 in a graph with batch 1"},
    {"graph @g {\n  %x = input \"x\" : f32[1099511627776,9]\n}", 2, 40,
     "tensor is too large"},
    {"graph @g {\n  %x = input \"x\" : f32[2]\n  %x = input \"y\" : f32[2]\n}", 3, 5,
     "'%x' is defined twice"},
    {"graph @g {\n  %x = input \"x\" : f32[2]\n  %y = input \"x\" : f32[3]\n}", 3, 20,
     "result 0 is f32[2], the text says f32[3]"},
    {"graph @g {\n  output \"y\" %7\n}", 2, 14, "unknown node '%7'"},
    {"graph @g {\n  %x = input \"x\" : f32[2]\n  output \"y\" %x.1\n}", 3, 14,
     "unknown node '%x.1'"},
    {"graph @g {\n  %1 = const [1, 2] : f32[3]\n}", 2, 19, "got ']', expected ','"},
    {"graph @g {\n  %1 = const [256] : u8[1]\n}", 2, 18, "number does not fit u8"},
    {"graph @g {\n  %1 = const [0.5] : i32[1]\n}", 2, 18, "number does not fit i32"},
    {"graph @g {\n  %1 = const hex \"00\" : f32[1]\n}", 2, 21, "expected 4 bytes in hex"},
    {"graph @g {\n  %1 = const [1] : f32[100000000]\n}", 2, 20,
     "constant is shorter than its type"},
    {"graph @g {\n  %x = input \"x\" : f32[2]\n  %1 = { O[i0<2] = %x[i0] } : f32[3]\n}", 3,
     31, "result 0 is f32[2], the text says f32[3]"},
    {"graph @g {\n  %x = input \"x\" : f32[2]\n  %1 = { O[i0<2] = %y[i0] } : f32[2]\n}", 3,
     20, "unknown name '%y'"},
    {"graph @g {\n  %x = input \"x\" : f32[2]\n  %1 = { O[i0<2] = %x[i0]", 3, 10,
     "equation without '}'"},
    {"graph @g {\n  %x = input \"x\" : f32[]\n  %1 = argsort %x : i32[]\n}", 3, 3,
     "argsort of a scalar"},
    {"graph @g {\n  %x = input \"x\" : f32[2]\n"
     "  %1 = scan 3 carry() stack(%x) whole() {\n    %x0 = input \"x0\" : f32[]\n"
     "    output \"y\" %x0\n  } : f32[3]\n}", 3, 3,
     "scan over 3 steps: stacked operand 0 is f32[2]"},
    {"graph @g {\n  %x = input \"x\" : f32[2]\n"
     "  %1 = scan 2 carry(%x) stack() whole() {\n    %c0 = input \"c0\" : f32[3]\n"
     "    output \"c0\" %c0\n  } : f32[3]\n}", 3, 3,
     "scan's body has c0 : f32[3], its source is f32[2]"},
    {"graph @g {\n  %x = input \"x\" : f32[2]\n"
     "  %1 = scan 2 carry() stack(%x) whole() {\n    %p = param \"p\" : f32[3]\n"
     "    output \"y\" %p\n  } : f32[2,3]\n}", 3, 3,
     "scan's body reads 'p', which is not its operand"},
    {"graph @g {\n}\nmore", 3, 1, "text after the graph"},
    {"graph @g {\n  %x = input \"x", 2, 16, "got the end, expected '\"'"},
};

static void errors_have_places(void) {
    for (size_t i = 0; i < COUNT(faults); i++) {
        Bench *b = bench();
        CU_ASSERT_PTR_NULL(parse(b, faults[i].text));
        CU_ASSERT_EQUAL(b->errors, 1);
        UNIT_SAME(b->message, faults[i].message);
        bool there = b->line == faults[i].line && b->col == faults[i].col;
        if (!there)
            printf("%s: at %d:%d, expected %d:%d\n", faults[i].message, b->line, b->col,
                   faults[i].line, faults[i].col);
        CU_ASSERT_TRUE(there);
        arena_free(b->a);
    }
}

/* Every prefix of a text is an error, never a crash. */
static void truncated(void) {
    for (size_t i = 0; i < COUNT(texts); i++) {
        size_t n = strlen(texts[i]);
        for (size_t k = 0; k + 2 < n; k += 7) {
            Bench *b = bench();
            Source *src = diag_source(b->d, "t.kir", arena_printf(b->a, "%.*s", (int)k, texts[i]),
                                      k);
            CU_ASSERT_PTR_NULL(graph_parse(b->a, b->p, b->s, src));
            CU_ASSERT_TRUE(b->errors > 0);
            arena_free(b->a);
        }
    }
}

/* --- soundness --- */

static const char *const sound_text =
    "graph @g batch 4 {\n"
    "  %x = input \"x\" : f32[n:4,2]\n"
    "  %w = param \"w\" : f32[2]\n"
    "  %1 = { O[i0<n:4,i1<2] = (%x[i0,i1]*%w[i1]) } : f32[n:4,2]\n"
    "  %2 = { O[i0<2] += [i1<n:4] chunk 4 : %1[i1,i0] } : f32[2]\n"
    "  output \"y\" %1\n"
    "  grad \"w\" %2\n"
    "}\n";

static void verify_source(Graph *g) { ((Ref *)(uintptr_t)g->node[2]->src)[0].node = g->node[3]; }
static void verify_res(Graph *g) { ((Ref *)(uintptr_t)g->node[3]->src)[0].res = 1; }
static void verify_number(Graph *g) { g->node[1]->id = 7; }
static void verify_twice(Graph *g) { g->node[1]->kind = N_INPUT, g->node[1]->name = "x"; }
static void verify_batch(Graph *g) { g->node[0]->type[0].dim[0].n = 3; }
static void verify_type(Graph *g) { g->node[3]->type[0].dim[0].n = 3; }
static void verify_read(Graph *g) { g->node[1]->type[0].dim[0].n = 1; }
static void verify_slot(Graph *g) { g->result[1].ref = (Ref){g->node[2], 0}; }
static void verify_again(Graph *g) { g->result[1] = g->result[0]; }

static void unsound(void) {
    static const struct { void (*spoil)(Graph *g); const char *message; } row[] = {
        {verify_source, "graph @g, node 2: source 0 is not an earlier node"},
        {verify_res, "graph @g, node 3: source 0 is result 1 of 1"},
        {verify_number, "graph @g, node 1: node has number 7"},
        {verify_twice, "graph @g, node 1: input 'x' is declared twice"},
        {verify_batch, "graph @g, node 0: f32[n:3,2] in a graph with batch 4"},
        {verify_type, NULL},
        {verify_read, NULL},
        {verify_slot, "graph @g: grad 'w' is f32[n:4,2], its slot is f32[2]"},
        {verify_again, "graph @g: output 'y' is written twice"},
    };
    for (size_t i = 0; i < COUNT(row); i++) {
        Bench *b = bench();
        Graph *g = parse(b, sound_text);
        CU_ASSERT_PTR_NOT_NULL_FATAL(g);
        UNIT_SAME(graph_verify(b->a, g), NULL);
        row[i].spoil(g);
        const char *bad = graph_verify(b->a, g);
        CU_ASSERT_PTR_NOT_NULL(bad);
        if (row[i].message)            /* the equations' own are tested with them */
            UNIT_SAME(bad, row[i].message);
        arena_free(b->a);
    }
}

int main(void) {
    static const UnitTest test[] = {
        {"leaves", leaves},
        {"operands", operands},
        {"hidden_operands", hidden_operands},
        {"origins", origins},
        {"live", live},
        {"round_trip", round_trip},
        {"names_of_choice", names_of_choice},
        {"errors_have_places", errors_have_places},
        {"truncated", truncated},
        {"unsound", unsound},
    };
    return unit_main("graph", test, COUNT(test));
}
