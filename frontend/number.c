/* Numbers in a model file: a small calculator that knows where it stands in the text. */
#include "frontend/number.h"

#include <math.h>
#include <string.h>

enum { MAX_NEST = 64, MAX_NAMES = 256 };

typedef struct Calc {
    const Scope *scope;
    const char *what, *text, *at;
    Loc loc;                           /* of text */
    int depth;
    bool failed;
} Calc;

static Loc here(const Calc *c, const char *p) {
    Loc loc = c->loc;
    if (loc.line > 0)
        loc.col += (int)(p - c->text);
    return loc;
}

static double fault(Calc *c) {
    c->failed = true;
    return 0;
}

static bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static void blanks(Calc *c) {
    while (*c->at == ' ' || *c->at == '\t' || *c->at == '\n')
        c->at++;
}

static bool eat(Calc *c, const char *token) {
    blanks(c);
    size_t n = strlen(token);
    if (strncmp(c->at, token, n))
        return false;
    c->at += n;
    return true;
}

bool scope_find(const Scope *s, const char *name, size_t len, double *out) {
    for (; s; s = s->up)
        for (int i = s->n; i-- > 0;)
            if (strlen(s->name[i].name) == len && !memcmp(s->name[i].name, name, len)) {
                *out = s->name[i].value;
                return true;
            }
    return false;
}

static void no_name(Calc *c, const char *start, size_t len) {
    const char *known[MAX_NAMES];
    size_t n = 0;
    char word[65];
    snprintf(word, sizeof word, "%.*s", (int)len, start);
    for (const Scope *s = c->scope; s; s = s->up)
        for (int i = 0; i < s->n && n < MAX_NAMES; i++)
            known[n++] = s->name[i].name;
    const char *near = diag_nearest(word, known, n);
    if (near)
        diag_error(here(c, start), "%s: no number is named '%.*s'; did you mean '%s'?",
                   c->what, (int)len, start, near);
    else
        diag_error(here(c, start), "%s: no number is named '%.*s'; name one in 'let', or "
                   "give it with --set let.%.*s=...", c->what, (int)len, start, (int)len,
                   start);
}

static double value_name(Calc *c) {
    const char *start = c->at;
    while (is_alpha(*c->at) || is_digit(*c->at) || *c->at == '.')
        c->at++;
    double v = 0;
    if (scope_find(c->scope, start, (size_t)(c->at - start), &v))
        return v;
    no_name(c, start, (size_t)(c->at - start));
    return fault(c);
}

static double value_digits(Calc *c) {
    const char *start = c->at;
    while (is_digit(*c->at) || *c->at == '.')
        c->at++;
    if (*c->at == 'e' || *c->at == 'E') {
        c->at++;
        if (*c->at == '+' || *c->at == '-')
            c->at++;
    }
    while (is_alpha(*c->at) || is_digit(*c->at))
        c->at++;
    double v = 0;
    if (num_parse(start, (size_t)(c->at - start), &v))
        return v;
    diag_error(here(c, start), "%s: '%.*s' is no number", c->what, (int)(c->at - start),
               start);
    return fault(c);
}

static double sum(Calc *c);

static double value_inner(Calc *c) {
    if (eat(c, "-"))
        return -value_inner(c);
    if (eat(c, "+"))
        return value_inner(c);
    blanks(c);
    if (is_alpha(*c->at))
        return value_name(c);
    if (is_digit(*c->at) || *c->at == '.')
        return value_digits(c);
    const char *open = c->at;
    if (eat(c, "(")) {
        double v = sum(c);
        if (!c->failed && !eat(c, ")")) {
            diag_error(here(c, open), "%s: no ')' for this '('", c->what);
            return fault(c);
        }
        return v;
    }
    if (*c->at)
        diag_error(here(c, c->at), "%s: expected a number, got '%s'", c->what, c->at);
    else
        diag_error(here(c, c->at), "%s: expected a number, got %s", c->what,
                   *c->text ? "the end" : "nothing");
    return fault(c);
}

static double value(Calc *c) {
    if (c->failed)
        return 0;
    if (++c->depth > MAX_NEST) {
        diag_error(here(c, c->at), "%s: nested more than %d deep", c->what, MAX_NEST);
        return fault(c);
    }
    double v = value_inner(c);
    c->depth--;
    return v;
}

static double divided(Calc *c, const char *at, const char *op, double a, double b) {
    if (b == 0) {
        if (!c->failed)
            diag_error(here(c, at), "%s: division by zero", c->what);
        return fault(c);
    }
    if (!strcmp(op, "/"))
        return a / b;
    return !strcmp(op, "//") ? floor(a / b) : a - b * floor(a / b);
}

static double product(Calc *c) {
    double v = value(c);
    for (;;) {
        blanks(c);
        const char *at = c->at;
        const char *op = eat(c, "*") ? "*" : eat(c, "//") ? "//" : eat(c, "/") ? "/" :
                         eat(c, "%") ? "%" : NULL;
        if (!op || c->failed)
            return v;
        double b = value(c);
        v = *op == '*' ? v * b : divided(c, at, op, v, b);
    }
}

static double sum(Calc *c) {
    double v = product(c);
    for (;;) {
        bool plus = eat(c, "+");
        if (c->failed || (!plus && !eat(c, "-")))
            return v;
        double b = product(c);
        v = plus ? v + b : v - b;
    }
}

bool number_text(const Scope *s, Loc loc, const char *what, const char *text,
                 double *out) {
    Calc c = {.scope = s, .what = what, .text = text, .at = text, .loc = loc};
    double v = sum(&c);
    blanks(&c);
    if (c.failed)
        return false;
    if (*c.at)
        return diag_error(here(&c, c.at),
                          "%s: expected + - * / // %% or the end, got '%s'", what,
                          c.at);
    if (!isfinite(v))
        return diag_error(loc, "%s: '%s' is too large", what, text);
    *out = v;
    return true;
}

bool number_real(const Scope *s, const Tree *t, const char *what, double *out) {
    if (t->kind != TREE_SCALAR || tree_null(t))
        return diag_error(t->loc, "%s: expected a number, got %s", what,
                          tree_kind_name(t));
    Loc loc = t->loc;
    loc.col += t->quoted;
    return number_text(s, loc, what, t->text, out);
}

bool number_whole(const Scope *s, const Tree *t, const char *what, int64_t lo, int64_t hi,
                  int64_t *out) {
    double v;
    char got[40];
    if (!number_real(s, t, what, &v))
        return false;
    num_double(got, v);
    double r = nearbyint(v);
    if (fabs(v - r) > 1e-9 * fmax(1, fabs(v)))
        return diag_error(t->loc, "%s: expected a whole number, got %s", what, got);
    if (r < (double)lo)
        return diag_error(t->loc, "%s: expected at least %lld, got %s", what,
                          (long long)lo, got);
    if (r > (double)hi || r >= 0x1p63)
        return diag_error(t->loc, "%s: expected at most %lld, got %s", what,
                          (long long)hi, got);
    *out = (int64_t)r;
    return true;
}

static bool is_name(const char *s) {
    if (!is_alpha(*s))
        return false;
    while (is_alpha(*s) || is_digit(*s))
        s++;
    return !*s;
}

bool scope_let(Arena *a, Scope *s, const Tree *let) {
    bool ok = true;
    if (let->kind != TREE_MAP)
        return diag_error(let->loc, "'let' must be a map of named numbers, got %s",
                          tree_kind_name(let));
    for (int i = 0; i < let->n; i++) {
        const Tree *t = let->item[i];
        double v = 1;                  /* after an error: errors that follow are none */
        if (!is_name(t->key))
            ok = diag_error(t->key_loc, "let: '%s' is no name: letters, digits and '_'",
                            t->key);
        else if (!number_real(s, t, t->key, &v))
            ok = false;
        PUSH(a, s->name, s->n) = (Name){t->key, v};
    }
    return ok;
}
