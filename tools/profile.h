/* Where the time of an entry goes, kernel by kernel. */
#ifndef KILN_TOOLS_PROFILE_H
#define KILN_TOOLS_PROFILE_H

#include "ir/loop.h"

typedef struct Profile Profile;

Profile *profile_new(Arena *a);
void profile_clear(Profile *p, int nkernel);       /* begins to count */
void profile_start(Profile *p);                    /* an entry begins to run */
void profile_watch(void *profile, int kernel);     /* for ExecOptions.watch */
/* A line for each kernel that ran, the longest first: ms and share of one of `runs` runs,
 * calls in it, scalar operations and bytes per second at the batch's bound, origin. */
void profile_print(Text *out, const Profile *p, const Program *program, int runs);

#endif
