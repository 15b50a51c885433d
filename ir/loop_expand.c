/* Defined functions in kernels, written out as primitives. */
#include "ir/loop.h"

static void find_defined(const Expr *e, void *user) {
    *(bool *)user |= e->kind == X_CALL && !fn_info[e->fn].prim;
}

static bool has_defined(const Stmt *s) {
    bool found = false;
    for (; s && !found; s = s->next) {
        if (s->value)
            x_visit(s->value, find_defined, &found);
        found = found || has_defined(s->body);
    }
    return found;
}

static Stmt *copy_body(Arena *a, Pool *p, const Stmt *s) {
    Stmt *first = NULL, **tail = &first;
    for (; s; s = s->next) {
        Stmt *c = *tail = NEW(a, 1, Stmt);
        *c = *s;
        c->body = copy_body(a, p, s->body);
        if (s->value)
            c->value = x_expand(p, s->value);
        tail = &c->next;
    }
    return first;
}

const Kernel *kernel_expand(Arena *a, Pool *p, const Kernel *k) {
    if (!has_defined(k->body))
        return k;
    Kernel *c = NEW(a, 1, Kernel);
    *c = *k;
    c->body = copy_body(a, p, k->body);
    return c;
}
