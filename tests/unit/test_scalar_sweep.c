/* Accuracy of every function of one argument over every 61st float: an odd step, so that
 * the last bits of arguments are not all zero.
 * labels: release
 * timeout: 900 */
#include "tests/unit/scalar_code.h"
#include "tests/unit/unit.h"

static void test_sweep(void) {
    Code c = code_new();
    CU_ASSERT(c.n == 2);
    for (int i = 0; i < NFN && c.n; i++)
        if (sweepable((Fn)i))
            CU_ASSERT(code_sweep(&c, (Fn)i, 61) <=
                      (fn_info[i].ulp > 0.5 ? fn_info[i].ulp : 0.5));
    code_free(&c);
}

int main(void) {
    static const UnitTest test[] = {{"every 61st float", test_sweep}};
    return unit_main("scalar_sweep", test, COUNT(test));
}
