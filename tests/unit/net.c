/* Random networks: inputs, towers that join, a trunk, heads. */
#include "net_gen.h"

#include <string.h>

/* --- lists of layers --- */

/* Back to the extents of `like`, where only channels have changed. */
static void restore(Gen *g, Shape *x, const Shape *like) {
    int last = x->rank - 1;
    if (x->rank == 3 && x->dim[0] != like->dim[0])
        net_conv(g, x, like->dim[0], true);
    if (x->dim[last] != like->dim[last])
        net_linear(g, x, like->dim[last]);
}

static void residual(Gen *g, Shape *x) {
    Shape start = *x, end;
    int from = ++g->nvar, to, n = 1 + (int)net_below(g, 3);
    bool shortcut = net_chance(g, 30), list = !shortcut && net_chance(g, 70);
    char name[24];
    net_auto_name(g, "residual", name, sizeof name);
    net_code(g, "v%d = x", from);
    net_line(g, list ? "- residual:" : "- residual:\n%*slayers:", g->indent + 4, "");
    g->indent += list ? 4 : 6;
    net_layers(g, x, n, KEEP_SPACE);
    if (!shortcut)
        restore(g, x, &start);
    end = *x;
    to = ++g->nvar;
    net_code(g, "v%d, x = x, v%d", to, from);
    *x = start;
    if (shortcut) {
        g->nvar++;                     /* no named tensor is the current one */
        g->indent -= 2;
        net_line(g, "shortcut:");
        g->indent += 2;
        net_layers(g, x, 1, KEEP_SHAPE);
        restore(g, x, &end);
    }
    g->indent -= list ? 4 : 6;
    net_code(g, "v%d = x = x + v%d", ++g->nvar, to);
}

static void repeat(Gen *g, Shape *x) {
    Shape start = *x;
    Level inner;
    char name[24], q[16];
    int times = 1 + (int)net_below(g, 3), n = 1 + (int)net_below(g, 3);
    net_auto_name(g, "repeat", name, sizeof name);
    snprintf(q, sizeof q, "q%d", ++g->nq);
    net_line(g, "- repeat:\n%*stimes: %d\n%*slayers:", g->indent + 4, "", times,
             g->indent + 4, "");
    net_code(g, "for i in range(%d):", times);
    g->tab += 4;
    net_code(g, "%s = %s + f\"%s.{i}.\"", q, g->level->q, name);
    net_level(g, &inner, q);
    g->indent += 6;
    net_layers(g, x, n, KEEP_SPACE);
    restore(g, x, &start);
    g->indent -= 6;
    g->tab -= 4;
    net_leave(g);
    net_code(g, "v%d = x", ++g->nvar);
}

static bool use_block(Gen *g, Shape *x) {
    int64_t k = net_chance(g, 50) ? g->d : 1 + net_below(g, 9);
    char name[24];
    int b = g->nblock ? (int)net_below(g, g->nblock) : 0;
    if (!g->nblock || (g->block[b].rank == 3) != (x->rank == 3))
        return false;
    const char *type = g->block[b].name;
    bool bare = g->block[b].defaults && net_chance(g, 40);
    k = bare ? 3 : k;
    net_auto_name(g, type, name, sizeof name);
    if (bare)
        net_line(g, "- %s", type);
    else
        net_line(g, net_chance(g, 50) ? "- %s: %lld" : "- %s: {k: %lld}", type, (long long)k);
    net_code(g, "v%d = x = %s(M, %s + \"%s.\", x, %lld)", ++g->nvar, type, g->level->q, name,
             (long long)k);
    g->left -= 3;
    x->dim[x->rank == 3 ? 0 : x->rank - 1] = k;
    return true;
}

void net_layers(Gen *g, Shape *x, int n, Keep keep) {
    for (int i = 0; i < n && (i == 0 || g->left > 0); i++) {
        int kind = (int)net_below(g, 100);
        if (shape_count(x) > 4 * g->most && keep == KEEP_NOTHING && x->rank == 3)
            net_global_pool(g, x);
        else if (kind < 12 && g->depth < 2)
            g->depth++, residual(g, x), g->depth--;
        else if (kind < 18 && g->depth < 2)
            g->depth++, repeat(g, x), g->depth--;
        else if (kind >= 25 || keep != KEEP_NOTHING || !use_block(g, x))
            g->layer(g, x, keep);
    }
}

/* --- blocks --- */

static void block_layer(Gen *g, const char *type, const char *key, const char *value) {
    Layer l = {.type = type};
    Shape none = {.rank = 0};
    if (key)
        layer_option(&l, true, key, "%s", value);
    layer_put(g, &l, &none);
}

static void block_conv(Gen *g, const char *filters, const char *kernel) {
    Layer l = {.type = "conv2d"};
    Shape none = {.rank = 0};
    layer_option(&l, false, "filters", "%s", filters);
    layer_option(&l, false, "kernel", "%s", kernel);
    layer_option(&l, false, "padding", "same");
    layer_put(g, &l, &none);
}

static void block(Gen *g) {
    static const char *const word[] = {"relu", "tanh", "silu", "batch_norm"};
    bool image = net_chance(g, 50), defaults = net_chance(g, 40);
    int i = g->nblock;
    Level inner;
    snprintf(g->block[i].name, sizeof g->block[i].name, "block%d", (i + 1) % 100);
    g->block[i].rank = image ? 3 : 1;
    g->block[i].defaults = defaults;
    net_line(g, "  %s:\n    args: %s\n    layers:", g->block[i].name, defaults ? "{k: 3}" : "[k]");
    net_code(g, "def %s(M, q, x, k):", g->block[i].name);
    net_level(g, &inner, "q");
    g->indent = 6;
    g->tab = 4;
    image ? block_conv(g, "2*k", "3") : block_layer(g, "linear", "units", "2*k + 1");
    block_layer(g, word[net_below(g, COUNT(word))], NULL, NULL);
    image ? block_conv(g, "k", "[1, 2]") : block_layer(g, "linear", "units", "k");
    block_layer(g, word[net_below(g, COUNT(word))], NULL, NULL);
    net_code(g, "return x\n");
    g->indent = g->tab = 0;
    net_leave(g);
    g->nblock++;
}

void net_blocks(Gen *g) {
    int n = net_chance(g, 30) ? 1 + (int)net_below(g, 2) : 0;
    net_line(g, "let: {d: %lld}", (long long)g->d);
    net_code(g, "d = %lld", (long long)g->d);
    if (n)
        net_line(g, "blocks:");
    while (g->nblock < n)
        block(g);
}

/* --- inputs --- */

static int64_t side(Gen *g) {
    static const int64_t n[] = {1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 16, 17};
    return n[net_below(g, COUNT(n))];
}

static Shape input_shape(Gen *g) {
    Shape s = {F32, 1, {0}};
    switch (net_below(g, 8)) {
    case 0: s.dim[0] = net_chance(g, 25) ? 500 + net_below(g, 300) : net_width(g, 40); break;
    case 1: s.dim[0] = net_width(g, 40); break;
    case 2: s = (Shape){F32, 2, {net_width(g, 13), net_width(g, 17)}}; break;
    case 3: s = (Shape){net_chance(g, 70) ? I32 : U8, 1, {net_width(g, 12)}}; break;
    case 4: s = (Shape){U8, 3, {net_chance(g, 50) ? 1 : 3, side(g), side(g)}}; break;
    default: s = (Shape){F32, 3, {net_width(g, 8), side(g), side(g)}}; break;
    }
    if (net_chance(g, 4))
        s = (Shape){net_chance(g, 50) ? F32 : U8, 3, {1, 40 + net_below(g, 20), 41}};
    return s;
}

void net_input(Gen *g, const char *name, const Shape *s, bool batch) {
    char dims[64] = "", var[16];
    size_t at = 0;
    snprintf(var, sizeof var, "v%d", ++g->nvar);
    net_tensor(g, name, var, s);
    for (int k = 0; k < s->rank; k++)
        at += (size_t)snprintf(dims + at, sizeof dims - at, "%s%lld", k ? ", " : "",
                               (long long)s->dim[k]);
    if (s->dtype == F32 && batch && net_chance(g, 70))
        net_line(g, "%s: [%s]", name, dims);
    else
        net_line(g, "%s: {shape: [%s], dtype: %s%s}", name, dims, dtype_info[s->dtype].name,
                 batch ? "" : ", batch: false");
    net_code(g, "%s = x = I[\"%s\"]%s", var, name, batch ? "" : "[None]");
}

static void put_input(Gen *g, int i, bool several) {
    static const char *const name[] = {"x", "image", "in-2", "y_1"};
    Shape s = input_shape(g);
    net_input(g, name[several ? i : (int)net_below(g, 4)], &s, true);
}

/* The first layer of a tower: it takes the input, and gives f32. */
static void stem(Gen *g, Shape *x) {
    int64_t size = 256, dim = net_width(g, 17);
    Layer l = {.type = "embedding"};
    Shape out = {F32, 2, {x->dim[0], dim}};
    if (x->dtype == F32) {
        net_any_layer(g, x, KEEP_SHAPE);
    } else if (x->rank == 1 && net_chance(g, 75)) {
        size = x->dtype == U8 ? 256 : 1 + net_below(g, 40);
        layer_option(&l, false, "size", "%lld", (long long)size);
        layer_option(&l, false, "dim", "%lld", (long long)dim);
        layer_put(g, &l, &out);
        *x = out;
    } else {
        Layer word = {.type = net_chance(g, 50) ? "scale" : "standardize"};
        if (word.type[1] == 'c')
            layer_option(&word, true, "mul", "1/255");
        x->dtype = F32;
        layer_put(g, &word, x);
    }
}

/* --- the network --- */

void net_vector(Gen *g, Shape *x, int64_t units) {
    if (x->rank > 1)
        net_flatten(g, x);
    g->name_next = true;
    net_linear(g, x, units);
}

/* Each input through layers of its own, then all in one. */
static void towers(Gen *g, int n, Shape *x) {
    static const char *const join[] = {"add", "mul", "concat"};
    const char *name[4], *var[4];
    int end[4];
    int64_t units = net_width(g, 17);
    Layer l = {.type = join[net_below(g, 3)]};
    for (int i = 0; i < n; i++) {
        *x = g->tensor[i].shape;
        g->from = n > 1 ? &g->tensor[i] : NULL;
        stem(g, x);
        if (g->left > 0)
            net_layers(g, x, 1 + (int)net_below(g, n > 1 ? 3 : 6), KEEP_NOTHING);
        if (n > 1)
            net_vector(g, x, units);
        end[i] = g->ntensor - 1;
    }
    if (n == 1)
        return;
    for (int i = 0; i < n; i++)
        name[i] = g->tensor[end[i]].name, var[i] = g->tensor[end[i]].var;
    layer_from(&l, name, var, n);
    x->dim[0] *= l.type[0] == 'c' ? n : 1;
    layer_put(g, &l, x);
}

static void head(Gen *g, Shape *x, Output *out) {
    if (g->left > 0 && net_chance(g, 50))
        net_layers(g, x, 1, KEEP_NOTHING);
    if (net_chance(g, 75) && x->rank > 1)
        net_flatten(g, x);
    g->name_next = net_chance(g, 80);
    net_linear(g, x, net_width(g, 12));
    snprintf(out->of, sizeof out->of, "%s", g->last);
    snprintf(out->var, sizeof out->var, "v%d", g->nvar);
}

static int heads(Gen *g, Shape *x, Output out[2]) {
    int n = net_chance(g, 70) ? 1 : 2;
    if (n == 2) {
        g->name_next = true;
        net_word(g, "identity", x);
    }
    int trunk = g->ntensor - 1;
    for (int i = 0; i < n; i++) {
        Shape y = *x;
        if (n == 2) {
            g->from = &g->tensor[trunk];
            net_code(g, "x = %s", g->from->var);
            net_word(g, "tanh", &y);
        }
        head(g, &y, &out[i]);
    }
    return n;
}

static void model(Gen *g) {
    Level top;
    Shape x;
    Output out[2] = {{.of = ""}};
    int n = net_chance(g, 60) ? 1 : 2 + (int)net_below(g, 2);
    net_blocks(g);
    net_level(g, &top, "q");
    net_line(g, "model:\n  inputs:");
    net_code(g, "def net(M, I):\n    q = \"\"");
    g->indent = g->tab = 4;
    for (int i = 0; i < n; i++)
        put_input(g, i, n > 1);
    g->indent = 2;
    net_line(g, "layers:");
    g->indent = 4;
    towers(g, n, &x);
    for (int i = (int)net_below(g, 5); i > 0 && g->left > 0; i--)
        net_layers(g, &x, 1, KEEP_NOTHING);
    n = heads(g, &x, out);
    g->indent = 0;
    net_outputs(g, n, out);
    net_leave(g);
    net_training(g, n, out);
}

const char *net_text(uint64_t seed, char text[24]) {
    bool steps = seed >= NET_SEQUENCES;
    snprintf(text, 24, "%s%llu", steps ? "s" : "",
             (unsigned long long)(steps ? seed - NET_SEQUENCES : seed));
    return text;
}

Net net_make(uint64_t seed, int limit) {
    static const int64_t batch[] = {1, 2, 3, 4, 5, 7, 8, 9};
    Net net = {0};
    char text[24];
    Gen g = {.state = seed, .yaml = &net.yaml, .python = &net.python, .most = 1500,
             .layer = net_any_layer};
    g.left = 2 + (int)net_below(&g, 12);
    if (limit >= 0 && limit < g.left)
        g.left = limit;
    g.batch = net.batch = batch[net_below(&g, COUNT(batch))];
    g.d = 2 + net_below(&g, 7);
    net_line(&g, "kiln: 1\nname: net%s", net_text(seed, text));
    if (seed < NET_SEQUENCES)
        model(&g);
    else
        net_sequence(&g);
    net.blank = g.blank;
    return net;
}

void net_free(Net *n) {
    text_free(&n->yaml);
    text_free(&n->python);
}
