/* Programs of a model: its entries, with gradient and optimizer, compiled. */
#ifndef KILN_TRAIN_PROGRAM_H
#define KILN_TRAIN_PROGRAM_H

#include "frontend/model.h"
#include "passes/pass.h"

typedef struct {
    const Target *target;              /* NULL: native */
    int threads;                       /* the arena's scratch is for so many; 0: 1 */
    bool training;                     /* loss, grad and step besides forward */
    const char *only;                  /* comma-separated entries; NULL: all */
    bool upstream;                     /* grad of the sum of outputs times inputs
                                          "upstream.<output>" instead of the loss */
    bool whole;                        /* grad: outputs too, and gradients of all parameters
                                          and of floating inputs; implied by upstream */
    bool raw;                          /* outputs before `as` */
    bool eval;                         /* grad in evaluation mode */
    bool train_forward;                /* forward in training mode, with its new state */
    int standardize;                   /* i > 0: forward gives what the i-th standardize
                                          layer is given, and there is no other entry */
    const Module **running;            /* noted here while passes run; may be NULL */
    PassOptions pass;
} ProgramOptions;

/* Entries in the order init, forward, sample, stream, loss, grad, step, loss_reset, step_reset,
 * as far as the model has them. forward: outputs. sample: outputs with dropout on. stream:
 * outputs of the next steps; input and outputs have as many of them as deploy.stream.chunk
 * says. loss: "loss", then a metric each. grad: "loss" and TO_GRAD of every trainable
 * parameter; whole: outputs, and "grad.<input>" for floating inputs. step: as loss; parameters and state are updated.
 * loss_reset, step_reset: the states that loss, and grad and step, carry from call to call
 * begin again. Values: rng u32[4], lr f32. State: the model's, carried ones, the optimizer's
 * ("<param>.momentum", "<param>.exp_avg" ...), which init sets. NULL after an error. */
Program *program_build(Arena *a, Model *m, const ProgramOptions *o);
/* The same entries before any pass but gradient: what the oracle runs. */
Graph **program_graphs(Arena *a, Model *m, const ProgramOptions *o, int *n);

const Slot *block_find(const Block *b, const char *name);
int program_entry(const Program *p, const char *name);     /* -1: absent */

#endif
