/* gzip'd files, expanded by zlib; memory follows what comes out, not what is declared. */
#include "frontend/gzip.h"

#include <zlib.h>

enum { WINDOW = 15 + 16, STEP = 1 << 30 }; /* gzip only; zlib counts in unsigned */

bool gzip_is(const void *bytes, size_t size) {
    const unsigned char *b = bytes;
    return size > 2 && b[0] == 0x1f && b[1] == 0x8b;
}

static unsigned step(size_t n) {
    return n < STEP ? (unsigned)n : STEP;
}

/* Runs zlib over all members until `limit` bytes are out or the input is used up. */
static bool expand(z_stream *z, Arena *a, Loc file, const unsigned char *in,
                   size_t size, size_t limit, unsigned char **out, size_t *got) {
    size_t used = 0, n = 0, cap = limit < size * 4 ? limit : size * 4;
    unsigned char *p = arena_alloc(a, cap);
    int code = Z_OK;
    while (n < limit && (code != Z_STREAM_END || gzip_is(in + used, size - used))) {
        if (code == Z_STREAM_END)
            inflateReset(z);
        if (n == cap) {
            size_t more = limit - cap < cap ? limit : cap * 2;
            p = arena_grow(a, p, cap, more);
            cap = more;
        }
        z->next_in = (unsigned char *)(uintptr_t)(in + used);
        z->avail_in = step(size - used);
        z->next_out = p + n;
        z->avail_out = step(cap - n);
        code = inflate(z, Z_NO_FLUSH);
        used = (size_t)(z->next_in - in);
        n = (size_t)(z->next_out - p);
        if (code == Z_BUF_ERROR && used == size)
            return diag_error(file, "gzip data end after %zu bytes, in the middle",
                              size);
        if (code != Z_OK && code != Z_STREAM_END)
            return diag_error(file, "gzip data are damaged near byte %zu: %s", used,
                              z->msg ? z->msg : "cannot go on");
    }
    *out = p;
    *got = n;
    return true;
}

void *gzip_expand(Arena *a, Loc file, const void *bytes, size_t size, size_t limit,
                  size_t *got) {
    z_stream z = {0};
    unsigned char *out = NULL;
    if (inflateInit2(&z, WINDOW) != Z_OK)
        out_of_memory();
    bool ok = expand(&z, a, file, bytes, size, limit, &out, got);
    inflateEnd(&z);
    return ok ? out : NULL;
}
