/* Runs a table of tests through CUnit. */
#define _POSIX_C_SOURCE 200809L        /* mkdtemp */
#include "tests/unit/unit.h"

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

int unit_main(const char *suite, const UnitTest *test, size_t n) {
    const char *only = getenv("UNIT");
    setvbuf(stdout, NULL, _IOLBF, 0);  /* what stood before a crash is seen */
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_pSuite s = CU_add_suite(suite, NULL, NULL);
    bool ok = s != NULL;
    for (size_t i = 0; i < n && ok; i++)
        if (!only || !strcmp(only, test[i].name))
            ok = CU_add_test(s, test[i].name, test[i].run) != NULL;
    if (ok)
        ok = CU_basic_run_tests() == CUE_SUCCESS && CU_get_number_of_tests_run() > 0 &&
             CU_get_number_of_failures() == 0;
    CU_cleanup_registry();
    return ok ? 0 : 1;
}

void unit_same(const char *got, const char *expected, const char *file, int line) {
    bool same = got && expected ? !strcmp(got, expected) : got == expected;
    if (!same)
        printf("%s:%d: got\n%s\nexpected\n%s\n", file, line, got ? got : "(null)",
               expected ? expected : "(null)");
    CU_assertImplementation(same, (unsigned)line, "got == expected", file, "", CU_FALSE);
}

char *unit_folder(Arena *a) {
    const char *tmp = getenv("TMPDIR");
    char *path = arena_printf(a, "%s/kiln-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
    return path;
}
