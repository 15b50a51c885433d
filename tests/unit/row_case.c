/* The rows of row_cases.def and scalar_cases.def, and the tensors that they speak of. */
#include "tests/unit/row_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/compare.h"
#include "tests/unit/unit.h"
#include "train/cast.h"

const RowCase row_case[] = {
#define CASE(kind, ...) {#kind, __VA_ARGS__},
#include "tests/unit/row_cases.def"
#define CASE(kind, ...) {#kind, __VA_ARGS__},
#include "tests/unit/scalar_cases.def"
};
const int row_case_count = COUNT(row_case);

static int64_t noise(int k, int64_t i) { return (i * 37 + k * 11 + 5) % 101; }

double row_real(int k, int64_t i) { return ((double)noise(k, i) - 50.5) / 32; }

OracleTensor row_tensor(Arena *a, NodeKind kind, const char *name, const Type *t, int k,
                        int64_t bound) {
    OracleTensor x = {kind, name, *t, NULL};
    for (int d = 0; d < t->rank; d++)
        if (t->dim[d].batch)
            x.type.dim[d] = (Dim){.n = ROW_BATCH};
    if (dtype_info[t->dtype].is_float)
        x.type.dtype = F64;
    int64_t n = row_elements(&x);
    double *v = NEW(a, n, double);
    for (int64_t i = 0; i < n; i++) {
        v[i] = kind == N_STATE ? fabs(row_real(k, i)) + 0.5 : row_real(k, i);
        if (!dtype_info[t->dtype].is_float)
            v[i] = (double)(noise(k, i) % bound);
    }
    x.data = arena_array(a, (size_t)n, (size_t)dtype_info[x.type.dtype].bytes);
    CU_ASSERT_FATAL(cast_array(F64, v, n, x.type.dtype, x.data) < 0);
    return x;
}

int64_t row_elements(const OracleTensor *t) {
    int64_t n = 1;
    for (int d = 0; d < t->type.rank; d++)
        n *= t->type.dim[d].n;
    return n;
}

double row_element(const OracleTensor *t, int64_t i) {
    return cast_element(t->type.dtype, t->data, i);
}

bool row_trains(const RowCase *c) { return !strncmp(c->reference, "training(", 9); }

void row_fail(const RowCase *c, const char *message) {
    printf("\n    %s '%s' (%s%s%s): %s", c->kind, c->name, c->inputs, *c->inputs ? "; " : "",
           c->text, message);
    CU_FAIL("a case of a row");
}

void row_check(const RowCase *c, const OracleTensor *got, double of_largest, double of_each) {
    double want[1024], largest = 0;
    char message[120];
    int n = 0;
    for (char *end, *p = (char *)(uintptr_t)c->values; *p && n < (int)COUNT(want); p = end) {
        want[n] = strtod(p, &end);
        largest = fmax(largest, fabs(want[n++]));
        end += strspn(end, " ");
    }
    if (n != row_elements(got)) {
        snprintf(message, sizeof message, "%lld values, expected %d",
                 (long long)row_elements(got), n);
        row_fail(c, message);
        return;
    }
    for (int i = 0; i < n; i++) {
        double x = row_element(got, i), far = fabs(x - want[i]);
        if (far <= of_largest * largest + of_each * fabs(want[i]))
            continue;
        snprintf(message, sizeof message, "element %d is %.9g, expected %.9g", i, x, want[i]);
        row_fail(c, message);
        return;
    }
}

void row_check_bits(Arena *a, const RowCase *c, const Graph *g) {
    Compare o = {.n = ROW_BATCH, .seed = 5, .index_bound = 3, .target = "avx2",
                 .backend = EXEC_INTERP};
    if (!compare_graph(a, g, &o))
        row_fail(c, "the interpreter's bits are not the oracle's");
    o.target = "native";
    o.backend = EXEC_JIT;
    if (exec_has_jit() && !compare_graph(a, g, &o))
        row_fail(c, "the JIT's bits are not the oracle's");
}

void row_each(const char *kind, void (*run)(Arena *a, const RowCase *c)) {
    for (int i = 0; i < row_case_count; i++) {
        if (strcmp(row_case[i].kind, kind))
            continue;
        Arena *a = arena_new();
        run(a, &row_case[i]);
        arena_free(a);
    }
}
