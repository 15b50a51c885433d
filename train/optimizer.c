/* Optimizers: sgd, adam, adamw, and gradient clipping, as equations.
 *
 * sgd: PyTorch's: d = g + wd*p; b = momentum*b + (1 - dampening)*d; p -= lr*(d or b).
 * adam: Kingma and Ba, 2015, as in PyTorch: the corrections 1 - beta^t are kept as powers
 * in f64 state, so no pow is needed. adamw: Loshchilov and Hutter, 2019. */
#include "train/optimizer.h"

#include <string.h>

typedef struct {
    Model *m;
    Graph *g;
    Ref lr;
    Ref step_size, root_correction;    /* adam: lr/(1 - b1^t), sqrt(1 - b2^t) */
} Opt;

typedef struct {
    const char *name;                  /* of the optimizer */
    const char *state[3];              /* slots for each parameter */
    bool powers;                       /* keeps beta1^t and beta2^t */
    void (*update)(Opt *o, int i, Ref p, Ref grad);
} OptInfo;

static Type scalar(DType t) { return (Type){.dtype = t}; }

static const char *slot(Model *m, int i, const char *key) {
    return strs_z(m->strs, arena_printf(m->arena, "%s.%s", m->param.item[i].name, key));
}

static Ref text(Opt *o, const char *eq, int n, const Ref *src, int nattr, const Attr *attr) {
    return graph_text(o->g, eq, n, src, nattr, attr, NDTYPE);
}

#define FLOAT(id, value) {.name = #id, .kind = ATTR_FLOAT, .f = (value)}

static Ref decayed(Opt *o, Ref p, Ref grad, double decay) {
    Attr a[] = {FLOAT(wd, decay)};
    return decay == 0 ? grad : text(o, "O[..] = A[..] + wd*B[..]", 2, (Ref[]){grad, p}, 1, a);
}

static void sgd(Opt *o, int i, Ref p, Ref grad) {
    Ref d = decayed(o, p, grad, o->m->set.train.weight_decay);
    double mu = o->m->set.train.momentum, damp = o->m->set.train.dampening;
    if (mu != 0) {
        const char *name = slot(o->m, i, "momentum");
        Ref b = graph_leaf(o->g, N_STATE, name, ref_type(p));
        Attr a[] = {FLOAT(mu, mu), FLOAT(keep, 1 - damp)};
        b = text(o, "O[..] = mu*A[..] + keep*B[..]", 2, (Ref[]){b, d}, 2, a);
        graph_result(o->g, TO_STATE, name, b);
        d = o->m->set.train.nesterov
                ? text(o, "O[..] = B[..] + mu*A[..]", 2, (Ref[]){b, d}, 1, a) : b;
    }
    p = text(o, "O[..] = A[..] - C[]*B[..]", 3, (Ref[]){p, d, o->lr}, 0, NULL);
    graph_result(o->g, TO_PARAM, o->m->param.item[i].name, p);
}

static void adam_step(Opt *o, int i, Ref p, Ref grad) {
    const char *first = slot(o->m, i, "exp_avg"), *second = slot(o->m, i, "exp_avg_sq");
    double b1 = o->m->set.train.betas[0], b2 = o->m->set.train.betas[1];
    Ref m = graph_leaf(o->g, N_STATE, first, ref_type(p));
    Ref v = graph_leaf(o->g, N_STATE, second, ref_type(p));
    Attr a[] = {FLOAT(b, b1), FLOAT(c, 1 - b1)}, s[] = {FLOAT(b, b2), FLOAT(c, 1 - b2)};
    Attr e[] = {FLOAT(eps, o->m->set.train.eps)};
    m = text(o, "O[..] = b*A[..] + c*B[..]", 2, (Ref[]){m, grad}, 2, a);
    v = text(o, "O[..] = b*A[..] + c*(B[..]*B[..])", 2, (Ref[]){v, grad}, 2, s);
    graph_result(o->g, TO_STATE, first, m);
    graph_result(o->g, TO_STATE, second, v);
    p = text(o, "O[..] = A[..] - D[]*B[..]/(sqrt(C[..])/E[] + eps)", 5,
             (Ref[]){p, m, v, o->step_size, o->root_correction}, 1, e);
    graph_result(o->g, TO_PARAM, o->m->param.item[i].name, p);
}

static void adam(Opt *o, int i, Ref p, Ref grad) {
    adam_step(o, i, p, decayed(o, p, grad, o->m->set.train.weight_decay));
}

static void adamw(Opt *o, int i, Ref p, Ref grad) {
    Attr a[] = {FLOAT(wd, o->m->set.train.weight_decay)};
    if (o->m->set.train.weight_decay != 0)
        p = text(o, "O[..] = A[..]*(1 - B[]*wd)", 2, (Ref[]){p, o->lr}, 1, a);
    adam_step(o, i, p, grad);
}

static const OptInfo opt_info[] = {
    {"sgd", {"momentum"}, false, sgd},
    {"adam", {"exp_avg", "exp_avg_sq"}, true, adam},
    {"adamw", {"exp_avg", "exp_avg_sq"}, true, adamw},
};

static const char *const power_name[2] = {"optimizer.beta1_power", "optimizer.beta2_power"};

static const OptInfo *info(const Model *m) {
    for (size_t i = 0; i < COUNT(opt_info); i++)
        if (strcmp(opt_info[i].name, m->set.train.optimizer) == 0)
            return &opt_info[i];
    bug("optimizer '%s'", m->set.train.optimizer);
}

OptState *optimizer_state(Model *m, int *n) {
    const OptInfo *o = info(m);
    OptState *s = NULL;
    *n = 0;
    for (int k = 0; o->powers && k < 2; k++)
        PUSH(m->arena, s, *n) = (OptState){strs_z(m->strs, power_name[k]), scalar(F64), 1};
    for (int i = 0; i < m->param.n; i++)
        for (int k = 0; k < 3 && o->state[k] && m->param.item[i].trainable; k++)
            if (o->powers || m->set.train.momentum != 0)
                PUSH(m->arena, s, *n) = (OptState){slot(m, i, o->state[k]),
                                                   m->param.item[i].type, 0};
    return s;
}

/* Powers of the betas, and what adam needs of them. */
static void corrections(Opt *o) {
    Type t = scalar(F64);
    Ref power[2];
    for (int k = 0; k < 2; k++) {
        Attr beta[] = {FLOAT(beta, o->m->set.train.betas[k])};
        const char *name = strs_z(o->m->strs, power_name[k]);
        Ref old = graph_leaf(o->g, N_STATE, name, &t);
        power[k] = text(o, "O[] = A[]*beta", 1, &old, 1, beta);
        graph_result(o->g, TO_STATE, name, power[k]);
    }
    o->step_size = text(o, "O[] = f32(f64(A[])/(1 - B[]))", 2, (Ref[]){o->lr, power[0]}, 0, NULL);
    o->root_correction = text(o, "O[] = f32(sqrt(1 - A[]))", 1, &power[1], 0, NULL);
}

/* --- clipping --- */

static void clip_value(Opt *o, Ref *grad, int n, double most) {
    Attr a[] = {FLOAT(m, most)};
    for (int i = 0; i < n; i++)
        if (grad[i].node)
            grad[i] = text(o, "O[..] = max(min(A[..], m), -m)", 1, &grad[i], 1, a);
}

/* PyTorch's clip_grad_norm_: all gradients times min(1, most / (norm + 1e-6)). */
static void clip_norm(Opt *o, Ref *grad, int n, double most) {
    Ref sum = {0};
    Attr a[] = {FLOAT(m, most)};
    for (int i = 0; i < n; i++) {
        if (!grad[i].node)
            continue;
        Ref s = text(o, "O[] += A[..]*A[..]", 1, &grad[i], 0, NULL);
        sum = sum.node ? text(o, "O[] = A[] + B[]", 2, (Ref[]){sum, s}, 0, NULL) : s;
    }
    if (!sum.node)
        return;
    Ref k = text(o, "O[] = min(m/(sqrt(A[]) + 1e-6), 1)", 1, &sum, 1, a);
    for (int i = 0; i < n; i++)
        if (grad[i].node)
            grad[i] = text(o, "O[..] = A[..]*B[]", 2, (Ref[]){grad[i], k}, 0, NULL);
}

void optimizer_step(Model *m, Graph *g, const Ref *param, Ref *grad) {
    Type t = scalar(F32);
    Opt o = {.m = m, .g = g};
    const OptInfo *opt = info(m);
    o.lr = graph_leaf(g, N_VALUE, strs_z(m->strs, "lr"), &t);
    if (m->set.train.clip_value > 0)
        clip_value(&o, grad, m->param.n, m->set.train.clip_value);
    if (m->set.train.clip_norm > 0)
        clip_norm(&o, grad, m->param.n, m->set.train.clip_norm);
    if (opt->powers)
        corrections(&o);
    for (int i = 0; i < m->param.n; i++)
        if (m->param.item[i].trainable && grad[i].node)
            opt->update(&o, i, param[i], grad[i]);
}
