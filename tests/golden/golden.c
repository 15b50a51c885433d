/* golden FILE [NAME]: what golden/run compares. The file's first line is
 * `test pass,pass ... [target=avx512] [threads=2] [batch=8] [fast]`, then comes a graph or
 * a kernel; the passes run on it, and the result is printed, after checking that it is
 * sound and that its text reads back as the same. Besides the table's passes there are
 * `print`, which does nothing, and `gradient`. */
#include "passes/lower.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Arena *arena;
    Source *src;
    Module m;
    Kernel *kernel;                    /* or NULL: it is m.graph[0] */
} Golden;

static bool is_kernel(const char *s) {
    for (const char *p = s; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
        if (!strncmp(p, "kernel", 6) || !strncmp(p, "graph", 5))
            return *p == 'k';
    return false;
}

static const char *verify_kernel(Golden *g, const Kernel *k) {
    return loop_verify(g->arena, g->m.pool, k, g->m.batch, g->m.target);
}

static const char *verify(Golden *g) {
    const Program *p = g->m.program;
    if (g->kernel)
        return verify_kernel(g, g->kernel);
    const char *fault = graph_verify(g->arena, g->m.graph[0]);
    for (int i = 0; p && i < p->nkernel && !fault; i++)
        fault = verify_kernel(g, p->kernel[i]);
    return fault;
}

static void print_schedule(Text *out, const Schedule *s) {
    for (int i = 0; i < s->n; i++) {
        const Launch *l = &s->launch[i];
        switch (l->kind) {
        case C_KERNEL:
            loop_print(out, l->kernel);
            break;
        case C_LOOP:
            text_printf(out, "loop %lld\n", (long long)l->times);
            break;
        case C_END:
            text_printf(out, "end\n");
            break;
        }
    }
}

static void print(Golden *g, Text *out) {
    if (g->m.program)
        program_print(out, g->m.program);
    else if (g->kernel)
        loop_print(out, g->kernel);
    else if (g->m.schedule)
        print_schedule(out, &g->m.schedule[0]);
    else
        graph_print(out, g->m.graph[0]);
}

/* --- passes --- */

static void add_slot(Golden *g, Block *b, const Node *n) {
    PUSH(g->arena, b->slot, b->n) =
        (Slot){.name = n->name, .type = n->type[0], .offset = b->bytes};
    b->bytes = size_align(b->bytes + type_bytes(&n->type[0]), 64);
}

/* What a front end would have declared: every leaf of the graph. */
static void declare(Golden *g) {
    Module *m = &g->m;
    const Graph *graph = m->graph[0];
    int *in = NULL, ni = 0;
    for (int i = 0; i < graph->nnode; i++) {
        const Node *n = graph->node[i];
        Block *to = n->kind == N_PARAM   ? &m->param
                    : n->kind == N_STATE ? &m->state
                    : n->kind == N_VALUE ? &m->value
                    : n->kind == N_INPUT ? &m->input
                                         : NULL;
        if (n->kind == N_INPUT)
            PUSH(g->arena, in, ni) = m->input.n;
        if (to)
            add_slot(g, to, n);
    }
    m->info[0] = (EntryInfo){.nin = ni, .in = in};
}

/* The results' gradients, with seeds as inputs, for every float parameter and input. */
static bool gradient(Golden *g) {
    Graph *graph = g->m.graph[0];
    int ny = graph->nresult, nwrt = 0;
    Ref *y = NEW(g->arena, ny, Ref), *seed = NEW(g->arena, ny, Ref), *wrt = NULL;
    for (int i = 0; i < graph->nnode; i++) {
        Node *n = graph->node[i];
        bool leaf = n->kind == N_PARAM || n->kind == N_INPUT;
        if (leaf && dtype_info[n->type[0].dtype].is_float)
            PUSH(g->arena, wrt, nwrt) = (Ref){n, 0};
    }
    for (int i = 0; i < ny; i++) {
        const Result *r = &graph->result[i];
        y[i] = r->ref;
        seed[i] = graph_leaf(graph, N_INPUT,
                             strs_z(g->m.strs, arena_printf(g->arena, "seed.%s", r->name)),
                             ref_type(r->ref));
    }
    Ref *grad = NEW(g->arena, nwrt, Ref);
    graph_gradient(graph, ny, y, seed, nwrt, wrt, grad);
    graph->nresult = 0;
    for (int i = 0; i < nwrt; i++)
        if (grad[i].node)
            graph_result(graph, TO_GRAD, wrt[i].node->name, grad[i]);
    g->m.graph[0] = graph_live(graph);
    return true;
}

static bool run_kernels(Golden *g, const PassInfo *p) {
    bool ok = true;
    for (int i = 0; i < g->m.program->nkernel && ok; i++)
        ok = p->kernel(&g->m, g->m.program->kernel[i]);
    return ok;
}

static bool run_row(Golden *g, const PassInfo *p) {
    switch (p->on) {
    case ON_GRAPH:
        return pass_graph(&g->m, p, &g->m.graph[0]);
    case ON_KERNEL:
        return g->kernel ? p->kernel(&g->m, g->kernel) : run_kernels(g, p);
    case ON_PROGRAM:
        return p->program(&g->m);
    }
    return false;
}

static bool fits(const Golden *g, const PassInfo *p) {
    switch (p->on) {
    case ON_GRAPH:
        return !g->kernel && !g->m.schedule;
    case ON_KERNEL:
        return g->kernel || g->m.program;
    case ON_PROGRAM:
        return !g->kernel;
    }
    return false;
}

static bool run_pass(Golden *g, const char *name) {
    if (!strcmp(name, "print"))
        return true;
    if (!strcmp(name, "gradient"))
        return gradient(g);
    for (int i = 0; i < pass_count; i++) {
        const PassInfo *p = &pass_info[i];
        if (strcmp(p->name, name))
            continue;
        if (!fits(g, p))
            return diag_error((Loc){g->src, 1, 0}, "pass '%s' does not work on this", name);
        g->m.pass = p->name;
        return run_row(g, p);
    }
    return diag_error((Loc){g->src, 1, 0}, "there is no pass '%s'", name);
}

/* --- files --- */

/* Takes the options out of the first line; *passes is its comma-separated list. */
static bool read_header(Golden *g, char *line, char **passes) {
    *passes = NULL;
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
        if (!strcmp(word, "test"))
            continue;
        else if (!strcmp(word, "fast"))
            g->m.strict = false;
        else if (!strncmp(word, "target=", 7))
            g->m.target = target_find(word + 7);
        else if (!strncmp(word, "threads=", 8))
            g->m.threads = atoi(word + 8);
        else if (!strncmp(word, "batch=", 6))
            g->m.batch = atoi(word + 6); /* of a kernel; a graph says its own */
        else if (!*passes)
            *passes = word;
        else
            return diag_error((Loc){g->src, 1, 1}, "unknown option '%s'", word);
    }
    if (!*passes || !g->m.target)
        return diag_error((Loc){g->src, 1, 1}, "expected 'test PASS,... [OPTION ...]'");
    return true;
}

static bool parse(Golden *g) {
    Module *m = &g->m;
    if (is_kernel(g->src->text)) {
        g->kernel = loop_parse(g->arena, m->pool, m->strs, g->src);
        m->batch = m->batch ? m->batch : 1 << 20;
        return g->kernel != NULL;
    }
    m->ngraph = 1;
    m->graph = NEW(g->arena, 1, Graph *);
    m->info = NEW(g->arena, 1, EntryInfo);
    m->graph[0] = graph_parse(g->arena, m->pool, m->strs, g->src);
    if (!m->graph[0])
        return false;
    m->batch = m->graph[0]->batch;
    m->graph[0]->strict = m->strict;
    declare(g);
    return true;
}

/* The text form must read back as what it was printed from. */
static bool round_trip(Golden *g, const Text *text) {
    Golden again = *g;
    if (g->m.program || g->m.schedule)
        return true;
    again.src = diag_source(g->m.diag, "the printed form", text->s, text->n);
    Text second = {0};
    bool ok = parse(&again);
    if (ok) {
        print(&again, &second);
        ok = second.n == text->n && !memcmp(second.s, text->s, text->n);
        if (!ok)
            diag_error((Loc){again.src, 0, 0}, "reads back as something else:\n%s", second.s);
    }
    text_free(&second);
    return ok;
}

static bool sound(Golden *g, const char *when) {
    const char *fault = verify(g);
    return !fault || diag_error((Loc){g->src, 0, 0}, "not sound %s: %s", when, fault);
}

static bool run(Golden *g, const char *file, const char *name) {
    size_t n;
    char *text = file_read(g->arena, diag_nowhere(g->m.diag), file, 1 << 24, &n), *passes;
    if (!text)
        return false;
    size_t line = strcspn(text, "\n");
    char *header = arena_printf(g->arena, "%.*s", (int)line, text);
    memset(text, ' ', line);           /* keeps the lines' numbers */
    g->src = diag_source(g->m.diag, name, text, n);
    if (!read_header(g, header, &passes) || !parse(g) || !sound(g, "as written"))
        return false;
    for (char *p = strtok(passes, ","); p; p = strtok(NULL, ",")) {
        if (!run_pass(g, p) || !sound(g, arena_printf(g->arena, "after %s", p)))
            return false;
        arena_reset(g->m.temp);
    }
    Text out = {0};
    print(g, &out);
    bool ok = round_trip(g, &out);
    fwrite(out.s, 1, out.n, stdout);
    text_free(&out);
    return ok;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: golden FILE [NAME]\n", stderr);
        return 2;
    }
    Arena *a = arena_new(), *temp = arena_new();
    Golden g = {.arena = a};
    g.m = (Module){.arena = a, .temp = temp, .name = "golden", .strict = true, .threads = 1,
                   .target = target_find("portable")};
    g.m.pool = pool_new(a);
    g.m.strs = strs_new(a);
    g.m.diag = diag_new(a, NULL, NULL);
    bool ok = run(&g, argv[1], argv[argc - 1]);
    arena_free(temp);
    arena_free(a);
    return ok ? 0 : 1;
}
