/* Graphs of ops with their gradients, and operands of several kinds. */
#include "op_case.h"

#include <math.h>
#include <string.h>

#include "passes/pass.h"
#include "rows.h"

const OpCase op_case[] = {
#define CASE(op, with, bound, lo, hi) {op, with, bound, lo, hi},
#include "op_cases.def"
};
const int op_case_count = COUNT(op_case);

/* --- graphs --- */

static Ref result_of(const OpCase *c, const Rows *r, const Ref *src) {
    if (strchr(c->op, '='))
        return graph_text(r->g, c->op, r->nop, src, r->nattr, r->attr, NDTYPE);
    return graph_op(r->g, diag_nowhere(r->d), c->op, r->nop, src, r->nattr, r->attr);
}

static bool is_float(const Node *n) { return dtype_info[n->types[0].dtype].is_float; }

static Ref leaf(const Rows *r, Strs *s, OpGraph *o, const char *name, const Type *t) {
    const char *whole = strs_z(s, arena_printf(r->a, "%s.%s", r->g->name, name));
    Ref ref = graph_leaf(r->g, N_INPUT, whole, t);
    o->leaf[o->nleaf++] = ref.node;
    return ref;
}

static void gradients(const Rows *r, Strs *s, OpGraph *o, const Ref *src, Ref y) {
    Ref wrt[OP_CASE_LEAVES], grad[OP_CASE_LEAVES];
    int of[OP_CASE_LEAVES], n = 0;
    for (int i = 0; i < r->nop; i++)
        if (is_float(src[i].node)) {
            of[n] = i;
            wrt[n++] = src[i];
        }
    Ref weight = leaf(r, s, o, "weight", ref_type(y));
    graph_gradient(r->g, 1, &y, &weight, n, wrt, grad);
    for (int i = 0; i < n; i++) {
        if (!grad[i].node)
            continue;
        o->of[r->g->nresult - 1] = of[i];
        graph_result(r->g, TO_OUTPUT, strs_z(s, arena_printf(r->a, "g%d", of[i])), grad[i]);
    }
}

bool op_case_build(Arena *a, Pool *p, Strs *s, Diag *d, const OpCase *c, const char *name,
                   OpGraph *out) {
    Rows r = {.a = a, .p = p};
    Ref src[OP_CASE_LEAVES];
    rows_set(&r, c->with);
    r.d = d;
    r.g = graph_new(a, p, s, name, OP_CASE_BATCH);
    *out = (OpGraph){.graph = r.g};
    for (int i = 0; i < r.nop; i++)
        src[i] = leaf(&r, s, out, r.op[i].name, &r.op[i].type);
    Ref y = result_of(c, &r, src);
    if (!y.node)
        return false;
    graph_result(r.g, TO_OUTPUT, strs_z(s, "y"), y);
    if (dtype_info[ref_type(y)->dtype].is_float)
        gradients(&r, s, out, src, y);
    return true;
}

/* --- values --- */

static uint64_t draw(uint64_t *s) {
    *s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t x = *s ^ (*s >> 33);
    x *= UINT64_C(0xff51afd7ed558ccd);
    return x ^ (x >> 33);
}

static double unit(uint64_t *s) { return (double)(draw(s) >> 11) * 0x1p-53; }

static double smooth(const OpCase *c, uint64_t *s) {
    double x = unit(s);
    if (c->lo < c->hi)
        return c->lo + x * (c->hi - c->lo);
    return x < 0.5 ? -0.1 - 2 * x : 2 * x - 0.9;
}

static double number(const OpCase *c, Fill f, uint64_t *s) {
    static const double odd[] = {0.0, -0.0, 1.0, -1.0, 0.5, 3.0, 100, -100, 1e4, -1e4,
                                 1e-40, -1e-45, 0x1p-126};
    static const double wild[] = {INFINITY, -INFINITY, NAN};
    uint64_t kind = draw(s) % 16;
    if (f == FILL_SMOOTH)
        return smooth(c, s);
    if (f == FILL_WILD && kind == 0)
        return wild[draw(s) % COUNT(wild)];
    if (f != FILL_PLAIN && kind < 7)
        return odd[draw(s) % COUNT(odd)];
    return unit(s) + unit(s) + unit(s) + unit(s) - 2;
}

static int64_t integer(const OpCase *c, Fill f, uint64_t *s) {
    static const int64_t odd[] = {0, 1, -1, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX, 255,
                                  128, 1 << 24, (1 << 24) + 1, UINT32_MAX};
    uint64_t x = draw(s);
    if (c->bound)
        return (int64_t)(x % (uint64_t)c->bound);
    if (f != FILL_PLAIN && x % 2)
        return odd[draw(s) % COUNT(odd)];
    return (int64_t)(draw(s) % 2000) - 1000;
}

static void element(const OpCase *c, OracleTensor *t, int64_t i, Fill f, uint64_t *s) {
    switch (t->type.dtype) {
    case F32:  ((float *)t->data)[i] = (float)number(c, f, s); break;
    case F64:  ((double *)t->data)[i] = number(c, f, s); break;
    case I32:
    case U32:  ((uint32_t *)t->data)[i] = (uint32_t)integer(c, f, s); break;
    case I64:
    case U64:  ((int64_t *)t->data)[i] = integer(c, f, s); break;
    case U8:   ((uint8_t *)t->data)[i] = (uint8_t)integer(c, f, s); break;
    case BOOL: ((uint8_t *)t->data)[i] = (uint8_t)(draw(s) & 1); break;
    case NDTYPE: break;
    }
}

OracleTensor op_case_values(Arena *a, const OpCase *c, const Node *leaf, int n, Fill f,
                            uint64_t seed) {
    OracleTensor t = {.kind = N_INPUT, .name = leaf->name, .type = leaf->types[0]};
    uint64_t s = hash_bytes(leaf->name, strlen(leaf->name), seed);
    int64_t count = 1;
    for (int d = 0; d < t.type.rank; d++) {
        if (t.type.dim[d].batch)
            t.type.dim[d] = (Dim){n, false};
        count *= t.type.dim[d].n;
    }
    if (f == FILL_SMOOTH && is_float(leaf))
        t.type.dtype = F64;
    t.data = arena_alloc(a, (size_t)(count * 8));
    for (int64_t i = 0; i < count; i++)
        element(c, &t, i, f, &s);
    return t;
}
