/* C source of a program: header, source, and weights. */
#ifndef KILN_CODEGEN_C_H
#define KILN_CODEGEN_C_H

#include "ir/loop.h"

typedef struct {
    const char *prefix;                /* C identifier; NULL = mapped from program->name */
    const void *weights;               /* program->param block to embed, or NULL */
    const void *state;                 /* program->state block to embed, or NULL */
    const char *lr;                    /* body of float <prefix>_lr(int64_t step,
                                          int64_t epoch_steps); NULL: no such function */
} EmitC;

void emit_c_header(Text *out, const Program *p, const EmitC *o);
void emit_c_source(Text *out, const Program *p, const EmitC *o);
/* What heads files of the blocks param and state: changes with names, types and places. */
uint64_t emit_c_layout(const Program *p);
/* An injective mapping of any text to a C identifier that is no keyword. */
void emit_c_ident(Text *out, const char *name);

#endif
