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

/* One loss, as "{mse: {of: y, weight: 0.5}}", and for Python. */
static int loss(Gen *g, const char *before, const Output *out, bool of) {
    int i = (int)net_below(g, COUNT(losses));
    const char *key = losses[i].key, *sep = "";
    bool weight = net_chance(g, 25);
    net_code(g, "    (\"%s\", \"%s\", dict(%s%s%s%s)),", losses[i].name, out->name,
             weight ? "weight=0.5, " : "", key ? key : "", key ? "=" : "",
             key ? losses[i].value : "");
    if (!of && !weight && !key) {
        net_line(g, "%s%s", before, losses[i].name);
        return i;
    }
    text_printf(g->yaml, "%*s%s{%s: {", g->indent, "", before, losses[i].name);
    if (of)
        text_printf(g->yaml, "of: %s", out->name), sep = ", ";
    if (weight)
        text_printf(g->yaml, "%sweight: 1/2", sep), sep = ", ";
    if (key)
        text_printf(g->yaml, "%s%s: %s", sep, key, losses[i].value);
    text_printf(g->yaml, "}}\n");
    return i;
}

static void put_losses(Gen *g, int n, const Output *out) {
    int first;
    net_code(g, "losses = [");
    if (n == 1 || net_chance(g, 20)) {
        first = loss(g, "loss: ", &out[net_below(g, n)], n > 1);
    } else {
        net_line(g, "loss:");
        first = loss(g, "  - ", &out[0], true);
        loss(g, "  - ", &out[1], true);
    }
    net_code(g, "]");
    if (net_chance(g, 30))
        net_line(g, "metrics: [%s]", losses[first].metric);
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
