/* Parameters and state: declared by layers, and how they start. */
#include "frontend/build.h"

#include <math.h>
#include <string.h>

static const char *full_name(const Build *b, const char *path, const char *key) {
    return strs_z(b->m->strs, arena_printf(b->arena, "%s.%s", path, key));
}

static int tensor_find(const ModelTensors *t, const char *name) {
    for (int i = t->n; i-- > 0;)
        if (t->item[i].name == name)
            return i;
    return -1;
}

/* Inputs and outputs of one unit: what Glorot's and He's variances go by. */
static void fans(const Type *t, double *in, double *out) {
    double inner = 1;
    for (int i = 2; i < t->rank; i++)
        inner *= (double)t->dim[i].n;
    *out = (double)t->dim[0].n * inner;
    *in = t->rank > 1 ? (double)t->dim[1].n * inner : *out;
}

static Init spread(bool uniform, double variance) {
    double bound = sqrt(3 * variance);
    return uniform ? (Init){INIT_UNIFORM, -bound, bound}
                   : (Init){INIT_NORMAL, 0, sqrt(variance)};
}

/* A layer's `init`, checked before. */
static Init init_asked(const Macro *m, const Type *t) {
    const char *kind;
    const Tree *o = pick_options(m->init, &kind);
    double in, out;
    bool uniform = tree_is(tree_find(o, "distribution"), "uniform");
    fans(t, &in, &out);
    if (!strcmp(kind, "he"))
        return spread(uniform, 2 / (tree_is(tree_find(o, "fan"), "out") ? out : in));
    if (!strcmp(kind, "xavier")) {
        double gain = tree_number(m->scope, o, "gain");
        return spread(uniform, 2 * gain * gain / (in + out));
    }
    if (!strcmp(kind, "normal"))
        return (Init){INIT_NORMAL, tree_number(m->scope, o, "mean"),
                      tree_number(m->scope, o, "std")};
    if (!strcmp(kind, "uniform")) {
        double bound = tree_number(m->scope, o, "bound");
        return (Init){INIT_UNIFORM, -bound, bound};
    }
    double value = !strcmp(kind, "ones") ? 1 : 0;
    return (Init){INIT_CONSTANT,
                  strcmp(kind, "constant") ? value : tree_number(m->scope, o, "value"),
                  0};
}

static Init init_of(const Macro *m, const Type *t, const char *role, double value) {
    double in, out, fan = 0;
    bool asked = m->init && strcmp(m->init->item[0]->key, "default");
    if (!strcmp(role, "weight") || !strcmp(role, "normal") || !strcmp(role, "xavier")) {
        if (asked)
            return init_asked(m, t);
        fans(t, &in, &out);
        if (*role == 'x')
            return spread(true, 2 / (in + out));
        in = value > 0 ? value : in;
        return *role == 'n' ? (Init){INIT_NORMAL, 0, 1}
                            : (Init){INIT_UNIFORM, -1 / sqrt(in), 1 / sqrt(in)};
    }
    if (!strcmp(role, "bias")) {       /* bounded as the weight is by default */
        if (!scope_find(&m->numbers, "fan", 3, &fan))
            bug("a bias without a weight in %s", m->where);
        return (Init){INIT_UNIFORM, -1 / sqrt(fan), 1 / sqrt(fan)};
    }
    return (Init){INIT_CONSTANT, !strcmp(role, "ones") ? 1 : value, 0};
}

static bool size_fits(Macro *m, const char *key, const Type *t) {
    int64_t count;
    bool ok = true;
    for (int i = 0; i < t->rank; i++)
        ok &= t->dim[i].n > 0;
    if (!ok || !type_count(t, &count))
        return macro_fault(m, arena_printf(m->arena, "%s %s is too %s", key,
                                           type_text(m->arena, t),
                                           ok ? "large" : "small"));
    return true;
}

/* The parameter of the layer that `weights` names; {NULL} if it has none of this key. */
static Ref tied_to(Build *b, const Macro *m, const char *key) {
    const char *of = full_name(b, m->tied, key), *copy = full_name(b, m->path, key);
    int i = tensor_find(&b->m->param, of);
    for (int k = 0; i < 0 && k < b->m->ntied; k++)
        if (b->m->tied[k].name == of) {
            of = b->m->tied[k].of;
            i = tensor_find(&b->m->param, of);
        }
    if (i < 0)
        return (Ref){0};
    if (b->declare)
        PUSH(b->arena, b->m->tied, b->m->ntied) = (Tied){copy, of};
    return build_inside(b, b->out->param[i]);
}

Ref build_param(Build *b, Macro *m, const char *key, const Type *t, const char *role,
                double value) {
    bool state = !strcmp(role, "state");
    ModelTensors *list = state ? &b->m->state : &b->m->param;
    Ref **leaf = state ? &b->out->state : &b->out->param;
    int *n = state ? &b->nstate : &b->nparam;
    double in, out;
    if (!size_fits(m, key, t))
        return (Ref){0};
    fans(t, &in, &out);
    if (!strcmp(role, "weight"))
        macro_number(m, "fan", value > 0 ? value : in);
    Ref tied = m->tied && !state ? tied_to(b, m, key) : (Ref){0};
    m->shares |= tied.node != NULL;
    if (tied.node)
        return tied;
    const char *name = full_name(b, m->path, key);
    if (state && b->scan) {
        macro_fault(m, "keeps state from call to call, which a layer inside a scan cannot");
        return (Ref){0};
    }
    Ref r = graph_leaf(b->out->graph, state ? N_STATE : N_PARAM, name, t);
    if (b->declare) {
        Init init = init_of(m, t, role, value);
        PUSH(b->arena, list->item, list->n) = (ModelTensor){
            .name = name, .type = *t, .loc = m->loc, .trainable = !m->frozen && !state};
        if (state)
            PUSH(b->arena, b->state_init, b->nstate_init) = init;
        else
            PUSH(b->arena, b->init, b->ninit) = init;
    }
    PUSH(b->arena, *leaf, *n) = r;
    return build_inside(b, r);
}

void build_blank(Build *b, const Macro *m, const char *key, int64_t row) {
    int i = tensor_find(&b->m->param, full_name(b, m->path, key));
    if (b->declare && i >= 0)          /* absent: tied to another layer's */
        b->m->param.item[i].blank = row + 1;
}

static Ref rng_leaf(const Build *b, Graph *g) {
    const Type t = {.dtype = U32, .rank = 1, .dim = {{4, false}}};
    return graph_leaf(g, N_VALUE, strs_z(b->m->strs, "rng"), &t);
}

Ref build_rng(Build *b) {
    if (!b->rng.node)
        b->rng = rng_leaf(b, b->out->graph);
    return build_inside(b, b->rng);
}

void build_state(Build *b, const Macro *m, const char *key, Ref r) {
    graph_result(b->g, TO_STATE, full_name(b, m->path, key), r);
}

void build_standardize(Build *b, const Macro *m, const char *mean, const char *std,
                       int axis) {
    if (b->declare)
        PUSH(b->arena, b->m->standardize, b->m->nstandardize) =
            (Standardize){full_name(b, m->path, mean), full_name(b, m->path, std), axis};
    PUSH(b->arena, b->out->standardize, b->nstandardize) = m->in[0];
}

/* The input whose elements these are, moved about but not changed. */
static const Node *moved_from(const Build *b, Ref r) {
    const Node *n = r.node;
    for (;;) {
        Ref around = n->kind == N_INPUT ? build_outside(b, n) : (Ref){0};
        bool moves = n->kind == N_EQ && n->eq->body->kind == X_READ && n->nsrc == 1;
        if (!moves && !around.node)
            return n;
        n = moves ? n->src[0].node : around.node;
    }
}

bool build_range(Build *b, Macro *m, Ref input, int64_t lo, int64_t hi) {
    const Node *n = moved_from(b, input);
    int i = n->kind == N_INPUT ? tensor_find(&b->m->input, n->name) : -1;
    if (i < 0)
        return macro_fault(m, "numbers of rows must come straight from an input");
    ModelTensor *t = &b->m->input.item[i];
    t->lo = t->ranged && t->lo > lo ? t->lo : lo;
    t->hi = t->ranged && t->hi < hi ? t->hi : hi;
    t->ranged = true;
    return true;
}

/* --- the entry init --- */

/* Each parameter has a random key of its own: the hash of its name. */
static Ref random_fill(Graph *g, const ModelTensor *t, Ref rng, const char *op,
                       const char *a_name, double a, const char *b_name, double b) {
    int64_t shape[MAX_RANK];
    uint64_t key = hash_bytes(t->name, strlen(t->name), 0);
    for (int i = 0; i < t->type.rank; i++)
        shape[i] = t->type.dim[i].n;
    const Attr attr[] = {
        {.name = "shape", .kind = ATTR_LIST, .i = t->type.rank, .list = shape},
        {.name = a_name, .kind = ATTR_FLOAT, .f = a},
        {.name = b_name, .kind = ATTR_FLOAT, .f = b},
        {.name = "key_lo", .kind = ATTR_INT, .i = (int64_t)(key & UINT32_MAX)},
        {.name = "key_hi", .kind = ATTR_INT, .i = (int64_t)(key >> 32)},
    };
    return graph_op(g, (Loc){0}, op, 1, &rng, COUNT(attr), attr);
}

static Ref fill_all(Graph *g, const ModelTensor *t, Ref rng, const Init *init) {
    if (init->kind == INIT_UNIFORM)
        return random_fill(g, t, rng, "random_uniform", "lo", init->a, "hi", init->b);
    if (init->kind == INIT_NORMAL)
        return random_fill(g, t, rng, "random_normal", "mean", init->a, "std", init->b);
    int64_t shape[MAX_RANK];
    for (int i = 0; i < t->type.rank; i++)
        shape[i] = t->type.dim[i].n;
    const Attr attr[] = {
        {.name = "shape", .kind = ATTR_LIST, .i = t->type.rank, .list = shape},
        {.name = "value", .kind = ATTR_FLOAT, .f = init->a}};
    return graph_op(g, (Loc){0}, "full", 0, NULL, COUNT(attr), attr);
}

static Ref fill(Graph *g, const ModelTensor *t, Ref rng, const Init *init) {
    Ref all = fill_all(g, t, rng, init);
    const Attr row = {.name = "p", .kind = ATTR_INT, .i = t->blank - 1};
    return !t->blank ? all
           : graph_equation(g, (Loc){0}, "O[i,..] = when(i == p, 0, A[i,..])", 1, &all, 1, &row,
                            NDTYPE);
}

Graph *model_init(Model *m) {
    Build *b = m->build;
    Graph *g = b->g = graph_new(m->arena, m->pool, m->strs, "init", m->batch);
    g->strict = m->strict;
    Ref rng = rng_leaf(b, g);
    for (int i = 0; i < m->param.n; i++)
        graph_result(g, TO_PARAM, m->param.item[i].name,
                     fill(g, &m->param.item[i], rng, &b->init[i]));
    for (int i = 0; i < m->state.n; i++)
        graph_result(g, TO_STATE, m->state.item[i].name,
                     fill(g, &m->state.item[i], rng, &b->state_init[i]));
    return g;
}
