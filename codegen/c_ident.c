/* C identifiers from any text: injective, and never a word that C, C++ or the emitted
 * code itself uses.
 *
 * Letters and digits stand for themselves; so does '_' between two of them. Every other
 * byte becomes _xHH, and so does an '_' that would look like the start of an escape. What
 * would start with a digit, is reserved, or starts with "k_" gets "k_" in front; what would
 * start with '_' gets "k". */
#include "codegen/c_emit.h"

#include <ctype.h>
#include <string.h>

static const char *const reserved[] = {
    /* C and C++ */
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break",
    "case", "catch", "char", "char16_t", "char32_t", "char8_t", "class", "co_await",
    "co_return", "co_yield", "compl", "concept", "const", "const_cast", "consteval",
    "constexpr", "constinit", "continue", "decltype", "default", "delete", "do", "double",
    "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "final", "float",
    "for", "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new",
    "noexcept", "not", "not_eq", "nullptr", "operator", "or", "or_eq", "override", "private",
    "protected", "public", "register", "reinterpret_cast", "requires", "restrict", "return",
    "short", "signed", "sizeof", "static", "static_assert", "static_cast", "struct", "switch",
    "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid",
    "typename", "typeof", "typeof_unqual", "union", "unsigned", "using", "virtual", "void",
    "volatile", "wchar_t", "while", "xor", "xor_eq",
    /* the headers that emitted code includes, and what compilers predefine */
    "NULL", "errno", "i386", "linux", "main", "max_align_t", "memcmp", "memcpy", "memmove",
    "memset", "nullptr_t", "offsetof", "ptrdiff_t", "size_t", "strcmp", "unix", "arm",
    /* emitted code */
    "INLINE", "KERNEL", "RESTRICT", "args", "arena", "copy_tensor", "cpu_suffices", "ctx", "features", "fn", "from", "grads", "kept", "n",
    "params", "parallel", "part", "parts", "pool", "run_init", "scratch", "seed", "state", "t", "threads",
    "to", "turns", "values",
};

/* int8_t ... uint_fast64_t, INT8_MAX ..., intptr_t: stdint's names by their pattern. */
static bool stdint_like(const char *s) {
    size_t n = strlen(s);
    bool type = n > 2 && strcmp(s + n - 2, "_t") == 0;
    const char *c = *s == 'u' ? s + 1 : s;
    if (type && strncmp(c, "int", 3) == 0)
        return true;
    c = *s == 'U' ? s + 1 : s;
    return strncmp(c, "INT", 3) == 0 || strncmp(c, "PTRDIFF", 7) == 0 ||
           strncmp(c, "SIZE_", 5) == 0 || strncmp(c, "SIG_", 4) == 0 ||
           strncmp(c, "WCHAR_", 6) == 0 || strncmp(c, "WINT_", 5) == 0;
}

/* v3, t12, k0, k0_run, constant_1: our own. */
static bool numbered(const char *s) {
    static const char *const stem[] = {"v", "t", "k", "m", "constant_", "embedded_", "gap_"};
    for (size_t i = 0; i < COUNT(stem); i++) {
        size_t n = strlen(stem[i]);
        if (strncmp(s, stem[i], n) != 0)
            continue;
        const char *rest = s + n + strspn(s + n, "0123456789");
        if (n > 1 || (rest > s + n && (*rest == '\0' || (*s == 'k' && *rest == '_'))))
            return true;
    }
    return false;
}

bool c_reserved(const char *name) {
    for (size_t i = 0; i < COUNT(reserved); i++)
        if (strcmp(name, reserved[i]) == 0)
            return true;
    return stdint_like(name) || numbered(name) || c_helper_name(name, strlen(name));
}

static bool plain(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/* The '_' at s[i] can stand for itself. */
static bool lone_underscore(const char *s, size_t i) {
    if (i == 0 || !plain((unsigned char)s[i - 1]) || !plain((unsigned char)s[i + 1]))
        return false;
    return !(s[i + 1] == 'x' && is_hex(s[i + 2]) && is_hex(s[i + 3]));
}

void emit_c_ident(Text *out, const char *name) {
    Text t = {0};
    text_put(&t, "", 0);
    for (size_t i = 0; name[i]; i++) {
        unsigned char c = (unsigned char)name[i];
        if (plain(c) || (c == '_' && lone_underscore(name, i)))
            text_put(&t, name + i, 1);
        else
            text_printf(&t, "_x%02x", c);
    }
    const char *s = t.n ? t.s : "";
    bool odd = !isalpha((unsigned char)*s) || strncmp(s, "k_", 2) == 0 || c_reserved(s);
    text_printf(out, "%s%s", !odd ? "" : *s == '_' ? "k" : "k_", s);
    text_free(&t);
}

static bool has_lower(const char *s) {
    while (*s && !islower((unsigned char)*s))
        s++;
    return *s != '\0';
}

/* Names in capitals are left to macros. */
const char *c_field(Emit *e, const char *text) {
    Text t = {0};
    emit_c_ident(&t, text);
    bool macro = t.n > 1 && !has_lower(t.s);
    const char *s = arena_printf(e->arena, "%s%s", macro ? "k_" : "", t.s);
    text_free(&t);
    return s;
}

static bool taken(const NameSet *set, const char *name) {
    for (int i = 0; i < set->n; i++)
        if (strcmp(set->name[i], name) == 0)
            return true;
    return false;
}

/* The identifier for text, with a number behind it where that was given before. */
const char *c_name(Emit *e, NameSet *set, const char *text, const char *fallback) {
    const char *base = c_field(e, text && *text ? text : fallback), *name = base;
    for (int i = 2; taken(set, name); i++)
        name = arena_printf(e->arena, "%s_%d", base, i);
    PUSH(e->arena, set->name, set->n) = name;
    return name;
}
