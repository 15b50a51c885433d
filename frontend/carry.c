/* Carried states: what layers keep from one batch to the next, and what data that takes. */
#include "frontend/build.h"
#include "ir/scan.h"

#include <string.h>

/* Training and judging go on by themselves: each has slots of its own. */
static const char *const suffix[] = {[MODE_TRAIN] = "carried", [MODE_JUDGE] = "judged"};

static bool carries(const Build *b) { return b->mode == MODE_TRAIN || b->mode == MODE_JUDGE; }

static const char *slot_name(const Build *b, const Macro *m, const char *state, Mode mode,
                             const char *end) {
    return strs_z(b->m->strs, arena_printf(b->arena, "%s.%s.%s%s", m->path, state, suffix[mode],
                                           end));
}

/* Whether a row goes on: 0 makes it begin at a start that is not zeros. */
static const char flag[] = ".on";

static Type flag_type(const Type *t) {
    return (Type){.dtype = I32, .rank = 1, .dim = {t->dim[0]}};
}

static void declare(Build *b, const Macro *m, const char *state, const Type *t, bool flagged) {
    static const Mode mode[] = {MODE_TRAIN, MODE_JUDGE};
    ModelTensors *list = &b->m->carry;
    for (size_t i = 0; i < COUNT(mode); i++) {
        ModelTensor slot = {.name = slot_name(b, m, state, mode[i], ""), .type = *t,
                            .loc = m->loc, .judged = mode[i] == MODE_JUDGE};
        PUSH(b->arena, list->item, list->n) = slot;
        if (!flagged)
            continue;
        slot.name = slot_name(b, m, state, mode[i], flag);
        slot.type = flag_type(t);
        PUSH(b->arena, list->item, list->n) = slot;
    }
}

bool build_carried(Build *b, Macro *m, const char *state, const Type *t, Ref *start) {
    if (b->scan)
        return macro_fault(m, "carries its state from batch to batch, which a layer inside a "
                              "scan cannot");
    if (!t->dim[0].batch)
        return macro_fault(m, "carries a state for each example, its input has no batch");
    if (b->declare)
        declare(b, m, state, t, start->node != NULL);
    if (!carries(b))
        return true;
    Graph *g = b->out->graph;
    Ref left = graph_leaf(g, N_STATE, slot_name(b, m, state, b->mode, ""), t);
    if (!start->node) {
        *start = left;
        return true;
    }
    const Type on = flag_type(t);
    Ref src[] = {left, *start, graph_leaf(g, N_STATE, slot_name(b, m, state, b->mode, flag), &on)};
    graph_result(g, TO_STATE, slot_name(b, m, state, b->mode, flag),
                 macro_op(m, "{F[n<A.0] = 1:i32}", 1, &left, 0, NULL));
    *start = macro_op(m, "{S[n,u..] = when(C[n] > 0, A[n,u..], B[n,u..])}", 3, src, 0, NULL);
    return start->node != NULL;
}

void build_carry(Build *b, const Macro *m, const char *state, Ref end) {
    if (carries(b))
        graph_result(b->out->graph, TO_STATE, slot_name(b, m, state, b->mode, ""), end);
}

void model_reset(const Model *m, Graph *g, bool judged) {
    for (int i = 0; i < m->carry.n; i++) {
        Type whole = m->carry.item[i].type;            /* of all rows, whatever n */
        whole.dim[0].batch = false;
        if (m->carry.item[i].judged == judged)
            graph_result(g, TO_STATE, m->carry.item[i].name, graph_filled(g, &whole, 0));
    }
}

/* --- the data --- */

/* What the file says at `section.key`; NULL: nothing. */
static Tree *said(const Model *m, const char *section, const char *key) {
    Tree *t = tree_find(tree_find(m->tree, "data"), section);
    t = t && key ? tree_find(t, key) : t;
    return t && !t->implied ? t : NULL;
}

static bool fault(const Model *m, const Tree *t, const char *message) {
    diag_error(t->loc, "%s", message);
    return diag_note(m->carry.item[0].loc, "this layer carries its state from batch to batch");
}

/* Examples that begin where the ones before end. */
static bool settle_stride(Model *m) {
    const ModelTensor *x = &m->input.item[0];
    int64_t length = m->set.data.window.past, *stride = &m->set.data.window.stride;
    const Tree *t = said(m, "window", "stride");
    if (m->set.data.train.text) {
        t = said(m, "train", "stride");
        stride = &m->set.data.stride;
        length = 1;
        for (int d = 0; d < x->type.rank; d++)
            length *= x->type.dim[d].batch ? 1 : x->type.dim[d].n;
    }
    if (t && *stride != length)
        return fault(m, t, arena_printf(m->arena, "stride: got %lld, expected %lld: an example "
                                        "goes on where the last one ends", (long long)*stride,
                                        (long long)length));
    Tree *implied = t ? NULL : tree_find(tree_find(tree_find(m->tree, "data"), "window"), "stride");
    if (implied)
        implied->text = strs_z(m->strs, arena_printf(m->arena, "%lld", (long long)length));
    *stride = length;
    return true;
}

bool carry_settle(Model *m) {
    const DataFiles *f = &m->set.data.train;
    const Tree *order = said(m, "shuffle", NULL);
    Tree *implied = tree_find(tree_find(m->tree, "data"), "shuffle");
    if (!m->carry.n || !data_given(f))
        return true;
    if (!f->text && !(f->csv && m->set.data.window.past))
        return fault(m, tree_find(tree_find(m->tree, "data"), "train"),
                     "data.train: expected data that go on from example to example: a text, or a "
                     "CSV file with 'window'");
    if (order && m->set.data.shuffle)
        return fault(m, order, "data.shuffle: examples in a new order do not go on where the last "
                               "ones end");
    if (m->set.data.part.size > 0 && !m->set.data.part.last)
        return fault(m, tree_find(tree_find(m->tree, "data"), "valid"),
                     "data.valid: a part drawn by lot tears the series: write 'last ..%'");
    m->set.data.shuffle = false;
    if (implied)
        implied->text = strs_z(m->strs, "false");
    return settle_stride(m);
}
