/* kiln: finds the subcommand, runs it, and turns a crash of ours into a report. */
#include <string.h>

#include "tools/crash.h"
#include "tools/tool.h"

static int unknown_command(const char *word) {
    static const char *const known[] = {
#define COMMAND(name, ...) #name,
#include "tools/commands.def"
    };
    usage_unknown("command", word, (int)COUNT(known), known);
    return BAD_USAGE;
}

static int help(FILE *to, const Command *c) {
    Text t = {0};
    command_help(&t, c);
    fwrite(t.s, 1, t.n, to);
    text_free(&t);
    return to == stdout ? DONE : BAD_USAGE;
}

static bool asks_help(int argc, char **argv) {
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run(const Command *c, int argc, char **argv) {
    Arena *a = arena_new();
    Args args;
    int code = args_parse(a, c, argc, argv, &args) ? c->run(&args) : BAD_USAGE;
    arena_free(a);
    if (fflush(stdout) || ferror(stdout)) {
        usage_error("cannot write the result");
        code = code ? code : SYSTEM;
    }
    return code;
}

int main(int argc, char **argv) {
    const char *word = argc > 1 ? argv[1] : NULL;
    crash_report();
    if (!word)
        return help(stderr, NULL);
    if (strcmp(word, "--version") == 0) {
        printf("kiln %s\n", KILN_VERSION);
        return DONE;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        strcmp(word, "help") == 0) {
        if (argc == 2)
            return help(stdout, NULL);
        const Command *c = command_find(argv[2]);
        return c ? help(stdout, c) : unknown_command(argv[2]);
    }
    const Command *c = command_find(word);
    if (!c)
        return unknown_command(word);
    if (asks_help(argc - 2, argv + 2))
        return help(stdout, c);
    return run(c, argc - 2, argv + 2);
}
