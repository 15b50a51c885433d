/* A unit test is a table of named functions and a main that returns
 * unit_main("noun", test, COUNT(test)). */
#ifndef KILN_TESTS_UNIT_H
#define KILN_TESTS_UNIT_H

#include "base/base.h"

#include <CUnit/CUnit.h>

typedef struct UnitTest {
    const char *name;
    void (*run)(void);
} UnitTest;

/* Runs the tests, prints what fails and a summary; returns the exit code. With UNIT=name
 * in the environment only that test runs. */
int unit_main(const char *suite, const UnitTest *test, size_t n);

/* A new folder in $TMPDIR or /tmp; who makes it removes it. */
char *unit_folder(Arena *a);

/* CU_ASSERT on strings that shows both sides when they differ. */
void unit_same(const char *got, const char *expected, const char *file, int line);
#define UNIT_SAME(got, expected) unit_same((got), (expected), __FILE__, __LINE__)

#endif
