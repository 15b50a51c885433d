/* What the subcommands share: exit codes, models from files or runs, programs, weights. */
#ifndef KILN_TOOLS_TOOL_H
#define KILN_TOOLS_TOOL_H

#include "codegen/exec.h"
#include "tools/args.h"
#include "train/data.h"
#include "train/weights.h"

typedef enum {
    DONE = 0,
    BAD_INPUT = 1, /* the model or data is wrong, diagnosed */
    BAD_USAGE = 2,
    SYSTEM = 3, /* files, memory, a missing tool */
    CHECK_FAILED = 4,
    DIVERGED = 5,
    BUG = 70
} ExitCode;

#define COMMAND(name, ...) int command_##name(const Args *args);
#include "tools/commands.def"

typedef struct Tool {
    const Args *args;
    Arena *arena;
    Diag *diag;
    const char *run;  /* the folder that FILE is, or NULL */
    const char *path; /* of the model file */
    Model *model;
    bool quiet; /* no warnings: they have been printed */
} Tool;

Tool *tool_new(const Args *args);
int tool_end(Tool *t, bool ok); /* frees all; the exit code */
int tool_usage(Tool *t);        /* the same after wrong usage */
/* The model of args->file; batch 0: the default. False: reported. */
bool tool_model(Tool *t, bool training, int64_t batch);
/* Target and pass options from the arguments. False: an unknown target, reported. */
bool tool_options(Tool *t, ProgramOptions *o);
Program *tool_program(Tool *t,
                      ProgramOptions *o); /* after tool_options; NULL: reported */
/* Can the stream be made that the model's file asks for? False: reported. */
bool tool_streams(Tool *t);
/* The file that -w gives, or that of the run; NULL: none. */
const char *tool_weights(const Tool *t);
bool tool_read_weights(Tool *t, Session *s);   /* that file, with --rename */
/* The vocabularies of the run, or those that the model's training data have. */
bool tool_vocabs(Tool *t, Vocabs *out);
bool tool_seed(const Tool *t, uint64_t *seed); /* --seed, else the model's */
Backend tool_backend(const Tool *t); /* the default: jit, or c where it is not there */
bool tool_folder(Tool *t, const char *path); /* made where it is not there */
/* A file's name with bytes outside [A-Za-z0-9_.-] as `_`. */
char *tool_file_name(Arena *a, const char *name);
/* Tensor name "a=b.npy" cut at its '='. */
void tool_pair(Arena *a, const char *arg, const char **name, const char **value);
double tool_seconds(void);        /* of a clock that only goes forward */
bool tool_print(const Text *out); /* on stdout; false: it is closed or full */

#endif
