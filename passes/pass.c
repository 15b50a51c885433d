/* The driver: runs the table of passes over a module, with checks, dumps and timing. */
#include "passes/pass.h"

#include <string.h>
#include <time.h>

#define FIELD_GRAPH(f) .graph = f
#define FIELD_KERNEL(f) .kernel = f
#define FIELD_PROGRAM(f) .program = f

const PassInfo pass_info[] = {
#define PASS(id, kind, is_exact, is_needed, sentence) \
    {.name = #id, .on = ON_##kind, .exact = is_exact, .needed = is_needed, \
     .what = sentence, FIELD_##kind(pass_##id)},
#include "passes/passes.def"
};
const int pass_count = (int)COUNT(pass_info);

/* Is `name` in the comma-separated list? */
static bool listed(const char *list, const char *name) {
    size_t n = strlen(name);
    for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == 0))
            return true;
    return false;
}

static void verify_graphs(const Module *m) {
    for (int i = 0; i < m->ngraph; i++) {
        const char *fault = graph_verify(m->temp, m->graph[i]);
        if (fault)
            bug("after %s, entry %s: %s", m->pass, m->graph[i]->name, fault);
    }
}

static void verify_kernels(const Module *m) {
    for (int i = 0; m->program && i < m->program->nkernel; i++) {
        const char *fault = loop_verify(m->temp, m->pool, m->program->kernel[i], m->batch,
                                        m->target);
        Text t = {0};
        if (!fault)
            continue;
        loop_print(&t, m->program->kernel[i]);
        bug("after %s: %s\n%s", m->pass, fault, t.s);
    }
}

static void dump(const Module *m, FILE *out) {
    Text t = {0};
    if (m->program)
        program_print(&t, m->program);
    for (int i = 0; !m->program && i < m->ngraph; i++)
        graph_print(&t, m->graph[i]);
    fprintf(out, "--- after %s\n%s", m->pass, t.n ? t.s : "");
    text_free(&t);
}

bool pass_graph(Module *m, const PassInfo *pass, Graph **g) {
    bool ok = pass->graph(m, g);
    for (int i = 0; ok && i < (*g)->nnode; i++) {
        Node *n = (*g)->node[i];
        if (n->kind != N_SCAN)
            continue;
        Scan *s = NEW(m->arena, 1, Scan);
        *s = *n->scan;
        ok = pass_graph(m, pass, &s->body);
        n->scan = s;
    }
    return ok;
}

static bool run(Module *m, const PassInfo *pass) {
    bool ok = true;
    switch (pass->on) {
    case ON_GRAPH:
        for (int i = 0; ok && i < m->ngraph; i++)
            ok = pass_graph(m, pass, &m->graph[i]);
        return ok;
    case ON_KERNEL:
        for (int i = 0; ok && i < m->program->nkernel; i++)
            ok = pass->kernel(m, m->program->kernel[i]);
        return ok;
    case ON_PROGRAM:
        return pass->program(m);
    }
    bug("pass on %d", pass->on);
}

static double now(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool passes_run(Module *m, const PassOptions *o) {
    bool ok = true;
    for (int i = 0; ok && i < pass_count; i++) {
        const PassInfo *pass = &pass_info[i];
        double start = now();
        if ((m->strict && !pass->exact) || listed(o->only_off, pass->name))
            continue;
        m->pass = pass->name;
        m->temp = arena_new();
        ok = run(m, pass);
        if (ok && o->verify && pass->on == ON_GRAPH)
            verify_graphs(m);
        if (ok && o->verify && pass->on != ON_GRAPH)
            verify_kernels(m);
        arena_free(m->temp);
        m->temp = NULL;
        if (o->timing)
            fprintf(o->out, "%-10s %8.3f ms\n", pass->name, 1e3 * (now() - start));
        if (ok && (listed(o->dump, pass->name) || listed(o->dump, "all")))
            dump(m, o->out);
    }
    m->pass = NULL;
    return ok && m->program;
}
