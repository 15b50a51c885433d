/* Scans: a loop of launches around the kernels of the body.
 *
 * Slices of stacked tensors are places that move with the turns. A carry is held in its
 * result's own memory, or in a stacked result that has its values anyway: the one that
 * stacks what it becomes (read one slice back; the first step, which reads the start,
 * stands before the loop) or the one that stacks what it was (written one slice ahead; the
 * last step, which writes the result, stands behind the loop). */
#include "passes/lower.h"
#include "ir/scan.h"

typedef enum { HELD_ALONE, HELD_AFTER, HELD_BEFORE } Held;

typedef struct {
    Held held;
    int out;                           /* HELD_AFTER, HELD_BEFORE: by this result */
    bool direct;                       /* its kernel writes it where it is held */
    Ref temp;                          /* for what is another carry of this step */
} Carry;

typedef struct {
    Module *m;
    const Graph *g;
    Node *n;
    const Scan *s;
    Schedule *to;
    Schedule body;
    bool nested;                       /* the body has loops: its places cannot move */
    Carry *carry;
    Ref *slice;                        /* nested: copies of the stacked operands' slices */
    int64_t at, times;                 /* steps at..at+times-1 are being laid out */
} Steps;

typedef struct { Ref ref; Turn turn; } Spot;

Kernel *lower_copy(Module *m, const Type *t) {
    Kernel *k = NEW(m->arena, 1, Kernel);
    int64_t size = 1;
    type_count(t, &size);
    Buf b = {.kind = BUF_ARG, .dtype = t->dtype, .size = size, .restricted = true};
    b.read = true;
    kernel_buf(m->arena, k, b);
    b.read = false;
    b.written = true;
    kernel_buf(m->arena, k, b);
    int v = kernel_loop(k);
    const Ix *at = ix_var(m->pool, v), *n = ix_const(m->pool, size);
    if (t->rank && t->dim[0].batch)
        n = ix_scale(m->pool, ix_batch(m->pool), size / t->dim[0].n);
    k->body = stmt_for(m->arena, v, LOOP_FREE, ix_const(m->pool, 0), n, 1,
                       stmt_store(m->arena, 1, at, x_read(m->pool, t->dtype, 0, 1, &at)));
    return k;
}

/* --- where the body's values are --- */

static Spot fixed(Ref r) { return (Spot){r, {0, 0}}; }

/* The slice of a stacked tensor at this step, or `ahead` steps on. `where` has its bytes,
 * maybe as a tensor of another shape. */
static Spot slice_at(const Steps *st, const Type *stacked, Ref where, int ahead) {
    Type t = type_slice(stacked);
    int64_t bytes = type_bytes(&t), step = st->at + ahead;
    Turn turn = {(st->s->reverse ? st->s->steps - 1 - step : step) * bytes, 0};
    if (st->times > 1)
        turn.stride = st->s->reverse ? -bytes : bytes;
    return (Spot){where, turn};
}

static Spot slice_of(const Steps *st, Ref stacked, int ahead) {
    return slice_at(st, ref_type(stacked), stacked, ahead);
}

static Ref result(const Steps *st, int k) { return (Ref){st->n, k}; }
static Ref inner(const Steps *st, int k) { return st->s->body->result[k].ref; }
static Ref source(const Steps *st, int k) { return lower_base(st->g, st->n->src[k]); }

/* The slice of stacked operand j. */
static Spot operand_slice(const Steps *st, int j) {
    int k = st->s->ncarry + j;
    return slice_at(st, ref_type(st->n->src[k]), source(st, k), 0);
}

static Spot carry_now(const Steps *st, int i) {
    const Carry *c = &st->carry[i];
    switch (c->held) {
    case HELD_ALONE:  return fixed(result(st, i));
    case HELD_BEFORE: return slice_of(st, result(st, c->out), 0);
    case HELD_AFTER:
        return st->at == 0 ? fixed(source(st, i)) : slice_of(st, result(st, c->out), -1);
    }
    bug("carry held in way %d", c->held);
}

/* Where a carry's next value is expected; not for HELD_AFTER. */
static Spot carry_next(const Steps *st, int i) {
    bool last = st->at + st->times == st->s->steps;
    if (st->carry[i].held == HELD_BEFORE && !last)
        return slice_of(st, result(st, st->carry[i].out), 1);
    return fixed(result(st, i));
}

/* The result that a kernel of the body writes its value r to at once, or -1. */
static int primary(const Steps *st, Ref r) {
    if (r.node->kind != N_EQ || st->nested)
        return -1;
    for (int k = st->s->ncarry; k < st->s->body->nresult; k++)
        if (ref_equal(inner(st, k), r))
            return k;
    for (int k = 0; k < st->s->ncarry; k++)
        if (st->carry[k].direct && ref_equal(inner(st, k), r))
            return k;
    return -1;
}

static Spot spot(const Steps *st, Ref r) {
    int number = 0, k = primary(st, r);
    if (k >= 0)
        return k < st->s->ncarry ? carry_next(st, k) : slice_of(st, result(st, k), 0);
    if (r.node->kind != N_INPUT)
        return fixed(r);
    switch (scan_leaf(r.node, &number)) {
    case 'c': return carry_now(st, number);
    case 'x':
        return st->nested ? fixed(st->slice[number]) : operand_slice(st, number);
    default:
        return fixed(source(st, st->s->ncarry + st->s->nstack + number));
    }
}

/* --- how carries are held --- */

static bool carry_leaf(Ref r, int *number) {
    return r.node->kind == N_INPUT && scan_leaf(r.node, number) == 'c';
}

static int find_arg(const Launch *la, Ref r) {
    for (int i = 0; i < la->narg; i++)
        if (ref_equal(la->arg[i], r))
            return i;
    return -1;
}

/* May the kernel that makes the next value write it over the old one? */
static bool in_place(const Steps *st, int i) {
    const Node *leaf = scan_input(st->s, 'c', i);
    Ref old = {(Node *)(uintptr_t)leaf, 0}, r = inner(st, i);
    int made = -1;
    for (int q = 0; q < st->body.n; q++) {
        const Launch *la = &st->body.launch[q];
        int write = find_arg(la, r), read = leaf ? find_arg(la, old) : -1;
        if (read >= 0 && made >= 0)
            return false;
        if (made >= 0 || write < 0)
            continue;
        made = q;
        if (read >= 0 && !plan_share(la->kernel, read, write))
            return false;
    }
    return made >= 0;
}

static void hold(Steps *st, int i) {
    Carry *c = &st->carry[i];
    Ref r = inner(st, i);
    int number;
    if (r.node->kind != N_EQ || st->nested)
        return;
    for (int k = st->s->ncarry; k < st->s->body->nresult; k++)
        if (ref_equal(inner(st, k), r)) {
            c->held = HELD_AFTER;
            c->out = k;
            return;
        }
    for (int k = st->s->ncarry; k < st->s->body->nresult && c->held == HELD_ALONE; k++)
        if (carry_leaf(inner(st, k), &number) && number == i) {
            c->held = HELD_BEFORE;
            c->out = k;
        }
    c->direct = primary(st, r) < 0 && (c->held == HELD_BEFORE || in_place(st, i));
}

/* --- launches --- */

static void launch(const Steps *st, Launch la) {
    PUSH(st->m->arena, st->to->launch, st->to->n) = la;
}

static void copy(const Steps *st, Spot from, Spot to, const Type *t) {
    Arena *a = st->m->arena;
    Launch la = {.kind = C_KERNEL, .kernel = lower_copy(st->m, t), .narg = 2};
    la.arg = NEW(a, 2, Ref);
    la.turn = NEW(a, 2, Turn);
    la.arg[0] = from.ref;
    la.arg[1] = to.ref;
    la.turn[0] = from.turn;
    la.turn[1] = to.turn;
    launch(st, la);
}

/* Memory that is no node's. */
static Ref temporary(const Steps *st, const Type *t) {
    Node *n = NEW(st->m->arena, 1, Node);
    *n = (Node){.kind = N_SCAN, .nres = 1, .type = {*t}, .kernel = -1};
    n->types = n->type;
    return (Ref){n, 0};
}

/* What reads carries before they change. */
static void copies_before(const Steps *st) {
    int number;
    for (int j = 0; st->nested && j < st->s->nstack; j++)
        copy(st, operand_slice(st, j), fixed(st->slice[j]), ref_type(st->slice[j]));
    for (int k = 0; k < st->s->body->nresult; k++) {
        Ref r = inner(st, k);
        if (!carry_leaf(r, &number))
            continue;
        bool held = st->carry[number].held == HELD_BEFORE && st->carry[number].out == k;
        if (k < st->s->ncarry && number != k)
            copy(st, carry_now(st, number), fixed(st->carry[k].temp), ref_type(r));
        else if (k >= st->s->ncarry && !held)
            copy(st, carry_now(st, number), slice_of(st, result(st, k), 0), ref_type(r));
    }
}

static void copies_after(const Steps *st) {
    int number;
    for (int k = 0; k < st->s->body->nresult; k++) {
        Ref r = inner(st, k);
        bool carry = k < st->s->ncarry, leaf = carry_leaf(r, &number);
        if (primary(st, r) == k || (carry && st->carry[k].held == HELD_AFTER))
            continue;
        if (!leaf)
            copy(st, spot(st, r), carry ? carry_next(st, k) : slice_of(st, result(st, k), 0),
                 ref_type(r));
        else if (carry && number != k)
            copy(st, fixed(st->carry[k].temp), carry_next(st, k), ref_type(r));
    }
}

static void body(const Steps *st) {
    for (int i = 0; i < st->body.n; i++) {
        Launch la = st->body.launch[i];
        const Turn *turn = la.turn;
        const Ref *arg = la.arg;
        la.arg = NEW(st->m->arena, la.narg, Ref);
        la.turn = NEW(st->m->arena, la.narg, Turn);
        for (int k = 0; k < la.narg; k++) {
            Spot s = spot(st, arg[k]);
            la.arg[k] = s.ref;
            la.turn[k] = s.turn;
            if (turn) {
                la.turn[k].offset += turn[k].offset;
                la.turn[k].stride += turn[k].stride;
            }
        }
        launch(st, la);
    }
}

static void steps(Steps *st, int64_t at, int64_t times) {
    st->at = at;
    st->times = times;
    if (times > 1)
        launch(st, (Launch){.kind = C_LOOP, .times = times});
    copies_before(st);
    body(st);
    copies_after(st);
    if (times > 1)
        launch(st, (Launch){.kind = C_END});
}

/* --- around the loop --- */

static void prepare(Steps *st) {
    Arena *a = st->m->arena;
    int number;
    st->carry = NEW(a, st->s->ncarry + 1, Carry);
    st->slice = NEW(a, st->s->nstack + 1, Ref);
    lower_graph(st->m, st->s->body, &st->body);
    for (int i = 0; i < st->body.n; i++)
        st->nested |= st->body.launch[i].kind != C_KERNEL || st->body.launch[i].turn;
    for (int j = 0; st->nested && j < st->s->nstack; j++) {
        Type t = type_slice(ref_type(st->n->src[st->s->ncarry + j]));
        st->slice[j] = temporary(st, &t);
    }
    for (int i = 0; i < st->s->ncarry; i++) {
        hold(st, i);
        if (carry_leaf(inner(st, i), &number) && number != i)
            st->carry[i].temp = temporary(st, ref_type(inner(st, i)));
    }
}

static void start(Steps *st, int i) {
    const Carry *c = &st->carry[i];
    st->at = 0;
    st->times = 1;
    if (c->held != HELD_AFTER)
        copy(st, fixed(source(st, i)), carry_now(st, i), &st->n->types[i]);
}

static bool wanted(const Steps *st, int i) {
    Ref r = result(st, i);
    bool yes = false;
    for (int k = 0; k < st->g->nnode; k++)
        for (int s = 0; s < st->g->node[k]->nsrc; s++)
            yes |= ref_equal(st->g->node[k]->src[s], r);
    for (int k = 0; k < st->g->nresult; k++)
        yes |= ref_equal(st->g->result[k].ref, r);
    return yes;
}

static void finish(Steps *st, int i) {
    const Carry *c = &st->carry[i];
    st->at = st->s->steps - 1;
    st->times = 1;
    if (c->held == HELD_AFTER && wanted(st, i))
        copy(st, slice_of(st, result(st, c->out), 0), fixed(result(st, i)), &st->n->types[i]);
}

void lower_scan(Module *m, const Graph *g, const Node *n, Schedule *s) {
    Steps st = {.m = m, .g = g, .n = (Node *)(uintptr_t)n, .s = n->scan, .to = s};
    int64_t from = 0, to = n->scan->steps;
    bool first = false, last = false;
    prepare(&st);
    for (int i = 0; i < n->scan->ncarry; i++) {
        start(&st, i);
        first |= st.carry[i].held == HELD_AFTER;
        last |= st.carry[i].held == HELD_BEFORE;
    }
    if (first)
        steps(&st, from++, 1);
    last = last && from < to;
    to -= last;
    if (from < to)
        steps(&st, from, to - from);
    if (last)
        steps(&st, to, 1);
    for (int i = 0; i < n->scan->ncarry; i++)
        finish(&st, i);
}
