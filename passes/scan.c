/* Bodies of scans, rebuilt in another scan. */
#include "passes/scan.h"

uint32_t *result_places(Arena *a, const Graph *g) {
    uint32_t *first = NEW(a, g->nnode + 1, uint32_t), n = 0;
    for (int i = 0; i < g->nnode; i++) {
        first[i] = n;
        n += (uint32_t)g->node[i]->nres;
    }
    first[g->nnode] = n;
    return first;
}

bool *scan_varies(const Graph *body) {
    bool *varies = NEW(body->arena, body->nnode + 1, bool);
    int number;
    for (int i = 0; i < body->nnode; i++) {
        const Node *n = body->node[i];
        varies[i] = n->kind == N_INPUT && scan_leaf(n, &number) != 'w';
        for (int s = 0; s < n->nsrc && !varies[i]; s++)
            varies[i] = varies[n->src[s].node->id];
    }
    return varies;
}

Rebody rebody_new(ScanDraft *d, const Graph *from, const bool *varies, const Ref *whole) {
    Arena *a = d->g->arena;
    Rebody b = {.d = d, .from = from, .varies = varies, .whole = whole};
    b.first = result_places(a, from);
    b.made = NEW(a, b.first[from->nnode] + 1, Ref);
    b.outside = NEW(a, from->nnode + 1, Ref);
    return b;
}

Ref rebody_outside(Rebody *b, Ref r) {
    const Node *n = r.node;
    Ref *at = &b->outside[n->id];
    int number;
    if (b->varies[n->id])
        bug("a value that varies outside of its scan");
    if (!at->node && n->kind == N_INPUT) {
        scan_leaf(n, &number);
        *at = b->whole[number];
    } else if (!at->node) {
        Ref *src = NEW(b->d->g->arena, n->nsrc, Ref);
        for (int s = 0; s < n->nsrc; s++)
            src[s] = rebody_outside(b, n->src[s]);
        at->node = graph_with(b->d->g, n, src);
    }
    return (Ref){at->node, at->res + r.res};
}

static void count_calls(const Expr *e, void *user) { *(int *)user += e->kind == X_CALL; }

/* Worth a place in memory of its own? What only moves data is computed where it is read. */
static bool costs(const Node *n) {
    int calls = 0;
    if (n->kind != N_EQ || n->eq->fold != FOLD_NONE)
        return n->kind > N_CONST;
    x_visit(n->eq->body, count_calls, &calls);
    return n->nsrc > 0 && calls > 0;
}

static Ref make(Rebody *b, Ref r) {
    const Node *n = r.node;
    Ref given;
    if (b->given && b->given(b, r, &given))
        return given;
    bool whole = n->kind == N_INPUT || costs(n);
    if (whole && !b->varies[n->id])
        return scan_whole(b->d, rebody_outside(b, r));
    Ref *src = NEW(b->d->g->arena, n->nsrc, Ref);
    for (int s = 0; s < n->nsrc; s++)
        src[s] = rebody(b, n->src[s]);
    return (Ref){graph_with(b->d->body, n, src), r.res};
}

Ref rebody(Rebody *b, Ref r) {
    Ref *made = &b->made[b->first[r.node->id] + (uint32_t)r.res];
    if (!made->node)
        *made = make(b, r);
    return *made;
}
