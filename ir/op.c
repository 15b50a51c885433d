/* Ops: rows of ops.def and rows given in place, turned into nodes. */
#include "ir/scan.h"

#include <string.h>

const OpInfo op_info[] = {
#define OP(name, src, attrs, eq, help) {#name, src, attrs, eq, help},
#include "ir/ops.def"
};
const int op_count = COUNT(op_info);

const OpInfo *op_find(const char *name) {
    for (int i = 0; i < op_count; i++)
        if (!strcmp(op_info[i].name, name))
            return &op_info[i];
    return NULL;
}

/* --- the columns of a row --- */

/* The next word of a list between blanks. */
static bool next_word(const char **at, const char **word, size_t *len) {
    *at += strspn(*at, " ");
    *word = *at;
    *len = strcspn(*at, " ");
    *at += *len;
    return *len > 0;
}

int op_attrs(const OpInfo *o, OpAttr *out) {
    const char *at = o->attrs, *word;
    size_t len;
    int n = 0;
    while (next_word(&at, &word, &len)) {
        OpAttr *a = &out[n++];
        const char *eq = memchr(word, '=', len), *colon = memchr(word, ':', len);
        const char *end = colon ? colon : eq ? eq : word + len;
        if (n > MAX_ATTRS)
            bug("op %s has more than %d attributes", o->name, MAX_ATTRS);
        *a = (OpAttr){
            .name = word, .len = (size_t)(end - word), .has_default = eq != NULL};
        a->kind = !colon ? ATTR_INT : colon[1] == 'f' ? ATTR_FLOAT : ATTR_LIST;
        if (eq && !num_parse(eq + 1, (size_t)(word + len - eq - 1), &a->value))
            bug("op %s: bad default of %.*s", o->name, (int)a->len, a->name);
    }
    return n;
}

int op_sources(const OpInfo *o, OpSource *out) {
    const char *at = o->src, *word;
    size_t len;
    int n = 0;
    while (next_word(&at, &word, &len)) {
        bool optional = word[len - 1] == '?';
        if (n == MAX_SOURCES)
            bug("op %s has more than %d operands", o->name, MAX_SOURCES);
        out[n++] = (OpSource){word, len - optional, optional};
    }
    return n;
}

/* --- equations one after the other; later ones read the results of earlier ones --- */

typedef struct {
    Graph *g;
    Loc loc;
    const char *label; /* NULL: none */
    int nattr;
    const Attr *attr;
    int n; /* operands so far */
    Operand *op;
    Ref *ref;
    int nabsent; /* optional operands that are not there */
    const OpSource *absent;
} Rows;

static void add_operand(Rows *r, const char *name, Ref ref) {
    int m = r->n;
    PUSH(r->g->arena, r->op, r->n) = (Operand){name, *ref_type(ref)};
    PUSH(r->g->arena, r->ref, m) = ref;
}

static bool word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_';
}

static bool mentions(const char *from, const char *to, const char *name, size_t len) {
    for (const char *p = from; p + len <= to; p++)
        if (!memcmp(p, name, len) && (p == from || !word_char(p[-1])) &&
            (p + len == to || !word_char(p[len])))
            return true;
    return false;
}

static bool left_out(const Rows *r, const char *from, const char *to) {
    for (int i = 0; i < r->nabsent; i++)
        if (mentions(from, to, r->absent[i].name, r->absent[i].len))
            return true;
    return false;
}

/* The result's name: the word before the first bracket. */
static const char *result_name(Arena *a, const char *from, const char *to) {
    const char *end = memchr(from, '[', (size_t)(to - from)), *p = end;
    while (p && p > from && word_char(p[-1]))
        p--;
    return p ? arena_printf(a, "%.*s", (int)(end - p), p) : "";
}

static Ref named_result(const Rows *r, const char *from, const char *to) {
    for (int i = 0; i < r->n; i++)
        if (strlen(r->op[i].name) == (size_t)(to - from) &&
            !memcmp(r->op[i].name, from, (size_t)(to - from)))
            return r->ref[i];
    return (Ref){0};
}

static Ref one_row(Rows *r, const char *from, const char *to, DType dtype) {
    Arena *a = r->g->arena;
    Type type;
    if (!memchr(from, '[', (size_t)(to - from)))
        return named_result(r, from, to);
    const char *text = arena_printf(a, "%s%s%.*s", r->label ? r->label : "",
                                    r->label ? ": " : "", (int)(to - from), from);
    Eq *e = eq_parse(r->g->pool, r->loc, text, r->n, r->op, r->nattr, r->attr, dtype,
                     &type);
    if (!e)
        return (Ref){0};
    if (e->scatter) /* its sums have the order of the normal form, from the first on */
        e = eq_normalise(r->g->pool, e, &type);
    Ref ref = graph_eq(r->g, e, &type, r->n, r->ref);
    const char *name = result_name(a, from, to);
    add_operand(r, name, ref);
    if (e->arg)
        add_operand(r, arena_printf(a, "%s.1", name), (Ref){ref.node, 1});
    return ref;
}

static Ref scan_row(Rows *r, const char *from, const char *to);
static Ref argsort_row(Rows *r, const char *from, const char *to);

/* `dtype` is that of the last equation. */
static Ref rows(Rows *r, const char *text, DType dtype) {
    const char *from[16], *to[16];
    int n = 0;
    Ref ref = {0};
    for (const char *p = text; *p; p += *p == ';') {
        const char *end = p + strcspn(p, ";");
        p += strspn(p, " \n");
        if (n == (int)COUNT(from))
            bug("more than %d equations in a row: %s", n, text);
        from[n] = p;
        to[n] = end;
        while (to[n] > from[n] && (to[n][-1] == ' ' || to[n][-1] == '\n'))
            to[n]--;
        n += !left_out(r, p, end);
        p = end;
    }
    for (int i = 0; i < n; i++) {
        if (!strncmp(from[i], "scan ", 5))
            ref = scan_row(r, from[i], to[i]);
        else if (!strncmp(from[i], "argsort ", 8))
            ref = argsort_row(r, from[i], to[i]);
        else
            ref = one_row(r, from[i], to[i], i == n - 1 ? dtype : NDTYPE);
        if (!ref.node)
            return ref;
    }
    return ref;
}

/* scan S over X from 0: S[..] = S[..] + X[..]   the S of all steps over X's first dim */
static Ref scan_row(Rows *r, const char *from, const char *to) {
    static const char form[] = "scan %15[A-Z] over %15[A-Z] from %15[^:]:%n";
    char name[16], over[16], start[16];
    int used = 0;
    double first;
    if (sscanf(from, form, name, over, start, &used) != 3 || !used ||
        !num_parse(start, strlen(start), &first))
        bug("a row has the scan %.*s", (int)(to - from), from);
    Ref x = named_result(r, over, over + strlen(over));
    Type slice = type_slice(ref_type(x));
    if (ref_type(x)->dim[0].batch)
        return diag_error(r->loc, "%s: steps along the batch", r->label), (Ref){0};
    ScanDraft d = scan_draft(r->g, ref_type(x)->dim[0].n, false);
    Rows body = {.g = d.body, .loc = r->loc, .label = r->label};
    Ref carry = scan_carry(&d, graph_filled(r->g, &slice, first));
    add_operand(&body, strs_z(r->g->strs, name), carry);
    add_operand(&body, strs_z(r->g->strs, over), scan_stack(&d, x));
    Ref next = one_row(&body, from + used + strspn(from + used, " "), to, NDTYPE);
    if (!next.node)
        return next;
    Ref all = {scan_done(&d, &next, 1, &next), 1};
    add_operand(r, strs_z(r->g->strs, name), all);
    return all;
}

/* argsort P of X by descending   P is the order of X's last dim; largest first where the
 * attribute is not 0 */
static Ref argsort_row(Rows *r, const char *from, const char *to) {
    char name[16], of[16], by[16];
    bool descending = false;
    if (sscanf(from, "argsort %15[A-Z] of %15[A-Z] by %15[a-z]", name, of, by) != 3)
        bug("a row has the order %.*s", (int)(to - from), from);
    Ref x = named_result(r, of, of + strlen(of));
    const Type *t = ref_type(x);
    for (int i = 0; i < r->nattr; i++)
        if (!strcmp(r->attr[i].name, by))
            descending = r->attr[i].i != 0;
    if (t->dim[t->rank - 1].batch)
        return diag_error(r->loc, "%s: sorts along the batch", r->label), (Ref){0};
    Ref order = graph_argsort(r->g, x, descending);
    add_operand(r, strs_z(r->g->strs, name), order);
    return order;
}

/* --- arguments of an op --- */

static bool same_name(const OpAttr *a, const char *name) {
    return strlen(name) == a->len && !memcmp(a->name, name, a->len);
}

static bool known_attrs(Loc loc, const OpInfo *o, int nspec, const OpAttr *spec,
                        int nattr, const Attr *attr) {
    for (int i = 0; i < nattr; i++) {
        int k = 0;
        while (k < nspec && !same_name(&spec[k], attr[i].name))
            k++;
        if (k == nspec)
            return diag_error(loc, "%s: unknown attribute '%s'%s%s", o->name,
                              attr[i].name, nspec ? ", expected " : "", o->attrs);
    }
    return true;
}

/* The value for one attribute of the table: given, or the default. */
static bool bind(Arena *a, Loc loc, const OpInfo *o, const OpAttr *spec, int nattr,
                 const Attr *attr, Attr *out) {
    const Attr *given = NULL;
    for (int i = 0; i < nattr; i++)
        if (same_name(spec, attr[i].name))
            given = &attr[i];
    *out =
        given ? *given
              : (Attr){.kind = spec->kind, .i = (int64_t)spec->value, .f = spec->value};
    out->name = arena_printf(a, "%.*s", (int)spec->len, spec->name);
    if (!given && !spec->has_default)
        return diag_error(loc, "%s: attribute '%s' is missing", o->name, out->name);
    if (spec->kind == ATTR_FLOAT && out->kind == ATTR_INT) {
        out->kind = ATTR_FLOAT;
        out->f = (double)out->i;
    }
    static const char *const kind[] = {"an integer", "a number", "a list of integers"};
    return out->kind == spec->kind ||
           diag_error(loc, "%s: attribute '%s' is %s, expected %s", o->name, out->name,
                      kind[out->kind], kind[spec->kind]);
}

static void silent_bug(void *user, DiagKind kind, Loc loc, const char *message) {
    (void)kind, (void)loc;
    bug("%s: %s", (const char *)user, message);
}

/* Where there is no place, there is no user: errors are bugs. */
static Loc our_own(Graph *g, const char *text) {
    return diag_nowhere(diag_new(g->arena, silent_bug, (void *)(uintptr_t)text));
}

Ref graph_op(Graph *g, Loc loc, const char *op, int nsrc, const Ref *src, int nattr,
             const Attr *attr) {
    const OpInfo *o = op_find(op);
    OpAttr spec[MAX_ATTRS];
    OpSource source[MAX_SOURCES];
    Attr bound[MAX_ATTRS];
    if (!loc.src)
        loc = our_own(g, op);
    if (!o)
        return diag_error(loc, "unknown op '%s'", op), (Ref){0};
    int nspec = op_attrs(o, spec), most = op_sources(o, source), least = 0;
    while (least < most && !source[least].optional)
        least++;
    if (nsrc < least || nsrc > most)
        return diag_error(loc, "%s: got %d operands, expected %s", op, nsrc,
                          most ? o->src : "none"),
               (Ref){0};
    if (!known_attrs(loc, o, nspec, spec, nattr, attr))
        return (Ref){0};
    for (int i = 0; i < nspec; i++)
        if (!bind(g->arena, loc, o, &spec[i], nattr, attr, &bound[i]))
            return (Ref){0};
    Rows r = {.g = g,
              .loc = loc,
              .label = op,
              .nattr = nspec,
              .attr = bound,
              .nabsent = most - nsrc,
              .absent = source + nsrc};
    for (int i = 0; i < nsrc; i++)
        add_operand(&r,
                    arena_printf(g->arena, "%.*s", (int)source[i].len, source[i].name),
                    src[i]);
    Ref ref = rows(&r, o->eq, NDTYPE);
    for (int d = 1; ref.node && d < ref_type(ref)->rank; d++)
        if (ref_type(ref)->dim[d].batch) {
            diag_error(loc, "%s: the batch must stay the outermost dim, got it as dim %d", op,
                       d);
            return (Ref){0};
        }
    return ref;
}

Ref graph_equation(Graph *g, Loc loc, const char *eq, int nsrc, const Ref *src, int nattr,
                   const Attr *attr, DType out) {
    static const char *const name[] = {"A", "B", "C", "D", "E", "F", "G",
                                       "H", "I", "J", "K", "L", "M", "N"};
    Rows r = {.g = g, .loc = loc, .nattr = nattr, .attr = attr};
    if (nsrc > (int)COUNT(name))
        bug("more than %d operands: %s", (int)COUNT(name), eq);
    for (int i = 0; i < nsrc; i++)
        add_operand(&r, name[i], src[i]);
    return rows(&r, eq, out);
}

Ref graph_text(Graph *g, const char *eq, int nsrc, const Ref *src, int nattr,
               const Attr *attr, DType out) {
    Ref ref = graph_equation(g, our_own(g, eq), eq, nsrc, src, nattr, attr, out);
    if (!ref.node)
        bug("no result: %s", eq);
    return ref;
}
