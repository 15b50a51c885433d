/* What `kiln predict --generate` does. */
#ifndef KILN_TOOLS_GENERATE_H
#define KILN_TOOLS_GENERATE_H

#include "tools/tool.h"

int command_generate(Tool *t, const ProgramOptions *o);    /* frees t; the exit code */

#endif
