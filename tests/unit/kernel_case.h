/* Programs made of kernels in text form, one entry for each, for tests that run them. In
 * a kernel's text $L is replaced by the number of lanes, $T by that of a tail of CASE_N
 * elements, $M by what stands before it; without lanes "; 1, ..." is left out. */
#ifndef KILN_TESTS_KERNEL_CASE_H
#define KILN_TESTS_KERNEL_CASE_H

#include "codegen/exec.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { CASE_N = 61, CASE_BUFS = 16 };

typedef struct { Arena *arena; Pool *pool; Strs *strs; Diag *diag; Text errors; } World;

static inline void collect_error(void *user, DiagKind kind, Loc loc, const char *message) {
    (void)kind;
    text_printf(user, "%d: %s\n", loc.line, message);
}

static inline World *world_new(void) {
    Arena *a = arena_new();
    World *w = NEW(a, 1, World);
    *w = (World){a, pool_new(a), strs_new(a), NULL, {0}};
    w->diag = diag_new(a, collect_error, &w->errors);
    return w;
}

static inline void world_free(World *w) {
    text_free(&w->errors);
    arena_free(w->arena);
}

static inline char *case_text(World *w, const char *name, const char *body, int lanes) {
    int tail = (CASE_N - 1) % lanes + 1;
    Text t = {0};
    text_printf(&t, "kernel \"%s\" {\n", name);
    for (const char *c = body; *c; c++) {
        if (*c == ';' && lanes == 1)
            c += strcspn(c, "])");
        if (*c != '$') {
            text_put(&t, c, 1);
            continue;
        }
        c++;
        text_printf(&t, "%d", *c == 'L' ? lanes : *c == 'T' ? tail : CASE_N - tail);
    }
    text_printf(&t, "}\n");
    char *s = arena_printf(w->arena, "%s", t.s);
    text_free(&t);
    return s;
}

static inline Kernel *case_parse(World *w, const char *text) {
    Kernel *k = loop_parse(w->arena, w->pool, w->strs,
                           diag_source(w->diag, "kernel", text, strlen(text)));
    if (!k)
        fprintf(stderr, "%s\n%s", w->errors.s ? w->errors.s : "", text);
    return k;
}

static inline Program *case_program(World *w, const char *target) {
    Program *p = NEW(w->arena, 1, Program);
    *p = (Program){.arena = w->arena, .pool = w->pool, .strs = w->strs, .name = "test",
                   .target = target_find(target), .batch = CASE_N};
    return p;
}

/* An entry that calls k: buffers that are written are outputs, others are inputs. */
static inline void case_add(World *w, Program *p, Kernel *k) {
    Entry *e = &PUSH(w->arena, p->entry, p->nentry);
    Call *c = NEW(w->arena, 1, Call);
    *e = (Entry){.name = arena_printf(w->arena, "e%d", p->nentry - 1), .ncall = 1, .call = c,
                 .scratch = kernel_scratch(k), .in = NEW(w->arena, k->nbuf, int),
                 .out = NEW(w->arena, k->nbuf, Slot)};
    *c = (Call){.kind = C_KERNEL, .kernel = p->nkernel, .arg = NEW(w->arena, k->nbuf, Place)};
    k->name = arena_printf(w->arena, "k%d", p->nkernel);
    PUSH(w->arena, p->kernel, p->nkernel) = k;
    for (int i = 0, arg = 0; i < k->nbuf; i++) {
        const Buf *b = &k->buf[i];
        Slot s = {.name = arena_printf(w->arena, "b%d", i),
                  .type = {.dtype = b->dtype, .rank = 1, .dim = {{b->size, false}}}};
        if (b->kind == BUF_LOCAL)
            continue;
        c->arg[arg++] = (Place){.space = b->written ? AT_OUTPUT : AT_INPUT,
                                .index = b->written ? e->nout : e->nin};
        if (b->written) {
            e->out[e->nout++] = s;
        } else {
            e->in[e->nin++] = p->input.n;
            PUSH(w->arena, p->input.slot, p->input.n) = s;
        }
    }
}

static inline uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 3 ^ *state << 13;
}

/* Numbers of all sizes, specials among them; buffers named "index" hold 0..6. */
static inline void case_fill(const Buf *b, void *data, uint32_t *state) {
    static const float specials[] = {0.0f, -0.0f, 1e-40f, -1e-45f, 1e38f, -3e38f, 0.5f, -1.0f,
                                     __builtin_inff(), -__builtin_inff(), __builtin_nanf("")};
    bool index = b->name && strcmp(b->name, "index") == 0;
    for (int64_t i = 0; i < b->size; i++) {
        uint32_t r = next_random(state);
        float x = r % 5 == 0 ? specials[r / 5 % COUNT(specials)]
                             : (float)(int32_t)r * 0x1p-29f;
        switch (b->dtype) {
        case F32: ((float *)data)[i] = x; break;
        case F64: ((double *)data)[i] = x * (r & 2 ? 1.000000001 : 1); break;
        case I32:
        case U32: ((uint32_t *)data)[i] = index ? r % 7 : r * 2654435761u; break;
        case I64:
        case U64: ((uint64_t *)data)[i] = (uint64_t)r * 0x9e3779b97f4a7c15u; break;
        case U8: ((uint8_t *)data)[i] = (uint8_t)r; break;
        case BOOL: ((uint8_t *)data)[i] = r & 1; break;
        case NDTYPE: break;
        }
    }
}

static inline bool same_element(DType t, const unsigned char *a, const unsigned char *b) {
    float x, y;
    double v, w;
    if (memcmp(a, b, (size_t)dtype_info[t].bytes) == 0)
        return true;
    if (t == F32) {
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return x != x && y != y;
    }
    if (t != F64)
        return false;
    memcpy(&v, a, sizeof v);
    memcpy(&w, b, sizeof w);
    return v != v && w != w;
}

typedef struct { unsigned char *buf[CASE_BUFS]; } CaseData;

static inline CaseData case_data(World *w, const Kernel *k) {
    CaseData d;
    uint32_t state = 12345;
    for (int i = 0; i < k->nbuf; i++) {
        d.buf[i] = arena_alloc(w->arena,
                               (size_t)(k->buf[i].size * dtype_info[k->buf[i].dtype].bytes));
        case_fill(&k->buf[i], d.buf[i], &state);
    }
    return d;
}

/* Runs entry number i, of kernel i; the status. */
static inline int case_run(Exec *e, const Program *p, int i, void *ctx, int n,
                           const CaseData *d) {
    const Kernel *k = p->kernel[i];
    const void *in[CASE_BUFS];
    void *out[CASE_BUFS];
    int nin = 0, nout = 0;
    for (int b = 0; b < k->nbuf; b++) {
        if (k->buf[b].kind == BUF_ARG && k->buf[b].written)
            out[nout++] = d->buf[b];
        else if (k->buf[b].kind == BUF_ARG)
            in[nin++] = d->buf[b];
    }
    return exec_run(e, i, ctx, n, in, out);
}

/* Elements of arguments that differ; any NaN equals any NaN. */
static inline int64_t case_differ(const Kernel *k, const CaseData *a, const CaseData *b) {
    int64_t bad = 0;
    for (int i = 0; i < k->nbuf; i++) {
        int64_t bytes = dtype_info[k->buf[i].dtype].bytes;
        for (int64_t j = 0; j < k->buf[i].size && k->buf[i].kind == BUF_ARG; j++)
            bad += !same_element(k->buf[i].dtype, a->buf[i] + j * bytes, b->buf[i] + j * bytes);
    }
    return bad;
}

static inline bool host_has(const char *target) {
    static const char *const order[] = {"portable", "sse2", "avx2", "avx512"};
    size_t host = 0, wanted = COUNT(order);
    for (size_t i = 0; i < COUNT(order); i++) {
        if (strcmp(target_find("native")->name, order[i]) == 0)
            host = i;
        if (strcmp(target, order[i]) == 0)
            wanted = i;
    }
    return wanted <= host;
}

#endif
