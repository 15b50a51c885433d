/* Random networks of sequences: inputs, a core that uses them all, layers around, a head. */
#include "net_gen.h"

#include <string.h>

static const Tensor *put_input(Gen *g, const char *name, Shape s, bool batch) {
    net_input(g, name, &s, batch);
    return &g->tensor[g->ntensor - 1];
}

/* Steps of numbers, of bytes, or tokens. */
static Shape steps_shape(Gen *g) {
    static const int64_t step[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13};
    Shape s = {F32, 2, {step[net_below(g, COUNT(step))], net_width(g, 13)}};
    if (net_chance(g, 8))
        s.dim[0] = 16 + net_below(g, 25);
    int kind = (int)net_below(g, 10);
    if (kind < 4)
        s = (Shape){kind ? I32 : U8, 1, {s.dim[0]}};
    else if (kind == 4)
        s.dtype = U8;
    return s;
}

static DType any_integer(Gen *g) {
    static const DType type[] = {I32, U8, I64};
    return type[net_below(g, COUNT(type))];
}

/* So many steps of each example count. */
static void put_lengths(Gen *g, int64_t steps) {
    g->lengths = put_input(g, "len", (Shape){any_integer(g), (int)net_below(g, 2), {1}}, true);
    g->steps = steps;
}

/* What queries see of keys: numbers that are added, or 0 and 1. */
static const Tensor *put_mask(Gen *g, int64_t heads, int64_t queries, int64_t keys) {
    Shape s = {net_chance(g, 30) ? F32 : any_integer(g), 1, {keys}};
    if (net_chance(g, 60))
        s = (Shape){s.dtype, 2, {queries, keys}};
    if (net_chance(g, 25))
        s = (Shape){s.dtype, 3, {heads, queries, keys}};
    return put_input(g, "mask", s, net_chance(g, 60));
}

/* The first layer on an input: [time, features] in f32. */
static void stem(Gen *g, const Tensor *in, Shape *x) {
    *x = in->shape;
    g->from = in;
    if (x->dtype == F32) {
        net_any_layer(g, x, KEEP_SHAPE);
        return;
    }
    Layer l = {.type = x->rank == 1 ? "embedding" : "scale"};
    bool table = x->rank == 1;
    if (table) {
        g->rows = x->dtype == U8 ? 256 : 2 + net_below(g, 40);
        g->columns = net_width(g, 17);
        layer_option(&l, false, "size", "%lld", (long long)g->rows);
        layer_option(&l, false, "dim", "%lld", (long long)g->columns);
        net_init_option(g, &l);
        x->dim[x->rank++] = g->columns;
    } else {
        layer_option(&l, true, "mul", "1/255");
    }
    x->dtype = F32;
    layer_put(g, &l, x);
    if (table)
        snprintf(g->table, sizeof g->table, "%s", g->last);
}

/* Some layers that keep the number of steps. */
static void some(Gen *g, Shape *x, int most) {
    for (int i = (int)net_below(g, most + 1); i > 0 && g->left > 0; i--)
        net_layers(g, x, 1, KEEP_SPACE);
}

/* --- cores: each uses all inputs that it made --- */

typedef struct {
    const Tensor *x, *memory, *start, *mask;
    int64_t heads;
    bool lengths;                      /* must be used */
} Inputs;

static const Tensor *lengths_of(const Gen *g, const Inputs *in) {
    return in->lengths ? g->lengths : NULL;
}

static void plain_cell(Gen *g, Shape *x, const Inputs *in) {
    Cell c = net_any_cell(g, x, KEEP_SPACE);
    net_cell(g, &c, x, net_chance(g, 25), lengths_of(g, in), NULL);
}

/* [layers*directions, size] made of an input. */
static const Tensor *made_start(Gen *g, const Inputs *in, const Cell *c, int64_t size) {
    int64_t all = c->layers * c->ways;
    Shape y = in->start->shape;
    g->from = in->start;
    g->name_next = true;
    net_linear(g, &y, all * size);
    if (all > 1 || net_chance(g, 30)) {
        Layer l = {.type = "reshape"};
        layer_option(&l, true, "shape", "[%lld, %lld]", (long long)all, (long long)size);
        y = (Shape){F32, 2, {all, size}};
        g->name_next = true;
        layer_put(g, &l, &y);
    }
    return &g->tensor[g->ntensor - 1];
}

static void started_cell(Gen *g, Shape *x, const Inputs *in) {
    Cell c = net_any_cell(g, x, KEEP_SPACE);
    const Tensor *here = net_named(g, x), *start[2] = {NULL};
    start[0] = made_start(g, in, &c, c.out);
    if (c.type[0] == 'l')
        start[1] = made_start(g, in, &c, c.units);
    g->from = here;
    net_cell(g, &c, x, net_chance(g, 25), lengths_of(g, in), start);
}

/* The memory is read by a cell; another goes on from its end. */
static void coder(Gen *g, Shape *x, const Inputs *in) {
    const Tensor *here = net_named(g, x), *start[2] = {NULL};
    Shape y;
    stem(g, in->memory, &y);
    Cell c = net_any_cell(g, &y, KEEP_SPACE);
    net_cell(g, &c, &y, net_chance(g, 30), NULL, NULL);
    start[0] = net_cell_end(g, &c, "h");
    if (c.type[0] == 'l')
        start[1] = net_cell_end(g, &c, "c");
    g->from = here;
    net_cell(g, &c, x, net_chance(g, 25), lengths_of(g, in), start);
}

static void self_attention(Gen *g, Shape *x, const Inputs *in) {
    Attention a = {.lengths = lengths_of(g, in), .mask = in->mask, .heads = in->heads};
    net_attention(g, x, &a);
}

static void cross_attention(Gen *g, Shape *x, const Inputs *in) {
    Attention a = {.mask = in->mask, .heads = in->heads, .lengths = lengths_of(g, in)};
    Shape y;
    a.from[0] = net_named(g, x);
    stem(g, in->memory, &y);
    some(g, &y, 1);
    a.from[1] = net_named(g, &y);
    if (net_chance(g, 30)) {
        g->name_next = true;
        net_linear(g, &y, net_width(g, 11));
        a.from[2] = &g->tensor[g->ntensor - 1];
    }
    net_attention(g, x, &a);
}

static void convolutions(Gen *g, Shape *x, const Inputs *in) {
    (void)in;
    net_conv1d(g, x, KEEP_SPACE);
    net_conv1d(g, x, KEEP_NOTHING);
}

static void own_cell(Gen *g, Shape *x, const Inputs *in) {
    (void)in;
    net_gated(g, x, KEEP_NOTHING);
}

static const struct {
    void (*put)(Gen *g, Shape *x, const Inputs *in);
    int weight;
    bool memory, start, mask, lengths; /* inputs that it takes */
} cores[] = {
    {plain_cell, 25, .lengths = true},
    {started_cell, 10, .start = true, .lengths = true},
    {coder, 10, .memory = true, .lengths = true},
    {self_attention, 25, .mask = true, .lengths = true},
    {cross_attention, 15, .memory = true, .mask = true, .lengths = true},
    {convolutions, 10, .lengths = false},
    {own_cell, 5, .lengths = false},
};

static size_t any_core(Gen *g) {
    int at = (int)net_below(g, 100);
    size_t i = 0;
    while ((at -= cores[i].weight) >= 0)
        i++;
    return i;
}

static Inputs put_inputs(Gen *g, size_t core) {
    Inputs in = {.heads = 1 + net_below(g, 4)};
    Shape x = steps_shape(g), memory = steps_shape(g);
    bool keys = cores[core].memory && cores[core].mask;
    int64_t span = keys ? memory.dim[0] : x.dim[0];
    in.x = put_input(g, "x", x, true);
    if (cores[core].memory)
        in.memory = put_input(g, "memory", memory, true);
    if (cores[core].start)
        in.start = put_input(g, "h0", (Shape){F32, 1, {net_width(g, 9)}}, true);
    if (cores[core].mask && net_chance(g, 50))
        in.mask = put_mask(g, in.heads, x.dim[0], span);
    in.lengths = cores[core].lengths && net_chance(g, 60);
    if (in.lengths)
        put_lengths(g, span);
    return in;
}

/* --- heads --- */

static void last_step(Gen *g, Shape *x) {
    Layer l = {.type = "slice"};
    Shape out = {F32, 2, {1, x->dim[1]}};
    layer_option(&l, false, "start", "%lld", (long long)x->dim[0] - 1);
    layer_put(g, &l, &out);
    *x = out;
    net_flatten(g, x);
}

static void mean_step(Gen *g, Shape *x) {
    Layer l = {.type = "mean"};
    Shape out = {F32, 1, {x->dim[1]}};
    layer_option(&l, false, "axis", "0");
    layer_put(g, &l, &out);
    *x = out;
}

/* The embedding's table turned round gives a number for each token. */
static void tied(Gen *g, Shape *x) {
    if (x->dim[x->rank - 1] != g->columns)
        net_linear(g, x, g->columns);
    snprintf(g->last, sizeof g->last, "tied%d", ++g->nname);
    net_line(g, "- linear: {units: %lld, weights: %s, bias: false, name: %s}",
             (long long)g->rows, g->table, g->last);
    net_code(g, "v%d = x = M.linear(q + \"%s\", x, units=%lld, bias=false)", ++g->nvar,
             g->table, (long long)g->rows);
    x->dim[x->rank - 1] = g->rows;
}

static void add_output(Output *out, const char *of, const char *var, const Shape *s) {
    snprintf(out->of, sizeof out->of, "%s", of);
    snprintf(out->var, sizeof out->var, "%s", var);
    out->shape = *s;
}

/* One of each step, of the last, of their mean, or of all; and the end of a cell. */
static int heads(Gen *g, Shape *x, Output out[2]) {
    int kind = x->rank == 2 ? (int)net_below(g, 10) : 0;
    char var[16];
    bool end = false;
    if (kind == 5 || kind == 6)
        last_step(g, x);
    else if (kind == 7)
        mean_step(g, x);
    else if (kind == 8)
        net_flatten(g, x);
    if (kind == 9) {
        Cell c = net_any_cell(g, x, KEEP_SPACE);
        net_cell(g, &c, x, true, NULL, NULL);
        if ((end = net_chance(g, 50))) {
            const Tensor *t = net_cell_end(g, &c, "h");
            add_output(&out[1], t->name, t->var, &t->shape);
        }
    }
    g->name_next = net_chance(g, 80);
    if (*g->table && g->rows < 64 && net_chance(g, 40))
        tied(g, x);
    else
        net_linear(g, x, net_width(g, 12));
    g->name_next = false;
    snprintf(var, sizeof var, "v%d", g->nvar);
    add_output(&out[0], g->last, var, x);
    return 1 + end;
}

void net_sequence(Gen *g) {
    Level top;
    Shape x;
    Output out[2] = {{.of = ""}};
    size_t core = any_core(g);
    net_blocks(g);
    net_level(g, &top, "q");
    g->layer = net_any_step_layer;
    net_line(g, "model:\n  inputs:");
    net_code(g, "def net(M, I):\n    q = \"\"");
    g->indent = g->tab = 4;
    Inputs in = put_inputs(g, core);
    g->indent = 2;
    net_line(g, "layers:");
    g->indent = 4;
    stem(g, in.x, &x);
    some(g, &x, 2);
    cores[core].put(g, &x, &in);
    for (int i = (int)net_below(g, 4); i > 0 && g->left > 0; i--)
        net_layers(g, &x, 1, net_chance(g, 70) ? KEEP_SPACE : KEEP_NOTHING);
    int n = heads(g, &x, out);
    g->indent = 0;
    net_outputs(g, n, out);
    net_leave(g);
    net_training(g, n, out);
}
