/* Checks that an equation is sound: types, indices, order, every read inside. */
#include "ir/eq_guard.h"

static const char *check_shape(Arena *a, const Eq *e, const Type *result) {
    if (e->nout != result->rank)
        return arena_printf(a, "%d store subscripts for %s", e->nout,
                            type_text(a, result));
    if (e->nfree < 0 || e->nfree > e->nidx || (e->scatter && e->nfree != e->nidx))
        return arena_printf(a, "%d of %d indices are free", e->nfree, e->nidx);
    for (int i = 0; i < e->nidx; i++) {
        if (e->ext[i].n < 1)
            return arena_printf(a, "index %d has extent %lld", i,
                                (long long)e->ext[i].n);
        if (e->ext[i].batch && i > e->nfree)
            return arena_printf(
                a, "reduced index %d is the batch, but not the outermost", i);
    }
    for (int d = 0; d < result->rank; d++)
        if (result->dim[d].n < 1)
            return arena_printf(a, "dim %d of %s", d, type_text(a, result));
    return NULL;
}

/* One point for each element: each free index must count, no reduced one may. */
static const char *check_store(Arena *a, const Eq *e) {
    for (int i = 0; i < e->nidx && !e->scatter; i++) {
        bool used = false;
        for (int d = 0; d < e->nout; d++)
            used |= ix_uses(e->store[d], i);
        if (used && i >= e->nfree)
            return arena_printf(a, "reduced index %d in the store", i);
        if (!used && i < e->nfree && e->ext[i].n > 1)
            return arena_printf(a, "free index %d not in the store", i);
    }
    return NULL;
}

static const char *check_fold(Arena *a, const Eq *e, const Type *result) {
    bool reduced = e->nidx > e->nfree;
    if (e->body->type != result->dtype)
        return arena_printf(a, "body is %s, result %s", dtype_info[e->body->type].name,
                            dtype_info[result->dtype].name);
    if (e->fold == FOLD_NONE && (reduced || e->scatter))
        return "reduced without a fold";
    if (e->fold != FOLD_NONE && result->dtype == BOOL)
        return "a fold of bools";
    if (e->arg && ((e->fold != FOLD_MAX && e->fold != FOLD_MIN) || e->scatter))
        return "only max and min yield a winner";
    if (e->parts != 1 && e->parts != PARTS)
        return arena_printf(a, "%lld parts", (long long)e->parts);
    if (reduced != (e->chunk > 0) || e->chunk < 0)
        return arena_printf(a, "chunk of %lld terms", (long long)e->chunk);
    return NULL;
}

static void leak(ReadCheck *r, const Leak *l) {
    Text t = {0};
    if (r->fault)
        return;
    ix_print(&t, l->sub, NULL);
    r->fault =
        arena_printf(r->arena, "subscript %s of operand %d, dim %d, %s", t.s, l->slot,
                     l->dim, l->low ? "may be negative" : "may pass the end");
    text_free(&t);
}

const char *eq_verify(Arena *a, Pool *p, const Eq *e, int nsrc, const Type *const *src,
                      const Type *result) {
    const char *fault = check_shape(a, e, result);
    if (!fault)
        fault = check_store(a, e);
    if (!fault)
        fault = check_fold(a, e, result);
    if (fault)
        return fault;
    ReadCheck r = {
        .pool = p, .arena = a, .eq = e, .nsrc = nsrc, .src = src, .result = result,
        .leak = leak};
    reads_check(&r);
    return r.fault;
}
