/* The header of emitted C: sizes, context, tables, and entries with their arguments. */
#include "codegen/c_emit.h"

#include <string.h>

static void shape(Emit *e, Text *out, const Type *t) {
    (void)e;
    for (int i = 0; i < t->rank; i++) {
        if (t->dim[i].batch)
            text_printf(out, "[n]");
        else
            text_printf(out, "[%lld]", (long long)t->dim[i].n);
    }
    text_printf(out, t->rank ? "" : " (one value)");
}

/* " *   image   in   f32[n][1][28][28]" */
static void argument(Emit *e, const char *name, const char *way, const Slot *s) {
    Text t = {0};
    shape(e, &t, &s->type);
    text_printf(e->out, " *   %-12s %s  %s%s", c_safe(e, name), way,
                dtype_info[s->type.dtype].name, t.s);
    if (s->lo != s->hi)
        text_printf(e->out, ", each %lld..%lld", (long long)s->lo, (long long)s->hi - 1);
    text_printf(e->out, "\n");
    text_free(&t);
}

static void prototypes(Emit *e) {
    const Program *p = e->program;
    for (int i = 0; i < p->nentry; i++) {
        const Entry *n = &p->entry[i];
        Text head = {0};
        if (strcmp(n->name, "init") == 0)
            continue;
        text_printf(e->out, "/* %s%s\n", c_safe(e, n->name),
                    entry_plain(n) ? ": what is carried from call to call begins again"
                    : n->training ? ": works on training state"
                    : n->stream ? ": the next steps of a sequence" : "");
        for (int k = 0; k < n->nin; k++)
            argument(e, p->input.slot[n->in[k]].name, "in ", &p->input.slot[n->in[k]]);
        for (int k = 0; k < n->nout; k++)
            argument(e, n->out[k].name, "out", &n->out[k]);
        text_printf(e->out, " */\n");
        c_prototype(e, n, &head);
        c_line(e, "%s;", head.s);
        text_printf(e->out, "\n");
        text_free(&head);
    }
}

static void size(Emit *e, const char *name, int64_t bytes, const char *what) {
    text_printf(e->out, "#define %s_%s_BYTES %lld%*s/* %s */\n", e->upper, name,
                (long long)bytes, 2, "", what);
}

static void sizes(Emit *e) {
    const Program *p = e->program;
    text_printf(e->out, "/* The caller's memory, each block aligned to %s_ALIGN bytes. */\n",
                e->upper);
    text_printf(e->out, "#define %s_ALIGN 64\n", e->upper);
    text_printf(e->out, "#define %s_BATCH %lld  /* the largest n */\n", e->upper,
                (long long)p->batch);
    size(e, "PARAMS", p->param.bytes, "what is trained");
    size(e, "GRADS", p->grad.bytes, "gradients");
    size(e, "STATE", p->state.bytes, "statistics, optimizer");
    if (c_streams(p))
        size(e, "STREAM", p->stream.bytes, "what a stream keeps from call to call");
    text_printf(e->out, "#define %s_ARENA_BYTES(threads) "
                "((size_t)%lld + (size_t)(threads) * (size_t)%lld)\n\n", e->upper,
                (long long)program_planned(p), (long long)program_scratch(p));
    if (p->param.n || p->state.n)
        text_printf(e->out, "/* What heads files of params and state: of this layout, and no other. */\n"
                    "#define %s_LAYOUT UINT64_C(0x%016llx)\n\n", e->upper,
                    (unsigned long long)emit_c_layout(p));
}

static void values(Emit *e) {
    const Block *b = &e->program->value;
    int64_t at = 0;
    for (int i = 0; i <= b->n; i++) {
        int64_t next = i < b->n ? b->slot[i].offset : b->bytes;
        if (next > at)
            c_line(e, "    unsigned char gap_%d[%lld];", i, (long long)(next - at));
        if (i == b->n)
            break;
        const Slot *s = &b->slot[i];
        int64_t n = type_bytes(&s->type) / dtype_info[s->type.dtype].bytes;
        if (strcmp(s->name, "rng") == 0)
            c_line(e, "    /* seed, seed, the step's number, 0; the step is yours to set */");
        if (s->type.rank)
            c_line(e, "    %s %s[%lld];", dtype_info[s->type.dtype].ctype, c_field(e, s->name),
                   (long long)n);
        else
            c_line(e, "    %s %s;", dtype_info[s->type.dtype].ctype, c_field(e, s->name));
        at = s->offset + type_bytes(&s->type);
    }
}

static void context(Emit *e) {
    const char *p = e->prefix;
    text_printf(e->out,
        "/* One caller's state. Zero it, set the blocks that its entries use, call %s_init.\n"
        " * A ctx serves one call at a time; several of them may run side by side. */\n"
        "typedef struct %s_ctx {\n"
        "    void *params, *grads, *state, *stream, *arena;\n"
        "    /* Runs fn(arg, 0) .. fn(arg, parts - 1), in any order; NULL: serial. */\n"
        "    void (*parallel)(void *pool, int parts, void (*fn)(void *arg, int part),\n"
        "                     void *arg);\n"
        "    void *pool;\n"
        "    int threads;                       /* parts to split into; 0 counts as 1 */\n"
        "    uint32_t features;                 /* of the CPU; set by the first call */\n", p, p);
    values(e);
    text_printf(e->out, "} %s_ctx;\n\n", p);
}

static void table(Emit *e, const Block *b, const char *noun, const char *plural) {
    const char *p = e->prefix;
    if (!b->n)
        return;
    text_printf(e->out, "extern const %s_tensor %s_%s[%d];\n", p, p, plural, b->n);
    text_printf(e->out, "int %s_%s_get(const %s_ctx *ctx, int index, void *row);\n", p, noun, p);
    text_printf(e->out, "int %s_%s_set(%s_ctx *ctx, int index, const void *row);\n\n", p, noun,
                p);
}

static void tables(Emit *e) {
    const Program *p = e->program;
    if (!p->param.n && !p->grad.n && !p->state.n)
        return;
    text_printf(e->out,
        "/* Where a tensor lies in its block. _get and _set copy it out and in as a plain\n"
        " * row-major array. */\n"
        "typedef struct %s_tensor {\n"
        "    const char *name;\n"
        "    const char *dtype;                 /* \"f32\" ... */\n"
        "    size_t size;                       /* bytes of an element */\n"
        "    int rank;\n"
        "    size_t shape[8], strides[8];       /* strides in elements */\n"
        "    size_t offset;                     /* bytes in its block */\n"
        "} %s_tensor;\n\n", e->prefix, e->prefix);
    table(e, &p->param, "param", "params");
    table(e, &p->grad, "grad", "grads");
    table(e, &p->state, "state", "states");
}

static void init(Emit *e) {
    const Program *p = e->program;
    const char *seeded = p->state.bytes || p->param.bytes
        ? " and whatever the model initialises from the seed" : "";
    const char *weights = !e->o->weights || !p->param.bytes ? ""
        : c_init_needs(e, AT_PARAM)
        ? "\n * The trained weights are part of this file, and are copied to ctx->params; so with"
          "\n * ctx->state."
        : "\n * The trained weights are part of this file: where ctx->params is NULL it is set to"
          "\n * them (read only), else they are copied there; so with ctx->state.";
    text_printf(e->out, "/* Presets the values in ctx%s.%s */\n", seeded, weights);
    text_printf(e->out, "int %s_init(%s_ctx *ctx, uint64_t seed);\n\n", e->prefix, e->prefix);
}

void c_header(Emit *e) {
    const Program *p = e->program;
    text_printf(e->out, "/* %s: made by Kiln for %s, %s math. Yours under any licence (0BSD).\n"
                " *\n"
                " * Functions return 0 when all is well, 1 for a bad argument, 2 for an integer\n"
                " * input out of its range, 4 where this CPU lacks what the code was made for; with\n"
                " * these nothing has been computed. 3: all is done, but the loss is not finite.\n"
                " * Tensors are row-major; n is the batch; inputs and outputs may not overlap. */\n",
                c_safe(e, p->name), p->target->name, p->strict ? "strict" : "fast");
    text_printf(e->out, "#ifndef %s_H\n#define %s_H\n\n"
                "#include <stddef.h>\n#include <stdint.h>\n\n"
                "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n", e->upper, e->upper);
    sizes(e);
    context(e);
    init(e);
    if (e->o->lr)
        text_printf(e->out, "/* The model's learning rate at step 0, 1 ...: set ctx->lr to it. What the model\n"
                    " * counts in epochs is as long as epoch_steps says: the steps of one epoch. */\n"
                    "float %s_lr(int64_t step, int64_t epoch_steps);\n\n", e->prefix);
    prototypes(e);
    if (c_streams(p))
        c_stream_header(e);
    tables(e);
    text_printf(e->out, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}
