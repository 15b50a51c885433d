/* The loop-IR interpreter as a backend: slow, and without a compiler that could be wrong. */
#ifndef KILN_CODEGEN_INTERP_H
#define KILN_CODEGEN_INTERP_H

#include "codegen/exec.h"

/* exec.c checks arguments before it calls run. */
extern const BackendInfo interp_backend;

#endif
