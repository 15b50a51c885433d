/* Values for a program's blocks: weights from files, random numbers, statuses. */
#include "tools/values.h"

#include <string.h>

#include "frontend/npz.h"
#include "frontend/safetensors.h"
#include "train/cast.h"

bool values_status(Tool *t, const char *entry, int status) {
    static const char *const meaning[] = {
        [1] = "a bad argument", [2] = "an integer input has an element out of its range",
        [3] = "a value is not finite", [4] = "this CPU lacks what the target needs"};
    if (status == 0)
        return true;
    return diag_error(diag_nowhere(t->diag), "%s: %s (status %d)", entry,
                      status > 0 && status < (int)COUNT(meaning) ? meaning[status] : "failed",
                      status);
}

void values_rng(const Program *p, KilnCtx *ctx, uint64_t seed, uint32_t step) {
    const Slot *s = block_find(&p->value, "rng");
    uint32_t rng[4] = {(uint32_t)seed, (uint32_t)(seed >> 32), step, 0};
    if (s)
        memcpy((unsigned char *)(ctx + 1) + s->offset, rng, sizeof rng);
}

/* --- weights --- */

bool values_read(Tool *t, const char *path, Tensors *out) {
    size_t n = strlen(path);
    Loc loc = diag_nowhere(t->diag);
    return n > 4 && strcmp(path + n - 4, ".npz") == 0
               ? npz_read(t->arena, loc, path, out)
               : safetensors_read(t->arena, loc, path, out, NULL);
}

static const char *renamed(Tool *t, const char *name) {
    for (int i = 0; i < t->args->rename.n; i++) {
        const char *pattern, *with, *at;
        tool_pair(t->arena, t->args->rename.item[i], &pattern, &with);
        at = *pattern ? strstr(name, pattern) : NULL;
        if (at)
            name = arena_printf(t->arena, "%.*s%s%s", (int)(at - name), name, with,
                                at + strlen(pattern));
    }
    return name;
}

static bool same_shape(const Type *a, const Type *b) {
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++)
        same = a->dim[i].n == b->dim[i].n;
    return same;
}

static bool fill(Tool *t, Loc file, const Tensors *list, const Slot *s, void *block, bool needed) {
    const Tensor *x = tensors_find(list, s->name);
    int64_t n = type_bytes(&s->type) / dtype_info[s->type.dtype].bytes;
    if (!x)
        return !needed || diag_error(file, "tensor '%s' is missing", s->name);
    if (!same_shape(&x->type, &s->type))
        return diag_error(file, "tensor '%s' is %s, expected %s", s->name,
                          type_text(t->arena, &x->type), type_text(t->arena, &s->type));
    int64_t bad = cast_array(x->type.dtype, x->data, n, s->type.dtype,
                             (unsigned char *)block + s->offset);
    if (bad >= 0)
        return diag_error(file, "tensor '%s': element %lld does not fit %s", s->name,
                          (long long)bad, dtype_info[s->type.dtype].name);
    return true;
}

static bool is_tied(const Model *m, const char *name) {
    for (int i = 0; i < m->ntied; i++)
        if (strcmp(m->tied[i].name, name) == 0)
            return true;
    return false;
}

/* PyTorch's counters and copies of tied tensors mean nothing here; the optimizer's state
 * is no part of a network. */
static bool known(Tool *t, const Program *p, const char *name) {
    static const char *const other[] = {".num_batches_tracked", ".momentum", ".exp_avg",
                                        ".exp_avg_sq"};
    size_t n = strlen(name);
    for (size_t i = 0; i < COUNT(other); i++) {
        size_t k = strlen(other[i]);
        if (n > k && strcmp(name + n - k, other[i]) == 0)
            return true;
    }
    return strcmp(name, "num_batches_tracked") == 0 || block_find(&p->param, name) ||
           block_find(&p->state, name) || is_tied(t->model, name);
}

static bool unknown(Tool *t, Loc file, const Program *p, const char *name) {
    const char **names = NEW(t->arena, p->param.n + p->state.n + 1, const char *);
    int n = 0;
    for (int i = 0; i < p->param.n; i++)
        names[n++] = p->param.slot[i].name;
    for (int i = 0; i < p->state.n; i++)
        names[n++] = p->state.slot[i].name;
    const char *near = diag_nearest(name, names, (size_t)n);
    return diag_error(file, "tensor '%s' is unknown to the model%s%s%s", name,
                      near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

bool values_weights(Tool *t, const Program *p, void *params, void *state) {
    const char *path = tool_weights(t);
    Tensors list = {0};
    bool ok = values_read(t, path, &list);
    Loc file = tensor_file(diag_nowhere(t->diag), path);
    if (!ok)
        return false;
    for (int i = 0; i < list.n; i++) {
        list.item[i].name = renamed(t, list.item[i].name);
        if (!known(t, p, list.item[i].name))
            ok = unknown(t, file, p, list.item[i].name);
    }
    for (int i = 0; i < p->param.n; i++)
        ok &= fill(t, file, &list, &p->param.slot[i], params, true);
    for (int i = 0; i < p->state.n; i++)
        ok &= fill(t, file, &list, &p->state.slot[i], state, i < t->model->state.n);
    return ok;
}
