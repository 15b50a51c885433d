/* Numbers that alone tell equations apart become operands: layers that differ in nothing
 * but their random keys then share a kernel.
 * in: any graph   out: maps that are alike but for numbers read these from constants
 * keeps: values, bit for bit
 *
 * Zeros stay where they are, and what a guard chooses: rewriting looks for them. */
#include "passes/pass.h"

#include <string.h>

#include "base/map.h"

enum { MOST = 16 };                    /* numbers of one equation */

typedef struct {
    const Expr *number[MOST];          /* those that may be lifted, as they are met */
    int n, place[MOST];                /* in the constant of their type; -1: stays */
    bool no;                           /* there are too many */
    const Expr *kept[2 * MOST];        /* chosen by guards */
    int nkept;
} Numbers;

typedef struct Alike {                 /* maps that are the same but for numbers */
    Eq form;                           /* with every number a read */
    const Node *first;
    const Expr *number[MOST];          /* of the first */
    bool varies[MOST];
    int next;                          /* with the same body, or -1 */
} Alike;

typedef struct {
    Module *m;
    int nalike;
    Alike *alike;
    Map by_body;                       /* from a form's body to the last of its kind */
    int *of;                           /* by node: its kind, or -1 */
} Lift;

/* --- numbers --- */

static bool kept(const Numbers *n, const Expr *e) {
    for (int i = 0; i < n->nkept; i++)
        if (n->kept[i] == e)
            return true;
    return false;
}

static void find_kept(const Expr *e, void *user) {
    Numbers *n = user;
    for (int i = 0; e->kind == X_WHEN && i < e->n; i++) {
        if (e->arg[i]->kind != X_NUM || kept(n, e->arg[i]))
            continue;
        n->no |= n->nkept == COUNT(n->kept);
        if (!n->no)
            n->kept[n->nkept++] = e->arg[i];
    }
}

static bool is_zero(const Expr *e) {
    return dtype_info[e->type].is_float ? e->u.num == 0 : e->u.i == 0;
}

static void find_number(const Expr *e, void *user) {
    Numbers *n = user;
    bool type = e->type == F32 || e->type == I32 || e->type == U32;
    if (e->kind != X_NUM || !type || is_zero(e) || kept(n, e))
        return;
    n->no |= n->n == MOST;
    if (n->no)
        return;
    n->place[n->n] = n->n;
    n->number[n->n++] = e;
}

/* False where there is nothing to lift. */
static bool numbers(const Node *n, Numbers *out) {
    *out = (Numbers){.n = 0};
    if (n->kind != N_EQ || n->eq->fold != FOLD_NONE || n->eq->scatter ||
        n->eq->body->kind == X_NUM)
        return false;
    x_visit(n->eq->body, find_kept, out);
    x_visit(n->eq->body, find_number, out);
    return out->n && !out->no;
}

typedef struct { const Numbers *of; int nsrc; } Read;

/* Constants of type t are operand nsrc + t. */
static const Expr *read_number(Pool *p, const Expr *e, void *user) {
    const Read *r = user;
    for (int i = 0; e->kind == X_NUM && i < r->of->n; i++)
        if (r->of->number[i] == e && r->of->place[i] >= 0) {
            const Ix *at = ix_const(p, r->of->place[i]);
            return x_read(p, e->type, r->nsrc + (int)e->type, 1, &at);
        }
    return e;
}

static Eq with_reads(Pool *p, const Node *n, const Numbers *of) {
    Read r = {of, n->nsrc};
    Eq e = *n->eq;
    e.body = x_rewrite(p, e.body, read_number, &r);
    return e;
}

/* --- what is alike --- */

static bool same_types(const Node *a, const Node *b) {
    bool same = a->nsrc == b->nsrc && type_equal(&a->types[0], &b->types[0]);
    for (int s = 0; same && s < a->nsrc; s++)
        same = type_equal(ref_type(a->src[s]), ref_type(b->src[s]));
    return same;
}

static int find_alike(Lift *l, const Node *n, const Eq *form) {
    int last = map_get(&l->by_body, form->body, 0);
    for (int i = last; i >= 0; i = l->alike[i].next)
        if (eq_equal(&l->alike[i].form, form) && same_types(l->alike[i].first, n))
            return i;
    map_put(l->m->temp, &l->by_body, form->body, 0, l->nalike);
    PUSH(l->m->temp, l->alike, l->nalike) = (Alike){.form = *form, .first = n, .next = last};
    return l->nalike - 1;
}

static int classify(Lift *l, const Node *n) {
    Numbers own;
    if (!numbers(n, &own))
        return -1;
    Eq form = with_reads(l->m->pool, n, &own);
    int at = find_alike(l, n, &form);
    Alike *a = &l->alike[at];
    for (int i = 0; i < own.n; i++) {
        if (a->first == n)
            a->number[i] = own.number[i];
        a->varies[i] |= a->number[i] != own.number[i];
    }
    return at;
}

/* --- rebuilding --- */

/* The numbers of type t that are lifted, as a constant; {NULL} if there are none. */
static Ref constant(Graph *g, const Numbers *of, DType t) {
    unsigned char data[4 * MOST] = {0};
    Type type = {.dtype = t, .rank = 1};
    for (int i = 0; i < of->n; i++) {
        const Expr *e = of->number[i];
        if (e->type != t || of->place[i] < 0)
            continue;
        void *at = data + 4 * type.dim[0].n++;
        if (t == F32)
            memcpy(at, &(float){(float)e->u.num}, 4);
        else
            memcpy(at, &(uint32_t){(uint32_t)e->u.i}, 4);
    }
    return type.dim[0].n ? graph_const(g, &type, data) : (Ref){NULL, 0};
}

static bool any_varies(const Lift *l, int alike) {
    bool any = false;
    for (int i = 0; alike >= 0 && i < MOST; i++)
        any |= l->alike[alike].varies[i];
    return any;
}

static Node *lifted(Graph *g, const Node *n, Node *const *map, void *user) {
    const Lift *l = user;
    int used[NDTYPE] = {0}, alike = l->of[n->id];
    Numbers own;
    if (!any_varies(l, alike))
        return NULL;
    numbers(n, &own);
    for (int i = 0; i < own.n; i++)
        own.place[i] = l->alike[alike].varies[i] ? used[own.number[i]->type]++ : -1;
    Ref *src = graph_sources(g->arena, n, map, NDTYPE);
    g->origin = n->origin;
    for (int t = 0; t < NDTYPE; t++)
        src[n->nsrc + t] = constant(g, &own, (DType)t);
    Eq e = with_reads(g->pool, n, &own);
    return graph_eq(g, &e, &n->types[0], n->nsrc + NDTYPE, src).node;
}

bool pass_lift(Module *m, Graph **g) {
    Lift l = {.m = m, .of = NEW(m->temp, (*g)->nnode + 1, int)};
    for (int i = 0; i < (*g)->nnode; i++)
        l.of[i] = classify(&l, (*g)->node[i]);
    *g = graph_rebuild(*g, lifted, &l);
    return true;
}
