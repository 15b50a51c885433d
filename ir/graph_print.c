/* Text of a graph; graph_read.c reads it back exactly. */
#include "ir/node.h"

#include <string.h>

const char *const leaf_word[N_CONST] = {
    [N_INPUT] = "input", [N_PARAM] = "param", [N_STATE] = "state", [N_VALUE] = "value"};
const char *const result_word[TO_GRAD + 1] = {
    [TO_OUTPUT] = "output", [TO_PARAM] = "param", [TO_STATE] = "state", [TO_GRAD] = "grad"};

enum { SHORT_CONST = 16 };             /* longer data is written in hex */

typedef struct {
    Text *out;
    Arena *temp;
    const Graph *g;
    int depth;
    const char **name;                 /* by node id */
} Printer;

static void indent(const Printer *p) { text_printf(p->out, "%*s", 2 * p->depth, ""); }

static void quoted(Text *out, const char *s) {
    text_put(out, "\"", 1);
    for (; *s; s++) {
        if ((unsigned char)*s < ' ' || *s == '"' || *s == '\\')
            text_printf(out, "\\x%02x", (unsigned char)*s);
        else
            text_put(out, s, 1);
    }
    text_put(out, "\"", 1);
}

/* --- names --- */

static bool speakable(const char *s) {
    bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_';
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
    return letter && s[n] == 0;
}

/* A leaf goes by its own name if that is a word and no other leaf's; other nodes are
 * numbered. */
static const char *leaf_name(const Printer *p, const Node *n) {
    if (n->kind >= N_CONST || !speakable(n->name))
        return NULL;
    for (int i = 0; i < p->g->nnode; i++) {
        const Node *o = p->g->node[i];
        if (o != n && o->kind < N_CONST && strcmp(o->name, n->name) == 0)
            return NULL;
    }
    return arena_printf(p->temp, "%%%s", n->name);
}

static void name_nodes(Printer *p) {
    int number = 0;
    p->name = NEW(p->temp, p->g->nnode, const char *);
    for (int i = 0; i < p->g->nnode; i++) {
        p->name[i] = leaf_name(p, p->g->node[i]);
        if (!p->name[i])
            p->name[i] = arena_printf(p->temp, "%%%d", ++number);
    }
}

static const char *spell(const Printer *p, Ref r) {
    const char *s = p->name[r.node->id];
    return r.res ? arena_printf(p->temp, "%s.%d", s, r.res) : s;
}

/* --- constants --- */

static bool survives(const Type *t, const void *at, char buf[40]) {
    float f, g;
    double d, back;
    switch (t->dtype) {
    case F32:
        memcpy(&f, at, sizeof f);
        num_float(buf, f);
        if (!num_parse(buf, strlen(buf), &back))
            return false;
        g = (float)back;
        return memcmp(&f, &g, sizeof f) == 0;
    case F64:
        memcpy(&d, at, sizeof d);
        num_double(buf, d);
        return num_parse(buf, strlen(buf), &back) && memcmp(&d, &back, sizeof d) == 0;
    case I32:  snprintf(buf, 40, "%d", *(const int32_t *)at); return true;
    case U32:  snprintf(buf, 40, "%u", *(const uint32_t *)at); return true;
    case I64:  snprintf(buf, 40, "%lld", (long long)*(const int64_t *)at); return true;
    case U64:  snprintf(buf, 40, "%llu", (unsigned long long)*(const uint64_t *)at); return true;
    case U8:
    case BOOL: snprintf(buf, 40, "%d", *(const uint8_t *)at); return true;
    case NDTYPE: break;
    }
    bug("constant of type %d", t->dtype);
}

static void print_const(Text *out, const Node *n) {
    const Type *t = n->types;
    const unsigned char *data = n->data;
    int64_t bytes = type_bytes(t), size = dtype_info[t->dtype].bytes;
    bool list = bytes <= SHORT_CONST * size;
    char buf[40];
    for (int64_t i = 0; list && i < bytes; i += size)
        list = survives(t, data + i, buf);
    text_printf(out, list ? "const [" : "const hex \"");
    for (int64_t i = 0; list && i < bytes; i += size) {
        survives(t, data + i, buf);
        text_printf(out, "%s%s", i ? ", " : "", buf);
    }
    for (int64_t i = 0; !list && i < bytes; i++)
        text_printf(out, "%02x", data[i]);
    text_printf(out, list ? "]" : "\"");
}

/* --- nodes --- */

static void print_body(Printer *p);

static void print_refs(const Printer *p, const char *what, int n, const Ref *r) {
    text_printf(p->out, " %s(", what);
    for (int i = 0; i < n; i++)
        text_printf(p->out, "%s%s", i ? ", " : "", spell(p, r[i]));
    text_printf(p->out, ")");
}

static void print_scan(const Printer *p, const Node *n) {
    const Scan *s = n->scan;
    text_printf(p->out, "scan %lld%s", (long long)s->steps, s->reverse ? " reverse" : "");
    print_refs(p, "carry", s->ncarry, n->src);
    print_refs(p, "stack", s->nstack, n->src + s->ncarry);
    print_refs(p, "whole", s->nwhole, n->src + s->ncarry + s->nstack);
    text_printf(p->out, " {\n");
    Printer inner = {.out = p->out, .temp = p->temp, .g = s->body, .depth = p->depth + 1};
    print_body(&inner);
    indent(p);
    text_printf(p->out, "}");
}

static void print_eq(const Printer *p, const Node *n) {
    const char **slot = NEW(p->temp, n->nsrc, const char *);
    for (int i = 0; i < n->nsrc; i++)
        slot[i] = spell(p, n->src[i]);
    text_printf(p->out, "{ ");
    eq_print(p->out, n->eq, n->types, &(Names){.slot = slot});
    text_printf(p->out, " }");
}

static void print_kind(const Printer *p, const Node *n) {
    switch (n->kind) {
    case N_INPUT: case N_PARAM: case N_STATE: case N_VALUE:
        text_printf(p->out, "%s ", leaf_word[n->kind]);
        quoted(p->out, n->name);
        return;
    case N_CONST: print_const(p->out, n); return;
    case N_EQ:    print_eq(p, n); return;
    case N_SCAN:  print_scan(p, n); return;
    case N_ARGSORT:
        text_printf(p->out, "argsort %s%s", spell(p, n->src[0]),
                    n->descending ? " descending" : "");
        return;
    }
    bug("node of kind %d", n->kind);
}

static void print_origins(Text *out, const Origin *o) {
    const char *before = " from ";
    for (; o; o = o->next) {
        if (!o->what && !o->name)
            continue;
        text_printf(out, "%s%s", before, o->what ? o->what : "");
        if (o->name) {
            text_printf(out, o->what ? " " : "");
            quoted(out, o->name);
        }
        before = ", ";
    }
}

static void print_node(const Printer *p, const Node *n) {
    indent(p);
    text_printf(p->out, "%s = ", p->name[n->id]);
    print_kind(p, n);
    for (int i = 0; i < n->nres; i++) {
        text_printf(p->out, i ? ", " : " : ");
        type_print(p->out, &n->types[i]);
    }
    if (n->band.id)
        text_printf(p->out, " band %d loops %d block %lld", n->band.id, n->band.loops,
                    (long long)n->band.block);
    if (n->band.sums)
        text_printf(p->out, " sums %d", n->band.sums);
    if (n->band.reach)
        text_printf(p->out, " row %d reach %lld", n->band.row, (long long)n->band.reach);
    if (n->kernel >= 0)
        text_printf(p->out, " kernel %d share %d", n->kernel, n->share);
    if (n->nest)
        text_printf(p->out, " nest %d", n->nest);
    print_origins(p->out, n->origin);
    text_printf(p->out, "\n");
}

static void print_body(Printer *p) {
    name_nodes(p);
    for (int i = 0; i < p->g->nnode; i++)
        print_node(p, p->g->node[i]);
    for (int i = 0; i < p->g->nresult; i++) {
        const Result *r = &p->g->result[i];
        indent(p);
        text_printf(p->out, "%s ", result_word[r->to]);
        quoted(p->out, r->name);
        text_printf(p->out, " %s\n", spell(p, r->ref));
    }
}

void graph_print(Text *out, const Graph *g) {
    Printer p = {.out = out, .temp = arena_new(), .g = g, .depth = 1};
    text_printf(out, "graph @%s", g->name);
    if (g->batch != 1)
        text_printf(out, " batch %lld", (long long)g->batch);
    text_printf(out, "%s {\n", g->strict ? " strict" : "");
    print_body(&p);
    text_printf(out, "}\n");
    arena_free(p.temp);
}
