/* Runs a graph by the oracle and by a backend, and compares every result. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    Arena *a;
    const Graph *g;
    const Compare *c;
    Module m;
    int nleaf;
    OracleTensor *leaf;                /* values of this call */
} Run;

/* --- the program --- */

static void slot_add(Arena *a, Block *b, const Node *n) {
    for (int i = 0; i < b->n; i++)
        if (b->slot[i].name == n->name)
            return;
    Slot s = {.name = n->name, .type = n->types[0], .offset = size_align(b->bytes, 64)};
    b->bytes = s.offset + type_bytes(&s.type);
    PUSH(a, b->slot, b->n) = s;
}

static void result_slot(Arena *a, Block *b, const Result *r) {
    Node n = {.name = r->name, .types = ref_type(r->ref)};
    slot_add(a, b, &n);
}

static void declare(Module *m, const Graph *g) {
    for (int i = 0; i < g->nnode; i++) {
        const Node *n = g->node[i];
        if (n->kind == N_INPUT)
            slot_add(m->arena, &m->input, n);
        else if (n->kind == N_PARAM)
            slot_add(m->arena, &m->param, n);
        else if (n->kind == N_STATE)
            slot_add(m->arena, &m->state, n);
        else if (n->kind == N_VALUE)
            slot_add(m->arena, &m->value, n);
    }
    for (int i = 0; i < g->nresult; i++) {
        if (g->result[i].to == TO_PARAM || g->result[i].to == TO_GRAD)
            result_slot(m->arena, &m->param, &g->result[i]);
        else if (g->result[i].to == TO_STATE)
            result_slot(m->arena, &m->state, &g->result[i]);
    }
}

Program *compare_program(Arena *a, const Graph *g, const char *target, bool strict) {
    Module m = {.arena = a, .pool = g->pool, .strs = g->strs, .name = "net", .strict = strict,
                .target = target_find(target), .batch = g->batch, .threads = 2};
    PassOptions o = {.verify = true, .out = stderr, .dump = getenv("KILN_DUMP")};
    declare(&m, g);
    int *in = NEW(a, m.input.n + 1, int);
    for (int i = 0; i < m.input.n; i++)
        in[i] = i;
    EntryInfo info = {.training = true, .nin = m.input.n, .in = in};
    Graph *copy = graph_live(g);
    copy->strict = strict;
    m.ngraph = 1;
    m.graph = &copy;
    m.info = &info;
    return passes_run(&m, &o) ? m.program : NULL;
}

/* --- values --- */

static uint64_t draw(uint64_t *s) {
    *s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t x = *s ^ (*s >> 33);
    x *= UINT64_C(0xff51afd7ed558ccd);
    return x ^ (x >> 33);
}

static double number(uint64_t *s, bool special) {
    static const double odd[] = {0.0, -0.0, 1.0, -1.0, 100, -100, 1e4, -1e4, INFINITY,
                                 -INFINITY, NAN, 0.5};
    double sum = 0;
    if (special && draw(s) % 3 == 0)
        return odd[draw(s) % COUNT(odd)];
    for (int i = 0; i < 4; i++)
        sum += (double)(draw(s) >> 11) * 0x1p-53 - 0.5;
    return sum;
}

static void fill(Run *r, OracleTensor *t, uint64_t *s) {
    int64_t count;
    type_count(&t->type, &count);
    t->data = arena_alloc(r->a, (size_t)count * 8 + 64);
    for (int64_t i = 0; i < count; i++) {
        double x = number(s, r->c->special);
        int64_t k = (int64_t)(draw(s) % (uint64_t)(r->c->index_bound ? r->c->index_bound : 3));
        switch (t->type.dtype) {
        case F32:  ((float *)t->data)[i] = (float)x; break;
        case F64:  ((double *)t->data)[i] = x; break;
        case I32:
        case U32:  ((int32_t *)t->data)[i] = (int32_t)k; break;
        case I64:
        case U64:  ((int64_t *)t->data)[i] = k; break;
        case U8:   ((uint8_t *)t->data)[i] = (uint8_t)draw(s); break;
        case BOOL: ((uint8_t *)t->data)[i] = (uint8_t)(k & 1); break;
        case NDTYPE: break;
        }
    }
}

static Type at_batch(const Type *t, int n) {
    Type r = *t;
    for (int d = 0; d < r.rank; d++)
        if (r.dim[d].batch)
            r.dim[d] = (Dim){n, false};
    return r;
}

static void make_leaves(Run *r) {
    uint64_t s = r->c->seed * 977 + 11;
    for (int i = 0; i < r->g->nnode; i++) {
        const Node *n = r->g->node[i];
        if (n->kind > N_VALUE)
            continue;
        OracleTensor t = {.kind = n->kind, .name = n->name,
                          .type = at_batch(&n->types[0], r->c->n)};
        fill(r, &t, &s);
        PUSH(r->a, r->leaf, r->nleaf) = t;
    }
}

/* --- comparing --- */

static bool same_float(const void *x, const void *y, DType t, int64_t i) {
    if (t == F32) {
        const float *a = x, *b = y;
        return memcmp(a + i, b + i, 4) == 0 || (a[i] != a[i] && b[i] != b[i]);
    }
    const double *a = x, *b = y;
    return memcmp(a + i, b + i, 8) == 0 || (a[i] != a[i] && b[i] != b[i]);
}

int64_t compare_bits(DType t, const void *x, const void *y, int64_t count) {
    size_t size = (size_t)dtype_info[t].bytes;
    for (int64_t i = 0; i < count; i++) {
        const char *a = (const char *)x + (size_t)i * size, *b = (const char *)y + (size_t)i * size;
        if (dtype_info[t].is_float ? !same_float(x, y, t, i) : memcmp(a, b, size) != 0)
            return i;
    }
    return -1;
}

double compare_error(DType t, const void *x, const void *ref, int64_t count) {
    double most = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        double a = t == F32 ? ((const float *)x)[i] : ((const double *)x)[i];
        double b = t == F32 ? ((const float *)ref)[i] : ((const double *)ref)[i];
        if (isnan(a) != isnan(b) || isinf(a) != isinf(b))
            return INFINITY;
        if (isnan(a) || isinf(a))
            continue;
        most = fmax(most, fabs(a - b));
        size = fmax(size, fabs(b));
    }
    return size > 0 ? most / size : most;
}

static void show(const Run *r, const char *name, const OracleTensor *want, const void *got,
                 int64_t at) {
    Text t = {0};
    graph_print(&t, r->g);
    double a = want->type.dtype == F32 ? ((const float *)want->data)[at] : (double)at;
    double b = want->type.dtype == F32 ? ((const float *)got)[at] : (double)at;
    fprintf(stderr, "%s on %s, batch %d, seed %llu: element %lld of %s (%s): oracle %.9g, got %.9g\n%s",
            r->c->backend == EXEC_C ? "C" : r->c->backend == EXEC_JIT ? "JIT" : "interpreter",
            r->c->target, r->c->n, (unsigned long long)r->c->seed, (long long)at, name,
            type_text(r->a, &want->type), a, b, t.s);
    text_free(&t);
}

static void *place(const Run *r, const Program *p, KilnCtx *ctx, int to, const char *name) {
    const Block *b = to == TO_STATE ? &p->state : &p->param;
    char *base = to == TO_STATE ? ctx->state : to == TO_GRAD ? ctx->grads : ctx->params;
    (void)r;
    for (int i = 0; i < b->n; i++)
        if (b->slot[i].name == name)
            return base + b->slot[i].offset;
    return NULL;
}

static void load(Run *r, const Program *p, KilnCtx *ctx, const void **in) {
    for (int i = 0; i < r->nleaf; i++) {
        OracleTensor *t = &r->leaf[i];
        void *to = NULL;
        if (t->kind == N_INPUT) {
            for (int k = 0; k < p->input.n; k++)
                if (p->input.slot[k].name == t->name)
                    in[k] = t->data;
            continue;
        }
        for (int k = 0; t->kind == N_VALUE && k < p->value.n; k++)
            if (p->value.slot[k].name == t->name)
                to = (char *)(ctx + 1) + p->value.slot[k].offset;
        if (t->kind != N_VALUE)
            to = place(r, p, ctx, t->kind == N_PARAM ? TO_PARAM : TO_STATE, t->name);
        memcpy(to, t->data, (size_t)type_bytes(&t->type));
    }
}

/* Parts of a kernel may run in any order. */
static void backwards(void *pool, int parts, void (*fn)(void *arg, int part), void *arg) {
    (void)pool;
    for (int i = parts; i-- > 0;)
        fn(arg, i);
}

bool compare_graph(Arena *a, const Graph *g, const Compare *c) {
    Run r = {.a = a, .g = g, .c = c};
    Diag *d = diag_new(a, NULL, NULL);
    OracleTensor *want = NEW(a, g->nresult + 1, OracleTensor);
    OracleOptions oo = {a, false, diag_nowhere(d)};
    make_leaves(&r);
    if (!oracle_run(g, &oo, c->n, r.nleaf, r.leaf, want)) {
        Text t = {0};
        graph_print(&t, g);
        fprintf(stderr, "the oracle fails on\n%s", t.s);
        text_free(&t);
        return false;
    }
    Program *p = compare_program(a, g, c->target, !c->fast);
    ExecOptions eo = {.backend = c->backend, .cc = c->cc, .cflags = c->cflags, .opt = 2};
    Exec *e = p ? exec_new(a, diag_nowhere(d), p, eo) : NULL;
    if (!e)
        return false;
    KilnCtx *ctx = exec_ctx_new(a, p, c->threads ? c->threads : 1);
    ctx->parallel = c->threads > 1 ? backwards : NULL;
    const void **in = NEW(a, p->input.n + 1, const void *);
    void **out = NEW(a, g->nresult + 1, void *), **got = NEW(a, g->nresult + 1, void *);
    int nout = 0;
    load(&r, p, ctx, in);
    for (int i = 0; i < g->nresult; i++) {
        const Result *res = &g->result[i];
        if (res->to == TO_OUTPUT)
            got[i] = out[nout++] = arena_alloc(a, (size_t)type_bytes(&want[i].type) + 64);
        else
            got[i] = place(&r, p, ctx, (int)res->to, res->name);
    }
    int status = exec_run(e, 0, ctx, c->n, in, out);
    bool ok = status == 0;
    if (!ok)
        fprintf(stderr, "status %d\n", status);
    for (int i = 0; ok && i < g->nresult; i++) {
        int64_t count = 0, at;
        type_count(&want[i].type, &count);
        if (c->fast && dtype_info[want[i].type.dtype].is_float) {
            double err = compare_error(want[i].type.dtype, got[i], want[i].data, count);
            ok = err <= c->tolerance;
            if (!ok)
                fprintf(stderr, "error %g of %s\n", err, g->result[i].name);
            at = 0;
        } else {
            at = compare_bits(want[i].type.dtype, got[i], want[i].data, count);
            ok = at < 0;
        }
        if (!ok)
            show(&r, g->result[i].name, &want[i], got[i], at);
    }
    exec_free(e);
    return ok;
}
