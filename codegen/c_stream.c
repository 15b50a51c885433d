/* The block of a stream in emitted C: begun, begun again, copied. */
#include "codegen/c_emit.h"

bool c_streams(const Program *p) {
    for (int i = 0; i < p->nentry; i++)
        if (p->entry[i].stream)
            return true;
    return false;
}

void c_stream_header(Emit *e) {
    const char *p = e->prefix;
    text_printf(e->out,
        "/* The block of one stream, %s_STREAM_BYTES at ctx->stream. It is begun by _init, and\n"
        " * begun again by _reset; a copy goes on by itself. They return 0, or 1 where a block is\n"
        " * NULL or not aligned. */\n"
        "int %s_stream_init(void *stream);\n"
        "int %s_stream_reset(void *stream);\n"
        "int %s_stream_copy(void *to, const void *from);\n\n", e->upper, p, p, p);
}

/* A function that returns 1 where `bad` or the pointer is not aligned, else runs `does`. */
static void checked(Emit *e, const char *head, const char *bad, const char *pointer,
                    const char *does) {
    c_open(e, "int %s_stream_%s", e->prefix, head);
    c_line(e, "if (%s || (uintptr_t)%s %% %s_ALIGN != 0)", bad, pointer, e->upper);
    c_line(e, "    return 1;");
    c_line(e, "%s, %s_STREAM_BYTES);", does, e->upper);
    c_line(e, "return 0;");
    c_close(e);
    text_printf(e->out, "\n");
}

void c_stream(Emit *e) {
    checked(e, "init(void *stream)", "stream == NULL", "stream", "memset(stream, 0");
    c_open(e, "int %s_stream_reset(void *stream)", e->prefix);
    c_line(e, "return %s_stream_init(stream);", e->prefix);
    c_close(e);
    text_printf(e->out, "\n");
    checked(e, "copy(void *to, const void *from)", "to == NULL || from == NULL", "to",
            "memcpy(to, from");
}
