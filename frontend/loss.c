/* Losses and metrics: rows over an output `x` and its label `target`. */
#include "frontend/build.h"

#include <string.h>

typedef enum {
    LABEL_SAME,                        /* f32, as the output */
    LABEL_CLASS,                       /* i32: a number below the output's last dim */
    LABEL_BINARY,                      /* f32, 0..1, as the output */
    LABEL_SEQUENCE                     /* i32: so many class numbers, then -1 */
} LabelKind;

typedef struct { const char *name; LabelKind label; const char *body; } LossRow;

/* 1 where a label counts, 0 where it is the one to ignore. */
#define COUNTS \
    "; w = {W[..] = select(eq(f32(A[..]), k), 0:f32, 1:f32)}(target; k=ignore_index) " \
    "? ignore_index.given"

/* Logarithms of probabilities, where there is no such path. */
#define NEVER "-1e30"

/* Graves' forward variables in logarithms: states are blank, label, blank .. and one more
 * blank, so that they are pairs; h[s] is what all paths that end in s have together. */
#define CTC \
    "m = amax(x; axis=last, keep=1); m = {O[..] = detach(A[..])}(m); z = sub(x, m); " \
    "s = exp(z); s = sum(s; axis=last, keep=1); s = log(s); z = sub(z, s); " \
    "e = {E[n,j<l+1,r<2] = when(r == 1 && j < l, " \
    "select(lt(A[n,j], 0), i32(b), A[n,j]), i32(b))}" \
    "(target; l:i=labels, b:i=blank); " \
    "k = {K[n,j<l+1,r<2] = when(r == 1 && j >= 1 && j < l, " \
    "select(eq(A[n,j], A[n,j-1]), " NEVER ", 0:f32), " NEVER ")}(target; l:i=labels); " \
    "e = reshape(e; shape=[n, 2*labels + 2]); k = reshape(k; shape=[n, 2*labels + 2]); " \
    "p = {Q[t,n,s] = A[n,t,B[n,s]]}(z, e); " \
    "h.start = {S[n<A.0,s<A.1] = when(s == 0, 0:f32, " NEVER ")}(k); " \
    "scan h = h.start over p; " \
    "a = {P[n,s<A.1] = when(s >= 1, A[n,s-1], " NEVER ")}(h); " \
    "c = {C[n,s] = when(s >= 2, A[n,s-2], " NEVER ") + B[n,s]}(h, k); " \
    "m = {M[..] = detach(max(A[..], max(B[..], C[..])))}(h, a, c); " \
    "y = {Y[..] = D[..] + log(exp(A[..] - D[..]) + exp(B[..] - D[..]) + exp(C[..] - D[..]))}" \
    "(h, a, c, m); y = add(y, p); step h = y; " \
    "f = h ? !lengths.given; " \
    "f = {F[n,s] = A[B[n] - 1,n,s]}(h.all, lengths) ? lengths.given; " \
    "l = {L[n] += when(A[n,j] >= 0, 1:i32, 0:i32)}(target); " \
    "a = {P[n] = A[n,2*B[n]]}(f, l); " \
    "c = {C[n] = when(B[n] >= 1, A[n,2*B[n]-1], " NEVER ")}(f, l); " \
    "m = {M[n] = detach(max(A[n], B[n]))}(a, c); " \
    "o = {O[n] = -(C[n] + log(exp(A[n] - C[n]) + exp(B[n] - C[n])))}(a, c, m); " \
    "o = {O[n] = select(lt(A[n], 1e29), A[n]/max(f32(B[n]), 1), 0)}(o, l)"

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
    {"ctc", LABEL_SEQUENCE, CTC},
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

static Type label_type(const Build *b, const Term *term, const Type *out) {
    Type t = *out;
    if (term->row->label == LABEL_CLASS || term->row->label == LABEL_SEQUENCE) {
        t.dtype = I32;
        t.rank--;
    }
    if (term->row->label == LABEL_SEQUENCE)
        t.dim[1].n = (int64_t)tree_number(&b->let, term->options, "labels");
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
    const Tree *blank = tree_find(t->options, "blank");
    if (blank && tree_number(&b->let, t->options, "blank") >= (double)label->hi)
        return diag_error(blank->loc, "%s: blank: expected a class, 0 to %lld", t->where,
                          (long long)label->hi - 1);
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
    LabelKind kind = t->row->label;
    const char *shape = kind == LABEL_CLASS && out->rank < 2       ? "[..., classes]"
                        : kind == LABEL_SEQUENCE && out->rank != 3 ? "[time, classes]"
                                                                   : NULL;
    if (out->dtype != F32 || shape) {
        diag_error(loc, "%s: expects an output of %s, '%s' is %s", t->where,
                   shape ? shape : "f32", name, type_text(b->arena, out));
        build_note(b, x, 0);
        return false;
    }
    const char *label = nterm == 1 ? "target" : arena_printf(b->arena, "target.%s", name);
    Type type = label_type(b, t, out);
    label = strs_z(b->m->strs, label);
    t->label = graph_leaf(b->g, N_INPUT, label, &type);
    b->out->label[i] = t->label;
    if (!b->declare)
        return true;
    ModelTensor all = {.name = label, .type = type, .loc = loc,
                       .ranged = kind == LABEL_CLASS || kind == LABEL_SEQUENCE,
                       .lo = kind == LABEL_SEQUENCE ? -1 : 0,
                       .hi = out->dim[out->rank - 1].n};
    if (!widen_range(b, t, &all))
        return false;
    for (int k = 0; k < b->m->label.n; k++)
        if (b->m->label.item[k].name == label)
            return diag_error(loc, "%s: a second loss of output '%s'", t->where, name);
    PUSH(b->arena, b->m->label.item, b->m->label.n) = all;
    return true;
}

/* The input that says how many steps of each example count, 1 or more. */
static bool bind_lengths(Build *b, Macro *m, const Term *t) {
    const Tree *name = tree_find(t->options, "lengths");
    const char *what = arena_printf(b->arena, "%s: lengths", t->where);
    macro_number(m, "lengths.given", name != NULL);
    if (!name)
        return true;
    Ref r = build_find_tensor(b, NULL, what, name);
    char reshape[] = "lengths = reshape(lengths; shape=[n])";
    return r.node && macro_named(m, "lengths=:int", r) &&
           build_range(b, m, r, 1, ref_type(b->out->raw[t->output])->dim[1].n + 1) &&
           macro_body(m, reshape, &r);
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
        if (strcmp(t->options->item[i]->key, "of") &&
            strcmp(t->options->item[i]->key, "lengths"))
            macro_number(&m, t->options->item[i]->key,
                         tree_number(&b->let, t->options, t->options->item[i]->key));
    macro_number(&m, "ignore_index.given", tree_find(t->options, "ignore_index") != NULL);
    if (!bind_lengths(b, &m, t) || !macro_body(&m, row->body, &o))
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
