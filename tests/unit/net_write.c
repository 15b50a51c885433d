/* Writes a random network and the oracle's results for other programs to read. */
#include "net_run.h"

#include <string.h>

#include "frontend/safetensors.h"

static void add(NetCase *c, Tensors *list, const char *kind, const char *name,
                const OracleTensor *t) {
    tensors_add(c->arena, list, (Tensor){arena_printf(c->arena, "%s%s", kind, name), t->type,
                                         t->data});
}

/* "<entry>/f64/out.y", "step/f32/param.linear.weight" ... */
static void add_results(NetCase *c, Tensors *list, const Shot *s, const char *kind,
                        const OracleTensor *value) {
    static const char *const to[] = {"out.", "param.", "state.", "grad."};
    for (int i = 0; i < s->graph->nresult; i++) {
        const Result *r = &s->graph->result[i];
        const char *lead = arena_printf(c->arena, "%s/%s/%s", s->graph->name, kind, to[r->to]);
        add(c, list, lead, r->name, &value[i]);
    }
}

static bool write_text(NetCase *c, const char *path, const Text *t) {
    return file_write(diag_nowhere(c->diag), path, t->s, t->n);
}

bool net_write(NetCase *c, const char *dir) {
    static const char *const kind[] = {
        [N_INPUT] = "in.", [N_PARAM] = "param.", [N_STATE] = "state.", [N_VALUE] = "value."};
    char text[24];
    const char *base = arena_printf(c->arena, "%s/%s", dir, net_text(c->seed, text));
    Tensors list = {0};
    const Shot *first = &c->shot[1];
    for (int i = 0; i < first->n; i++)
        add(c, &list, kind[first->leaf[i].kind], first->leaf[i].name, &first->leaf[i]);
    for (int i = 1; i < c->nshot - 1; i++) {
        add_results(c, &list, &c->shot[i], "f32", c->shot[i].want);
        add_results(c, &list, &c->shot[i], "f64", c->shot[i].wide);
    }
    return write_text(c, arena_printf(c->arena, "%s.yaml", base), &c->net.yaml) &&
           write_text(c, arena_printf(c->arena, "%s.py", base), &c->net.python) &&
           safetensors_write(diag_nowhere(c->diag),
                             arena_printf(c->arena, "%s.safetensors", base), &list, NULL);
}
