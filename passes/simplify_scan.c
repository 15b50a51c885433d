/* Simplification of scans.
 * in: any graph   out: the same results; scans over the same sources that carry the same
 * are one scan with the results of all; what nobody needs is gone; what is the same at
 * every step is computed before */
#include "passes/scan.h"

typedef struct {
    Module *m;
    const Graph *old;
    Graph *made;
    uint32_t *first;                   /* by node: place of its result 0 below */
    bool *used;                        /* by result */
    Ref *to;                           /* by result: in `made` */
    bool *done;                        /* by node */
} Tidy;

/* Scans that step alike, in one body. */
typedef struct {
    const Node *scan;                  /* the first */
    Graph *body;
    Ref *next;
    int nout;
    Ref *out;
    bool *live;                        /* by out */
    bool *alive;                       /* by carry */
} Union;

static bool same_sources(const Node *a, const Node *b) {
    const Scan *s = a->scan, *t = b->scan;
    if (b->kind != N_SCAN || a->nsrc != b->nsrc || s->ncarry != t->ncarry ||
        s->nstack != t->nstack || s->steps != t->steps || s->reverse != t->reverse)
        return false;
    for (int i = 0; i < a->nsrc; i++)
        if (!ref_equal(a->src[i], b->src[i]))
            return false;
    return true;
}

static bool used(const Tidy *t, const Node *n, int res) {
    return t->used[t->first[n->id] + (uint32_t)res];
}

static int add_out(Tidy *t, Union *u, Ref out) {
    for (int i = 0; i < u->nout; i++)
        if (ref_equal(u->out[i], out))
            return i;
    int i = u->nout;
    PUSH(t->m->temp, u->live, i) = false;
    PUSH(t->m->temp, u->out, u->nout) = out;
    return u->nout - 1;
}

/* Takes scan n in if it carries the same; to[]: its results as the union counts them. */
static bool join(Tidy *t, Union *u, const Node *n, int *to) {
    const Graph *body = n->scan->body;
    Node **map = NEW(t->m->temp, body->nnode + 1, Node *);
    int ncarry = n->scan->ncarry;
    for (int i = 0; i < body->nnode; i++)
        map[i] = graph_copy(u->body, body->node[i], map);
    for (int k = 0; k < body->nresult; k++) {
        Ref r = body->result[k].ref;
        r.node = map[r.node->id];
        if (k < ncarry && n == u->scan)
            u->next[k] = r;
        else if (k < ncarry && !ref_equal(r, u->next[k]))
            return false;
        to[k] = k < ncarry ? k : ncarry + add_out(t, u, r);
    }
    for (int k = 0; k < body->nresult; k++) {
        bool *flag = k < ncarry ? &u->alive[k] : &u->live[to[k] - ncarry];
        *flag |= used(t, n, k);
    }
    return true;
}

static bool reaches_leaf(const Union *u, bool *needed, Ref r) {
    bool found = false;
    int number;
    needed[r.node->id] = true;
    for (int i = (int)r.node->id; i >= 0; i--) {
        const Node *n = u->body->node[i];
        if (!needed[i])
            continue;
        for (int s = 0; s < n->nsrc; s++)
            needed[n->src[s].node->id] = true;
        if (n->kind == N_INPUT && scan_leaf(n, &number) == 'c' && !u->alive[number])
            found = u->alive[number] = true;
    }
    return found;
}

/* Carries that a result needs, of this step or of a later one. */
static void find_alive(Tidy *t, Union *u) {
    bool *needed = NEW(t->m->temp, u->body->nnode + 1, bool), more = true;
    for (int i = 0; i < u->nout; i++)
        if (u->live[i])
            reaches_leaf(u, needed, u->out[i]);
    while (more) {
        more = false;
        for (int i = 0; i < u->scan->scan->ncarry; i++)
            if (u->alive[i])
                more |= reaches_leaf(u, needed, u->next[i]);
    }
}

typedef struct { const Ref *src; const Ref *carry; const Scan *scan; } Given;

static bool given(Rebody *b, Ref r, Ref *as) {
    const Given *g = b->user;
    int number;
    char kind = r.node->kind == N_INPUT ? scan_leaf(r.node, &number) : 'w';
    if (kind == 'c')
        *as = g->carry[number];
    else if (kind == 'x')
        *as = scan_stack(b->d, g->src[g->scan->ncarry + number]);
    return kind != 'w';
}

/* The one scan; place[]: where each result of the union is among its results, or -1. */
static Node *rebuild(Tidy *t, const Union *u, const Ref *src, int *place) {
    const Scan *s = u->scan->scan;
    Arena *a = t->m->temp;
    ScanDraft d = scan_draft(t->made, s->steps, s->reverse);
    Ref *carry = NEW(a, s->ncarry, Ref), *next = NEW(a, s->ncarry, Ref);
    Ref *out = NEW(a, u->nout, Ref);
    Given g = {src, carry, s};
    int ncarry = 0, nout = 0;
    Rebody b = rebody_new(&d, u->body, scan_varies(u->body), src + s->ncarry + s->nstack);
    b.given = given;
    b.user = &g;
    for (int i = 0; i < s->ncarry; i++) {
        place[i] = u->alive[i] ? ncarry++ : -1;
        if (u->alive[i])
            carry[i] = scan_carry(&d, src[i]);
    }
    for (int i = 0; i < s->ncarry; i++)
        if (u->alive[i])
            next[place[i]] = rebody(&b, u->next[i]);
    for (int i = 0; i < u->nout; i++) {
        place[s->ncarry + i] = u->live[i] ? ncarry + nout : -1;
        if (u->live[i])
            out[nout++] = rebody(&b, u->out[i]);
    }
    return scan_done(&d, next, nout, out);
}

static Ref mapped(const Tidy *t, Ref r) {
    return t->to[t->first[r.node->id] + (uint32_t)r.res];
}

static const Ref *mapped_sources(const Tidy *t, const Node *n) {
    Ref *src = NEW(t->made->arena, n->nsrc, Ref);
    for (int s = 0; s < n->nsrc; s++)
        src[s] = mapped(t, n->src[s]);
    return src;
}

static void tidy_scan(Tidy *t, const Node *n) {
    Arena *a = t->m->temp;
    const Graph *old = t->old;
    int **to = NEW(a, old->nnode, int *);
    Union u = {.scan = n, .next = NEW(a, n->scan->ncarry, Ref),
               .alive = NEW(a, n->scan->ncarry, bool)};
    u.body = graph_new(t->made->arena, old->pool, old->strs, "body", old->batch);
    u.body->strict = old->strict;
    for (int i = (int)n->id; i < old->nnode; i++) {
        const Node *o = old->node[i];
        int *results = NEW(a, o->nres, int);
        if (!t->done[i] && same_sources(n, o) && join(t, &u, o, results))
            to[i] = results;
    }
    find_alive(t, &u);
    int *place = NEW(a, n->scan->ncarry + u.nout, int);
    t->made->origin = n->origin;
    Node *made = rebuild(t, &u, mapped_sources(t, n), place);
    for (int i = (int)n->id; i < old->nnode; i++) {
        for (int k = 0; to[i] && k < old->node[i]->nres; k++)
            if (place[to[i][k]] >= 0)
                t->to[t->first[i] + (uint32_t)k] = (Ref){made, place[to[i][k]]};
        t->done[i] |= to[i] != NULL;
    }
}

static void find_used(Tidy *t) {
    for (int i = 0; i < t->old->nnode; i++)
        for (int s = 0; s < t->old->node[i]->nsrc; s++) {
            Ref r = t->old->node[i]->src[s];
            t->used[t->first[r.node->id] + (uint32_t)r.res] = true;
        }
    for (int i = 0; i < t->old->nresult; i++) {
        Ref r = t->old->result[i].ref;
        t->used[t->first[r.node->id] + (uint32_t)r.res] = true;
    }
}

Graph *simplify_scans(Module *m, const Graph *g) {
    Tidy t = {.m = m, .old = g, .first = result_places(m->temp, g)};
    t.made = graph_like(g);
    t.used = NEW(m->temp, t.first[g->nnode] + 1, bool);
    t.to = NEW(m->temp, t.first[g->nnode] + 1, Ref);
    t.done = NEW(m->temp, g->nnode + 1, bool);
    find_used(&t);
    for (int i = 0; i < g->nnode; i++) {
        const Node *n = g->node[i];
        if (n->kind == N_SCAN && !t.done[i])
            tidy_scan(&t, n);
        if (n->kind == N_SCAN)
            continue;
        Node *made = graph_with(t.made, n, mapped_sources(&t, n));
        for (int k = 0; k < n->nres; k++)
            t.to[t.first[i] + (uint32_t)k] = (Ref){made, k};
    }
    for (int i = 0; i < g->nresult; i++)
        graph_result(t.made, g->result[i].to, g->result[i].name, mapped(&t, g->result[i].ref));
    return t.made;
}
