/* Kernels that are the same become one: layers of equal shape share their code.
 * in: a program of scalar kernels   out: each kernel once   keeps: calls, in order
 *
 * Before kernels are tiled and vectorised, which then happens once for each. Which of a
 * kernel's arguments may overlap is part of what it is. */
#include "passes/pass.h"

typedef struct { uint64_t hash; int kernel; } Key;
typedef struct { size_t cap; Key *slot; } Kernels;    /* open addressing; kernel from 1 */

/* The first kernel of this hash; `kernel` if there is none yet. */
static int first_with(Kernels *t, uint64_t hash, int kernel) {
    size_t j = hash & (t->cap - 1);
    while (t->slot[j].kernel && t->slot[j].hash != hash)
        j = (j + 1) & (t->cap - 1);
    if (!t->slot[j].kernel)
        t->slot[j] = (Key){hash, kernel + 1};
    return t->slot[j].kernel - 1;
}

bool pass_merge(Module *m) {
    Program *p = m->program;
    int *to = NEW(m->temp, p->nkernel, int), kept = 0;
    Kernels t = {.cap = 64};
    while (t.cap < 2 * (size_t)p->nkernel)
        t.cap *= 2;
    t.slot = NEW(m->temp, t.cap, Key);
    for (int i = 0; i < p->nkernel; i++) {
        Kernel *k = p->kernel[i];
        k->hash = loop_hash(k);
        int first = first_with(&t, k->hash, i);
        to[i] = first < i ? to[first] : kept;
        if (first == i)
            p->kernel[kept++] = k;
    }
    p->nkernel = kept;
    for (int i = 0; i < p->nentry; i++)
        for (int c = 0; c < p->entry[i].ncall; c++)
            if (p->entry[i].call[c].kind == C_KERNEL)
                p->entry[i].call[c].kernel = to[p->entry[i].call[c].kernel];
    return true;
}
