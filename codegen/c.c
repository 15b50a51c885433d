/* C source of a program: what stands before and between the functions. */
#include "codegen/c_emit.h"

#include <ctype.h>
#include <string.h>

void c_string(Text *out, const char *s) {
    text_put(out, "\"", 1);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (isalnum(c) || strchr(" _-.,:;/+*=()[]<>", c))
            text_put(out, s, 1);
        else
            text_printf(out, "\\%03o", c);
    }
    text_put(out, "\"", 1);
}

static bool x86(const Target *t) {
    return strncmp(t->name, "avx", 3) == 0 || strcmp(t->name, "sse2") == 0;
}

/* Every x86-64 has sse2, every AArch64 NEON. */
bool c_features(const Target *t) { return strncmp(t->name, "avx", 3) == 0; }

static void includes(Emit *e) {
    const Target *t = e->target;
    text_printf(e->out, "#include \"%s.h\"\n\n#include <string.h>\n", e->prefix);
    if (x86(t))
        text_printf(e->out, "#if !defined __x86_64__ && !defined __i386__\n"
                    "#error \"made for x86: compile for another target\"\n#endif\n"
                    "#include <immintrin.h>\n");
    if (c_features(t))
        text_printf(e->out, "#include <cpuid.h>\n");
    if (strcmp(t->name, "neon") == 0)
        text_printf(e->out, "#include <arm_neon.h>\n");
    text_printf(e->out, "\n");
}

/* Products and sums stay apart unless a kernel says fma; nothing is reordered. */
static void float_rules(Emit *e) {
    text_printf(e->out,
        "#if defined __FAST_MATH__\n"
        "#error \"results are exact: compile without -ffast-math\"\n"
        "#endif\n"
        "#if defined __FLT_EVAL_METHOD__ && __FLT_EVAL_METHOD__ != 0 && "
        "__FLT_EVAL_METHOD__ != 16\n"
        "#error \"float must be computed as float: compile with -msse2 -mfpmath=sse\"\n"
        "#endif\n"
        "#if defined __clang__\n"
        "#pragma STDC FP_CONTRACT OFF\n"
        "#elif defined __GNUC__\n"
        "#pragma GCC optimize(\"fp-contract=off\")\n"
        "#elif defined __STDC_VERSION__\n"
        "#pragma STDC FP_CONTRACT OFF\n"
        "#endif\n\n");
}

static void macros(Emit *e) {
    const Target *t = e->target;
    if (!t->vector) {
        text_printf(e->out,
            "#define INLINE static\n"
            "#define KERNEL static\n"
            "#if defined __cplusplus\n"
            "#define RESTRICT\n"
            "#else\n"
            "#define RESTRICT restrict\n"
            "#endif\n\n");
        return;
    }
    const char *features = *t->features
        ? arena_printf(e->arena, ", target(\"%s\")", t->features) : "";
    text_printf(e->out,
        "#define INLINE static inline __attribute__((always_inline%s))\n"
        "#define KERNEL static __attribute__((noinline%s))\n"
        "#define RESTRICT __restrict\n\n", features, features);
}

static void memory(Emit *e) {
    int64_t scratch = program_scratch(e->program);
    if (!scratch)
        return;
    text_printf(e->out, "#define PLANNED %lld  /* bytes of the arena before the threads' */\n"
                "#define SCRATCH %lld  /* bytes for each thread */\n\n",
                (long long)program_planned(e->program), (long long)scratch);
}

/* Asks the CPU, and the system whether it saves the registers; once for each ctx. */
static void cpu_check(Emit *e) {
    bool wide = strcmp(e->target->name, "avx512") == 0;
    if (!c_features(e->target))
        return;
    text_printf(e->out,
        "/* ctx->features: 1 asked, 2 this CPU will do */\n"
        "static int cpu_suffices(%s_ctx *ctx) {\n"
        "    unsigned a, b, c, d, saved, high;\n"
        "    const unsigned features = %s; /* leaf 7 */\n"
        "    const unsigned state = %s; /* registers that the system saves */\n"
        "    if (ctx->features == 0) {\n"
        "        ctx->features = 1;\n"
        "        if (__get_cpuid(1, &a, &b, &c, &d) && (c >> 12 & 1) && (c >> 27 & 1)) {\n"
        "            __asm__ volatile(\"xgetbv\" : \"=a\"(saved), \"=d\"(high) : \"c\"(0));\n"
        "            if ((saved & state) == state && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&\n"
        "                (b & features) == features)\n"
        "                ctx->features = 3;\n"
        "        }\n"
        "    }\n"
        "    return ctx->features == 3;\n"
        "}\n\n", e->prefix,
        wide ? "1u << 5 | 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31" : "1u << 5",
        wide ? "0xe6" : "0x06");
}

static const char *ident(Arena *a, const char *name) {
    Text t = {0};
    emit_c_ident(&t, name);
    const char *s = arena_printf(a, "%s", t.s);
    text_free(&t);
    return s;
}

static Emit start(const Program *p, const EmitC *o, Text *out) {
    Emit e = {.program = p, .o = o, .target = p->target, .arena = arena_new(), .out = out};
    e.prefix = o->prefix ? o->prefix : ident(e.arena, p->name);
    char *upper = arena_printf(e.arena, "%s", e.prefix);
    for (char *c = upper; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    e.upper = upper;
    e.scope = (Scope){.arena = e.arena, .pool = p->pool, .batch = p->batch};
    return e;
}

void emit_c_header(Text *out, const Program *p, const EmitC *o) {
    Emit e = start(p, o, out);
    c_header(&e);
    arena_free(e.arena);
}

/* The body is written first: the top holds only what it names. Data name nothing. */
void emit_c_source(Text *out, const Program *p, const EmitC *o) {
    Text body = {0}, data = {0};
    Emit e = start(p, o, &data);
    c_constants(&e);
    c_weights(&e);
    e.out = &body;
    cpu_check(&e);
    for (int i = 0; i < p->nkernel; i++)
        c_kernel(&e, p->kernel[i]);
    c_entries(&e);
    c_init(&e);
    if (c_streams(p))
        c_stream(&e);
    if (o->lr)
        text_printf(&body, "float %s_lr(int64_t step, int64_t epoch_steps) {\n%s}\n\n",
                    e.prefix, o->lr);
    c_tables(&e);
    e.out = out;
    text_printf(out, "/* %s: made by Kiln. Yours under any licence (0BSD). */\n",
                c_safe(&e, p->name));
    includes(&e);
    float_rules(&e);
    macros(&e);
    memory(&e);
    c_helpers(&e, out, body.s);
    text_put(out, data.n ? data.s : "", data.n);
    text_put(out, body.s, body.n);
    text_free(&body);
    text_free(&data);
    arena_free(e.arena);
}
