/* Runs scalar expressions in tests: step by step with prim_eval, or as C that the
 * system's compiler made, with and without fused multiply-add. */
#ifndef KILN_TESTS_SCALAR_CODE_H
#define KILN_TESTS_SCALAR_CODE_H

#include "ir/expr.h"
#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- step by step --- */

typedef struct {
    Arena *a;
    Pool *p;
} Place;

static inline Place place_new(void) {
    Arena *a = arena_new();
    return (Place){a, pool_new(a)};
}

enum { MAX_STEPS = 1024 };

typedef struct {
    int n;
    const Expr *e[MAX_STEPS];
    int arg[MAX_STEPS][MAX_ARGS];
} Steps;

static inline void steps_add(const Expr *e, void *user) {
    Steps *s = user;
    for (int k = 0; e->arg && k < e->n; k++)
        for (int i = 0; i < s->n; i++)
            if (s->e[i] == e->arg[k])
                s->arg[s->n][k] = i;
    s->e[s->n++] = e;
}

static inline Steps *steps_new(Arena *a, const Expr *e) {
    Steps *s = NEW(a, 1, Steps);
    x_visit(e, steps_add, s);
    return s;
}

/* Inputs are X_VAR 0.., reads of slot 0.. Defined functions are evaluated wide. */
static inline Num steps_run(const Steps *s, const Num *in) {
    Num v[MAX_STEPS], arg[MAX_ARGS];
    double wide[MAX_ARGS] = {0};
    for (int i = 0; i < s->n; i++) {
        const Expr *e = s->e[i];
        if (e->kind == X_VAR || e->kind == X_READ) {
            v[i] = in[e->u.slot];
            continue;
        }
        if (e->kind == X_NUM) {
            v[i] = dtype_info[e->type].is_float ? (Num){.f = e->u.num}
                                                : (Num){.i = e->u.i};
            continue;
        }
        for (int k = 0; k < e->n; k++) {
            arg[k] = v[s->arg[i][k]];
            wide[k] =
                dtype_info[e->arg[k]->type].is_float ? arg[k].f : (double)arg[k].i;
        }
        v[i] = fn_info[e->fn].prim ? prim_eval(e->fn, e->arg[e->n == 3]->type, arg)
                                   : fun_eval_wide(e->fn, wide);
    }
    return v[s->n - 1];
}

/* fn over X_VAR 0.. of type t. */
static inline const Expr *call_vars(Pool *p, Fn fn, DType t) {
    const Expr *arg[MAX_ARGS];
    for (int i = 0; i < fn_info[fn].nargs; i++)
        arg[i] = x_var(p, t, 1, i);
    return x_call(p, fn, fn_info[fn].nargs, arg);
}

/* fn of reads of slot 0.. of type t. */
static inline const Expr *call_reads(Pool *p, Fn fn, DType t, const Expr **read) {
    for (int i = 0; i < fn_info[fn].nargs; i++)
        read[i] = x_read(p, t, i, 0, NULL);
    return x_call(p, fn, fn_info[fn].nargs, read);
}

/* --- as C --- */

enum { LANE_BLOCK = 4096 };
typedef void BlockFn(const float *x, float *y); /* LANE_BLOCK numbers */
typedef void MeasureFn(const float *x, const float *y, const double *ref, double *worst,
                       float *at);

static const char scalar_prelude[] =
    "#include <math.h>\n#include <stdint.h>\n#include <string.h>\n"
    "static inline uint32_t bits_float(float x) { uint32_t u; memcpy(&u, &x, 4); "
    "return u; }\n"
    "static inline float bits_uint32_t(uint32_t u) { float x; memcpy(&x, &u, 4); "
    "return x; }\n"
    "static inline uint32_t mulhi(uint32_t a, uint32_t b) {\n"
    "    return (uint32_t)((uint64_t)a * b >> 32);\n}\n"
    /* the error of y in units of ref's last place as a float */
    "static double ulps(float y, double ref) {\n"
    "    double r = fabs(ref), unit;\n"
    "    uint64_t u;\n"
    "    if (ref != ref || y != y) return (ref != ref) == (y != y) ? 0 : 1e30;\n"
    "    if ((float)ref == y) return fabs(ref - y) > 0 && r <= 3.4028235e38 ? 0.5 : "
    "0;\n"
    "    if (r > 1e300 || (y - y != 0 && r < 3.402823e38)) return 1e30;\n"
    "    if (r < 0x1p-126) r = 0x1p-126;\n"
    "    memcpy(&u, &r, 8);\n"
    "    u = (u >> 52) - 23 << 52;\n"
    "    memcpy(&unit, &u, 8);\n"
    "    return (y - y != 0 ? 0x1p128 - r : fabs(ref - y)) / unit;\n}\n"
    "void measure(const float *x, const float *y, const double *ref, double *worst, "
    "float *at) {\n"
    "    for (int i = 0; i < 4096; i++) {\n"
    "        double e = ulps(y[i], ref[i]);\n"
    "        if (e > *worst) { *worst = e; *at = x[i]; }\n    }\n}\n";

static inline void emit_number(Text *out, const Expr *e) {
    if (!dtype_info[e->type].is_float)
        text_printf(out, "%lld%s", (long long)e->u.i, e->type == U32 ? "u" : "");
    else if (isnan(e->u.num))
        text_printf(out, "__builtin_nanf(\"\")");
    else if (isinf(e->u.num))
        text_printf(out, "%s__builtin_inff()", e->u.num < 0 ? "-" : "");
    else
        text_printf(out, "%af", e->u.num);
}

/* A primitive by its row's spelling, or the prelude's name for it. */
static inline void emit_call(Text *out, const Expr *e, const int *arg) {
    const char *c = fn_info[e->fn].c;
    if (!*c) {
        const char *f = e->fn == FN_sqrt ? "sqrtf" : e->fn == FN_fma ? "fmaf" : "mulhi";
        if (e->fn == FN_bits)
            text_printf(out, "bits_%s", dtype_info[e->arg[0]->type].ctype);
        else
            text_printf(out, "%s", f);
        for (int i = 0; i < e->n; i++)
            text_printf(out, "%st%d", i ? ", " : "(", arg[i]);
        text_printf(out, ")");
        return;
    }
    for (; *c; c++)
        if (*c == '$')
            text_printf(out, "t%d", arg[*++c - '0']);
        else
            text_put(out, c, 1);
}

/* e over X_VAR 0 as void block_<name>(const float *a, float *y) */
static inline void emit_block(Text *out, Pool *p, Arena *a, const char *name,
                              const Expr *e) {
    const Steps *s = steps_new(a, x_expand(p, e));
    text_printf(out,
                "void block_%s(const float *restrict a, float *restrict y) {\n"
                "for (int i = 0; i < %d; i++) {\n",
                name, LANE_BLOCK);
    for (int i = 0; i < s->n; i++) {
        text_printf(out, "    %s t%d = ", dtype_info[s->e[i]->type].ctype, i);
        if (s->e[i]->kind == X_VAR)
            text_printf(out, "a[i]");
        else if (s->e[i]->kind == X_NUM)
            emit_number(out, s->e[i]);
        else
            emit_call(out, s->e[i], s->arg[i]);
        text_printf(out, ";\n");
    }
    text_printf(out, "    y[i] = t%d;\n}\n}\n", s->n - 1);
}

/* Compiles the text and opens it. NULL where there is no compiler. */
static inline void *code_open(const Text *code, const char *flags) {
    Arena *a = arena_new();
    const char *dir = unit_folder(a), *cc = getenv("CC");
    const char *path = arena_printf(a, "%s/code.c", dir), *so = arena_printf(a, "%s/code.so", dir);
    void *module = NULL;
    FILE *f = fopen(path, "w");
    if (f) {
        fwrite(code->s, 1, code->n, f);
        fclose(f);
    }
    for (int native = 1; native >= 0 && !module; native--)
        if (f && system(arena_printf(a, "%s -w -O3 %s -fno-math-errno %s -shared -fPIC -o %s %s -lm",
                                     cc && *cc ? cc : "cc", native ? "-march=native" : "", flags,
                                     so, path)) == 0)
            module = dlopen(so, RTLD_NOW | RTLD_LOCAL);
    remove(path);
    remove(so);
    rmdir(dir);
    arena_free(a);
    return module;
}

static inline void code_find(void *module, const char *name, void *function) {
    void *symbol = dlsym(module, name);
    memcpy(function, &symbol, sizeof symbol);
}

/* --- errors over every step-th float --- */

typedef struct {
    double ulp;
    float at;
} Worst;

static inline float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* worst[k] for each of n versions of fn; measure comes from the first. */
static inline void sweep(Fn fn, uint32_t step, int n, BlockFn *const *version,
                         MeasureFn *measure, Worst *worst) {
    static float x[LANE_BLOCK], y[LANE_BLOCK];
    static double ref[LANE_BLOCK];
    memset(worst, 0, (size_t)n * sizeof *worst);
    for (uint64_t u = 0; u < UINT64_C(1) << 32;) {
        for (int i = 0; i < LANE_BLOCK; i++, u += step) {
            x[i] = float_of((uint32_t)u);
            double a = x[i];
            ref[i] = fun_eval_wide(fn, &a).f;
        }
        for (int k = 0; k < n; k++) {
            version[k](x, y);
            measure(x, y, ref, &worst[k].ulp, &worst[k].at);
        }
    }
}

static inline bool sweepable(Fn fn) {
    return !fn_info[fn].prim && fn_info[fn].nargs == 1 && fn_info[fn].rule == T_SAME &&
           fn_takes(fn, F32);
}

typedef struct {
    void *module[2];
    int n;
    MeasureFn *measure;
} Code;

/* All sweepable functions: rounded after each operation, and fused. */
static inline Code code_new(void) {
    Arena *a = arena_new();
    Pool *p = pool_new(a);
    Text out = {0};
    Code c = {0};
    text_printf(&out, "%s", scalar_prelude);
    for (int i = 0; i < NFN; i++)
        if (sweepable((Fn)i))
            emit_block(&out, p, a, fn_info[i].name, call_vars(p, (Fn)i, F32));
    c.module[0] = code_open(&out, "-ffp-contract=off");
    c.module[1] = code_open(&out, "-ffp-contract=fast");
    c.n = c.module[0] && c.module[1] ? 2 : 0;
    if (c.n)
        code_find(c.module[0], "measure", &c.measure);
    text_free(&out);
    arena_free(a);
    return c;
}

static inline void code_free(Code *c) {
    for (int k = 0; k < 2; k++)
        if (c->module[k])
            dlclose(c->module[k]);
}

/* Sweeps one function and says so; the error of the worse version. */
static inline double code_sweep(const Code *c, Fn fn, uint32_t step) {
    BlockFn *version[2];
    Worst worst[2];
    char name[64];
    snprintf(name, sizeof name, "block_%s", fn_info[fn].name);
    for (int k = 0; k < c->n; k++)
        code_find(c->module[k], name, &version[k]);
    sweep(fn, step, c->n, version, c->measure, worst);
    printf("\n    %-11s %.3f ulp at %.9g, fused %.3f at %.9g", fn_info[fn].name,
           worst[0].ulp, (double)worst[0].at, worst[1].ulp, (double)worst[1].at);
    return worst[0].ulp > worst[1].ulp ? worst[0].ulp : worst[1].ulp;
}

#endif
