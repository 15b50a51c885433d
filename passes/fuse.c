/* Fusion: equations put into one kernel under shared outer loops.
 * in: a graph in normal form   out: node->kernel and node->share
 * keeps: values; no cycle between kernels
 *
 * A node joins the kernel of one of its sources when its leading free loops are those
 * open at that kernel's end, and what it reads there it reads at its own place in them. */
#include "passes/fuse.h"
#include "passes/lower.h"

#include <string.h>

enum { MAX_MEMBERS = 24, MAX_LOCAL = 16384 };

typedef struct {
    int n;
    Node *member[MAX_MEMBERS];
    bool contraction;
} Group;

typedef struct { int n; Node **node; } Nodes;

typedef struct {
    Module *m;
    Graph *g;
    int ngroup;
    Group *group;
    int *seen, mark;                   /* by node: visited in search number `mark` */
    int *entered, *met;                /* by group and by band: the same */
    int nband;
    Nodes *band;                       /* by a band's id */
} Fuse;

static bool reaches(Fuse *f, const Node *n, int k);

static bool sources_reach(Fuse *f, const Node *n, int k) {
    for (int s = 0; s < n->nsrc; s++)
        if (reaches(f, n->src[s].node, k))
            return true;
    return false;
}

/* Is there a path from a node outside group k back into it? A band runs as one, with what
 * is in no group yet; within a band its nests are the groups. */
static bool reaches(Fuse *f, const Node *n, int k) {
    int band = f->group[k].member[0]->band.id;
    bool whole = n->band.id && !band;
    if (n->kernel == k)
        return true;
    int *seen = whole ? &f->met[n->band.id] : n->kernel < 0 ? &f->seen[n->id]
                                                            : &f->entered[n->kernel];
    if (*seen == f->mark || (band && n->band.id != band))
        return false;
    *seen = f->mark;
    if (n->kernel < 0 && !whole)
        return sources_reach(f, n, k);
    int count = whole ? f->band[n->band.id].n : f->group[n->kernel].n;
    Node *const *node = whole ? f->band[n->band.id].node : f->group[n->kernel].member;
    for (int i = 0; i < count; i++)
        if (sources_reach(f, node[i], k))
            return true;
    return false;
}

static bool makes_cycle(Fuse *f, const Node *n, int k) {
    f->mark++;
    for (int s = 0; s < n->nsrc; s++)
        if (n->src[s].node->kernel != k && reaches(f, n->src[s].node, k))
            return true;
    return false;
}

/* --- how many loops a node can share with the end of a group --- */

/* Loops that member i still shares with the last member. */
static int open_loops(const Group *k, int i) {
    int open = k->member[i]->eq->nfree;
    for (int j = i + 1; j < k->n; j++)
        open = k->member[j]->share < open ? k->member[j]->share : open;
    return open;
}

static bool uses_below(const Ix *x, int loops) {
    for (int i = 0; i < loops; i++)
        if (ix_uses(x, i))
            return true;
    return false;
}

/* One read of member `m` that shares c loops with the reader. */
static bool read_fits(const Node *m, int c, const Ix *const *sub) {
    const Eq *e = m->eq;
    int64_t local = 1;
    for (int d = 0; d < e->nout; d++) {
        if (uses_below(e->store[d], c) && sub[d] != e->store[d])
            return false;
        if (!uses_below(e->store[d], c))
            local *= m->types[0].dim[d].n;
    }
    bool rows = fuse_plain(m) && e->nout == e->nfree;
    return c == e->nfree || ((rows || (m->band.id && c >= m->band.loops)) && local <= MAX_LOCAL);
}

typedef struct { const Group *k; const Node *n; int share; bool ok, any; } Fit;

static void fit_read(const Expr *x, void *user) {
    Fit *f = user;
    if (x->kind != X_READ)
        return;
    Ref r = f->n->src[x->u.slot];
    for (int i = 0; i < f->k->n; i++) {
        const Node *m = f->k->member[i];
        if (m != r.node)
            continue;
        int c = open_loops(f->k, i);
        c = c < f->share ? c : f->share;
        f->any = true;
        f->ok &= r.res == 0 && read_fits(m, c, x->sub);
    }
}

static bool same_dim(Dim a, Dim b) { return a.n == b.n && a.batch == b.batch; }

static bool reads_index_of(const Group *k, const Node *n);

static bool fits(const Group *k, const Node *n, int share) {
    const Eq *last = k->member[k->n - 1]->eq;
    Fit f = {k, n, share, true, false};
    for (int i = 0; i < share; i++)
        if (!same_dim(last->ext[i], n->eq->ext[i]))
            return false;
    x_visit(n->eq->body, fit_read, &f);
    return f.ok && f.any && !reads_index_of(k, n);
}

/* Integer reads inside subscripts of what a member makes: not under shared loops. */
typedef struct { const Group *k; const Node *n; bool yes; } Index;

static void index_ix(const Ix *x, Index *q) {
    for (int i = 0; i < x->n; i++) {
        const IxAtom *t = x->term[i].atom;
        for (int j = 0; j < t->n; j++)
            index_ix(t->a[j], q);
        for (int j = 0; t->kind == IX_READ && j < q->k->n; j++)
            q->yes |= q->n->src[t->id].node == q->k->member[j];
    }
}

static void index_expr(const Expr *x, void *user) {
    Index *q = user;
    if (x->kind == X_IX)
        index_ix(x->u.ix, q);
    for (int i = 0; x->kind == X_READ && i < x->n; i++)
        index_ix(x->sub[i], q);
    for (int i = 0; x->kind == X_WHEN && i < x->cond.n; i++)
        index_ix(x->cond.cmp[i].e, q);
}

static bool reads_index_of(const Group *k, const Node *n) {
    Index q = {k, n, false};
    x_visit(n->eq->body, index_expr, &q);
    return q.yes;
}

/* --- epilogues on boxes that are not plain --- */

/* A map of the same shape as the group's last result, reading it at its own place, runs
 * over that result's box: its index d becomes the store's subscript d. */
static const Eq *aligned(Fuse *f, const Group *k, const Node *n) {
    const Node *last = k->member[k->n - 1];
    const Eq *e = n->eq, *to = last->eq;
    const Ix *map[MAX_RANK];
    if (e->fold != FOLD_NONE || !fuse_plain(n) || fuse_plain(last) || to->scatter ||
        n->types[0].rank != last->types[0].rank)
        return e;
    for (int d = 0, next = 0; d < e->nout; d++) {
        if (!same_dim(n->types[0].dim[d], last->types[0].dim[d]))
            return e;
        if (ix_is_var(e->store[d], NULL))
            map[next++] = to->store[d];
    }
    Eq *r = NEW(f->m->arena, 1, Eq);
    *r = *e;
    r->nidx = r->nfree = to->nfree;
    r->ext = to->ext;
    r->store = to->store;
    Box box = eq_box(r);
    r->body = x_simplify(f->m->pool, x_subst(f->m->pool, e->body, e->nfree, map, NULL), &box);
    return r;
}

/* --- joining --- */

static bool join(Fuse *f, Node *n, int number) {
    Group *k = &f->group[number];
    const Node *last = k->member[k->n - 1];
    const Eq *own = n->eq;
    bool alone = last->eq->scatter || fuse_contraction(n) || lower_is_view(f->g, last) ||
                 last->band.id != n->band.id || fuse_update(last);
    if (k->n == MAX_MEMBERS || alone)
        return false;
    n->eq = aligned(f, k, n);
    int most = n->eq->nfree < last->eq->nfree ? n->eq->nfree : last->eq->nfree;
    int least = k->contraction || last->nres > 1 ? last->eq->nfree : 1;
    least = n->band.loops > least ? n->band.loops : least;
    for (int share = most; share >= least && share > 0; share--) {
        if (!fits(k, n, share) || (k->contraction && n->eq->nidx > share))
            continue;
        if (makes_cycle(f, n, number))
            break;
        n->kernel = number;
        n->share = share;
        k->member[k->n++] = n;
        return true;
    }
    n->eq = own;
    return false;
}

/* A view has no code: it stays alone, so that it is no kernel's. */
static void place(Fuse *f, Node *n) {
    bool alone = n->eq->scatter || (!n->band.id && lower_is_view(f->g, n)) || fuse_update(n);
    for (int s = n->nsrc; s-- > 0 && !alone;) {
        const Node *src = n->src[s].node;
        if (src->kind == N_EQ && src->kernel >= 0 && join(f, n, src->kernel))
            return;
    }
    n->kernel = f->ngroup;
    n->share = 0;
    f->group[f->ngroup++] = (Group){1, {n}, fuse_contraction(n)};
}

/* --- bands --- */

static void find_bands(Fuse *f) {
    Arena *a = f->m->temp;
    for (int i = 0; i < f->g->nnode; i++)
        f->nband = f->g->node[i]->band.id > f->nband ? f->g->node[i]->band.id : f->nband;
    f->band = NEW(a, f->nband + 1, Nodes);
    f->met = NEW(a, f->nband + 1, int);
    for (int i = 0; i < f->g->nnode; i++) {
        int b = f->g->node[i]->band.id;
        if (b)
            PUSH(a, f->band[b].node, f->band[b].n) = f->g->node[i];
    }
}

/* Numbers a group of the band and those it reads from, sources first. */
static void number_nests(Fuse *f, int group, bool *done, int *next) {
    const Group *k = &f->group[group];
    if (done[group])
        return;
    done[group] = true;
    for (int i = 0; i < k->n; i++)
        for (int s = 0; s < k->member[i]->nsrc; s++) {
            const Node *x = k->member[i]->src[s].node;
            if (x->band.id == k->member[i]->band.id)
                number_nests(f, x->kernel, done, next);
        }
    for (int i = 0; i < k->n; i++)
        k->member[i]->nest = *next;
    ++*next;
}

/* The groups of a band become the nests of one kernel. */
static void merge_bands(Fuse *f) {
    bool *done = NEW(f->m->temp, f->ngroup + 1, bool);
    for (int b = 1; b <= f->nband; b++) {
        int next = 0, kernel = f->band[b].n ? f->band[b].node[0]->kernel : -1;
        for (int i = 0; i < f->band[b].n; i++)
            number_nests(f, f->band[b].node[i]->kernel, done, &next);
        for (int i = 0; i < f->band[b].n; i++) {
            Node *n = f->band[b].node[i];
            n->kernel = kernel;
            n->share = n->share || n->nest == 0 ? n->share : n->band.loops - 1;
        }
    }
}

bool pass_fuse(Module *m, Graph **g) {
    Fuse f = {.m = m, .g = *g};
    f.group = NEW(m->temp, f.g->nnode + 1, Group);
    f.seen = NEW(m->temp, f.g->nnode + 1, int);
    f.entered = NEW(m->temp, f.g->nnode + 1, int);
    find_bands(&f);
    for (int i = 0; i < f.g->nnode; i++)
        f.g->node[i]->kernel = -1;
    for (int i = 0; i < f.g->nnode; i++)
        if (f.g->node[i]->kind == N_EQ)
            place(&f, f.g->node[i]);
    merge_bands(&f);
    return true;
}
