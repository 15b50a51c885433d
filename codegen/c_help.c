/* Helper functions of emitted C: the rows of c_help.def that a text names, filled in for
 * its types and its target. */
#include "codegen/c_emit.h"

#include <string.h>

typedef struct { const char *name, *where, *types, *text; } Help;
static const Help help[] = {
#define HELP(name, where, types, text) {#name, where, types, text},
#include "codegen/c_help.def"
#undef HELP
};

/* A use of a helper: load_f32x8, cvt_i32x8_f32x8. */
typedef struct {
    const char *name;                  /* the row's */
    DType type, from;
    int lanes;                         /* 0: no type */
    bool convert;
} Use;

/* "f32", "f32x8", "mask8": length eaten, 0 if it is none. */
static size_t read_type(const char *s, size_t len, DType *t, int *lanes) {
    size_t n = 0;
    *lanes = 1;
    if (len > 4 && memcmp(s, "mask", 4) == 0) {
        *t = BOOL;
        n = 4;
    } else {
        while (n < len && s[n] != 'x' && s[n] != '_')
            n++;
        if (n == 2 && memcmp(s, "i8", 2) == 0)         /* what comparing u8 gives */
            *t = U8;
        else if (!dtype_parse(s, n, t))
            return 0;
        if (n == len || s[n] != 'x')
            return n;
        n++;
    }
    size_t from = n;
    for (*lanes = 0; n < len && n < from + 2 && s[n] >= '0' && s[n] <= '9'; n++)
        *lanes = *lanes * 10 + (s[n] - '0');
    return *lanes > 1 ? n : 0;
}

static bool read_use(const char *s, size_t len, Use *u) {
    for (size_t i = 0; i < COUNT(help); i++) {
        size_t op = strlen(help[i].name), n;
        *u = (Use){.name = help[i].name};
        if (len < op || memcmp(s, u->name, op) != 0)
            continue;
        if (help[i].where[0] == '-' && len == op)
            return true;
        if (help[i].where[0] == '-' || len < op + 2 || s[op] != '_')
            continue;
        n = read_type(s + op + 1, len - op - 1, &u->type, &u->lanes);
        if (n == 0)
            continue;
        size_t at = op + 1 + n;
        if (at == len && !strchr(help[i].where, 'c'))
            return true;
        int lanes;
        u->convert = true;
        if (strchr(help[i].where, 'c') && at < len && s[at] == '_' &&
            read_type(s + at + 1, len - at - 1, &u->from, &lanes) == len - at - 1 &&
            lanes == u->lanes)
            return true;
    }
    return false;
}

/* Vector types and their unaligned form: f32x8, f32x8_u, mask8. */
static bool vector_type(const char *s, size_t len, DType *t, int *lanes) {
    size_t n = read_type(s, len, t, lanes);
    if (n == 0 || *lanes == 1)
        return false;
    return n == len || (len == n + 2 && s[n] == '_' && s[n + 1] == 'u' && *t != BOOL);
}

bool c_helper_name(const char *name, size_t len) {
    Use u;
    DType t;
    int lanes;
    return read_use(name, len, &u) || vector_type(name, len, &t, &lanes);
}

const char *c_vtype(Emit *e, DType t, int lanes) {
    if (lanes == 1)
        return dtype_info[t].name;
    if (t == BOOL)
        return arena_printf(e->arena, "mask%d", lanes);
    return arena_printf(e->arena, "%sx%d", dtype_info[t].name, lanes);
}

const char *c_type(Emit *e, DType t, int lanes) {
    if (lanes > 1)
        return c_vtype(e, t, lanes);
    return t == BOOL ? "int" : dtype_info[t].ctype;
}

/* --- which row --- */

static bool is(const Emit *e, const char *name) { return strcmp(e->target->name, name) == 0; }

static bool x86(const Emit *e) { return is(e, "avx512") || is(e, "avx2") || is(e, "sse2"); }

static int bytes(const Use *u) { return dtype_info[u->type].bytes * u->lanes; }

static bool fills_register(const Emit *e, const Use *u) {
    int most = e->target->lanes * 4, from = dtype_info[u->from].bytes * u->lanes;
    return bytes(u) >= 16 && bytes(u) <= most && (!u->convert || from == bytes(u));
}

static bool holds(const Emit *e, const Use *u, char where) {
    switch (where) {
    case 's': return u->lanes == 1;
    case 'v': return u->lanes > 1;
    case '2': return u->lanes == 2;
    case '4': return u->lanes == 4;
    case '8': return u->lanes == 8;
    case 'F': return u->lanes == 16;
    case 'w': return is(e, "avx512") || is(e, "avx2");
    case 'c': return u->convert;
    case '-': return u->lanes == 0;
    case 'x': return x86(e);
    case 'Z': return is(e, "avx512");
    case 'y': return is(e, "avx2");
    case 'n': return is(e, "neon");
    case 'r': return fills_register(e, u);
    }
    bug("helper condition '%c'", where);
}

static bool type_fits(const char *types, DType t) {
    const char *name = dtype_info[t].name, *at = strstr(types, name);
    return *types == '\0' || *types == '*' || (at && strchr(" ", at[strlen(name)]));
}

static const Help *row(const Emit *e, const Use *u) {
    for (size_t i = 0; i < COUNT(help); i++) {
        const Help *h = &help[i];
        bool fit = strcmp(h->name, u->name) == 0 && type_fits(h->types, u->type);
        for (const char *w = h->where; fit && *w; w++)
            fit = holds(e, u, *w);
        if (fit)
            return h;
    }
    bug("no helper %s for %s x%d on %s", u->name, dtype_info[u->type].name, u->lanes,
        e->target->name);
}

/* --- filling in --- */

static const char *prefix(const Use *u) {
    return bytes(u) == 64 ? "_mm512" : bytes(u) == 32 ? "_mm256" : "_mm";
}

static const char *suffix(const Use *u, bool sign) {
    switch (u->type) {
    case F32: return "ps";
    case F64: return "pd";
    case I32: return "epi32";
    case U32: return sign ? "epu32" : "epi32";
    case I64: return "epi64";
    case U64: return sign ? "epu64" : "epi64";
    case U8:
    case BOOL: return sign ? "epu8" : "epi8";
    case NDTYPE: break;
    }
    bug("no type");
}

static const char *vendor(Emit *e, const Use *u, DType t) {
    int bits = bytes(u) * 8;
    return arena_printf(e->arena, "__m%d%s", bits, t == F32 ? "" : t == F64 ? "d" : "i");
}

/* Integers as wide as u's elements. */
static const char *integers(Emit *e, const Use *u, bool sign, int lanes) {
    int b = dtype_info[u->type].bytes * 8;
    return lanes > 1 ? arena_printf(e->arena, "%c%dx%d", sign ? 'i' : 'u', b, lanes)
                     : arena_printf(e->arena, "%c%d", sign ? 'i' : 'u', b);
}

static const char *wrapping(DType t) {
    if (dtype_info[t].is_float)
        return dtype_info[t].ctype;
    return dtype_info[t].bytes == 8 ? "uint64_t" : "uint32_t";
}

static const char *value(Emit *e, const Use *u, char name, int lane) {
    Arena *a = e->arena;
    switch (name) {
    case 't': return c_vtype(e, u->type, u->lanes);
    case 'T': return c_type(e, u->type, u->lanes);
    case 'd': return dtype_info[u->type].name;
    case 's': return dtype_info[u->type].ctype;
    case 'w': return wrapping(u->type);
    case 'n': return arena_printf(a, "%d", u->lanes);
    case 'k': return arena_printf(a, "%d", u->lanes / 2);
    case 'h': return c_vtype(e, u->type, u->lanes / 2);
    case 'j': return integers(e, u, false, u->lanes / 2);
    case 'm': return c_vtype(e, BOOL, u->lanes);
    case 'i': return integers(e, u, true, u->lanes);
    case 'u': return integers(e, u, false, u->lanes);
    case 'f': return c_vtype(e, u->from, u->lanes);
    case 'F': return c_type(e, u->from, u->lanes);
    case 'e': return dtype_info[u->from].name;
    case 'c': return u->from == F32 ? "f" : "";
    case 'P': return prefix(u);
    case 'x': return suffix(u, false);
    case 'q': return suffix(u, true);
    case 'V': return vendor(e, u, u->type);
    case 'I': return vendor(e, u, I32);
    case 'G': return vendor(e, u, u->from);
    case 'b': return u->lanes > 8 ? "__mmask16" : "__mmask8";
    case 'a': return arena_printf(a, "0x%x", (1u << u->lanes) - 1);
    case 'l': return arena_printf(a, "%d", lane);
    case 'B': return arena_printf(a, is(e, "avx512") ? "(m >> %d & 1)" : "m[%d]", lane);
    }
    bug("helper text: $%c", name);
}

static void fill(Emit *e, Text *out, const Use *u, const char *s, const char *end, int lane);

/* @{...}: once for each lane; `s` is behind the '@'. Returns what follows the '}'. */
static const char *fill_lanes(Emit *e, Text *out, const Use *u, const char *s) {
    const char *join = *s == '|' ? " | " : ", ";
    int from = *s == '>' ? u->lanes / 2 : 0, to = *s == '<' ? u->lanes / 2 : u->lanes;
    s += *s == '{' ? 1 : 2;
    const char *end = strchr(s, '}');
    size_t start = out->n;
    for (int l = from; l < to; l++) {
        bool wrap = out->n - start > 66;
        if (l > from)
            text_put(out, join, strlen(join) - wrap);
        if (l > from && wrap) {
            text_printf(out, "\n        ");
            start = out->n;
        }
        fill(e, out, u, s, end, l);
    }
    return end + 1;
}

static void fill(Emit *e, Text *out, const Use *u, const char *s, const char *end, int lane) {
    while (s < end) {
        if (*s == '@') {
            s = fill_lanes(e, out, u, s + 1);
        } else if (*s == '$') {
            const char *v = value(e, u, s[1], lane);
            text_put(out, v, strlen(v));
            s += 2;
        } else {
            text_put(out, s++, 1);
        }
    }
}

/* --- what a text needs --- */

typedef struct {
    NameSet functions, types;          /* already written */
    Text code;
} Helpers;

static bool add(Emit *e, NameSet *set, const char *s, size_t len) {
    for (int i = 0; i < set->n; i++)
        if (strlen(set->name[i]) == len && memcmp(set->name[i], s, len) == 0)
            return false;
    PUSH(e->arena, set->name, set->n) = arena_printf(e->arena, "%.*s", (int)len, s);
    return true;
}

static bool word_char(char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static void scan(Emit *e, Helpers *h, const char *text);

static void need(Emit *e, Helpers *h, const char *s, size_t len) {
    Use u;
    DType t;
    int lanes;
    if (vector_type(s, len, &t, &lanes)) {
        add(e, &h->types, s, len);
    } else if (read_use(s, len, &u) && add(e, &h->functions, s, len)) {
        Text body = {0};
        const Help *r = row(e, &u);
        fill(e, &body, &u, r->text, r->text + strlen(r->text), 0);
        scan(e, h, body.s);            /* what it uses comes first */
        text_put(&h->code, body.s, body.n);
        text_put(&h->code, "\n", 1);
        text_free(&body);
    }
}

static const char *skip_comment(const char *s) {
    const char *end = strstr(s + 2, "*/");
    return end ? end + 2 : s + strlen(s);
}

static void scan(Emit *e, Helpers *h, const char *s) {
    while (*s) {
        if (s[0] == '/' && s[1] == '*') {
            s = skip_comment(s);
        } else if (*s == '"') {
            for (s++; *s && *s != '"'; s++)
                s += *s == '\\' && s[1];
            s += *s == '"';
        } else if (word_char(*s)) {
            const char *from = s;
            while (word_char(*s))
                s++;
            need(e, h, from, (size_t)(s - from));
        } else {
            s++;
        }
    }
}

static const char *element(const char *name, DType t) {
    return name[0] == 'm' ? "int32_t" : strncmp(name, "i8", 2) == 0 ? "int8_t"
         : dtype_info[t].ctype;
}

/* An integer mask of bits on AVX-512, else a vector of 32-bit integers. */
static void print_type(Emit *e, Text *out, const char *name) {
    DType t;
    int lanes;
    size_t n = read_type(name, strlen(name), &t, &lanes);
    int size = (t == BOOL ? 4 : dtype_info[t].bytes) * lanes;
    bool wide = size > e->target->lanes * 4;
    if (t == BOOL && is(e, "avx512"))
        text_printf(out, "typedef %s %s;\n", lanes > 8 ? "__mmask16" : "__mmask8", name);
    else if (name[n] == '_')
        text_printf(out, "typedef %s %s __attribute__((vector_size(%d), aligned(%d), "
                    "may_alias));\n", element(name, t), name, dtype_info[t].bytes * lanes,
                    dtype_info[t].bytes);
    else
        text_printf(out, "typedef %s %s __attribute__((vector_size(%d)%s));\n",
                    element(name, t), name, size, wide ? ", aligned(16)" : "");
}

static bool wide_types(const Emit *e, const NameSet *types) {
    DType t;
    int lanes;
    bool wide = false;
    for (int i = 0; i < types->n; i++) {
        read_type(types->name[i], strlen(types->name[i]), &t, &lanes);
        wide |= dtype_info[t].bytes * lanes > e->target->lanes * 4;
    }
    return wide;
}

void c_helpers(Emit *e, Text *out, const char *body) {
    Helpers h = {0};
    scan(e, &h, body);
    if (wide_types(e, &h.types))       /* they stay inside of functions */
        text_printf(out, "#pragma GCC diagnostic ignored \"-Wpsabi\"\n\n");
    for (int i = 0; i < h.types.n; i++)
        print_type(e, out, h.types.name[i]);
    if (h.types.n)
        text_put(out, "\n", 1);
    if (h.code.n)
        text_put(out, h.code.s, h.code.n);
    text_free(&h.code);
}
