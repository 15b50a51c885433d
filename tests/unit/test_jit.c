/* The JIT against the interpreter, bit for bit, on kernels in text form. Skipped where the
 * JIT's module is not installed. */
#define _GNU_SOURCE
#include "codegen/exec.h"
#include "jit_kernels.h"
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BATCH = 61 };

typedef struct { Arena *arena; Pool *pool; Strs *strs; Diag *diag; } World;

static World world_new(void) {
    Arena *a = arena_new();
    return (World){a, pool_new(a), strs_new(a), diag_new(a, NULL, NULL)};
}

static void note_missing(void *user, DiagKind kind, Loc loc, const char *message) {
    (void)kind, (void)loc;
    *(bool *)user = strstr(message, "the JIT is not installed") != NULL;
}

/* --- text --- */

/* $L lanes, $T tail, $M start of the tail; without lanes "; 1, ..." is left out. */
static char *expand(Arena *a, const char *text, int lanes) {
    int tail = (BATCH - 1) % lanes + 1;
    Text t = {0};
    text_printf(&t, "kernel \"k0\" {\n");
    for (const char *c = text; *c; c++) {
        if (*c == ';' && lanes == 1)
            c += strcspn(c, "])");
        if (*c != '$') {
            text_put(&t, c, 1);
            continue;
        }
        c++;
        text_printf(&t, "%d", *c == 'L' ? lanes : *c == 'T' ? tail : BATCH - tail);
    }
    text_printf(&t, "}\n");
    char *s = arena_printf(a, "%s", t.s);
    text_free(&t);
    return s;
}

static Kernel *parse(World *w, const char *text) {
    return loop_parse(w->arena, w->pool, w->strs,
                      diag_source(w->diag, "kernel", text, strlen(text)));
}

/* A program that calls k once: read buffers are inputs, written ones outputs. */
static Program *program_of(World *w, Kernel *k, const char *target) {
    Program *p = NEW(w->arena, 1, Program);
    Entry *e = NEW(w->arena, 1, Entry);
    Call *c = NEW(w->arena, 1, Call);
    *p = (Program){.arena = w->arena, .pool = w->pool, .strs = w->strs, .name = "test",
                   .target = target_find(target), .batch = BATCH, .nkernel = 1, .nentry = 1,
                   .entry = e};
    p->kernel = NEW(w->arena, 1, Kernel *);
    p->kernel[0] = k;
    *e = (Entry){.name = "forward", .ncall = 1, .call = c, .scratch = kernel_scratch(k)};
    e->in = NEW(w->arena, k->nbuf, int);
    e->out = NEW(w->arena, k->nbuf, Slot);
    p->input.slot = NEW(w->arena, k->nbuf, Slot);
    *c = (Call){.kind = C_KERNEL, .arg = NEW(w->arena, k->nbuf, Place)};
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
            p->input.slot[p->input.n++] = s;
        }
    }
    return p;
}

/* --- data --- */

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 3 ^ *state << 13;
}

static const float specials[] = {0.0f, -0.0f, 1e-40f, -1e-45f, 1e38f, -3e38f, 0.5f, -1.0f,
                                 __builtin_inff(), -__builtin_inff(), __builtin_nanf("")};

static void fill(const Buf *b, void *data, uint32_t *state) {
    bool index = b->name && strcmp(b->name, "index") == 0;
    for (int64_t i = 0; i < b->size; i++) {
        uint32_t r = next_random(state);
        float x = r % 5 == 0 ? specials[r / 5 % COUNT(specials)]
                             : (float)(int32_t)r * 0x1p-29f;
        switch (b->dtype) {
        case F32: ((float *)data)[i] = x; break;
        case F64: ((double *)data)[i] = x; break;
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

/* Memory between two pages that fault, at the first byte after the one (low) or before
 * the other, so that any access outside is seen. */
typedef struct { unsigned char *map, *data; size_t size; } Guarded;

static Guarded guarded_new(size_t bytes, bool low) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (bytes + page - 1) / page * page;
    Guarded g = {.size = inner + 2 * page};
    g.map = mmap(NULL, g.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.map == MAP_FAILED || mprotect(g.map + page, inner, PROT_READ | PROT_WRITE))
        abort();
    g.data = g.map + page + (low ? 0 : inner - bytes);
    return g;
}

static bool same_element(DType t, const unsigned char *a, const unsigned char *b) {
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

/* --- a pool --- */

typedef struct { void (*fn)(void *, int); void *arg; int part; } Part;

static void *run_part(void *p) {
    const Part *part = p;
    part->fn(part->arg, part->part);
    return NULL;
}

/* A thread for each part; last parts start first. */
static void parallel(void *pool, int parts, void (*fn)(void *arg, int part), void *arg) {
    pthread_t thread[16];
    Part part[16];
    ++*(int *)pool;
    for (int i = parts; i-- > 0;) {
        part[i] = (Part){fn, arg, i};
        if (pthread_create(&thread[i], NULL, run_part, &part[i]))
            abort();
    }
    for (int i = 0; i < parts; i++)
        pthread_join(thread[i], NULL);
}

/* --- comparing --- */

typedef struct { Backend backend; const char *target; int opt, threads; bool low; } How;

/* Only a missing module may be skipped, not one that does not load. */
static bool missing(void) {
    World w = world_new();
    bool yes = false;
    w.diag = diag_new(w.arena, note_missing, &yes);
    Kernel *k = parse(&w, "kernel \"k0\" {\n}\n");
    exec_free(exec_new(w.arena, diag_nowhere(w.diag), program_of(&w, k, "native"),
                       (ExecOptions){.backend = EXEC_JIT}));
    arena_free(w.arena);
    return yes;
}

/* Runs k; `out` has a block for each output, preset by the seed. Returns parallel calls. */
static int run(World *w, Kernel *k, How how, int n, Guarded *buf) {
    Program *p = program_of(w, k, how.target);
    const void *in[16];
    void *out[16];
    int nin = 0, nout = 0, calls = 0;
    uint32_t state = 12345;
    for (int i = 0; i < k->nbuf; i++) {
        buf[i] = guarded_new((size_t)(k->buf[i].size * dtype_info[k->buf[i].dtype].bytes),
                             how.low);
        fill(&k->buf[i], buf[i].data, &state);
        if (k->buf[i].kind == BUF_ARG && k->buf[i].written)
            out[nout++] = buf[i].data;
        else if (k->buf[i].kind == BUF_ARG)
            in[nin++] = buf[i].data;
    }
    Exec *e = exec_new(w->arena, diag_nowhere(w->diag), p,
                       (ExecOptions){.backend = how.backend, .opt = how.opt});
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    KilnCtx *ctx = exec_ctx_new(w->arena, p, how.threads);
    if (how.threads > 1) {
        ctx->parallel = parallel;
        ctx->pool = &calls;
    }
    CU_ASSERT_EQUAL(exec_run(e, 0, ctx, n, in, out), 0);
    exec_free(e);
    return calls;
}

static void compare(World *w, const char *name, Kernel *k, How how, int n) {
    Guarded got[16], expected[16];
    How by_hand = how;
    by_hand.backend = EXEC_INTERP;
    by_hand.threads = 1;
    run(w, k, by_hand, n, expected);
    int calls = run(w, k, how, n, got);
    CU_ASSERT_EQUAL(calls > 0, k->parallel && how.threads > 1);
    for (int i = 0; i < k->nbuf; i++) {
        int64_t bad = 0, bytes = dtype_info[k->buf[i].dtype].bytes;
        for (int64_t j = 0; j < k->buf[i].size && k->buf[i].kind == BUF_ARG; j++)
            bad += !same_element(k->buf[i].dtype, got[i].data + j * bytes,
                                 expected[i].data + j * bytes);
        if (bad)
            fprintf(stderr, "%s: %%%d differs in %lld elements (target %s, opt %d)\n", name, i,
                    (long long)bad, how.target, how.opt);
        CU_ASSERT_EQUAL(bad, 0);
        munmap(got[i].map, got[i].size);
        munmap(expected[i].map, expected[i].size);
    }
}

static bool host_has(const char *target) {
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

/* One text as lanes, targets, optimisation levels and memory's place vary. */
static void compare_all(const char *name, const char *text) {
    static const How how[] = {
        {EXEC_JIT, "native", 2, 1, true},  {EXEC_JIT, "native", 0, 3, false},
        {EXEC_JIT, "portable", 1, 1, false}, {EXEC_JIT, "avx2", 3, 2, true},
    };
    static const int lanes[] = {1, 4, 8, 16};
    for (size_t l = 0; l < COUNT(lanes); l++) {
        if (l > 0 && !strchr(text, '$'))
            break;
        World w = world_new();
        Kernel *k = parse(&w, expand(w.arena, text, lanes[l]));
        CU_ASSERT_PTR_NOT_NULL_FATAL(k);
        for (size_t i = 0; i < COUNT(how); i++)
            if (strcmp(how[i].target, "native") == 0 || host_has(how[i].target))
                compare(&w, name, k, how[i], BATCH - (int)l * 2);
        arena_free(w.arena);
    }
}

static void test_kernels(void) {
    for (size_t i = 0; i < COUNT(kernels); i++)
        compare_all(kernels[i].name, kernels[i].text);
}

/* %1[i0] = fn(%0[i0], %0[i0+1], ...), and whatever comes out as a number. */
static char *function_text(Arena *a, Fn fn, DType t) {
    Text s = {0};
    text_printf(&s, "arg %%0 %s[96] in\n arg %%1 f64[64] out\n"
                "for i0 = 0 to 64 step $L free {\n", dtype_info[t].name);
    for (int i = 0; i < fn_info[fn].nargs; i++)
        text_printf(&s, "  let v%d = %%0[i0+%d; $L, 1, $L]\n", i, 3 * i);
    text_printf(&s, "  %%1[i0; $L, 1, $L] = f64(%s(", fn_info[fn].name);
    for (int i = 0; i < fn_info[fn].nargs; i++)
        text_printf(&s, i ? ", v%d" : "v%d", i);
    text_printf(&s, "))\n}\n");
    char *text = arena_printf(a, "%s", s.s);
    text_free(&s);
    return text;
}

static void test_functions(void) {
    static const DType types[] = {F32, U32};
    int count = 0;
    Arena *a = arena_new();
    for (int f = 0; f < NFN; f++)
        for (size_t t = 0; t < COUNT(types); t++)
            if (!fn_info[f].prim && fn_takes((Fn)f, types[t])) {
                compare_all(fn_info[f].name, function_text(a, (Fn)f, types[t]));
                count++;
            }
    arena_free(a);
    CU_ASSERT(count > 40);
}

int main(void) {
    static const UnitTest tests[] = {
        {"kernels", test_kernels}, {"functions", test_functions},
    };
    if (missing()) {
        puts("skipped: the JIT is not installed");
        return 77;
    }
    return unit_main("jit", tests, COUNT(tests));
}
