/* The entry `stream`: which inputs run with time, and the graph of their next steps. */
#include "train/stream.h"

static Loc place(const Model *m) {
    const Tree *t = tree_find(tree_find(m->tree, "deploy"), "stream");
    return t ? t->loc : diag_nowhere(m->diag);
}

static bool settle(Model *m, Stream *s) {
    const ModelTensor *first = &m->input.item[0];
    int dim = model_time(m, &first->type);
    *s = (Stream){.loc = place(m), .steps = m->set.deploy.chunk};
    if (dim < 0)
        return diag_error(s->loc, "deploy.stream: input '%s' has no dim %lld to be time",
                          first->name, (long long)m->set.deploy.axis);
    s->time = m->set.deploy.max ? m->set.deploy.max : first->type.dim[dim].n;
    if (s->steps > s->time)
        return diag_error(s->loc, "deploy.stream: a chunk of %lld steps is longer than the "
                          "sequence of %lld", (long long)s->steps, (long long)s->time);
    const char **name = NEW(m->arena, m->input.n, const char *);
    int *dims = NEW(m->arena, m->input.n, int);
    for (int i = 0; i < m->input.n; i++) {
        dim = model_time(m, &m->input.item[i].type);
        if (dim < 0)
            continue;
        name[s->ninput] = m->input.item[i].name;
        dims[s->ninput++] = dim;
    }
    s->input = name;
    s->dim = dims;
    return true;
}

Graph *stream_graph(Model *m, bool raw, Stream *s) {
    if (!settle(m, s))
        return NULL;
    ModelGraph *g = model_stretched(m, "forward", s->time);
    if (!g) {
        diag_note(s->loc, "deploy.stream makes it %lld steps", (long long)s->time);
        return NULL;
    }
    for (int i = 0; i < m->output.n; i++)
        graph_result(g->graph, TO_OUTPUT, m->output.item[i].name,
                     raw ? g->raw[i] : g->output[i]);
    g->graph->strict = m->strict;
    return graph_stream(g->graph, s);
}
