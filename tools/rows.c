/* The rows of all tables that a model file can name, one like the other. */
#include "tools/rows.h"

#include <string.h>

const char *const row_plural[NROW] = {"layers", "groups of layers", "losses", "metrics",
                                      "optimizers", "initialisers", "schedules", "ops",
                                      "scalars"};
const char *const row_kind_name[NROW] = {"layer", "group", "loss", "metric", "optimizer",
                                         "initialiser", "schedule", "op", "scalar"};

typedef struct {
    Arena *arena;
    int n;
    Row *row;
} Rows;

const char *value_names(ValueKind k) {
    static const char *const names[] = {
#define VALUE(id, name, what, ...) what,
        VALUES
#undef VALUE
    };
    return names[k];
}

static void add(Rows *r, Row row) { PUSH(r->arena, r->row, r->n) = row; }

static void add_layers(Rows *r) {
    static const FormKey plain[] = {LAYER_FORM(FORM_KEY)}, weighted[] = {WEIGHTED_FORM(FORM_KEY)};
    for (int i = 0; i < layer_row_count; i++) {
        const LayerRow *l = &layer_rows[i];
        bool weights = *l->params != 0;
        add(r, (Row){.kind = ROW_LAYER, .name = l->name, .help = l->help, .layer = l,
                     .form = weights ? weighted : plain,
                     .nform = weights ? COUNT(weighted) : COUNT(plain)});
    }
}

static void add_groups(Rows *r) {
#define GROUP(id, keys, row, text) \
    static const FormKey id[] = {keys(FORM_KEY)}; \
    add(r, (Row){.kind = ROW_GROUP, .name = #id, .layer = row, .form = id, .nform = COUNT(id), \
                 .help = text});
    GROUPS(GROUP)
}

/* The keys right below a path of schema.def. */
static void add_keys(Rows *r, RowKind kind, const char *path) {
    for (int i = 0; i < schema_key_count; i++) {
        const Key *k = &schema_keys[i];
        const char *name = schema_word(k, path);
        if (name)
            add(r, (Row){.kind = kind, .name = name, .help = k->help, .path = k->path});
    }
}

static void add_metrics(Rows *r) {
    const Key *k = schema_key("train.metrics");
    const char **word = NULL;
    int n = rule_words(r->arena, k->rule, &word);
    for (int i = 0; i < n; i++)
        add(r, (Row){.kind = ROW_METRIC, .name = word[i], .help = k->help});
}

static void add_scalar(Rows *r, const FnInfo *fn) {
    char ulp[40];
    num_double(ulp, fn->ulp);
    const char *error = fn->ulp > 0 ? arena_printf(r->arena, ", within %s ulp", ulp) : "";
    add(r, (Row){.kind = ROW_SCALAR, .name = fn->name, .fn = fn,
                 .help = arena_printf(r->arena, "%s of %d argument%s%s",
                                      fn->prim ? "primitive" : "defined function", fn->nargs,
                                      fn->nargs == 1 ? "" : "s", error)});
}

Row *rows_all(Arena *a, int *n) {
    Rows r = {.arena = a};
    add_layers(&r);
    add_groups(&r);
    add_keys(&r, ROW_LOSS, "train.loss");
    add_metrics(&r);
    add_keys(&r, ROW_OPTIMIZER, "train.optimizer");
    add_keys(&r, ROW_INIT, "init");
    add_keys(&r, ROW_SCHEDULE, "train.schedule");
    for (int i = 0; i < op_count; i++)
        add(&r, (Row){.kind = ROW_OP, .name = op_info[i].name, .help = op_info[i].help,
                      .op = &op_info[i]});
    for (int i = 0; i < NFN; i++)
        add_scalar(&r, &fn_info[i]);
    *n = r.n;
    return r.row;
}
