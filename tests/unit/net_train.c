/* Random networks: outputs, losses and optimizers. */
#include "net_gen.h"

#include <string.h>

/* --- outputs --- */

void net_outputs(Gen *g, int n, Output *out) {
    static const char *const as[] = {"softmax", "sigmoid", "tanh", "relu"};
    bool none = n == 1 && net_chance(g, 25), list = net_chance(g, 40);
    net_code(g, "return {");
    if (!none)
        net_line(g, list ? "  outputs:" : "  outputs:");
    for (int i = 0; i < n; i++) {
        const char *how = list || none || net_chance(g, 40) ? NULL : as[net_below(g, 4)];
        const char *name = list || none ? out[i].of : i ? "out-2" : "out_1";
        snprintf(out[i].name, sizeof out[i].name, "%s", name);
        if (!none && list)
            net_line(g, "    - %s", out[i].of);
        else if (!none && !how)
            net_line(g, "    %s: %s", name, out[i].of);
        else if (!none && n == 1 && net_chance(g, 50))
            net_line(g, "    %s: {as: %s}", name, how);
        else if (!none)
            net_line(g, "    %s: {from: %s, as: %s}", name, out[i].of, how);
        if (how)
            net_code(g, "    \"%s\": (%s, M.%s(\"\", %s)),", name, out[i].var, how, out[i].var);
        else
            net_code(g, "    \"%s\": (%s, %s),", name, out[i].var, out[i].var);
    }
    net_code(g, "}");
    g->tab = 0;
}

/* --- losses --- */

static const struct { const char *name, *key, *value, *metric; } losses[] = {
    {"mse", NULL, NULL, "mae"},
    {"l1", NULL, NULL, "mse"},
    {"huber", NULL, NULL, "mae"},
    {"huber", "delta", "0.4", "mse"},
    {"cross_entropy", NULL, NULL, "accuracy"},
    {"cross_entropy", NULL, NULL, "accuracy"},
    {"cross_entropy", "label_smoothing", "0.1", "accuracy"},
    {"binary_cross_entropy", NULL, NULL, "accuracy"},
};

/* A loss with its options in both spellings. */
typedef struct { const char *name, *metric; char yaml[64], code[64]; } Loss;

static void loss_option(Loss *l, const char *key, const char *value, const char *python) {
    const char *sep = *l->yaml ? ", " : "";
    size_t at = strlen(l->yaml), code = strlen(l->code);
    snprintf(l->yaml + at, sizeof l->yaml - at, "%s%s: %s", sep, key, value);
    snprintf(l->code + code, sizeof l->code - code, "%s%s=%s", sep, key, python);
}

static void number_option(Loss *l, const char *key, int64_t v) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    loss_option(l, key, text, text);
}

/* One that needs an output of [time, classes]. */
static Loss loss_of_steps(Gen *g, const Output *out) {
    int64_t time = out->shape.dim[0], classes = out->shape.dim[1];
    Loss l = {"cross_entropy", "accuracy", "", ""};
    if (net_chance(g, 50)) {
        const int64_t ignored[] = {-1, -1, classes, net_below(g, classes)};
        number_option(&l, "ignore_index", ignored[net_below(g, COUNT(ignored))]);
        if (net_chance(g, 25))
            loss_option(&l, "label_smoothing", "0.1", "0.1");
        return l;
    }
    l.name = "ctc";
    l.metric = NULL;
    number_option(&l, "labels", 1 + net_below(g, (time + 1) / 2 + 1));
    g->blank = net_chance(g, 60) ? 0 : net_below(g, classes);
    number_option(&l, "blank", g->blank);
    if (g->lengths && g->steps == time)
        loss_option(&l, "lengths", g->lengths->name, "\"len\"");
    return l;
}

static Loss any_loss(Gen *g, const Output *out) {
    if (out->shape.rank == 2 && net_chance(g, 60))
        return loss_of_steps(g, out);
    size_t i = (size_t)net_below(g, COUNT(losses));
    Loss l = {losses[i].name, losses[i].metric, "", ""};
    if (losses[i].key)
        loss_option(&l, losses[i].key, losses[i].value, losses[i].value);
    return l;
}

/* One loss, as "{mse: {of: y, weight: 0.5}}", and for Python. */
static const char *loss(Gen *g, const char *before, const Output *out, bool of) {
    Loss l = any_loss(g, out);
    const char *sep = "";
    bool weight = net_chance(g, 25);
    net_code(g, "    (\"%s\", \"%s\", dict(%s%s)),", l.name, out->name,
             weight ? "weight=0.5, " : "", l.code);
    if (!of && !weight && !*l.yaml) {
        net_line(g, "%s%s", before, l.name);
        return l.metric;
    }
    text_printf(g->yaml, "%*s%s{%s: {", g->indent, "", before, l.name);
    if (of)
        text_printf(g->yaml, "of: %s", out->name), sep = ", ";
    if (weight)
        text_printf(g->yaml, "%sweight: 1/2", sep), sep = ", ";
    if (*l.yaml)
        text_printf(g->yaml, "%s%s", sep, l.yaml);
    text_printf(g->yaml, "}}\n");
    return l.metric;
}

static void put_losses(Gen *g, int n, const Output *out) {
    const char *metric;
    net_code(g, "losses = [");
    if (n == 1 || net_chance(g, 20)) {
        metric = loss(g, "loss: ", &out[net_below(g, n)], n > 1);
    } else {
        net_line(g, "loss:");
        metric = loss(g, "  - ", &out[0], true);
        loss(g, "  - ", &out[1], true);
    }
    net_code(g, "]");
    if (net_chance(g, 30) && metric)
        net_line(g, "metrics: [%s]", metric);
}

/* --- optimizers --- */

static const char *const optimizers[][2] = {
    {"sgd", "lr=0.05"},
    {"sgd", "lr=0.05, momentum=0.9"},
    {"sgd", "lr=0.1, momentum=0.9, weight_decay=0.01"},
    {"sgd", "lr=0.02, momentum=0.8, nesterov=true"},
    {"sgd", "lr=0.02, momentum=0.8, nesterov=true, weight_decay=0.1"},
    {"sgd", "lr=0.02, momentum=0.5, dampening=0.25"},
    {"sgd", "lr=0.02, weight_decay=0.1"},
    {"adam", ""},
    {"adam", "lr=0.01"},
    {"adam", "lr=0.01, betas=[0.8, 0.99], eps=1e-6"},
    {"adam", "lr=0.01, weight_decay=0.05"},
    {"adamw", ""},
    {"adamw", "lr=0.003, weight_decay=0.1"},
    {"adamw", "lr=0.003, weight_decay=0, eps=1e-5"},
    {"adamw", "lr=0.003, betas=[0, 0.9]"},
};

static void put_optimizer(Gen *g) {
    const char *const *o = optimizers[net_below(g, COUNT(optimizers))];
    int clip = (int)net_below(g, 5);
    text_printf(g->yaml, "%*soptimizer: {%s: {", g->indent, "", o[0]);
    for (const char *c = o[1]; *c; c++)
        text_printf(g->yaml, *c == '=' ? ": " : "%c", *c);
    text_printf(g->yaml, "}}\n");
    net_code(g, "optimizer = \"%s\", dict(%s)", o[0], o[1]);
    if (clip == 1 || clip == 2)
        net_line(g, "clip: {%s: %s}", clip == 1 ? "norm" : "value", clip == 1 ? "0.5" : "0.01");
    net_code(g, "clip = dict(%s)", clip == 1 ? "norm=0.5" : clip == 2 ? "value=0.01" : "");
}

void net_training(Gen *g, int n, const Output *out) {
    net_line(g, "train:");
    g->indent = 2;
    put_losses(g, n, out);
    put_optimizer(g);
    net_line(g, "batch: %lld", (long long)g->batch);
}
