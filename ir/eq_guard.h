/* Proofs that reads stay inside their operands; for eq*.c alone. */
#ifndef KILN_IR_EQ_GUARD_H
#define KILN_IR_EQ_GUARD_H

#include "ir/eq.h"

/* Is e >= 0 wherever the guard holds? Sound, not complete. */
bool cond_proves(Pool *p, Cond c, const Ix *e, const Box *box);

/* One subscript of one read that may leave its operand: sub >= 0 (low) or sub < extent. */
typedef struct {
    int slot, dim;
    const Ix *sub;
    bool low;
    bool guarded;                      /* stands under a when() */
} Leak;

typedef struct ReadCheck ReadCheck;
struct ReadCheck {
    Pool *pool;
    Arena *arena;
    const Eq *eq;
    Box box;
    int nsrc;
    const Type *const *src;
    const Type *result;                /* NULL: every point counts */
    void (*leak)(ReadCheck *r, const Leak *l);
    const char *fault;                 /* a read that no operand fits, or a bad node */
    void *user;
    /* the walk's own */
    uint64_t *seen;                    /* (context, node) pairs already walked */
    size_t nseen, cap;
    uint32_t context, contexts;        /* arms of guards: each proves anew */
};
/* Walks body and store. Subscripts that hold integer reads are not proven: their values
 * are checked when they enter. */
void reads_check(ReadCheck *r);

#endif
