/* Reads tokens, integer expressions and guards; values are in parse_expr.c. */
#include "ir/parse.h"

#include <math.h>
#include <string.h>

enum { MAX_DEPTH = 2000 };
static const int64_t INT_LIMIT = INT64_C(1) << 40, COEF_LIMIT = INT64_C(1) << 61;

/* --- where errors are --- */

static const char *line_start(const Source *s, int line) {
    const char *p = s->text, *end = s->text + s->size;
    for (; line > 1 && p < end; p++)
        line -= *p == '\n';
    return p;
}

/* Is the parsed text what stands in the source at loc? A row of a table is not. */
static bool from_source(const Parser *ps) {
    const Source *s = ps->loc.src;
    size_t size = (size_t)(ps->end - ps->start);
    if (!s || !s->text || ps->loc.line < 1 || ps->loc.col < 1)
        return false;
    size_t off =
        (size_t)(line_start(s, ps->loc.line) - s->text) + (size_t)ps->loc.col - 1;
    return off + size <= s->size && memcmp(s->text + off, ps->start, size) == 0;
}

static Loc place(const Parser *ps) {
    Loc loc = ps->loc;
    if (!from_source(ps))
        return loc;
    for (const char *p = ps->start; p < ps->at; p++) {
        loc.col = *p == '\n' ? 1 : loc.col + 1;
        loc.line += *p == '\n';
    }
    return loc;
}

bool parse_fail(Parser *ps, const char *fmt, ...) {
    if (!ps->failed && !ps->quiet) {
        Text t = {0};
        va_list ap;
        va_start(ap, fmt);
        text_vprintf(&t, fmt, ap);
        va_end(ap);
        diag_error(place(ps), "%s%s%s", ps->label ? ps->label : "",
                   ps->label ? ": " : "", t.s);
        text_free(&t);
    }
    ps->failed = true;
    return false;
}

/* --- tokens --- */

static bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool digit(char c) {
    return c >= '0' && c <= '9';
}

static bool name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '%';
}

static bool name_char(char c) {
    return (name_start(c) && c != '%') || digit(c) || c == '.';
}

static bool comment(const Parser *ps) {
    return !ps->rows && *ps->at == '#' && (ps->at + 1 == ps->end || blank(ps->at[1]));
}

void parse_space(Parser *ps) {
    while (ps->at < ps->end) {
        if (blank(*ps->at))
            ps->at++;
        else if (comment(ps))
            while (ps->at < ps->end && *ps->at != '\n')
                ps->at++;
        else
            return;
    }
}

bool parse_peek(Parser *ps, const char *token) {
    size_t n = strlen(token);
    if (ps->failed)
        return false;
    parse_space(ps);
    if ((size_t)(ps->end - ps->at) < n || memcmp(ps->at, token, n) != 0)
        return false;
    return !name_char(token[n - 1]) || token[n - 1] == '.' || ps->at + n == ps->end ||
           !name_char(ps->at[n]);
}

bool parse_is(Parser *ps, const char *token) {
    if (!parse_peek(ps, token))
        return false;
    ps->at += strlen(token);
    return true;
}

/* What stands next, for messages: a word or one character. */
static const char *next_text(Parser *ps) {
    parse_space(ps);
    const char *p = ps->at;
    if (p == ps->end)
        return "the end";
    while (p < ps->end && name_char(*p) && p - ps->at < 40)
        p++;
    return arena_printf(ps->arena, "'%.*s'", p == ps->at ? 1 : (int)(p - ps->at),
                        ps->at);
}

bool parse_need(Parser *ps, const char *token) {
    return parse_is(ps, token) ||
           (!ps->failed &&
            parse_fail(ps, "got %s, expected '%s'", next_text(ps), token));
}

bool parse_name(Parser *ps, const char **name, size_t *len) {
    parse_space(ps);
    if (ps->failed || ps->at == ps->end || !name_start(*ps->at))
        return false;
    *name = ps->at++;
    while (ps->at < ps->end && name_char(*ps->at))
        ps->at++;
    *len = (size_t)(ps->at - *name);
    return true;
}

bool parse_int(Parser *ps, int64_t *v) {
    bool minus = parse_is(ps, "-");
    int64_t r = 0;
    parse_space(ps);
    if (ps->failed)
        return false;
    if (ps->at == ps->end || !digit(*ps->at))
        return parse_fail(ps, "got %s, expected an integer", next_text(ps));
    for (; ps->at < ps->end && digit(*ps->at); ps->at++) {
        r = r * 10 + (*ps->at - '0');
        if (r > INT_LIMIT)
            return parse_fail(ps, "integer out of range");
    }
    *v = minus ? -r : r;
    return true;
}

/* --- numbers --- */

static int hex_digit(char c) {
    return digit(c)               ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static char peek(const Parser *ps) {
    return ps->at < ps->end ? *ps->at : 0;
}

static int power(Parser *ps) {
    int64_t e = 0;
    ps->at++;
    if (peek(ps) == '+')
        ps->at++;
    parse_int(ps, &e);
    return (int)(e > 5000 ? 5000 : e < -5000 ? -5000 : e);
}

/* 0x12ab, 0x1.8p-24 */
static void hex(Parser *ps, Number *v) {
    uint64_t m = 0;
    int shift = 0, digits = 0;
    bool point = false;
    for (ps->at += 2; ps->at < ps->end; ps->at++, digits++) {
        int d = hex_digit(*ps->at);
        if (*ps->at == '.' && !point) {
            point = true;
            continue;
        }
        if (d < 0)
            break;
        if (m >> 60)
            parse_fail(ps, "number out of range");
        m = m * 16 + (uint64_t)d;
        shift -= point ? 4 : 0;
    }
    if (digits == 0)
        parse_fail(ps, "0x without digits");
    v->whole = !point && peek(ps) != 'p';
    if (peek(ps) == 'p')
        shift += power(ps);
    v->i = (int64_t)m;
    v->f = ldexp((double)m, shift);
}

static const char *digits_end(const Parser *ps, const char *p) {
    while (p < ps->end && digit(*p))
        p++;
    return p;
}

static void decimal(Parser *ps, Number *v) {
    const char *p = digits_end(ps, ps->at);
    uint64_t i = 0;
    v->whole = true;
    for (const char *q = ps->at; q < p; q++) {
        uint64_t d = (uint64_t)(*q - '0');
        v->whole &= i <= (UINT64_MAX - d) / 10;
        i = i * 10 + d;
    }
    if (p + 1 < ps->end && *p == '.' && digit(p[1])) {
        v->whole = false;
        p = digits_end(ps, p + 1);
    }
    if (p + 1 < ps->end && (*p == 'e' || *p == 'E')) {
        v->whole = false;
        p = digits_end(ps, p + (p[1] == '-' || p[1] == '+' ? 2 : 1));
    }
    if (!num_parse(ps->at, (size_t)(p - ps->at), &v->f))
        parse_fail(ps, "bad number '%.*s'", (int)(p - ps->at > 40 ? 40 : p - ps->at),
                   ps->at);
    v->i = (int64_t)i;
    ps->at = p;
}

bool parse_number(Parser *ps, Number *v) {
    if (parse_is(ps, "inf"))
        *v = (Number){.f = (double)INFINITY};
    else if (parse_is(ps, "nan"))
        *v = (Number){.f = (double)NAN};
    else if (peek(ps) == '0' && ps->at + 1 < ps->end && ps->at[1] == 'x')
        hex(ps, v);
    else
        decimal(ps, v);
    return !ps->failed;
}

/* --- integer expressions --- */

/* Can a be multiplied by k without leaving 64 bits? */
static bool scales(const Ix *a, int64_t k) {
    int64_t most = k == 0 ? COEF_LIMIT : COEF_LIMIT / (k < 0 ? -k : k);
    bool ok = a->c <= most && a->c >= -most;
    for (int i = 0; i < a->n; i++)
        ok &= a->term[i].coef <= most && a->term[i].coef >= -most;
    return ok;
}

static const Ix *product(Parser *ps, const Ix *a, const Ix *b) {
    int64_t k;
    if (!ix_is_const(b, &k)) {
        const Ix *t = a;
        a = b;
        b = t;
    }
    if (!ix_is_const(b, &k))
        parse_fail(ps, "product of two integer expressions, neither constant");
    else if (!scales(a, k))
        parse_fail(ps, "integer out of range");
    return ps->failed ? NULL : ix_scale(ps->pool, a, k);
}

static const Ix *quotient(Parser *ps, char op, const Ix *a, const Ix *b) {
    int64_t k;
    if (!ix_is_const(b, &k) || k <= 0)
        parse_fail(ps, "division of an integer expression by something that is not a "
                       "positive constant");
    if (ps->failed)
        return NULL;
    return op == '/' ? ix_div(ps->pool, a, k) : ix_mod(ps->pool, a, k);
}

const Ix *parse_ix_op(Parser *ps, char op, const Ix *a, const Ix *b) {
    if (ps->failed)
        return NULL;
    if (!scales(a, 1) || !scales(b, 1)) {
        parse_fail(ps, "integer out of range");
        return NULL;
    }
    switch (op) {
    case '+': return ix_add(ps->pool, a, b);
    case '-': return ix_sub(ps->pool, a, b);
    case '*': return product(ps, a, b);
    case 'm': return ix_min(ps->pool, a, b);
    case 'M': return ix_max(ps->pool, a, b);
    }
    return quotient(ps, op, a, b);
}

static const Ix *ix_call(Parser *ps, const char *name) {
    const Ix *a, *b = NULL;
    parse_need(ps, "(");
    a = parse_ix(ps);
    if (*name != 'a') {
        parse_need(ps, ",");
        b = parse_ix(ps);
    }
    parse_need(ps, ")");
    if (ps->failed)
        return NULL;
    return *name == 'a' ? ix_abs(ps->pool, a)
                        : parse_ix_op(ps, name[1] == 'i' ? 'm' : 'M', a, b);
}

static const Ix *named(Parser *ps) {
    const char *name;
    size_t len;
    if (parse_peek(ps, "min") || parse_peek(ps, "max") || parse_peek(ps, "abs")) {
        const char *call = ps->at;
        ps->at += 3;
        return ix_call(ps, call);
    }
    if (parse_is(ps, "#")) {
        name = "#";
        len = 1;
    } else if (!parse_name(ps, &name, &len)) {
        if (!ps->failed)
            parse_fail(ps, "got %s, expected an integer expression", next_text(ps));
        return NULL;
    }
    const Ix *r = ps->index(ps, name, len);
    if (!r && !ps->failed) {
        ps->at = *name == '#' ? ps->at : name;
        parse_fail(ps, "unknown name '%.*s'", (int)len, name);
    }
    return r;
}

static const Ix *ix_unary(Parser *ps) {
    const Ix *r;
    int64_t v;
    if (ps->failed || (++ps->depth > MAX_DEPTH && !parse_fail(ps, "nested too deeply")))
        return NULL;
    parse_space(ps);
    if (ps->at < ps->end && digit(*ps->at)) {
        r = parse_int(ps, &v) ? ix_const(ps->pool, v) : NULL;
    } else if (parse_is(ps, "-")) {
        r = ix_unary(ps);
        r = r ? ix_scale(ps->pool, r, -1) : NULL;
    } else if (parse_is(ps, "(")) {
        r = parse_ix(ps);
        parse_need(ps, ")");
    } else {
        r = named(ps);
    }
    ps->depth--;
    return r;
}

static bool operator(Parser *ps, const char *set, char *op) {
    parse_space(ps);
    if (ps->failed || ps->at == ps->end || !strchr(set, *ps->at) || *ps->at == 0)
        return false;
    *op = *ps->at++;
    return true;
}

static const Ix *ix_term(Parser *ps) {
    const Ix *a = ix_unary(ps);
    char op;
    while (operator(ps, "*/%", &op)) {
        const Ix *b = ix_unary(ps);
        a = parse_ix_op(ps, op, a, b);
    }
    return a;
}

const Ix *parse_ix(Parser *ps) {
    const Ix *a = ix_term(ps);
    char op;
    while (operator(ps, "+-", &op)) {
        const Ix *b = ix_term(ps);
        a = parse_ix_op(ps, op, a, b);
    }
    return ps->failed ? NULL : a;
}

int parse_subs(Parser *ps, const Ix **sub) {
    int n = 0;
    parse_need(ps, "[");
    if (parse_is(ps, "]"))
        return 0;
    do {
        if (n == MAX_RANK)
            parse_fail(ps, "more than %d subscripts", MAX_RANK);
        else
            sub[n++] = parse_ix(ps);
    } while (parse_is(ps, ","));
    parse_need(ps, "]");
    return ps->failed ? -1 : n;
}

/* --- guards --- */

Cond parse_comparison(Parser *ps) {
    static const char *const ops[] = {"<=", ">=", "==", "<", ">"};
    Pool *p = ps->pool;
    const Ix *a = parse_ix(ps);
    size_t op = 0;
    while (op < COUNT(ops) && !parse_is(ps, ops[op]))
        op++;
    if (op == COUNT(ops) && !ps->failed)
        parse_fail(ps, "got %s, expected a comparison", next_text(ps));
    const Ix *b = parse_ix(ps);
    if (ps->failed || !scales(a, 1) || !scales(b, 1))
        return (Cond){0, NULL};
    switch (op) {
    case 0: return cond_ge0(p, ix_sub(p, b, a));
    case 1: return cond_ge0(p, ix_sub(p, a, b));
    case 2: return cond_eq0(p, ix_sub(p, a, b));
    case 3: return cond_ge0(p, ix_addc(p, ix_sub(p, b, a), -1));
    default: return cond_ge0(p, ix_addc(p, ix_sub(p, a, b), -1));
    }
}

Cond parse_cond(Parser *ps) {
    Cond c = parse_comparison(ps);
    while (parse_is(ps, "&&")) {
        Cond d = parse_comparison(ps);
        if (!ps->failed)
            c = cond_and(ps->pool, c, d);
    }
    return c;
}
