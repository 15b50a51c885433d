/* Kernels as C functions. */
#include "codegen/c_emit.h"

#include <string.h>

static const char *indent_text(const Emit *e) {
    static const char blanks[] = "                                                        ";
    size_t n = (size_t)e->indent * 4;
    return blanks + (sizeof blanks - 1) - (n < sizeof blanks ? n : sizeof blanks - 1);
}

/* Where a line of at most `width` characters may end: behind a comma, or before an
 * operator, which has blanks on both sides; in as few parentheses as can be. */
static size_t break_at(const char *s, size_t width) {
    size_t best = 0;
    int depth = 0, least = 0;
    for (size_t i = 1; i <= width; i++) {
        depth += s[i] == '(' || s[i] == '[';
        depth -= s[i] == ')' || s[i] == ']';
        size_t op = s[i] == ' ' ? strspn(s + i + 1, "+-*?:&|") : 0;
        bool may = s[i] == ' ' && (s[i - 1] == ',' || (op && s[i + 1 + op] == ' '));
        if (may && i > width / 3 && (!best || depth <= least)) {
            best = i;
            least = depth;
        }
    }
    return best;
}

static void put_wrapped(Emit *e, const char *s) {
    enum { WIDTH = 96 };
    const char *lead = indent_text(e);
    size_t used = strlen(lead);
    text_put(e->out, lead, used);
    for (;;) {
        size_t n = strlen(s), width = used + 30 < WIDTH ? WIDTH - used : 30;
        size_t at = n > width ? break_at(s, width) : 0;
        if (at == 0)
            break;
        text_put(e->out, s, at);
        text_printf(e->out, "\n%s        ", lead);
        used = strlen(lead) + 8;
        s += at + 1;
    }
    text_printf(e->out, "%s", s);
}

static void put_line(Emit *e, const char *fmt, va_list ap, const char *end) {
    Text t = {0};
    text_vprintf(&t, fmt, ap);
    put_wrapped(e, t.s);
    text_printf(e->out, "%s\n", end);
    text_free(&t);
}

void c_line(Emit *e, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    put_line(e, fmt, ap, "");
    va_end(ap);
}

void c_open(Emit *e, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    put_line(e, fmt, ap, " {");
    va_end(ap);
    e->indent++;
}

void c_close(Emit *e) {
    e->indent--;
    c_line(e, "}");
}

/* No comment ends, no line is continued, no byte is strange. */
const char *c_safe(Emit *e, const char *text) {
    char *s = arena_printf(e->arena, "%s", text);
    for (char *c = s; *c; c++) {
        bool joins = c > s && ((c[-1] == '*' && *c == '/') || (c[-1] == '/' && *c == '*'));
        if (*c < ' ' || *c > 126 || *c == '\\' || *c == '?' || joins)
            *c = '.';
    }
    return s;
}

/* --- what is used --- */

static void mark_ix(Emit *e, const Ix *x) {
    for (int i = 0; x && i < x->n; i++) {
        const IxAtom *a = x->term[i].atom;
        e->batch_used |= a->kind == IX_BATCH;
        if (a->kind == IX_READ)
            e->buf_used[a->id] = true;
        for (int j = 0; j < a->n; j++)
            mark_ix(e, a->a[j]);
    }
}

static void mark_cond(Emit *e, Cond c) {
    for (int i = 0; i < c.n; i++)
        mark_ix(e, c.cmp[i].e);
}

static void mark_node(const Expr *x, void *user) {
    Emit *e = user;
    if (x->kind == X_IX)
        mark_ix(e, x->u.ix);
    if (x->kind == X_READ) {
        e->buf_used[x->u.slot] = true;
        mark_ix(e, x->sub[0]);
    }
    mark_cond(e, x->cond);
    if (x->kind == X_VAR)
        e->live[x->u.slot] = true;
}

static bool written(const Emit *e, const Stmt *s) {
    return (s->kind != S_LET && s->kind != S_SET) || e->live[s->var];
}

/* Marks what stores and guards need, through locals; true if something was new. */
static void mark(Emit *e, const Stmt *s) {
    for (; s; s = s->next) {
        if (!written(e, s))
            continue;
        mark_ix(e, s->lo);
        mark_ix(e, s->hi);
        mark_ix(e, s->at);
        mark_cond(e, s->cond);
        if (s->kind == S_STORE)
            e->buf_used[s->buf] = true;
        if (s->value)
            x_visit(s->value, mark_node, e);
        mark(e, s->body);
    }
}

static int live_count(const Emit *e) {
    int n = 0;
    for (int i = 0; i < e->k->nvar; i++)
        n += e->live[i];
    return n;
}

static void find_used(Emit *e) {
    int before;
    do {
        before = live_count(e);
        mark(e, e->k->body);
    } while (live_count(e) != before);
}

/* --- names --- */

/* i, j, k ... by depth. */
static void name_loops(Emit *e, NameSet *set, const Stmt *s, int depth) {
    static const char letters[] = "ijklpqrsuvwxyz";
    for (; s; s = s->next) {
        if (s->kind == S_FOR)
            e->loop[s->var] = depth < (int)sizeof letters - 1
                                  ? arena_printf(e->arena, "%c", letters[depth])
                                  : arena_printf(e->arena, "i%d", depth);
        if (s->kind == S_FOR)
            PUSH(e->arena, set->name, set->n) = e->loop[s->var];
        name_loops(e, set, s->body, depth + (s->kind == S_FOR));
    }
}

static void start(Emit *e, const Kernel *k) {
    NameSet set = {0};
    e->k = k;
    e->buf = NEW(e->arena, k->nbuf + 1, const char *);
    e->buf_used = NEW(e->arena, k->nbuf + 1, bool);
    e->loop = NEW(e->arena, k->nloop + 1, const char *);
    e->live = NEW(e->arena, k->nvar + 1, bool);
    e->batch_used = false;
    e->ntemp = 0;
    e->mask = NULL;
    e->scope = (Scope){.arena = e->arena, .pool = e->program->pool, .batch = e->program->batch};
    name_loops(e, &set, k->body, 0);
    for (int i = 0; i < k->nbuf; i++)
        e->buf[i] = c_name(e, &set, k->buf[i].name, arena_printf(e->arena, "b%d", i));
    find_used(e);
}

Signature c_signature(Emit *e, const Kernel *k) {
    Signature s = {0};
    start(e, kernel_expand(e->arena, e->program->pool, k));
    s.buf = NEW(e->arena, k->nbuf + 1, int);
    s.name = NEW(e->arena, k->nbuf + 1, const char *);
    for (int i = 0; i < k->nbuf; i++) {
        if (k->buf[i].kind == BUF_ARG && e->buf_used[i]) {
            s.name[s.n] = e->buf[i];
            s.buf[s.n++] = i;
        }
        s.scratch |= k->buf[i].kind == BUF_LOCAL && e->buf_used[i];
    }
    s.batch = e->batch_used;
    return s;
}

const char *c_pointer(Emit *e, const Buf *b, bool restricted) {
    return arena_printf(e->arena, "%s%s *%s", b->written ? "" : "const ",
                        dtype_info[b->dtype].ctype,
                        restricted && b->restricted ? "RESTRICT " : "");
}

/* --- statements --- */

static void body(Emit *e, const Stmt *s);

static const char *ix_text(Emit *e, const Ix *x, int prec) {
    Text t = {0};
    c_ix(e, &t, x, prec);
    const char *s = arena_printf(e->arena, "%s", t.s);
    text_free(&t);
    return s;
}

/* The static, contiguous part of the turns that this call runs. */
static void parallel_for(Emit *e, const Stmt *s) {
    int64_t lo = 0, step = s->step;
    bool zero = ix_is_const(s->lo, &lo) && lo == 0;
    const Ix *len = ix_sub(e->scope.pool, s->hi, s->lo);
    const char *from = zero ? "" : arena_printf(e->arena, "%s + ", ix_text(e, s->lo, PREC_SUM));
    const char *scale = step == 1 ? "" : arena_printf(e->arena, " * %lld", (long long)step);
    const char *div = step == 1 ? "" : arena_printf(e->arena, " / %lld", (long long)step);
    c_line(e, "const ptrdiff_t turns = %s%s;",
           ix_text(e, len, step == 1 ? PREC_ANY : PREC_ONE), div);
    c_line(e, "const ptrdiff_t from = %sturns * part / parts%s;", from, scale);
    c_line(e, "const ptrdiff_t to = %sturns * (part + 1) / parts%s;", from, scale);
}

static void loop_head(Emit *e, const Stmt *s) {
    const char *i = e->loop[s->var], *to, *op = "<";
    int64_t length;
    bool even = s->step == 1 || (ix_is_const(ix_sub(e->scope.pool, s->hi, s->lo), &length) &&
                                 length % s->step == 0);
    if (s->loop == LOOP_PARALLEL) {
        parallel_for(e, s);
        to = "to";
    } else {
        to = ix_text(e, even ? s->hi : ix_addc(e->scope.pool, s->hi, -s->step), PREC_ANY);
        op = even ? "<" : "<=";
    }
    const char *from = s->loop == LOOP_PARALLEL ? "from" : ix_text(e, s->lo, PREC_ANY);
    if (s->step == 1)
        c_open(e, "for (ptrdiff_t %s = %s; %s %s %s; %s++)", i, from, i, op, to, i);
    else
        c_open(e, "for (ptrdiff_t %s = %s; %s %s %s; %s += %lld)", i, from, i, op, to, i,
               (long long)s->step);
}

static void store_vector(Emit *e, const Stmt *s, const char *at, const char *value) {
    const char *type = c_vtype(e, s->value->type, s->value->lanes), *name = e->buf[s->buf];
    if (s->step != 1)
        c_line(e, "scatter_%s(&%s[%s], %lld, %s, %d);", type, name, at, (long long)s->step,
               value, s->active);
    else if (s->active < s->value->lanes)
        c_line(e, "storen_%s(&%s[%s], %s, %d);", type, name, at, value, s->active);
    else
        c_line(e, "store_%s(&%s[%s], %s);", type, name, at, value);
}

static void assignment(Emit *e, const Stmt *s) {
    Text value = {0};
    if (!written(e, s))
        return;
    Temps temps = c_value(e, &value, s->value);
    if (s->kind == S_LET)
        c_line(e, "%s v%d = %s;", c_type(e, s->value->type, s->value->lanes), s->var, value.s);
    else if (s->kind == S_SET)
        c_line(e, "v%d = %s;", s->var, value.s);
    else if (s->value->lanes > 1)
        store_vector(e, s, ix_text(e, s->at, PREC_ANY), value.s);
    else if (s->value->type == BOOL)
        c_line(e, "%s[%s] = (uint8_t)(%s);", e->buf[s->buf], ix_text(e, s->at, PREC_ANY),
               value.s);
    else
        c_line(e, "%s[%s] = %s;", e->buf[s->buf], ix_text(e, s->at, PREC_ANY), value.s);
    c_done(e, temps);
    text_free(&value);
}

static void statement(Emit *e, const Stmt *s) {
    ScopeMark m = scope_mark(&e->scope);
    Text cond = {0};
    switch (s->kind) {
    case S_FOR:
        loop_head(e, s);
        scope_loop(&e->scope, s->var, s->lo, s->hi, s->step);
        body(e, s->body);
        scope_leave(&e->scope, m);
        c_close(e);
        return;
    case S_IF:
        c_cond(e, &cond, s->cond);
        c_open(e, "if (%s)", cond.s);
        text_free(&cond);
        scope_guard(&e->scope, s->cond);
        body(e, s->body);
        scope_leave(&e->scope, m);
        c_close(e);
        return;
    case S_LET:
    case S_SET:
    case S_STORE:
        assignment(e, s);
        return;
    case S_COMMENT:
        c_line(e, "/* %s */", c_safe(e, s->text));
        return;
    }
    bug("statement of kind %d", s->kind);
}

static void body(Emit *e, const Stmt *s) {
    for (; s; s = s->next)
        statement(e, s);
}

/* --- functions --- */

static void origin(Emit *e, const Kernel *k) {
    Text t = {0};
    int n = 0;
    for (const Origin *o = k->origin; o && n < 12; o = o->next, n++) {
        text_printf(&t, n ? ", %s" : "%s", o->what ? o->what : "layer");
        if (o->name)
            text_printf(&t, " '%s'", o->name);
        if (o->loc.line)
            text_printf(&t, " (line %d)", o->loc.line);
    }
    c_line(e, t.n ? "/* %s: %s */" : "/* %s */", k->name, t.n ? c_safe(e, t.s) : "");
    text_free(&t);
}

static void locals(Emit *e) {
    for (int i = 0; i < e->k->nbuf; i++) {
        const Buf *b = &e->k->buf[i];
        if (b->kind == BUF_LOCAL && e->buf_used[i])
            c_line(e, "%s *RESTRICT %s = (%s *)(scratch + %lld);", dtype_info[b->dtype].ctype,
                   e->buf[i], dtype_info[b->dtype].ctype, (long long)kernel_local(e->k, i));
    }
}

/* "const float *x, ptrdiff_t n, ..." */
static void parameters(Emit *e, Text *out, const Kernel *k, const Signature *s, bool kernel) {
    const char *join = "";
    for (int i = 0; i < s->n; i++, join = ", ")
        text_printf(out, "%s%s%s", join, c_pointer(e, &k->buf[s->buf[i]], kernel), s->name[i]);
    if (s->batch)
        text_printf(out, "%sptrdiff_t n", join), join = ", ";
    if (kernel && k->parallel)
        text_printf(out, "%sint part, int parts", join), join = ", ";
    if (s->scratch)
        text_printf(out, "%sunsigned char *scratch", join), join = ", ";
    text_printf(out, *join ? "" : "void");
}

/* Serial without a pool; else each part is a call of its own. */
static void parallel_run(Emit *e, const Kernel *k, const Signature *s) {
    const char *name = k->name;
    Text args = {0}, fields = {0}, params = {0};
    c_open(e, "struct %s_args", name);
    for (int i = 0; i < s->n; i++) {
        c_line(e, "%s%s;", c_pointer(e, &k->buf[s->buf[i]], false), s->name[i]);
        text_printf(&args, "args->%s, ", s->name[i]);
        text_printf(&fields, "%s, ", s->name[i]);
    }
    if (s->batch)
        c_line(e, "ptrdiff_t n;");
    c_line(e, "int parts;");
    if (s->scratch)
        c_line(e, "unsigned char *scratch;");
    e->indent--;
    c_line(e, "};");
    text_printf(e->out, "\n");
    parameters(e, &params, k, s, false);
    c_open(e, "static void %s_part(void *p, int part)", name);
    c_line(e, "const struct %s_args *args = (const struct %s_args *)p;", name, name);
    c_line(e, "%s(%s%spart, args->parts%s);", name, args.n ? args.s : "",
           s->batch ? "args->n, " : "",
           s->scratch ? ", args->scratch + (size_t)part * SCRATCH" : "");
    c_close(e);
    text_printf(e->out, "\n");
    c_open(e, "static void %s_run(const %s_ctx *ctx, %s)", name, e->prefix, params.s);
    c_line(e, "struct %s_args args = {%s%s1%s};", name, fields.n ? fields.s : "",
           s->batch ? "n, " : "", s->scratch ? ", scratch" : "");
    c_open(e, "if (ctx->parallel == NULL || ctx->threads < 2)");
    c_line(e, "%s_part(&args, 0);", name);
    e->indent--;
    c_open(e, "} else");
    c_line(e, "args.parts = ctx->threads;");
    c_line(e, "ctx->parallel(ctx->pool, args.parts, %s_part, &args);", name);
    c_close(e);
    c_close(e);
    text_printf(e->out, "\n");
    text_free(&args);
    text_free(&fields);
    text_free(&params);
}

void c_kernel(Emit *e, const Kernel *k) {
    Signature s = c_signature(e, k);
    Text params = {0};
    parameters(e, &params, k, &s, true);
    origin(e, k);
    c_open(e, "KERNEL void %s(%s)", k->name, params.s);
    locals(e);
    body(e, e->k->body);
    c_close(e);
    text_printf(e->out, "\n");
    text_free(&params);
    if (k->parallel)
        parallel_run(e, k, &s);
}
