/* The last touches on a program.
 * in: a program with final kernels   out: named kernels without twins, scratch per entry */
#include "passes/pass.h"

static int canonical(const Program *p, int k) {
    for (int i = 0; i < k; i++)
        if (p->kernel[i]->hash == p->kernel[k]->hash)
            return i;
    return k;
}

bool pass_link(Module *m) {
    Program *p = m->program;
    int *to = NEW(m->temp, p->nkernel, int), kept = 0;
    for (int i = 0; i < p->nkernel; i++)
        p->kernel[i]->hash = loop_hash(p->kernel[i]);
    for (int i = 0; i < p->nkernel; i++)
        to[i] = canonical(p, i);
    for (int i = 0; i < p->nkernel; i++) {
        if (to[i] != i) {
            to[i] = to[to[i]];
            continue;
        }
        p->kernel[kept] = p->kernel[i];
        p->kernel[kept]->name = arena_printf(m->arena, "k%d", kept);
        to[i] = kept++;
    }
    p->nkernel = kept;
    for (int i = 0; i < p->nentry; i++) {
        Entry *e = &p->entry[i];
        for (int c = 0; c < e->ncall; c++) {
            if (e->call[c].kind != C_KERNEL)
                continue;
            e->call[c].kernel = to[e->call[c].kernel];
            int64_t need = kernel_scratch(p->kernel[e->call[c].kernel]);
            e->scratch = need > e->scratch ? need : e->scratch;
        }
    }
    return true;
}
