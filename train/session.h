/* Sessions: a model as a running program with its memory. */
#ifndef KILN_TRAIN_SESSION_H
#define KILN_TRAIN_SESSION_H

#include "codegen/exec.h"
#include "frontend/tensor.h"
#include "train/program.h"

typedef struct {
    ProgramOptions program;            /* its threads are the pool's too */
    ExecOptions exec;
} SessionOptions;

typedef struct Session {
    Arena *arena;                      /* lives with the session */
    Model *model;
    Program *program;
    Exec *exec;
    KilnCtx *ctx;
    void *stream;                      /* state of a stream, ours: ctx->stream at first */
    struct KrtPool *pool;              /* NULL: one thread */
    bool finite;                       /* the loss of the last run, where it has one */
    SessionOptions options;
} Session;

/* Parameters and state are zero until session_init or weights_read. NULL: reported. */
Session *session_open(Model *m, const SessionOptions *o);
/* The same in two: the code, then memory and threads. */
Session *session_compile(Model *m, const SessionOptions *o);
bool session_start(Session *s);
void session_close(Session *s);        /* NULL is fine */

/* Runs the entry init with the random numbers of this seed. */
bool session_init(Session *s, uint64_t seed);
void session_random(Session *s, uint64_t seed, uint32_t step);  /* for the next runs */
void session_rate(Session *s, float lr);
/* Runs an entry; false and an error that says why not. `in` and `out` as in the program.
 * A loss that is not finite is no error: s->finite says. */
bool session_run(Session *s, int entry, int64_t n, const void *const *in, void *const *out);
/* The entry `stream` goes on from the state at ctx->stream, program->stream.bytes of it:
 * ours, or another that is zeroed to begin with (NULL: ours). */
void session_stream_use(Session *s, void *state);
void session_stream_reset(Session *s);                  /* the one in use begins again */
int session_entry(const Session *s, const char *name);  /* a bug if there is none */
/* Room for one result of each output of an entry, for batches of up to program->batch. */
void **session_outputs(Arena *a, const Session *s, int entry);

/* Tensors that lie in the session's memory, under their names. */
typedef enum {
    PART_PARAMS = 1, PART_STATE = 2, PART_OPTIMIZER = 4,
    PART_WEIGHTS = PART_PARAMS | PART_STATE, PART_ALL = 7
} PartOf;
Tensors session_tensors(Arena *a, const Session *s, PartOf part);

#endif
