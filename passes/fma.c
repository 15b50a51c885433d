/* Fused multiply-add: a*b + c rounded once.
 * in: final vector or scalar loops   out: FN_fma where a product is only added
 * keeps: order of sums. Approximate: the product is not rounded. */
#include "passes/pass.h"

static const Expr *fuse(Pool *p, const Expr *e, void *user) {
    (void)user;
    if (e->kind != X_CALL || e->type != F32 || (e->fn != FN_add && e->fn != FN_sub))
        return e;
    const Expr *a = e->arg[0], *b = e->arg[1];
    bool sub = e->fn == FN_sub;
    if (b->kind == X_CALL && b->fn == FN_mul)
        return x_call3(p, FN_fma, sub ? x_call1(p, FN_neg, b->arg[0]) : b->arg[0], b->arg[1], a);
    if (a->kind == X_CALL && a->fn == FN_mul)
        return x_call3(p, FN_fma, a->arg[0], a->arg[1], sub ? x_call1(p, FN_neg, b) : b);
    return e;
}

static void walk(Module *m, Stmt *s) {
    for (; s; s = s->next) {
        if (s->value)
            s->value = x_rewrite(m->pool, s->value, fuse, NULL);
        walk(m, s->body);
    }
}

bool pass_fma(Module *m, Kernel *k) {
    if (m->target->fma)
        walk(m, k->body);
    return true;
}
