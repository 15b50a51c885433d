/* More kernels for test_emit_c.c, in the form of jit_kernels.h: what C makes hard. */
#ifndef KILN_TESTS_EMIT_KERNELS_H
#define KILN_TESTS_EMIT_KERNELS_H

#include "jit_kernels.h"

#define TAILS(t) \
    "arg %0 " t "[200] in\n arg %1 " t "[200] out\n" \
    "for i0 = 0 to 48 step $L free {\n" \
    "  %1[i0; $L, 1, $L] = %0[i0; $L, 1, $T]\n" \
    "  %1[i0+50; $L, 1, $T] = select(eq(%0[2*i0; $L, 2, $L], %0[i0; $L, 1, $L])," \
    " %0[2*i0+1; $L, 2, $L], %0[i0+2; $L, 1, $L])\n" \
    "  %1[2*i0+100; $L, 2, $T] = %0[3*i0; $L, 3, $L]\n" \
    "  %1[2*i0+101; $L, 2, $L] = select(ne(%0[i0; $L, 1, $L], %0[2*i0; $L, 2, $T])," \
    " %0[i0; $L, 1, $L], %0[i0+7; $L, 1, $L])\n" \
    "}\n"
#define MASKS(t) \
    "arg %0 " t "[60] in\n arg %1 " t "[64] out\n arg %2 " t "[64] out\n" \
    "for i0 = 0 to 64 step $L free {\n" \
    "  %1[i0; $L, 1, $L] = when@i0(i0-5 >= 0 && 58-i0 >= 0, %0[i0-5; $L, 1, $L]," \
    " splat($L, 1:" t "))\n" \
    "  %2[i0; $L, 1, $L] = when@i0(28-i0 >= 0, %0[2*i0; $L, 2, $T]," \
    " when@i0(50-i0 >= 0, %0[i0; $L, 1, $L], %0[i0-10; $L, 1, $L]))\n" \
    "}\n"
#define FOLDS(t) \
    "arg %0 " t "[64] in\n arg %1 " t "[64] out\n" \
    "for i0 = 0 to 64 step $L free {\n" \
    "  %1[i0] = tree.add(%0[i0; $L, 1, $L]) + tree.mul(%0[i0; $L, 1, $L])*" \
    "(tree.max(%0[i0; $L, 1, $L]) - tree.min(%0[i0; $L, 1, $L]))\n" \
    "}\n"

static const KernelText more_kernels[] = {
    {"tails f32", TAILS("f32")}, {"tails f64", TAILS("f64")}, {"tails i32", TAILS("i32")},
    {"tails u64", TAILS("u64")}, {"tails u8", TAILS("u8")},
    {"masks f32", MASKS("f32")}, {"masks f64", MASKS("f64")}, {"masks u32", MASKS("u32")},
    {"masks i64", MASKS("i64")}, {"masks u8", MASKS("u8")}, {"masks bool", MASKS("bool")},
    {"folds f32", FOLDS("f32")}, {"folds f64", FOLDS("f64")}, {"folds i32", FOLDS("i32")},
    {"folds u32", FOLDS("u32")}, {"folds i64", FOLDS("i64")}, {"folds u8", FOLDS("u8")},
    {"truth",
     "arg %0 bool[200] in\n arg %1 bool[200] out\n arg %2 f32[64] in\n arg %3 u8[64] out\n"
     "for i0 = 0 to 48 step $L free {\n"
     "  %1[i0; $L, 1, $L] = and(%0[i0; $L, 1, $T], lt(splat($L, 0:f32), %2[i0; $L, 1, $L]))\n"
     "  %1[i0+50; $L, 1, $T] = %0[3*i0; $L, 3, $L]\n"
     "  %1[2*i0+100; $L, 2, $T] = xor(%0[i0; $L, 1, $L], splat($L, 1:bool))\n"
     "  %3[i0; $L, 1, $L] = select(or(%0[i0; $L, 1, $L], splat($L, %0[i0+9])),"
     " splat($L, 3:u8), splat($L, 250:u8))\n"
     "}\n"},
    {"truth compared",
     "arg %0 bool[100] in\n arg %1 bool[256] out\n arg %2 f32[64] in\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  let v0 = lt(splat($L, 0:f32), %2[i0; $L, 1, $L])\n"
     "  %1[i0; $L, 1, $L] = eq(%0[i0; $L, 1, $L], v0)\n"
     "  %1[i0+64; $L, 1, $L] = ne(%0[i0; $L, 1, $L], v0)\n"
     "  %1[i0+128; $L, 1, $L] = lt(v0, %0[i0; $L, 1, $L])\n"
     "  %1[i0+192; $L, 1, $L] = and(le(v0, %0[i0+9; $L, 1, $L]), eq(v0, splat($L, 1:bool)))\n"
     "}\n"},
    {"far beyond, where neither guard holds",
     "arg %0 f32[1] in\n arg %1 f32[64] out\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  %1[i0; $L, 1, $L] = when@i0(8-i0 >= 0, when@i0(7-i0 >= 0, splat($L, 1:f32),"
     " %0[100000000*i0-800000000; $L, 100000000, $L]), splat($L, 2:f32))\n"
     "}\n"},
    {"shared",
     "arg %0 f32[64] in restrict \"x\"\n arg %1 f32[64] out restrict \"x\"\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  let v0 = %0[i0; $L, 1, $L]\n"
     "  let v1 = v0*v0 + v0*v0*v0 - (v0*v0 - splat($L, 0.1:f32))*(v0*v0 + splat($L, inf:f32))\n"
     "  set v1 = ((((((((((v1*v0 + splat($L, 1:f32))*v0 + splat($L, 2:f32))*v0 +"
     " splat($L, 3:f32))*v0 + splat($L, 4:f32))*v0 - splat($L, -5:f32))*v0 + v1)*v0 + v1)*v0 -"
     " splat($L, nan:f32))*v0 + splat($L, 1e-40:f32))*v0 + v1)*v0\n"
     "  let v2 = v1 + v0\n"
     "  set v2 = v2*v2\n"
     "  %1[i0; $L, 1, $L] = v0 - (v0 - (v1 - neg(v0)))\n"
     "}\n"},
    {"guarded sharing",
     "arg %0 f32[64] in\n arg %1 f32[64] out\n"
     "for i0 = 0 to 64 free {\n"
     "  let v0 = %0[i0]\n"
     "  %1[i0] = when(i0-4 >= 0, (%0[i0-4]*%0[i0-4] + sqrt(v0)*v0 + %0[i0-3])*%0[i0-4] - sqrt(v0),"
     " when(i0-2 >= 0 && 3-i0 == 0, %0[i0-2]*%0[i0-2]*%0[i0-2] + %0[i0-2] + v0 + v0*v0 + v0,"
     " sqrt(v0) - %0[i0]))\n"
     "}\n"},
    {"masked sharing",
     "arg %0 f32[64] in\n arg %1 f32[64] out\n arg %2 i32[64] in \"index\"\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  %1[i0; $L, 1, $L] = when@i0(60-i0 >= 0 && i0-(i0)/3-2 >= 0,"
     " (%0[i0+3; $L, 1, $L] + splat($L, %0[min(%2[i0], 5)]))*(%0[i0+3; $L, 1, $L] +"
     " splat($L, %0[min(%2[i0], 5)])) + splat($L, tree.add(%0[0; $L, 1, $L])),"
     " %0[i0; $L, 1, $L] - splat($L, 2:f32))\n"
     "}\n"},
    {"chosen",
     "arg %0 f64[64] in\n arg %1 f64[64] in\n arg %2 f64[64] out\n arg %3 i32[64] in\n"
     "arg %4 i32[64] out\n arg %5 f32[64] in\n arg %6 f32[64] out\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  let v0 = %0[i0; $L, 1, $L]\n  let v1 = %1[i0; $L, 1, $L]\n"
     "  %2[i0; $L, 1, $L] = select(lt(v0, v1), v1, v0) + select(lt(v0, v1), v0, v1) +"
     " min(v0, v1)*select(le(v0, v1), v0, v1)\n"
     "  let v2 = %3[i0; $L, 1, $L]\n"
     "  %4[i0; $L, 1, $L] = select(eq(v2, v2), max(v2, neg(v2)), v2) + i32(u8(v2))\n"
     "  let v3 = %5[i0; $L, 1, $L]\n"
     "  %6[i0; $L, 1, $L] = select(and(lt(v3, splat($L, 2:f32)), ne(v3, v3)), v3, f32(f64(v3)*v0))"
     " - bits(xor(bits(v3), splat($L, 2147483648:u32)))\n"
     "}\n"},
    {"strange names",
     "arg %0 f32[8] in \"int\"\n arg %1 f32[8] in \"i\"\n arg %2 f32[8] in \"a b*/\"\n"
     "arg %3 f32[8] out \"v0\"\n arg %4 f32[8] in \"load_f32x8\"\n arg %5 f32[8] in \"n\"\n"
     "arg %6 f32[8] in \"k_int\"\n arg %7 f32[8] in \"\"\n local %8 f32[8] \"scratch\"\n"
     "comment \"ends */ and /* starts ?\?/ \\x5c\\x0a#error\"\n"
     "for i0 = 0 to 8 free {\n"
     "  %8[i0] = %0[i0] + %1[i0] + %2[i0] + %4[i0] + %5[i0] + %6[i0] + %7[i0]\n"
     "}\n"
     "for i0 = 0 to 8 free {\n"
     "  let v0 = %8[i0]\n  let v1 = v0*v0\n  %3[i0] = v0\n"
     "}\n"},
};

#endif
