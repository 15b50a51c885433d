/* Definitions and derivatives of scalar functions as expressions; for scalar*.c alone. */
#ifndef KILN_IR_SCALAR_H
#define KILN_IR_SCALAR_H

#include "ir/expr.h"

/* The definition of fn over arg, in primitives; arguments of a type that fn takes. */
const Expr *fn_definition(Pool *p, Fn fn, const Expr *const *arg);
/* Its derivative by argument k at the call e, which stands for the result; NULL if zero. */
const Expr *fn_derivative(Pool *p, const Expr *e, int k);

#endif
