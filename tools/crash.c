/* Crash reports: the pass that was running and its input, then exit 70. */
#define _POSIX_C_SOURCE 200809L
#include "tools/crash.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tools/tool.h"

static const Module *running; /* a signal handler has no other way to know */

const Module **crash_module(void) {
    return &running;
}

static void say(const char *s) {
    if (write(2, s, strlen(s)) < 0)
        return;
}

/* bug() aborts outside of malloc and stdio, so that printing is safe here. */
static void on_abort(int signal) {
    const Module *m = running;
    running = NULL; /* a fault while printing is not printed again */
    Text t = {0};
    (void)signal;
    if (m && m->pass) {
        text_printf(
            &t,
            "kiln: in pass %s of '%s', batch %lld, target %s, %s math; its input:\n",
            m->pass, m->name, (long long)m->batch, m->target->name,
            m->strict ? "strict" : "fast");
        if (m->program)
            program_print(&t, m->program);
        for (int i = 0; !m->program && i < m->ngraph; i++)
            graph_print(&t, m->graph[i]);
        say(t.s);
    }
    say("kiln: this is a fault of Kiln, not of the model: please report it with the "
        "above\n");
    _exit(BUG);
}

void crash_report(void) {
    struct sigaction act = {.sa_handler = on_abort, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&act.sa_mask);
    sigaction(SIGABRT, &act, NULL);
}
