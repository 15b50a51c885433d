/* For tests of equations and ops: operands and attributes as text, errors as text. */
#ifndef KILN_TESTS_UNIT_ROWS_H
#define KILN_TESTS_UNIT_ROWS_H

#include "ir/graph.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Arena *a;
    Pool *p;
    Graph *g;
    Diag *d;
    Text said;                         /* the errors of this row */
    int nop, nattr;
    Operand op[MAX_SOURCES];
    Attr attr[MAX_ATTRS];
} Rows;

static inline void rows_hear(void *user, DiagKind kind, Loc loc, const char *message) {
    Rows *r = user;
    (void)kind, (void)loc;
    text_printf(&r->said, "%s%s", r->said.n ? "\n" : "", message);
}

static inline Rows *rows_open(int64_t batch) {
    Arena *a = arena_new();
    Rows *r = NEW(a, 1, Rows);
    r->a = a;
    r->p = pool_new(a);
    r->g = graph_new(a, r->p, strs_new(a), "g", batch);
    return r;
}

static inline void rows_close(Rows *r) {
    text_free(&r->said);
    arena_free(r->a);
}

/* f32[n:4,3] */
static inline Type rows_type(const char *text) {
    Type t = {.rank = 0};
    const char *p = strchr(text, '[');
    CU_ASSERT_TRUE_FATAL(p && dtype_parse(text, (size_t)(p - text), &t.dtype));
    for (p++; *p != ']'; p += *p == ',') {
        Dim *d = &t.dim[t.rank++];
        d->batch = *p == 'n';
        d->n = strtoll(d->batch ? p + 2 : p, (char **)(uintptr_t)&p, 10);
    }
    return t;
}

static inline Attr rows_attr(Arena *a, const char *name, const char *text) {
    Attr v = {.name = name};
    v.f = strtod(text, NULL);
    v.kind = strchr(text, '.') ? ATTR_FLOAT : *text == '{' ? ATTR_LIST : ATTR_INT;
    if (v.kind == ATTR_INT)
        v.i = strtoll(text, NULL, 10);
    int64_t *list = NEW(a, MAX_RANK + 1, int64_t);
    for (const char *p = text + 1; v.kind == ATTR_LIST && *p != '}'; p += *p == ',')
        list[v.i++] = strtoll(p, (char **)(uintptr_t)&p, 10);
    v.list = list;
    return v;
}

/* "A=f32[n:4,3] B=i32[5] p=1 slope=0.5 shape={0,-1}" */
static inline void rows_set(Rows *r, const char *text) {
    text_free(&r->said);
    r->d = diag_new(r->a, rows_hear, r);
    r->nop = r->nattr = 0;
    for (const char *p = text; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, "="), all = strcspn(p, " ");
        const char *name = arena_printf(r->a, "%.*s", (int)n, p);
        const char *value = arena_printf(r->a, "%.*s", (int)(all - n - 1), p + n + 1);
        if (strchr(value, '['))
            r->op[r->nop++] = (Operand){name, rows_type(value)};
        else
            r->attr[r->nattr++] = rows_attr(r->a, name, value);
        p += all;
    }
}

#endif
