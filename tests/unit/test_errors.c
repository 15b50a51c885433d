/* tests/errors/: models with errors. `# error: column: text` stands on the line that an
 * error is reported for; KILN_BLESS=1 writes what is reported into the files. */
#define _POSIX_C_SOURCE 200809L
#include "frontend/model.h"
#include "tests/unit/unit.h"
#include "train/program.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static const char dir[] = "tests/errors";
static const char mark[] = "# error: ";

typedef struct {
    int line, col;
    const char *text;
} Fault;

typedef struct {
    Arena *arena;
    int n;
    Fault *fault;
} Faults;

static void listen(void *user, DiagKind kind, Loc loc, const char *message) {
    Faults *f = user;
    if (kind == DIAG_ERROR)
        PUSH(f->arena, f->fault, f->n) =
            (Fault){loc.line, loc.col, arena_printf(f->arena, "%s", message)};
}

/* The marks of a file; what they end is the text without them. */
static char *read_marks(const char *text, Faults *out) {
    char *bare = arena_printf(out->arena, "%s", text), *to = bare;
    int line = 1;
    for (const char *p = text; *p; line++) {
        size_t n = strcspn(p, "\n"), keep = n;
        char *copy = arena_printf(out->arena, "%.*s", (int)n, p), *at = copy;
        while ((at = strstr(at, mark))) {
            char *end, *next = strstr(at + 1, mark);
            size_t here = (size_t)(at - copy);
            keep = here < keep ? here : keep;
            at += strlen(mark);
            long col = strtol(at, &end, 10);
            size_t len = next ? (size_t)(next - end) : strlen(end);
            while (len && end[len - 1] == ' ')
                len--;
            PUSH(out->arena, out->fault, out->n) =
                (Fault){line, (int)col,
                        arena_printf(out->arena, "%.*s", (int)len - 2, end + 2)};
        }
        while (keep < n && keep && p[keep - 1] == ' ')
            keep--;
        memcpy(to, p, keep);
        to += keep;
        p += n;
        if (*p)
            *to++ = *p++;
    }
    *to = '\0';
    return bare;
}

static void bless(const char *path, const char *bare, const Faults *got) {
    Text out = {0};
    int line = 1;
    for (const char *p = bare; *p; line++) {
        size_t n = strcspn(p, "\n");
        text_put(&out, p, n);
        for (int i = 0; i < got->n; i++)
            if (got->fault[i].line == line)
                text_printf(&out, "  %s%d: %s", mark, got->fault[i].col,
                            got->fault[i].text);
        p += n;
        if (*p)
            text_put(&out, p++, 1);
    }
    FILE *f = fopen(path, "w");
    if (f) {
        fwrite(out.s, 1, out.n, f);
        fclose(f);
    }
    text_free(&out);
}

static bool holds(const Faults *f, const Fault *x) {
    for (int i = 0; i < f->n; i++)
        if (f->fault[i].line == x->line && f->fault[i].col == x->col &&
            !strcmp(f->fault[i].text, x->text))
            return true;
    return false;
}

static bool show_missing(const char *path, const char *what, const Faults *a,
                         const Faults *b) {
    bool ok = true;
    for (int i = 0; i < a->n; i++)
        if (!holds(b, &a->fault[i])) {
            printf("%s:%d:%d: %s: %s\n", path, a->fault[i].line, a->fault[i].col, what,
                   a->fault[i].text);
            ok = false;
        }
    return ok;
}

static bool run_file(const char *path) {
    Arena *a = arena_new();
    Faults expected = {.arena = a}, got = {.arena = a};
    Diag *d = diag_new(a, listen, &got);
    size_t size;
    char *text = file_read(a, diag_nowhere(d), path, TREE_MAX_BYTES, &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    char *bare = read_marks(text, &expected);
    ModelOptions o = {.path = path, .text = bare, .size = strlen(bare), .training = true};
    Model *m = model_load(a, d, &o);
    ProgramOptions p = {0};
    int n;
    bool ok = !m || !program_graphs(a, m, &p, &n);
    if (getenv("KILN_BLESS")) {
        bless(path, bare, &got);
    } else {
        ok &= show_missing(path, "expected", &expected, &got);
        ok &= show_missing(path, "not expected", &got, &expected);
        ok &= expected.n == got.n && got.n > 0;
    }
    arena_free(a);
    return ok;
}

static void all_files(void) {
    struct dirent **entry;
    int n = scandir(dir, &entry, NULL, alphasort), run = 0;
    CU_ASSERT_FATAL(n >= 0);
    for (int i = 0; i < n; i++) {
        const char *name = entry[i]->d_name, *dot = strrchr(name, '.');
        char path[512];
        snprintf(path, sizeof path, "%s/%s", dir, name);
        if (dot && !strcmp(dot, ".yaml")) {
            bool ok = run_file(path);
            if (!ok)
                printf("%s: failed\n", path);
            CU_ASSERT(ok);
            run++;
        }
        free(entry[i]);
    }
    free(entry);
    CU_ASSERT(run >= 60);
}

int main(void) {
    static const UnitTest test[] = {{"all_files", all_files}};
    return unit_main("errors", test, COUNT(test));
}
