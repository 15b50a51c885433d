/* Choices, names, and one layer in both spellings. */
#include "net_gen.h"

#include <stdlib.h>
#include <string.h>

uint64_t net_draw(Gen *g) {
    uint64_t x = g->state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

int64_t net_below(Gen *g, int64_t n) { return (int64_t)(net_draw(g) % (uint64_t)n); }

bool net_chance(Gen *g, int percent) { return net_below(g, 100) < percent; }

int64_t net_width(Gen *g, int64_t most) {
    static const int64_t width[] = {1, 2, 3, 4, 5, 7, 8, 9, 11, 13, 15, 16, 17, 23, 31, 32, 33};
    int64_t w = width[net_below(g, COUNT(width))];
    return w <= most ? w : 1 + net_below(g, most);
}

int64_t shape_count(const Shape *s) {
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= s->dim[i];
    return n;
}

/* --- text --- */

void net_line(Gen *g, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    text_printf(g->yaml, "%*s", g->indent, "");
    text_vprintf(g->yaml, fmt, ap);
    text_put(g->yaml, "\n", 1);
    va_end(ap);
}

void net_code(Gen *g, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    text_printf(g->python, "%*s", g->tab, "");
    text_vprintf(g->python, fmt, ap);
    text_put(g->python, "\n", 1);
    va_end(ap);
}

void layer_option(Layer *l, bool main, const char *key, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    l->option[l->n].key = key;
    l->option[l->n].main = main;
    vsnprintf(l->option[l->n].value, sizeof l->option[0].value, fmt, ap);
    l->n++;
    va_end(ap);
}

void layer_tensor(Layer *l, const char *key, const Tensor *t) {
    layer_option(l, false, key, "%s", t->name);
    snprintf(l->option[l->n - 1].var, sizeof l->option[0].var, "%s", t->var);
}

void layer_from(Layer *l, const char *const *name, const char *const *var, int n) {
    size_t at = 0, code = 0;
    for (int i = 0; i < n; i++) {
        const char *sep = i ? ", " : "";
        at += (size_t)snprintf(l->from + at, sizeof l->from - at, "%s%s%s", sep,
                               !i && n > 1 ? "[" : "", name[i]);
        code += (size_t)snprintf(l->args + code, sizeof l->args - code, "%s%s", sep, var[i]);
    }
    if (n > 1)
        snprintf(l->from + at, sizeof l->from - at, "]");
}

/* --- names --- */

static int count_of(Level *l, const char *type) {
    for (int i = 0; i < l->ncount; i++)
        if (strcmp(l->count[i].type, type) == 0)
            return ++l->count[i].n;
    if (l->ncount == COUNT(l->count))
        bug("more types of layers than a level counts");
    l->count[l->ncount].type = type;
    return l->count[l->ncount++].n = 1;
}

void net_auto_name(Gen *g, const char *type, char *out, size_t size) {
    int n = count_of(g->level, type);
    if (n == 1)
        snprintf(out, size, "%s", type);
    else
        snprintf(out, size, "%s_%d", type, n);
}

void net_level(Gen *g, Level *l, const char *q) {
    *l = (Level){.up = g->level, .first = g->ntensor};
    snprintf(l->q, sizeof l->q, "%s", q);
    g->level = l;
}

void net_leave(Gen *g) {
    g->ntensor = g->level->first;
    g->level = g->level->up;
}

/* --- layers --- */

static void put_yaml(Gen *g, const Layer *l, const char *name) {
    bool sums = strcmp(l->type, "add") == 0 || strcmp(l->type, "mul") == 0 ||
                strcmp(l->type, "concat") == 0;
    bool from_is_main = sums && l->n == 0 && !name;
    bool bare = l->n == 1 && l->option[0].main && !name && !*l->from && !*l->extra && net_chance(g, 70);
    if (bare || from_is_main) {
        net_line(g, "- %s: %s", l->type, bare ? l->option[0].value : l->from);
        return;
    }
    if (!l->n && !name && !*l->from && !*l->extra) {
        net_line(g, "- %s", l->type);
        return;
    }
    const char *sep = "";
    text_printf(g->yaml, "%*s- %s: {", g->indent, "", l->type);
    for (int i = 0; i < l->n; i++, sep = ", ")
        text_printf(g->yaml, "%s%s: %s", sep, l->option[i].key, l->option[i].value);
    if (name)
        text_printf(g->yaml, "%sname: %s", sep, name), sep = ", ";
    if (*l->from)
        text_printf(g->yaml, "%sfrom: %s", sep, l->from), sep = ", ";
    if (*l->extra)
        text_printf(g->yaml, "%s%s", sep, l->extra);
    text_printf(g->yaml, "}\n");
}

static void put_python(Gen *g, const Layer *l, const char *name) {
    text_printf(g->python, "%*sv%d = x = M.%s(%s + \"%s\", %s", g->tab, "", g->nvar, l->type,
                g->level->q, name, *l->args ? l->args : "x");
    for (int i = 0; i < l->n; i++)
        text_printf(g->python, ", %s=%s", l->option[i].key,
                    *l->option[i].var ? l->option[i].var : l->option[i].value);
    text_printf(g->python, ")\n");
}

void net_tensor(Gen *g, const char *name, const char *var, const Shape *shape) {
    if (g->ntensor == COUNT(g->tensor))
        bug("more names than a random network may have");
    Tensor *t = &g->tensor[g->ntensor++];
    snprintf(t->name, sizeof t->name, "%s", name);
    snprintf(t->var, sizeof t->var, "%s", var);
    t->shape = *shape;
}

void net_user_name(Gen *g, char *out, size_t size) {
    static const char *const word[] = {"t", "T-", "fc_", "x", "h+"};
    snprintf(out, size, "%s%d", word[net_below(g, COUNT(word))], ++g->nname);
}

void layer_put(Gen *g, Layer *l, const Shape *out) {
    char name[24], var[16];
    bool named = net_chance(g, 35) || g->name_next;
    g->name_next = false;
    if (g->from && !*l->from)
        layer_from(l, (const char *[]){g->from->name}, (const char *[]){g->from->var}, 1);
    g->from = NULL;
    if (named)
        net_user_name(g, name, sizeof name);
    else
        net_auto_name(g, l->type, name, sizeof name);
    snprintf(g->last, sizeof g->last, "%s", name);
    g->nvar++;
    g->left--;
    put_yaml(g, l, named ? name : NULL);
    put_python(g, l, name);
    snprintf(var, sizeof var, "v%d", g->nvar);
    if (named)
        net_tensor(g, name, var, out);
}
