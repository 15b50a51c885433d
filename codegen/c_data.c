/* Data in emitted C: constants, embedded weights, tables of tensors and their access. */
#include "codegen/c_emit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- elements --- */

/* Floats as hexadecimal digits: exact, and quick to write and to read. What is not finite
 * is a division that every compiler folds. */
static void real(Text *out, double x, const char *suffix) {
    uint64_t bits;
    char digits[16];
    int n = 13;
    memcpy(&bits, &x, sizeof bits);
    const char *sign = bits >> 63 ? "-" : "";
    uint64_t m = bits & (((uint64_t)1 << 52) - 1);
    int e = (int)(bits >> 52 & 0x7ff);
    if (isnan(x)) {
        text_printf(out, "0.0%s / 0.0%s", suffix, suffix);
    } else if (isinf(x)) {
        text_printf(out, "%s1.0%s / 0.0%s", sign, suffix, suffix);
    } else if (fabs(x) < 1000 && x == (double)(int)x) {
        text_printf(out, "%s%d.0%s", sign, abs((int)x), suffix);
    } else {
        for (int i = 0; i < 13; i++)
            digits[i] = "0123456789abcdef"[m >> (48 - 4 * i) & 15];
        while (n > 1 && digits[n - 1] == '0')
            n--;
        text_printf(out, "%s0x%c.%.*sp%d%s", sign, e ? '1' : '0', n, digits,
                    (e ? e : 1) - 1023, suffix);
    }
}

static void element(Emit *e, Text *out, DType t, const unsigned char *at) {
    int64_t v = 0;
    float f;
    double d;
    uint32_t u;
    int32_t i;
    switch (t) {
    case F32: memcpy(&f, at, 4); real(out, f, "f"); return;
    case F64: memcpy(&d, at, 8); real(out, d, ""); return;
    case I32: memcpy(&i, at, 4); v = i; break;
    case U32: memcpy(&u, at, 4); v = u; break;
    case I64:
    case U64: memcpy(&v, at, 8); break;
    case U8:
    case BOOL:
        text_printf(out, "%d", *at);
        return;
    case NDTYPE: bug("data without a type");
    }
    c_number(out, x_int(e->program->pool, t, v));
}

static void elements(Emit *e, DType t, int64_t n, const unsigned char *data, const char *lead) {
    enum { WIDTH = 90 };
    size_t start = e->out->n;
    text_printf(e->out, "%s", lead);
    for (int64_t i = 0; i < n; i++) {
        bool wrap = e->out->n - start > WIDTH;
        if (i)
            text_put(e->out, ", ", wrap ? 1 : 2);
        if (wrap) {
            text_printf(e->out, "\n");
            start = e->out->n;
            text_printf(e->out, "%s", lead);
        }
        element(e, e->out, t, data + i * dtype_info[t].bytes);
    }
    text_printf(e->out, "\n");
}

static int64_t count(const Slot *s) {
    return type_bytes(&s->type) / dtype_info[s->type.dtype].bytes;
}

void c_constants(Emit *e) {
    const Block *b = &e->program->constant;
    for (int i = 0; i < b->n; i++) {
        const Slot *s = &b->slot[i];
        c_line(e, "static const %s constant_%d[%lld] = {", dtype_info[s->type.dtype].ctype, i,
               (long long)count(s));
        elements(e, s->type.dtype, count(s), e->program->const_data + s->offset, "    ");
        c_line(e, "};");
    }
    if (b->n)
        text_printf(e->out, "\n");
}

/* A block as a struct: its tensors at their offsets, gaps filled. */
static void fields(Emit *e, const Block *b) {
    int64_t at = 0;
    for (int i = 0; i <= b->n; i++) {
        int64_t next = i < b->n ? b->slot[i].offset : b->bytes;
        if (next > at)
            c_line(e, "unsigned char gap_%d[%lld];", i, (long long)(next - at));
        if (i < b->n) {
            const Slot *s = &b->slot[i];
            c_line(e, "%s part_%d[%lld];", dtype_info[s->type.dtype].ctype, i,
                   (long long)count(s));
            at = s->offset + type_bytes(&s->type);
        }
    }
}

static void embed(Emit *e, const Block *b, const char *name, const void *data) {
    int64_t at = 0;
    c_line(e, "static const struct {");
    e->indent++;
    fields(e, b);
    e->indent--;
    c_line(e, "} embedded_%s%s = {", name,
           e->target->vector ? " __attribute__((aligned(64)))" : "");
    for (int i = 0; i <= b->n; i++) {
        int64_t next = i < b->n ? b->slot[i].offset : b->bytes;
        if (next > at)
            c_line(e, "    {0},");
        if (i == b->n)
            break;
        const Slot *s = &b->slot[i];
        c_line(e, "    { /* %s */", c_safe(e, s->name));
        elements(e, s->type.dtype, count(s), (const unsigned char *)data + s->offset, "    ");
        c_line(e, "    },");
        at = s->offset + type_bytes(&s->type);
    }
    c_line(e, "};");
    text_printf(e->out, "\n");
}

void c_weights(Emit *e) {
    if (e->o->weights && e->program->param.bytes)
        embed(e, &e->program->param, "params", e->o->weights);
    if (e->o->state && e->program->state.bytes)
        embed(e, &e->program->state, "state", e->o->state);
}

uint64_t emit_c_layout(const Program *p) {
    const Block *const blocks[] = {&p->param, &p->state};
    Text t = {0};
    for (size_t b = 0; b < COUNT(blocks); b++) {
        for (int i = 0; i < blocks[b]->n; i++) {
            text_printf(&t, "%s %lld ", blocks[b]->slot[i].name,
                        (long long)blocks[b]->slot[i].offset);
            type_print(&t, &blocks[b]->slot[i].type);
        }
        text_printf(&t, "%lld;", (long long)blocks[b]->bytes);
    }
    uint64_t hash = hash_bytes(t.s, t.n, 0);
    text_free(&t);
    return hash;
}

/* --- tables --- */

static void row(Emit *e, const Slot *s) {
    const Type *t = &s->type;
    Text shape = {0}, strides = {0}, name = {0};
    int64_t stride = count(s);
    for (int i = 0; i < t->rank; i++) {
        stride /= t->dim[i].n ? t->dim[i].n : 1;
        text_printf(&shape, i ? ", %lld" : "%lld", (long long)t->dim[i].n);
        text_printf(&strides, i ? ", %lld" : "%lld", (long long)stride);
    }
    c_string(&name, s->name);
    c_line(e, "{%s, \"%s\", %d, %d, {%s}, {%s}, %lld},", name.s, dtype_info[t->dtype].name,
           dtype_info[t->dtype].bytes, t->rank, t->rank ? shape.s : "0",
           t->rank ? strides.s : "0", (long long)s->offset);
    text_free(&shape);
    text_free(&strides);
    text_free(&name);
}

static void table(Emit *e, const Block *b, const char *plural) {
    if (!b->n)
        return;
    c_line(e, "const %s_tensor %s_%s[%d] = {", e->prefix, e->prefix, plural, b->n);
    e->indent++;
    for (int i = 0; i < b->n; i++)
        row(e, &b->slot[i]);
    e->indent--;
    c_line(e, "};");
    text_printf(e->out, "\n");
}

/* Copies between a tensor's place and its elements in a row, whatever the strides. */
static void copy_function(Emit *e) {
    const char *p = e->prefix;
    c_open(e, "static void copy_tensor(const %s_tensor *t, unsigned char *place, "
           "unsigned char *row, int out)", p);
    c_line(e, "size_t at[8] = {0}, count = 1;");
    c_line(e, "for (int d = 0; d < t->rank; d++)");
    c_line(e, "    count *= t->shape[d];");
    c_open(e, "for (size_t k = 0; k < count; k++)");
    c_line(e, "size_t from = 0;");
    c_line(e, "for (int d = 0; d < t->rank; d++)");
    c_line(e, "    from += at[d] * t->strides[d];");
    c_line(e, "unsigned char *x = place + t->offset + from * t->size;");
    c_line(e, "memcpy(out ? row + k * t->size : x, out ? x : row + k * t->size, t->size);");
    c_line(e, "for (int d = t->rank; d-- > 0 && ++at[d] == t->shape[d];)");
    c_line(e, "    at[d] = 0;");
    c_close(e);
    c_close(e);
    text_printf(e->out, "\n");
}

static void access(Emit *e, const Block *b, const char *noun, const char *block) {
    const char *p = e->prefix;
    if (!b->n)
        return;
    for (int set = 0; set < 2; set++) {
        c_open(e, "int %s_%s_%s(%s%s_ctx *ctx, int index, %svoid *row)", p, noun,
               set ? "set" : "get", set ? "" : "const ", p, set ? "const " : "");
        c_line(e, "if (ctx == NULL || ctx->%s == NULL || row == NULL || index < 0 || index >= %d)",
               block, b->n);
        c_line(e, "    return 1;");
        c_line(e, "copy_tensor(&%s_%ss[index], (unsigned char *)ctx->%s, (unsigned char *)row, "
               "%d);", p, noun, block, !set);
        c_line(e, "return 0;");
        c_close(e);
        text_printf(e->out, "\n");
    }
}

void c_tables(Emit *e) {
    const Program *p = e->program;
    table(e, &p->param, "params");
    table(e, &p->grad, "grads");
    table(e, &p->state, "states");
    if (p->param.n || p->grad.n || p->state.n)
        copy_function(e);
    access(e, &p->param, "param", "params");
    access(e, &p->grad, "grad", "grads");
    access(e, &p->state, "state", "state");
}
