/* The oracle: evaluates the nodes of a graph one after the other, in memory of its own. */
#include "ir/oracle.h"

#include "ir/tape.h"

#include <math.h>
#include <string.h>

/* One graph under evaluation; value[id][k] is result k of node id. */
typedef struct {
    Run run;
    Arena *arena;
    const Graph *g;
    Value **value;
} Eval;

static bool eval_nodes(Eval *v);

static Value ref_value(const Eval *v, Ref r) { return v->value[r.node->id][r.res]; }

static int64_t value_size(const Run *r, const Type *t) {
    return value_count(r, t) * value_bytes(r, t->dtype);
}

static void copy_value(const Run *r, Value to, Value from) {
    memcpy(to.data, from.data, (size_t)value_size(r, &to.type));
}

static bool *needed(Arena *a, const Graph *g) {
    bool *live = NEW(a, g->nnode, bool);
    for (int i = 0; i < g->nresult; i++)
        live[g->result[i].ref.node->id] = true;
    for (int i = g->nnode; i-- > 0;)
        for (int s = 0; live[i] && s < g->node[i]->nsrc; s++)
            live[g->node[i]->src[s].node->id] = true;
    return live;
}

/* --- leaves --- */

static const OracleTensor *find(int nin, const OracleTensor *in, const Node *n) {
    for (int i = 0; i < nin; i++)
        if (in[i].kind == n->kind && strcmp(in[i].name, n->name) == 0)
            return &in[i];
    return NULL;
}

static bool fits(const Run *r, const Type *given, const Type *want) {
    bool widened = r->wide && want->dtype == F32 && given->dtype == F64;
    if ((given->dtype != want->dtype && !widened) || given->rank != want->rank)
        return false;
    for (int i = 0; i < want->rank; i++)
        if (given->dim[i].n != dim_size(r, want->dim[i]))
            return false;
    return true;
}

/* The bytes of a tensor as this run holds them. */
static void *hold(const Run *r, Arena *a, const Type *t, DType given, const void *data) {
    int64_t n = value_count(r, t);
    double *wide;
    if (!(r->wide && t->dtype == F32 && given == F32))
        return (void *)(uintptr_t)data;
    wide = NEW(a, n ? n : 1, double);
    for (int64_t i = 0; i < n; i++)
        wide[i] = (double)((const float *)data)[i];
    return wide;
}

static bool eval_leaf(Eval *v, const Node *n, int nin, const OracleTensor *in) {
    const OracleTensor *x = find(nin, in, n);
    if (!x)
        return diag_error(v->run.loc, "no value for '%s'", n->name);
    if (!fits(&v->run, &x->type, n->types))
        return diag_error(v->run.loc, "'%s' is %s, expected %s with a batch of %lld", n->name,
                          type_text(v->arena, &x->type), type_text(v->arena, n->types),
                          (long long)v->run.n);
    v->value[n->id][0].data = hold(&v->run, v->arena, n->types, x->type.dtype, x->data);
    return true;
}

static bool bind_leaves(Eval *v, int nin, const OracleTensor *in) {
    const bool *live = needed(v->arena, v->g);
    for (int i = 0; i < v->g->nnode; i++) {
        const Node *n = v->g->node[i];
        if (n->kind < N_CONST && live[i] && !eval_leaf(v, n, nin, in))
            return false;
    }
    return true;
}

/* --- sorting --- */

static bool before(const Run *r, const Value *x, bool descending, int64_t i, int64_t j) {
    const DType t = x->type.dtype;
    Num a = value_get(r, t, x->data, descending ? j : i);
    Num b = value_get(r, t, x->data, descending ? i : j);
    if (dtype_info[t].is_float)
        return a.f < b.f || (isnan(b.f) && !isnan(a.f));
    return t == U64 ? (uint64_t)a.i < (uint64_t)b.i : a.i < b.i;
}

/* Stable merge of order[0..half) and order[half..n), which are sorted. */
static void merge(const Run *r, const Value *x, bool descending, int64_t row, int32_t *order,
                  int64_t half, int64_t n, int32_t *temp) {
    int64_t i = 0, j = half;
    for (int64_t k = 0; k < n; k++) {
        bool right = i == half ||
                     (j < n && before(r, x, descending, row + order[j], row + order[i]));
        temp[k] = order[right ? j++ : i++];
    }
    memcpy(order, temp, (size_t)n * sizeof *order);
}

static void sort(const Run *r, const Value *x, bool descending, int64_t row, int32_t *order,
                 int64_t n, int32_t *temp) {
    int64_t half = n / 2;
    if (n < 2)
        return;
    sort(r, x, descending, row, order, half, temp);
    sort(r, x, descending, row, order + half, n - half, temp);
    merge(r, x, descending, row, order, half, n, temp);
}

static void eval_argsort(Eval *v, const Node *n) {
    Value x = ref_value(v, n->src[0]), *out = v->value[n->id];
    int64_t cols = dim_size(&v->run, x.type.dim[x.type.rank - 1]);
    int64_t count = value_count(&v->run, &x.type);
    int32_t *temp = NEW(v->arena, cols + 1, int32_t);
    *out = value_new(&v->run, v->arena, n->types);
    for (int64_t row = 0; row < count; row += cols) {
        int32_t *order = (int32_t *)out->data + row;
        for (int64_t i = 0; i < cols; i++)
            order[i] = (int32_t)i;
        sort(&v->run, &x, n->descending, row, order, cols, temp);
    }
}

/* --- scans --- */

static Value slice(const Run *r, Value stacked, int64_t t) {
    Type type = type_slice(&stacked.type);
    return (Value){type, (char *)stacked.data + t * value_size(r, &type)};
}

static void bind(const Eval *body, const Scan *s, char kind, int number, Value x) {
    const Node *in = scan_input(s, kind, number);
    if (in)
        body->value[in->id][0] = x;
}

static void bind_step(const Eval *v, const Eval *body, const Node *n, const Value *carry,
                      int64_t t) {
    const Scan *s = n->scan;
    const Ref *src = n->src;
    for (int i = 0; i < s->ncarry; i++)
        bind(body, s, 'c', i, carry[i]);
    src += s->ncarry;
    for (int i = 0; i < s->nstack; i++)
        bind(body, s, 'x', i, slice(&v->run, ref_value(v, src[i]), t));
    src += s->nstack;
    for (int i = 0; i < s->nwhole; i++)
        bind(body, s, 'w', i, ref_value(v, src[i]));
}

static Eval eval_new(const Run *r, Arena *a, const Graph *g) {
    Eval v = {.run = *r, .arena = a, .g = g, .value = NEW(a, g->nnode, Value *)};
    for (int i = 0; i < g->nnode; i++) {
        v.value[i] = NEW(a, g->node[i]->nres, Value);
        for (int k = 0; k < g->node[i]->nres; k++)
            v.value[i][k].type = g->node[i]->types[k];
    }
    return v;
}

/* One step: results of the body at step t go to next[] and into the stacked results. */
static bool eval_step(Eval *v, const Node *n, const Value *carry, const Value *next,
                      int64_t t) {
    const Scan *s = n->scan;
    Eval body = eval_new(&v->run, arena_new(), s->body);
    bind_step(v, &body, n, carry, t);
    bool ok = eval_nodes(&body);
    for (int k = 0; ok && k < n->nres; k++) {
        Value to = k < s->ncarry ? next[k] : slice(&v->run, v->value[n->id][k], t);
        copy_value(&v->run, to, ref_value(&body, s->body->result[k].ref));
    }
    arena_free(body.arena);
    return ok;
}

static bool eval_scan(Eval *v, const Node *n) {
    const Scan *s = n->scan;
    Value *carry = NEW(v->arena, s->ncarry, Value), *next = NEW(v->arena, s->ncarry, Value);
    for (int k = 0; k < n->nres; k++)
        v->value[n->id][k] = value_new(&v->run, v->arena, &n->types[k]);
    for (int k = 0; k < s->ncarry; k++) {
        carry[k] = v->value[n->id][k];
        next[k] = value_new(&v->run, v->arena, &n->types[k]);
        copy_value(&v->run, carry[k], ref_value(v, n->src[k]));
    }
    for (int64_t i = 0; i < s->steps; i++) {
        if (!eval_step(v, n, carry, next, s->reverse ? s->steps - 1 - i : i))
            return false;
        Value *t = carry;
        carry = next;
        next = t;
    }
    for (int k = 0; k < s->ncarry; k++)
        v->value[n->id][k] = carry[k];
    return true;
}

/* --- nodes --- */

static bool eval_eq(Eval *v, const Node *n) {
    Value *src = NEW(v->arena, n->nsrc, Value);
    for (int i = 0; i < n->nsrc; i++)
        src[i] = ref_value(v, n->src[i]);
    for (int k = 0; k < n->nres; k++)
        v->value[n->id][k] = value_new(&v->run, v->arena, &n->types[k]);
    return oracle_eq(&v->run, v->g->pool, n->eq, src, v->value[n->id]);
}

static bool eval_node(Eval *v, const Node *n) {
    v->run.node = n->id;
    switch (n->kind) {
    case N_INPUT: case N_PARAM: case N_STATE: case N_VALUE:
        return true;
    case N_CONST:
        v->value[n->id][0].data =
            hold(&v->run, v->arena, n->types, n->types->dtype, n->data);
        return true;
    case N_EQ:   return eval_eq(v, n);
    case N_SCAN: return eval_scan(v, n);
    case N_ARGSORT:
        eval_argsort(v, n);
        return true;
    }
    bug("node of kind %d", n->kind);
}

static bool eval_nodes(Eval *v) {
    const bool *live = needed(v->arena, v->g);
    for (int i = 0; i < v->g->nnode; i++)
        if (live[i] && !eval_node(v, v->g->node[i]))
            return false;
    return true;
}

/* A result outlives the run, with the extents of this call. */
static OracleTensor result(const Eval *v, const Result *r, Arena *a) {
    Value x = ref_value(v, r->ref), kept = value_new(&v->run, a, &x.type);
    OracleTensor t = {.name = r->name, .type = x.type, .data = kept.data};
    copy_value(&v->run, kept, x);
    for (int i = 0; i < t.type.rank; i++)
        t.type.dim[i] = (Dim){dim_size(&v->run, x.type.dim[i]), false};
    if (v->run.wide && t.type.dtype == F32)
        t.type.dtype = F64;
    return t;
}

bool oracle_run(const Graph *g, const OracleOptions *o, int64_t n, int nin,
                const OracleTensor *in, OracleTensor *out) {
    Run run = {.wide = o->wide, .n = n, .loc = o->loc};
    if (n < 1 || n > g->batch)
        return diag_error(o->loc, "batch of %lld, expected 1..%lld", (long long)n,
                          (long long)g->batch);
    Eval v = eval_new(&run, arena_new(), g);
    bool ok = bind_leaves(&v, nin, in) && eval_nodes(&v);
    for (int i = 0; ok && i < g->nresult; i++)
        out[i] = result(&v, &g->result[i], o->arena);
    arena_free(v.arena);
    return ok;
}
