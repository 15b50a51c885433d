/* Where the time of an entry goes, kernel by kernel. */
#include "tools/profile.h"

#include <stdlib.h>

#include "tools/tool.h"

typedef struct { int kernel; long calls; double seconds; } Line;

struct Profile {
    Arena *arena;
    int n;       /* 0: not counting yet */
    Line *line;  /* by kernel */
    double last; /* when the kernel before ended */
};

Profile *profile_new(Arena *a) {
    Profile *p = NEW(a, 1, Profile);
    p->arena = a;
    return p;
}

void profile_clear(Profile *p, int nkernel) {
    p->n = nkernel;
    p->line = NEW(p->arena, nkernel, Line);
    for (int i = 0; i < nkernel; i++)
        p->line[i].kernel = i;
}

void profile_start(Profile *p) { p->last = tool_seconds(); }

void profile_watch(void *profile, int kernel) {
    Profile *p = profile;
    double now = tool_seconds();
    if (kernel < p->n) {
        p->line[kernel].calls++;
        p->line[kernel].seconds += now - p->last;
    }
    p->last = tool_seconds();
}

static int longest_first(const void *x, const void *y) {
    const Line *a = x, *b = y;
    return a->seconds != b->seconds ? (b->seconds > a->seconds) - (b->seconds < a->seconds)
                                    : a->kernel - b->kernel;
}

/* Of all arguments, each read or written once. */
static double bytes(const Kernel *k) {
    double sum = 0;
    for (int i = 0; i < k->nbuf; i++)
        if (k->buf[i].kind == BUF_ARG)
            sum += (double)k->buf[i].size * dtype_info[k->buf[i].dtype].bytes *
                   (k->buf[i].read + k->buf[i].written);
    return sum;
}

static void origin(Text *out, const Origin *o) {
    enum { MOST = 6 };
    for (int n = 0; o && n < MOST; o = o->next, n++) {
        text_printf(out, "%s%s", n ? ", " : "", o->what ? o->what : "layer");
        if (o->loc.line)
            text_printf(out, ":%d", o->loc.line);
    }
    text_printf(out, o ? ", ...\n" : "\n");
}

void profile_print(Text *out, const Profile *p, const Program *program, int runs) {
    double all = 0;
    qsort(p->line, (size_t)p->n, sizeof *p->line, longest_first);
    for (int i = 0; i < p->n; i++)
        all += p->line[i].seconds;
    text_printf(out, "%-7s %6s %9s %6s %8s %7s  %s\n", "kernel", "calls", "ms", "share", "Gop/s",
                "GB/s", "layers:lines");
    for (int i = 0; i < p->n && p->line[i].calls; i++) {
        const Line *l = &p->line[i];
        const Kernel *k = program->kernel[l->kernel];
        double each = l->seconds / (double)l->calls;
        text_printf(out, "%-7s %6ld %9.4f %5.1f%% %8.1f %7.1f  ", k->name, l->calls / runs,
                    1e3 * l->seconds / runs, 100 * l->seconds / all, 1e-9 * k->work / each,
                    1e-9 * bytes(k) / each);
        origin(out, k->origin);
    }
    text_printf(out, "%-14s %9.4f\n", "all", 1e3 * all / runs);
}
