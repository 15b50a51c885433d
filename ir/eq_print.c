/* Text of an equation; eq_parse.c reads it back to the same equation. */
#include "ir/eq.h"

static void print_ext(Text *out, Dim d) {
    text_printf(out, "<%s%lld", d.batch ? "n:" : "", (long long)d.n);
}

static void print_index(Text *out, const Eq *e, int i, const Names *names) {
    if (names && names->var)
        text_printf(out, "%s", names->var[i]);
    else
        text_printf(out, "i%d", i);
    print_ext(out, e->ext[i]);
}

static void print_indices(Text *out, const Eq *e, int from, int to,
                          const Names *names) {
    text_printf(out, "[");
    for (int i = from; i < to; i++) {
        text_printf(out, i > from ? "," : "");
        print_index(out, e, i, names);
    }
    text_printf(out, "]");
}

static bool same(Dim a, Dim b) {
    return a.n == b.n && a.batch == b.batch;
}

/* Do the result's dims say what the free indices are? Then they need not be listed. */
static bool plain(const Eq *e, const Type *result) {
    int next = 0, var;
    int64_t c;
    if (e->scatter || (e->fold != FOLD_NONE && e->nidx == e->nfree && !e->arg))
        return false;
    for (int i = 0; i < e->nidx; i++)
        if (e->ext[i].n == 1 && !e->ext[i].batch)
            return false;
    for (int d = 0; d < e->nout; d++) {
        bool one =
            ix_is_const(e->store[d], &c) && c == 0 && same(result->dim[d], (Dim){1, 0});
        bool index = ix_is_var(e->store[d], &var) && var == next && next < e->nfree &&
                     same(result->dim[d], e->ext[next]);
        if (!one && !index)
            return false;
        next += index;
    }
    return next == e->nfree;
}

static const char *fold_text(const Eq *e) {
    static const char *const text[] = {[FOLD_NONE] = "=",
                                       [FOLD_SUM] = "+=",
                                       [FOLD_MAX] = "max=",
                                       [FOLD_MIN] = "min=",
                                       [FOLD_PROD] = "*="};
    if (e->even)
        return e->fold == FOLD_MAX ? "evenmax=" : "evenmin=";
    return e->arg ? e->fold == FOLD_MAX ? "argmax=" : "argmin=" : text[e->fold];
}

void eq_print(Text *out, const Eq *e, const Type *result, const Names *names) {
    if (!plain(e, result)) {
        text_printf(out, "for ");
        print_indices(out, e, 0, e->nfree, names);
        text_printf(out, " ");
    }
    text_printf(out, "O[");
    for (int d = 0; d < e->nout; d++) {
        text_printf(out, d ? "," : "");
        ix_print(out, e->store[d], names);
        print_ext(out, result->dim[d]);
    }
    text_printf(out, "] %s%s ", e->scatter ? "scatter " : "", fold_text(e));
    if (e->nidx > e->nfree) {
        print_indices(out, e, e->nfree, e->nidx, names);
        text_printf(out, "%s chunk %lld", e->order == ORDER_LANES ? " lanes" : "",
                    (long long)e->chunk);
        if (e->parts != 1)
            text_printf(out, " parts %lld", (long long)e->parts);
        text_printf(out, " : ");
    }
    x_print(out, e->body, names);
}
