/* Weights by name: what must be there, what may be, what is said of the rest. */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/train_case.h"
#include "train/weights.h"

static const char text[] =
    "kiln: 1\n"
    "model:\n"
    "  inputs: {x: [4]}\n"
    "  layers:\n"
    "    - linear: {units: 4, name: a}\n"
    "    - batch_norm: {name: bn}\n"
    "    - linear: {units: 4, name: b, weights: a, bias: false}\n"
    "train: {loss: mse, optimizer: {sgd: {lr: 0.1, momentum: 0.9}}, batch: 2}\n";

typedef struct {
    Folder *f;
    Session *s;
    Tensors list;                      /* copies of the session's tensors */
} Fixture;

static Tensor copied(Arena *a, const Tensor *t) {
    Tensor c = tensor_new(a, t->name, &t->type);
    memcpy(c.data, t->data, (size_t)type_bytes(&t->type));
    return c;
}

static Fixture fixture_open(void) {
    Fixture x = {.f = folder_open()};
    SessionOptions o = {.program = {.training = true, .only = "init"},
                        .exec = {.backend = EXEC_INTERP}};
    Model *m = folder_model(x.f, text, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    x.s = session_open(m, &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(x.s);
    CU_ASSERT_TRUE(session_init(x.s, 5));
    Tensors own = session_tensors(x.f->arena, x.s, PART_WEIGHTS);
    for (int i = 0; i < own.n; i++)
        tensors_add(x.f->arena, &x.list, copied(x.f->arena, &own.item[i]));
    return x;
}

static void fixture_close(Fixture *x) {
    session_close(x->s);
    folder_close(x->f);
}

static bool as_saved(const Fixture *x) {
    Tensors own = session_tensors(x->f->arena, x->s, PART_WEIGHTS);
    bool same = own.n == x->list.n;
    for (int i = 0; same && i < own.n; i++)
        same = !memcmp(own.item[i].data, x->list.item[i].data,
                       (size_t)type_bytes(&own.item[i].type));
    return same;
}

static bool load(Fixture *x, int nrename, const Rename *r) {
    Loc loc = diag_nowhere(x->f->diag);
    const char *path = folder_file(x->f, "w.safetensors");
    CU_ASSERT_TRUE(safetensors_write(loc, path, &x->list, NULL));
    return weights_read(x->s, loc, path, nrename, r);
}

static void names(void) {
    Fixture x = fixture_open();
    static const char *const expected[] = {"a.weight", "a.bias", "bn.weight", "bn.bias",
                                           "bn.running_mean", "bn.running_var"};
    CU_ASSERT_EQUAL_FATAL(x.list.n, (int)COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++)
        CU_ASSERT_PTR_NOT_NULL(tensors_find(&x.list, expected[i]));
    Tensors opt = session_tensors(x.f->arena, x.s, PART_OPTIMIZER);
    CU_ASSERT_EQUAL(opt.n, 4);
    CU_ASSERT_PTR_NOT_NULL(tensors_find(&opt, "a.weight.momentum"));
    fixture_close(&x);
}

static void round_trip(void) {
    static const char *const files[] = {"w.safetensors", "w.npz"};
    for (size_t i = 0; i < COUNT(files); i++) {
        Fixture x = fixture_open();
        Loc loc = diag_nowhere(x.f->diag);
        CU_ASSERT_TRUE(weights_write(x.s, loc, folder_file(x.f, files[i]), NULL));
        CU_ASSERT_TRUE(session_init(x.s, 6));
        CU_ASSERT_FALSE(as_saved(&x));
        CU_ASSERT_TRUE(weights_read(x.s, loc, folder_file(x.f, files[i]), 0, NULL));
        CU_ASSERT_TRUE(as_saved(&x));
        fixture_close(&x);
    }
}

/* As PyTorch saves them: copies of what is tied, a counter that nobody needs. */
static void extras(void) {
    Fixture x = fixture_open();
    Type scalar = {.dtype = I64};
    Tensor tied = copied(x.f->arena, tensors_find(&x.list, "a.weight"));
    tied.name = "b.weight";
    int n = x.list.n;
    tensors_add(x.f->arena, &x.list, tied);
    tensors_add(x.f->arena, &x.list, tensor_new(x.f->arena, "bn.num_batches_tracked", &scalar));
    CU_ASSERT_TRUE(session_init(x.s, 6));
    CU_ASSERT_TRUE(load(&x, 0, NULL));
    x.list.n = n;
    CU_ASSERT_TRUE(as_saved(&x));
    fixture_close(&x);
}

/* With tensor `name` renamed, or of another rank, nothing is taken. */
static void refused(const char *name, const char *renamed, const char *said) {
    Fixture x = fixture_open();
    Tensor *t = tensors_find(&x.list, name);
    if (renamed)
        t->name = renamed;
    else
        t->type.rank = 1;
    ((float *)x.list.item[0].data)[0] += 1;
    CU_ASSERT_FALSE(load(&x, 0, NULL));
    UNIT_SAME(x.f->said.s, said);
    CU_ASSERT_FALSE(as_saved(&x));
    ((float *)x.list.item[0].data)[0] -= 1;
    fixture_close(&x);
}

static void errors(void) {
    refused("bn.running_mean", "bn.running_meen",
            "w.safetensors: error: the model has no tensor 'bn.running_meen'; did you mean "
            "'bn.running_mean'?\n"
            "w.safetensors: error: tensor 'bn.running_mean', f32[4], is missing\n");
    refused("a.weight", NULL,
            "w.safetensors: error: tensor 'a.weight': got f32[4], the model has f32[4,4]\n");
}

static void renamed(void) {
    Fixture x = fixture_open();
    const char **kept = NEW(x.f->arena, x.list.n, const char *);
    for (int i = 0; i < x.list.n; i++) {
        kept[i] = x.list.item[i].name;
        x.list.item[i].name = arena_printf(x.f->arena, "model.%s_", kept[i]);
    }
    CU_ASSERT_TRUE(session_init(x.s, 6));
    const Rename r[] = {{"^model\\.", ""}, {"(bias|weight|mean|var)_$", "\\1"}};
    CU_ASSERT_TRUE(load(&x, 2, r));
    CU_ASSERT_TRUE(as_saved(&x));
    CU_ASSERT_FALSE(load(&x, 1, (const Rename[]){{"(", ""}}));
    CU_ASSERT_PTR_NOT_NULL(strstr(x.f->said.s, "rename: bad pattern '('"));
    fixture_close(&x);
}

static void truncated(void) {
    Fixture x = fixture_open();
    Loc loc = diag_nowhere(x.f->diag);
    size_t n;
    CU_ASSERT_TRUE(load(&x, 0, NULL));
    const char *bytes = folder_get(x.f, "w.safetensors", &n);
    for (size_t i = 0; i < n; i += 13) {
        folder_put(x.f, "cut.safetensors", bytes, i);
        CU_ASSERT_FALSE(weights_read(x.s, loc, folder_file(x.f, "cut.safetensors"), 0, NULL));
    }
    CU_ASSERT_TRUE(as_saved(&x));
    fixture_close(&x);
}

static const UnitTest tests[] = {
    {"names", names}, {"round_trip", round_trip}, {"extras", extras},
    {"errors", errors}, {"renamed", renamed}, {"truncated", truncated},
};

int main(void) { return unit_main("weights", tests, COUNT(tests)); }
