/* Files are read and written whole, or not at all. */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/unit.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    Arena *arena;
    Diag *diag;
    Loc loc;
    char *dir;                         /* a new, empty folder */
    Text said;                         /* diagnostics */
} Case;

static void hear(void *user, DiagKind kind, Loc loc, const char *message) {
    diag_render(user, kind, loc, message);
}

static void case_open(Case *c) {
    *c = (Case){.arena = arena_new()};
    c->diag = diag_new(c->arena, hear, &c->said);
    c->loc = diag_nowhere(c->diag);
    c->dir = unit_folder(c->arena);
}

static char *path(Case *c, const char *name) {
    return arena_printf(c->arena, "%s/%s", c->dir, name);
}

/* Files in the folder; all are removed if `clean`. */
static int count(Case *c, bool clean) {
    DIR *d = opendir(c->dir);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.') {
            n++;
            if (clean)
                remove(path(c, e->d_name));
        }
    closedir(d);
    return n;
}

static void case_close(Case *c) {
    count(c, true);
    rmdir(c->dir);
    text_free(&c->said);
    arena_free(c->arena);
}

static void round_trip(void) {
    Case c;
    case_open(&c);
    static const size_t size[] = {0, 1, 4095, 4096, 4097, 3000000};
    for (size_t i = 0; i < COUNT(size); i++) {
        char *data = arena_alloc(c.arena, size[i] + 1);
        for (size_t k = 0; k < size[i]; k++)
            data[k] = (char)(k * 7 + k / 256);
        size_t got = 99;
        CU_ASSERT(file_write(c.loc, path(&c, "f"), data, size[i]));
        char *back = file_read(c.arena, c.loc, path(&c, "f"), (int64_t)size[i], &got);
        CU_ASSERT_PTR_NOT_NULL_FATAL(back);
        CU_ASSERT(got == size[i] && !memcmp(back, data, got) && back[got] == '\0');
        CU_ASSERT_EQUAL(count(&c, false), 1);
    }
    CU_ASSERT_EQUAL(c.said.n, 0);
    case_close(&c);
}

static void read_errors(void) {
    Case c;
    case_open(&c);
    size_t n;
    file_write(c.loc, path(&c, "f"), "12345", 5);
    CU_ASSERT_PTR_NULL(file_read(c.arena, c.loc, path(&c, "f"), 4, &n));
    CU_ASSERT_PTR_NULL(file_read(c.arena, c.loc, "no/such", 4, &n));
    CU_ASSERT_PTR_NULL(file_read(c.arena, c.loc, "/dev/zero", 100000, &n));
    CU_ASSERT_PTR_NOT_NULL(file_read(c.arena, c.loc, "/dev/null", 0, &n));
    UNIT_SAME(c.said.s,
              arena_printf(c.arena,
                           "error: cannot read '%s/f': larger than 4 bytes\n"
                           "error: cannot read 'no/such': No such file or directory\n"
                           "error: cannot read '/dev/zero': larger than 100000 bytes\n",
                           c.dir));
    c.said.n = 0;
    CU_ASSERT_PTR_NULL(file_read(c.arena, c.loc, c.dir, 4096, &n));
    CU_ASSERT_PTR_NOT_NULL(strstr(c.said.s, ": Is a directory"));
    CU_ASSERT_EQUAL(diag_errors(c.diag), 4);
    case_close(&c);
}

static void failed_writes_leave_nothing(void) {
    Case c;
    case_open(&c);
    CU_ASSERT(mkdir(path(&c, "folder"), 0777) == 0);
    CU_ASSERT_FALSE(file_write(c.loc, path(&c, "folder"), "x", 1));
    CU_ASSERT_FALSE(file_write(c.loc, path(&c, "none/f"), "x", 1));
    CU_ASSERT_FALSE(file_write(c.loc, path(&c, "folder/"), "x", 1));
    CU_ASSERT_EQUAL(count(&c, false), 1);
    CU_ASSERT_EQUAL(diag_errors(c.diag), 3);
    case_close(&c);
}

/* A full disk, played by a limit on the size of files: the old content stays. */
static void full_disk_keeps_old(void) {
    Case c;
    case_open(&c);
    CU_ASSERT(file_write(c.loc, path(&c, "f"), "old", 3));
    struct rlimit was, small;
    getrlimit(RLIMIT_FSIZE, &was);
    small = was;
    small.rlim_cur = 1000;
    char *data = arena_alloc(c.arena, 5000);
    setrlimit(RLIMIT_FSIZE, &small);
    bool ok = file_write(c.loc, path(&c, "f"), data, 5000);
    setrlimit(RLIMIT_FSIZE, &was);
    CU_ASSERT_FALSE(ok);
    CU_ASSERT_PTR_NOT_NULL(strstr(c.said.s, ": File too large"));
    size_t n;
    UNIT_SAME(file_read(c.arena, c.loc, path(&c, "f"), 100, &n), "old");
    CU_ASSERT_EQUAL(count(&c, false), 1);
    case_close(&c);
}

/* What a killed writer left beside the file is used up by the next. */
static void uses_what_was_left(void) {
    Case c;
    case_open(&c);
    size_t n;
    FILE *f = fopen(path(&c, "f.tmp"), "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs("half of something longer", f);
    fclose(f);
    CU_ASSERT(file_write(c.loc, path(&c, "f"), "whole", 5));
    UNIT_SAME(file_read(c.arena, c.loc, path(&c, "f"), 100, &n), "whole");
    CU_ASSERT_EQUAL(count(&c, false), 1);
    case_close(&c);
}

enum { WRITERS = 4, ROUNDS = 50 };

static void write_often(Case *c, char letter) {
    char data[20000];
    memset(data, letter, sizeof data);
    for (int i = 0; i < ROUNDS; i++)
        if (!file_write(c->loc, path(c, "f"), data, sizeof data - (size_t)letter % 7 * 1000))
            _exit(1);
    _exit(0);
}

/* Several writers of one file: it is always one writer's, whole. */
static void writers_wait(void) {
    Case c;
    case_open(&c);
    for (int i = 0; i < WRITERS; i++)
        if (fork() == 0)
            write_often(&c, (char)('a' + i));
    for (int left = WRITERS, status; left > 0;) {
        size_t n = 0;
        if (access(path(&c, "f"), R_OK) == 0) {
            Arena *a = arena_new();
            const char *s = file_read(a, c.loc, path(&c, "f"), 1 << 20, &n);
            CU_ASSERT_PTR_NOT_NULL_FATAL(s);
            CU_ASSERT_EQUAL(n, 20000 - (size_t)s[0] % 7 * 1000);
            CU_ASSERT_EQUAL(strspn(s, (char[]){s[0], 0}), n);
            arena_free(a);
        }
        if (waitpid(-1, &status, WNOHANG) > 0) {
            CU_ASSERT_EQUAL(status, 0);
            left--;
        }
    }
    CU_ASSERT_EQUAL(count(&c, false), 1);
    case_close(&c);
}

static void keeps_the_mode(void) {
    Case c;
    case_open(&c);
    struct stat st;
    CU_ASSERT(file_write(c.loc, path(&c, "f"), "1", 1));
    CU_ASSERT(chmod(path(&c, "f"), 0600) == 0);
    CU_ASSERT(file_write(c.loc, path(&c, "f"), "2", 1));
    CU_ASSERT(stat(path(&c, "f"), &st) == 0 && (st.st_mode & 0777) == 0600);
    CU_ASSERT(file_write(c.loc, "/dev/null", "3", 1));
    CU_ASSERT(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
    CU_ASSERT_EQUAL(c.said.n, 0);
    case_close(&c);
}

int main(void) {
    static const UnitTest test[] = {
        {"round trip", round_trip},
        {"read errors", read_errors},
        {"failed writes leave nothing", failed_writes_leave_nothing},
        {"a full disk keeps the old file", full_disk_keeps_old},
        {"uses what was left", uses_what_was_left},
        {"writers wait", writers_wait},
        {"keeps the mode", keeps_the_mode},
    };
    signal(SIGXFSZ, SIG_IGN);
    return unit_main("file", test, COUNT(test));
}
