/* Between exec.c and the files of single backends. */
#ifndef KILN_CODEGEN_EXEC_BACKEND_H
#define KILN_CODEGEN_EXEC_BACKEND_H

#include "codegen/exec.h"

extern const BackendInfo c_backend;    /* exec_c.c */

/* The JIT's backend, its module loaded; NULL and an error at loc if it is not there.
 * (exec_module.c) */
const BackendInfo *jit_module(Loc loc, void **module);
void module_close(void *module);       /* NULL is fine */

#endif
