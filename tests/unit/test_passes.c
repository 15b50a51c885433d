/* The table of passes: its constraints, and programs made without each of its rows. */
#include "codegen/exec.h"
#include "frontend/model.h"
#include "train/program.h"
#include "unit.h"

#include <math.h>
#include <string.h>

/* --- the table --- */

static int pass_number(const char *name) {
    for (int i = 0; i < pass_count; i++)
        if (strcmp(pass_info[i].name, name) == 0)
            return i;
    return -1;
}

static void constraints(void) {
    static const struct { const char *first, *second, *why; } before[] = {
#define PASS(...)
#define BEFORE(first, second, why) {#first, #second, why},
#include "passes/passes.def"
    };
    for (size_t i = 0; i < COUNT(before); i++) {
        int first = pass_number(before[i].first), second = pass_number(before[i].second);
        CU_ASSERT(first >= 0 && second >= 0);
        if (first >= second)
            printf("%s must stand before %s: %s\n", before[i].first, before[i].second,
                   before[i].why);
        CU_ASSERT(first < second);
        CU_ASSERT(strlen(before[i].why) > 0);
    }
}

/* --- without a row --- */

typedef struct {
    Arena *arena;
    Model *model;
    Program *program;
    KilnCtx *ctx;
} Case;

static void say(void *user, DiagKind kind, Loc loc, const char *message) {
    (void)user, (void)kind, (void)loc;
    printf("%s\n", message);
}

static Case *case_open(const char *file, const char *off) {
    Arena *a = arena_new();
    Case *c = NEW(a, 1, Case);
    ModelOptions mo = {.path = file, .batch = 3, .training = true, .strict = true};
    ProgramOptions po = {.threads = 2, .training = true,
                         .pass = {.only_off = off, .verify = true}};
    *c = (Case){.arena = a, .model = model_load(a, diag_new(a, say, NULL), &mo)};
    CU_ASSERT_PTR_NOT_NULL_FATAL(c->model);
    c->program = program_build(a, c->model, &po);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c->program);
    c->ctx = exec_ctx_new(a, c->program, 2);
    return c;
}

/* Bytes that are valid for every type of input: small whole numbers, or small floats. */
static void *input_new(Case *c, const Slot *s) {
    int64_t bytes = type_bytes(&s->type), size = dtype_info[s->type.dtype].bytes;
    unsigned char *data = arena_alloc(c->arena, (size_t)bytes);
    for (int64_t i = 0; i < bytes / size; i++) {
        float f = (float)((i * 37) % 101) / 50 - 1;
        unsigned char small = (unsigned char)((i * 7) % 10);
        memcpy(data + i * size, s->type.dtype == F32 ? (void *)&f : &small,
               s->type.dtype == F32 ? 4 : 1);
    }
    return data;
}

static void run(Case *c, Exec *e, const char *name) {
    int number = program_entry(c->program, name);
    CU_ASSERT_FATAL(number >= 0);
    const Entry *entry = &c->program->entry[number];
    const void **in = NEW(c->arena, entry->nin + 1, const void *);
    void **out = NEW(c->arena, entry->nout + 1, void *);
    for (int i = 0; i < entry->nin; i++)
        in[i] = input_new(c, &c->program->input.slot[entry->in[i]]);
    for (int i = 0; i < entry->nout; i++)
        out[i] = arena_alloc(c->arena, (size_t)type_bytes(&entry->out[i].type));
    CU_ASSERT_EQUAL(exec_run(e, number, c->ctx, name[0] == 'i' ? 1 : 3, in, out), 0);
}

/* Parameters, state and gradients after a gradient and a step. */
static Case *case_run(const char *file, const char *off) {
    Case *c = case_open(file, off);
    ExecOptions o = {.backend = exec_has_jit() ? EXEC_JIT : EXEC_C, .cflags = "-O1", .opt = 1};
    Exec *e = exec_new(c->arena, diag_nowhere(c->model->diag), c->program, o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    run(c, e, "init");
    run(c, e, "grad");
    run(c, e, "step");
    exec_free(e);
    return c;
}

static bool same_block(const char *what, const Block *b, const void *x, const void *y) {
    bool same = true;
    for (int i = 0; i < b->n && same; i++) {
        const Slot *s = &b->slot[i];
        same = memcmp((const char *)x + s->offset, (const char *)y + s->offset,
                      (size_t)type_bytes(&s->type)) == 0;
        if (!same)
            printf("%s '%s' differs\n", what, s->name);
    }
    return same;
}

/* Bits are compared below: that says little about NaN. */
static bool all_finite(const Case *c) {
    const Block *b = &c->program->grad;
    bool finite = b->n > 0;
    for (int i = 0; i < b->n; i++) {
        const float *at = (const float *)((const char *)c->ctx->grads + b->slot[i].offset);
        for (int64_t k = 0; k < type_bytes(&b->slot[i].type) / 4; k++)
            finite &= isfinite(at[k]) != 0;
    }
    return finite;
}

static void each_off(const char *name) {
    char file[64];
    snprintf(file, sizeof file, "examples/%s.yaml", name);
    Case *all = case_run(file, NULL);
    CU_ASSERT(all_finite(all));
    for (int i = 0; i < pass_count; i++) {
        if (pass_info[i].needed || !pass_info[i].exact)
            continue;
        Case *c = case_run(file, pass_info[i].name);
        const Program *p = all->program;
        bool same = same_block("parameter", &p->param, all->ctx->params, c->ctx->params) &&
                    same_block("state", &p->state, all->ctx->state, c->ctx->state) &&
                    same_block("gradient", &p->grad, all->ctx->grads, c->ctx->grads);
        if (!same)
            printf("%s without %s\n", file, pass_info[i].name);
        CU_ASSERT(same);
        arena_free(c->arena);
    }
    arena_free(all->arena);
}

static void mlp(void) { each_off("mlp"); }
static void mnist_cnn(void) { each_off("mnist_cnn"); }
static void regression(void) { each_off("regression"); }
static void resnet(void) { each_off("resnet"); }

int main(void) {
    static const UnitTest tests[] = {
        {"constraints", constraints}, {"mlp", mlp},       {"mnist_cnn", mnist_cnn},
        {"regression", regression},   {"resnet", resnet},
    };
    return unit_main("passes", tests, COUNT(tests));
}
