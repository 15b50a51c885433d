/* gzip'd files, recognised by their first bytes, expanded in memory. */
#ifndef KILN_FRONTEND_GZIP_H
#define KILN_FRONTEND_GZIP_H

#include "base/base.h"

bool gzip_is(const void *bytes, size_t size);
/* The first `limit` bytes of the content, or all if there are fewer; checksums are
 * verified when the end is reached. NULL after an error. */
void *gzip_expand(Arena *a, Loc file, const void *bytes, size_t size, size_t limit,
                  size_t *got);

#endif
