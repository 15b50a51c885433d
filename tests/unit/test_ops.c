/* Every op of the table on several shapes: the result's type, the error where operands do
 * not fit; the graph is sound, is read back from its text, and stays inside its operands. */
#include "ir/oracle.h"
#include "tests/unit/rows.h"

typedef struct {
    const char *op, *with;
    const char *expected; /* the result's type, or the error */
} Case;

static const Case table[] = {
    /* products */
    {"matmul", "A=f32[4,784] B=f32[784,10]", "f32[4,10]"},
    {"matmul", "A=f64[4,7] B=f64[7,1]", "f64[4,1]"},
    {"matmul", "A=f32[n:3,2,4,5] B=f32[2,5,6]", "f32[n:3,2,4,6]"},
    {"matmul", "A=f32[n:3,5] B=f32[5,6]", "f32[n:3,6]"},
    {"matmul", "A=f32[4,784] B=f32[128,10]", "matmul: k is 784 in A.1 but 128 in B.0"},
    {"matmul", "A=f32[4] B=f32[4,10]", "matmul: A is f32[4], expected at least 2 dims"},
    {"matmul", "A=f32[4,5]", "matmul: got 1 operands, expected A B"},
    {"linear", "X=f32[n:3,4] W=f32[5,4] B=f32[5]", "f32[n:3,5]"},
    {"linear", "X=f32[n:3,2,4] W=f32[5,4]", "f32[n:3,2,5]"},
    {"linear", "X=f32[4] W=f32[1,4]", "f32[1]"},
    {"linear", "X=f32[n:3,4] W=f32[5,7]", "linear: k is 4 in X.1 but 7 in W.1"},
    {"linear", "X=f32[n:3,4] W=f32[5,4] B=f32[6]",
     "linear: o is 5 in S.1 but 6 in B.0"},
    {"dot", "A=f32[n:3,20] B=f32[20]", "f32[n:3]"},
    {"dot", "A=f32[20] B=f32[20]", "f32[]"},
    {"outer", "A=f32[3] B=f32[1]", "f32[3,1]"},
    /* windows */
    {"conv1d", "X=f32[n:3,4,10] W=f32[6,4,3] B=f32[6]", "f32[n:3,6,8]"},
    {"conv1d", "X=f32[n:3,4,10] W=f32[6,2,3] sx=2 px=1 dx=2 groups=2", "f32[n:3,6,4]"},
    {"conv2d", "X=f32[n:3,3,28,28] W=f32[16,3,3,3] B=f32[16] py=1 px=1",
     "f32[n:3,16,28,28]"},
    {"conv2d", "X=f32[n:3,4,9,8] W=f32[6,2,3,3] sy=2 sx=2 groups=2", "f32[n:3,6,4,3]"},
    {"conv2d", "X=f32[n:3,6,9,8] W=f32[6,1,3,3] groups=6 py=1", "f32[n:3,6,9,6]"},
    {"conv2d", "X=f32[2,1,9,8] W=f32[1,1,1,1] dy=2", "f32[2,1,9,8]"},
    {"conv2d", "X=f32[n:3,1,5,5] W=f32[2,1,3,3] dy=2 dx=2", "f32[n:3,2,1,1]"},
    {"conv2d", "X=f32[n:3,4,9,8] W=f32[6,3,3,3]",
     "conv2d: needs X.1 == groups*W.1, but X.1 is 4, groups is 1, W.1 is 3"},
    {"conv2d", "X=f32[n:3,4,9,8] W=f32[5,2,3,3] groups=2",
     "conv2d: needs W.0 % groups == 0, but W.0 is 5, groups is 2"},
    {"conv2d", "X=f32[n:3,3,2,2] W=f32[6,3,3,3]",
     "conv2d: the extent of y comes out as 0"},
    {"conv2d", "X=f32[n:3,3,9,9] W=f32[6,3,3,3] sx=0",
     "conv2d: needs sx > 0, but sx is 0"},
    {"conv2d", "X=f32[n:3,784] W=f32[6,3,3,3]",
     "conv2d: X is f32[n:3,784], expected 4 dims"},
    {"conv2d", "X=f32[n:3,3,9,9] W=f32[6,3,3,3] stride=2",
     "conv2d: unknown attribute 'stride', expected sy=1 sx=1 py=0 px=0 dy=1 dx=1 "
     "groups=1"},
    {"conv_transpose2d",
     "X=f32[n:3,3,4,4] W=f32[3,5,3,3] sy=2 sx=2 py=1 px=1 oy=1 ox=1", "f32[n:3,5,8,8]"},
    {"conv_transpose2d", "X=f32[n:3,3,4,4] W=f32[3,1,2,3] B=f32[1]", "f32[n:3,1,5,6]"},
    {"max_pool1d", "X=f32[n:3,2,7] kx=2 sx=2", "f32[n:3,2,3]"},
    {"max_pool1d", "X=f32[n:3,2,7] kx=3 sx=1 px=1 dx=2", "f32[n:3,2,5]"},
    {"max_pool2d", "X=f32[n:3,2,28,28] ky=2 kx=2 sy=2 sx=2", "f32[n:3,2,14,14]"},
    {"max_pool2d", "X=f32[n:3,2,7,8] ky=3 kx=3 sy=2 sx=2 py=1 px=1", "f32[n:3,2,4,4]"},
    {"max_pool2d", "X=i32[1,1,7,8] ky=7 kx=8 sy=1 sx=1", "i32[1,1,1,1]"},
    {"max_pool2d", "X=f32[n:3,2,7,8] ky=3 kx=3 sy=2 sx=2 py=2",
     "max_pool2d: needs 2*py <= ky, but py is 2, ky is 3"},
    {"max_pool2d", "X=f32[n:3,2,7,8] ky=3 kx=3 sy=2",
     "max_pool2d: attribute 'sx' is missing"},
    {"avg_pool1d", "X=f32[n:3,2,7] kx=3 sx=2 px=1", "f32[n:3,2,4]"},
    {"avg_pool1d", "X=f64[n:3,2,7] kx=3 sx=2 px=1 count_pad=0", "f64[n:3,2,4]"},
    {"avg_pool2d", "X=f32[n:3,2,7,8] ky=3 kx=3 sy=2 sx=2 py=1 px=1", "f32[n:3,2,4,4]"},
    {"avg_pool2d", "X=f32[n:3,2,7,8] ky=3 kx=2 sy=2 sx=2 py=1 count_pad=0",
     "f32[n:3,2,4,4]"},
    {"avg_pool2d", "X=i32[n:3,2,7,8] ky=2 kx=2 sy=2 sx=2",
     "avg_pool2d: 'div' does not take i32"},
    {"upsample2d", "X=f32[n:3,2,3,1]", "f32[n:3,2,6,2]"},
    {"upsample2d", "X=f32[n:3,2,3,1] fy=1 fx=3", "f32[n:3,2,3,3]"},
    /* reductions */
    {"sum", "X=f32[n:3,4,5]", "f32[4,5]"},
    {"sum", "X=f32[n:3,4,5] axis=-1", "f32[n:3,4]"},
    {"sum", "X=f32[n:3,4,5] axis=1 dims=2 keep=1", "f32[n:3,1,1]"},
    {"sum", "X=f32[n:3,4,1] axis=2", "f32[n:3,4]"},
    {"sum", "X=f32[n:3,4,5] axis=1 dims=0", "f32[n:3,4,5]"},
    {"sum", "X=f32[n:3,4,5] axis=3",
     "sum: X is f32[n:3,4,5], expected at least 4 dims"},
    {"sum", "X=f32[n:3,4,5] axis=4", "sum: axis is 4, but X has 3 dims"},
    {"sum", "X=f32[n:3,4,5] keep=2", "sum: dims are kept (1) or not (0)"},
    {"sum", "X=bool[5]", "sum: a fold of bools"},
    {"mean", "X=f32[n:3,4,5] axis=0 dims=3", "f32[]"},
    {"mean", "X=f32[n:3,4,5] axis=1 dims=2 keep=1", "f32[n:3,1,1]"},
    {"mean", "X=f32[20] axis=0", "f32[]"},
    {"prod", "X=f32[n:3,4,5] axis=1", "f32[n:3,5]"},
    {"amax", "X=f32[n:3,4,5] axis=2 keep=1", "f32[n:3,4,1]"},
    {"amax", "X=u8[n:3] axis=0", "u8[]"},
    {"amin", "X=i64[n:3,4,5] axis=1 dims=2", "i64[n:3]"},
    {"argmax", "X=f32[n:3,10] axis=1", "i32[n:3]"},
    {"argmax", "X=f32[n:3,10,1] axis=2 keep=1", "i32[n:3,10,1]"},
    {"argmin", "X=f32[n:3,2,5] axis=1 dims=2", "i32[n:3]"},
    {"sum_all", "X=f32[n:3,4,1,5]", "f32[]"},
    {"sum_all", "X=f32[]", "f32[]"},
    {"mean_all", "X=f32[n:3,4]", "f32[]"},
    {"amax_all", "X=f32[n:3,4]", "f32[]"},
    {"amin_all", "X=f32[2,3,4,5]", "f32[]"},
    /* shapes and places */
    {"reshape", "X=f32[n:3,1,28,28] shape={0,-1}", "f32[n:3,784]"},
    {"cumsum", "X=f32[n:3,4,5] axis=1", "f32[n:3,4,5]"},
    {"cumsum", "X=f32[n:3,4] axis=-1", "f32[n:3,4]"},
    {"cumsum", "X=i32[1,1]", "i32[1,1]"},
    {"cumsum", "X=f32[n:3,4]", "cumsum: steps along the batch"},
    {"cumsum", "X=f32[4] axis=1", "cumsum: X is f32[4], expected at least 2 dims"},
    {"cumprod", "X=f32[4,5] axis=1", "f32[4,5]"},
    {"reshape", "X=f32[n:3,12] shape={0,2,3,2}", "f32[n:3,2,3,2]"},
    {"reshape", "X=f32[6,4] shape={3,8}", "f32[3,8]"},
    {"reshape", "X=f32[] shape={1,1}", "f32[1,1]"},
    {"reshape", "X=f32[6,4] shape={3,7}",
     "reshape: X is f32[6,4], which has not the elements of f32[3,7]"},
    {"reshape", "X=f32[6,4]", "reshape: attribute 'shape' is missing"},
    {"reshape", "X=f32[6,4] shape=24",
     "reshape: attribute 'shape' is an integer, expected a list of integers"},
    {"transpose", "X=f32[n:3,4,5,1] perm={0,2,3,1}", "f32[n:3,5,1,4]"},
    {"transpose", "X=f32[4,5] perm={1,0}", "f32[5,4]"},
    {"transpose", "X=f32[n:3,4] perm={1,0}",
     "transpose: the batch must stay the outermost dim, got it as dim 1"},
    {"broadcast_to", "X=f32[1,4] shape={2,3,4}", "f32[2,3,4]"},
    {"broadcast_to", "X=f32[n:3,1] shape={0,4}", "f32[n:3,4]"},
    {"concat", "A=f32[n:3,4,2] B=f32[n:3,1,2] axis=1", "f32[n:3,5,2]"},
    {"concat", "A=f32[4] B=f32[3]", "f32[7]"},
    {"concat", "A=f32[n:3,4] B=f32[n:3,5] axis=-1", "f32[n:3,9]"},
    {"concat", "A=f32[n:3,4,2] B=f32[n:3,1,3] axis=1", "concat: A.2 is 2 but B.2 is 3"},
    {"concat", "A=f32[n:3,4] B=f32[n:3,4]",
     "concat: an extent that is neither a constant nor the batch"},
    {"concat", "A=f32[n:3,4] B=f32[n:3,4,1] axis=1",
     "concat: B is f32[n:3,4,1], expected 2 dims"},
    {"pad", "X=f32[n:3,10] axis=1 lo=2 hi=1 fill=0.5", "f32[n:3,13]"},
    {"pad", "X=i32[n:3,1,2] axis=1 lo=2", "i32[n:3,3,2]"},
    {"pad", "X=f32[n:3,10] axis=-1 lo=-2 hi=-1", "f32[n:3,7]"},
    {"pad", "X=f32[n:3,10] axis=1 lo=-10", "pad: the extent of i comes out as 0"},
    {"pad", "X=i32[n:3,10] axis=1 lo=1 fill=0.5", "pad: 0.5 is no i32"},
    {"pad_edge", "X=f32[n:3,4] axis=1 lo=2 hi=5", "f32[n:3,11]"},
    {"pad_edge", "X=f32[n:3,1] axis=1 lo=2", "f32[n:3,3]"},
    {"pad_reflect", "X=f32[n:3,4] axis=1 lo=2 hi=3", "f32[n:3,9]"},
    {"pad_reflect", "X=f32[n:3,4] axis=1 lo=4",
     "pad_reflect: needs lo < X.axis, but lo is 4, X.axis is 4"},
    {"pad_wrap", "X=f32[n:3,4] axis=1 lo=2 hi=9", "f32[n:3,15]"},
    {"slice", "X=f32[n:3,10] axis=1 start=1 step=3", "f32[n:3,3]"},
    {"slice", "X=f32[n:3,10] axis=1 start=2 stop=3", "f32[n:3,1]"},
    {"slice", "X=f32[10,2,3] stop=99", "f32[10,2,3]"},
    {"slice", "X=f32[n:3,10] axis=1 start=10", "slice: the extent of i comes out as 0"},
    {"flip", "X=f32[n:3,10]", "f32[n:3,10]"},
    {"flip", "X=f32[n:3,10,1] axis=1", "f32[n:3,10,1]"},
    {"repeat", "X=f32[n:3,4] axis=1 times=3", "f32[n:3,12]"},
    {"repeat", "X=f32[n:3,1] axis=1 times=2", "f32[n:3,2]"},
    {"embedding", "T=i32[n:3,7] W=f32[20,16]", "f32[n:3,7,16]"},
    {"embedding", "T=u8[n:3] W=f32[20,1]", "f32[n:3,1]"},
    {"embedding", "T=f32[n:3] W=f32[20,4]",
     "embedding: T is f32[n:3], subscripts read integers"},
    {"gather", "X=f32[20,4] T=i32[n:3,2]", "f32[n:3,2,4]"},
    {"gather", "X=f32[n:3,20,4] T=i32[7] axis=1", "f32[n:3,7,4]"},
    {"gather", "X=f32[n:3,20] T=i32[] axis=-1", "f32[n:3]"},
    {"pick", "X=f32[n:3,20] T=i32[n:3]", "f32[n:3]"},
    {"pick", "X=f32[n:3,5,20] T=i64[n:3,5]", "f32[n:3,5]"},
    {"one_hot", "T=i32[n:3] classes=10", "f32[n:3,10]"},
    {"one_hot", "T=i32[] classes=1", "f32[1]"},
    /* in order */
    {"argsort", "X=f32[n:3,4]", "i32[n:3,4]"},
    {"argsort", "X=bool[n:3,4,5] axis=1 descending=1", "i32[n:3,4,5]"},
    {"argsort", "X=f32[n:3,4] axis=0", "argsort: sorts along the batch"},
    {"argsort", "X=f32[n:3,4] axis=2", "argsort: X is f32[n:3,4], expected at least 3 dims"},
    {"sort", "X=f32[n:3,4,5] axis=1", "f32[n:3,4,5]"},
    {"sort", "X=f32[n:3]", "sort: sorts along the batch"},
    {"topk", "X=f32[n:3,4] k=2", "f32[n:3,2]"},
    {"topk", "X=f32[n:3,4] k=5", "topk: needs k <= X.axis, but k is 5, X.axis is 4"},
    /* numbers alone */
    {"full", "shape={3,4} value=1.5", "f32[3,4]"},
    {"full", "shape={} value=2", "f32[]"},
    {"full", "shape={0} value=2", "full: shape has an extent of 0"},
    {"full_like", "X=f64[n:3,4] value=1.5", "f64[n:3,4]"},
    {"full_like", "X=i32[] value=3", "i32[]"},
    {"iota", "shape={3,4}", "i32[3,4]"},
    {"dropout", "X=f32[n:3,4] R=u32[4] p=0.3 key_lo=4294967295 key_hi=7", "f32[n:3,4]"},
    {"dropout", "X=f32[n:3,4,1,5] R=u32[4]", "f32[n:3,4,1,5]"},
    {"dropout", "X=f32[n:3,4] R=f32[4]", "dropout: got f32, expected u32"},
    {"dropout", "X=f32[n:3,4] R=u32[2]", "dropout: R.0 is 2, but is read at 2 to 2"},
    {"random_uniform", "R=u32[4] shape={3,5} lo=-1", "f32[3,5]"},
    {"random_normal", "R=u32[4] shape={7} std=2.5", "f32[7]"},
    {"random_normal_like", "X=f32[n:3,4] R=u32[4]", "f32[n:3,4]"},
    /* element by element */
    {"add", "A=f32[n:3,4] B=f32[4]", "f32[n:3,4]"},
    {"add", "A=f32[n:3,1,5] B=f32[4,1]", "f32[n:3,4,5]"},
    {"add", "A=i32[] B=i32[2,1,3,1]", "i32[2,1,3,1]"},
    {"add", "A=f32[n:3,4] B=f32[5]", "add: A.1 is 4 but B.0 is 5"},
    {"add", "A=f32[n:3,4] B=i32[4]", "add: got i32, expected f32"},
    {"sub", "A=f32[n:3,4] B=f32[n:3,4]", "f32[n:3,4]"},
    {"mul", "A=u8[4] B=u8[4]", "u8[4]"},
    {"div", "A=f32[n:3,4] B=f32[]", "f32[n:3,4]"},
    {"div", "A=i32[4] B=i32[4]", "div: 'div' does not take i32"},
    {"maximum", "A=f32[n:3,4] B=f32[4]", "f32[n:3,4]"},
    {"minimum", "A=i32[4] B=i32[1]", "i32[4]"},
    {"pow", "A=f32[n:3,4] B=f32[4]", "f32[n:3,4]"},
    {"power", "X=f32[4] exponent=2.5", "f32[4]"},
    {"affine", "X=f32[n:3,4] mul=0.5 add=-1", "f32[n:3,4]"},
    {"add_along", "X=f32[n:3,4,5,6] B=f32[4]", "f32[n:3,4,5,6]"},
    {"add_along", "X=f32[n:3,4,5] B=f32[6]", "add_along: c is 4 in X.1 but 6 in B.0"},
    {"mul_along", "X=f32[n:3,4] B=f32[4] axis=-1", "f32[n:3,4]"},
    {"neg", "X=i32[4]", "i32[4]"},
    {"abs", "X=i32[4]", "i32[4]"},
    {"sign", "X=f64[4]", "f64[4]"},
    {"square", "X=f32[n:3,1]", "f32[n:3,1]"},
    {"reciprocal", "X=f32[n:3,1]", "f32[n:3,1]"},
    {"leaky_relu", "X=f32[n:3,4] slope=0.2", "f32[n:3,4]"},
    {"elu", "X=f32[n:3,4]", "f32[n:3,4]"},
    {"hardtanh", "X=f32[n:3,4]", "f32[n:3,4]"},
    {"clamp", "X=u8[4] lo=1 hi=200", "u8[4]"},
    {"clamp", "X=f32[4] lo=1", "clamp: attribute 'hi' is missing"},
    /* truth */
    {"not", "A=bool[4]", "bool[4]"},
    {"not", "A=f32[4]", "not: 'not' does not take f32"},
    {"and", "A=bool[n:3,4] B=bool[4]", "bool[n:3,4]"},
    {"or", "A=i32[4] B=i32[1]", "i32[4]"},
    {"xor", "A=bool[4] B=bool[]", "bool[4]"},
    {"where", "C=bool[n:3,1] A=f32[4] B=f32[]", "f32[n:3,4]"},
    {"where", "C=f32[4] A=f32[4] B=f32[]", "where: got f32, expected bool"},
    {"isnan", "X=f32[n:3,4]", "bool[n:3,4]"},
    {"cast_bool", "X=f32[n:3,4]", "bool[n:3,4]"},
    {"cast_f32", "X=bool[4]", "f32[4]"},
    {"cast_f64", "X=f32[4]", "f64[4]"},
    {"cast_i32", "X=f32[4]", "i32[4]"},
    {"cast_i64", "X=i32[4]", "i64[4]"},
    {"cast_u32", "X=u8[4]", "u32[4]"},
    {"cast_u8", "X=f32[4]", "u8[4]"},
};

/* These differ in one function alone. */
static const char *const unary[] = {
    "sqrt",       "rsqrt",    "exp",      "exp2",        "expm1",     "log",
    "log1p",      "sin",      "cos",      "tan",         "asin",      "acos",
    "atan",       "sinh",     "cosh",     "tanh",        "asinh",     "acosh",
    "atanh",      "round",    "floor",    "ceil",        "erf",       "sigmoid",
    "logsigmoid", "softplus", "softsign", "relu",        "gelu",      "gelu_tanh",
    "silu",       "mish",     "selu",     "hardsigmoid", "hardswish",
};
static const char *const compare[] = {"lt", "le", "gt", "ge", "eq", "ne"};

static bool covered(const char *op) {
    for (size_t i = 0; i < COUNT(unary); i++)
        if (!strcmp(unary[i], op))
            return true;
    for (size_t i = 0; i < COUNT(compare); i++)
        if (!strcmp(compare[i], op))
            return true;
    for (size_t i = 0; i < COUNT(table); i++)
        if (!strcmp(table[i].op, op) && strchr(table[i].expected, '[') &&
            !strchr(table[i].expected, ' '))
            return true;
    return false;
}

static void test_covered(void) {
    for (int i = 0; i < op_count; i++) {
        if (!covered(op_info[i].name))
            printf("%s has no case\n", op_info[i].name);
        CU_ASSERT_TRUE(covered(op_info[i].name));
        CU_ASSERT_PTR_EQUAL(op_find(op_info[i].name), &op_info[i]); /* no name twice */
        CU_ASSERT_TRUE(*op_info[i].help != 0);
    }
    CU_ASSERT_PTR_NULL(op_find("no such op"));
}

/* --- what is done with each case --- */

/* The graph's text gives the same text again. */
static void read_back(Rows *r) {
    Text once = {0}, twice = {0};
    graph_print(&once, r->g);
    Graph *g =
        graph_parse(r->a, r->p, strs_new(r->a), diag_source(r->d, "g", once.s, once.n));
    CU_ASSERT_PTR_NOT_NULL_FATAL(g);
    graph_print(&twice, g);
    UNIT_SAME(twice.s, once.s);
    text_free(&once);
    text_free(&twice);
}

/* The oracle says where a read or a store leaves its tensor. */
static void run(Rows *r, int64_t batch) {
    OracleOptions o = {.arena = r->a, .loc = diag_nowhere(r->d)};
    OracleTensor in[MAX_SOURCES], out;
    for (int i = 0; i < r->nop; i++) {
        in[i] = (OracleTensor){N_INPUT, r->op[i].name, r->op[i].type, NULL};
        for (int d = 0; d < in[i].type.rank; d++)
            if (in[i].type.dim[d].batch)
                in[i].type.dim[d] = (Dim){batch, false};
        int64_t bytes = type_bytes(&in[i].type);
        unsigned char *data = arena_alloc(r->a, (size_t)bytes);
        for (int64_t k = 0; k < bytes && !dtype_info[in[i].type.dtype].is_float; k++)
            data[k] = k % dtype_info[in[i].type.dtype].bytes == 0 && k % 3 == 0;
        in[i].data = data;
    }
    CU_ASSERT_TRUE(oracle_run(r->g, &o, batch, r->nop, in, &out));
    if (r->said.n)
        printf("%s\n", r->said.s);
}

static void one_case(const Case *c, int64_t batch) {
    Rows *r = rows_open(batch);
    Ref src[MAX_SOURCES];
    rows_set(r, c->with);
    for (int i = 0; i < r->nop; i++)
        src[i] = graph_leaf(r->g, N_INPUT, r->op[i].name, &r->op[i].type);
    Ref y = graph_op(r->g, diag_nowhere(r->d), c->op, r->nop, src, r->nattr, r->attr);
    CU_ASSERT_EQUAL(y.node == NULL, r->said.n > 0);
    const char *got = y.node ? type_text(r->a, ref_type(y)) : r->said.s;
    if (!got || strcmp(got, c->expected))
        printf("%s %s\n", c->op, c->with);
    UNIT_SAME(got, c->expected);
    if (y.node) {
        graph_result(r->g, TO_OUTPUT, "y", y);
        UNIT_SAME(graph_verify(r->a, r->g), NULL);
        read_back(r);
        run(r, batch);
        run(r, 1);
    }
    rows_close(r);
}

/* The text with a batch of at most 1. */
static const char *single(Arena *a, const char *text) {
    char *s = arena_printf(a, "%s", text);
    for (char *p = s; (p = strstr(p, "n:3")); p++)
        p[2] = '1';
    return s;
}

static void test_cases(void) {
    for (size_t i = 0; i < COUNT(table); i++)
        one_case(&table[i], 3);
}

static void test_batch_of_one(void) {
    Arena *a = arena_new();
    for (size_t i = 0; i < COUNT(table); i++)
        one_case(&(Case){table[i].op, single(a, table[i].with),
                         single(a, table[i].expected)},
                 1);
    arena_free(a);
}

static void test_functions(void) {
    static const char *const shape[] = {"f32[]", "f32[n:3,4]", "f64[2,1,3,2]"};
    Text with = {0};
    for (size_t i = 0; i < COUNT(unary) * COUNT(shape); i++) {
        with.n = 0;
        text_printf(&with, "X=%s", shape[i % COUNT(shape)]);
        one_case(&(Case){unary[i / COUNT(shape)], with.s, shape[i % COUNT(shape)]}, 3);
    }
    for (size_t i = 0; i < COUNT(compare); i++) {
        one_case(&(Case){compare[i], "A=f32[n:3,4] B=f32[4]", "bool[n:3,4]"}, 3);
        one_case(&(Case){compare[i], "A=i32[2,1] B=i32[1,3]", "bool[2,3]"}, 3);
    }
    text_free(&with);
}

static void test_unknown(void) {
    one_case(&(Case){"conv9d", "X=f32[3]", "unknown op 'conv9d'"}, 3);
    one_case(&(Case){"relu", "X=f32[3] X=f32[3]", "relu: got 2 operands, expected X"},
             3);
    one_case(&(Case){"full", "X=f32[3] shape={1} value=1",
                     "full: got 1 operands, expected none"},
             3);
    one_case(&(Case){"relu", "X=f32[3] p=1", "relu: unknown attribute 'p'"}, 3);
    one_case(&(Case){"pad", "X=f32[3] axis=0.5",
                     "pad: attribute 'axis' is a number, expected an integer"},
             3);
}

/* --- the columns, and rows given in place --- */

static void test_columns(void) {
    OpAttr a[MAX_ATTRS];
    OpSource s[MAX_SOURCES];
    const OpInfo o = {"x", "A Bc D?", "p q=3 slope:f=-0.5 r:f shape:l", "", ""};
    CU_ASSERT_EQUAL_FATAL(op_sources(&o, s), 3);
    CU_ASSERT_TRUE(s[1].len == 2 && !strncmp(s[1].name, "Bc", 2) && !s[1].optional);
    CU_ASSERT_TRUE(s[2].len == 1 && s[2].optional);
    CU_ASSERT_EQUAL_FATAL(op_attrs(&o, a), 5);
    CU_ASSERT_TRUE(a[0].kind == ATTR_INT && a[0].len == 1 && !a[0].has_default);
    CU_ASSERT_TRUE(a[1].kind == ATTR_INT && a[1].has_default && a[1].value == 3);
    CU_ASSERT_TRUE(a[2].kind == ATTR_FLOAT && a[2].len == 5 && a[2].value == -0.5);
    CU_ASSERT_TRUE(a[3].kind == ATTR_FLOAT && !a[3].has_default);
    CU_ASSERT_TRUE(a[4].kind == ATTR_LIST && a[4].len == 5);
}

static void test_text(void) {
    Rows *r = rows_open(3);
    Ref src[MAX_SOURCES];
    rows_set(r, "x=f32[n:3,4] y=f32[4]");
    for (int i = 0; i < r->nop; i++)
        src[i] = graph_leaf(r->g, N_INPUT, r->op[i].name, &r->op[i].type);
    Ref a = graph_text(r->g, "S[i] += A[i,k]*B[k]; O[..,j] = A[..,j] - S[..]/num(A.1)",
                       2, src, 0, NULL, NDTYPE);
    UNIT_SAME(type_text(r->a, ref_type(a)), "f32[n:3,4]");
    CU_ASSERT_EQUAL(r->g->nnode, 4);
    Ref b = graph_text(r->g, "S[i] += A[i,k]*B[k]", 2, src, 0, NULL, NDTYPE);
    CU_ASSERT_TRUE(b.node == r->g->node[2] && r->g->nnode == 4); /* the same node */
    Ref c = graph_text(r->g, "O[..] = A[..]*k", 1, &b, 1,
                       (Attr[]){{.name = "k", .kind = ATTR_FLOAT, .f = 0.5}}, F64);
    UNIT_SAME(type_text(r->a, ref_type(c)), "f64[n:3]");
    Ref w = graph_text(r->g, "M[i] argmax= A[i,k]; M.1", 1, src, 0, NULL, NDTYPE);
    CU_ASSERT_EQUAL(w.res, 1);
    UNIT_SAME(type_text(r->a, ref_type(w)), "i32[n:3]");
    UNIT_SAME(graph_verify(r->a, r->g), NULL);
    rows_close(r);
}

int main(void) {
    static const UnitTest test[] = {
        {"covered", test_covered},
        {"cases", test_cases},
        {"batch of one", test_batch_of_one},
        {"functions", test_functions},
        {"unknown", test_unknown},
        {"columns", test_columns},
        {"text", test_text},
    };
    return unit_main("ops", test, COUNT(test));
}
