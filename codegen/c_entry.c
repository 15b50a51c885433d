/* Entries as C functions: arguments checked, kernels called with every place resolved. */
#include "codegen/c_emit.h"

#include <string.h>

/* --- places --- */

typedef struct {                       /* the C names of one entry's arguments */
    const char **in, **out;
} Args;

static Args arguments(Emit *e, const Entry *n) {
    NameSet set = {0};
    Args a = {NEW(e->arena, n->nin + 1, const char *), NEW(e->arena, n->nout + 1, const char *)};
    for (int i = 0; i < n->nin; i++)
        a.in[i] = c_name(e, &set, e->program->input.slot[n->in[i]].name, "input");
    for (int i = 0; i < n->nout; i++)
        a.out[i] = c_name(e, &set, n->out[i].name, "output");
    return a;
}

void c_prototype(Emit *e, const Entry *n, Text *out) {
    Args a = arguments(e, n);
    text_printf(out, "int %s_%s(%s_ctx *ctx%s", e->prefix, c_field(e, n->name), e->prefix,
                entry_plain(n) ? "" : ", int n");
    for (int i = 0; i < n->nin; i++)
        text_printf(out, ", const %s *%s",
                    dtype_info[e->program->input.slot[n->in[i]].type.dtype].ctype, a.in[i]);
    for (int i = 0; i < n->nout; i++)
        text_printf(out, ", %s *%s", dtype_info[n->out[i].type.dtype].ctype, a.out[i]);
    text_printf(out, ")");
}

static const Slot *slot_at(const Block *b, int64_t offset, int *index) {
    for (int i = 0; i < b->n; i++)
        if (offset >= b->slot[i].offset &&
            offset < b->slot[i].offset + type_bytes(&b->slot[i].type)) {
            *index = i;
            return &b->slot[i];
        }
    bug("C: no constant or value at %lld", (long long)offset);
}

/* "ctx->lr", "constant_2": where a value or constant lies, as a pointer. */
static const char *named(Emit *e, const Block *b, bool value, const Place *p, int64_t *rest) {
    int i;
    const Slot *s = slot_at(b, p->offset, &i);
    *rest = p->offset - s->offset;
    if (!value)
        return arena_printf(e->arena, "constant_%d", i);
    return arena_printf(e->arena, "%sctx->%s", s->type.rank ? "" : "&", c_field(e, s->name));
}

static const char *turn(Emit *e, int depth) {
    return depth > 1 ? arena_printf(e->arena, "t%d", depth) : "t";
}

/* A pointer of the buffer's type. Bytes are counted where the base is bytes or steps are
 * taken; else the C type counts. */
static const char *place(Emit *e, const Args *a, const Place *p, const Buf *b, int depth) {
    static const char *const base[] = {[AT_ARENA] = "arena", [AT_PARAM] = "params",
                                       [AT_GRAD] = "grads", [AT_STATE] = "state",
                                       [AT_STREAM] = "kept"};
    const char *type = c_pointer(e, b, false), *at, *step = "";
    int64_t rest = p->offset;
    if (p->stride && depth)
        step = arena_printf(e->arena, " + %s * %lld", turn(e, depth), (long long)p->stride);
    switch (p->space) {
    case AT_ARENA: case AT_PARAM: case AT_GRAD: case AT_STATE: case AT_STREAM:
        return arena_printf(e->arena, "(%s)(%s + %lld%s)", type, base[p->space],
                            (long long)rest, step);
    case AT_CONST:
    case AT_VALUE:
        at = named(e, p->space == AT_CONST ? &e->program->constant : &e->program->value,
                   p->space == AT_VALUE, p, &rest);
        break;
    case AT_INPUT:
    case AT_OUTPUT:
        at = p->space == AT_INPUT ? a->in[p->index] : a->out[p->index];
        break;
    default:
        bug("C: space %d", (int)p->space);
    }
    if (!rest && !*step)
        return at;
    const char *more = rest ? arena_printf(e->arena, " + %lld", (long long)rest) : "";
    return arena_printf(e->arena, "(%s)((%sunsigned char *)%s%s%s)", type,
                        b->written ? "" : "const ", at, more, step);
}

/* --- calls --- */

static void call_kernel(Emit *e, const Args *a, const Call *c, int depth) {
    const Kernel *k = e->program->kernel[c->kernel];
    Signature s = c_signature(e, k);
    Text t = {0};
    const char *join = "";
    if (k->parallel)
        text_printf(&t, "ctx"), join = ", ";
    for (int i = 0, arg = 0, used = 0; i < k->nbuf; i++) {
        if (k->buf[i].kind != BUF_ARG)
            continue;
        if (used < s.n && s.buf[used] == i) {
            text_printf(&t, "%s%s", join, place(e, a, &c->arg[arg], &k->buf[i], depth));
            join = ", ";
            used++;
        }
        arg++;
    }
    if (s.batch)
        text_printf(&t, "%sn", join), join = ", ";
    if (s.scratch)
        text_printf(&t, "%sarena + PLANNED", join);
    c_line(e, "%s%s(%s);", k->name, k->parallel ? "_run" : "", t.n ? t.s : "");
    text_free(&t);
}

static void calls(Emit *e, const Args *a, const Entry *n) {
    int depth = 0;
    for (int i = 0; i < n->ncall; i++) {
        const Call *c = &n->call[i];
        switch (c->kind) {
        case C_KERNEL:
            call_kernel(e, a, c, depth);
            break;
        case C_LOOP: {
            const char *t = turn(e, ++depth);
            c_open(e, "for (ptrdiff_t %s = 0; %s < %lld; %s++)", t, t, (long long)c->times, t);
            break;
        }
        case C_END:
            depth--;
            c_close(e);
            break;
        }
    }
}

/* --- checks --- */

static bool scratched(Emit *e, const Call *c) {
    return c->kind == C_KERNEL && c_signature(e, e->program->kernel[c->kernel]).scratch;
}

/* Which blocks an entry touches. */
static void touched(Emit *e, const Entry *n, bool uses[]) {
    for (int i = 0; i < n->ncall; i++) {
        const Call *c = &n->call[i];
        uses[AT_ARENA] |= scratched(e, c);
        for (int b = 0, arg = 0; c->kind == C_KERNEL && b < e->program->kernel[c->kernel]->nbuf;
             b++)
            if (e->program->kernel[c->kernel]->buf[b].kind == BUF_ARG)
                uses[c->arg[arg++].space] = true;
    }
}

static void null_checks(Emit *e, const Entry *n, const Args *a, const bool uses[],
                        const char *const block[]) {
    Text t = {0};
    text_printf(&t, "if (ctx == NULL");
    if (!entry_plain(n))
        text_printf(&t, " || n < 1 || n > %s_BATCH", e->upper);
    for (int i = 0; i < n->nin; i++)
        text_printf(&t, " || %s == NULL", a->in[i]);
    for (int i = 0; i < n->nout; i++)
        text_printf(&t, " || %s == NULL", a->out[i]);
    for (int s = AT_ARENA; s <= AT_STREAM; s++)
        if (uses[s])
            text_printf(&t, " || ctx->%s == NULL", block[s]);
    c_line(e, "%s)", t.s);
    c_line(e, "    return 1;");
    text_free(&t);
}

/* What the type cannot hold anyway is not asked. */
static void range_check(Emit *e, const Slot *s, const char *name) {
    static const struct { int64_t lo, hi; } limits[NDTYPE] = {
        [I32] = {INT32_MIN, INT32_MAX}, [I64] = {INT64_MIN, INT64_MAX}, [U32] = {0, UINT32_MAX},
        [U64] = {0, INT64_MAX}, [U8] = {0, 255}, [BOOL] = {0, 255},
    };
    DType t = s->type.dtype;
    bool low = s->lo > limits[t].lo, high = s->hi - 1 < limits[t].hi;
    int64_t count = 1;
    if (s->lo == s->hi || (!low && !high))
        return;
    for (int i = 0; i < s->type.rank; i++)
        count *= s->type.dim[i].batch ? 1 : s->type.dim[i].n;
    const char *scale = count == 1 ? "" : arena_printf(e->arena, " * %lld", (long long)count);
    bool batch = s->type.rank && s->type.dim[0].batch;
    c_line(e, "for (ptrdiff_t t = 0; t < %s%s; t++)", batch ? "n" : "1", scale);
    const char *suffix = dtype_info[t].bytes == 8 ? t == U64 ? "ULL" : "LL" : t == U32 ? "u" : "";
    Text c = {0};
    if (low)
        text_printf(&c, "%s[t] < %lld%s", name, (long long)s->lo, suffix);
    if (high)
        text_printf(&c, "%s%s[t] > %lld%s", low ? " || " : "", name, (long long)s->hi - 1, suffix);
    c_line(e, "    if (%s)", c.s);
    c_line(e, "        return 2;");
    text_free(&c);
}

static void stream_check(Emit *e, const Slot *s) {
    range_check(e, s, arena_printf(e->arena, "((const %s *)(kept + %lld))",
                                   dtype_info[s->type.dtype].ctype, (long long)s->offset));
}

/* Base pointers of the blocks: what only reads them is const. */
static void bases(Emit *e, const bool uses[], const char *const block[]) {
    for (int s = AT_ARENA; s <= AT_STREAM; s++)
        if (uses[s])
            c_line(e, "unsigned char *const %s = (unsigned char *)ctx->%s;",
                   s == AT_STREAM ? "kept" : block[s], block[s]);
}

static bool uses_batch(Emit *e, const Entry *n) {
    for (int i = 0; i < n->ncall; i++)
        if (n->call[i].kind == C_KERNEL &&
            c_signature(e, e->program->kernel[n->call[i].kernel]).batch)
            return true;
    return false;
}

static void entry(Emit *e, const Entry *n, const char *head, bool checks) {
    static const char *const block[] = {[AT_ARENA] = "arena", [AT_PARAM] = "params",
                                        [AT_GRAD] = "grads", [AT_STATE] = "state",
                                        [AT_STREAM] = "stream"};
    bool uses[AT_OUTPUT + 1] = {0};
    Args a = arguments(e, n);
    touched(e, n, uses);
    c_open(e, "%s", head);
    if (checks)
        null_checks(e, n, &a, uses, block);
    if (checks && c_features(e->target)) {
        c_line(e, "if (!cpu_suffices(ctx))");
        c_line(e, "    return 4;");
    }
    for (int i = 0; checks && i < n->nin; i++)
        range_check(e, &e->program->input.slot[n->in[i]], a.in[i]);
    if (!checks && !uses_batch(e, n))
        c_line(e, "(void)n;");
    bases(e, uses, block);
    for (int i = 0; checks && n->stream && i < e->program->stream.n; i++)
        stream_check(e, &e->program->stream.slot[i]);
    calls(e, &a, n);
    if (checks && n->judged)
        c_line(e, "return *%s - *%s == 0 ? 0 : 3;", a.out[n->judged - 1], a.out[n->judged - 1]);
    else if (checks)
        c_line(e, "return 0;");
    c_close(e);
    text_printf(e->out, "\n");
}

void c_entries(Emit *e) {
    for (int i = 0; i < e->program->nentry; i++) {
        const Entry *n = &e->program->entry[i];
        Text head = {0};
        if (strcmp(n->name, "init") == 0)
            continue;                  /* part of <prefix>_init */
        c_prototype(e, n, &head);
        entry(e, n, head.s, true);
        text_free(&head);
    }
}

/* --- init --- */

static const Entry *find_init(const Program *p) {
    for (int i = 0; i < p->nentry; i++)
        if (strcmp(p->entry[i].name, "init") == 0)
            return &p->entry[i];
    return NULL;
}

static void preset(Emit *e, const Slot *s) {
    int64_t count = type_bytes(&s->type) / dtype_info[s->type.dtype].bytes;
    const char *name = c_field(e, s->name);
    if (strcmp(s->name, "rng") == 0 && s->type.dtype == U32 && count == 4) {
        c_line(e, "ctx->%s[0] = (uint32_t)(seed & 0xffffffffu);", name);
        c_line(e, "ctx->%s[1] = (uint32_t)(seed >> 32);", name);
        c_line(e, "ctx->%s[2] = 0;", name);
        c_line(e, "ctx->%s[3] = 0;", name);
        return;
    }
    Text v = {0};
    c_number(&v, x_num(e->program->pool, s->type.dtype, s->init));
    if (s->type.rank == 0) {
        c_line(e, "ctx->%s = %s;", name, v.s);
    } else {
        c_line(e, "for (ptrdiff_t t = 0; t < %lld; t++)", (long long)count);
        c_line(e, "    ctx->%s[t] = %s;", name, v.s);
    }
    text_free(&v);
}

bool c_init_needs(Emit *e, Space s) {
    const Entry *n = find_init(e->program);
    bool uses[AT_OUTPUT + 1] = {0};
    if (n)
        touched(e, n, uses);
    return uses[s];
}

static void embedded(Emit *e, Space s, const char *block, const char *macro) {
    bool needed = c_init_needs(e, s);
    if (!needed) {
        c_line(e, "if (ctx->%s == NULL)", block);
        c_line(e, "    ctx->%s = (void *)&embedded_%s;", block, block);
        c_line(e, "else");
    }
    c_line(e, "%smemcpy(ctx->%s, &embedded_%s, %s_%s_BYTES);", needed ? "" : "    ", block, block,
           e->upper, macro);
}

static bool uses_seed(const Program *p) {
    for (int i = 0; i < p->value.n; i++)
        if (strcmp(p->value.slot[i].name, "rng") == 0)
            return true;
    return false;
}

void c_init(Emit *e) {
    const Program *p = e->program;
    const Entry *n = find_init(p);
    if (n)
        entry(e, n, arena_printf(e->arena, "static void run_init(%s_ctx *ctx, int n)", e->prefix),
              false);
    c_open(e, "int %s_init(%s_ctx *ctx, uint64_t seed)", e->prefix, e->prefix);
    c_line(e, "if (ctx == NULL%s%s%s)", c_init_needs(e, AT_PARAM) ? " || ctx->params == NULL" : "",
           c_init_needs(e, AT_STATE) ? " || ctx->state == NULL" : "",
           c_init_needs(e, AT_ARENA) ? " || ctx->arena == NULL" : "");
    c_line(e, "    return 1;");
    if (c_features(e->target)) {
        c_line(e, "if (!cpu_suffices(ctx))");
        c_line(e, "    return 4;");
    }
    if (!uses_seed(p))
        c_line(e, "(void)seed;");
    for (int i = 0; i < p->value.n; i++)
        preset(e, &p->value.slot[i]);
    if (n)
        c_line(e, "run_init(ctx, 1);");
    if (e->o->weights && p->param.bytes)
        embedded(e, AT_PARAM, "params", "PARAMS");
    if (e->o->state && p->state.bytes)
        embedded(e, AT_STATE, "state", "STATE");
    c_line(e, "return 0;");
    c_close(e);
    text_printf(e->out, "\n");
}
