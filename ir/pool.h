/* Interning tables behind Pool; for ix.c, cond.c and expr.c alone. */
#ifndef KILN_IR_POOL_H
#define KILN_IR_POOL_H

#include "ir/expr.h"

typedef struct { const void **slot; uint64_t *hash; size_t n, cap; } Table;
typedef bool SameFn(const void *a, const void *b);

enum { POOL_SLOTS = 4, MAX_TERMS = 64 };

struct Pool {
    Arena *arena;
    Table atom, ix, expr;
    void *user[POOL_SLOTS];
    uint32_t nexpr;                    /* next Expr id */
    uint32_t generation;               /* of the memo: one for each walk */
    uint32_t memo_cap;
    uint32_t *memo_gen;                /* by Expr id */
    const Expr **memo;
};

/* The entry equal to key, or a copy of key (size bytes), which is then the entry.
 * *fresh tells which. */
void *pool_intern(Pool *p, Table *t, const void *key, size_t size, uint64_t hash,
                  SameFn *same, bool *fresh);
uint64_t hash_u64(uint64_t h, uint64_t v);
void *pool_copy(Pool *p, const void *src, size_t size);

#endif
