/* Arguments: options into their fields, help out of the same tables. */
#include "tools/args.h"

#include <stdlib.h>
#include <string.h>

#include "tools/tool.h"

typedef enum { OPT_FLAG, OPT_NUM, OPT_REAL, OPT_TEXT, OPT_WORD, OPT_LIST } OptKind;
typedef struct {
    const char *field;
    char letter;
    const char *name;
    OptKind kind;
    const char *value, *help;
    size_t at; /* of the field in Args */
} Opt;

static const Opt opts[] = {
#define OPTION(field, letter, name, kind, value, help) \
    {#field, letter, name, OPT_##kind, value, help, offsetof(Args, field)},
#include "tools/options.def"
};

const Command command_list[] = {
#define COMMAND(name, arguments, least, most, options, what) \
    {#name, arguments, least, most, options, what, command_##name},
#include "tools/commands.def"
};
const int command_count = (int)COUNT(command_list);

/* --- messages --- */

bool usage_error(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fputs("kiln: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return false;
}

bool usage_unknown(const char *what, const char *word, int n,
                   const char *const *known) {
    const char *near = diag_nearest(word, known, (size_t)n);
    return near ? usage_error("unknown %s '%s'; did you mean '%s'?", what, word, near)
                : usage_error("unknown %s '%s'", what, word);
}

const Command *command_find(const char *name) {
    for (int i = 0; i < command_count; i++)
        if (strcmp(command_list[i].name, name) == 0)
            return &command_list[i];
    return NULL;
}

static bool offers(const Command *c, const Opt *o) {
    size_t n = strlen(o->field);
    for (const char *at = c->options; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strncmp(at, o->field, n) == 0 && (at[n] == ' ' || !at[n]))
            return true;
    return false;
}

void command_help(Text *out, const Command *c) {
    enum { COLUMN = 30 };
    if (!c) {
        text_printf(out, "usage: kiln COMMAND [OPTIONS] ...\n\n");
        for (int i = 0; i < command_count; i++)
            text_printf(out, "  %-9s %s\n", command_list[i].name, command_list[i].what);
        text_printf(
            out,
            "\n`kiln COMMAND --help` shows a command's options, `kiln --version` the "
            "version.\nRUN is a folder that `kiln train` left.\n");
        return;
    }
    text_printf(out, "usage: kiln %s %s [OPTIONS]\n\n  %s\n\n", c->name, c->arguments,
                c->what);
    for (size_t i = 0; i < COUNT(opts); i++) {
        const Opt *o = &opts[i];
        size_t start = out->n;
        if (!offers(c, o))
            continue;
        text_printf(out, o->letter ? "  -%c, " : "      ", o->letter);
        text_printf(out, "--%s%s%s", o->name, o->value ? " " : "",
                    o->value ? o->value : "");
        if (out->n - start > COLUMN - 2)
            text_printf(out, "\n%*s", COLUMN, "");
        else
            text_printf(out, "%*s", (int)(COLUMN - (out->n - start)), "");
        text_printf(out, "%s\n", o->help);
    }
}

/* --- values --- */

static bool set_number(const Opt *o, const char *text, int64_t *to) {
    char *end;
    long long v = strtoll(text, &end, 10);
    if (!*text || *end || v < 0 || v > INT32_MAX)
        return usage_error("--%s: got '%s', expected a whole number, 0 to %d", o->name,
                           text, INT32_MAX);
    *to = v;
    return true;
}

static bool set_real(const Opt *o, const char *text, double *to) {
    double v;
    if (!num_parse(text, strlen(text), &v) || !(v >= 0) || v > 1e9)
        return usage_error("--%s: got '%s', expected a number, 0 or more", o->name, text);
    *to = v;
    return true;
}

static bool set_word(const Opt *o, const char *text, const char **to) {
    size_t n = strlen(text);
    for (const char *at = o->value; *text; at += strcspn(at, "|"), at += *at == '|') {
        if (strncmp(at, text, n) == 0 && (at[n] == '|' || !at[n])) {
            *to = text;
            return true;
        }
        if (!*at)
            break;
    }
    return usage_error("--%s: got '%s', expected %s", o->name, text, o->value);
}

static bool set_value(Arena *a, const Opt *o, const char *text, Args *out) {
    void *to = (char *)out + o->at;
    switch (o->kind) {
    case OPT_FLAG: *(bool *)to = true; return true;
    case OPT_NUM: return set_number(o, text, to);
    case OPT_REAL: return set_real(o, text, to);
    case OPT_TEXT:
        *(const char **)to = text;
        return *text || usage_error("--%s: got an empty text", o->name);
    case OPT_WORD: return set_word(o, text, to);
    case OPT_LIST: {
        Words *list = to;
        if (strchr(o->value, '=') && !strchr(text, '='))
            return usage_error("--%s: got '%s', expected %s", o->name, text, o->value);
        PUSH(a, list->item, list->n) = text;
        return true;
    }
    }
    bug("option of kind %d", (int)o->kind);
}

/* --- the line --- */

static const Opt *find_long(const Command *c, const char *name, size_t n) {
    for (size_t i = 0; i < COUNT(opts); i++)
        if (offers(c, &opts[i]) && strncmp(opts[i].name, name, n) == 0 &&
            !opts[i].name[n])
            return &opts[i];
    return NULL;
}

static const Opt *find_short(const Command *c, char letter) {
    for (size_t i = 0; i < COUNT(opts); i++)
        if (opts[i].letter == letter && offers(c, &opts[i]))
            return &opts[i];
    return NULL;
}

static bool unknown_option(const Command *c, const char *arg) {
    const char *known[COUNT(opts)];
    int n = 0;
    for (size_t i = 0; i < COUNT(opts); i++)
        if (offers(c, &opts[i]))
            known[n++] = opts[i].name;
    char word[64];
    size_t skip = strspn(arg, "-");
    snprintf(word, sizeof word, "%.*s", (int)strcspn(arg + skip, "="), arg + skip);
    const char *near = skip == 2 ? diag_nearest(word, known, (size_t)n) : NULL;
    if (near)
        return usage_error("%s: unknown option '%s'; did you mean '--%s'?", c->name,
                           arg, near);
    return usage_error("%s: unknown option '%s'; see `kiln %s --help`", c->name, arg,
                       c->name);
}

/* An option at argv[*i], and its value, which may be the next argument. */
static bool take_option(Arena *a, const Command *c, int argc, char **argv, int *i,
                        Args *out) {
    const char *arg = argv[*i], *value = NULL;
    bool is_long = arg[1] == '-';
    size_t n = is_long ? strcspn(arg + 2, "=") : 1;
    const Opt *o = is_long ? find_long(c, arg + 2, n) : find_short(c, arg[1]);
    if (!o)
        return unknown_option(c, arg);
    if (is_long && arg[2 + n])
        value = arg + 3 + n;
    else if (!is_long && arg[2])
        value = arg + 2;
    if (o->kind == OPT_FLAG && value)
        return usage_error("%s: option '--%s' takes no value", c->name, o->name);
    if (o->kind != OPT_FLAG && !value) {
        if (*i + 1 >= argc)
            return usage_error("%s: option '%s' needs a value: %s", c->name, arg,
                               o->value);
        value = argv[++*i];
    }
    return set_value(a, o, value, out);
}

bool args_parse(Arena *a, const Command *c, int argc, char **argv, Args *out) {
    int n = 0;
    bool plain = false; /* behind "--" */
    *out = (Args){0};
    for (size_t i = 0; i < COUNT(opts); i++) {
        void *to = (char *)out + opts[i].at;
        if (opts[i].kind == OPT_NUM)
            *(int64_t *)to = -1;
        if (opts[i].kind == OPT_REAL)
            *(double *)to = -1;
    }
    for (int i = 0; i < argc; i++) {
        if (!plain && strcmp(argv[i], "--") == 0)
            plain = true;
        else if (!plain && argv[i][0] == '-' && argv[i][1]) {
            if (!take_option(a, c, argc, argv, &i, out))
                return false;
        } else if (n++ == c->most)
            return usage_error("%s: unexpected argument '%s'", c->name, argv[i]);
        else
            out->file = argv[i];
    }
    if (n < c->least)
        return usage_error("%s: %s is missing", c->name, c->arguments);
    return true;
}
