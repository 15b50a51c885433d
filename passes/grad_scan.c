/* The gradient of a scan: the same steps backwards.
 *
 * The reversed scan carries the adjoints of the carries. Its body is the forward body's
 * nodes and their gradient; what it needs of the forward pass and would be dear to compute
 * again (carries, folds) is stacked by a twin of the scan, which `simplify` merges with
 * the scan itself. A gradient summed over time is no carry: the equation that yields one
 * step's part gets the time as one more reduced index, over stacked results of the
 * reversed scan. */
#include "passes/grad.h"
#include "passes/scan.h"

#include <string.h>

/* One step's part of the gradient of what does not vary: the adjoint of `read`'s source. */
typedef struct { const Node *node; const Expr *read; Ref part; } Part;

typedef struct {
    Grad *gr;
    Graph *g;                          /* around the scan */
    const Node *n;
    const Scan *s;
    const Ref *stack, *whole;          /* sources by kind */
    Graph *body;                       /* the forward body's nodes, then the gradient's */
    int nforward;                      /* so many are the forward body's */
    Ref *result;                       /* of the forward body, in `body` */
    bool *varies;                      /* by node of `body` */
    bool *added;                       /* by node of `body`: a copy of its source */
    const bool *need;                  /* by forward node of `body`: a source that needs a
                                          gradient reaches it */
    bool *carried;                     /* by carry: it has an adjoint */
    Ref *seed;                         /* by result: its adjoint in `body`, or {NULL} */
    int npart;
    Part *part;
    int nsaved;
    Ref *saved;                        /* forward values the twin stacks, in `body` */
    int nkept;
    Ref *kept;                         /* values the reversed scan stacks, in `body` */
    const Node *twin, *back;
} Scans;

static bool floating(Ref r) { return dtype_info[ref_type(r)->dtype].is_float; }

static Ref adjoint_of(const Scans *q, int res) {
    return q->gr->adjoint[q->gr->first[q->n->id] + (uint32_t)res];
}

static bool source_needed(const Scans *q, char kind, int number) {
    const Ref *src = kind == 'c' ? q->n->src : kind == 'x' ? q->stack : q->whole;
    return floating(src[number]) && q->gr->need[src[number].node->id];
}

/* --- the forward body, copied --- */

/* Scans inside, and results, read what does not vary through a copy: then it is read by
 * equations alone. */
static Ref by_copy(Scans *q, Ref r) {
    if (q->varies[r.node->id] || !floating(r))
        return r;
    Ref made = graph_text(q->body, "O[..] = A[..]", 1, &r, 0, NULL, NDTYPE);
    q->varies[made.node->id] = q->added[made.node->id] = true;
    return made;
}

static Node *copy_node(Scans *q, const Node *n, Node *const *copy) {
    Ref *src = NEW(q->g->arena, n->nsrc, Ref);
    int number;
    bool varies = n->kind == N_INPUT && scan_leaf(n, &number) != 'w';
    for (int s = 0; s < n->nsrc; s++) {
        src[s] = (Ref){copy[n->src[s].node->id], n->src[s].res};
        varies |= q->varies[src[s].node->id];
    }
    for (int s = 0; s < n->nsrc && varies && n->kind == N_SCAN; s++)
        src[s] = by_copy(q, src[s]);
    Node *made = graph_with(q->body, n, src);
    q->varies[made->id] |= varies;
    return made;
}

static void copy_body(Scans *q) {
    const Graph *old = q->s->body;
    Arena *a = q->g->arena;
    Node **copy = NEW(a, old->nnode + 1, Node *);
    int most = old->nresult;
    for (int i = 0; i < old->nnode; i++)
        most += 1 + old->node[i]->nsrc;
    q->body = graph_new(a, q->g->pool, q->g->strs, "body", q->g->batch);
    q->body->strict = q->g->strict;
    q->varies = NEW(a, most + 1, bool);
    q->added = NEW(a, most + 1, bool);
    q->result = NEW(a, old->nresult, Ref);
    for (int i = 0; i < old->nnode; i++)
        copy[i] = copy_node(q, old->node[i], copy);
    for (int k = 0; k < old->nresult; k++) {
        Ref r = old->result[k].ref;
        q->result[k] = by_copy(q, (Ref){copy[r.node->id], r.res});
    }
    q->nforward = q->body->nnode;
}

/* What of the body a source in need of a gradient reaches, through carries too. */
static void find_need(Scans *q) {
    bool *need = NEW(q->g->arena, q->nforward + 1, bool), more = true;
    int number;
    q->carried = NEW(q->g->arena, q->s->ncarry + 1, bool);
    for (int i = 0; i < q->s->ncarry; i++)
        q->carried[i] = source_needed(q, 'c', i);
    while (more) {
        more = false;
        for (int i = 0; i < q->nforward; i++) {
            const Node *n = q->body->node[i];
            char kind = n->kind == N_INPUT ? scan_leaf(n, &number) : 0;
            if (kind)
                need[i] = kind == 'c' ? q->carried[number] : source_needed(q, kind, number);
            for (int s = 0; s < n->nsrc && !need[i]; s++)
                need[i] = need[n->src[s].node->id];
        }
        for (int i = 0; i < q->s->ncarry; i++) {
            bool now = floating(q->n->src[i]) && need[q->result[i].node->id];
            more |= now && !q->carried[i];
            q->carried[i] |= now;
        }
    }
    q->need = need;
}

/* --- one step backwards --- */

static Ref seed_leaf(Scans *q, char kind, int number, const Type *t) {
    char name[16];
    snprintf(name, sizeof name, "%c%d", kind, number);
    return graph_leaf(q->body, N_INPUT, name, t);
}

/* The adjoints that come into a step: a0.. of carries, d0.. of stacked results. */
static int seeds(Scans *q, Ref *y, Ref *seed) {
    int ncarry = q->s->ncarry, n = 0;
    q->seed = NEW(q->g->arena, q->n->nres, Ref);
    for (int k = 0; k < q->n->nres; k++) {
        Ref r = q->result[k];
        if (k < ncarry ? !q->carried[k] : !adjoint_of(q, k).node)
            continue;
        q->seed[k] = seed_leaf(q, k < ncarry ? 'a' : 'd', k < ncarry ? k : k - ncarry,
                               ref_type(r));
        y[n] = r;
        seed[n++] = q->seed[k];
    }
    return n;
}

/* Reads, by nodes that vary, of what does not vary and needs a gradient. */
static void find_parts(Scans *q) {
    bool *steady = NEW(q->g->arena, q->nforward + 1, bool);
    for (int i = 0; i < q->nforward; i++)
        steady[i] = q->need[i] && !q->varies[i];
    for (int i = 0; i < q->nforward; i++) {
        Reads r = {.node = q->body->node[i], .need = steady};
        if (r.node->kind != N_EQ || !q->varies[i])
            continue;
        grad_reads(&r);
        for (int k = 0; k < r.n; k++)
            PUSH(q->g->arena, q->part, q->npart) = (Part){r.node, r.read[k], {0}};
    }
}

/* Adjoints of the body's inputs by name, and the parts; wrt holds what was asked for. */
typedef struct { int n; Ref *wrt, *grad; } Wanted;

static void want(Scans *q, Wanted *w, Ref r) {
    for (int i = 0; i < w->n; i++)
        if (ref_equal(w->wrt[i], r))
            return;
    PUSH(q->g->arena, w->wrt, w->n) = r;
}

static Ref wanted(const Wanted *w, const Node *n) {
    for (int i = 0; i < w->n; i++)
        if (w->wrt[i].node == n && w->wrt[i].res == 0)
            return w->grad[i];
    return (Ref){0};
}

static Wanted step_back(Scans *q) {
    Arena *a = q->g->arena;
    Ref *y = NEW(a, q->n->nres, Ref), *seed = NEW(a, q->n->nres, Ref);
    Wanted w = {0};
    int number;
    int ny = seeds(q, y, seed);
    find_parts(q);
    for (int i = 0; i < q->nforward; i++) {
        Node *n = q->body->node[i];
        if (n->kind == N_INPUT && q->need[i] && scan_leaf(n, &number) != 'w')
            want(q, &w, (Ref){n, 0});
    }
    for (int i = 0; i < q->npart; i++)
        want(q, &w, (Ref){q->body->node[q->part[i].node->id], 0});
    w.grad = NEW(a, w.n + 1, Ref);
    graph_gradient(q->body, ny, y, seed, w.n, w.wrt, w.grad);
    for (int i = 0; i < q->npart; i++) {
        Part *p = &q->part[i];
        Ref down = wanted(&w, p->node);
        if (down.node)
            p->part = grad_eq_part(q->body, p->node, p->read, down);
    }
    return w;
}

/* --- where the reversed scan finds a value of the body --- */

typedef enum {
    IS_STEADY,                         /* the same at every step */
    IS_SLICE,                          /* of a tensor that is there: an operand, an adjoint */
    IS_SAVED,                          /* of a forward value: a result, or the twin's */
    IS_CARRY,                          /* an adjoint it carries */
    IS_MADE                            /* it computes it */
} Home;

static int index_of(int n, const Ref *list, Ref r) {
    for (int i = 0; i < n; i++)
        if (ref_equal(list[i], r))
            return i;
    return -1;
}

/* The scan's stacked result that is r, or -1. */
static int stacked_as(const Scans *q, Ref r) {
    for (int k = q->s->ncarry; k < q->n->nres; k++)
        if (ref_equal(q->result[k], r))
            return k;
    return -1;
}

static Home home(const Scans *q, Ref r) {
    const Node *n = r.node;
    bool forward = n->id < (uint32_t)q->nforward;
    if (n->kind == N_CONST || (forward && !q->varies[n->id]))
        return IS_STEADY;
    if (n->kind == N_INPUT && !forward)
        return n->name[0] == 'a' ? IS_CARRY : IS_SLICE;
    if (n->kind == N_INPUT)
        return n->name[0] == 'x' ? IS_SLICE : IS_SAVED;
    if (!forward)
        return IS_MADE;
    bool dear = n->kind != N_EQ || n->eq->fold != FOLD_NONE;
    return dear || stacked_as(q, r) >= 0 ? IS_SAVED : IS_MADE;
}

static void save(Scans *q, Ref r) {
    if (stacked_as(q, r) < 0 && index_of(q->nsaved, q->saved, r) < 0)
        PUSH(q->g->arena, q->saved, q->nsaved) = r;
}

/* Saves what the values of `root` are computed from. */
static void save_below(Scans *q, bool *seen, Ref r) {
    Home h = home(q, r);
    if (h == IS_SAVED)
        save(q, r);
    if (h != IS_MADE || seen[r.node->id])
        return;
    seen[r.node->id] = true;
    for (int s = 0; s < r.node->nsrc; s++)
        save_below(q, seen, r.node->src[s]);
}

/* What the parts, summed over time, have to find stacked. */
static void keep_sources(Scans *q) {
    for (int i = 0; i < q->npart; i++) {
        const Node *n = q->part[i].part.node;
        for (int s = 0; n && s < n->nsrc; s++) {
            Home h = home(q, n->src[s]);
            if (h == IS_SAVED)
                save(q, n->src[s]);
            else if ((h == IS_MADE || h == IS_CARRY) &&
                     index_of(q->nkept, q->kept, n->src[s]) < 0)
                PUSH(q->g->arena, q->kept, q->nkept) = n->src[s];
        }
    }
}

/* The scan again, with more stacked results. Its body's nodes are those of the scan. */
static const Node *make_twin(Scans *q) {
    const Graph *old = q->s->body;
    Graph *body = graph_new(q->g->arena, old->pool, old->strs, old->name, old->batch);
    Ref *to = NEW(q->g->arena, q->nforward + 1, Ref);       /* by node: its result 0 */
    Scan s = *q->s;
    char name[16];
    if (!q->nsaved)
        return q->n;
    body->strict = old->strict;
    for (int i = 0; i < q->nforward; i++) {
        const Node *n = q->body->node[i];
        Ref *src = NEW(q->g->arena, n->nsrc, Ref);
        for (int k = 0; k < n->nsrc; k++)
            src[k] = (Ref){to[n->src[k].node->id].node,
                           to[n->src[k].node->id].res + n->src[k].res};
        to[i] = q->added[i] ? src[0] : (Ref){graph_with(body, n, src), 0};
    }
    for (int k = 0; k < q->n->nres + q->nsaved; k++) {
        Ref r = k < q->n->nres ? q->result[k] : q->saved[k - q->n->nres];
        bool carry = k < s.ncarry;
        snprintf(name, sizeof name, "%c%d", carry ? 'c' : 'y', carry ? k : k - s.ncarry);
        r = (Ref){to[r.node->id].node, to[r.node->id].res + r.res};
        graph_result(body, TO_OUTPUT, name, r);
    }
    s.body = body;
    s.nout += q->nsaved;
    return graph_scan(q->g, &s, q->n->nsrc, q->n->src);
}

/* A value of the body, for all steps, in the graph around. Not for what is made. */
static Ref over_time(const Scans *q, Ref r) {
    int number = 0, k;
    if (r.node->kind == N_INPUT)
        scan_leaf(r.node, &number);
    switch (home(q, r)) {
    case IS_SLICE:
        if (r.node->name[0] == 'x')
            return q->stack[number];
        return adjoint_of(q, q->s->ncarry + number);
    case IS_SAVED:
        k = stacked_as(q, r);
        if (k < 0)
            k = q->n->nres + index_of(q->nsaved, q->saved, r);
        return (Ref){(Node *)(uintptr_t)q->twin, k};
    case IS_STEADY: case IS_CARRY: case IS_MADE:
        break;
    }
    bug("a value of one step, over time");
}

/* --- the reversed scan --- */

typedef struct { const Scans *q; Ref *carry; } Sources;

static bool given(Rebody *b, Ref r, Ref *as) {
    const Sources *s = b->user;
    int number;
    switch (home(s->q, r)) {
    case IS_SLICE: case IS_SAVED:
        *as = scan_stack(b->d, over_time(s->q, r));
        return true;
    case IS_CARRY:
        scan_leaf(r.node, &number);
        *as = s->carry[number];
        return true;
    case IS_STEADY: case IS_MADE:
        return false;
    }
    bug("a value without a home");
}

/* By node of the whole body: what the gradient added varies. */
static const bool *vary_all(const Scans *q) {
    bool *varies = NEW(q->g->arena, q->body->nnode + 1, bool);
    for (int i = 0; i < q->body->nnode; i++)
        varies[i] = i < q->nforward ? q->varies[i] : q->body->node[i]->kind != N_CONST;
    return varies;
}

/* Results of the reversed scan: adjoints of carries, of slices, then what is kept. */
static Rebody reverse(Scans *q, const Wanted *w, ScanDraft *d) {
    Arena *a = q->g->arena;
    int ncarry = q->s->ncarry, number, n = 0, nout = 0;
    Ref *carry = NEW(a, ncarry + 1, Ref), *next = NEW(a, ncarry + 1, Ref);
    Ref *out = NEW(a, w->n + q->nkept + 1, Ref);
    Sources *src = NEW(a, 1, Sources);
    Rebody b = rebody_new(d, q->body, vary_all(q), q->whole);
    *src = (Sources){q, carry};
    b.given = given;
    b.user = src;
    for (int i = 0; i < ncarry; i++) {
        Ref end = adjoint_of(q, i);
        if (q->carried[i])
            carry[i] = scan_carry(d, end.node ? end : graph_filled(q->g, &q->n->types[i], 0));
    }
    for (int i = 0; i < ncarry; i++) {
        const Node *leaf = scan_input(&(Scan){.body = q->body}, 'c', i);
        Ref adjoint = leaf ? wanted(w, leaf) : (Ref){0};
        if (q->carried[i])
            next[n++] = adjoint.node ? rebody(&b, adjoint)
                                     : graph_filled(d->body, &q->n->types[i], 0);
    }
    for (int i = 0; i < w->n; i++)
        if (w->wrt[i].node->kind == N_INPUT && scan_leaf(w->wrt[i].node, &number) == 'x' &&
            w->grad[i].node)
            out[nout++] = rebody(&b, w->grad[i]);
    for (int i = 0; i < q->nkept; i++)
        out[nout++] = rebody(&b, q->kept[i]);
    q->back = scan_done(d, next, nout, out);
    return b;
}

static void pass_on(Scans *q, const Wanted *w) {
    Node *back = (Node *)(uintptr_t)q->back;
    int number, k = 0;
    for (int i = 0; i < q->s->ncarry; i++) {
        if (q->carried[i] && source_needed(q, 'c', i))
            grad_add(q->gr, q->n->src[i], (Ref){back, k});
        k += q->carried[i];
    }
    for (int i = 0; i < w->n; i++)
        if (w->wrt[i].node->kind == N_INPUT && scan_leaf(w->wrt[i].node, &number) == 'x' &&
            w->grad[i].node)
            grad_add(q->gr, q->stack[number], (Ref){back, k++});
}

/* --- sums over time --- */

static Ref summed(Scans *q, Rebody *b, const Node *part) {
    Ref *src = NEW(q->g->arena, part->nsrc, Ref);
    bool *stacked = NEW(q->g->arena, part->nsrc + 1, bool);
    int first = q->back->nres - q->nkept;
    for (int s = 0; s < part->nsrc; s++) {
        Home h = home(q, part->src[s]);
        stacked[s] = h != IS_STEADY;
        if (h == IS_STEADY)
            src[s] = rebody_outside(b, part->src[s]);
        else if (h == IS_MADE || h == IS_CARRY)
            src[s] = (Ref){(Node *)(uintptr_t)q->back,
                           first + index_of(q->nkept, q->kept, part->src[s])};
        else
            src[s] = over_time(q, part->src[s]);
    }
    return grad_over_time(q->g, part, q->s->steps, stacked, src);
}

/* Sums the parts over time, and passes them on to the whole operands. */
static void add_parts(Scans *q, Rebody *b) {
    Arena *a = q->g->arena;
    Ref *y = NULL, *sum = NULL, *wrt = NULL;
    int ny = 0, nwrt = 0;
    for (int i = 0; i < q->npart; i++) {
        const Part *part = &q->part[i];
        if (!part->part.node)
            continue;
        Ref to = rebody_outside(b, part->node->src[part->read->u.slot]);
        int n = ny;
        PUSH(a, sum, n) = summed(q, b, part->part.node);
        PUSH(a, y, ny) = to;
    }
    for (int i = 0; i < q->s->nwhole; i++)
        if (source_needed(q, 'w', i) && index_of(nwrt, wrt, q->whole[i]) < 0)
            PUSH(a, wrt, nwrt) = q->whole[i];
    if (!ny)
        return;
    Ref *grad = NEW(a, nwrt, Ref);
    graph_gradient(q->g, ny, y, sum, nwrt, wrt, grad);
    for (int i = 0; i < nwrt; i++)
        if (grad[i].node)
            grad_add(q->gr, wrt[i], grad[i]);
}

void grad_scan(Grad *gr, const Node *n) {
    const Scan *s = n->scan;
    Scans q = {.gr = gr, .g = gr->g, .n = n, .s = s, .stack = n->src + s->ncarry,
               .whole = n->src + s->ncarry + s->nstack};
    bool any = false;
    for (int k = 0; k < n->nres; k++)
        any |= adjoint_of(&q, k).node != NULL;
    if (!any)
        return;
    copy_body(&q);
    find_need(&q);
    Wanted w = step_back(&q);
    keep_sources(&q);
    bool *seen = NEW(gr->g->arena, q.body->nnode + 1, bool);
    for (int i = 0; i < w.n; i++)
        if (w.wrt[i].node->kind == N_INPUT && w.grad[i].node)
            save_below(&q, seen, w.grad[i]);
    for (int i = 0; i < q.nkept; i++)
        save_below(&q, seen, q.kept[i]);
    q.twin = make_twin(&q);
    ScanDraft d = scan_draft(gr->g, s->steps, !s->reverse);
    Rebody b = reverse(&q, &w, &d);
    pass_on(&q, &w);
    add_parts(&q, &b);
}
