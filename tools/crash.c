/* Crash reports: the pass that was running and its input, then exit 70. */
#define _XOPEN_SOURCE 700
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

static void print_input(const Module *m) {
    Text t = {0};
    text_printf(&t, "kiln: in pass %s of '%s', batch %lld, target %s, %s math; its input:\n",
                m->pass, m->name, (long long)m->batch, m->target->name,
                m->strict ? "strict" : "fast");
    if (m->program)
        program_print(&t, m->program);
    for (int i = 0; !m->program && i < m->ngraph; i++)
        graph_print(&t, m->graph[i]);
    say(t.s);
}

enum { PATIENCE = 10 }; /* seconds for a report */
static const struct { int number; const char *said; } crashes[] = {
    {SIGABRT, ""},                     /* bug() has spoken */
    {SIGSEGV, "kiln: a read or write outside of memory\n"},
    {SIGBUS, "kiln: a read or write that memory refused\n"},
    {SIGFPE, "kiln: a division by zero\n"},
    {SIGILL, "kiln: an instruction that this CPU lacks\n"},
};

/* bug() aborts outside of malloc and stdio, so that printing is safe. After another signal it
 * may fail or hang in its turn: a second signal comes here again, an alarm ends it. */
static void on_crash(int number) {
    const Module *m = running;
    running = NULL;                    /* is printed once */
    alarm(number == SIGABRT ? 0 : PATIENCE);
    for (size_t i = 0; i < COUNT(crashes); i++)
        if (crashes[i].number == number)
            say(crashes[i].said);
    if (m && m->pass)
        print_input(m);
    say("kiln: this is a fault of Kiln, not of the model: please report it with the "
        "above\n");
    _exit(BUG);
}

static void on_alarm(int number) {
    (void)number;
    _exit(BUG);
}

/* On a stack of its own, so that an overflow of the stack is told too. */
void crash_report(void) {
    static char stack[1 << 17];
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction act = {.sa_handler = on_crash, .sa_flags = SA_NODEFER | SA_ONSTACK};
    sigemptyset(&act.sa_mask);
    sigaltstack(&own, NULL);
    signal(SIGALRM, on_alarm);
    for (size_t i = 0; i < COUNT(crashes); i++)
        sigaction(crashes[i].number, &act, NULL);
}
