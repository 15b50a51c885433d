/* kiln run: outputs, and gradients, of tensors in files. */
#include <string.h>

#include "frontend/npy.h"
#include "ir/oracle.h"
#include "tools/tool.h"
#include "train/cast.h"

typedef struct {
    Tool *tool;
    bool grad, train, wide, upstream;
    uint64_t seed;
    uint32_t step;
    int64_t n;     /* the batch */
    Tensors given; /* by -i and --upstream ("upstream.<output>") */
    ProgramOptions options;
    Tensors result; /* to be written, by file name without .npy */
} Run;

static Loc nowhere(const Run *r) {
    return diag_nowhere(r->tool->diag);
}

/* --- what was given --- */

static bool read_inputs(Run *r, const Words *list, const char *prefix) {
    for (int i = 0; i < list->n; i++) {
        const char *name, *path;
        Tensor t;
        tool_pair(r->tool->arena, list->item[i], &name, &path);
        if (!npy_read(r->tool->arena, nowhere(r), path, &t))
            return false;
        t.name = arena_printf(r->tool->arena, "%s%s", prefix, name);
        if (tensors_find(&r->given, t.name))
            return diag_error(nowhere(r), "'%s' is given twice", t.name);
        tensors_add(r->tool->arena, &r->given, t);
    }
    return true;
}

static const ModelTensor *find(const ModelTensors *list, const char *name) {
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->item[i].name, name) == 0)
            return &list->item[i];
    return NULL;
}

/* Every name given must be one of the model's. */
static bool names_known(Run *r) {
    const Model *m = r->tool->model;
    const char *known[64];
    int n = 0;
    for (int i = 0; i < m->input.n && n < 64; i++)
        known[n++] = m->input.item[i].name;
    for (int i = 0; i < m->label.n && n < 64; i++)
        known[n++] = m->label.item[i].name;
    for (int i = 0; i < r->given.n; i++) {
        const char *name = r->given.item[i].name;
        bool up = strncmp(name, "upstream.", 9) == 0;
        if (up ? find(&m->output, name + 9) != NULL
               : find(&m->input, name) || find(&m->label, name))
            continue;
        const char *near = diag_nearest(name, known, (size_t)n);
        return diag_error((Loc){m->source, 0, 0}, "the model has no %s '%s'%s%s%s",
                          up ? "output" : "input", up ? name + 9 : name,
                          near ? "; did you mean '" : "", near ? near : "",
                          near ? "'?" : "");
    }
    return true;
}

/* The batch that the first input with one has. */
static int64_t find_batch(const Run *r) {
    const Model *m = r->tool->model;
    for (int i = 0; i < m->input.n; i++) {
        const Tensor *t = tensors_find(&r->given, m->input.item[i].name);
        if (t && t->type.rank && m->input.item[i].type.rank &&
            m->input.item[i].type.dim[0].batch)
            return t->type.dim[0].n;
    }
    return 1;
}

/* --- arguments of the entry --- */

static Type at_batch(const Type *t, int64_t n) {
    Type r = *t;
    for (int i = 0; i < r.rank; i++)
        if (r.dim[i].batch)
            r.dim[i] = (Dim){n, false};
    return r;
}

static bool is_upstream(const char *name) {
    return strncmp(name, "upstream.", 9) == 0;
}

/* Upstream gradients that are not given: ones if none is, else zeros. */
static void *default_upstream(Run *r, const Type *t) {
    int64_t n = type_bytes(t) / dtype_info[t->dtype].bytes;
    float one = r->tool->args->upstream.n ? 0 : 1;
    unsigned char *data = arena_alloc(r->tool->arena, (size_t)type_bytes(t) + 1);
    for (int64_t i = 0; i < n; i++)
        cast_array(F32, &one, 1, t->dtype, data + i * dtype_info[t->dtype].bytes);
    return data;
}

static void *argument(Run *r, const Slot *s) {
    const Model *m = r->tool->model;
    Arena *a = r->tool->arena;
    Type want = at_batch(&s->type, r->n);
    const Tensor *t = tensors_find(&r->given, s->name);
    if (!t && is_upstream(s->name))
        return default_upstream(r, &want);
    if (!t) {
        diag_error((Loc){m->source, 0, 0}, "input '%s' is missing: -i %s=FILE.npy",
                   s->name, s->name);
        return NULL;
    }
    bool fits = t->type.rank == want.rank;
    for (int i = 0; fits && i < want.rank; i++)
        fits = t->type.dim[i].n == want.dim[i].n;
    if (!fits) {
        diag_error((Loc){m->source, 0, 0}, "input '%s': got %s, expected %s", s->name,
                   type_text(a, &t->type), type_text(a, &want));
        return NULL;
    }
    unsigned char *data = arena_alloc(a, (size_t)type_bytes(&want) + 1);
    int64_t count = type_bytes(&want) / dtype_info[want.dtype].bytes;
    int64_t bad = cast_array(t->type.dtype, t->data, count, want.dtype, data);
    if (bad < 0)
        return data;
    diag_error((Loc){m->source, 0, 0}, "input '%s': element %lld does not fit %s",
               s->name, (long long)bad, dtype_info[want.dtype].name);
    return NULL;
}

/* --- results --- */

static bool keep(Run *r, const char *prefix, const char *name, const Type *type,
                 const void *data) {
    Arena *a = r->tool->arena;
    char *file = tool_file_name(a, arena_printf(a, "%s%s", prefix, name));
    if (tensors_find(&r->result, file))
        return diag_error(nowhere(r), "two results would be written to '%s.npy'", file);
    Tensor t = {.name = file,
                .type = *type,
                .data = arena_alloc(a, (size_t)type_bytes(type) + 1)};
    memcpy(t.data, data, (size_t)type_bytes(type));
    tensors_add(a, &r->result, t);
    return true;
}

static bool write_results(Run *r) {
    const char *folder = r->tool->args->out;
    if (!tool_folder(r->tool, folder))
        return false;
    for (int i = 0; i < r->result.n; i++) {
        const Tensor *t = &r->result.item[i];
        const char *path = arena_printf(r->tool->arena, "%s/%s.npy", folder, t->name);
        if (!npy_write(nowhere(r), path, t))
            return false;
        printf("%s %s\n", path, type_text(r->tool->arena, &t->type));
    }
    return true;
}

static const char *prefix_of(int to) {
    return to == TO_GRAD ? "grad." : to == TO_STATE ? "state." : "";
}

/* --- by program --- */

static bool keep_outputs(Run *r, const Session *s, int entry, void **out) {
    const Entry *e = &s->program->entry[entry];
    bool ok = true;
    for (int i = 0; ok && i < e->nout; i++) {
        Type t = at_batch(&e->out[i].type, r->n);
        ok = keep(r, "", e->out[i].name, &t, out[i]);
    }
    return ok;
}

/* Gradients and changed state lie in blocks. */
static bool keep_blocks(Run *r, const Session *s, const Graph *g) {
    bool ok = true;
    for (int i = 0; ok && i < g->nresult; i++) {
        const Result *x = &g->result[i];
        if (x->to != TO_GRAD && x->to != TO_STATE)
            continue;
        bool grad = x->to == TO_GRAD;
        const Slot *slot =
            block_find(grad ? &s->program->grad : &s->program->state, x->name);
        const unsigned char *block = grad ? s->ctx->grads : s->ctx->state;
        ok = keep(r, prefix_of(x->to), x->name, &slot->type, block + slot->offset);
    }
    return ok;
}

static const Graph *entry_graph(Run *r, const char *name) {
    int n = 0;
    Graph **g = program_graphs(r->tool->arena, r->tool->model, &r->options, &n);
    for (int i = 0; i < n; i++)
        if (strcmp(g[i]->name, name) == 0)
            return g[i];
    bug("no graph of the entry %s", name);
}

static bool prepare(Run *r, Session *s) {
    if (!s || !session_init(s, r->seed) ||
        (tool_weights(r->tool) && !tool_read_weights(r->tool, s)))
        return false;
    session_random(s, r->seed, r->step);
    return true;
}

static bool by_program(Run *r, const char *name) {
    SessionOptions o = {.program = r->options,
                        .exec = {.backend = tool_backend(r->tool), .opt = 2}};
    Session *s = session_open(r->tool->model, &o);
    bool ok = prepare(r, s);
    int entry = ok ? session_entry(s, name) : -1;
    const Entry *e = ok ? &s->program->entry[entry] : NULL;
    const void **in = NEW(r->tool->arena, ok ? e->nin + 1 : 1, const void *);
    for (int i = 0; ok && i < e->nin; i++) {
        in[i] = argument(r, &s->program->input.slot[e->in[i]]);
        ok = in[i] != NULL;
    }
    void **out = ok ? session_outputs(r->tool->arena, s, entry) : NULL;
    ok = ok && session_run(s, entry, r->n, in, out) && keep_outputs(r, s, entry, out) &&
         keep_blocks(r, s, entry_graph(r, name));
    session_close(s);
    return ok;
}

/* --- step by step --- */

typedef struct {                       /* a tensor of the whole sequence, and of one call */
    Type whole, part;
    int time;                          /* the dim of time, -1: it has none */
    unsigned char *data, *at;
} Series;

/* Copies the part of call k out of the whole, or into it. */
static void move_part(const Series *s, int64_t k, bool into) {
    int64_t outer = 1, run = dtype_info[s->whole.dtype].bytes;
    for (int d = 0; d < s->time; d++)
        outer *= s->whole.dim[d].n;
    for (int d = s->time + 1; d < s->whole.rank; d++)
        run *= s->whole.dim[d].n;
    int64_t length = s->part.dim[s->time].n * run, stride = s->whole.dim[s->time].n * run;
    for (int64_t i = 0; i < outer; i++) {
        unsigned char *whole = s->data + i * stride + k * length, *part = s->at + i * length;
        memcpy(into ? whole : part, into ? part : whole, (size_t)length);
    }
}

static Series series_new(Run *r, const Type *part, int time, int64_t steps) {
    Series s = {.whole = at_batch(part, r->n), .part = at_batch(part, r->n), .time = time};
    if (time >= 0)
        s.whole.dim[time].n = steps;
    s.at = arena_alloc(r->tool->arena, (size_t)type_bytes(&s.part) + 1);
    s.data = time < 0 ? s.at : arena_alloc(r->tool->arena, (size_t)type_bytes(&s.whole) + 1);
    return s;
}

/* How many steps the first input has that runs with time; 0: reported. */
static int64_t count_steps(Run *r) {
    const Model *m = r->tool->model;
    int64_t chunk = m->set.deploy.chunk;
    for (int i = 0; i < m->input.n; i++) {
        const Tensor *t = tensors_find(&r->given, m->input.item[i].name);
        int time = model_time(m, &m->input.item[i].type);
        if (!t || time < 0 || time >= t->type.rank)
            continue;
        int64_t n = t->type.dim[time].n;
        if (n >= chunk && n % chunk == 0)
            return n;
        diag_error((Loc){m->source, 0, 0}, "input '%s': %lld steps are not calls of %lld each",
                   t->name, (long long)n, (long long)chunk);
        return 0;
    }
    diag_error((Loc){m->source, 0, 0}, "no input that runs with time is given");
    return 0;
}

static bool stream_inputs(Run *r, const Session *s, const Entry *e, int64_t steps, Series *in) {
    const Model *m = r->tool->model;
    bool ok = true;
    for (int i = 0; i < e->nin; i++) {
        Slot slot = s->program->input.slot[e->in[i]];
        in[i] = series_new(r, &slot.type, model_time(m, &m->input.item[i].type), steps);
        slot.type = in[i].whole;
        unsigned char *data = argument(r, &slot);
        ok &= data != NULL;
        in[i].data = data;
        in[i].at = in[i].time < 0 ? data : in[i].at;
    }
    return ok;
}

/* The dim of an output that is time: where that of a call differs from the sequence's. */
static int output_time(const Model *m, const Type *whole, const Type *part) {
    for (int d = 0; d < whole->rank; d++)
        if (whole->dim[d].n != part->dim[d].n)
            return d;
    const Type *first = &m->input.item[0].type;
    bool one_call = first->dim[model_time(m, first)].n == m->set.deploy.chunk;
    return one_call ? model_time(m, whole) : -1;
}

/* Outputs of all steps one behind the other; those without time as the last call left them. */
static bool run_stream(Run *r, Session *s, int64_t steps) {
    Arena *a = r->tool->arena;
    const Model *m = r->tool->model;
    int entry = session_entry(s, "stream");
    const Entry *e = &s->program->entry[entry];
    Series *in = NEW(a, e->nin + 1, Series), *out = NEW(a, e->nout + 1, Series);
    const void **from = NEW(a, e->nin + 1, const void *);
    void **to = NEW(a, e->nout + 1, void *);
    bool ok = stream_inputs(r, s, e, steps, in);
    for (int i = 0; ok && i < e->nout; i++)
        out[i] = series_new(r, &e->out[i].type,
                            output_time(m, &m->output.item[i].type, &e->out[i].type), steps);
    for (int64_t k = 0; ok && k < steps / m->set.deploy.chunk; k++) {
        for (int i = 0; i < e->nin; i++) {
            if (in[i].time >= 0)
                move_part(&in[i], k, false);
            from[i] = in[i].at;
        }
        for (int i = 0; i < e->nout; i++)
            to[i] = out[i].at;
        ok = session_run(s, entry, r->n, from, to);
        for (int i = 0; ok && i < e->nout; i++)
            if (out[i].time >= 0)
                move_part(&out[i], k, true);
    }
    for (int i = 0; ok && i < e->nout; i++)
        ok = keep(r, "", e->out[i].name, &out[i].whole, out[i].data);
    return ok;
}

static bool by_stream(Run *r) {
    const Model *m = r->tool->model;
    SessionOptions o = {.program = r->options,
                        .exec = {.backend = tool_backend(r->tool), .opt = 2}};
    if (!m->set.deploy.stream)
        return diag_error((Loc){m->source, 0, 0}, "the model has no stream: deploy: {stream: true}");
    int64_t steps = count_steps(r);
    Session *s = steps ? session_open(r->tool->model, &o) : NULL;
    bool ok = steps && prepare(r, s) && run_stream(r, s, steps);
    session_close(s);
    return ok;
}

/* --- by oracle --- */

typedef struct {
    int n;
    OracleTensor *item;
} Leaves;

static void leaf(Run *r, Leaves *l, NodeKind kind, const Slot *s, void *data) {
    OracleTensor t = {kind, s->name, at_batch(&s->type, r->n), data};
    PUSH(r->tool->arena, l->item, l->n) = t;
}

static void block_leaves(Run *r, Leaves *l, NodeKind kind, const Block *b,
                         void *block) {
    for (int i = 0; i < b->n; i++)
        leaf(r, l, kind, &b->slot[i], (unsigned char *)block + b->slot[i].offset);
}

/* Of the inputs, those that the graph reads. */
static bool input_leaves(Run *r, Leaves *l, const Graph *g) {
    for (int i = 0; i < g->nnode; i++) {
        const Node *n = g->node[i];
        Slot s = {.name = n->name, .type = n->type[0]};
        void *data = n->kind == N_INPUT ? argument(r, &s) : NULL;
        if (n->kind == N_INPUT && !data)
            return false;
        if (n->kind == N_INPUT)
            leaf(r, l, N_INPUT, &s, data);
    }
    return true;
}

/* Parameters and state as any program starts, then the equations in doubles. */
static bool by_oracle(Run *r, const char *name) {
    SessionOptions o = {.program = r->options, .exec = {.backend = EXEC_INTERP}};
    const Graph *g = graph_live(entry_graph(r, name));
    o.program.only = "init";
    Session *s = session_open(r->tool->model, &o);
    OracleTensor *out = NEW(r->tool->arena, g->nresult + 1, OracleTensor);
    Leaves l = {0};
    bool ok = prepare(r, s) && input_leaves(r, &l, g);
    if (ok) {
        block_leaves(r, &l, N_PARAM, &s->program->param, s->ctx->params);
        block_leaves(r, &l, N_STATE, &s->program->state, s->ctx->state);
        block_leaves(r, &l, N_VALUE, &s->program->value, s->ctx + 1);
        ok = oracle_run(g, &(OracleOptions){r->tool->arena, true, nowhere(r)}, r->n,
                        l.n, l.item, out);
    }
    for (int i = 0; ok && i < g->nresult; i++)
        ok = keep(r, prefix_of(g->result[i].to), g->result[i].name, &out[i].type,
                  out[i].data);
    session_close(s);
    return ok;
}

/* --- the command --- */

static bool load(Run *r) {
    Tool *t = r->tool;
    if (!read_inputs(r, &t->args->input, "") ||
        !read_inputs(r, &t->args->upstream, "upstream.") || !tool_model(t, false, 1) ||
        !names_known(r))
        return false;
    r->n = find_batch(r);
    if (r->n < 1)
        return diag_error(nowhere(r), "the inputs hold no example");
    t->quiet = true; /* warnings have been seen */
    return (r->n == 1 || tool_model(t, false, r->n)) && tool_seed(t, &r->seed);
}

static bool compute(Run *r) {
    const Args *a = r->tool->args;
    const Model *m = r->tool->model;
    const char *name = r->grad ? "grad" : a->stream ? "stream" : "forward";
    r->upstream = r->grad && (a->upstream.n || !m->set.train.given);
    r->options.upstream = r->upstream;
    r->options.training = r->grad && !r->upstream;
    r->options.whole = r->grad;
    r->options.raw = a->raw;
    r->options.eval = !r->train;
    r->options.train_forward = r->train;
    r->options.only = arena_printf(r->tool->arena, "init,%s", name);
    bool ok = a->stream ? by_stream(r) : r->wide ? by_oracle(r, name) : by_program(r, name);
    return ok && write_results(r);
}

int command_run(const Args *given) {
    Args own = *given;
    const Args *args = &own;
    own.backend = given->oracle;
    Tool *t = tool_new(args);
    Run r = {.tool = t,
             .grad = args->grad || args->upstream.n,
             .step = args->step > 0 ? (uint32_t)args->step : 0,
             .wide = args->backend && strcmp(args->backend, "interp64") == 0};
    r.train = args->mode ? strcmp(args->mode, "train") == 0 : r.grad;
    if (!args->out) {
        usage_error("run: -o FOLDER is missing");
        return tool_usage(t);
    }
    if (args->stream && (r.grad || r.train || r.wide)) {
        usage_error("run: --stream goes with none of --grad, --upstream, --mode train and interp64");
        return tool_usage(t);
    }
    if (!tool_options(t, &r.options) || !tool_seed(t, &r.seed))
        return tool_usage(t);
    bool ok = load(&r) && compute(&r);
    return tool_end(t, ok);
}
