/* A Tree back to YAML: block style, with small branches in flow style on one line. */
#include "frontend/tree.h"

#include <string.h>

enum { WIDTH = 88, FLOW_DEPTH = 2 };

/* Nothing here may be taken for YAML's own signs, in a block or within [ ] and { }. */
static bool is_plain(const char *s) {
    if (!*s || strchr("-?:,[]{}#&*!|>'\"%@`~ =", *s) || s[strlen(s) - 1] == ' ' ||
        s[strlen(s) - 1] == ':')
        return *s == '-' && s[1] > ' ' && is_plain(s + 1);
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p < ' ' || strchr(",[]{}?\x7f", *p) ||
            (*p == ':' && p[1] == ' ') || (*p == '#' && p[-1] == ' '))
            return false;
    return true;
}

static void put_quoted(Text *out, const char *s) {
    text_put(out, "\"", 1);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            text_printf(out, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            text_printf(out, "\\x%02x", c);
        else
            text_put(out, s, 1);
    }
    text_put(out, "\"", 1);
}

static void put_scalar(Text *out, const Tree *t) {
    if (tree_null(t))
        text_printf(out, "null");
    else if (t->quoted || !is_plain(t->text))
        put_quoted(out, t->text);
    else
        text_printf(out, "%s", t->text);
}

static void put_key(Text *out, const char *key) {
    if (is_plain(key))
        text_printf(out, "%s: ", key);
    else {
        put_quoted(out, key);
        text_printf(out, ": ");
    }
}

static bool is_word(const Tree *t) {
    return t->bare && t->n == 1 && !t->item[0]->n;
}

static void put_flow(Text *out, const Tree *t) {
    if (is_word(t)) {
        text_printf(out, "%s", t->item[0]->key);
        return;
    }
    if (t->kind == TREE_SCALAR) {
        put_scalar(out, t);
        return;
    }
    text_put(out, t->kind == TREE_MAP ? "{" : "[", 1);
    for (int i = 0; i < t->n; i++) {
        text_put(out, ", ", i ? 2 : 0);
        if (t->kind == TREE_MAP)
            put_key(out, t->item[i]->key);
        put_flow(out, t->item[i]);
    }
    text_put(out, t->kind == TREE_MAP ? "}" : "]", 1);
}

static int depth(const Tree *t) {
    int d = 0;
    if (is_word(t))
        return 0;
    for (int i = 0; i < t->n; i++)
        d = depth(t->item[i]) >= d ? depth(t->item[i]) + 1 : d;
    return d;
}

/* Flow style where it is short; else false and nothing written. */
static bool put_short(Text *out, const Tree *t, int column) {
    if (depth(t) > FLOW_DEPTH)
        return false;
    Text flow = {0};
    put_flow(&flow, t);
    bool fits = t->kind == TREE_SCALAR || !t->n || column + (int)flow.n <= WIDTH;
    if (fits)
        text_printf(out, "%s\n", flow.s);
    text_free(&flow);
    return fits;
}

static void put_items(Text *out, const Tree *t, int indent) {
    for (int i = 0; i < t->n; i++) {
        const Tree *c = t->item[i];
        size_t start = out->n;
        text_printf(out, "%*s", i ? indent : 0, "");
        if (t->kind == TREE_MAP)
            put_key(out, c->key);
        else
            text_printf(out, "- ");
        int column = (int)(out->n - start) + (i ? 0 : indent);
        bool layer =
            t->kind == TREE_LIST && c->kind == TREE_MAP && c->n == 1 && !is_word(c);
        if (!layer && put_short(out, c, column))
            continue;
        if (t->kind == TREE_LIST) {
            put_items(out, c, indent + 2);
            continue;
        }
        int in = indent + 2;
        out->s[--out->n] = '\0';       /* the blank after the colon */
        text_printf(out, "\n%*s", in, "");
        put_items(out, c, in);
    }
}

void tree_print(Text *out, const Tree *t) {
    if (!put_short(out, t, WIDTH))
        put_items(out, t, 0);
}
