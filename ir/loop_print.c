/* Text of kernels and programs; loop_read.c reads kernels back.
 *
 *   kernel "k0" work 7840 {
 *     arg %0 f32[784] in restrict "x"
 *     local %1 f32[64] "tile"
 *     for i0 = 0 to n step 4 parallel {       kinds: free, serial, parallel
 *       let v0 = splat(8, 0:f32)
 *       set v0 = (v0 + %0[4*i0; 8, 1, 8])     [address; lanes, step, active lanes]
 *       if i0-3 >= 0 {
 *         %1[i0] = tree.add(v0)
 *         %1[8*i0; 8, 1, 5] = v0
 *       }
 *       comment "text"
 *       with s1 = (v0*v0)                     a value that the next statement uses often
 *       %1[i0] = tree.add((s1 + s1))
 *     }
 *   }                                                                              */
#include "ir/loop.h"

const char *const loop_kind_name[] = {
    [LOOP_FREE] = "free", [LOOP_SERIAL] = "serial",
    [LOOP_PARALLEL] = "parallel",
};

static void print_quoted(Text *out, const char *s) {
    text_put(out, "\"", 1);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < ' ' || c == '"' || c == '\\' || c > 126)
            text_printf(out, "\\x%02x", c);
        else
            text_put(out, s, 1);
    }
    text_put(out, "\"", 1);
}

static void print_buf(Text *out, const Buf *b, int id) {
    text_printf(out, "  %s %%%d %s[%lld]", b->kind == BUF_ARG ? "arg" : "local", id,
                dtype_info[b->dtype].name, (long long)b->size);
    if (b->read)
        text_printf(out, " in");
    if (b->written)
        text_printf(out, " out");
    if (b->restricted)
        text_printf(out, " restrict");
    if (b->name) {
        text_printf(out, " ");
        print_quoted(out, b->name);
    }
    text_printf(out, "\n");
}

static void print_for(Text *out, const Stmt *s) {
    text_printf(out, "for i%d = ", s->var);
    ix_print(out, s->lo, NULL);
    text_printf(out, " to ");
    ix_print(out, s->hi, NULL);
    if (s->step != 1)
        text_printf(out, " step %lld", (long long)s->step);
    text_printf(out, " %s {\n", loop_kind_name[s->loop]);
}

static void print_store(Text *out, const Stmt *s) {
    text_printf(out, "%%%d[", s->buf);
    ix_print(out, s->at, NULL);
    if (s->value->lanes > 1)
        text_printf(out, "; %d, %lld, %d", s->value->lanes, (long long)s->step, s->active);
    text_printf(out, "] = ");
}

/* --- values: trees as they are, unless sharing makes them very long --- */

enum { LONG = 100 };                   /* nodes of a tree that is printed in full */

typedef struct {
    int n;
    const Expr **node;                 /* arguments first */
    Arena *arena;
} Nodes;

static void add_node(const Expr *e, void *user) {
    Nodes *all = user;
    PUSH(all->arena, all->node, all->n) = e;
}

/* Marks what is used twice and is more than a leaf; numbers are given in order. */
static int *find_shared(Nodes *all, uint32_t ids) {
    int *uses = NEW(all->arena, ids, int), next = 0;
    for (int i = 0; i < all->n; i++)
        for (int j = 0; all->node[i]->arg && j < all->node[i]->n; j++)
            uses[all->node[i]->arg[j]->id]++;
    for (int i = 0; i < all->n; i++) {
        const Expr *e = all->node[i];
        bool leaf = !e->arg || (e->kind == X_SPLAT && !e->arg[0]->arg);
        uses[e->id] = uses[e->id] > 1 && !leaf ? ++next : 0;
    }
    return uses;
}

static double tree_size(Nodes *all, uint32_t ids) {
    double *size = NEW(all->arena, ids, double);
    for (int i = 0; i < all->n; i++) {
        const Expr *e = all->node[i];
        size[e->id] = 1;
        for (int j = 0; e->arg && j < e->n; j++)
            size[e->id] += size[e->arg[j]->id];
    }
    return size[all->node[all->n - 1]->id];
}

/* Prints the values that e shares, and sets *names so that e names them. */
static void print_shared(Text *out, Arena *a, const Expr *e, int indent, Names *names) {
    Nodes all = {.arena = a};
    uint32_t ids = 0;
    x_visit(e, add_node, &all);
    for (int i = 0; i < all.n; i++)
        ids = all.node[i]->id >= ids ? all.node[i]->id + 1 : ids;
    if (tree_size(&all, ids) <= LONG)
        return;
    int *shared = find_shared(&all, ids);
    names->shared = shared;
    for (int i = 0; i < all.n; i++) {
        int number = shared[all.node[i]->id];
        if (!number)
            continue;
        shared[all.node[i]->id] = 0;
        text_printf(out, "%*swith s%d = ", indent, "", number);
        x_print(out, all.node[i], names);
        text_printf(out, "\n");
        shared[all.node[i]->id] = number;
    }
}

static void print_body(Text *out, const Stmt *s, int indent);

static void print_stmt(Text *out, const Stmt *s, int indent) {
    Arena *a = arena_new();
    Names names = {NULL, NULL, NULL};
    if (s->value)
        print_shared(out, a, s->value, indent, &names);
    text_printf(out, "%*s", indent, "");
    switch (s->kind) {
    case S_FOR:
        print_for(out, s);
        print_body(out, s->body, indent);
        break;
    case S_IF:
        text_printf(out, "if ");
        cond_print(out, s->cond, NULL);
        text_printf(out, " {\n");
        print_body(out, s->body, indent);
        break;
    case S_LET:
    case S_SET:
        text_printf(out, "%s v%d = ", s->kind == S_LET ? "let" : "set", s->var);
        break;
    case S_STORE:
        print_store(out, s);
        break;
    case S_COMMENT:
        text_printf(out, "comment ");
        print_quoted(out, s->text);
        text_printf(out, "\n");
        break;
    }
    if (s->value) {
        x_print(out, s->value, &names);
        text_printf(out, "\n");
    }
    arena_free(a);
}

static void print_body(Text *out, const Stmt *s, int indent) {
    for (; s; s = s->next)
        print_stmt(out, s, indent + 2);
    text_printf(out, "%*s}\n", indent, "");
}

void loop_print(Text *out, const Kernel *k) {
    char buf[40];
    text_printf(out, "kernel ");
    print_quoted(out, k->name ? k->name : "");
    text_printf(out, " work %s {\n", num_double(buf, k->work));
    for (int i = 0; i < k->nbuf; i++)
        print_buf(out, &k->buf[i], i);
    print_body(out, k->body, 0);
}

/* --- programs --- */

static const char *const space_name[] = {
    [AT_ARENA] = "arena", [AT_PARAM] = "param", [AT_GRAD] = "grad", [AT_STATE] = "state",
    [AT_STREAM] = "stream",
    [AT_CONST] = "const", [AT_VALUE] = "value", [AT_INPUT] = "input", [AT_OUTPUT] = "output",
};

static void print_block(Text *out, const char *kind, const Block *b) {
    for (int i = 0; i < b->n; i++) {
        const Slot *s = &b->slot[i];
        text_printf(out, "  %s ", kind);
        print_quoted(out, s->name ? s->name : "");
        text_printf(out, " : ");
        type_print(out, &s->type);
        text_printf(out, " at %lld", (long long)s->offset);
        if (s->lo != s->hi)
            text_printf(out, " range %lld..%lld", (long long)s->lo, (long long)s->hi - 1);
        text_printf(out, "\n");
    }
}

static void print_place(Text *out, const Place *a) {
    text_printf(out, "%s", space_name[a->space]);
    if (a->space == AT_INPUT || a->space == AT_OUTPUT)
        text_printf(out, ".%d", a->index);
    text_printf(out, "+%lld", (long long)a->offset);
    if (a->stride)
        text_printf(out, "+%lld*t", (long long)a->stride);
}

static void print_call(Text *out, const Program *p, const Call *c, int *indent) {
    switch (c->kind) {
    case C_KERNEL: {
        const Kernel *k = p->kernel[c->kernel];
        text_printf(out, "%*s%s(", *indent, "", k->name ? k->name : "?");
        for (int i = 0, arg = 0; i < k->nbuf; i++) {
            if (k->buf[i].kind != BUF_ARG)
                continue;
            text_printf(out, arg ? ", " : "");
            print_place(out, &c->arg[arg++]);
        }
        text_printf(out, ")\n");
        return;
    }
    case C_LOOP:
        text_printf(out, "%*sloop %lld {\n", *indent, "", (long long)c->times);
        *indent += 2;
        return;
    case C_END:
        *indent -= 2;
        text_printf(out, "%*s}\n", *indent, "");
        return;
    }
    bug("call kind %d", c->kind);
}

static void print_entry(Text *out, const Program *p, const Entry *e) {
    int indent = 4;
    text_printf(out, "  entry ");
    print_quoted(out, e->name);
    text_printf(out, " arena %lld of %lld scratch %lld%s {\n", (long long)e->arena,
                (long long)e->arena_bound, (long long)e->scratch,
                e->training ? " training" : "");
    for (int i = 0; i < e->nin; i++) {
        text_printf(out, "    input %d ", i);
        print_quoted(out, p->input.slot[e->in[i]].name);
        text_printf(out, "\n");
    }
    print_block(out, "  output", &(Block){e->nout, e->out, 0});
    if (e->judged)
        text_printf(out, "    judged %d\n", e->judged - 1);
    for (int i = 0; i < e->ncall; i++)
        print_call(out, p, &e->call[i], &indent);
    text_printf(out, "  }\n");
}

void program_print(Text *out, const Program *p) {
    text_printf(out, "program ");
    print_quoted(out, p->name);
    text_printf(out, " target %s %s batch %lld {\n", p->target->name,
                p->strict ? "strict" : "fast", (long long)p->batch);
    print_block(out, "input", &p->input);
    print_block(out, "param", &p->param);
    print_block(out, "grad", &p->grad);
    print_block(out, "state", &p->state);
    print_block(out, "stream", &p->stream);
    print_block(out, "value", &p->value);
    print_block(out, "const", &p->constant);
    for (int i = 0; i < p->nentry; i++)
        print_entry(out, p, &p->entry[i]);
    text_printf(out, "}\n");
    for (int i = 0; i < p->nkernel; i++)
        loop_print(out, p->kernel[i]);
}
