/* kiln check: a model's faults, or its layers, sizes and work. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tool.h"

typedef struct {
    Tool *tool;
    int64_t *macs;         /* of each layer, for one example */
    int64_t params, total; /* elements; multiply-adds of all */
    const Program *program;
} Summary;

/* --- work --- */

static void seek_read(const Expr *e, void *found) {
    *(bool *)found |= e->kind == X_READ;
}

static bool reads(const Expr *e) {
    bool found = false;
    x_visit(e, seek_read, &found);
    return found;
}

static void seek_product(const Expr *e, void *found) {
    if (e->kind == X_CALL && e->fn == FN_mul)
        *(bool *)found |= reads(e->arg[0]) && reads(e->arg[1]);
}

/* A sum of products of reads: one multiply-add for each point; the batch counts as 1. */
static int64_t node_macs(const Node *n) {
    bool product = false;
    int64_t points = 1;
    if (n->kind != N_EQ || n->eq->fold != FOLD_SUM)
        return 0;
    x_visit(n->eq->body, seek_product, &product);
    for (int i = 0; i < n->eq->nidx; i++)
        points *= n->eq->ext[i].batch ? 1 : n->eq->ext[i].n;
    return product ? points : 0;
}

/* The layer that a node comes from; -1: none. */
static int node_layer(const Model *m, const Node *n) {
    for (const Origin *o = n->origin; o; o = o->next)
        for (int i = 0; o->name && i < m->nlayer; i++)
            if (strcmp(m->layer[i].path, o->name) == 0)
                return i;
    return -1;
}

/* Of a graph that runs so many times: a scan's body runs once for each step. */
static void count_graph(Summary *s, const Graph *g, int64_t times) {
    for (int i = 0; i < g->nnode; i++) {
        const Node *n = g->node[i];
        int layer = node_layer(s->tool->model, n);
        int64_t macs = times * node_macs(n);
        if (n->kind == N_SCAN)
            count_graph(s, n->scan->body, times * n->scan->steps);
        s->total += macs;
        if (layer >= 0)
            s->macs[layer] += macs;
    }
}

static void count(Summary *s) {
    Model *m = s->tool->model;
    s->macs = NEW(s->tool->arena, m->nlayer + 1, int64_t);
    count_graph(s, model_graph(m, "forward", MODE_EVAL)->graph, 1);
    for (int i = 0; i < m->param.n; i++)
        s->params += type_bytes(&m->param.item[i].type) /
                     dtype_info[m->param.item[i].type.dtype].bytes;
}

/* --- output --- */

static int64_t layer_params(const Model *m, const LayerInfo *l) {
    int64_t sum = 0;
    for (int i = l->first_param; i < l->first_param + l->nparam; i++)
        sum += type_bytes(&m->param.item[i].type) /
               dtype_info[m->param.item[i].type.dtype].bytes;
    return sum;
}

static int64_t arena_bytes(const Summary *s) {
    int64_t threads = s->tool->args->threads > 0 ? s->tool->args->threads : 1;
    return program_planned(s->program) + threads * program_scratch(s->program);
}

static int64_t arena_bound(const Program *p) {
    int64_t most = 0;
    for (int i = 0; i < p->nentry; i++)
        if (p->entry[i].arena_bound > most)
            most = p->entry[i].arena_bound;
    return most;
}

static void widen(int *width, const char *text) {
    int n = (int)strlen(text);
    *width = n > *width ? n : *width;
}

static void layers(Text *out, const Summary *s) {
    const Model *m = s->tool->model;
    int path = (int)strlen("layer"), type = (int)strlen("type"), shape = (int)strlen("output");
    for (int i = 0; i < m->nlayer; i++) {
        widen(&path, m->layer[i].path);
        widen(&type, m->layer[i].type);
        widen(&shape, type_text(s->tool->arena, &m->layer[i].out));
    }
    text_printf(out, "%-*s  %-*s  %-*s  %12s %14s\n", path, "layer", type, "type", shape,
                "output", "parameters", "multiply-adds");
    for (int i = 0; i < m->nlayer; i++) {
        const LayerInfo *l = &m->layer[i];
        text_printf(out, "%-*s  %-*s  %-*s  %12lld %14lld\n", path, l->path, type, l->type,
                    shape, type_text(s->tool->arena, &l->out), (long long)layer_params(m, l),
                    (long long)s->macs[i]);
    }
}

static void table(Text *out, const Summary *s) {
    const Program *p = s->program;
    layers(out, s);
    text_printf(out, "\nparameters     %lld (%lld bytes)\n", (long long)s->params,
                (long long)p->param.bytes);
    text_printf(out, "multiply-adds  %lld an example\n", (long long)s->total);
    text_printf(out, "gradients      %lld bytes\nstate          %lld bytes\n",
                (long long)p->grad.bytes, (long long)p->state.bytes);
    text_printf(
        out,
        "arena          %lld bytes (planned %lld, at least %lld; %lld a thread), "
        "batch %lld\n",
        (long long)arena_bytes(s), (long long)program_planned(p),
        (long long)arena_bound(p), (long long)program_scratch(p), (long long)p->batch);
    text_printf(out, "kernels        %d\n", p->nkernel);
    for (int i = 0; i < p->nentry; i++)
        text_printf(out, "  %-8s     arena %lld, bound %lld\n", p->entry[i].name,
                    (long long)p->entry[i].arena, (long long)p->entry[i].arena_bound);
}

static json_t *type_json(const Type *t) {
    json_t *shape = json_array();
    for (int i = 0; i < t->rank; i++)
        json_array_append_new(shape, t->dim[i].batch ? json_string("n")
                                                     : json_integer(t->dim[i].n));
    return shape;
}

static json_t *tensors_json(const ModelTensors *list) {
    json_t *a = json_array();
    for (int i = 0; i < list->n; i++)
        json_array_append_new(a, json_pack("{s:s,s:s,s:o}", "name", list->item[i].name,
                                           "dtype",
                                           dtype_info[list->item[i].type.dtype].name,
                                           "shape", type_json(&list->item[i].type)));
    return a;
}

static json_t *model_json(const Model *m) {
    return json_pack("{s:s,s:I,s:o,s:o,s:o,s:o,s:o}", "name", m->set.name, "batch",
                     (json_int_t)m->batch, "inputs", tensors_json(&m->input), "outputs",
                     tensors_json(&m->output), "labels", tensors_json(&m->label),
                     "params", tensors_json(&m->param), "state",
                     tensors_json(&m->state));
}

static void add_summary(json_t *to, const Summary *s) {
    const Model *m = s->tool->model;
    json_t *layers = json_array();
    for (int i = 0; i < m->nlayer; i++)
        json_array_append_new(
            layers, json_pack("{s:s,s:s,s:o,s:I,s:I}", "name", m->layer[i].path, "type",
                              m->layer[i].type, "shape", type_json(&m->layer[i].out),
                              "parameters", (json_int_t)layer_params(m, &m->layer[i]),
                              "multiply_adds", (json_int_t)s->macs[i]));
    json_object_set_new(to, "layers", layers);
    json_object_set_new(to, "parameters", json_integer(s->params));
    json_object_set_new(to, "multiply_adds", json_integer(s->total));
    json_object_set_new(to, "params_bytes", json_integer(s->program->param.bytes));
    json_object_set_new(to, "grads_bytes", json_integer(s->program->grad.bytes));
    json_object_set_new(to, "state_bytes", json_integer(s->program->state.bytes));
    json_object_set_new(to, "arena_bytes", json_integer(arena_bytes(s)));
    json_object_set_new(to, "arena_bound", json_integer(arena_bound(s->program)));
}

static bool put(Tool *t, Summary *s) {
    Text out = {0};
    if (t->args->json) {
        json_t *j = model_json(t->model);
        if (s)
            add_summary(j, s);
        char *text = json_dumps(j, JSON_PRESERVE_ORDER);
        text_printf(&out, "%s\n", text ? text : "{}");
        free(text);
        json_decref(j);
    } else if (t->args->resolved) {
        tree_print(&out, t->model->tree);
    } else if (s) {
        table(&out, s);
    }
    bool ok = tool_print(&out);
    text_free(&out);
    return ok;
}

int command_check(const Args *args) {
    Tool *t = tool_new(args);
    ProgramOptions o = {.training = args->train};
    Summary s = {.tool = t};
    if (!tool_options(t, &o))
        return tool_usage(t);
    bool ok = tool_model(t, args->train, args->batch > 0 ? args->batch : 0);
    ok = ok && tool_streams(t);
    if (ok && (args->summary || args->dump || args->timing || args->verify)) {
        s.program = tool_program(t, &o);
        ok = s.program != NULL;
    }
    if (ok && args->summary)
        count(&s);
    ok = ok && put(t, args->summary ? &s : NULL);
    if (ok && !args->summary && !args->json && !args->resolved)
        fprintf(stderr, "%s: sound\n", t->path);
    return tool_end(t, ok);
}
