/* What holds inside a loop nest: ranges of loop variables, and guards that were tested. */
#ifndef KILN_IR_LOOP_RANGE_H
#define KILN_IR_LOOP_RANGE_H

#include "ir/loop.h"

typedef struct {
    int var;
    const Ix *lo, *last;               /* inclusive, over outer variables and the batch */
    bool known;                        /* numeric bounds: */
    int64_t min, max;
} Range;

/* A stack: enter and leave by restoring the counts. */
typedef struct {
    Arena *arena;
    Pool *pool;
    int64_t batch;                     /* the batch is 1..batch */
    int nrange, range_cap;
    Range *range;
    int nguard, guard_cap;
    Cmp *guard;
} Scope;

typedef struct { int nrange, nguard; } ScopeMark;
ScopeMark scope_mark(const Scope *s);
void scope_leave(Scope *s, ScopeMark m);
void scope_loop(Scope *s, int var, const Ix *lo, const Ix *hi, int64_t step);
void scope_guard(Scope *s, Cond c);
void scope_unless(Scope *s, Cond c);               /* c does not hold */
/* Numeric bounds of e, inclusive; false if there are none. */
bool scope_range(const Scope *s, const Ix *e, int64_t *lo, int64_t *hi);
/* e >= 0 wherever the loops and guards hold. False: could not be shown. */
bool scope_proves(const Scope *s, const Ix *e);

#endif
