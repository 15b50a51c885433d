/* The layer `scan`: the user's layers as one step of a recurrence. */
#include "frontend/build.h"
#include "frontend/form.h"
#include "frontend/row_cell.h"
#include "frontend/row_scan.h"
#include "ir/scan.h"

#include <string.h>

struct BuildScan {
    struct BuildScan *up;
    ScanDraft draft;
};

typedef struct {
    const Tree *spec;
    const char *name;
    Type type;
    Ref start, was, next;              /* start outside, the others in the body */
} State;

typedef struct {
    Build *b;
    Spec *s;
    Macro m;                           /* the options, and ops around the scan */
    Place in;
    struct BuildScan scan;
    int nin, nstate;
    Ref *input;                        /* around it, [n, time, ..] */
    State *state;
    Ref lengths, valid;                /* {NULL}: all steps count */
    int first;                         /* of b->named: what is inside */
} Steps;

const LayerRow scan_row = {
    "scan", "", "return one sequence|last = sequence; reverse bool = false; carry bool = false",
    "", "", "", ""};
const LayerRow state_row = {"state", "", "shape! ints >=1", "", "", "", ""};
static const char *const scan_keys[] = {SCAN_FORM(FORM_WORD) NULL};
static const char *const state_keys[] = {STATE_FORM(FORM_WORD) NULL};

/* --- inside and outside --- */

static bool holds(const Graph *g, Ref r) {
    return r.node->id < (uint32_t)g->nnode && g->node[r.node->id] == r.node;
}

static Ref inside(struct BuildScan *s, Ref r) {
    return !s || holds(s->draft.body, r) ? r : scan_whole(&s->draft, inside(s->up, r));
}

Ref build_inside(Build *b, Ref r) { return inside(b->scan, r); }

Ref build_outside(const Build *b, const Node *input) {
    Ref r = {(Node *)(uintptr_t)input, 0};
    int number;
    for (const struct BuildScan *s = b->scan; s; s = s->up) {
        char kind = holds(s->draft.body, r) ? scan_leaf(input, &number) : 0;
        if (kind)
            return kind == 'c' ? (Ref){0} : s->draft.src[kind == 'x' ? 1 : 2][number];
    }
    return (Ref){0};
}

static bool batched(Ref r) { return ref_type(r)->rank && ref_type(r)->dim[0].batch; }

static Ref equation(Steps *st, const char *text, int n, Ref a, Ref b, Ref c) {
    Ref src[] = {a, b, c};
    st->m.graph = st->b->g;
    return macro_op(&st->m, text, n, src, 0, NULL);
}

/* --- states --- */

static bool read_state(Steps *st, Tree *t, State *s) {
    Build *b = st->b;
    Macro m = {.build = b, .arena = b->arena, .graph = b->g, .loc = t->key_loc, .nin = 1,
               .where = arena_printf(b->arena, "%s: state '%s'", st->s->where, t->key)};
    if (!macro_open(&m, &state_row, t, state_keys) ||
        !macro_options(&m, &state_row, t, st->in.scope))
        return false;
    const Ints *shape = &m.list[0].list;
    bool batch = batched(st->input[0]);
    *s = (State){.spec = t, .name = t->key, .type = {.dtype = F32, .rank = shape->n + batch}};
    if (s->type.rank > MAX_RANK - 1)
        return diag_error(t->loc, "%s: more than %d dims", m.where, MAX_RANK - 2);
    if (batch)
        s->type.dim[0] = ref_type(st->input[0])->dim[0];
    for (int i = 0; i < shape->n; i++)
        s->type.dim[i + batch].n = shape->item[i];
    return true;
}

/* The parameter `<scan>.<state>0`. */
static Ref learned_start(Steps *st, const State *s) {
    Build *b = st->b;
    Type t = s->type;
    const char *key = strs_z(b->m->strs, arena_printf(b->arena, "%s0", s->name));
    if (batched(st->input[0])) {
        memmove(t.dim, t.dim + 1, sizeof *t.dim * (size_t)(--t.rank));
        t.dim[t.rank] = (Dim){0, false};
    }
    return build_param(b, &st->m, key, &t, "zeros", 0);
}

/* `start`: zeros, learned, or a tensor's name. */
static bool find_start(Steps *st, State *s) {
    Build *b = st->b;
    const Tree *t = tree_find(s->spec, "start");
    const char *what = arena_printf(b->arena, "%s: start of '%s'", st->s->where, s->name);
    bool zeros = !t || tree_is(t, "zeros"), learned = t && tree_is(t, "learned");
    s->start = zeros     ? graph_filled(b->g, &s->type, 0)
               : learned ? learned_start(st, s)
                         : build_find_tensor(b, st->in.up, what, t);
    if (s->start.node && s->type.dim[0].batch && !batched(s->start))
        s->start = equation(st, "{S[n<B.0,u..] = A[u..]}", 2, s->start, st->input[0],
                            (Ref){0});
    return s->start.node &&
           (type_equal(&s->type, ref_type(s->start)) ||
            diag_error(t->loc, "%s: got %s, the state is %s", what,
                       type_text(b->arena, ref_type(s->start)), type_text(b->arena, &s->type)));
}

static bool carries(const Steps *st) { return row_number(&st->m, "carry") != 0; }

/* What the state starts from, where it is carried: what the last batch left. */
static bool carry_start(Steps *st, State *s) {
    Ref given = s->start;
    const Tree *t = tree_find(s->spec, "start");
    if (!carries(st))
        return true;
    if (!t || tree_is(t, "zeros"))
        given = (Ref){0};
    if (!build_carried(st->b, &st->m, s->name, &s->type, &given))
        return false;
    s->start = given.node ? given : s->start;
    return true;
}

static bool may_carry(const Steps *st) {
    const Tree *lengths = tree_find(st->s->options, "lengths");
    if (!carries(st) || (!lengths && !row_number(&st->m, "reverse")))
        return true;
    return diag_error(lengths ? lengths->loc : st->s->loc, "%s: cannot carry its state on and %s",
                      st->s->where, lengths ? "have lengths: a sequence that ends within its "
                      "steps goes on nowhere" : "run in reverse: the steps before it are not "
                      "there yet");
}

static bool read_states(Steps *st) {
    Tree *list = tree_find(st->s->options, "state");
    bool ok = true;
    if (!list || list->kind != TREE_MAP || !list->n)
        return diag_error(list ? list->loc : st->s->loc,
                          "%s: expected states as a map from names to shapes: {state: {h: 8}}",
                          st->s->where);
    st->state = NEW(st->b->arena, list->n, State);
    for (; st->nstate < list->n; st->nstate++) {
        State *s = &st->state[st->nstate];
        ok = read_state(st, list->item[st->nstate], s) && find_start(st, s) &&
             carry_start(st, s) && ok;
    }
    return ok;
}

/* --- one step --- */

/* What r is called where the scan stands: its path from the nearest place around on. */
static const char *name_of(const Steps *st, Ref r) {
    const Build *b = st->b;
    for (int i = b->nnamed; i-- > 0;)
        for (const Place *p = st->in.up; p && ref_equal(b->named[i].ref, r); p = p->up)
            if (!strncmp(b->named[i].path, p->prefix, strlen(p->prefix)))
                return b->named[i].path + strlen(p->prefix);
    return NULL;
}

static void add_name(Steps *st, const char *name, Ref r) {
    Build *b = st->b;
    build_name(b, build_path(b, st->in.prefix, name), "state", st->s->loc, r)->part = true;
}

/* The slices of the inputs, by the names that these have around the scan. */
static Ref open_slices(Steps *st) {
    const Tree *from = tree_find(st->s->options, "from");
    Ref first = {0};
    for (int i = 0; i < st->nin; i++) {
        const Tree *t = from && from->kind == TREE_LIST ? from->item[i] : from;
        const char *name = t ? t->text : name_of(st, st->input[i]);
        Ref x = st->input[i];
        x = batched(x) ? equation(st, "{T[t,n,k..] = A[n,t,k..]}", 1, x, x, x) : x;
        Ref slice = scan_stack(&st->scan.draft, x);
        if (name)
            add_name(st, name, slice);
        first = i ? first : slice;
    }
    if (st->valid.node)
        st->valid = scan_stack(&st->scan.draft, st->valid);
    return first;
}

static Ref kept(Steps *st, Ref next, Ref was) {
    return !st->valid.node ? next
           : equation(st, "{O[n,u..] = when(C[n] > 0, A[n,u..], B[n,u..])}", 3, next, was,
                      st->valid);
}

static bool find_next(Steps *st, State *s, Ref last) {
    Build *b = st->b;
    const Tree *t = tree_find(s->spec, "next");
    const char *what = arena_printf(b->arena, "%s: next of '%s'", st->s->where, s->name);
    if (!t && st->nstate > 1)
        return diag_error(s->spec->key_loc, "%s: none is given; only a single state may do "
                          "without", what);
    Ref next = t ? build_find_tensor(b, &st->in, what, t) : last;
    if (!next.node)
        return false;
    if (!type_equal(&s->type, ref_type(next)))
        return diag_error(t ? t->loc : s->spec->key_loc, "%s: got %s, the state is %s", what,
                          type_text(b->arena, ref_type(next)), type_text(b->arena, &s->type));
    s->next = kept(st, next, s->was);
    return true;
}

/* Where `return: last` finds the result: a state's number, or one more carry's. */
static int last_carry(Steps *st, Ref y, Ref *next) {
    Ref zeros;
    for (int i = 0; i < st->nstate; i++)
        if (!st->valid.node && ref_equal(st->state[i].next, y))
            return i;
    zeros = graph_filled(st->scan.draft.g, ref_type(y), 0);
    next[st->nstate] = kept(st, y, scan_carry(&st->scan.draft, zeros));
    return st->nstate;
}

static Ref finish(Steps *st, Ref y) {
    Build *b = st->b;
    char last[] = "r ? return==last";
    bool whole = !row_holds(&st->m, last);
    Ref *next = NEW(b->arena, st->nstate + 1, Ref);
    for (int i = 0; i < st->nstate; i++)
        next[i] = st->state[i].next;
    int at = whole ? 0 : last_carry(st, y, next);
    int ncarry = st->scan.draft.n[0];
    Node *n = scan_done(&st->scan.draft, next, whole, &y);
    b->g = st->scan.draft.g;
    b->scan = st->scan.up;
    for (int i = st->first; i < b->nnamed; i++)
        b->named[i].closed = true;
    for (int i = 0; i < st->nstate; i++) {
        add_name(st, st->state[i].name, (Ref){n, i});
        if (carries(st))
            build_carry(b, &st->m, st->state[i].name, (Ref){n, i});
    }
    Ref r = {n, whole ? ncarry : at};
    if (!whole || !batched(y))
        return r;
    r = equation(st, "{O[n,t,u..] = A[t,n,u..]}", 1, r, r, r);
    return st->lengths.node
               ? equation(st, "{O[n,t,u..] = when(B[n] > t, A[n,t,u..], 0)}", 2, r,
                          st->lengths, r)
               : r;
}

static Ref run_steps(Steps *st, Tree *layers) {
    Build *b = st->b;
    st->first = b->nnamed;
    Ref y = open_slices(st);
    st->scan.up = b->scan;
    b->scan = &st->scan;
    b->g = st->scan.draft.body;
    for (int i = 0; i < st->nstate; i++) {
        st->state[i].was = scan_carry(&st->scan.draft, st->state[i].start);
        add_name(st, st->state[i].name, st->state[i].was);
    }
    y = build_layers(b, &st->in, layers, y);
    bool ok = y.node && !b->failed;
    if (ok) {
        build_use(b, y);
        y = build_inside(b, y);
    }
    for (int i = 0; i < st->nstate && y.node; i++)
        ok = find_next(st, &st->state[i], y) && ok;
    if (ok)
        return finish(st, y);
    b->g = st->scan.draft.g;
    b->scan = st->scan.up;
    return (Ref){0};
}

/* --- around it --- */

static bool find_lengths(Steps *st) {
    Build *b = st->b;
    const Tree *t = tree_find(st->s->options, "lengths");
    const char *what = arena_printf(b->arena, "%s: lengths", st->s->where);
    if (!t)
        return true;
    Ref r = build_find_tensor(b, st->in.up, what, t);
    if (!r.node || !macro_named(&st->m, "lengths=:int", r) ||
        !build_range(b, &st->m, r, 0, st->scan.draft.steps + 1))
        return false;
    if (!row_valid(&st->m, r))
        return false;
    st->lengths = macro_find(&st->m, "lengths");
    st->valid = macro_find(&st->m, "valid");
    return true;
}

/* The steps of all inputs are the same number. */
static bool count_steps(Steps *st) {
    int64_t steps = 0;
    for (int i = 0; i < st->nin; i++) {
        const Type *t = ref_type(st->input[i]);
        int at = batched(st->input[i]);
        if (t->rank <= at)
            return macro_fault(&st->m, "expects inputs [time, ..]");
        if (i && t->dim[at].n != steps)
            return macro_fault(&st->m, "its inputs differ in their number of steps");
        steps = t->dim[at].n;
    }
    st->scan.draft = scan_draft(st->b->g, steps, row_number(&st->m, "reverse") != 0);
    return true;
}

Ref build_scan(Build *b, Place *place, Spec *s, Ref x) {
    Origin *o = NEW(b->arena, 1, Origin);
    Steps *st = NEW(b->arena, 1, Steps);
    st->b = b;
    st->s = s;
    st->m = (Macro){.build = b, .arena = b->arena, .graph = b->g, .loc = s->loc,
                    .where = s->where, .scope = place->scope};
    bool ok = macro_open(&st->m, &scan_row, s->options, scan_keys);
    ok = build_set_name(b, place, s) && ok;
    *o = (Origin){s->loc, s->path, s->type, NULL};
    b->g->origin = o;
    st->m.where = s->where;
    st->m.path = s->path;
    st->in = (Place){place, arena_printf(b->arena, "%s.", s->path), place->scope, place->block,
                     0, NULL};
    Tree *layers = ok ? build_layer_list(b, s, "layers") : NULL;
    ok = build_find_inputs(b, place, s, x, &st->nin, &st->input) && ok && layers;
    st->m.nin = ok ? st->nin : 0;
    st->m.in = st->input;
    Ref out = {0};
    if (ok && macro_options(&st->m, &scan_row, s->options, place->scope) && count_steps(st) &&
        may_carry(st) && read_states(st) && find_lengths(st))
        out = run_steps(st, layers);
    b->failed |= !out.node;
    return out;
}
