/* Random networks: a model file in Kiln's language, and the same network as lines of
 * Python over the layers of tests/nets/torch_nets.py. The same seed gives the same. */
#ifndef KILN_TESTS_NET_H
#define KILN_TESTS_NET_H

#include "base/base.h"

typedef struct {
    Text yaml, python;
    int64_t batch;                     /* the bound B */
} Net;

/* `limit`: layers after so many are left out, where a failing net is cut down; below 0:
 * none is. */
Net net_make(uint64_t seed, int limit);
void net_free(Net *n);

#endif
