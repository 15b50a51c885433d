/* Recomputation: large values are computed where they are read, again for each reader,
 * instead of kept.
 * in: a graph in normal form   out: what reads large values stands in bands, each with its
 * own twins of what it reads; a large value that is wanted elsewhere is stored as well
 * keeps: every value, bit for bit: a twin is the same equation over the same operands */
#include "passes/band.h"
#include "passes/lower.h"

enum { LATEST = 3 };                   /* bands that a reader may still join */

/* What a node is to the band that is being looked at. */
typedef enum {
    APART,                             /* does not depend on it */
    INSIDE,                            /* depends on it, could be computed within */
    BEHIND                             /* needs its kernel to have run */
} Depends;

typedef struct {
    const Node *shape;
    int n;
    const Node **reader;               /* of large values, in order */
    bool whole;                        /* of its rows all is needed */
} Set;

typedef struct { int band, next; Node *twin; } Use;

typedef struct {
    Module *m;
    const Graph *g;
    Member *as;                        /* by node */
    int *home;                         /* by node: the band a reader joined, or -1 */
    int nset;
    Set *set;
    int mark;                          /* of the band looked at; mark + 1: of a newcomer */
    int *needed;                       /* by node: large, computed for `mark` */
    int *looked;                       /* by node: `depends` holds for `mark` */
    Depends *depends;
    int nuse;
    Use *use;                          /* nodes of bands, chained by node */
    int *first;                        /* by node: first use, or -1 */
    Reach *reach;                      /* by node */
} Work;

/* --- may a reader join a band? --- */

typedef struct { int least; bool met; } Needs;

/* Marks the large values that n is computed from. least: the first node of all; met: one
 * of them the band has already. */
static void need(Work *w, const Node *n, int mark, Needs *k) {
    k->least = (int)n->id < k->least ? (int)n->id : k->least;
    for (int s = 0; s < n->nsrc; s++) {
        const Node *x = n->src[s].node;
        k->met |= w->needed[x->id] == w->mark;
        if (w->as[x->id].role != ROLE_LARGE || w->needed[x->id] >= w->mark)
            continue;
        w->needed[x->id] = mark;
        need(w, x, mark, k);
    }
}

static Depends how(const Work *w, const Node *x) {
    return w->looked[x->id] == w->mark ? w->depends[x->id] : APART;
}

/* Within the band if all it reads of the band is there, at its own place. */
static Depends own_place(const Work *w, const Node *n) {
    Depends most = APART;
    for (int s = 0; s < n->nsrc; s++) {
        const Node *x = n->src[s].node;
        Depends d = how(w, x);
        if (d == INSIDE && !band_reads_own(&w->as[n->id], &w->as[x->id], s))
            d = BEHIND;
        most = d > most ? d : most;
    }
    return most;
}

static Depends outside(const Work *w, const Node *n) {
    for (int s = 0; s < n->nsrc; s++)
        if (how(w, n->src[s].node) != APART || w->needed[n->src[s].node->id] >= w->mark)
            return BEHIND;             /* what it reads is stored by the band's kernel */
    return APART;
}

static Depends depends(const Work *w, int band, const Node *n) {
    bool member = w->home[n->id] == band && band >= 0;
    if (w->as[n->id].role == ROLE_NONE)
        return outside(w, n);
    if (member)
        return w->as[n->id].role == ROLE_SUM ? BEHIND : INSIDE;
    Depends d = own_place(w, n);
    bool within = w->as[n->id].role != ROLE_SUM && w->home[n->id] < 0;
    return within || d == APART ? d : BEHIND;
}

/* Looks at all from the band's first node to n. False if the band could not run. */
static bool look(Work *w, int band, const Node *n, bool *met) {
    const Set *set = band >= 0 ? &w->set[band] : NULL;
    Needs k = {(int)n->id, false};
    w->mark += 2;
    for (int i = 0; set && i < set->n; i++)
        need(w, set->reader[i], w->mark, &k);
    k.met = false;
    need(w, n, w->mark + 1, &k);
    *met = k.met;
    for (int i = k.least; i < (int)n->id; i++) {
        w->depends[i] = depends(w, band, w->g->node[i]);
        w->looked[i] = w->mark;
        if (w->needed[i] >= w->mark && w->depends[i] == BEHIND)
            return false;
    }
    return true;
}

/* Could n stand in the band (in one of its own for band -1)? */
static bool joins(Work *w, int band, const Node *n) {
    bool met;
    if (!look(w, band, n, &met))
        return false;
    Depends own = own_place(w, n);
    return own != BEHIND && (band < 0 || met || own == INSIDE);
}

static void join(Work *w, const Node *n) {
    Arena *a = w->m->temp;
    const Node *shape = w->as[n->id].shape;
    int band = -1;
    for (int i = w->nset; i-- > 0 && i >= w->nset - LATEST && band < 0;)
        if (band_same_shape(w->set[i].shape, shape) && joins(w, i, n))
            band = i;
    if (band < 0 && !joins(w, -1, n))
        return;
    if (band < 0) {
        band = w->nset;
        PUSH(a, w->set, w->nset) = (Set){.shape = shape};
    }
    Set *s = &w->set[band];
    PUSH(a, s->reader, s->n) = n;
    w->home[n->id] = band;
}

static bool reads_large(const Work *w, const Node *n) {
    for (int s = 0; s < n->nsrc; s++)
        if (w->as[n->src[s].node->id].role == ROLE_LARGE)
            return true;
    return false;
}

static void find_bands(Work *w) {
    for (int i = 0; i < w->g->nnode; i++) {
        const Node *n = w->g->node[i];
        if (!lower_is_view(w->g, n))
            w->as[i] = band_member(w->m, n, w->as);
        if (w->as[i].role != ROLE_NONE && w->as[i].role != ROLE_LARGE && reads_large(w, n))
            join(w, n);
    }
}

/* --- what a band holds --- */

static void put(Work *w, const Node *n, int band) {
    for (int u = w->first[n->id]; u >= 0; u = w->use[u].next)
        if (w->use[u].band == band)
            return;
    PUSH(w->m->temp, w->use, w->nuse) = (Use){band, w->first[n->id], NULL};
    w->first[n->id] = w->nuse - 1;
    for (int s = 0; s < n->nsrc; s++) {
        const Node *x = n->src[s].node;
        bool between = w->as[x->id].role == ROLE_ROW && w->home[x->id] < 0 &&
                       how(w, x) == INSIDE;
        if (w->as[x->id].role == ROLE_LARGE || between)
            put(w, x, band);
    }
}

/* Latest bands first, so that the chains begin with the earliest. */
static void fill_bands(Work *w) {
    bool met;
    for (int b = w->nset; b-- > 0;) {
        const Set *s = &w->set[b];
        if (!look(w, b, s->reader[s->n - 1], &met))
            bug("band %d needs what needs it", b);
        for (int i = 0; i < s->n; i++)
            put(w, s->reader[i], b);
    }
}

/* Bands in which something is needed of a row beyond its own place. */
static void find_reach(Work *w) {
    bool *stored = NEW(w->m->temp, w->g->nnode + 1, bool);
    w->reach = NEW(w->m->temp, w->g->nnode + 1, Reach);
    for (int i = 0; i < w->g->nnode; i++)
        for (int s = 0; w->first[i] < 0 && s < w->g->node[i]->nsrc; s++)
            stored[w->g->node[i]->src[s].node->id] = true;
    for (int i = 0; i < w->g->nresult; i++)
        stored[w->g->result[i].ref.node->id] = true;
    for (int b = 0; b < w->nset; b++)
        w->set[b].whole = !band_square(w->set[b].shape, band_block(w->m, w->set[b].shape));
    for (int i = 0; i < w->g->nnode; i++) {
        bool ends = w->first[i] < 0 || band_reach(w->m, w->g->node[i], w->as, w->reach, &w->reach[i]);
        ends &= !stored[i] || w->as[i].role != ROLE_LARGE;
        for (int u = w->first[i]; u >= 0; u = w->use[u].next)
            w->set[w->use[u].band].whole |= !ends;
    }
}

/* --- the new graph --- */

static Node *twin(Work *w, Graph *made, const Node *n, Use *use, Node *const *map) {
    const Member *as = &w->as[n->id];
    Ref *src = NEW(made->arena, 2 * n->nsrc, Ref);
    Band band = {use->band + 1, as->loops, band_block(w->m, w->set[use->band].shape),
                 as->sums, 0, 0};
    if (!w->set[use->band].whole && w->reach[n->id].index >= 0) {
        band.row = w->reach[n->id].index;
        band.reach = w->reach[n->id].places;
    }
    for (int s = 0; s < n->nsrc; s++) {
        src[s] = (Ref){map[n->src[s].node->id], n->src[s].res};
        for (int u = w->first[n->src[s].node->id]; u >= 0; u = w->use[u].next)
            if (w->use[u].band == use->band)
                src[s].node = w->use[u].twin;
    }
    for (int s = 0; s < n->nsrc; s++)
        src[n->nsrc + s] = src[s];
    made->origin = n->origin;
    const Eq *eq = band_turn(w->m, made, as, n->nsrc, src);
    return graph_eq_in(made, band, eq, &n->types[0], 2 * n->nsrc, src).node;
}

static Graph *rebuild(Work *w) {
    const Graph *old = w->g;
    Graph *made = graph_like(old);
    Node **map = NEW(w->m->temp, old->nnode + 1, Node *);
    for (int i = 0; i < old->nnode; i++) {
        const Node *n = old->node[i];
        for (int u = w->first[i]; u >= 0; u = w->use[u].next)
            w->use[u].twin = twin(w, made, n, &w->use[u], map);
        map[i] = w->first[i] >= 0 ? w->use[w->first[i]].twin : graph_copy(made, n, map);
    }
    graph_results(made, old, map);
    return made;
}

bool pass_recompute(Module *m, Graph **g) {
    int n = (*g)->nnode;
    Work w = {.m = m, .g = *g, .as = NEW(m->temp, n + 1, Member), .mark = 1};
    w.home = NEW(m->temp, n + 1, int);
    w.first = NEW(m->temp, n + 1, int);
    w.needed = NEW(m->temp, n + 1, int);
    w.looked = NEW(m->temp, n + 1, int);
    w.depends = NEW(m->temp, n + 1, Depends);
    for (int i = 0; i < n; i++)
        w.home[i] = w.first[i] = -1;
    find_bands(&w);
    if (w.nset == 0)
        return true;
    fill_bands(&w);
    find_reach(&w);
    *g = graph_live(rebuild(&w));
    return true;
}
