/* Forms: maps of a model file whose keys are read by the builder, not by the schema. Each is
 * a list K(key, what it holds, whether it must be there, help). */
#ifndef KILN_FRONTEND_FORM_H
#define KILN_FRONTEND_FORM_H

#include "frontend/layer.h"

typedef enum {
    FORM_NAME,                         /* a new name */
    FORM_LAYER_NAME,                   /* that of a layer */
    FORM_TENSOR, FORM_TENSORS,         /* a tensor's name; or a list of them */
    FORM_LAYER, FORM_LAYERS,
    FORM_NUMBER, FORM_BOOL,
    FORM_INIT,                         /* how weights start */
    FORM_STATES,                       /* a map of states by name */
    FORM_ARGS                          /* names of arguments, or a map to their defaults */
} FormKind;

typedef struct { const char *key; FormKind kind; bool must; const char *help; } FormKey;
#define FORM_KEY(key, kind, must, help) {#key, FORM_##kind, must, help},
#define FORM_WORD(key, ...) #key,

#define LAYER_FORM(K) \
    K(name, NAME, false, "what other layers call it") \
    K(from, TENSORS, false, "the input, or inputs, by name")
#define WEIGHTED_FORM(K) \
    LAYER_FORM(K) \
    K(init, INIT, false, "how weights start") \
    K(trainable, BOOL, false, "false: training leaves the weights as they are") \
    K(weights, LAYER_NAME, false, "the layer whose weights are used")
#define RESIDUAL_FORM(K) \
    K(layers, LAYERS, true, "their result is added to the input") \
    K(shortcut, LAYERS, false, "what the input goes through meanwhile") LAYER_FORM(K)
#define REPEAT_FORM(K) \
    K(times, NUMBER, true, "how often") K(layers, LAYERS, true, "what is repeated") \
    LAYER_FORM(K)
#define SCAN_FORM(K) \
    K(state, STATES, true, "what is kept from step to step: shapes by name") \
    K(layers, LAYERS, true, "one step") \
    K(lengths, TENSOR, false, "how many steps count, by example") LAYER_FORM(K)
#define STATE_FORM(K) \
    K(start, TENSOR, false, "zeros, learned, or a tensor") \
    K(next, TENSOR, false, "what it is at the next step; the last layer's result if absent")
#define OUTPUT_FORM(K) \
    K(from, TENSOR, false, "the tensor; the last layer's result if absent") \
    K(as, LAYER, false, "a layer that it goes through when predicting")
#define BLOCK_FORM(K) \
    K(args, ARGS, false, "names of arguments") K(layers, LAYERS, true, "what it stands for")

/* What stands among layers and holds some: G(name, form, its other keys or NULL, help). */
#define GROUPS(G) \
    G(residual, RESIDUAL_FORM, NULL, "layers whose result is added to their input") \
    G(repeat, REPEAT_FORM, NULL, "the same layers several times, with weights of their own") \
    G(scan, SCAN_FORM, &scan_row, "layers as one step of a recurrence")

/* Their other keys, and which one stands for the whole. */
extern const LayerRow input_row;       /* interface.c */
extern const LayerRow scan_row, state_row;     /* build_scan.c */

#endif
