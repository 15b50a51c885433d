/* Arguments of the command, read by two tables: options.def and commands.def. */
#ifndef KILN_TOOLS_ARGS_H
#define KILN_TOOLS_ARGS_H

#include "frontend/model.h"

#define ARG_FLAG bool
#define ARG_NUM int64_t
#define ARG_REAL double
#define ARG_TEXT const char *
#define ARG_WORD const char *
#define ARG_LIST Words
typedef struct Args {
    const char *file; /* the model, or the argument; NULL: none */
#define OPTION(field, letter, name, kind, value, help) ARG_##kind field;
#include "tools/options.def"
} Args; /* not given: false, -1, -1, NULL, none */

typedef struct Command {
    const char *name, *arguments;
    int least, most;     /* arguments */
    const char *options; /* fields of options.def */
    const char *what;
    int (*run)(const Args *args); /* the exit code */
} Command;
extern const Command command_list[];
extern const int command_count;

const Command *command_find(const char *name);  /* NULL: there is none */
void command_help(Text *out, const Command *c); /* NULL: of all */
/* argv from behind the command's name on. False: the fault has been printed. */
bool args_parse(Arena *a, const Command *c, int argc, char **argv, Args *out);
/* "unknown <what> 'word'", and what may have been meant, on stderr. */
bool usage_unknown(const char *what, const char *word, int n, const char *const *known);
bool usage_error(const char *fmt, ...) PRINTF(1, 2); /* on stderr; false */

#endif
