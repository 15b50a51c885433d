/* Layers of random networks on [time, features]: cells, attention, convolution, places. */
#include "net_gen.h"

#include <string.h>

enum { MOST_WIDTH = 17 };

static const char *truth(bool b) { return b ? "true" : "false"; }

const Tensor *net_named(Gen *g, Shape *x) {
    g->name_next = true;
    net_word(g, "identity", x);
    return &g->tensor[g->ntensor - 1];
}

static void number_option(Layer *l, bool main, const char *key, int64_t v) {
    layer_option(l, main, key, "%lld", (long long)v);
}

/* The lengths of the input, for layers that have as many steps. */
static const Tensor *any_lengths(Gen *g, const Shape *x) {
    return g->lengths && x->dim[0] == g->steps && net_chance(g, 50) ? g->lengths : NULL;
}

/* --- recurrent cells --- */

Cell net_any_cell(Gen *g, const Shape *x, Keep keep) {
    static const char *const type[] = {"rnn", "lstm", "lstm", "gru", "gru"};
    Cell c = {.type = type[net_below(g, COUNT(type))], .layers = 1, .ways = 1};
    c.units = keep == KEEP_SHAPE ? x->dim[1] : net_width(g, MOST_WIDTH);
    if (net_chance(g, 25))
        c.layers = 2 + (int)net_below(g, 2);
    if (keep != KEEP_SHAPE && net_chance(g, 30))
        c.ways = 2;
    c.out = c.units;
    if (c.type[0] == 'l' && c.units > 1 && keep != KEEP_SHAPE && net_chance(g, 25))
        c.out = 1 + net_below(g, c.units - 1);
    return c;
}

static void cell_options(Gen *g, Layer *l, const Cell *c) {
    number_option(l, true, "units", c->units);
    if (c->layers > 1)
        number_option(l, false, "layers", c->layers);
    if (c->ways == 2)
        layer_option(l, false, "bidirectional", "true");
    if (c->out != c->units)
        number_option(l, false, "projection", c->out);
    if (c->type[0] == 'l' && net_chance(g, 25))
        layer_option(l, false, "peepholes", "true");
    if (c->type[0] == 'r' && net_chance(g, 50))
        layer_option(l, false, "nonlinearity", net_chance(g, 80) ? "relu" : "tanh");
    if (net_chance(g, 15))
        layer_option(l, false, "bias", "%s", truth(net_chance(g, 20)));
    if (net_chance(g, c->layers > 1 ? 50 : 5))
        layer_option(l, false, "dropout", net_chance(g, 70) ? "0.25" : "0");
}

void net_cell(Gen *g, const Cell *c, Shape *x, bool last, const Tensor *lengths,
              const Tensor *const start[2]) {
    Layer l = {.type = c->type};
    Shape out = {F32, 2, {x->dim[0], c->ways * c->out}};
    int n = start ? 1 + (start[1] != NULL) : 0;
    const Tensor *t[3] = {n ? net_named(g, x) : NULL};
    cell_options(g, &l, c);
    if (last)
        out = (Shape){F32, 1, {c->ways * c->out}};
    if (last || net_chance(g, 10))
        layer_option(&l, false, "return", last ? "last" : "sequence");
    if (lengths)
        layer_tensor(&l, "lengths", lengths);
    if (n) {
        memcpy(t + 1, start, sizeof *t * (size_t)n);
        layer_from(&l, (const char *[]){t[0]->name, t[1]->name, n > 1 ? t[2]->name : ""},
                   (const char *[]){t[0]->var, t[1]->var, n > 1 ? t[2]->var : ""}, n + 1);
    } else if (net_chance(g, 20)) {
        layer_option(&l, false, "start", net_chance(g, 80) ? "learned" : "zeros");
    }
    net_init_option(g, &l);
    layer_put(g, &l, &out);
    *x = out;
}

const Tensor *net_cell_end(Gen *g, const Cell *c, const char *state) {
    char name[48], var[16];
    int64_t all = c->layers * c->ways, size = *state == 'h' ? c->out : c->units;
    Shape s = all > 1 ? (Shape){F32, 2, {all, size}} : (Shape){F32, 1, {size}};
    snprintf(name, sizeof name, "%s.%s", g->last, state);
    snprintf(var, sizeof var, "%s%d", state, g->nvar);
    net_code(g, "%s = M.end(%s + \"%s\", \"%s\")", var, g->level->q, g->last, state);
    net_tensor(g, name, var, &s);
    return &g->tensor[g->ntensor - 1];
}

static void recurrent(Gen *g, Shape *x, Keep keep) {
    Cell c = net_any_cell(g, x, keep);
    net_cell(g, &c, x, false, any_lengths(g, x), NULL);
    if (net_chance(g, 20))
        net_cell_end(g, &c, "h");
}

/* --- a cell of one's own: a minimal gated unit --- */

static void gated_layers(Gen *g, const char *x, long long units) {
    static const char *const line[] = {
        "- sigmoid: {name: f}", "- mul: {from: [f, h], name: kept}", NULL,
        "- tanh",               "- sub: [tanh, h]",                  "- mul: [f, sub]",
        "- add: [h, mul]"};
    net_line(g, "- concat: [%s, h]", x);
    net_line(g, "- linear: {units: %lld, name: forget}", units);
    for (size_t i = 0; i < COUNT(line); i++) {
        if (line[i]) {
            net_line(g, "%s", line[i]);
        } else {
            net_line(g, "- concat: [%s, kept]", x);
            net_line(g, "- linear: {units: %lld, name: new}", units);
        }
    }
}

void net_gated(Gen *g, Shape *x, Keep keep) {
    const Tensor *in = net_named(g, x), *lengths = any_lengths(g, x);
    int64_t units = keep == KEEP_SHAPE ? x->dim[1] : net_width(g, MOST_WIDTH);
    bool reverse = net_chance(g, 30), learned = net_chance(g, 40);
    bool last = keep == KEEP_NOTHING && net_chance(g, 10);
    snprintf(g->last, sizeof g->last, "cell%d", ++g->nname);
    net_line(g, "- scan:");
    g->indent += 4;
    net_line(g, "name: %s\n%*sfrom: %s", g->last, g->indent, "", in->name);
    if (learned)
        net_line(g, "state: {h: {shape: [%lld], start: learned}}", (long long)units);
    else
        net_line(g, "state: {h: %lld}", (long long)units);
    if (lengths)
        net_line(g, "lengths: %s", lengths->name);
    if (reverse)
        net_line(g, "reverse: true");
    if (last)
        net_line(g, "return: last");
    net_line(g, "layers:");
    g->indent += 2;
    gated_layers(g, in->name, (long long)units);
    g->indent -= 6;
    net_code(g, "v%d = x = M.gated(%s + \"%s\", %s, units=%lld, reverse=%s, learned=%s, "
                "return=%s, lengths=%s)", ++g->nvar, g->level->q, g->last, in->var,
             (long long)units, truth(reverse), truth(learned), last ? "last" : "sequence",
             lengths ? lengths->var : "None");
    g->left -= 2;
    *x = last ? (Shape){F32, 1, {units}} : (Shape){F32, 2, {x->dim[0], units}};
}

/* --- attention --- */

static int64_t divisor(Gen *g, int64_t n, int64_t most) {
    int64_t d = 1 + net_below(g, n < most ? n : most);
    while (n % d)
        d--;
    return d;
}

/* Which places see which, and what their distance does to scores. */
static void attention_places(Gen *g, Layer *l, int64_t head_dim) {
    int kind = (int)net_below(g, 8);
    if (kind == 0 || kind == 1) {
        layer_option(l, false, "position", head_dim % 2 ? "none" : "rotary");
        if (head_dim % 2 == 0 && net_chance(g, 40))
            layer_option(l, false, "base", "100");
    } else if (kind == 2) {
        layer_option(l, false, "position", "alibi");
    } else if (kind == 3) {
        layer_option(l, false, "position", "relative");
        if (net_chance(g, 50))
            number_option(l, false, "distance", net_below(g, 5));
    }
    if (net_chance(g, 40))
        layer_option(l, false, "causal", "true");
    if (net_chance(g, 15))
        layer_option(l, false, "dropout", "0.3");
    if (net_chance(g, 15))
        layer_option(l, false, "scale", "0.3");
}

void net_attention(Gen *g, Shape *x, const Attention *a) {
    Layer l = {.type = "attention"};
    int64_t dim = x->dim[1], heads = a->heads ? a->heads : 1 + net_below(g, 4), head_dim;
    int n = 0;
    const char *name[3], *var[3];
    bool given = dim % heads || net_chance(g, 25);
    head_dim = given ? 1 + net_below(g, 8) : dim / heads;
    number_option(&l, true, "heads", heads);
    if (net_chance(g, 30))
        number_option(&l, false, "kv_heads", divisor(g, heads, 4));
    if (given)
        number_option(&l, false, "head_dim", head_dim);
    if (net_chance(g, 20))
        number_option(&l, false, "value_dim", 1 + net_below(g, 6));
    if (net_chance(g, 20))
        layer_option(&l, false, "bias", "%s", truth(net_chance(g, 20)));
    attention_places(g, &l, head_dim);
    if (a->mask)
        layer_tensor(&l, "mask", a->mask);
    if (a->lengths)
        layer_tensor(&l, "lengths", a->lengths);
    for (; n < 3 && a->from[n]; n++)
        name[n] = a->from[n]->name, var[n] = a->from[n]->var;
    if (n)
        layer_from(&l, name, var, n);
    net_init_option(g, &l);
    layer_put(g, &l, x);
}

static void attention(Gen *g, Shape *x, Keep keep) {
    Attention a = {.lengths = any_lengths(g, x)};
    (void)keep;
    net_attention(g, x, &a);
}

/* Queries, keys and values by linear layers, then attention without weights. */
static void bare_attention(Gen *g, Shape *x, Keep keep) {
    Layer l = {.type = "dot_product_attention"};
    const Tensor *in = net_named(g, x), *lengths = any_lengths(g, x), *t[3];
    int64_t heads = 1 + net_below(g, 4), shared = divisor(g, heads, 4);
    int64_t head_dim = 1 + net_below(g, 6), value_dim = 1 + net_below(g, 6);
    int64_t units[] = {heads * head_dim, shared * head_dim, shared * value_dim};
    (void)keep;
    for (int i = 0; i < 3; i++) {
        Shape y = *x;
        g->from = in;
        g->name_next = true;
        net_linear(g, &y, units[i]);
        t[i] = &g->tensor[g->ntensor - 1];
    }
    number_option(&l, true, "heads", heads);
    number_option(&l, false, "kv_heads", shared);
    if (net_chance(g, 30))
        number_option(&l, false, "head_dim", head_dim);
    attention_places(g, &l, head_dim);
    if (lengths)
        layer_tensor(&l, "lengths", lengths);
    layer_from(&l, (const char *[]){t[0]->name, t[1]->name, t[2]->name},
               (const char *[]){t[0]->var, t[1]->var, t[2]->var}, 3);
    x->dim[1] = heads * value_dim;
    layer_put(g, &l, x);
}

/* --- along time --- */

static void turn(Gen *g, Shape *x) {
    Layer l = {.type = "transpose"};
    Shape out = {F32, 2, {x->dim[1], x->dim[0]}};
    layer_option(&l, true, "dims", "[1, 0]");
    layer_put(g, &l, &out);
    *x = out;
}

static void pool(Gen *g, Shape *x) {
    bool max = net_chance(g, 50);
    Layer l = {.type = max ? "max_pool1d" : "avg_pool1d"};
    int64_t n = x->dim[1], k = 1 + net_below(g, n < 3 ? n : 3), s = k, p = 0, d = 1;
    number_option(&l, true, "kernel", k);
    if (net_chance(g, 40))
        number_option(&l, false, "stride", s = 1 + net_below(g, 3));
    if (net_chance(g, 30))
        number_option(&l, false, "padding", p = k / 2);
    if (max && 2 * (k - 1) < n && net_chance(g, 25))
        number_option(&l, false, "dilation", d = 2);
    if (!max && net_chance(g, 30))
        layer_option(&l, false, "count_include_pad", "false");
    x->dim[1] = (n + 2 * p - d * (k - 1) - 1) / s + 1;
    layer_put(g, &l, x);
}

static void conv(Gen *g, Shape *x, Keep keep) {
    Layer l = {.type = "conv1d"};
    int64_t n = x->dim[1], k = 1 + net_below(g, 4), s = 1, d = net_chance(g, 25) ? 2 : 1;
    int64_t filters = keep == KEEP_SHAPE ? x->dim[0] : net_width(g, MOST_WIDTH), p = 0;
    bool same = keep != KEEP_NOTHING || net_chance(g, 60);
    int64_t groups = net_chance(g, 25) ? divisor(g, x->dim[0], 8) : 1;
    while (filters % groups || x->dim[0] % groups)
        groups--;
    while (!same && d * (k - 1) >= n)
        k--;
    number_option(&l, true, "filters", filters);
    number_option(&l, false, "kernel", k);
    if (same)
        layer_option(&l, false, "padding", net_chance(g, 60) ? "causal" : "same");
    else if (net_chance(g, 40))
        number_option(&l, false, "padding", p = net_below(g, k + 1));
    if (!same && net_chance(g, 40))
        number_option(&l, false, "stride", s = 1 + net_below(g, 3));
    if (d > 1)
        number_option(&l, false, "dilation", d);
    if (groups > 1)
        number_option(&l, false, "groups", groups);
    if (net_chance(g, 20))
        layer_option(&l, false, "bias", "false");
    net_init_option(g, &l);
    *x = (Shape){F32, 2, {filters, same ? n : (n + 2 * p - d * (k - 1) - 1) / s + 1}};
    layer_put(g, &l, x);
}

static void channel_norm(Gen *g, Shape *x) {
    Layer l = {.type = "group_norm"};
    number_option(&l, true, "groups", divisor(g, x->dim[0], 4));
    layer_put(g, &l, x);
}

void net_conv1d(Gen *g, Shape *x, Keep keep) {
    turn(g, x);
    conv(g, x, keep);
    if (net_chance(g, 40))
        net_word(g, net_chance(g, 70) ? "relu" : "batch_norm", x);
    if (net_chance(g, 20))
        channel_norm(g, x);
    if (keep == KEEP_NOTHING && net_chance(g, 40))
        pool(g, x);
    turn(g, x);
}

static void position(Gen *g, Shape *x, Keep keep) {
    Layer l = {.type = "position"};
    (void)keep;
    if (net_chance(g, 60))
        number_option(&l, true, "learned", x->dim[0] + net_below(g, 3));
    else
        layer_option(&l, false, "sinusoidal", net_chance(g, 70) ? "10000" : "50");
    layer_put(g, &l, x);
}

/* --- the table --- */

static const struct {
    void (*put)(Gen *g, Shape *x, Keep keep);
    int weight;
    Keep keep;
} layers[] = {
    {recurrent, 22, KEEP_SHAPE},  {attention, 18, KEEP_SHAPE},  {bare_attention, 5, KEEP_SPACE},
    {net_conv1d, 12, KEEP_SHAPE}, {position, 6, KEEP_SHAPE},    {net_gated, 6, KEEP_SHAPE},
};

void net_any_step_layer(Gen *g, Shape *x, Keep keep) {
    int at = (int)net_below(g, 100);
    for (size_t i = 0; x->rank == 2 && i < COUNT(layers); i++) {
        at -= layers[i].weight;
        if (at < 0 && layers[i].keep >= keep) {
            layers[i].put(g, x, keep);
            return;
        }
    }
    net_any_layer(g, x, x->rank == 2 && net_chance(g, 90) ? KEEP_SHAPE : keep);
}
