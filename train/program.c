/* From a model to a program: entries, gradient and optimizer as graphs, then the passes. */
#include "train/program.h"

#include <string.h>

#include "train/optimizer.h"
#include "train/stream.h"

typedef struct {
    Model *m;
    const ProgramOptions *o;
    Module mod;
    int *in;                           /* all inputs, then labels: numbers in mod.input */
    int ninput, nlabel;
    bool failed;
} Build;

static void slot_add(Arena *a, Block *b, const char *name, const Type *t, double init,
                     int64_t align) {
    Slot s = {.name = name, .type = *t, .offset = size_align(b->bytes, align), .init = init};
    b->bytes = s.offset + type_bytes(t);
    PUSH(a, b->slot, b->n) = s;
}

static void block_add(Arena *a, Block *b, const char *name, const Type *t, double init) {
    slot_add(a, b, name, t, init, 64);
}

const Slot *block_find(const Block *b, const char *name) {
    for (int i = 0; i < b->n; i++)
        if (strcmp(b->slot[i].name, name) == 0)
            return &b->slot[i];
    return NULL;
}

int program_entry(const Program *p, const char *name) {
    for (int i = 0; i < p->nentry; i++)
        if (strcmp(p->entry[i].name, name) == 0)
            return i;
    return -1;
}

/* --- declarations --- */

static void add_inputs(Build *b, const ModelTensors *list) {
    for (int i = 0; i < list->n; i++) {
        const ModelTensor *t = &list->item[i];
        block_add(b->mod.arena, &b->mod.input, t->name, &t->type, 0);
        if (t->ranged) {
            b->mod.input.slot[b->mod.input.n - 1].lo = t->lo;
            b->mod.input.slot[b->mod.input.n - 1].hi = t->hi;
        }
    }
}

static const char *upstream_name(Build *b, int output) {
    return strs_z(b->m->strs, arena_printf(b->mod.arena, "upstream.%s",
                                           b->m->output.item[output].name));
}

/* Whether the program has states that are carried from batch to batch. */
static bool carries(const Build *b) {
    return b->m->carry.n && (b->o->training || b->o->train_forward);
}

static void declare(Build *b) {
    Model *m = b->m;
    Module *mod = &b->mod;
    Type rng = {.dtype = U32, .rank = 1, .dim = {{4, false}}}, lr = {.dtype = F32};
    add_inputs(b, &m->input);
    b->ninput = mod->input.n;
    add_inputs(b, &m->label);
    b->nlabel = mod->input.n - b->ninput;
    b->in = NEW(mod->arena, mod->input.n + m->output.n, int);
    for (int i = 0; i < mod->input.n + m->output.n; i++)
        b->in[i] = i;
    for (int i = 0; i < m->param.n; i++)
        block_add(mod->arena, &mod->param, m->param.item[i].name, &m->param.item[i].type, 0);
    for (int i = 0; i < m->state.n; i++)
        block_add(mod->arena, &mod->state, m->state.item[i].name, &m->state.item[i].type, 0);
    for (int i = 0; carries(b) && i < m->carry.n; i++)
        block_add(mod->arena, &mod->state, m->carry.item[i].name, &m->carry.item[i].type, 0);
    slot_add(mod->arena, &mod->value, strs_z(m->strs, "rng"), &rng, 0, 8);
    slot_add(mod->arena, &mod->value, strs_z(m->strs, "lr"), &lr, m->set.train.lr, 8);
}

/* --- entries --- */

/* judged: the output, from 1, that has to be finite; 0: none. */
static void add_entry(Build *b, Graph *g, bool training, int nin, int judged) {
    Module *mod = &b->mod;
    g->strict = b->m->strict;
    int n = mod->ngraph;
    PUSH(mod->arena, mod->graph, mod->ngraph) = g;
    PUSH(mod->arena, mod->info, n) =
        (EntryInfo){.training = training, .judged = judged, .nin = nin, .in = b->in};
}

static bool wanted(const Build *b, const char *name) {
    size_t n = strlen(name);
    if (!b->o->only)
        return true;
    for (const char *at = b->o->only; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == 0))
            return true;
    return false;
}

static void outputs(Build *b, Graph *g, const Ref *ref) {
    for (int i = 0; i < b->m->output.n; i++)
        graph_result(g, TO_OUTPUT, b->m->output.item[i].name, ref[i]);
}

static void build_init(Build *b) {
    Graph *g = model_init(b->m);
    int n = 0;
    OptState *s = b->o->training ? optimizer_state(b->m, &n) : NULL;
    for (int i = 0; i < n; i++) {
        Ref v = graph_number(g, s[i].type.dtype, s[i].init);
        int64_t shape[MAX_RANK];
        for (int d = 0; d < s[i].type.rank; d++)
            shape[d] = s[i].type.dim[d].n;
        Attr a = {.name = "shape", .kind = ATTR_LIST, .i = s[i].type.rank, .list = shape};
        if (s[i].type.rank)
            v = graph_op(g, (Loc){0}, "broadcast_to", 1, &v, 1, &a);
        graph_result(g, TO_STATE, s[i].name, v);
        block_add(b->mod.arena, &b->mod.state, s[i].name, &s[i].type, s[i].init);
    }
    for (int judged = 0; carries(b) && judged < 2; judged++)
        model_reset(b->m, g, judged);
    if (wanted(b, "init"))
        add_entry(b, g, false, 0, 0);
}

/* What the entries that carry states begin again with. */
static void build_reset(Build *b, const char *name, bool judged) {
    Model *m = b->m;
    Graph *g = graph_new(m->arena, m->pool, m->strs, name, m->batch);
    model_reset(m, g, judged);
    add_entry(b, g, true, 0, 0);
}

static void build_forward(Build *b, const char *name, Mode mode) {
    ModelGraph g = *model_graph(b->m, name, mode);
    outputs(b, g.graph, b->o->raw ? g.raw : g.output);
    add_entry(b, g.graph, false, b->ninput, 0);
}

/* The inputs again, as a call of `stream` takes them. */
static const int *step_inputs(Build *b, const Stream *s) {
    int *in = NEW(b->mod.arena, b->ninput + 1, int);
    for (int i = 0; i < b->ninput; i++) {
        Slot from = b->mod.input.slot[i];
        in[i] = i;
        for (int k = 0; k < s->ninput; k++) {
            if (strcmp(s->input[k], from.name))
                continue;
            in[i] = b->mod.input.n;
            from.type.dim[s->dim[k]].n = s->steps;
            block_add(b->mod.arena, &b->mod.input, from.name, &from.type, 0);
            b->mod.input.slot[in[i]].lo = from.lo;
            b->mod.input.slot[in[i]].hi = from.hi;
        }
    }
    return in;
}

static void build_stream(Build *b) {
    Stream s;
    Graph *g = stream_graph(b->m, b->o->raw, &s);
    if (!g) {
        b->failed = true;
        return;
    }
    for (int i = 0; i < s.nslot; i++) {
        block_add(b->mod.arena, &b->mod.stream, s.slot[i].name, &s.slot[i].type, 0);
        b->mod.stream.slot[i].hi = s.slot[i].hi;
    }
    add_entry(b, g, false, b->ninput, 0);
    EntryInfo *info = &b->mod.info[b->mod.ngraph - 1];
    info->stream = true;
    info->in = step_inputs(b, &s);
}

static void judgements(Build *b, const ModelGraph *g) {
    const Words *metrics = &b->m->set.train.metrics;
    graph_result(g->graph, TO_OUTPUT, strs_z(b->m->strs, "loss"), g->loss);
    for (int i = 0; i < metrics->n; i++)
        graph_result(g->graph, TO_OUTPUT, strs_z(b->m->strs, metrics->item[i]), g->metric[i]);
}

static void build_loss(Build *b) {
    ModelGraph g = *model_graph(b->m, "loss", MODE_JUDGE);
    judgements(b, &g);
    add_entry(b, g.graph, carries(b), b->ninput + b->nlabel, 1);
}

/* Gradients of the trainable parameters; {NULL} for the others. */
static Ref *gradients(Build *b, ModelGraph *g) {
    int n = b->m->param.n, nwrt = 0;
    Ref *grad = NEW(b->mod.arena, n + 1, Ref), *wrt = NEW(b->mod.arena, n + 1, Ref);
    Ref *found = NEW(b->mod.arena, n + 1, Ref);
    for (int i = 0; i < n; i++)
        if (b->m->param.item[i].trainable && g->param[i].node)
            wrt[nwrt++] = g->param[i];
    graph_gradient(g->graph, 1, &g->loss, NULL, nwrt, wrt, found);
    for (int i = 0, k = 0; i < n; i++)
        if (b->m->param.item[i].trainable && g->param[i].node)
            grad[i] = found[k++];
    return grad;
}

static Ref zeros(Graph *g, const Type *t) {
    Ref v = graph_number(g, t->dtype, 0);
    int64_t shape[MAX_RANK];
    for (int d = 0; d < t->rank; d++)
        shape[d] = t->dim[d].n;
    Attr a = {.name = "shape", .kind = ATTR_LIST, .i = t->rank, .list = shape};
    return t->rank ? graph_op(g, (Loc){0}, "broadcast_to", 1, &v, 1, &a) : v;
}

static void build_grad(Build *b) {
    ModelGraph g = *model_graph(b->m, "grad", b->o->eval ? MODE_EVAL : MODE_TRAIN);
    Ref *grad = gradients(b, &g);
    graph_result(g.graph, TO_OUTPUT, strs_z(b->m->strs, "loss"), g.loss);
    for (int i = 0; i < b->m->param.n; i++)
        if (b->m->param.item[i].trainable)
            graph_result(g.graph, TO_GRAD, b->m->param.item[i].name,
                         grad[i].node ? grad[i] : zeros(g.graph, &b->m->param.item[i].type));
    add_entry(b, g.graph, true, b->ninput + b->nlabel, 1);
}

static void build_step(Build *b) {
    ModelGraph g = *model_graph(b->m, "step", MODE_TRAIN);
    Ref *grad = gradients(b, &g);
    judgements(b, &g);
    optimizer_step(b->m, g.graph, g.param, grad);
    add_entry(b, g.graph, true, b->ninput + b->nlabel, 1);
}

/* Seeds for the gradient of sum(output * upstream): inputs of the entry. */
static Ref *upstreams(Build *b, ModelGraph *g, const Ref *y) {
    const ModelTensors *out = &b->m->output;
    Ref *seed = NEW(b->mod.arena, out->n + 1, Ref);
    for (int i = 0; i < out->n; i++) {
        const char *name = upstream_name(b, i);
        seed[i] = graph_leaf(g->graph, N_INPUT, name, ref_type(y[i]));
        block_add(b->mod.arena, &b->mod.input, name, ref_type(y[i]), 0);
    }
    return seed;
}

/* What all parameters, then all inputs are in g. */
static Ref *all_leaves(Build *b, ModelGraph *g) {
    Model *m = b->m;
    int n = 0;
    Ref *wrt = NEW(b->mod.arena, m->param.n + m->input.n + 1, Ref);
    for (int i = 0; i < m->param.n; i++)
        wrt[n++] = g->param[i].node ? g->param[i]
                 : graph_leaf(g->graph, N_PARAM, m->param.item[i].name, &m->param.item[i].type);
    for (int i = 0; i < m->input.n; i++)
        wrt[n++] = g->input[i].node ? g->input[i]
                 : graph_leaf(g->graph, N_INPUT, m->input.item[i].name, &m->input.item[i].type);
    return wrt;
}

static void input_gradients(Build *b, Graph *g, const Ref *grad) {
    for (int i = 0; i < b->m->input.n; i++) {
        const char *name = b->m->input.item[i].name;
        const Type *t = &b->m->input.item[i].type;
        if (dtype_info[t->dtype].is_float)
            graph_result(g, TO_OUTPUT,
                         strs_z(b->m->strs, arena_printf(b->m->arena, "grad.%s", name)),
                         grad[i].node ? grad[i] : zeros(g, t));
    }
}

/* Gradients of the loss, or of sum(output * upstream), for all parameters and floating
 * inputs. */
static void build_whole(Build *b) {
    Model *m = b->m;
    ModelGraph g = *model_graph(m, "grad", b->o->eval ? MODE_EVAL : MODE_TRAIN);
    bool upstream = b->o->upstream;
    int first = b->mod.input.n;        /* of the upstreams */
    const Ref *y = b->o->raw ? g.raw : g.output;
    Ref *seed = upstream ? upstreams(b, &g, y) : NULL, *wrt = all_leaves(b, &g);
    Ref *grad = NEW(b->mod.arena, m->param.n + m->input.n + 1, Ref);
    graph_gradient(g.graph, upstream ? m->output.n : 1, upstream ? y : &g.loss, seed,
                   m->param.n + m->input.n, wrt, grad);
    outputs(b, g.graph, y);
    if (!upstream)
        graph_result(g.graph, TO_OUTPUT, strs_z(m->strs, "loss"), g.loss);
    for (int i = 0; i < m->param.n; i++)
        graph_result(g.graph, TO_GRAD, m->param.item[i].name,
                     grad[i].node ? grad[i] : zeros(g.graph, &m->param.item[i].type));
    input_gradients(b, g.graph, grad + m->param.n);
    int nextra = upstream ? m->output.n : b->nlabel;
    int *in = NEW(b->mod.arena, b->ninput + nextra + 1, int);
    for (int i = 0; i < b->ninput + nextra; i++)
        in[i] = i < b->ninput || !upstream ? i : first + i - b->ninput;
    add_entry(b, g.graph, true, b->ninput + nextra, upstream ? 0 : m->output.n + 1);
    b->mod.info[b->mod.ngraph - 1].in = in;
}

/* What a standardize layer is given. */
static void build_standardized(Build *b, int i) {
    ModelGraph g = *model_graph(b->m, "forward", MODE_EVAL);
    graph_result(g.graph, TO_OUTPUT, strs_z(b->m->strs, "x"), g.standardize[i]);
    add_entry(b, g.graph, false, b->ninput, 0);
}

static void build_entries(Build *b) {
    const ProgramOptions *o = b->o;
    build_init(b);
    if (o->standardize) {
        build_standardized(b, o->standardize - 1);
        return;
    }
    if (wanted(b, "forward"))
        build_forward(b, "forward", o->train_forward ? MODE_TRAIN : MODE_EVAL);
    if (b->m->random && wanted(b, "sample"))
        build_forward(b, "sample", MODE_SAMPLE);
    if (b->m->set.deploy.stream && wanted(b, "stream"))
        build_stream(b);
    if (o->upstream || (o->whole && o->training)) {
        if (wanted(b, "grad"))
            build_whole(b);
        return;
    }
    if (!o->training)
        return;
    if (wanted(b, "loss"))
        build_loss(b);
    if (wanted(b, "grad"))
        build_grad(b);
    if (wanted(b, "step"))
        build_step(b);
    if (carries(b) && wanted(b, "loss"))
        build_reset(b, "loss_reset", true);
    if (carries(b) && (wanted(b, "step") || wanted(b, "grad")))
        build_reset(b, "step_reset", false);
}

static Build *build_new(Arena *a, Model *m, const ProgramOptions *o) {
    Build *b = NEW(a, 1, Build);
    *b = (Build){.m = m, .o = o};
    b->mod = (Module){.arena = a, .pool = m->pool, .strs = m->strs, .diag = m->diag,
                      .name = m->set.name, .strict = m->strict, .batch = m->batch,
                      .target = o->target ? o->target : target_find("native"),
                      .threads = o->threads > 0 ? o->threads : 1};
    declare(b);
    build_entries(b);
    return b;
}

Program *program_build(Arena *a, Model *m, const ProgramOptions *o) {
    Build *b = build_new(a, m, o);
    if (b->failed)
        return NULL;
    if (o->running)
        *o->running = &b->mod;
    bool ok = passes_run(&b->mod, &o->pass);
    if (o->running)
        *o->running = NULL;
    return ok ? b->mod.program : NULL;
}

Graph **program_graphs(Arena *a, Model *m, const ProgramOptions *o, int *n) {
    const Build *b = build_new(a, m, o);
    *n = b->mod.ngraph;
    return b->failed ? NULL : b->mod.graph;
}
