/* libkiln: load a model, compile it, run its entries on your buffers, emit its C.
 *
 * Objects are opaque and independent of each other: different threads may use different
 * ones at the same time. Nothing is printed; what is wrong with a model is read from
 * kiln_messages. Strings and tensors that a function returns belong to the object and live
 * until kiln_close, unless it says otherwise. */
#ifndef KILN_KILN_H
#define KILN_KILN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kiln kiln;

/* All fields may be zero: the defaults then hold. */
typedef struct kiln_options {
    const char *const *set;            /* "a.b.c=value", as for --set */
    int nset;
    int64_t batch;                     /* most examples in a call; 0: train.batch if
                                          training, else 1 */
    int training;                      /* also loss, grad and step */
    int strict;                        /* strict float mode; default: fast */
    const char *target;                /* "native" (default), "avx2", "portable" ... */
    const char *backend;               /* "jit" (default), "c", "interp" */
    int threads;                       /* 0: 1 */
} kiln_options;

/* A model from a file, or from text; `name` stands for a file name in messages. Never
 * NULL: see kiln_errors. options may be NULL. */
kiln *kiln_open(const char *path, const kiln_options *options);
kiln *kiln_open_text(const char *name, const char *text, size_t size,
                     const kiln_options *options);
void kiln_close(kiln *k);              /* NULL is fine */
const char *kiln_version(void);

/* Errors so far, and all messages: `file:line:col: error: ...`, the line, a caret. An
 * object with errors from opening can only be read and closed. */
int kiln_errors(const kiln *k);
const char *kiln_messages(const kiln *k);

/* Compiles for the backend; the functions below that run something do it by themselves.
 * 0, or -1 with messages. */
int kiln_compile(kiln *k);

typedef struct kiln_tensor {
    const char *name;
    const char *dtype;                 /* "f32" "f64" "i32" "i64" "u32" "u64" "u8" "bool" */
    int rank;
    int64_t shape[8];                  /* row-major; the batch's extent is its bound */
    int batched;                       /* shape[0] is the batch: calls pass n <= it */
} kiln_tensor;

/* Entries: "forward", "sample", "stream", "loss", "grad", "step". Number, or -1. */
int kiln_entry(kiln *k, const char *name);
int kiln_inputs(kiln *k, int entry);
int kiln_outputs(kiln *k, int entry);
/* False (0) if there is no such input or output. */
int kiln_input(kiln *k, int entry, int index, kiln_tensor *t);
int kiln_output(kiln *k, int entry, int index, kiln_tensor *t);

/* Parameters and state from a seed; from a file (safetensors or npz, PyTorch's names); to
 * a file. 0, or -1 with messages. Before one of the first two all parameters are zero. */
int kiln_init(kiln *k, uint64_t seed);
int kiln_load(kiln *k, const char *path);
int kiln_save(kiln *k, const char *path);

/* Runs an entry on n examples. in[] and out[] as kiln_input and kiln_output say; they must
 * not overlap. Returns 0 ok, 1 bad argument, 2 index out of range, 3 done, but the loss is
 * not finite, 4 this CPU lacks the target's features, -1 not compiled (messages). */
int kiln_run(kiln *k, int entry, int64_t n, const void *const *in, void *const *out);
/* For the calls that follow: random numbers (dropout), and the optimizer's rate. */
void kiln_random(kiln *k, uint64_t seed, uint32_t step);
void kiln_rate(kiln *k, float lr);

/* Streams: in a model with `deploy: {stream: ..}` the entry "stream" takes the next steps of
 * a sequence. What it keeps from call to call is a state of kiln_stream_bytes bytes (0: there
 * is no such entry; -1: not compiled). k has one; calls work on another after
 * kiln_stream_use: memory of yours, aligned to 64 bytes, that was given to kiln_stream_copy,
 * or is begun with kiln_stream_reset. NULL is k's own again. 0, or -1. */
int64_t kiln_stream_bytes(kiln *k);
int kiln_stream_use(kiln *k, void *state);
int kiln_stream_reset(kiln *k);        /* the one in use: a new sequence begins */
int kiln_stream_copy(kiln *k, void *to);          /* the one in use, to `to` */

/* Parameters and state by number from 0; *data is their memory. 0 past the last. */
int kiln_weight(kiln *k, int index, kiln_tensor *t, void **data);

/* C source as text that the caller frees with kiln_free. prefix NULL: the model's name.
 * embed: parameters and state as they are now stand in the source. 0, or -1. */
int kiln_emit_c(kiln *k, const char *prefix, int embed, char **header, char **source);
void kiln_free(void *text);

#ifdef __cplusplus
}
#endif

#endif
