/* Random networks: oracle, interpreter, JIT and C agree in every bit, in every entry.
 * labels: release
 * timeout: 900
 *
 *     test_nets                       200 networks, then 40 of sequences, s0 to s39
 *     test_nets --full                200 of sequences, s0 to s199
 *     KILN_NET=1234 test_nets         that one; or KILN_NET=0-19999, KILN_NET=s40-199
 *     test_nets 1234                  that one in every way, in this process
 *     test_nets --yaml 1234           the model file
 *     test_nets --write DIR 0-99      files for tests/nets/torch_nets.py
 *
 * s12 is a network of sequences. 1234:5 leaves out all but the first five layers or so of
 * network 1234. */
#define _GNU_SOURCE
#include "net_run.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 2, C_FAST_EVERY = 8 };

typedef struct { long first, last; int limit; } Seeds;

static Seeds seeds_of(const char *text) {
    Seeds s = {0, 0, -1};
    char *end;
    long base = *text == 's' ? (long)NET_SEQUENCES : 0;
    s.first = s.last = base + strtol(text + (base > 0), &end, 10);
    if (*end == '-')
        s.last = base + strtol(end + 1, &end, 10);
    if (*end == ':')
        s.limit = (int)strtol(end + 1, NULL, 10);
    return s;
}

/* --- ways --- */

/* A target that this machine runs, another for each seed. */
static const char *target_of(long seed) {
    static const char *const x86[] = {"avx512", "avx2", "sse2"};
    const Target *native = target_find("native");
    const char *list[8];
    int n = 0;
    for (size_t i = 0; i < COUNT(x86); i++)
        if (strcmp(native->name, "neon") && target_find(x86[i])->lanes <= native->lanes)
            list[n++] = x86[i];
    list[n++] = "native";
    list[n++] = "portable";
    return list[seed % n];
}

/* One of eight: compiler, level, dialect. */
static bool in_c(NetCase *c, bool clang, bool fast_code, bool vector, long turn) {
    return net_check(c, &(Way){EXEC_C, vector ? target_of(turn) : "portable", 2,
                               clang ? "clang" : "gcc", fast_code ? "-O3" : "-O0", 0});
}

/* Both compilers, both levels, both dialects, in another combination for each turn. */
static bool in_c_twice(NetCase *c, long turn) {
    bool fast_code = turn & 1, vector = turn & 2;
    return in_c(c, false, fast_code, vector, turn / 4) &&
           in_c(c, true, !fast_code, !vector, turn / 4);
}

static bool in_fast_mode(NetCase *c, long turn, bool compile) {
    const char *t = target_of(turn), *cc = turn / C_FAST_EVERY % 2 ? "gcc" : "clang";
    Way way[] = {{EXEC_JIT, t, 1, NULL, NULL, 2}, {EXEC_JIT, t, 2, NULL, NULL, 0},
                 {EXEC_INTERP, t, 1, NULL, NULL, 0}, {EXEC_C, t, 2, cc, "-O2", 0}};
    return net_check_fast(c, compile ? 4 : 3, way);
}

static bool check(long seed, int limit, bool all) {
    static const char *const any[] = {"portable", "sse2", "avx2", "avx512", "neon"};
    NetCase c;
    bool ok = net_open(&c, (uint64_t)seed, limit, false) &&
              net_check(&c, &(Way){EXEC_INTERP, any[seed % 5], 1, NULL, NULL, 0}) &&
              net_check(&c, &(Way){EXEC_JIT, target_of(seed), 2, NULL, NULL, (int)(seed % 3)}) &&
              in_fast_mode(&c, seed, all || seed % C_FAST_EVERY == 0);
    for (int i = 0; ok && all && i < 4; i++)
        ok = in_c_twice(&c, i) && in_c_twice(&c, i + 4);
    if (ok && !all)
        ok = in_c_twice(&c, seed);
    net_close(&c);
    return ok;
}

/* --- many --- */

static void repeat_line(long seed, int limit) {
    char text[24], at[24] = "";
    if (limit >= 0)
        snprintf(at, sizeof at, ":%d", limit);
    fprintf(stderr, "repeat: KILN_NET=%s%s ctest -R unit.nets\n",
            net_text((uint64_t)seed, text), at);
}

/* The failing seed with as few layers as still fail, in processes that may crash. */
static int fewest_layers(long seed) {
    int limit = 0;
    for (; limit < 12; limit++) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0) {
            if (!freopen("/dev/null", "w", stderr))
                _exit(2);
            _exit(check(seed, limit, false) ? 0 : 1);
        }
        if (pid > 0 && waitpid(pid, &status, 0) == pid && status)
            return limit;
    }
    return -1;
}

static void explain(long seed, int limit) {
    char text[24];
    Net n;
    if (limit < 0)
        limit = fewest_layers(seed);
    n = net_make((uint64_t)seed, limit);
    fprintf(stderr, "network %s fails:\n%s", net_text((uint64_t)seed, text), n.yaml.s);
    net_free(&n);
    repeat_line(seed, limit);
}

/* Seeds one by one in a process of their own, which takes a crash along. */
static void work(Seeds s, long *next) {
    bool all = s.first == s.last;
    for (; *next <= s.last; *next += WORKERS)
        if (!check(*next, s.limit, all))
            _exit(1);
    _exit(0);
}

static int count_failures(Seeds s) {
    long *next = mmap(NULL, WORKERS * sizeof *next, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid[WORKERS];
    int failures = 0, running = 0;
    if (next == MAP_FAILED)
        return -1;
    for (int i = 0; i < WORKERS; i++, running++) {
        next[i] = s.first + i;
        if ((pid[i] = fork()) == 0)
            work(s, &next[i]);
    }
    while (running > 0 && failures < 10) {
        int status = 0, i = 0;
        pid_t done = wait(&status);
        while (i < WORKERS && pid[i] != done)
            i++;
        if (i == WORKERS)
            break;
        running--;
        if (status == 0)
            continue;
        failures++;
        explain(next[i], s.limit);
        next[i] += WORKERS;
        if ((pid[i] = fork()) == 0)
            work(s, &next[i]);
        running++;
    }
    munmap(next, WORKERS * sizeof *next);
    return failures;
}

static void agree(const char *which) {
    const char *only = getenv("KILN_NET");
    CU_ASSERT_EQUAL(count_failures(seeds_of(only && *only ? only : which)), 0);
}

static void layers(void) { agree("0-199"); }
static void some_sequences(void) { agree("s0-39"); }
static void sequences(void) { agree("s0-199"); }

/* --- the command line --- */

static int print_yaml(const char *which) {
    Seeds s = seeds_of(which);
    Net n = net_make((uint64_t)s.first, s.limit);
    fwrite(n.yaml.s, 1, n.yaml.n, stdout);
    printf("---\n%s", n.python.s);
    net_free(&n);
    return 0;
}

static int write_all(const char *dir, const char *which) {
    Seeds s = seeds_of(which);
    for (long i = s.first; i <= s.last; i++) {
        NetCase c;
        bool ok = net_open(&c, (uint64_t)i, s.limit, true) && net_write(&c, dir);
        net_close(&c);
        if (!ok) {
            explain(i, s.limit);
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    static const UnitTest test[] = {
        {"all ways to compute a network agree", layers},
        {"all ways to compute a network of sequences agree", some_sequences}};
    static const UnitTest full[] = {
        {"all ways to compute 200 networks of sequences agree", sequences}};
    const char *one = getenv("KILN_NET");
    if (argc == 3 && strcmp(argv[1], "--yaml") == 0)
        return print_yaml(argv[2]);
    if (argc == 4 && strcmp(argv[1], "--write") == 0)
        return write_all(argv[2], argv[3]);
    if (argc == 2 && strcmp(argv[1], "--full") == 0)
        return unit_main("nets", full, COUNT(full));
    if (argc == 2 && argv[1][0] != '-')
        return check(seeds_of(argv[1]).first, seeds_of(argv[1]).limit, true) ? 0 : 1;
    if (argc > 1) {
        fprintf(stderr, "usage: test_nets [SEED | --full | --yaml SEED | --write DIR SEEDS]\n");
        return 2;
    }
    return unit_main("nets", test, one && *one ? 1 : COUNT(test));
}
