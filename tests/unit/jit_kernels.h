/* Kernels for test_jit.c in text form. $L is replaced by the number of lanes, $T by that
 * of a tail of 61 elements, $M by what stands before it. */
#ifndef KILN_TESTS_JIT_KERNELS_H
#define KILN_TESTS_JIT_KERNELS_H

typedef struct { const char *name, *text; } KernelText;

static const KernelText kernels[] = {
    {"arithmetic",
     "arg %0 f32[64] in restrict\n arg %1 f32[64] in restrict\n arg %2 f32[64] out restrict\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  let v0 = %0[i0; $L, 1, $L]\n"
     "  let v1 = %1[i0; $L, 1, $L]\n"
     "  set v0 = v0*splat($L, 1.5:f32) + v1*v1 - v0/v1\n"
     "  set v1 = fma(v0, v1, sqrt(v1)) - neg(v0)\n"
     "  %2[i0; $L, 1, $L] = select(lt(v0, v1), v0, v1*v0)\n"
     "}\n"},
    {"doubles",
     "arg %0 f64[64] in\n arg %1 f64[64] out\n arg %2 f32[64] out\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  let v0 = %0[i0; $L, 1, $L]\n"
     "  let v1 = fma(v0, v0, sqrt(v0)/splat($L, 3:f64))\n"
     "  %1[i0; $L, 1, $L] = v1\n"
     "  %2[i0; $L, 1, $L] = f32(v1)*f32(v0)\n"
     "}\n"},
    {"tail",
     "arg %0 f32[61] in\n arg %1 f32[61] out\n"
     "for i0 = 0 to 61 step $L free {\n"
     "  %1[i0; $L, 1, $L] = %0[i0; $L, 1, $L] + splat($L, 1:f32)\n"
     "}\n"
     "%1[$M; $L, 1, $T] = %0[$M; $L, 1, $T]*splat($L, 2:f32)\n"},
    {"strides",
     "arg %0 f32[200] in\n arg %1 f32[130] out\n"
     "for i0 = 0 to 48 step $L free {\n"
     "  %1[2*i0; $L, 2, $T] = %0[3*i0+1; $L, 3, $L] + %0[63-i0; $L, -1, $L]\n"
     "  %1[2*i0+1; $L, 2, $L] = %0[i0; $L, 0, $L]*%0[2*i0; $L, 2, $T] - %0[i0; $L, 0, $T]\n"
     "}\n"},
    {"read index",
     "arg %0 f32[64] in\n arg %1 i32[64] in \"index\"\n arg %2 f32[64] out\n"
     "for i0 = 0 to 64 free {\n"
     "  %2[i0] = %0[8*%1[i0]+3] + when(%1[i0]-4 >= 0, %0[%1[i0]-4], 0.5:f32)\n"
     "}\n"},
    {"guards",
     "arg %0 f32[50] in\n arg %1 f32[64] out\n"
     "for i0 = 0 to 64 free {\n"
     "  if i0-3 >= 0 && 60-i0 >= 0 {\n"
     "    %1[i0] = when(i0-8 >= 0 && 57-i0 >= 0, %0[i0-8], when(i0-5 == 0, 7:f32, -1:f32))\n"
     "  }\n"
     "}\n"},
    {"guards of vectors",
     "arg %0 f32[48] in\n arg %1 f32[64] out\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  %1[i0; $L, 1, $L] = when(i0-16 >= 0, %0[i0-16; $L, 1, $L], splat($L, %0[i0]))\n"
     "}\n"},
    {"guards by lane",
     "arg %0 f32[50] in\n arg %1 f32[64] out\n arg %2 f32[64] out\n arg %3 f32[64] out\n"
     "arg %4 i32[64] in \"index\"\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  %1[i0; $L, 1, $L] = when@i0(i0-8 >= 0 && 57-i0 >= 0,"
     " %0[i0-8; $L, 1, $L]*%0[i0-8; $L, 1, $L], splat($L, -0.0:f32))\n"
     "  %2[i0; $L, 1, $L] = when@i0(i0-5 >= 0 && 21-i0 >= 0, %0[3*i0-15; $L, 3, $L],"
     " when@i0(i0-40 == 0, splat($L, %0[i0-0*i0]), #f32(i0; $L, 1)))\n"
     "  %3[i0; $L, 1, $L] = when@i0((i0)%3-1 == 0 && %4[i0]-3 >= 0, splat($L, 1:f32),"
     " splat($L, 2:f32))\n"
     "}\n"},
    {"lazy scalar",
     "arg %0 f32[10] in\n arg %1 f32[64] out\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  %1[i0; $L, 1, $L] = when@i0(9-i0 >= 0, splat($L, %0[i0]), splat($L, 3:f32))\n"
     "}\n"},
    {"trees",
     "arg %0 f32[64] in\n arg %1 f32[64] out\n arg %2 f32[64] out\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  %1[i0] = tree.add(%0[i0; $L, 1, $L])\n"
     "  %2[i0] = tree.max(%0[i0; $L, 1, $L])*tree.mul(%0[i0; $L, 1, $L])\n"
     "}\n"},
    {"ramps",
     "arg %0 f32[64] out\n arg %1 i32[64] out\n arg %2 u8[64] out\n arg %3 i64[64] out\n"
     "arg %4 f64[64] out\n arg %5 bool[64] out\n arg %6 u32[64] out\n arg %7 u64[64] out\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  %0[i0; $L, 1, $L] = #f32(3*i0-7; $L, 3)\n"
     "  %1[i0; $L, 1, $L] = #i32(-5*i0; $L, -5)\n"
     "  %2[i0; $L, 1, $L] = #u8(9*i0; $L, 9)\n"
     "  %3[i0; $L, 1, $L] = #i64(i0; $L, 1)\n"
     "  %4[i0; $L, 1, $L] = #f64((i0)/3; $L, 2)\n"
     "  %5[i0; $L, 1, $L] = #bool(i0-5; $L, 1)\n"
     "  %6[i0; $L, 1, $L] = #u32(i0-9; $L, 1)\n"
     "  %7[i0; $L, 1, $L] = #u64(i0-9; $L, 1)\n"
     "}\n"},
    {"u32",
     "arg %0 u32[64] in\n arg %1 u32[64] in\n arg %2 u32[64] out\n arg %3 u32[64] out\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  let v0 = %0[i0; $L, 1, $L]\n"
     "  let v1 = %1[i0; $L, 1, $L]\n"
     "  %2[i0; $L, 1, $L] = xor(mulhi(v0, v1) + v0*v1, shl(v0, splat($L, 7:u32)))\n"
     "  %3[i0; $L, 1, $L] = select(le(v0, v1), and(v0, v1) - shr(v0, v1), or(neg(v0), v1))\n"
     "}\n"},
    {"i32",
     "arg %0 i32[64] in\n arg %1 i32[64] in\n arg %2 i32[64] out\n arg %3 i32[64] out\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  let v0 = %0[i0; $L, 1, $L]\n"
     "  let v1 = %1[i0; $L, 1, $L]\n"
     "  %2[i0; $L, 1, $L] = v0*v1 + shr(v0, splat($L, 3:i32))\n"
     "  %3[i0; $L, 1, $L] = select(lt(v0, v1), max(v0, v1) - shl(v0, v1), xor(neg(v0), v1))\n"
     "}\n"},
    {"i64, u64",
     "arg %0 i64[64] in\n arg %1 u64[64] in\n arg %2 i64[64] out\n arg %3 u64[64] out\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  let v0 = %0[i0; $L, 1, $L]\n"
     "  let v1 = %1[i0; $L, 1, $L]\n"
     "  %2[i0; $L, 1, $L] = v0*v0 + i64(v1) - shr(v0, splat($L, 70:i64))\n"
     "  %3[i0; $L, 1, $L] = mulhi(v1, v1) + select(lt(v1, u64(v0)), v1, shr(v1, v1))\n"
     "}\n"},
    {"u8, bool",
     "arg %0 u8[64] in\n arg %1 u8[64] out\n arg %2 bool[64] in\n arg %3 bool[64] out\n"
     "arg %4 f32[64] in\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  let v0 = %0[i0; $L, 1, $L]\n"
     "  let v1 = %2[i0; $L, 1, $L]\n"
     "  let v2 = lt(%4[i0; $L, 1, $L], splat($L, 0:f32))\n"
     "  %1[i0; $L, 1, $L] = select(v1, v0*v0 + splat($L, 200:u8), neg(v0))\n"
     "  set v1 = or(and(v1, v2), xor(v2, le(v0, splat($L, 99:u8))))\n"
     "  %3[i0; $L, 1, $L] = not(v1)\n"
     "}\n"},
    {"conversions",
     "arg %0 f32[64] in\n arg %1 i32[64] out\n arg %2 u32[64] out\n arg %3 u8[64] out\n"
     "arg %4 i64[64] out\n arg %5 u64[64] out\n arg %6 f64[64] out\n arg %7 u32[64] in\n"
     "arg %8 f32[64] out\n arg %9 i32[64] in\n arg %10 f32[64] out\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  let v0 = %0[i0; $L, 1, $L]*splat($L, 1e3:f32)\n"
     "  %1[i0; $L, 1, $L] = i32(v0)\n"
     "  %2[i0; $L, 1, $L] = u32(v0)\n"
     "  %3[i0; $L, 1, $L] = u8(v0)\n"
     "  %4[i0; $L, 1, $L] = i64(v0)\n"
     "  %5[i0; $L, 1, $L] = u64(v0)\n"
     "  %6[i0; $L, 1, $L] = f64(v0)\n"
     "  %8[i0; $L, 1, $L] = f32(%7[i0; $L, 1, $L]) - bits(%7[i0; $L, 1, $L])\n"
     "  %10[i0; $L, 1, $L] = f32(%9[i0; $L, 1, $L])*f32(u8(%7[i0; $L, 1, $L]))\n"
     "}\n"},
    {"subscripts",
     "arg %0 f32[64] in\n arg %1 f32[64] out\n arg %2 i32[64] in \"index\"\n"
     "for i0 = 0 to 64 free {\n"
     "  %1[i0] = %0[min(abs(i0-20), 90-i0)] + %0[(7*i0)/11] - %0[(5*i0-100)%64] +"
     " %0[max((i0-30)/4, 0)]*%0[(i0-64)/3+22]*%0[%2[%2[i0]]]\n"
     "}\n"},
    {"reduction",
     "arg %0 f32[2048] in\n arg %1 f32[32] out\n"
     "for i0 = 0 to 32 free {\n"
     "  let v0 = splat($L, 0:f32)\n"
     "  let v1 = 0:f32\n"
     "  for i1 = 0 to 64 step $L serial {\n"
     "    set v0 = v0 + %0[64*i0+i1; $L, 1, $L]\n"
     "    if i1-32 >= 0 {\n"
     "      set v1 = v1 + tree.add(v0)\n"
     "    }\n"
     "  }\n"
     "  %1[i0] = v1*tree.add(v0)\n"
     "}\n"},
    {"locals",
     "arg %0 f32[64] in\n arg %1 f32[64] out\n local %2 f32[64]\n local %3 i32[7]\n"
     "for i0 = 0 to 64 free {\n"
     "  %2[63-i0] = %0[i0]*2:f32\n"
     "}\n"
     "for i0 = 0 to 7 free {\n"
     "  %3[i0] = #i32(3*i0)\n"
     "}\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  %1[i0; $L, 1, $L] = %2[i0; $L, 1, $L] + splat($L, f32(%3[(i0)%7]))\n"
     "}\n"},
    {"aliases",
     "arg %0 f32[64] in out\n arg %1 f32[64] in out\n"
     "for i0 = 0 to 63 serial {\n"
     "  %0[i0+1] = %0[i0]*0.5:f32 + %1[i0]\n"
     "  %1[i0+1] = %0[i0+1] - %1[i0]\n"
     "}\n"},
    {"batch",
     "arg %0 f32[512] in\n arg %1 f32[512] out\n"
     "for i0 = 0 to n step 4 free {\n"
     "  %1[8*i0] = %0[8*i0] + 1:f32\n"
     "}\n"
     "for i0 = 4*((n)/4) to n free {\n"
     "  %1[8*i0+1] = %0[8*i0+1]*#f32(n-i0)\n"
     "}\n"},
    {"parallel",
     "arg %0 f32[512] in restrict\n arg %1 f32[512] out restrict\n local %2 f32[8]\n"
     "let v0 = %0[3]\n"
     "for i0 = 1 to n step 2 parallel {\n"
     "  for i1 = 0 to 8 free {\n"
     "    %2[i1] = %0[8*i0+i1] + v0\n"
     "  }\n"
     "  for i1 = 0 to 8 free {\n"
     "    %1[8*i0+i1] = %2[7-i1]\n"
     "  }\n"
     "}\n"},
    {"definitions",
     "arg %0 f32[64] in\n arg %1 f32[64] in\n arg %2 f32[64] out\n"
     "for i0 = 0 to 64 step $L free {\n"
     "  %2[i0; $L, 1, $L] = max(%0[i0; $L, 1, $L], %1[i0; $L, 1, $L]) +"
     " relu(%0[i0; $L, 1, $L])*min(%0[i0; $L, 1, $L], %1[i0; $L, 1, $L])\n"
     "}\n"},
};

#endif
