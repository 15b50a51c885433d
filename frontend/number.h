/* Numbers in a model file: expressions over named numbers. */
#ifndef KILN_FRONTEND_NUMBER_H
#define KILN_FRONTEND_NUMBER_H

#include "frontend/tree.h"

/* Named numbers; inner scopes hide outer ones. */
typedef struct { const char *name; double value; } Name;
typedef struct Scope {
    const struct Scope *up;
    int n;
    Name *name;
} Scope;

/* + - * / // % ( ) over reals; // rounds down and % has its divisor's sign. An error stands
 * where in the text it is. `what` names the field in messages. */
bool number_text(const Scope *s, Loc loc, const char *what, const char *text, double *out);
bool number_real(const Scope *s, const Tree *t, const char *what, double *out);
/* As above, but whole (to 1 part in 10^9) and lo <= *out <= hi. */
bool number_whole(const Scope *s, const Tree *t, const char *what, int64_t lo, int64_t hi,
                  int64_t *out);
/* The value of a name; false if there is none. */
bool scope_find(const Scope *s, const char *name, size_t len, double *out);
/* Reads the `let` section, in order; each may use those before it. */
bool scope_let(Arena *a, Scope *s, const Tree *let);

#endif
