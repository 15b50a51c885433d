/* Progress: how far a round is, how fast, and what came out of it. */
#define _DEFAULT_SOURCE
#include "train/progress.h"

#include <math.h>
#include <string.h>
#include <sys/ioctl.h>

#include "runtime/krt.h"

/* Metrics that are named shorter on a line. */
static const struct { const char *name, *brief; } brief[] = {{"accuracy", "acc"}};

static void put_metrics(Text *out, const Model *m, const char *set, int n,
                        const double *value) {
    for (int i = 0; value && i < n; i++) {
        const char *name = metric_name(m, i);
        for (size_t k = 0; k < COUNT(brief); k++)
            if (!strcmp(brief[k].name, name))
                name = brief[k].brief;
        text_printf(out, " %s%s=%.4g", set, name, value[i]);
    }
}

static void put_time(Text *out, double seconds) {
    long s = seconds < 360000 ? (long)seconds : 359999;
    if (s >= 3600)
        text_printf(out, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        text_printf(out, "%02ld:%02ld", s / 60, s % 60);
}

/* `cells` wide, filled in eighths. */
static void put_bar(Text *out, int cells, double part) {
    static const char *const eighth[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
    int filled = (int)floor(part * cells * 8 + 0.5);
    for (int i = 0; i < cells; i++) {
        int here = filled - 8 * i;
        text_printf(out, "%s", eighth[here < 0 ? 0 : here > 8 ? 8 : here]);
    }
}

static void put_place(Text *out, const Record *r) {
    if (r->steps)
        text_printf(out, "step %lld/%lld", (long long)r->step, (long long)r->steps);
    else
        text_printf(out, "epoch %lld/%lld", (long long)r->epoch, (long long)r->epochs);
}

void progress_text(Text *out, const Progress *p, const Record *r, int64_t done, int64_t all,
                   double seconds) {
    enum { SHORTEST = 5, LONGEST = 40 };
    double part = all ? (double)done / (double)all : 0;
    double rate = seconds > 0 ? (double)(done - p->from) / seconds : 0;
    Text head = {0}, tail = {0};
    put_place(&head, r);
    text_printf(&head, " %3d%%|", (int)(100 * part));
    text_printf(&tail, "| %lld/%lld [", (long long)done, (long long)all);
    put_time(&tail, seconds);
    text_printf(&tail, "<");
    put_time(&tail, rate > 0 ? (double)(all - done) / rate : 0);
    text_printf(&tail, ", %.3g it/s]", rate);
    put_metrics(&tail, p->m, "", r->nmetric, r->train);
    int room = p->columns - 1 - (int)(head.n + tail.n);
    text_put(out, head.s, head.n);
    put_bar(out, room < SHORTEST ? SHORTEST : room > LONGEST ? LONGEST : room, part);
    text_put(out, tail.s, tail.n);
    text_free(&head);
    text_free(&tail);
}

static int columns(FILE *f) {
    struct winsize w;
    return !ioctl(fileno(f), TIOCGWINSZ, &w) && w.ws_col ? w.ws_col : 80;
}

void progress_begin(Progress *p, int64_t done) {
    p->began = krt_seconds();
    p->drawn = 0;
    p->from = done;
}

void progress_clear(Progress *p) {
    if (p->out && p->terminal && p->drawn > 0)
        fprintf(p->out, "\r\033[K");
    p->drawn = 0;
}

void progress_step(Progress *p, const Record *r, int64_t done, int64_t all) {
    const double pause = 0.1;
    if (!p->out || !p->terminal)
        return;
    double now = krt_seconds();
    if (now - p->drawn < pause)
        return;
    Text line = {0};
    Progress sized = *p;
    sized.columns = p->columns ? p->columns : columns(p->out);
    progress_text(&line, &sized, r, done, all, now - p->began);
    fprintf(p->out, "\r%s\033[K", line.s);
    fflush(p->out);
    text_free(&line);
    p->drawn = now;
}

void progress_round(Progress *p, const Record *r) {
    if (!p->out)
        return;
    Text line = {0};
    put_place(&line, r);
    put_metrics(&line, p->m, "", r->nmetric, r->train);
    put_metrics(&line, p->m, "valid.", r->nmetric, r->valid);
    text_printf(&line, " lr=%.4g %.1fs", r->lr, r->seconds);
    progress_clear(p);
    fprintf(p->out, "%s\n", line.s);
    fflush(p->out);
    text_free(&line);
}
