/* Scans: the shapes of body, carries and stacked results, checked in one place. */
#include "ir/node.h"

#include <string.h>

Type type_slice(const Type *stacked) {
    Type t = *stacked;
    if (t.rank == 0)
        bug("slice of a scalar");
    t.rank--;
    memmove(t.dim, t.dim + 1, (size_t)t.rank * sizeof *t.dim);
    return t;
}

Type type_stack(const Type *slice, int64_t steps) {
    Type t = *slice;
    if (t.rank == MAX_RANK)
        bug("stack of a tensor of rank %d", t.rank);
    memmove(t.dim + 1, t.dim, (size_t)t.rank * sizeof *t.dim);
    t.dim[0] = (Dim){steps, false};
    t.rank++;
    return t;
}

const Node *scan_input(const Scan *s, char kind, int number) {
    char name[16];
    snprintf(name, sizeof name, "%c%d", kind, number);
    for (int i = 0; i < s->body->nnode; i++) {
        const Node *n = s->body->node[i];
        if (n->kind == N_INPUT && strcmp(n->name, name) == 0)
            return n;
    }
    return NULL;
}

/* What source k is to the body: the input's letter and number, and its type. */
static Type expected(const Scan *s, int k, const Ref *src, char *kind, int *number) {
    bool carry = k < s->ncarry, stack = !carry && k < s->ncarry + s->nstack;
    *kind = carry ? 'c' : stack ? 'x' : 'w';
    *number = k - (carry ? 0 : stack ? s->ncarry : s->ncarry + s->nstack);
    return stack ? type_slice(ref_type(src[k])) : *ref_type(src[k]);
}

static const char *check_source(Arena *a, const Scan *s, int k, const Ref *src, int *found) {
    const Type *t = ref_type(src[k]);
    bool stack = k >= s->ncarry && k < s->ncarry + s->nstack;
    char kind;
    int number;
    if (stack && (t->rank == 0 || t->dim[0].batch || t->dim[0].n != s->steps))
        return arena_printf(a, "scan over %lld steps: stacked operand %d is %s",
                            (long long)s->steps, k - s->ncarry, type_text(a, t));
    Type want = expected(s, k, src, &kind, &number);
    const Node *in = scan_input(s, kind, number);
    *found += in != NULL;
    if (in && !type_equal(in->types, &want))
        return arena_printf(a, "scan's body has %c%d : %s, its source is %s", kind, number,
                            type_text(a, in->types), type_text(a, &want));
    return NULL;
}

static const char *check_result(Arena *a, const Scan *s, int k, const Ref *src) {
    const Result *r = &s->body->result[k];
    const Type *t = ref_type(r->ref);
    if (r->to != TO_OUTPUT)
        return arena_printf(a, "scan's body writes a slot, '%s'", r->name);
    if (k < s->ncarry && !type_equal(t, ref_type(src[k])))
        return arena_printf(a, "scan's carry %d starts as %s and becomes %s", k,
                            type_text(a, ref_type(src[k])), type_text(a, t));
    if (t->rank == MAX_RANK && k >= s->ncarry)
        return arena_printf(a, "scan stacks results of rank %d", t->rank);
    return NULL;
}

const char *scan_check(Arena *a, const Scan *s, int nsrc, const Ref *src) {
    int inputs = 0, found = 0;
    const char *bad = NULL;
    if (nsrc != s->ncarry + s->nstack + s->nwhole)
        return arena_printf(a, "scan has %d sources, expected %d carries, %d stacked, %d whole",
                            nsrc, s->ncarry, s->nstack, s->nwhole);
    if (s->steps < 1)
        return arena_printf(a, "scan over %lld steps", (long long)s->steps);
    if (s->body->nresult != s->ncarry + s->nout || s->body->nresult == 0)
        return arena_printf(a, "scan's body has %d results, expected %d carries and %d stacked",
                            s->body->nresult, s->ncarry, s->nout);
    for (int i = 0; i < s->body->nnode; i++) {
        const Node *n = s->body->node[i];
        inputs += n->kind == N_INPUT;
        if (n->kind == N_PARAM || n->kind == N_STATE || n->kind == N_VALUE)
            return arena_printf(a, "scan's body reads '%s', which is not its operand", n->name);
    }
    for (int k = 0; k < nsrc && !bad; k++)
        bad = check_source(a, s, k, src, &found);
    if (!bad && inputs != found)
        return "scan's body has an input that no source feeds";
    for (int k = 0; k < s->body->nresult && !bad; k++)
        bad = check_result(a, s, k, src);
    return bad;
}

Node *graph_scan(Graph *g, const Scan *s, int nsrc, const Ref *src) {
    const char *bad = scan_check(g->arena, s, nsrc, src);
    if (bad)
        bug("%s", bad);
    Type *types = NEW(g->arena, s->body->nresult, Type);
    for (int k = 0; k < s->body->nresult; k++) {
        const Type *t = ref_type(s->body->result[k].ref);
        types[k] = k < s->ncarry ? *t : type_stack(t, s->steps);
    }
    Node key = {.kind = N_SCAN, .nres = s->body->nresult, .types = types, .kernel = -1};
    key.nsrc = nsrc;
    key.src = src;
    key.scan = s;
    return node_intern(g, &key, g->origin);
}
