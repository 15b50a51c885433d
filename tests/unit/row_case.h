/* The rows of row_cases.def and scalar_cases.def, and the tensors that they speak of. */
#ifndef KILN_TESTS_ROW_CASE_H
#define KILN_TESTS_ROW_CASE_H

#include "ir/oracle.h"

typedef struct {
    const char *kind, *name, *inputs, *text, *reference;
    const char *values;                /* with spaces between */
} RowCase;
extern const RowCase row_case[];
extern const int row_case_count;

enum { ROW_BATCH = 2 };

double row_real(int k, int64_t i);                     /* element i of tensor k, 0 first */
/* Tensor k, for a batch of ROW_BATCH, floats as F64; whole numbers are below `bound`. */
OracleTensor row_tensor(Arena *a, NodeKind kind, const char *name, const Type *t, int k,
                        int64_t bound);
int64_t row_elements(const OracleTensor *t);
double row_element(const OracleTensor *t, int64_t i);
bool row_trains(const RowCase *c);                     /* its values are those of training */
void row_fail(const RowCase *c, const char *message);  /* names the case */
/* Each of the case's values is that of the tensor, but for this part of the largest, or of
 * the value itself. */
void row_check(const RowCase *c, const OracleTensor *got, double of_largest, double of_each);
/* The same graph by the interpreter and the JIT: the oracle's bits. */
void row_check_bits(Arena *a, const RowCase *c, const Graph *g);
/* Runs each case of a kind. */
void row_each(const char *kind, void (*run)(Arena *a, const RowCase *c));

#endif
