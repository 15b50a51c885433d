/* Losses and metrics: rows over an output `x` and its label `target`. */
#include "frontend/build.h"

#include <string.h>

typedef enum {
    LABEL_SAME,                        /* f32, as the output */
    LABEL_CLASS,                       /* i32: a number below the output's last dim */
    LABEL_BINARY                       /* f32, 0..1, as the output */
} LabelKind;

typedef struct { const char *name; LabelKind label; const char *body; } LossRow;

/* 1 where a label counts, 0 where it is the one to ignore. */
#define COUNTS \
    "; w = {W[..] = select(eq(f32(A[..]), k), 0:f32, 1:f32)}(target; k=ignore_index) " \
    "? ignore_index.given"

/* Each gives one number for each element or example in `o`; their mean is the loss, that of
 * those which count where there is a `w`. */
static const LossRow losses[] = {
    {"mse", LABEL_SAME, "d = sub(x, target); o = square(d)"},
    {"l1", LABEL_SAME, "d = sub(x, target); o = abs(d)"},
    {"huber", LABEL_SAME,
     "d = sub(x, target); o = {O[..] = select(le(abs(A[..]), delta), 0.5*A[..]*A[..], "
     "delta*(abs(A[..]) - 0.5*delta))}(d; delta=delta)"},
    {"cross_entropy", LABEL_CLASS,
     "m = amax(x; axis=last, keep=1); m = {O[..] = detach(A[..])}(m); z = sub(x, m); e "
     "= exp(z); "
     "s = sum(e; axis=last); s = log(s); p = pick(z, target) ? !ignore_index.given; "
     "p = {P[..] = when(B[..] >= 0 && B[..] < A.last, A[..,B[..]], 0)}"
     "(z, target; last:i=last) ? ignore_index.given; o = sub(s, p); "
     "u = mean(z; axis=last) ? label_smoothing; u = sub(s, u) ? label_smoothing; "
     "o = {O[..] = A[..] + e*(B[..] - A[..])}(o, u; e=label_smoothing) ? "
     "label_smoothing" COUNTS},
    {"binary_cross_entropy", LABEL_BINARY,
     "o = {O[..] = B[..]*softplus(-A[..]) + (1 - B[..])*softplus(A[..])}(x, target)"},
};

static const LossRow metrics[] = {
    {"accuracy", LABEL_CLASS,
     "i = argmax(x; axis=last); i = eq(i, target); o = cast_f32(i)" COUNTS},
    {"accuracy", LABEL_BINARY,
     "o = {O[..] = select(eq(lt(0, A[..]), lt(0.5, B[..])), 1:f32, 0:f32)}(x, target)"},
    {"mae", LABEL_SAME, "d = sub(x, target); o = abs(d)"},
    {"mse", LABEL_SAME, "d = sub(x, target); o = square(d)"},
};

/* One loss that is asked for, on one output. */
typedef struct {
    const LossRow *row;
    const Tree *options;
    const char *where;
    int output;
    Ref label;
} Term;

static Type label_type(const Type *out, LabelKind kind) {
    Type t = *out;
    if (kind == LABEL_CLASS) {
        t.dtype = I32;
        t.rank--;
    }
    return t;
}

/* The output that a loss judges: the one it names, or the only one. */
static int find_output(Build *b, const Term *t, Loc loc) {
    const ModelTensors *outs = &b->m->output;
    const Tree *of = tree_find(t->options, "of");
    const char **known = NULL;
    int n = 0;
    if (!of && outs->n == 1)
        return 0;
    for (int i = 0; i < outs->n; i++) {
        if (of && tree_is(of, outs->item[i].name))
            return i;
        PUSH(b->arena, known, n) = outs->item[i].name;
    }
    if (of)
        unknown_word(
            of->loc, of->text,
            arena_printf(b->arena, "%s: no output is named '%s'", t->where, of->text),
            n, known);
    else
        diag_error(
            loc, "%s: the model has %d outputs; name the one to judge: {%s: {of: %s}}",
            t->where, outs->n, t->row->name, outs->item[0].name);
    return -1;
}

/* The label to ignore is a class, or the number before or after them. */
static bool widen_range(const Build *b, const Term *t, ModelTensor *label) {
    const Tree *ignore = tree_find(t->options, "ignore_index");
    if (!ignore)
        return true;
    double k = tree_number(&b->let, t->options, "ignore_index");
    if (k > (double)label->hi)
        return diag_error(ignore->loc, "%s: ignore_index: got %.0f, expected -1 to %lld",
                          t->where, k, (long long)label->hi);
    label->ignores = true;
    label->ignored = (int64_t)k;
    label->lo = k < 0 ? -1 : 0;
    label->hi += k == (double)label->hi;
    return true;
}

static bool find_label(Build *b, Term *t, int nterm, int i, Loc loc) {
    Ref x = b->out->raw[t->output];
    const Type *out = ref_type(x);
    const char *name = b->m->output.item[t->output].name;
    bool flat = t->row->label == LABEL_CLASS && out->rank < 2;
    if (out->dtype != F32 || flat) {
        diag_error(loc, "%s: expects an output of %s, '%s' is %s", t->where,
                   flat ? "[..., classes]" : "f32", name, type_text(b->arena, out));
        build_note(b, x, 0);
        return false;
    }
    const char *label = nterm == 1 ? "target" : arena_printf(b->arena, "target.%s", name);
    Type type = label_type(out, t->row->label);
    label = strs_z(b->m->strs, label);
    t->label = graph_leaf(b->g, N_INPUT, label, &type);
    b->out->label[i] = t->label;
    if (!b->declare)
        return true;
    ModelTensor all = {.name = label, .type = type, .loc = loc,
                       .ranged = t->row->label == LABEL_CLASS,
                       .hi = out->dim[out->rank - 1].n};
    if (!widen_range(b, t, &all))
        return false;
    for (int k = 0; k < b->m->label.n; k++)
        if (b->m->label.item[k].name == label)
            return diag_error(loc, "%s: a second loss of output '%s'", t->where, name);
    PUSH(b->arena, b->m->label.item, b->m->label.n) = all;
    return true;
}

/* Runs a row on the term's output and label, and takes the mean of what it gives. */
static Ref run_row(Build *b, const Term *t, const LossRow *row, Loc loc) {
    Ref *in = NEW(b->arena, 1, Ref), o = {0};
    *in = b->out->raw[t->output];
    Macro m = {.build = b,
               .arena = b->arena,
               .graph = b->g,
               .loc = loc,
               .where = t->where,
               .path = t->where,
               .in = in,
               .nin = 1};
    macro_ref(&m, "x", *in);
    macro_ref(&m, "target", t->label);
    macro_number(&m, "last", ref_type(*in)->rank - 1);
    for (int i = 0; t->options && i < t->options->n; i++)
        if (strcmp(t->options->item[i]->key, "of"))
            macro_number(&m, t->options->item[i]->key,
                         tree_number(&b->let, t->options, t->options->item[i]->key));
    macro_number(&m, "ignore_index.given", tree_find(t->options, "ignore_index") != NULL);
    if (!macro_body(&m, row->body, &o))
        return (Ref){0};
    if (!macro_find(&m, "w").node)
        return macro_op(&m, "mean_all", 1, &o, 0, NULL);
    return macro_body(&m, "o = {S[..] = select(lt(0, B[..]), A[..], 0)}(o, w); o = sum_all(o); "
                          "w = sum_all(w); o = {L[] = A[]/max(B[], 1)}(o, w)", &o)
               ? o : (Ref){0};
}

static bool add_term(Build *b, const Term *t, Loc loc) {
    Ref loss = run_row(b, t, t->row, loc);
    double weight = tree_number(&b->let, t->options, "weight");
    if (!loss.node)
        return false;
    if (weight != 1)
        loss = graph_op(b->g, loc, "mul", 2,
                        (Ref[]){loss, graph_number(b->g, F32, weight)}, 0, NULL);
    b->out->loss = b->out->loss.node ? graph_op(b->g, loc, "add", 2,
                                                (Ref[]){b->out->loss, loss}, 0, NULL)
                                     : loss;
    return true;
}

/* A metric is taken of the first term that has labels of its kind. */
static bool add_metric(Build *b, int i, int nterm, const Term *term, Loc loc) {
    const char *name = b->m->set.train.metrics.item[i];
    for (int k = 0; k < nterm; k++)
        for (size_t r = 0; r < COUNT(metrics); r++)
            if (!strcmp(metrics[r].name, name) &&
                metrics[r].label == term[k].row->label) {
                b->out->metric[i] = run_row(b, &term[k], &metrics[r], loc);
                return b->out->metric[i].node != NULL;
            }
    return diag_error(loc, "train.metrics: '%s' does not go with the loss '%s'", name,
                      term[0].row->name);
}

static bool read_term(Build *b, const Tree *t, Term *out) {
    const char *name;
    *out = (Term){.options = pick_options(t, &name)};
    for (size_t i = 0; i < COUNT(losses); i++)
        if (!strcmp(losses[i].name, name))
            out->row = &losses[i];
    if (!out->row)
        bug("no row for the loss '%s'", name);
    out->where = arena_printf(b->arena, "train.loss.%s", name);
    out->output = find_output(b, out, out->options->key_loc);
    return out->output >= 0;
}

bool build_loss(Build *b) {
    const Tree *train = tree_find(b->root, "train"), *loss = tree_find(train, "loss");
    const Tree *names = tree_find(train, "metrics");
    bool list = loss->kind == TREE_LIST, ok = true;
    int n = list ? loss->n : 1;
    Term *term = NEW(b->arena, n, Term);
    Origin *o = NEW(b->arena, 1, Origin);
    *o = (Origin){loss->loc, NULL, "loss", NULL};
    b->g->origin = o;
    b->out->label = NEW(b->arena, n, Ref);
    b->out->metric = NEW(b->arena, b->m->set.train.metrics.n, Ref);
    for (int i = 0; i < n; i++) {
        const Tree *t = list ? loss->item[i] : loss;
        Loc loc = t->item[0]->key_loc;
        ok = read_term(b, t, &term[i]) && find_label(b, &term[i], n, i, loc) &&
             add_term(b, &term[i], loc) && ok;
    }
    for (int i = 0; ok && i < b->m->set.train.metrics.n; i++)
        ok = add_metric(b, i, n, term, names->loc);
    return ok;
}
