/* Runs the entries of a random network by the oracle and by backends. */
#include "net_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "runtime/krt.h"

/* --- values --- */

typedef struct { uint64_t state; } Dice;

static double even(Dice *d) {          /* in [0, 1) */
    d->state = d->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t x = (d->state ^ (d->state >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return (double)(x >> 40) * 0x1p-24;
}

static double bell(Dice *d) { return 1.7 * (even(d) + even(d) + even(d) - 1.5); }

static void put(void *data, DType t, int64_t i, double v) {
    switch (t) {
    case F32: ((float *)data)[i] = (float)v; break;
    case F64: ((double *)data)[i] = v; break;
    case I32: ((int32_t *)data)[i] = (int32_t)v; break;
    case U32: ((uint32_t *)data)[i] = (uint32_t)v; break;
    case I64: ((int64_t *)data)[i] = (int64_t)v; break;
    case U64: ((uint64_t *)data)[i] = (uint64_t)v; break;
    case U8:
    case BOOL: ((uint8_t *)data)[i] = (uint8_t)v; break;
    case NDTYPE: bug("a value of no type");
    }
}

static int64_t count_of(const Type *t) {
    int64_t n;
    if (!type_count(t, &n))
        bug("a random network with a tensor too large");
    return n;
}

static Type at_batch(const Type *t, int n) {
    Type r = *t;
    for (int d = 0; d < r.rank; d++)
        if (r.dim[d].batch)
            r.dim[d] = (Dim){n, false};
    return r;
}

static OracleTensor tensor(NetCase *c, NodeKind k, const char *name, const Type *t) {
    OracleTensor r = {k, name, at_batch(t, c->batch), NULL};
    r.data = arena_alloc(c->arena, (size_t)type_bytes(&r.type) + 64);
    return r;
}

static bool ends(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* Labels of ctc: none is the blank, and behind the first -1 of an example is nothing. */
static void end_labels(const OracleTensor *t, int64_t blank) {
    int32_t *label = t->data;
    int64_t n = t->type.dim[t->type.rank - 1].n;
    for (int64_t i = 0; i < count_of(&t->type); i++)
        if (label[i] == blank || (i % n && label[i - 1] < 0))
            label[i] = -1;
}

static void add_inputs(NetCase *c, const ModelTensors *list, Dice *d, Shot *s) {
    for (int i = 0; i < list->n; i++) {
        const ModelTensor *m = &list->item[i];
        OracleTensor t = tensor(c, N_INPUT, m->name, &m->type);
        bool label = list == &c->model->label, real = m->type.dtype == F32;
        bool mask = strcmp(m->name, "mask") == 0;
        for (int64_t k = 0; k < count_of(&t.type); k++) {
            double range = m->ranged ? (double)(m->hi - m->lo) : mask ? 2 : 256;
            double v = real ? (label ? even(d) : bell(d)) : floor(even(d) * range);
            put(t.data, m->type.dtype, k, v + (m->ranged ? (double)m->lo : 0));
        }
        if (label && m->ranged && m->lo < 0 && !m->ignores)
            end_labels(&t, c->net.blank);
        PUSH(c->arena, s->leaf, s->n) = t;
    }
}

/* Parameters and state have been set by init; here they leave their round numbers. */
static void disturb(NetCase *c, Dice *d, Shot *s) {
    const Settings *set = &c->model->set;
    for (int i = 0; i < s->n; i++) {
        OracleTensor *t = &s->leaf[i];
        bool square = ends(t->name, ".exp_avg_sq");
        bool positive = square || ends(t->name, ".running_var") || ends(t->name, ".std");
        bool small = square || ends(t->name, ".exp_avg") || ends(t->name, ".momentum");
        if (t->kind != N_PARAM && t->kind != N_STATE)
            continue;
        for (int64_t k = 0; t->type.dtype == F32 && k < count_of(&t->type); k++) {
            float *v = (float *)t->data + k;
            double by = 0.2 * bell(d);
            *v = (float)((double)*v + (positive ? fabs(by) : by) * (small ? 0.05 : 1));
        }
        for (int b = 0; b < 2; b++)    /* as after two steps */
            if (ends(t->name, b ? ".beta2_power" : ".beta1_power"))
                put(t->data, F64, 0, set->train.betas[b] * set->train.betas[b]);
    }
}

/* --- the oracle --- */

static OracleTensor *find(Shot *s, NodeKind k, const char *name) {
    for (int i = 0; i < s->n; i++)
        if (s->leaf[i].kind == k && strcmp(s->leaf[i].name, name) == 0)
            return &s->leaf[i];
    return NULL;
}

static bool ask(NetCase *c, Shot *s, bool wide) {
    OracleOptions o = {c->arena, false, diag_nowhere(c->diag)};
    s->want = NEW(c->arena, s->graph->nresult + 1, OracleTensor);
    if (!oracle_run(s->graph, &o, c->batch, s->n, s->leaf, s->want))
        return false;
    o.wide = true;
    s->wide = wide ? NEW(c->arena, s->graph->nresult + 1, OracleTensor) : NULL;
    return !wide || oracle_run(s->graph, &o, c->batch, s->n, s->leaf, s->wide);
}

/* The tensors after a call: copies, with new parameters and state. */
static Shot after(NetCase *c, const Shot *s, const Graph *next) {
    Shot r = {.graph = next};
    for (int i = 0; i < s->n; i++) {
        OracleTensor t = tensor(c, s->leaf[i].kind, s->leaf[i].name, &s->leaf[i].type);
        memcpy(t.data, s->leaf[i].data, (size_t)type_bytes(&t.type));
        PUSH(c->arena, r.leaf, r.n) = t;
    }
    for (int i = 0; i < s->graph->nresult; i++) {
        const Result *w = &s->graph->result[i];
        if (w->to != TO_PARAM && w->to != TO_STATE)
            continue;
        OracleTensor *t = find(&r, w->to == TO_PARAM ? N_PARAM : N_STATE, w->name);
        if (!t)
            bug("'%s' has a next value but is no tensor", w->name);
        memcpy(t->data, s->want[i].data, (size_t)type_bytes(&t->type));
    }
    return r;
}

static void add_slots(NetCase *c, Shot *s, NodeKind k, const Block *b) {
    for (int i = 0; i < b->n; i++)
        PUSH(c->arena, s->leaf, s->n) = tensor(c, k, b->slot[i].name, &b->slot[i].type);
}

static bool add_shot(NetCase *c, Shot s, bool wide) {
    PUSH(c->arena, c->shot, c->nshot) = s;
    return ask(c, &c->shot[c->nshot - 1], wide);
}

static bool ask_all(NetCase *c, const Program *p, bool wide) {
    ProgramOptions o = {.training = true};
    int n;
    Graph **g = program_graphs(c->arena, c->model, &o, &n);
    Dice d = {c->seed * 31 + 5};
    Shot s = {.graph = g[0]};
    OracleTensor *rng;
    add_inputs(c, &c->model->input, &d, &s);
    add_inputs(c, &c->model->label, &d, &s);
    add_slots(c, &s, N_PARAM, &p->param);
    add_slots(c, &s, N_STATE, &p->state);
    add_slots(c, &s, N_VALUE, &p->value);
    rng = find(&s, N_VALUE, "rng");
    memcpy(rng->data, (uint32_t[]){(uint32_t)c->seed, 17, 3, 0}, 16);
    *(float *)find(&s, N_VALUE, "lr")->data = (float)c->model->set.train.lr;
    if (!add_shot(c, s, false))
        return false;
    s = after(c, &c->shot[0], NULL);
    disturb(c, &d, &s);
    for (int i = 1; i < n; i++) {
        s.graph = g[i];
        if (!add_shot(c, s, wide))
            return false;
    }
    s = after(c, &c->shot[c->nshot - 1], g[n - 1]);
    ((uint32_t *)find(&s, N_VALUE, "rng")->data)[2]++;
    return add_shot(c, s, false);
}

/* --- opening --- */

static void report(void *user, DiagKind kind, Loc loc, const char *message) {
    Text t = {0};
    (void)user;
    if (kind == DIAG_WARNING)
        return;
    diag_render(&t, kind, loc, message);
    fprintf(stderr, "%s", t.s);
    text_free(&t);
}

static Model *load(NetCase *c, bool strict) {
    ModelOptions o = {.path = "net.yaml", .text = c->net.yaml.s, .size = c->net.yaml.n,
                      .training = true, .strict = strict};
    return model_load(c->arena, c->diag, &o);
}

static Program *build(NetCase *c, Model *m, const Way *w) {
    ProgramOptions o = {.training = true, .threads = w->threads,
                        .target = target_find(w->target),
                        .pass = {.out = stderr, .dump = getenv("KILN_DUMP"),
                                 .only_off = getenv("KILN_OFF"), .verify = true}};
    return program_build(c->arena, m, &o);
}

bool net_open(NetCase *c, uint64_t seed, int limit, bool wide) {
    *c = (NetCase){.arena = arena_new(), .seed = seed, .net = net_make(seed, limit)};
    c->diag = diag_new(c->arena, report, NULL);
    c->model = load(c, true);
    if (!c->model)
        return false;
    c->batch = 1 + (int)(seed / 3 % (uint64_t)c->model->batch);
    const Program *p = build(c, c->model, &(Way){.target = "portable", .threads = 1});
    return p && ask_all(c, p, wide);
}

void net_close(NetCase *c) {
    net_free(&c->net);
    arena_free(c->arena);
}

/* --- backends --- */

const char *way_text(Arena *a, const Way *w) {
    static const char *const name[] = {"JIT", "C", "interpreter"};
    return arena_printf(a, "%s%s%s%s%s on %s, %d thread%s", name[w->backend], w->cc ? " by " : "",
                        w->cc ? w->cc : "", w->cflags ? " " : "", w->cflags ? w->cflags : "",
                        w->target, w->threads, w->threads == 1 ? "" : "s");
}

typedef struct {
    NetCase *c;
    const Way *way;
    const Program *program;
    Exec *exec;
    KilnCtx *ctx;
    KrtPool *pool;
} Run;

enum { CANARY = 64, CANARY_BYTE = 0xa5 };

static bool run_open(Run *r, Model *m) {
    r->program = build(r->c, m, r->way);
    ExecOptions o = {.backend = r->way->backend, .cc = r->way->cc, .cflags = r->way->cflags,
                     .opt = r->way->opt};
    r->exec = r->program
                  ? exec_new(r->c->arena, diag_nowhere(r->c->diag), r->program, o) : NULL;
    if (!r->exec)
        return false;
    r->ctx = exec_ctx_new(r->c->arena, r->program, r->way->threads);
    if (r->way->threads > 1) {
        r->pool = krt_pool_new(r->way->threads);
        r->ctx->pool = r->pool;
        r->ctx->parallel = krt_parallel;
    }
    return true;
}

static void run_close(Run *r) {
    krt_pool_free(r->pool);
    exec_free(r->exec);
}

static void *slot_at(const Block *b, void *base, const char *name) {
    const Slot *s = block_find(b, name);
    return s ? (char *)base + s->offset : NULL;
}

static void *place(const Run *r, NodeKind k, const char *name) {
    const Program *p = r->program;
    return k == N_PARAM   ? slot_at(&p->param, r->ctx->params, name)
           : k == N_STATE ? slot_at(&p->state, r->ctx->state, name)
                          : slot_at(&p->value, r->ctx + 1, name);
}

/* Runs one call; out[i] belongs to the graph's i-th result, NULL where that has no place. */
static int run_shot(Run *r, const Shot *s, void **got) {
    const Program *p = r->program;
    int entry = program_entry(p, s->graph->name), nout = 0;
    const Entry *e = &p->entry[entry];
    const void **in = NEW(r->c->arena, e->nin + 1, const void *);
    void **out = NEW(r->c->arena, e->nout + 1, void *);
    for (int i = 0; i < s->n; i++) {
        const OracleTensor *t = &s->leaf[i];
        for (int k = 0; t->kind == N_INPUT && k < e->nin; k++)
            if (strcmp(p->input.slot[e->in[k]].name, t->name) == 0)
                in[k] = t->data;
        if (t->kind != N_INPUT)
            memcpy(place(r, t->kind, t->name), t->data, (size_t)type_bytes(&t->type));
    }
    for (int i = 0; i < s->graph->nresult; i++) {
        const Result *w = &s->graph->result[i];
        size_t bytes = (size_t)type_bytes(&s->want[i].type);
        if (w->to == TO_OUTPUT) {
            got[i] = out[nout++] = arena_alloc(r->c->arena, bytes + CANARY);
            memset(got[i], CANARY_BYTE, bytes + CANARY);
        } else {
            got[i] = w->to == TO_GRAD ? slot_at(&p->grad, r->ctx->grads, w->name)
                     : place(r, w->to == TO_PARAM ? N_PARAM : N_STATE, w->name);
        }
    }
    return exec_run(r->exec, entry, r->ctx, r->c->batch, in, out);
}

static double value_at(const void *data, DType t, int64_t i) {
    return t == F32   ? (double)((const float *)data)[i]
           : t == F64 ? ((const double *)data)[i]
                      : (double)((const uint8_t *)data)[i * dtype_info[t].bytes];
}

static bool same(const Run *r, const Shot *s, const char *name, const Type *t, const void *got,
                 const void *want) {
    int64_t at = compare_bits(t->dtype, got, want, count_of(t));
    if (at < 0)
        return true;
    fprintf(stderr, "%s: %s: element %lld of '%s' (%s) is %.9g, expected %.9g\n",
            way_text(r->c->arena, r->way), s->graph->name, (long long)at, name,
            type_text(r->c->arena, t), value_at(got, t->dtype, at),
            value_at(want, t->dtype, at));
    return false;
}

static bool canary(const Run *r, const Shot *s, int i, const void *got) {
    const unsigned char *end = (const unsigned char *)got + type_bytes(&s->want[i].type);
    for (int k = 0; s->graph->result[i].to == TO_OUTPUT && k < CANARY; k++)
        if (end[k] != CANARY_BYTE) {
            fprintf(stderr, "%s: %s writes beyond '%s'\n", way_text(r->c->arena, r->way),
                    s->graph->name, s->graph->result[i].name);
            return false;
        }
    return true;
}

/* Results, and all that a call must leave alone. */
static bool check_shot(Run *r, const Shot *s) {
    void **got = NEW(r->c->arena, s->graph->nresult + 1, void *);
    int status = run_shot(r, s, got);
    if (status)
        fprintf(stderr, "%s: %s: status %d\n", way_text(r->c->arena, r->way), s->graph->name,
                status);
    bool ok = status == 0;
    for (int i = 0; ok && i < s->graph->nresult; i++)
        ok = same(r, s, s->graph->result[i].name, &s->want[i].type, got[i], s->want[i].data) &&
             canary(r, s, i, got[i]);
    Shot next = ok ? after(r->c, s, NULL) : (Shot){0};
    for (int i = 0; ok && i < next.n; i++) {
        const OracleTensor *t = &next.leaf[i];
        ok = t->kind == N_INPUT ||
             same(r, s, t->name, &t->type, place(r, t->kind, t->name), t->data);
    }
    return ok;
}

bool net_check(NetCase *c, const Way *w) {
    Run r = {.c = c, .way = w};
    bool ok = run_open(&r, c->model);
    for (int i = 0; ok && i < c->nshot; i++)
        ok = check_shot(&r, &c->shot[i]);
    run_close(&r);
    return ok;
}

/* --- fast mode --- */

/* Fast results take the place of the oracle's in `shot`. */
static bool keep_fast(Run *r, Shot *s) {
    void **got = NEW(r->c->arena, s->graph->nresult + 1, void *);
    OracleTensor *kept = NEW(r->c->arena, s->graph->nresult + 1, OracleTensor);
    if (run_shot(r, s, got))
        return false;
    for (int i = 0; i < s->graph->nresult; i++) {
        kept[i] = tensor(r->c, N_STATE, s->graph->result[i].name, &s->want[i].type);
        memcpy(kept[i].data, got[i], (size_t)type_bytes(&kept[i].type));
    }
    s->want = kept;
    return true;
}

bool net_check_fast(NetCase *c, int n, const Way *w) {
    Model *m = load(c, false);
    Shot *shot = NEW(c->arena, c->nshot, Shot);
    memcpy(shot, c->shot, sizeof *shot * (size_t)c->nshot);
    bool ok = m != NULL;
    for (int k = 0; ok && k < n; k++) {
        Run r = {.c = c, .way = &w[k]};
        ok = run_open(&r, m);
        for (int i = 0; ok && i < c->nshot; i++)
            ok = k ? check_shot(&r, &shot[i]) : keep_fast(&r, &shot[i]);
        run_close(&r);
    }
    return ok;
}
