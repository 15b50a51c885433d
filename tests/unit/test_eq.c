/* Equations: rows read with their operands, printed, read back; order; what is not sound. */
#include "tests/unit/rows.h"

#include <math.h>

static const Eq *parse(Rows *r, const char *row, Type *t) {
    return eq_parse(r->p, diag_nowhere(r->d), row, r->nop, r->op, r->nattr, r->attr,
                    NDTYPE, t);
}

static void printed(Rows *r, const Eq *e, const Type *t, Text *out) {
    const char *slot[MAX_SOURCES];
    for (int i = 0; i < r->nop; i++)
        slot[i] = r->op[i].name;
    eq_print(out, e, t, &(Names){.slot = slot});
}

static const char *verify(Rows *r, const Eq *e, const Type *t) {
    const Type *src[MAX_SOURCES];
    for (int i = 0; i < r->nop; i++)
        src[i] = &r->op[i].type;
    return eq_verify(r->a, r->p, e, r->nop, src, t);
}

/* What is printed is read back to the same equation, whatever it was. */
static void round_trip(Rows *r, const Eq *e, const Type *t) {
    Text out = {0};
    Type again;
    printed(r, e, t, &out);
    r->nattr = 0;
    const Eq *same = parse(r, out.s, &again);
    if (!same || !eq_equal(e, same) || !type_equal(t, &again))
        printf("%s is not read back: %s\n", out.s, r->said.s ? r->said.s : "another");
    CU_ASSERT_TRUE(same && eq_equal(e, same) && type_equal(t, &again));
    text_free(&out);
}

/* The row's type and equation in print, or the error. */
static void gives(const char *with, const char *row, const char *expected) {
    Rows *r = rows_open(64);
    Text out = {0};
    Type t;
    rows_set(r, with);
    const Eq *e = parse(r, row, &t);
    CU_ASSERT_EQUAL(e == NULL, r->said.n > 0);
    if (e) {
        type_print(&out, &t);
        text_printf(&out, " ");
        printed(r, e, &t, &out);
        UNIT_SAME(verify(r, e, &t), NULL);
        round_trip(r, e, &t);
        Eq *normal = eq_normalise(r->p, e, &t);
        UNIT_SAME(verify(r, normal, &t), NULL);
        round_trip(r, normal, &t);
    }
    UNIT_SAME(e ? out.s : r->said.s, expected);
    text_free(&out);
    rows_close(r);
}

static void test_shapes(void) {
    gives("A=f32[4,784] B=f32[784,10]", "O[i,j] += A[i,k]*B[k,j]",
          "f32[4,10] O[i0<4,i1<10] += [i2<784] chunk 512 : (A[i0,i2]*B[i2,i1])");
    gives("A=f32[n:64,3,4]", "O[n,j,i] = A[n,i,j]",
          "f32[n:64,4,3] O[i0<n:64,i1<4,i2<3] = A[i0,i2,i1]");
    gives("A=f32[3,1,5]", "O[c,y,x] = A[c,y,x]/num(min(x+1, A.2) - x)",
          "f32[3,1,5] O[i0<3,0<1,i1<5] = A[i0,0,i1]");
    gives("A=f32[]", "O[] = A[]*2", "f32[] O[] = (A[]*2:f32)");
    gives("A=f32[5]", "O[i,j<3] = A[i]", "f32[5,3] O[i0<5,i1<3] = A[i0]");
    gives("X=f32[n:8,5]", "O[n,i] = X[n,i]*f32(i+1) + f32(#)",
          "f32[n:8,5] O[i0<n:8,i1<5] = ((X[i0,i1]*#f32(i1+1)) + #f32(5*i0+i1))");
    gives("X=f32[n:8,5]", "O[j<X.0, i<X.1*2-1] = X[j, i/2]",
          "f32[n:8,9] O[i0<n:8,i1<9] = X[i0,(i1)/2]");
    gives("X=f32[n:8,5]", "O[] = X.count",
          "an integer expression needs a conversion, as in f32(...)");
    gives("X=f32[n:8,5,2]", "O[] = num(X.count) + num(X.1..2)",
          "f32[] O[] = (#f32(10*n) + 10:f32)");
    gives("X=i32[3] W=f32[9,4]", "O[i,j] = W[X[i],j]",
          "f32[3,4] O[i0<3,i1<4] = W[X[i0],i1]");
    gives("X=i32[3]", "O[i,j<9] = when(X[i] == j, 1:f32, 0)",
          "f32[3,9] O[i0<3,i1<9] = when(i1-X[i0] == 0, 1:f32, 0:f32)");
}

/* Extents of 1 are no indices; what they would sum is the term itself. */
static void test_ones(void) {
    gives("X=f32[n:8,1,5]", "O[n,i,j] = X[n,i,j]",
          "f32[n:8,1,5] O[i0<n:8,0<1,i1<5] = X[i0,0,i1]");
    gives("X=f32[n:1,1]", "O[n,i] = X[n,i]", "f32[n:1,1] O[i0<n:1,0<1] = X[0,0]");
    gives("X=f32[5,1]", "O[i] += X[i,j]", "f32[5] O[i0<5] = X[i0,0]");
    gives("X=f32[5,1]", "O[i] argmax= X[i,j]", "f32[5] O[i0<5] argmax= X[i0,0]");
    gives("X=f32[1,1]", "O[i,j] max= X[i,j]", "f32[1,1] O[0<1,0<1] = X[0,0]");
}

static void test_runs(void) {
    gives("A=f32[n:4,1,3] B=f32[5,1]", "O[..] = max(A[..], B[..])",
          "f32[n:4,5,3] O[i0<n:4,i1<5,i2<3] = max(A[i0,0,i2], B[i1,0])");
    gives("A=f32[3] B=f32[2,3]", "O[..] = A[..] + B[..]",
          "f32[2,3] O[i0<2,i1<3] = (A[i1] + B[i0,i1])");
    gives("A=f32[] B=f32[1]", "O[..] = A[..] + B[..]", "f32[1] O[0<1] = (A[] + B[0])");
    gives("A=f32[2,1,4,5] B=f32[3,5,6]", "O[..,i,j] += A[..,i,k]*B[..,k,j]",
          "f32[2,3,4,6] O[i0<2,i1<3,i2<4,i3<6] += [i4<5] chunk 5 : "
          "(A[i0,0,i2,i4]*B[i1,i4,i3])");
    gives("A=f32[n:4,1,3] B=f32[2,3]", "O[..] = A[..] + B[..]",
          "f32[n:4,2,3] O[i0<n:4,i1<2,i2<3] = (A[i0,0,i2] + B[i1,i2])");
    gives("A=f32[n:4,3] B=f32[4,3]", "O[..] = A[..] + B[..]",
          "A.0 is the batch but B.0 is 4");
    gives("A=f32[2,3] B=f32[2]", "O[..] = A[..] + B[..]", "A.1 is 3 but B.0 is 2");
    gives("X=f32[2,3,4,5] a=1", "O[a..,b..] += X[a..,i,b..]",
          "f32[2,4,5] O[i0<2,i1<4,i2<5] += [i3<3] chunk 3 : X[i0,i3,i1,i2]");
    gives("X=f32[2,3,4,5] a=-2 r=2 keep=1", "O[a..,r..:keep,b..] += X[a..,r..,b..]",
          "f32[2,3,1,1] O[i0<2,i1<3,0<1,0<1] += [i2<4,i3<5] lanes chunk 20 : "
          "X[i0,i1,i2,i3]");
    gives("X=f32[2,3,4,5] a=1 r=2 keep=0", "O[a..,r..:keep,b..] += X[a..,r..,b..]",
          "f32[2,5] O[i0<2,i1<5] += [i2<3,i3<4] chunk 12 : X[i0,i2,i3,i1]");
    gives("X=f32[2,3] a=3", "O[a..,b..] += X[a..,i,b..]", "a is 3, but X has 2 dims");
    gives("X=f32[2,3] a=2", "O[a..,b..] += X[a..,i,b..]",
          "X is f32[2,3], expected at least 3 dims");
    gives("X=f32[2,3]", "O[b..,c..] = X[b..,c..]",
          "nothing says how many dims 'b..' stands for");
}

static void test_lists(void) {
    gives("X=f32[n:64,1,28,28] shape={0,-1}", "O[..<@shape] = X[#]",
          "f32[n:64,784] O[i0<n:64,i1<784] = X[i0,0,(i1)/28,(i1)%28]");
    gives("X=f32[n:64,784] shape={0,4,-1,7}", "O[..<@shape] = X[#]",
          "f32[n:64,4,28,7] O[i0<n:64,i1<4,i2<28,i3<7] = X[i0,196*i1+7*i2+i3]");
    gives("X=f32[n:6,4] shape={-1,2,2}", "O[..<@shape] = X[#]",
          "f32[n:6,2,2] O[i0<n:6,i1<2,i2<2] = X[i0,2*i1+i2]");
    gives("X=f32[6,4] shape={}", "O[..<@shape] = X[#]",
          "X is f32[6,4], which has not the elements of f32[]");
    gives("X=f32[1,1] shape={}", "O[..<@shape] = X[#]", "f32[] O[] = X[0,0]");
    gives("X=f32[6,4] shape={3,7}", "O[..<@shape] = X[#]",
          "X is f32[6,4], which has not the elements of f32[3,7]");
    gives("X=f32[n:6,4] shape={6,4}", "O[..<@shape] = X[#]",
          "X is f32[n:6,4], which has not the elements of f32[6,4]");
    gives("X=f32[6,4] shape={5,-1}", "O[..<@shape] = X[#]",
          "no extent for -1 in shape makes the elements of f32[6,4]");
    gives("X=f32[6,4] shape={-1,-1}", "O[..<@shape] = X[#]",
          "shape has more than one -1");
    gives("X=f32[6,4] shape={6,4,0}", "O[..<@shape] = X[#]",
          "shape has a 0 where X has no dim");
    gives("X=f32[6,4] shape={-6,4}", "O[..<@shape] = X[#]",
          "shape has an extent of -6");
    gives("shape={3,4}", "O[..<@shape] = f32(#)",
          "f32[3,4] O[i0<3,i1<4] = #f32(4*i0+i1)");
    gives("X=f32[1,4] shape={2,3,4}", "O[..<@shape] = X[..]",
          "f32[2,3,4] O[i0<2,i1<3,i2<4] = X[0,i2]");
    gives("X=f32[2,4] shape={3,4}", "O[..<@shape] = X[..]",
          "the shape asked for is 3 but X.0 is 2");
    gives("X=f32[2,4] shape={4}", "O[..<@shape] = X[..]",
          "X is f32[2,4], expected at most 1 dims");
    gives("X=f32[n:64,3,28,1] perm={0,2,3,1}", "O[..@perm] = X[..]",
          "f32[n:64,28,1,3] O[i0<n:64,i1<28,0<1,i2<3] = X[i0,i2,i1,0]");
    gives("X=f32[2,3] perm={-1,0}", "O[..@perm] = X[..]",
          "f32[3,2] O[i0<3,i1<2] = X[i1,i0]");
    gives("X=f32[n:64,3] perm={1,0}", "O[..@perm] = X[..]",
          "f32[3,n:64] O[i0<3,i1<n:64] = X[i1,i0]");
    gives("X=f32[2,3] perm={0,0}", "O[..@perm] = X[..]",
          "perm is no permutation of 2 dims");
    gives("X=f32[2,3] perm={0}", "O[..@perm] = X[..]",
          "perm has 1 entries, expected 2");
}

/* Reads that leave their operands are guarded where terms are folded, else refused. */
static void test_guards(void) {
    gives("X=f32[5] W=f32[3]", "O[i<5] += X[i+j-1]*W[j]",
          "f32[5] O[i0<5] += [i1<3] chunk 3 : when(i0+i1-1 >= 0 && -i0-i1+5 >= 0, "
          "(X[i0+i1-1]*W[i1]), 0:f32)");
    gives("X=f32[n:8,5]", "O[n,i<3] max= [j<2] X[n,2*i+j]",
          "f32[n:8,3] O[i0<n:8,i1<3] max= [i2<2] chunk 2 : when(-2*i1-i2+4 >= 0, "
          "X[i0,2*i1+i2], -inf:f32)");
    gives("X=i32[5]", "O[i<4] min= [j<3] X[i+j]",
          "i32[4] O[i0<4] min= [i1<3] chunk 3 : when(-i0-i1+4 >= 0, X[i0+i1], "
          "2147483647:i32)");
    gives("X=f32[5]", "O[i<5] *= [j<2] X[i+j]",
          "f32[5] O[i0<5] *= [i1<2] chunk 2 : when(-i0-i1+4 >= 0, X[i0+i1], 1:f32)");
    gives("X=f32[5]", "O[i<7] = when(i > 0 && i < 6, X[i-1], 0.5)",
          "f32[7] O[i0<7] = when(i0-1 >= 0 && -i0+5 >= 0, X[i0-1], 0.5:f32)");
    gives("X=f32[5] Y=f32[2]", "O[i<7] = when(i < 5, X[i], Y[i-5])",
          "f32[7] O[i0<7] = when(-i0+4 >= 0, X[i0], Y[i0-5])");
    gives("X=f32[5]", "O[i<10] = when(i >= 2 && i <= 6, X[(2*i-4)/2], 0)",
          "f32[10] O[i0<10] = when(i0-2 >= 0 && -i0+6 >= 0, X[i0-2], 0:f32)");
    gives("X=f32[5]", "O[i<11] = when(i >= 2 && i <= 11, X[(i-2)/2], 0)",
          "f32[11] O[i0<11] = when(i0-2 >= 0 && -i0+11 >= 0, X[(i0)/2-1], 0:f32)");
    gives("X=f32[n:8,5]", "O[n<X.0,i] = X[X.0-1-n,i]",
          "f32[n:8,5] O[i0<n:8,i1<5] = X[-i0+n-1,i1]");
    gives("X=f32[5]", "O[i<9] = X[min(max(i-2, 0), 4)]",
          "f32[9] O[i0<9] = X[min(max(i0-2, 0), 4)]");
    gives("X=f32[5]", "O[i<5] = X[i-1]", "X.0 is 5, but is read at -1 to 3");
    gives("X=f32[5]", "O[i<6] = X[i]", "X.0 is 5, but is read at 0 to 5");
    gives("X=f32[5]", "O[i<6] = when(i < 4, X[i+1], X[i])",
          "X.0 is 5, but is read at 0 to 5");
    gives("X=f32[5]", "O[] += when(2 < 3, X[i], 0)",
          "f32[] O[] += [i0<5] chunk 5 : X[i0]");
    gives("X=f32[n:8]", "O[i<8] = X[i]", "a read of X may leave dim 0");
    gives("X=f32[n:8]", "O[n] += X[n+i]", "nothing says how far 'n' runs");
}

static void test_folds(void) {
    gives(
        "X=f32[n:64,16,14,14]", "O[c] += X[n,c,y,x]",
        "f32[16] O[i0<16] += [i1<n:64,i2<14,i3<14] lanes chunk 3920 : X[i1,i0,i2,i3]");
    gives("X=f32[n:64,30]", "O[] += X[a,b]",
          "f32[] O[] += [i0<n:64,i1<30] lanes chunk 1920 : X[i0,i1]");
    gives("X=f32[3,4,5]", "O[i] += [c,b] X[i,b,c]",
          "f32[3] O[i0<3] += [i1<5,i2<4] chunk 20 : X[i0,i2,i1]");
    gives("X=f32[n:4,5]", "O[] += [b,a] X[a,b]",
          "f32[] O[] += [i0<n:4,i1<5] lanes chunk 20 : X[i0,i1]");
    gives("X=f32[8,9]", "O[i] argmin= X[i,j]",
          "f32[8] O[i0<8] argmin= [i1<9] chunk 9 : X[i0,i1]");
    gives("T=i32[n:4] X=f32[n:4,10]", "O[T[i]<5,j<X.1] scatter += X[i,j]",
          "f32[5,10] for [i0<n:4,i1<10] O[T[i0]<5,i1<10] scatter += X[i0,i1]");
    gives("X=f32[8,9]", "O[i] = X[i,j]",
          "an index stands only on the right, but nothing is folded: +=?");
    gives("X=bool[8]", "O[] += X[i]", "a fold of bools");
    gives("X=f32[8,9]", "O[i] argmax= [j<9] chunk 9 parts 3 : X[i,j]", "3 parts");
}

static void test_faults(void) {
    const char *mm = "matmul: O[i,j] += A[i,k]*B[k,j]";
    gives("A=f32[4,784] B=f32[128,10]", mm, "matmul: k is 784 in A.1 but 128 in B.0");
    gives("A=f32[4,784] B=f32[128]", mm, "matmul: B is f32[128], expected 2 dims");
    gives("A=f32[4,9] B=i32[9,2]", mm, "matmul: got i32, expected f32");
    gives("A=f32[4,9] B=f32[n:9,2]", mm, "matmul: k is 9 in A.1 but the batch in B.0");
    gives("A=f32[4]", "O[i] = A[i] + C[i]", "unknown name 'C'");
    gives("A=f32[4]", "O[i] = A", "operand A without subscripts");
    gives("A=f32[4]", "O[i] = A[i", "got the end, expected ']'");
    gives("A=f32[4]", "O[i] = A[i] A[i]", "got 'A' after the equation");
    gives("A=f32[4]", "O[i] A[i]", "got 'A', expected '='");
    gives("A=f32[4]", "O[i = A[i]", "got '=', expected '<'");
    gives("A=f32[4]", "O[i,i] = A[i]", "got ']', expected '<'");
    gives("A=f32[4]", "O[i+1] = A[i]", "got ']', expected '<'");
    gives("A=f32[4]", "O[i<0] = A[i]", "the extent of i comes out as 0");
    gives("A=f32[4]", "O[i<A.0-9] = A[i]", "the extent of i comes out as -5");
    gives("A=f32[4]", "O[i<j] = A[i]",
          "an extent that is neither a constant nor the batch");
    gives("A=f32[4]", "O[i<A.1] = A[i]", "A is f32[4], which has no dim 1");
    gives("A=f32[4]", "O[i] = A[i,..]*A[i,j,k]", "A is f32[4], expected 3 dims");
    gives("A=f32[4]", "O[i] += A[A[i]]", "A is f32[4], subscripts read integers");
    gives("A=f32[4]", "O[i<1099511627776,j<1099511627776] = A[0]",
          "f32[1099511627776,1099511627776] is too large");
    gives("A=f32[4] g=3", "need g > 0 && A.0 == 2*g: O[i] = A[i]",
          "needs A.0 == 2*g, but A.0 is 4, g is 3");
    gives("A=f32[4] g=3", "need g*g == A.0 + g: O[i] = A[i]",
          "needs g*g == A.0 + g, but g is 3, A.0 is 4");
    gives("A=f32[n:4] g=4", "need A.0 == g: O[i] = A[i]",
          "needs A.0 == g, but A.0 is the batch, g is 4");
    gives("A=f32[4] g=2", "need g > 0 && A.0 == 2*g: O[i] = A[i]",
          "f32[4] O[i0<4] = A[i0]");
}

/* --- order --- */

static void order(const char *with, const char *row, Order o, int64_t chunk,
                  int64_t parts) {
    Rows *r = rows_open(64);
    Type t;
    rows_set(r, with);
    const Eq *e = parse(r, row, &t);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    if (e->order != o || e->chunk != chunk || e->parts != parts)
        printf("%s %s: %s, chunk %lld, parts %lld\n", with, row,
               e->order == ORDER_LANES ? "lanes" : "serial", (long long)e->chunk,
               (long long)e->parts);
    CU_ASSERT_EQUAL(e->order, o);
    CU_ASSERT_EQUAL(e->chunk, chunk);
    CU_ASSERT_EQUAL(e->parts, parts);
    rows_close(r);
}

static void test_order(void) {
    const char *mm = "O[i,j] += A[i,k]*B[k,j]", *all = "O[] += A[..]";
    const char *conv = "O[n,f,y<4,x<4] += [u,v,c] A[n,c,y+u,x+v]*B[f,c,u,v]";
    order("A=f32[4] B=f32[4]", "O[i] = A[i] + B[i]", ORDER_SERIAL, 0, 1);
    order("A=f32[4,300] B=f32[300,5]", mm, ORDER_SERIAL, 300, 1);
    order("A=f32[4,1021] B=f32[1021,5]", mm, ORDER_SERIAL, 512, 1);
    order("A=f32[4,16385] B=f32[16385,5]", mm, ORDER_SERIAL, 512, 16);
    order("A=f32[4,16384] B=f32[16384,5]", mm, ORDER_SERIAL, 512, 1);
    /* whole inner indices, then a run that divides the next */
    order("A=f32[n:2,16,6,6] B=f32[8,16,3,3]", conv, ORDER_SERIAL, 144, 1);
    order("A=f32[n:2,64,6,6] B=f32[8,64,3,3]", conv, ORDER_SERIAL, 384, 1);
    order("A=f32[n:2,200,6,6] B=f32[8,200,3,3]", conv, ORDER_SERIAL, 200, 1);
    /* the innermost alone is too long: a divisor up to the limit, or the next above a
     * quarter of it; the outermost need not divide */
    order("A=f32[n:2,1000,6,6] B=f32[8,1000,3,3]", conv, ORDER_SERIAL, 500, 1);
    order("A=f32[n:2,1021,6,6] B=f32[8,1021,3,3]", conv, ORDER_SERIAL, 1021, 1);
    order("A=f32[n:2,2018,6,6] B=f32[8,2018,3,3]", conv, ORDER_SERIAL, 1009, 16);
    /* rows */
    order("A=f32[4,15]", "O[i] += A[i,k]", ORDER_SERIAL, 15, 1);
    order("A=f32[4,16]", "O[i] += A[i,k]", ORDER_LANES, 16, 1);
    order("A=f32[4,10000]", "O[i] += A[i,k]", ORDER_LANES, 4096, 1);
    order("A=f32[n:64,1000]", all, ORDER_LANES, 4000, 16);
    order("A=f32[4,100]", "O[k] += A[i,k]", ORDER_SERIAL, 4, 1);
    order("A=f32[4,100]", "O[i] += exp(A[i,k] - 1)*2", ORDER_LANES, 100, 1);
    order("A=f32[4,100]", "O[i] += A[i,k]*A[i,k]", ORDER_LANES, 100, 1);
    order("A=f32[4,100] B=f32[4,100]", "O[i] += A[i,k]*B[i,k]", ORDER_LANES, 100, 1);
    order("A=f32[4,100] B=f32[100]", "O[i] += A[i,k]*B[k]", ORDER_SERIAL, 100, 1);
    order("A=f32[4,100] B=f32[100]", "O[i] += -(A[i,k]*2*B[k])", ORDER_SERIAL, 100, 1);
    order("A=f32[4,100] B=f32[100]", "O[i] += when(i < k, A[i,k], 0)*B[k]",
          ORDER_SERIAL, 100, 1);
    order("A=f32[4,100]", "O[i] += [k<100] A[i,99-k]", ORDER_SERIAL, 100, 1);
    order("A=f32[4,100]", "O[i<3,x<50] += [k<50] A[i,k+x]", ORDER_SERIAL, 50, 1);
    /* a maximum is one chunk; along a row it has lanes */
    order("A=f32[4,100000]", "O[i] max= A[i,k]", ORDER_LANES, 100000, 1);
    order("A=f32[100000,4]", "O[i] max= A[k,i]", ORDER_SERIAL, 100000, 1);
    order("A=f32[4,1000]", "O[i] *= A[i,k]", ORDER_SERIAL, 512, 1);
}

/* --- what verify finds --- */

static void unsound(const char *with, const char *row,
                    void (*change)(Rows *, Eq *, Type *), const char *expected) {
    Rows *r = rows_open(64);
    Type t;
    rows_set(r, with);
    const Eq *e = parse(r, row, &t);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    Eq bad = *e;
    change(r, &bad, &t);
    UNIT_SAME(verify(r, &bad, &t), expected);
    rows_close(r);
}

static void other_body(Rows *r, Eq *e, Type *t) {
    (void)t;
    e->body =
        x_read(r->p, F32, 0, 1, (const Ix *const[]){ix_addc(r->p, ix_var(r->p, 0), 1)});
}
static void before_start(Rows *r, Eq *e, Type *t) {
    (void)t;
    e->body = x_read(r->p, F32, 0, 1,
                     (const Ix *const[]){ix_addc(r->p, ix_var(r->p, 0), -1)});
}
static void other_slot(Rows *r, Eq *e, Type *t) {
    (void)t;
    e->body = x_read(r->p, F32, 3, 1, (const Ix *const[]){ix_var(r->p, 0)});
}
static void other_rank(Rows *r, Eq *e, Type *t) {
    (void)t;
    e->body =
        x_read(r->p, F32, 0, 2, (const Ix *const[]){ix_var(r->p, 0), ix_var(r->p, 0)});
}
static void other_type(Rows *r, Eq *e, Type *t) {
    (void)t;
    e->body = x_cast(r->p, F32,
                     x_read(r->p, I32, 0, 1, (const Ix *const[]){ix_var(r->p, 0)}));
}
static void other_index(Rows *r, Eq *e, Type *t) {
    (void)t;
    e->body = x_ix(r->p, F32, ix_var(r->p, 1));
}
static void other_result(Rows *r, Eq *e, Type *t) {
    (void)r, (void)e, t->dtype = F64;
}
static void more_dims(Rows *r, Eq *e, Type *t) {
    (void)r, (void)e, t->rank++;
}
static void not_stored(Rows *r, Eq *e, Type *t) {
    (void)t;
    const Ix **store = NEW(r->a, 1, const Ix *);
    store[0] = ix_const(r->p, 0);
    e->store = store;
}
static void no_fold(Rows *r, Eq *e, Type *t) {
    (void)r, (void)t, e->fold = FOLD_NONE;
}
static void no_chunk(Rows *r, Eq *e, Type *t) {
    (void)r, (void)t, e->chunk = 0;
}
static void loop_variable(Rows *r, Eq *e, Type *t) {
    (void)t, e->body = x_var(r->p, F32, 1, 0);
}
static void sum_winner(Rows *r, Eq *e, Type *t) {
    (void)r, (void)t, e->arg = true;
}

static void test_verify(void) {
    const char *a = "A=f32[5]", *map = "O[i] = A[i]", *sum = "O[] += A[i]";
    unsound(a, map, other_body, "subscript i0+1 of operand 0, dim 0, may pass the end");
    unsound(a, map, before_start,
            "subscript i0-1 of operand 0, dim 0, may be negative");
    unsound(a, map, other_slot, "reads operand 3 of 1");
    unsound(a, map, other_rank, "2 subscripts for operand 0, f32[5]");
    unsound(a, map, other_type, "operand 0 read as i32, but is f32");
    unsound(a, map, other_index, "index 1 of 1");
    unsound(a, map, other_result, "body is f32, result f64");
    unsound(a, map, more_dims, "1 store subscripts for f32[5,0]");
    unsound(a, map, not_stored, "free index 0 not in the store");
    unsound(a, map, loop_variable, "an expression of loops in an equation");
    unsound(a, sum, no_fold, "reduced without a fold");
    unsound(a, sum, no_chunk, "chunk of 0 terms");
    unsound(a, sum, sum_winner, "only max and min yield a winner");
}

static void test_identity(void) {
    Rows *r = rows_open(1);
    CU_ASSERT_EQUAL(fold_identity(FOLD_SUM, F32), 0);
    CU_ASSERT_EQUAL(fold_identity(FOLD_PROD, I32), 1);
    CU_ASSERT_EQUAL(fold_identity(FOLD_MAX, F64), (double)-INFINITY);
    CU_ASSERT_EQUAL(fold_identity(FOLD_MAX, U8), 0);
    CU_ASSERT_EQUAL(fold_identity(FOLD_MIN, U32), 4294967295.0);
    CU_ASSERT_EQUAL(fold_start(r->p, FOLD_MIN, I64)->u.i, INT64_MAX);
    CU_ASSERT_EQUAL(fold_start(r->p, FOLD_MAX, I64)->u.i, INT64_MIN);
    CU_ASSERT_EQUAL(fold_start(r->p, FOLD_MIN, U64)->u.i, -1);
    CU_ASSERT_EQUAL(fold_start(r->p, FOLD_MIN, I32)->u.i, INT32_MAX);
    CU_ASSERT_TRUE(x_is_num(fold_start(r->p, FOLD_NONE, F32), 0.0));
    rows_close(r);
}

int main(void) {
    static const UnitTest test[] = {
        {"shapes", test_shapes},     {"ones", test_ones},     {"runs", test_runs},
        {"lists", test_lists},       {"guards", test_guards}, {"folds", test_folds},
        {"faults", test_faults},     {"order", test_order},   {"verify", test_verify},
        {"identity", test_identity},
    };
    return unit_main("eq", test, COUNT(test));
}
