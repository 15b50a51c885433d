/* Scans in the text of a row: `scan h = start over p; ..; step h = next`. */
#include "frontend/row_scan.h"
#include "frontend/row_cell.h"

#include "ir/scan.h"

#include <string.h>

struct RowScan {
    ScanDraft draft;
    int ncarry, nref;                  /* nref: names known outside */
    struct { const char *name; Ref was; } *carry;
    Ref valid;                         /* 1 where this step counts; {NULL}: everywhere */
};

static char *side(const Macro *m, const char *from, const char *to) {
    while (from < to && *from == ' ')
        from++;
    while (to > from && to[-1] == ' ')
        to--;
    return arena_printf(m->arena, "%.*s", (int)(to - from), from);
}

/* A value of the layer, or zeros of a shape: [n, units]. */
static Ref start_value(Macro *m, const char *text) {
    const Type *x = ref_type(m->in[0]);
    Type t = {.dtype = F32};
    if (*text != '[')
        return macro_find(m, text);
    Ints list = row_list(m, text, x->rank && x->dim[0].batch);
    for (t.rank = 0; t.rank < list.n; t.rank++) {
        int64_t n = list.item[t.rank];
        t.dim[t.rank] = n ? (Dim){n, false} : x->dim[0];
    }
    return graph_filled(m->graph, &t, 0);
}

void row_scan(Macro *m, const char *text) {
    RowScan *s = NEW(m->arena, 1, RowScan);
    const char *over = strstr(text, " over "), *p = over ? over + 6 : text;
    const char *name = side(m, p, p + strlen(p)), *list = over ? side(m, text, over) : "";
    Ref stacked = macro_find(m, name), start;
    char *part;
    if (m->scan || !stacked.node)
        bug("row of %s: scan %s", m->where, text);
    s->draft = scan_draft(m->graph, ref_type(stacked)->dim[0].n,
                          m->cell && m->cell->reverse);
    s->nref = m->nref;
    while ((part = row_part(m->arena, &list, ','))) {
        const char *eq = strchr(part, '=');
        start = start_value(m, side(m, eq + 1, part + strlen(part)));
        Ref was = scan_carry(&s->draft, start);
        const char *carry = side(m, part, eq);
        s->carry = arena_push(m->arena, s->carry, (size_t)s->ncarry, sizeof *s->carry);
        s->carry[s->ncarry].name = carry;
        s->carry[s->ncarry++].was = was;
        macro_ref(m, carry, was);
    }
    if (m->cell && m->cell->valid.node)
        s->valid = scan_stack(&s->draft, m->cell->valid);
    macro_ref(m, name, scan_stack(&s->draft, stacked));
    m->graph = s->draft.body;
    m->scan = s;
}

Ref row_inside(const Macro *m, Ref r) {
    const Graph *g = m->graph;
    bool here = r.node->id < (uint32_t)g->nnode && g->node[r.node->id] == r.node;
    return here || !m->scan ? r : scan_whole(&m->scan->draft, r);
}

/* A carry stays as it was in steps that do not count. */
static Ref kept(Macro *m, const RowScan *s, Ref next, Ref was) {
    Ref src[] = {next, was, s->valid};
    const char *text = "{O[n..,u] = when(C[n..] > 0, A[n..,u], B[n..,u])}";
    return s->valid.node ? macro_op(m, text, 3, src, 0, NULL) : next;
}

void row_step(Macro *m, const char *text) {
    RowScan *s = m->scan;
    Ref *next = NEW(m->arena, s->ncarry, Ref);
    char *part;
    while ((part = row_part(m->arena, &text, ','))) {
        const char *eq = strchr(part, '='), *name = side(m, part, eq);
        Ref r = macro_find(m, side(m, eq + 1, part + strlen(part)));
        for (int i = 0; i < s->ncarry; i++)
            if (!strcmp(s->carry[i].name, name))
                next[i] = kept(m, s, row_inside(m, r), s->carry[i].was);
    }
    Node *n = scan_done(&s->draft, next, s->ncarry, next);
    m->graph = s->draft.g;
    m->scan = NULL;
    m->nref = s->nref;
    for (int i = 0; i < s->ncarry; i++) {
        macro_ref(m, s->carry[i].name, (Ref){n, i});
        macro_ref(m, arena_printf(m->arena, "%s.all", s->carry[i].name), (Ref){n, s->ncarry + i});
    }
}
