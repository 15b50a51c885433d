/* kiln graph: the network as a drawing, or as text. */
#define _POSIX_C_SOURCE 200809L
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/tool.h"

extern char **environ;

static void quoted(Text *out, const char *s) {
    for (; *s; s++)
        text_printf(out, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
}

static const char *kind_name(const Node *n) {
    switch (n->kind) {
    case N_INPUT: return "input";
    case N_PARAM: return "param";
    case N_STATE: return "state";
    case N_VALUE: return "value";
    case N_CONST: return "const";
    case N_EQ: return "equation";
    case N_SCAN: return "scan";
    case N_ARGSORT: return "argsort";
    }
    bug("node of kind %d", (int)n->kind);
}

static void put_node(Text *out, const Node *n) {
    const Origin *o = n->origin;
    bool leaf = n->kind != N_EQ && n->kind != N_SCAN && n->kind != N_ARGSORT;
    text_printf(out, "  n%u [label=\"", n->id);
    quoted(out, leaf && n->name ? n->name : o && o->what ? o->what : kind_name(n));
    if (!leaf && o && o->name && (!o->what || strcmp(o->name, o->what) != 0)) {
        text_printf(out, " ");
        quoted(out, o->name);
    }
    text_printf(out, "\\n");
    type_print(out, &n->types[0]);
    text_printf(out, "\"%s];\n",
                n->kind == N_INPUT ? ", shape=oval"
                : leaf             ? ", style=dashed"
                                   : "");
    for (int i = 0; i < n->nsrc; i++)
        text_printf(out, "  n%u -> n%u;\n", n->src[i].node->id, n->id);
}

static void put_dot(Text *out, const Graph *g) {
    text_printf(out, "digraph \"%s\" {\n  node [shape=box, fontname=\"sans-serif\"];\n",
                g->name);
    for (int i = 0; i < g->nnode; i++)
        put_node(out, g->node[i]);
    for (int i = 0; i < g->nresult; i++) {
        text_printf(out, "  r%d [shape=oval, label=\"", i);
        quoted(out, g->result[i].name);
        text_printf(out, "\"];\n  n%u -> r%d;\n", g->result[i].ref.node->id, i);
    }
    text_printf(out, "}\n");
}

/* Feeds the text to graphviz's dot, which writes to `path`, or to stdout. */
static bool draw(Tool *t, const Text *dot, const char *path) {
    char *argv[] = {"dot", "-Tsvg", path ? arena_printf(t->arena, "-o%s", path) : NULL,
                    NULL};
    posix_spawn_file_actions_t files;
    int pipes[2], status = 0;
    pid_t pid;
    if (pipe(pipes) || posix_spawn_file_actions_init(&files))
        return diag_system(diag_nowhere(t->diag), "cannot start graphviz's dot");
    posix_spawn_file_actions_adddup2(&files, pipes[0], 0);
    posix_spawn_file_actions_addclose(&files, pipes[0]);
    posix_spawn_file_actions_addclose(&files, pipes[1]);
    bool ok = posix_spawnp(&pid, "dot", &files, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&files);
    close(pipes[0]);
    for (size_t at = 0; ok && at < dot->n;) {
        ssize_t put = write(pipes[1], dot->s + at, dot->n - at);
        ok = put > 0;
        at += put > 0 ? (size_t)put : 0;
    }
    close(pipes[1]);
    ok = ok && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
    return ok || diag_system(diag_nowhere(t->diag),
                             "cannot run graphviz's dot; it is in the "
                             "package graphviz, and --format dot needs none");
}

static const char *format(const Args *a) {
    const char *dot = a->out ? strrchr(a->out, '.') : NULL;
    if (a->format)
        return a->format;
    return dot && strcmp(dot, ".svg") == 0   ? "svg"
           : dot && strcmp(dot, ".txt") == 0 ? "text"
                                             : "dot";
}

static const Graph *find(Tool *t, const char *entry, const ProgramOptions *o) {
    int n = 0;
    Graph **g = program_graphs(t->arena, t->model, o, &n);
    for (int i = 0; i < n; i++)
        if (strcmp(g[i]->name, entry) == 0)
            return graph_live(g[i]);
    if (g)
        diag_error((Loc){t->model->source, 0, 0}, "the model has no entry '%s'", entry);
    return NULL;
}

static bool put(Tool *t, const Graph *g) {
    const char *how = format(t->args), *path = t->args->out;
    Text out = {0};
    if (strcmp(how, "text") == 0)
        graph_print(&out, g);
    else
        put_dot(&out, g);
    bool ok = strcmp(how, "svg") == 0 ? draw(t, &out, path)
              : path ? file_write(diag_nowhere(t->diag), path, out.s, out.n)
                     : tool_print(&out);
    text_free(&out);
    return ok;
}

int command_graph(const Args *args) {
    Tool *t = tool_new(args);
    const char *entry = args->entry ? args->entry : "forward";
    bool training = strcmp(entry, "loss") == 0 || strcmp(entry, "grad") == 0 ||
                    strcmp(entry, "step") == 0;
    ProgramOptions o = {.training = training, .only = entry};
    if (!tool_options(t, &o))
        return tool_usage(t);
    bool ok = tool_model(t, training, args->batch > 0 ? args->batch : 0);
    const Graph *g = ok ? find(t, entry, &o) : NULL;
    return tool_end(t, g && put(t, g));
}
