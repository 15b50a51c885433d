/* Recurrent cells in the text of a row: layers, directions, start and end. */
#include "frontend/row_cell.h"
#include "frontend/build.h"
#include "frontend/row_scan.h"
#include "ir/scan.h"

#include <string.h>

enum { MAX_STATES = 4 };

typedef struct {
    const char *name;                  /* "h" */
    int64_t size;
    Ref start;                         /* of all layers; {NULL}: zeros */
    Ref end;                           /* of all layers so far */
} CellState;

typedef struct {
    Macro *m;
    int layers, directions, nstate;
    CellState state[MAX_STATES];
    const char *body;
} Cells;

const char *row_cell_key(const Macro *m, const char *key) {
    return arena_printf(m->arena, "%s%s", key, m->cell->suffix);
}

static bool run(Macro *m, const char *text) {
    Ref out;
    return macro_body(m, text, &out);
}

static bool batched(Ref r) { return ref_type(r)->rank && ref_type(r)->dim[0].batch; }

bool row_valid(Macro *m, Ref lengths) {
    if (!batched(m->in[0]) || !batched(lengths))
        return macro_fault(m, "lengths need an input with a batch, and one for each of its "
                              "examples");
    macro_ref(m, "x", m->in[0]);
    macro_ref(m, "lengths", lengths);
    return run(m, "lengths = reshape(lengths; shape=[n]); "
                  "valid = {V[t<A.1,n] = when(B[n] > t, 1:i32, 0:i32)}(x, lengths)");
}

/* "h = out, c = units" */
static void read_states(Cells *c, const char *list) {
    Macro *m = c->m;
    char *part;
    while ((part = row_part(m->arena, &list, ','))) {
        char *eq = strchr(part, '=');
        if (c->nstate == MAX_STATES)
            bug("row of %s: more than %d states", m->where, MAX_STATES);
        c->state[c->nstate].size = (int64_t)row_number(m, eq + 1);
        eq[-1] = '\0';
        c->state[c->nstate++].name = part;
    }
}

/* --- where they start --- */

static bool start_fits(const Cells *c, const CellState *s, const Type *t) {
    int64_t all = (int64_t)c->layers * c->directions;
    int lead = t->rank && t->dim[0].batch, dims = t->rank - lead;
    if (t->dtype != F32 || dims < 1 || dims > 2 || t->dim[t->rank - 1].n != s->size)
        return false;
    return dims == 1 ? all == 1 : t->dim[lead].n == all;
}

static bool carries(const Cells *c) { return row_number(c->m, "carry") != 0; }

/* The start becomes what the last batch left, of all layers and for each example. */
static bool carry_start(Cells *c, CellState *s) {
    Macro *m = c->m;
    Ref x = m->in[0], src[] = {s->start, x};
    Type t = {.dtype = F32, .rank = 3, .dim = {ref_type(x)->dim[0],
              {(int64_t)c->layers * c->directions, false}, {s->size, false}}};
    if (s->start.node) {
        const Type *is = ref_type(s->start);
        bool each = is->rank && is->dim[0].batch, many = is->rank - each == 2;
        const char *text = arena_printf(m->arena, "{S[n%s,l%s,u] = A[%s%su]}",
                                        each ? "" : "<B.0", many ? "" : "<1", each ? "n," : "",
                                        many ? "l," : "");
        s->start = macro_op(m, text, each ? 1 : 2, src, 0, NULL);
        if (!s->start.node)
            return false;
    }
    return build_carried(m->build, m, s->name, &t, &s->start);
}

/* The state's start: an input `h0`, a parameter of that name, or zeros. */
static bool find_start(Cells *c, CellState *s) {
    Macro *m = c->m;
    int64_t all = (int64_t)c->layers * c->directions;
    const char *key = arena_printf(m->arena, "%s0", s->name);
    char learn[] = "start ? start==learned";
    bool learned = row_holds(m, learn);
    s->start = macro_find(m, key);
    Type t = {.dtype = F32, .rank = 2, .dim = {{all, false}, {s->size, false}}};
    if (learned && s->start.node)
        return macro_fault(m, "the start is given by an input, it cannot be learned too");
    if (learned) {
        key = strs_z(m->graph->strs, key);
        s->start = build_param(m->build, m, key, &t, "zeros", 0);
        return s->start.node && (!carries(c) || carry_start(c, s));
    }
    if (!s->start.node || start_fits(c, s, ref_type(s->start)))
        return !carries(c) || carry_start(c, s);
    return macro_fault(m, arena_printf(m->arena, "%s is %s, expected [%lld, %lld] for each example%s",
                                       key, type_text(m->arena, ref_type(s->start)),
                                       (long long)all, (long long)s->size,
                                       all == 1 ? ", or without the 1" : ""));
}

/* Binds "h.start" to what this layer and direction start from. */
static bool bind_start(Cells *c, const CellState *s, int number) {
    Macro *m = c->m;
    Ref x = m->in[0], src[] = {s->start, x}, r = s->start;
    bool batch = ref_type(x)->dim[0].batch;
    if (!r.node) {
        Type t = {.dtype = F32};
        if (batch)
            t.dim[t.rank++] = ref_type(x)->dim[0];
        t.dim[t.rank++] = (Dim){s->size, false};
        r = graph_filled(m->graph, &t, 0);
    } else {
        const Type *t = ref_type(r);
        bool each = t->dim[0].batch, many = t->rank - each == 2;
        const char *at = many ? arena_printf(m->arena, "%d,u", number) : "u";
        const char *text =
            arena_printf(m->arena, "{S[%su] = A[%s%s]}",
                         each ? "n," : batch ? "n<B.0," : "", each ? "n," : "", at);
        r = macro_op(m, text, !each && batch ? 2 : 1, src, 0, NULL);
    }
    if (r.node)
        macro_ref(m, arena_printf(m->arena, "%s.start", s->name), r);
    return r.node != NULL;
}

/* --- a layer --- */

static Ref joined(Macro *m, Ref a, Ref b, int axis) {
    Ref src[] = {a, b};
    Attr at = {.name = "axis", .kind = ATTR_INT, .i = axis};
    return a.node ? macro_op(m, "concat", 2, src, 1, &at) : b;
}

/* Ends of a state, one below the other: [layers*directions, size]. */
static bool add_end(Cells *c, CellState *s) {
    Macro *m = c->m;
    Ref r = macro_find(m, s->name);
    if (c->layers * c->directions > 1)
        r = macro_op(m, "{O[n..,i<1,u] = A[n..,u]}", 1, &r, 0, NULL);
    s->end = r.node ? joined(m, s->end, r, ref_type(m->in[0])->dim[0].batch) : r;
    return s->end.node != NULL;
}

/* One layer in one direction; *last: what h is at its end. */
static bool one_cell(Cells *c, int layer, int direction, Ref *all, Ref *last) {
    Macro *m = c->m;
    const char *suffix = arena_printf(m->arena, "_l%d%s", layer, direction ? "_reverse" : "");
    LayerCell cell = {suffix, direction == 1, macro_find(m, "valid")};
    int nref = m->nref, number = layer * c->directions + direction;
    bool ok = true;
    for (int i = 0; ok && i < c->nstate; i++)
        ok = bind_start(c, &c->state[i], number);
    m->cell = &cell;
    ok = ok && macro_params(m, m->row) && run(m, c->body) &&
         run(m, "o = {O[n..,t,u] = A[t,n..,u]}(h.all); "
                "o = {O[n..,t,u] = when(B[n..] > t, A[n..,t,u], 0)}(o, lengths) "
                "? lengths.given");
    m->cell = NULL;
    if (!ok)
        return false;
    int axis = ref_type(m->in[0])->dim[0].batch;
    *all = joined(m, *all, macro_find(m, "o"), axis + 1);
    *last = joined(m, *last, macro_find(m, c->state[0].name), axis);
    for (int i = 0; ok && i < c->nstate; i++)
        ok = add_end(c, &c->state[i]);
    m->nref = nref;
    return ok && all->node && last->node;
}

/* Dropout between layers, with random numbers of its own for each. */
static bool drop(Macro *m, int layer) {
    const char *path = m->path;
    m->path = arena_printf(m->arena, "%s.l%d", path, layer);
    bool ok = run(m, "x = dropout(x, rng; p=dropout, key_lo=#lo, key_hi=#hi) "
                     "? random & dropout");
    m->path = path;
    return ok;
}

static bool one_layer(Cells *c, int layer) {
    Macro *m = c->m;
    Ref all = {0}, last = {0};
    for (int d = 0; d < c->directions; d++)
        if (!one_cell(c, layer, d, &all, &last))
            return false;
    macro_ref(m, "x", all);
    macro_ref(m, "o", all);
    macro_ref(m, "h", last);
    const Type *t = ref_type(all);
    macro_number(m, "features", (double)t->dim[t->rank - 1].n);
    return layer + 1 == c->layers || drop(m, layer);
}

static bool carry_end(Cells *c, const CellState *s) {
    Macro *m = c->m;
    Ref r = s->end;
    if (c->layers * c->directions == 1)
        r = macro_op(m, "{O[n,l<1,u] = A[n,u]}", 1, &r, 0, NULL);
    if (r.node)
        build_carry(m->build, m, s->name, r);
    return r.node != NULL;
}

bool row_cells(Macro *m, const char *text) {
    Cells c = {.m = m, .directions = 1 + (int)row_number(m, "bidirectional")};
    const char *open = strchr(text, '{');
    c.layers = (int)row_number(m, "layers");
    c.body = arena_printf(m->arena, "%.*s", (int)strlen(open) - 2, open + 1);
    read_states(&c, arena_printf(m->arena, "%.*s", (int)(open - text), text));
    Ref lengths = macro_find(m, "lengths");
    bool ok = !lengths.node || (run(m, "range lengths time + 1") && row_valid(m, lengths));
    for (int i = 0; ok && i < c.nstate; i++)
        ok = find_start(&c, &c.state[i]);
    for (int l = 0; ok && l < c.layers; l++)
        ok = one_layer(&c, l);
    for (int i = 0; ok && i < c.nstate; i++) {
        const char *name = arena_printf(m->arena, "%s.%s", m->path, c.state[i].name);
        build_name(m->build, build_path(m->build, name, ""), m->row->name, m->loc,
                   c.state[i].end)->part = true;
        ok = !carries(&c) || carry_end(&c, &c.state[i]);
    }
    return ok;
}
