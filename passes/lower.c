/* Lowering: kernels of equations into loop nests.
 * in: graphs in launch order, nodes grouped by `fuse`   out: naive loops, one schedule of
 * launches for each graph   keeps: canonical order of every sum
 *
 * Equations of a kernel share their leading free loops with the one before. What stays
 * inside the kernel is a local scalar, or a local buffer of the dims that are not shared. */
#include "passes/lower.h"

#include <string.h>

#include "passes/scan.h"

enum { SAME_LINES = 1024 };            /* bytes */

void lower_put(Lower *l, Stmt *s) {
    *l->tail[l->depth] = s;
    l->tail[l->depth] = &s->next;
}

int lower_let(Lower *l, const Expr *value) {
    int v = kernel_var(l->a, l->k, value->type, value->lanes);
    lower_put(l, stmt_let(l->a, v, value));
    return v;
}

const Expr *lower_var(Lower *l, int v) {
    return x_var(l->p, l->k->var[v].type, l->k->var[v].lanes, v);
}

int lower_open(Lower *l, LoopKind kind, const Ix *lo, const Ix *hi, int64_t step) {
    int v = kernel_loop(l->k);
    Stmt *s = stmt_for(l->a, v, kind, lo, hi, step, NULL);
    lower_put(l, s);
    l->tail[++l->depth] = &s->body;
    return v;
}

void lower_close(Lower *l, int n) { l->depth -= n; }

const Ix *lower_extent(Lower *l, Dim d) {
    return d.batch ? ix_batch(l->p) : ix_const(l->p, d.n);
}

/* --- which results leave the kernel --- */

static bool is_result(const Graph *g, Ref r) {
    for (int i = 0; i < g->nresult; i++)
        if (ref_equal(g->result[i].ref, r))
            return true;
    return false;
}

/* By place of a result: is it wanted outside of its kernel? Views count as outside. */
static bool *find_leaving(Module *m, const Graph *g, const uint32_t *first) {
    bool *leaves = NEW(m->temp, first[g->nnode] + 1, bool);
    for (int i = 0; i < g->nnode; i++) {
        const Node *n = g->node[i];
        for (int s = 0; s < n->nsrc; s++) {
            Ref r = n->src[s];
            bool inside = n->kind == N_EQ && n->kernel >= 0 && n->kernel == r.node->kernel;
            leaves[first[r.node->id] + (uint32_t)r.res] |= !inside;
        }
    }
    for (int i = 0; i < g->nresult; i++)
        leaves[first[g->result[i].ref.node->id] + (uint32_t)g->result[i].ref.res] = true;
    return leaves;
}

/* Loops that node `at` still shares with the later node `to` of its kernel. */
static int shared_to(const Lower *l, int at, int to) {
    int s = l->made[at].nloop;
    for (int i = at + 1; i <= to; i++)
        s = l->made[i].node->share < s ? l->made[i].node->share : s;
    return s;
}

/* Fewest loops shared with a reader inside the kernel; -1 if there is none. */
static int nearest_reader(const Lower *l, int at) {
    int least = -1;
    for (int i = at + 1; i < l->nmade; i++) {
        const Node *n = l->made[i].node;
        for (int s = 0; s < n->nsrc; s++)
            if (n->src[s].node == l->made[at].node && n->src[s].res == 0) {
                int d = shared_to(l, at, i);
                least = least < 0 || d < least ? d : least;
            }
    }
    return least;
}

static int out_buf(Lower *l, Ref r) {
    const Type *t = ref_type(r);
    int64_t size = 1;
    if (!type_count(t, &size))
        bug("result without a size");
    int b = kernel_buf(l->a, l->k, (Buf){.kind = BUF_ARG, .dtype = t->dtype, .size = size,
                                         .written = true, .restricted = true,
                                         .name = r.node->name});
    int n = l->narg;
    PUSH(l->a, l->arg, l->narg) = r;
    PUSH(l->a, l->arg_buf, n) = b;
    return b;
}

/* The dim of the next free index after the leading ones. */
static int first_dim(const Eq *e, int indices) {
    int d = 0, var;
    for (int i = 0; d < e->nout && i < indices; d++)
        i += ix_is_var(e->store[d], &var) && var == i;
    while (d < e->nout && ix_is_const(e->store[d], NULL))
        d++;
    return d;
}

/* Rows of a block whose distance is a high power of two would lie in the same few lines of
 * a cache: they stand a line further apart. */
static int64_t apart(int64_t row, int bytes) {
    return row * bytes % SAME_LINES ? row : row + 64 / bytes;
}

/* Decides where a node's results go: out, local scalar, local buffer. */
static void place(Lower *l, int at) {
    Made *m = &l->made[at];
    const Type *t = &m->node->types[0];
    int near = nearest_reader(l, at);
    for (int r = 0; r < m->node->nres; r++) {
        Ref ref = {(Node *)(uintptr_t)m->node, r};
        m->out[r] = l->leaves[l->first[ref.node->id] + (uint32_t)r] ? out_buf(l, ref) : -1;
    }
    m->var = m->local = -1;
    if (near < 0 || (near < m->nloop && m->out[0] >= 0))
        return;                        /* unread here, or read back from where it went */
    if (near == m->nloop) {
        m->var = -2;                   /* a scalar, once there is a value */
        return;
    }
    bool blocked = l->band.id && near == l->band.loops - 1;
    m->local_from = first_dim(m->node->eq, near);
    int64_t size = 1;
    for (int d = m->local_from + blocked; d < t->rank; d++)
        size *= t->dim[d].n;
    if (blocked) {
        m->stride = apart(size, dtype_info[t->dtype].bytes);
        size = m->stride * l->band.block;
    }
    m->local = kernel_buf(l->a, l->k, (Buf){.kind = BUF_LOCAL, .dtype = t->dtype, .size = size,
                                            .read = true, .written = true});
}

/* --- one node --- */

static void store(Lower *l, Made *m, const Ix *const *map, const Expr *value,
                  const Expr *arg) {
    const Type *t = &m->node->types[0];
    const Ix *sub[MAX_RANK];
    if (value->type != t->dtype)
        bug("result %s of a body %s", dtype_info[t->dtype].name, dtype_info[value->type].name);
    for (int d = 0; d < t->rank; d++)
        sub[d] = lower_ix(l, m->node, m->node->eq->store[d], map);
    if (m->preset) {
        lower_put(l, stmt_set(l->a, m->var, value));
    } else if (m->var == -2) {
        m->var = value->kind == X_VAR ? value->u.slot : lower_let(l, value);
        value = lower_var(l, m->var);
    }
    if (m->local >= 0)
        lower_put(l, stmt_store(l->a, m->local, lower_local(l, m, sub), value));
    if (m->out[0] >= 0)
        lower_put(l, stmt_store(l->a, m->out[0], lower_flat(l->p, t, 0, sub), value));
    if (m->node->nres > 1 && m->out[1] >= 0)
        lower_put(l, stmt_store(l->a, m->out[1], lower_flat(l->p, t, 0, sub), arg));
}

/* A byte that is read as a subscript cannot leave a dim that has a place for all bytes. */
static bool byte_inside(const Node *n, const Ix *x, Dim dim) {
    const IxAtom *t = x->n ? x->term[0].atom : NULL;
    if (x->n != 1 || x->c != 0 || x->term[0].coef != 1 || t->kind != IX_READ || dim.batch)
        return false;
    DType type = ref_type(n->src[t->id])->dtype;
    return (type == U8 && dim.n > UINT8_MAX) || (type == BOOL && dim.n > 1);
}

/* Stores outside the result's shape do not happen. */
static Cond inside(Lower *l, const Node *n, const Ix *const *map) {
    Cond c = {0, NULL};
    Box box = eq_box(n->eq);
    box.batch = l->g->batch;
    for (int d = 0; d < n->eq->nout; d++)
        if (!ix_inside(l->p, n->eq->store[d], n->types[0].dim[d], &box) &&
            !byte_inside(n, n->eq->store[d], n->types[0].dim[d]))
            c = cond_and(l->p, c, cond_in(l->p, n->eq->store[d], n->types[0].dim[d]));
    return lower_cond(l, n, cond_simplify(l->p, c, &box, &(bool){false}), map);
}

/* Opens an `if` for the points that are stored; false if all are. */
static bool open_inside(Lower *l, const Node *n, const Ix *const *map) {
    Cond in = inside(l, n, map);
    if (!in.n)
        return false;
    Stmt *s = stmt_if(l->a, in, NULL);
    lower_put(l, s);
    l->tail[++l->depth] = &s->body;
    return true;
}

void lower_free(Lower *l, Made *m, const Ix **map) {
    const Eq *e = m->node->eq;
    int last = l->band.loops - 1, shared = m == l->made ? 0 : m->node->share;
    shared = shared > e->nfree ? e->nfree : shared;
    if (l->band.id && m->node->band.sums)
        shared = l->band.loops - m->node->band.sums;
    for (int i = 0; i < e->nfree; i++) {
        bool blocked = l->band.id && i == last && !m->node->band.sums;
        bool grows = l->band.id && i >= l->band.loops - l->sums && i < last;
        if (i < shared) {
            map[i] = m->at[i] = l->at[i];
            continue;
        }
        if (blocked && m == l->made)
            lower_blocks(l, e->ext[i]);
        const Ix *turns = blocked ? lower_block_turns(l, e->ext[i])
                                  : lower_row_end(l, m->node, i, lower_extent(l, e->ext[i]));
        int v = lower_open(l, grows && m == l->made ? LOOP_SERIAL : LOOP_FREE,
                           ix_const(l->p, 0), turns, 1);
        map[i] = blocked ? ix_add(l->p, l->base, ix_var(l->p, v)) : ix_var(l->p, v);
        m->at[i] = map[i];
        if (!m->node->band.sums || !l->band.id)
            l->at[i] = map[i];
    }
}

static void lower_gather(Lower *l, Made *m) {
    const Node *n = m->node;
    const Ix **map = NEW(l->a, n->eq->nidx + 1, const Ix *);
    const Expr *arg = NULL, *value;
    lower_free(l, m, map);
    m->preset = m->var == -2 && inside(l, n, map).n;
    if (m->preset)                     /* later members see it outside the `if` */
        m->var = lower_let(l, x_num(l->p, n->eq->body->type, 0));
    bool guarded = open_inside(l, n, map);
    if (n->eq->nidx > n->eq->nfree)
        value = lower_reduce(l, n, map, &arg);
    else
        value = lower_share(l, lower_expr(l, n, n->eq->body, map));
    if (n->eq->arg && !arg)
        arg = x_int(l->p, I32, 0);     /* the first of one */
    store(l, m, map, value, arg);
    lower_close(l, guarded);
}

/* Identity everywhere, then point after point in the order of the indices. An index that
 * alone makes a subscript never meets itself: its loop is free. */
static void lower_scatter(Lower *l, Made *m) {
    const Node *n = m->node;
    const Eq *e = n->eq;
    const Type *t = &n->types[0];
    const Ix **map = NEW(l->a, e->nidx + 1, const Ix *), *sub[MAX_RANK];
    int var;

    if (m->out[0] < 0)
        bug("a scatter that stays in its kernel");
    for (int d = 0; d < t->rank; d++)
        sub[d] = ix_var(l->p, lower_open(l, LOOP_FREE, ix_const(l->p, 0),
                                         lower_extent(l, t->dim[d]), 1));
    lower_put(l, stmt_store(l->a, m->out[0], lower_flat(l->p, t, 0, sub),
                            x_num(l->p, t->dtype, fold_identity(e->fold, t->dtype))));
    lower_close(l, t->rank);
    for (int i = 0; i < e->nidx; i++) {
        bool alone = false;
        for (int d = 0; d < e->nout; d++)
            alone |= ix_is_var(e->store[d], &var) && var == i;
        map[i] = ix_var(l->p, lower_open(l, alone ? LOOP_FREE : LOOP_SERIAL,
                                         ix_const(l->p, 0), lower_extent(l, e->ext[i]), 1));
    }
    for (int d = 0; d < t->rank; d++)
        sub[d] = lower_ix(l, n, e->store[d], map);
    const Ix *at = lower_flat(l->p, t, 0, sub);
    bool guarded = open_inside(l, n, map);
    const Expr *value = lower_share(l, lower_expr(l, n, e->body, map));
    const Expr *old = x_read(l->p, t->dtype, m->out[0], 1, &at);
    l->k->buf[m->out[0]].read = true;
    lower_put(l, stmt_store(l->a, m->out[0], at,
                            x_expand(l->p, x_call2(l->p, fold_fn(e->fold), old, value))));
    lower_close(l, e->nidx + guarded);
    m->nloop = 0;
}

/* --- one kernel --- */

static Kernel *build(Lower *l, int first, int last) {
    const Graph *g = l->g;
    l->k = NEW(l->a, 1, Kernel);
    l->nmade = last - first;
    l->made = NEW(l->a, l->nmade, Made);
    l->tail[0] = &l->k->body;
    if (l->nmade > 1)
        l->band = g->node[first]->band;
    for (int i = first; i < last; i++)
        l->sums = g->node[i]->band.sums > l->sums ? g->node[i]->band.sums : l->sums;
    for (int i = 0; i < l->nmade; i++) {
        const Node *n = g->node[first + i];
        l->made[i].node = n;
        l->made[i].nloop = n->eq->scatter ? 0 : n->eq->nfree;
        int64_t size = 1;
        type_count(&n->types[0], &size);
        l->k->work += (double)eq_terms(n->eq) * (double)size;
    }
    for (int i = 0; i < l->nmade; i++)
        place(l, i);
    for (int i = 0; i < l->nmade; i++) {
        Made *m = &l->made[i];
        if (i && lower_depth(l, m->node->share) < l->depth)
            lower_close(l, l->depth - lower_depth(l, m->node->share));
        if (m->node->eq->scatter)
            lower_scatter(l, m);
        else if (l->band.id && m->node->band.sums)
            lower_sum(l, m);
        else
            lower_gather(l, m);
    }
    l->k->origin = g->node[first]->origin;
    return l->k;
}

/* A node that only renames the bytes of its source: no kernel, `plan` shares the memory. */
bool lower_is_view(const Graph *g, const Node *n) {
    const Eq *e = n->eq;
    if (n->kind != N_EQ || e->scatter || e->fold != FOLD_NONE || e->body->kind != X_READ)
        return false;
    const Type *from = ref_type(n->src[e->body->u.slot]), *to = &n->types[0];
    const Ix *a = ix_const(g->pool, 0), *b = a;
    int64_t na, nb;
    for (int d = 0; d < to->rank; d++)
        a = ix_add(g->pool, ix_scale(g->pool, a, to->dim[d].n), e->store[d]);
    for (int d = 0; d < from->rank; d++)
        b = ix_add(g->pool, ix_scale(g->pool, b, from->dim[d].n), e->body->sub[d]);
    return a == b && from->dtype == to->dtype && type_count(from, &na) &&
           type_count(to, &nb) && na == nb && !is_result(g, (Ref){(Node *)(uintptr_t)n, 0});
}

Ref lower_base(const Graph *g, Ref r) {
    while (r.node->kind == N_EQ && lower_is_view(g, r.node))
        r = r.node->src[r.node->eq->body->u.slot];
    return r;
}

/* The kernel of node `at`; *end: behind the last node it computes. */
static Launch lower_group(const Lower *of, int at, int *end) {
    Lower l = *of;
    const Graph *g = l.g;
    const Node *n = g->node[at];
    while (*end < g->nnode && n->kernel >= 0 && g->node[*end]->kind == N_EQ &&
           g->node[*end]->kernel == n->kernel)
        ++*end;
    Launch la = {.kind = C_KERNEL, .kernel = build(&l, at, *end)};
    la.narg = l.narg;
    la.arg = l.arg;
    return la;
}

void lower_graph(Module *m, const Graph *g, Schedule *s) {
    Lower l = {.m = m, .g = g, .p = m->pool, .a = m->arena, .first = result_places(m->temp, g)};
    l.leaves = find_leaving(m, g, l.first);
    for (int i = 0, end; i < g->nnode; i = end) {
        const Node *n = g->node[i];
        end = i + 1;
        switch (n->kind) {
        case N_EQ:
            if (!lower_is_view(g, n)) {
                Launch la = lower_group(&l, i, &end);
                PUSH(m->arena, s->launch, s->n) = la;
            }
            break;
        case N_SCAN:
            lower_scan(m, g, n, s);
            break;
        case N_ARGSORT:
            PUSH(m->arena, s->launch, s->n) = lower_argsort(m, g, n);
            break;
        case N_INPUT: case N_PARAM: case N_STATE: case N_VALUE: case N_CONST:
            break;
        }
    }
}

bool pass_lower(Module *m) {
    m->schedule = NEW(m->arena, m->ngraph, Schedule);
    for (int i = 0; i < m->ngraph; i++)
        lower_graph(m, m->graph[i], &m->schedule[i]);
    return true;
}
