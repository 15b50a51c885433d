/* kiln ops: the table of ops, for readers. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tool.h"

static json_t *op_json(const OpInfo *o) {
    return json_pack("{s:s,s:s,s:s,s:s,s:s}", "name", o->name, "operands", o->src,
                     "attributes", o->attrs, "equation", o->eq, "help", o->help);
}

static void put_json(Text *out, const OpInfo *only) {
    json_t *list = json_array();
    for (int i = 0; i < op_count; i++)
        if (!only || only == &op_info[i])
            json_array_append_new(list, op_json(&op_info[i]));
    char *text = json_dumps(list, JSON_PRESERVE_ORDER | JSON_INDENT(1));
    text_printf(out, "%s\n", text ? text : "[]");
    free(text);
    json_decref(list);
}

static void put_list(Text *out) {
    for (int i = 0; i < op_count; i++)
        text_printf(out, "%-22s %s\n", op_info[i].name, op_info[i].help);
}

static void put_details(Text *out, const OpInfo *o) {
    OpAttr attr[MAX_ATTRS];
    OpSource src[MAX_SOURCES];
    int nattr = op_attrs(o, attr), nsrc = op_sources(o, src);
    text_printf(out, "%s: %s\n\n", o->name, o->help);
    for (int i = 0; i < nsrc; i++)
        text_printf(out, "  operand    %.*s%s\n", (int)src[i].len, src[i].name,
                    src[i].optional ? ", optional" : "");
    for (int i = 0; i < nattr; i++) {
        static const char *const kind[] = {"whole number", "number", "list"};
        char number[40];
        text_printf(out, "  attribute  %.*s: %s", (int)attr[i].len, attr[i].name,
                    kind[attr[i].kind]);
        if (attr[i].has_default)
            text_printf(out, ", default %s", num_double(number, attr[i].value));
        text_printf(out, "\n");
    }
    text_printf(out, "%s  %s\n", nsrc || nattr ? "\n" : "", o->eq);
}

int command_ops(const Args *args) {
    const OpInfo *op = args->file ? op_find(args->file) : NULL;
    Text out = {0};
    if (args->file && !op) {
        Arena *a = arena_new();
        const char **known = NEW(a, op_count, const char *);
        for (int i = 0; i < op_count; i++)
            known[i] = op_info[i].name;
        usage_unknown("op", args->file, op_count, known);
        arena_free(a);
        return BAD_USAGE;
    }
    if (args->json)
        put_json(&out, op);
    else if (op)
        put_details(&out, op);
    else
        put_list(&out);
    bool ok = tool_print(&out);
    text_free(&out);
    return ok ? DONE : SYSTEM;
}
