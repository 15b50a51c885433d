/* Crash reports: what was being compiled when Kiln broke down. */
#ifndef KILN_TOOLS_CRASH_H
#define KILN_TOOLS_CRASH_H

#include "passes/pass.h"

void crash_report(void); /* from now on abort() prints one and exits with 70 */
const Module **crash_module(void); /* what is being compiled is noted here */

#endif
