/* The layers that random networks are made of: one row for each, with its options. */
#include "net_gen.h"

#include <string.h>

enum { MOST_WORK = 300000 };           /* multiply-adds of a layer at the batch's bound */

static const char *truth(bool b) { return b ? "true" : "false"; }

static void put(Gen *g, Layer *l, Shape *x, Shape out) {
    layer_put(g, l, &out);
    *x = out;
}

void net_word(Gen *g, const char *type, Shape *x) {
    Layer l = {.type = type};
    put(g, &l, x, *x);
}

/* An axis of x, from the end or the front. */
static int axis_option(Gen *g, Layer *l, const Shape *x, bool main) {
    int axis = (int)net_below(g, x->rank);
    layer_option(l, main, "axis", "%d", net_chance(g, 50) ? axis : axis - x->rank);
    return axis;
}

static void pair_option(Gen *g, Layer *l, bool main, const char *key, const int64_t v[2]) {
    if (v[0] == v[1] && net_chance(g, 80))
        layer_option(l, main, key, "%lld", (long long)v[0]);
    else
        layer_option(l, main, key, "[%lld, %lld]", (long long)v[0], (long long)v[1]);
}

/* --- with weights --- */

void net_init_option(Gen *g, Layer *l) {
    static const char *const init[] = {"he", "{he: uniform}", "{he: {fan: out}}", "xavier",
                                       "{normal: 0.3}", "{uniform: 0.4}", "{constant: 0.1}"};
    if (net_chance(g, 15))
        snprintf(l->extra, sizeof l->extra, "init: %s", init[net_below(g, COUNT(init))]);
    else if (net_chance(g, 5))
        snprintf(l->extra, sizeof l->extra, "trainable: false");
}

void net_linear(Gen *g, Shape *x, int64_t units) {
    Layer l = {.type = "linear"};
    Shape out = *x;
    if (units == 2 * g->d)
        layer_option(&l, true, "units", "2*d");
    else if (units == g->d)
        layer_option(&l, true, "units", "d");
    else
        layer_option(&l, true, "units", "%lld", (long long)units);
    if (net_chance(g, 15))
        layer_option(&l, false, "bias", "%s", truth(net_chance(g, 20)));
    net_init_option(g, &l);
    out.dim[x->rank - 1] = units;
    put(g, &l, x, out);
}

static void linear(Gen *g, Shape *x, Keep keep) {
    int64_t work = g->batch * shape_count(x), units = net_width(g, 1 + MOST_WORK / work);
    if (keep == KEEP_SHAPE)
        units = x->dim[x->rank - 1];
    if (units * shape_count(x) / x->dim[x->rank - 1] > g->most)
        units = 1;
    net_linear(g, x, units);
}

static int64_t span(int64_t n, int64_t k, int64_t s, int64_t p, int64_t d) {
    return (n + 2 * p - d * (k - 1) - 1) / s + 1;
}

static void conv_groups(Gen *g, Layer *l, const Shape *x, int64_t filters) {
    int64_t groups = net_chance(g, 25) ? x->dim[0] : 1;
    while (groups > 1 && (x->dim[0] % groups || filters % groups))
        groups--;
    if (groups > 1)
        layer_option(l, false, "groups", "%lld", (long long)groups);
}

static void conv_window(Gen *g, Layer *l, Shape *out, bool same) {
    static const int64_t kernel[] = {1, 2, 3, 3, 3, 5};
    int64_t k[2], s[2], p[2], d[2];
    bool square = net_chance(g, 70), padded = net_chance(g, 60);
    for (int i = 0; i < 2; i++) {
        int64_t n = out->dim[i + 1];
        k[i] = kernel[net_below(g, COUNT(kernel))];
        s[i] = !same && net_chance(g, 30) ? 1 + net_below(g, 3) : 1;
        d[i] = net_chance(g, 15) ? 2 : 1;
        p[i] = padded ? net_below(g, k[i] + 1) : 0;
        if (square && i && d[0] * (k[0] - 1) < n)
            k[1] = k[0], s[1] = s[0], d[1] = d[0], p[1] = p[0];
        while (k[i] > 1 && d[i] * (k[i] - 1) >= n)
            k[i]--;
        if (!same)
            out->dim[i + 1] = span(n, k[i], s[i], p[i], d[i]);
    }
    pair_option(g, l, false, "kernel", k);
    if (s[0] * s[1] > 1)
        pair_option(g, l, false, "stride", s);
    if (d[0] * d[1] > 1)
        pair_option(g, l, false, "dilation", d);
    if (same)
        layer_option(l, false, "padding", "same");
    else if (p[0] + p[1])
        pair_option(g, l, false, "padding", p);
}

void net_conv(Gen *g, Shape *x, int64_t filters, bool same) {
    Layer l = {.type = "conv2d"};
    Shape out = *x;
    if (filters == g->d)
        layer_option(&l, false, "filters", "d");
    else
        layer_option(&l, false, "filters", "%lld", (long long)filters);
    conv_window(g, &l, &out, same);
    conv_groups(g, &l, x, filters);
    if (net_chance(g, 25))
        layer_option(&l, false, "bias", "%s", truth(net_chance(g, 20)));
    net_init_option(g, &l);
    out.dim[0] = filters;
    put(g, &l, x, out);
}

static void conv2d(Gen *g, Shape *x, Keep keep) {
    int64_t area = 9 * shape_count(x) * g->batch;
    int64_t filters = net_width(g, 1 + MOST_WORK / area);
    if (keep == KEEP_SHAPE)
        filters = x->dim[0];
    if (filters * x->dim[1] * x->dim[2] > g->most)
        filters = 1 + net_below(g, 3);
    net_conv(g, x, filters, keep != KEEP_NOTHING || net_chance(g, 25));
}

static void batch_norm(Gen *g, Shape *x, Keep keep) {
    Layer l = {.type = "batch_norm"};
    (void)keep;
    if (net_chance(g, 20))
        layer_option(&l, false, "eps", "1e-3");
    if (net_chance(g, 20))
        layer_option(&l, false, "momentum", net_chance(g, 50) ? "0.3" : "1");
    if (net_chance(g, 20))
        layer_option(&l, false, "affine", "%s", truth(net_chance(g, 20)));
    put(g, &l, x, *x);
}

static void layer_norm(Gen *g, Shape *x, Keep keep) {
    Layer l = {.type = net_chance(g, 75) ? "layer_norm" : "rms_norm"};
    (void)keep;
    if (net_chance(g, 30))
        layer_option(&l, false, "dims", "%lld", (long long)(1 + net_below(g, x->rank)));
    if (net_chance(g, 20))
        layer_option(&l, false, "eps", "1e-2");
    if (net_chance(g, 15))
        layer_option(&l, false, "affine", "false");
    else if (l.type[0] == 'l' && net_chance(g, 15))
        layer_option(&l, false, "bias", "false");
    put(g, &l, x, *x);
}

static void standardize(Gen *g, Shape *x, Keep keep) {
    Layer l = {.type = "standardize"};
    Shape out = *x;
    (void)keep;
    if (net_chance(g, 60))
        axis_option(g, &l, x, false);
    out.dtype = F32;
    put(g, &l, x, out);
}

static void scale(Gen *g, Shape *x, Keep keep) {
    static const char *const mul[] = {"0.5", "1/255", "-1.25", "d/8", "2"};
    Layer l = {.type = "scale"};
    Shape out = *x;
    (void)keep;
    bool bytes = x->dtype == U8;
    layer_option(&l, true, "mul", "%s", bytes ? "1/255" : mul[net_below(g, COUNT(mul))]);
    if (net_chance(g, 40))
        layer_option(&l, false, "add", "%s", bytes ? "-0.5" : "0.25");
    out.dtype = F32;
    put(g, &l, x, out);
}

/* --- pools --- */

static int64_t pooled(int64_t n, int64_t k, int64_t s, int64_t p, int64_t d, bool ceil) {
    int64_t rest = n + 2 * p - d * (k - 1) - 1, o = (rest + (ceil ? s - 1 : 0)) / s + 1;
    return ceil && (o - 1) * s >= n + p ? o - 1 : o;
}

static void pool(Gen *g, Shape *x, Keep keep) {
    bool max = net_chance(g, 60), ceil = net_chance(g, 20), padded = net_chance(g, 30);
    Layer l = {.type = max ? "max_pool2d" : "avg_pool2d"};
    Shape out = *x;
    int64_t k[2], s[2], p[2], d[2];
    (void)keep;
    for (int i = 0; i < 2; i++) {
        int64_t n = x->dim[i + 1];
        k[i] = 1 + net_below(g, 3);
        d[i] = max && net_chance(g, 15) ? 2 : 1;
        while (k[i] > 1 && d[i] * (k[i] - 1) >= n)
            k[i]--;
        s[i] = net_chance(g, 70) ? k[i] : 1 + net_below(g, 3);
        p[i] = padded ? k[i] / 2 : 0;
        out.dim[i + 1] = pooled(n, k[i], s[i], p[i], d[i], ceil);
    }
    pair_option(g, &l, true, "kernel", k);
    if (s[0] != k[0] || s[1] != k[1])
        pair_option(g, &l, false, "stride", s);
    if (p[0] + p[1])
        pair_option(g, &l, false, "padding", p);
    if (d[0] * d[1] > 1)
        pair_option(g, &l, false, "dilation", d);
    if (ceil)
        layer_option(&l, false, "ceil_mode", "true");
    if (!max && net_chance(g, 40))
        layer_option(&l, false, "count_include_pad", "false");
    put(g, &l, x, out);
}

void net_global_pool(Gen *g, Shape *x) {
    Layer l = {.type = net_chance(g, 70) ? "global_avg_pool" : "global_max_pool"};
    put(g, &l, x, (Shape){F32, 1, {x->dim[0]}});
}

static void global_pool(Gen *g, Shape *x, Keep keep) {
    (void)keep;
    net_global_pool(g, x);
}

static void reduce(Gen *g, Shape *x, Keep keep) {
    static const char *const op[] = {"sum", "mean", "amax", "amin", "mean"};
    Layer l = {.type = op[net_below(g, COUNT(op))]};
    int axis = axis_option(g, &l, x, false);
    Shape out = *x;
    (void)keep;
    out.dim[axis] = 1;
    if (net_chance(g, 50)) {
        layer_option(&l, false, "keep", "1");
    } else {
        memmove(out.dim + axis, x->dim + axis + 1, sizeof *out.dim * (size_t)(x->rank - axis - 1));
        out.rank--;
    }
    put(g, &l, x, out);
}

/* --- shapes and places --- */

void net_flatten(Gen *g, Shape *x) {
    Layer l = {.type = "flatten"};
    put(g, &l, x, (Shape){x->dtype, 1, {shape_count(x)}});
}

static void flatten(Gen *g, Shape *x, Keep keep) {
    (void)keep;
    net_flatten(g, x);
}

static void reshape(Gen *g, Shape *x, Keep keep) {
    Layer l = {.type = "reshape"};
    int64_t n = shape_count(x), a = 1 + net_below(g, n < 9 ? n : 9);
    (void)keep;
    while (n % a)
        a--;
    int64_t b = 1 + net_below(g, n / a < 5 ? n / a : 5);
    while (n / a % b)
        b--;
    Shape out = {x->dtype, 2, {a, n / a}};
    if (net_chance(g, 50))
        out = (Shape){x->dtype, 3, {a, b, n / a / b}};
    long long last = net_chance(g, 50) ? -1 : (long long)out.dim[out.rank - 1];
    if (out.rank == 2)
        layer_option(&l, true, "shape", "[%lld, %lld]", (long long)a, last);
    else
        layer_option(&l, true, "shape", "[%lld, %lld, %lld]", (long long)a, (long long)b, last);
    put(g, &l, x, out);
}

static void transpose(Gen *g, Shape *x, Keep keep) {
    static const int perm[][3] = {{1, 0, 2}, {2, 1, 0}, {0, 2, 1}, {1, 2, 0}, {2, 0, 1}};
    Layer l = {.type = "transpose"};
    const int *p = perm[x->rank == 2 ? 0 : net_below(g, COUNT(perm))];
    Shape out = *x;
    (void)keep;
    for (int i = 0; i < x->rank; i++)
        out.dim[i] = x->dim[p[i]];
    if (x->rank == 2)
        layer_option(&l, true, "dims", "[1, 0]");
    else
        layer_option(&l, true, "dims", "[%d, %d, %d]", p[0], p[1], p[2]);
    put(g, &l, x, out);
}

static void pad(Gen *g, Shape *x, Keep keep) {
    static const char *const mode[] = {"constant", "reflect", "replicate", "circular"};
    Layer l = {.type = "pad"};
    int dims = 1 + (int)net_below(g, x->rank), kind = (int)net_below(g, COUNT(mode));
    char text[48];
    size_t at = 0;
    Shape out = *x;
    (void)keep;
    for (int i = 0; i < dims; i++) {
        int64_t *n = &out.dim[x->rank - 1 - i], most = kind == 1 ? *n - 1 : kind == 3 ? *n : 3;
        int64_t lo = net_below(g, (most < 2 ? most : 2) + 1);
        int64_t hi = net_below(g, (most < 2 ? most : 2) + 1);
        if (!kind && *n > 2 && net_chance(g, 20))
            lo = -1;
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%lld, %lld", i ? ", " : "",
                               (long long)lo, (long long)hi);
        *n += lo + hi;
    }
    layer_option(&l, true, "padding", "[%s]", text);
    if (kind || net_chance(g, 30))
        layer_option(&l, false, "mode", "%s", mode[kind]);
    if (!kind && net_chance(g, 40))
        layer_option(&l, false, "value", "0.75");
    put(g, &l, x, out);
}

static void slice(Gen *g, Shape *x, Keep keep) {
    Layer l = {.type = "slice"};
    int axis = axis_option(g, &l, x, false);
    int64_t n = x->dim[axis], start = net_below(g, n < 4 ? n : 4), step = 1 + net_below(g, 3);
    int64_t stop = net_chance(g, 50) ? start + 1 + net_below(g, n - start) : n;
    Shape out = *x;
    (void)keep;
    if (start)
        layer_option(&l, false, "start", "%lld", (long long)start);
    if (stop < n || net_chance(g, 20))
        layer_option(&l, false, "stop", "%lld", (long long)stop);
    if (step > 1)
        layer_option(&l, false, "step", "%lld", (long long)step);
    out.dim[axis] = (stop - start + step - 1) / step;
    put(g, &l, x, out);
}

static void upsample(Gen *g, Shape *x, Keep keep) {
    Layer l = {.type = "upsample2d"};
    Shape out = *x;
    (void)keep;
    int64_t fx = 1 + net_below(g, 2);
    layer_option(&l, false, "fx", "%lld", (long long)fx);
    out.dim[1] *= 2;
    out.dim[2] *= fx;
    put(g, &l, x, out);
}

static void flip(Gen *g, Shape *x, Keep keep) {
    Layer l = {.type = "flip"};
    (void)keep;
    axis_option(g, &l, x, false);
    put(g, &l, x, *x);
}

/* --- of several inputs --- */

static bool same_shape(const Shape *a, const Shape *b, int but) {
    bool same = a->rank == b->rank && a->dtype == b->dtype;
    for (int i = 0; same && i < a->rank; i++)
        same = a->dim[i] == b->dim[i] || i == but;
    return same;
}

/* The current tensor if it has a name, and another that fits it but along `but`. */
static bool two_tensors(Gen *g, const Shape *x, int but, const Tensor *t[2]) {
    char now[24];
    snprintf(now, sizeof now, "v%d", g->nvar);
    t[0] = t[1] = g->ntensor ? &g->tensor[g->ntensor - 1] : NULL;
    if (!t[0] || strcmp(t[0]->var, now) || g->from)
        return false;
    int from = (int)net_below(g, g->ntensor);
    for (int i = 0; i < g->ntensor; i++) {
        const Tensor *other = &g->tensor[(from + i) % g->ntensor];
        if (other != t[0] && same_shape(&other->shape, x, but)) {
            t[net_below(g, 2)] = other;
            return true;
        }
    }
    return net_chance(g, 20);          /* with itself */
}

static void set_from(Layer *l, const Tensor *t[2]) {
    layer_from(l, (const char *[]){t[0]->name, t[1]->name},
               (const char *[]){t[0]->var, t[1]->var}, 2);
}

static void combine(Gen *g, Shape *x, Keep keep) {
    static const char *const op[] = {"add", "add", "mul", "sub", "maximum", "minimum"};
    Layer l = {.type = op[net_below(g, COUNT(op))]};
    const Tensor *t[2];
    (void)keep;
    if (!two_tensors(g, x, -1, t)) {
        net_word(g, "relu", x);
        return;
    }
    set_from(&l, t);
    put(g, &l, x, *x);
}

static void concat(Gen *g, Shape *x, Keep keep) {
    Layer l = {.type = "concat"};
    const Tensor *t[2];
    int axis = (int)net_below(g, x->rank);
    Shape out = *x;
    (void)keep;
    if (!two_tensors(g, x, axis, t)) {
        net_word(g, "tanh", x);
        return;
    }
    set_from(&l, t);
    if (axis || net_chance(g, 50))
        layer_option(&l, false, "axis", "%d", net_chance(g, 50) ? axis : axis - x->rank);
    out.dim[axis] = t[0]->shape.dim[axis] + t[1]->shape.dim[axis];
    put(g, &l, x, out);
}

/* --- element by element --- */

static void activation(Gen *g, Shape *x, Keep keep) {
    static const char *const word[] = {"relu", "relu", "relu", "leaky_relu", "elu", "gelu",
        "silu", "sigmoid", "tanh", "softplus", "identity", "mish", "selu", "hardsigmoid",
        "hardswish", "softsign", "logsigmoid", "sin", "cos", "abs", "atan", "erf", "neg",
        "square"};
    (void)keep;
    net_word(g, word[net_below(g, COUNT(word))], x);
}

static void activation_with(Gen *g, Shape *x, Keep keep) {
    static const struct { const char *type, *key, *value; } row[] = {
        {"leaky_relu", "negative_slope", "0.2"}, {"elu", "alpha", "0.7"},
        {"gelu", "approximate", "tanh"},         {"softplus", "beta", "2.5"},
        {"gelu", "approximate", "none"},         {"leaky_relu", "negative_slope", "1/16"}};
    size_t i = (size_t)net_below(g, COUNT(row));
    Layer l = {.type = row[i].type};
    (void)keep;
    layer_option(&l, true, row[i].key, "%s", row[i].value);
    put(g, &l, x, *x);
}

static void softmax(Gen *g, Shape *x, Keep keep) {
    Layer l = {.type = net_chance(g, 50) ? "softmax" : "log_softmax"};
    (void)keep;
    if (net_chance(g, 50))
        axis_option(g, &l, x, true);
    put(g, &l, x, *x);
}

static void clamp(Gen *g, Shape *x, Keep keep) {
    Layer l = {.type = net_chance(g, 50) ? "clamp" : "hardtanh"};
    (void)keep;
    layer_option(&l, false, "lo", "-0.75");
    layer_option(&l, false, "hi", "1.5");
    put(g, &l, x, *x);
}

static void dropout(Gen *g, Shape *x, Keep keep) {
    static const char *const p[] = {"0.5", "0.1", "0.25", "0", "1", "0.9", "0.3"};
    Layer l = {.type = "dropout"};
    (void)keep;
    if (net_chance(g, 80))
        layer_option(&l, true, "p", "%s", p[net_below(g, COUNT(p))]);
    put(g, &l, x, *x);
}

/* --- the table --- */

static const struct {
    void (*put)(Gen *g, Shape *x, Keep keep);
    int weight, least, most;           /* how often; ranks that fit */
    Keep keep;                         /* what it leaves as it was, at least if asked to */
} layers[] = {
    {linear, 16, 1, 2, KEEP_SHAPE},      {linear, 2, 3, 3, KEEP_SHAPE},
    {conv2d, 26, 3, 3, KEEP_SHAPE},      {batch_norm, 8, 1, 3, KEEP_SHAPE},
    {layer_norm, 7, 1, 3, KEEP_SHAPE},   {standardize, 2, 1, 3, KEEP_SHAPE},
    {scale, 3, 1, 3, KEEP_SHAPE},        {pool, 10, 3, 3, KEEP_NOTHING},
    {global_pool, 2, 2, 3, KEEP_NOTHING}, {reduce, 2, 2, 3, KEEP_NOTHING},
    {flatten, 2, 2, 3, KEEP_NOTHING},    {reshape, 3, 1, 3, KEEP_NOTHING},
    {transpose, 3, 2, 3, KEEP_NOTHING},  {pad, 3, 1, 3, KEEP_NOTHING},
    {slice, 3, 1, 3, KEEP_NOTHING},      {upsample, 1, 3, 3, KEEP_NOTHING},
    {flip, 2, 1, 3, KEEP_SHAPE},         {combine, 9, 1, 3, KEEP_SHAPE},
    {concat, 6, 1, 3, KEEP_NOTHING},     {activation, 18, 1, 3, KEEP_SHAPE},
    {activation_with, 6, 1, 3, KEEP_SHAPE}, {softmax, 3, 1, 3, KEEP_SHAPE},
    {clamp, 2, 1, 3, KEEP_SHAPE},        {dropout, 5, 1, 3, KEEP_SHAPE},
};

static bool fits(size_t i, const Shape *x, Keep keep) {
    return x->rank >= layers[i].least && x->rank <= layers[i].most && layers[i].keep >= keep;
}

void net_any_layer(Gen *g, Shape *x, Keep keep) {
    int64_t sum = 0;
    for (size_t i = 0; i < COUNT(layers); i++)
        sum += fits(i, x, keep) ? layers[i].weight : 0;
    int64_t at = net_below(g, sum);
    for (size_t i = 0; i < COUNT(layers); i++) {
        if (!fits(i, x, keep))
            continue;
        at -= layers[i].weight;
        if (at < 0) {
            layers[i].put(g, x, keep);
            return;
        }
    }
}
