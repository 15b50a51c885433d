/* Targets: the table, and the row for the machine that Kiln runs on. */
#include "ir/loop.h"

#include <string.h>

#if defined __x86_64__ || defined __i386__
#include <cpuid.h>
#endif

const Target target_info[] = {
#define TARGET(name, lanes, regs, fma, masked, l1, l2, features, vector) \
    {name, lanes, regs, fma, masked, l1, l2, features, vector},
#include "ir/targets.def"
};
const int target_count = COUNT(target_info);

#if defined __x86_64__ || defined __i386__
enum { OSXSAVE = 1 << 27, FMA = 1 << 12, AVX2 = 1 << 5 };
enum { YMM_STATE = 0x06, ZMM_STATE = 0xe6 };
static const unsigned AVX512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F DQ BW VL */

/* What the system saves on a task switch; without it wide registers are unusable. */
static unsigned saved_state(void) {
    unsigned lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo;
}

static const char *native_name(void) {
    unsigned a, b, c, d, b7, c7, d7;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & OSXSAVE) || !(c & FMA))
        return "sse2";
    unsigned saved = saved_state();
    if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7) || !(b7 & AVX2) ||
        (saved & YMM_STATE) != YMM_STATE)
        return "sse2";
    return (b7 & AVX512) == AVX512 && (saved & ZMM_STATE) == ZMM_STATE ? "avx512" : "avx2";
}
#elif defined __aarch64__
static const char *native_name(void) { return "neon"; }
#else
static const char *native_name(void) { return "portable"; }
#endif

const Target *target_find(const char *name) {
    if (strcmp(name, "native") == 0)
        name = native_name();
    for (int i = 0; i < target_count; i++)
        if (strcmp(target_info[i].name, name) == 0)
            return &target_info[i];
    return NULL;
}
