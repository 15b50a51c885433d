/* Random networks: a model file in Kiln's language, and the same network as lines of
 * Python over the layers of tests/nets/torch_nets.py. The same seed gives the same. */
#ifndef KILN_TESTS_NET_H
#define KILN_TESTS_NET_H

#include "base/base.h"

typedef struct {
    Text yaml, python;
    int64_t batch;                     /* the bound B */
    int64_t blank;                     /* of ctc: no label */
} Net;

/* From this seed on the networks are of sequences; people write s12 for number 12. */
#define NET_SEQUENCES (UINT64_C(1) << 40)

/* `limit`: layers after so many are left out, where a failing net is cut down; below 0:
 * none is. */
Net net_make(uint64_t seed, int limit);
void net_free(Net *n);
const char *net_text(uint64_t seed, char text[24]);     /* "12", "s12" */

#endif
