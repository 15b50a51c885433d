/* Op cases bundled, 50 to a program, so that compilers do not eat the test's time. */
#include "op_run.h"

#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "passes/pass.h"

enum { BUNDLE = 50, RESULTS = OP_CASE_LEAVES + 1, GUARD = 64, SHOWN = 8, THREADS = 3 };

static const struct { int n; Fill fill; } calls[] = {
    {OP_CASE_BATCH, FILL_PLAIN}, {2, FILL_PLAIN}, {OP_CASE_BATCH, FILL_ODD}, {4, FILL_WILD},
};

static const double TOLERANCE = 1e-5;  /* of fast mode */

typedef struct {
    const OpCase *c;
    OpGraph g;
    OracleTensor in[COUNT(calls)][OP_CASE_LEAVES];
    OracleTensor want[COUNT(calls)][RESULTS];
} Unit;

struct OpRuns {
    Arena *a;
    Diag *d;
    Pool *pool;
    Strs *strs;
    int n;
    Unit *unit;
    const OpWay *way;                  /* of this check */
    int wrong;
};

/* --- what is expected --- */

static bool expect(OpRuns *r, Unit *u) {
    OracleOptions o = {r->a, false, diag_nowhere(r->d)};
    for (size_t k = 0; k < COUNT(calls); k++) {
        for (int i = 0; i < u->g.nleaf; i++)
            u->in[k][i] = op_case_values(r->a, u->c, u->g.leaf[i], calls[k].n, calls[k].fill,
                                         k + 7);
        if (!oracle_run(u->g.graph, &o, calls[k].n, u->g.nleaf, u->in[k], u->want[k]))
            return false;
    }
    return true;
}

OpRuns *op_runs_new(Arena *a, const char *only) {
    OpRuns *r = NEW(a, 1, OpRuns);
    *r = (OpRuns){.a = a, .pool = pool_new(a), .strs = strs_new(a)};
    r->d = diag_new(a, NULL, NULL);
    r->unit = NEW(a, op_case_count, Unit);
    for (int i = 0; i < op_case_count; i++) {
        Unit *u = &r->unit[r->n];
        u->c = &op_case[i];
        if (only && strcmp(only, u->c->op))
            continue;
        const char *name = strs_z(r->strs, arena_printf(a, "e%d", i));
        if (!op_case_build(a, r->pool, r->strs, r->d, u->c, name, &u->g) || !expect(r, u)) {
            fprintf(stderr, "%s %s fails\n", u->c->op, u->c->with);
            return NULL;
        }
        r->n++;
    }
    return r;
}

/* --- programs --- */

static void add_entry(Module *m, const OpRuns *r, const Unit *u) {
    int *in = NEW(m->arena, OP_CASE_LEAVES, int), entry = m->ngraph;
    for (int i = 0; i < u->g.nleaf; i++) {
        in[i] = m->input.n;
        PUSH(m->arena, m->input.slot, m->input.n) =
            (Slot){.name = u->g.leaf[i]->name, .type = u->g.leaf[i]->types[0]};
    }
    Graph *copy = graph_live(u->g.graph);
    copy->strict = !r->way->fast;
    PUSH(m->arena, m->graph, m->ngraph) = copy;
    PUSH(m->arena, m->info, entry) = (EntryInfo){.nin = u->g.nleaf, .in = in};
}

static Program *program_of(OpRuns *r, Arena *a, int first, int n) {
    Module m = {.arena = a, .pool = r->pool, .strs = r->strs, .diag = r->d, .name = "ops",
                .strict = !r->way->fast, .target = target_find(r->way->target),
                .batch = OP_CASE_BATCH, .threads = THREADS};
    PassOptions o = {.verify = true, .out = stderr, .dump = getenv("KILN_DUMP")};
    for (int i = 0; i < n; i++)
        add_entry(&m, r, &r->unit[first + i]);
    return passes_run(&m, &o) ? m.program : NULL;
}

/* --- running --- */

/* Parts may come in any order. */
static void backwards(void *pool, int parts, void (*fn)(void *arg, int part), void *arg) {
    (void)pool;
    for (int i = parts; i-- > 0;)
        fn(arg, i);
}

typedef struct { Exec *exec; KilnCtx *ctx; const Program *p; } Engine;

static bool engine_open(Engine *e, OpRuns *r, Arena *a, const OpWay *w, const Program *p) {
    ExecOptions o = {.backend = w->backend, .cc = w->cc, .cflags = w->cflags, .opt = 2};
    e->p = p;
    e->exec = p ? exec_new(a, diag_nowhere(r->d), p, o) : NULL;
    if (!e->exec)
        return false;
    e->ctx = exec_ctx_new(a, p, THREADS);
    e->ctx->parallel = backwards;
    return true;
}

/* Results between guards, everything filled with NaN before. */
static bool engine_run(Engine *e, Arena *a, int entry, const Unit *u, size_t call,
                       unsigned char **out) {
    const void *in[OP_CASE_LEAVES];
    int nout = u->g.graph->nresult;
    for (int i = 0; i < u->g.nleaf; i++)
        in[i] = u->in[call][i].data;
    for (int i = 0; i < nout; i++) {
        size_t bytes = (size_t)type_bytes(&u->want[call][i].type);
        out[i] = arena_alloc(a, bytes + 2 * GUARD);
        memset(out[i], 0xff, bytes + 2 * GUARD);
        out[i] += GUARD;
    }
    memset(e->ctx->arena, 0xff, (size_t)(program_planned(e->p) + program_scratch(e->p)));
    e->ctx->threads = call % 2 ? 1 : THREADS;
    return exec_run(e->exec, entry, e->ctx, calls[call].n, in, (void *const *)out) == 0;
}

static bool guarded(const unsigned char *out, int64_t bytes) {
    for (int i = 0; i < GUARD; i++)
        if (out[i - GUARD] != 0xff || out[bytes + i] != 0xff)
            return false;
    return true;
}

static void show(OpRuns *r, const Unit *u, size_t call, int result, int64_t at,
                 const void *got, const void *want) {
    const OpWay *w = r->way;
    const Result *res = &u->g.graph->result[result];
    if (r->wrong++ >= SHOWN)
        return;
    fprintf(stderr, "%s %s, %s, call %zu, %s on %s %s %s", u->c->op, u->c->with, res->name, call,
            w->backend == EXEC_C ? w->cc : w->backend == EXEC_JIT ? "JIT" : "interpreter",
            w->target, w->backend == EXEC_C ? w->cflags : "", w->fast ? "fast" : "");
    if (ref_type(res->ref)->dtype == F32)
        fprintf(stderr, ": element %lld is %.9g, expected %.9g", (long long)at,
                ((const float *)got)[at], ((const float *)want)[at]);
    fprintf(stderr, "\n");
}

/* The first element that is wrong, or -1. */
static int64_t differs(const OpRuns *r, size_t call, const Type *t, const void *got,
                       const void *want) {
    int64_t count = 0;
    type_count(t, &count);
    if (!r->way->fast || r->way->backend != EXEC_INTERP || !dtype_info[t->dtype].is_float)
        return compare_bits(t->dtype, got, want, count);
    bool plain = calls[call].fill == FILL_PLAIN;
    return plain && !(compare_error(t->dtype, got, want, count) <= TOLERANCE) ? 0 : -1;
}

static void compare(OpRuns *r, const Unit *u, size_t call, unsigned char *const *got,
                    const void *const *want) {
    for (int i = 0; i < u->g.graph->nresult; i++) {
        const Type *t = &u->want[call][i].type;
        int64_t at = differs(r, call, t, got[i], want[i]);
        if (at < 0 && !guarded(got[i], type_bytes(t)))
            at = 0;                    /* something beside it was written */
        if (at >= 0)
            show(r, u, call, i, at, got[i], want[i]);
    }
}

static void check_unit(OpRuns *r, Engine *e, Engine *ref, int entry, const Unit *u) {
    for (size_t call = 0; call < COUNT(calls); call++) {
        Arena *a = arena_new();
        unsigned char *got[RESULTS], *other[RESULTS];
        const void *want[RESULTS];
        bool ok = engine_run(e, a, entry, u, call, got);
        if (ref)
            ok &= engine_run(ref, a, entry, u, call, other);
        for (int i = 0; i < u->g.graph->nresult; i++)
            want[i] = ref ? other[i] : u->want[call][i].data;
        if (ok)
            compare(r, u, call, got, want);
        else
            show(r, u, call, 0, 0, u->want[call][0].data, u->want[call][0].data);
        arena_free(a);
    }
}

int op_runs_check(OpRuns *r, const OpWay *w) {
    static const OpWay reference = {.backend = EXEC_INTERP};
    r->way = w;
    r->wrong = 0;
    for (int first = 0; first < r->n; first += BUNDLE) {
        int n = r->n - first < BUNDLE ? r->n - first : BUNDLE;
        Arena *a = arena_new();
        Program *p = program_of(r, a, first, n);
        Engine e = {0}, ref = {0};
        bool second = w->fast && w->backend != EXEC_INTERP;
        bool ok = engine_open(&e, r, a, w, p) &&
                  (!second || engine_open(&ref, r, a, &reference, p));
        for (int i = 0; ok && i < n; i++)
            check_unit(r, &e, second ? &ref : NULL, i, &r->unit[first + i]);
        r->wrong += !ok;
        exec_free(e.exec);
        exec_free(ref.exec);
        arena_free(a);
    }
    return r->wrong;
}
