/* The last touches on a program.
 * in: a program with final kernels   out: named kernels without twins, scratch per entry */
#include "passes/pass.h"

bool pass_link(Module *m) {
    Program *p = m->program;
    pass_merge(m);                     /* some have become the same since */
    for (int i = 0; i < p->nkernel; i++)
        p->kernel[i]->name = arena_printf(m->arena, "k%d", i);
    for (int i = 0; i < p->nentry; i++) {
        Entry *e = &p->entry[i];
        for (int c = 0; c < e->ncall; c++) {
            if (e->call[c].kind != C_KERNEL)
                continue;
            int64_t need = kernel_scratch(p->kernel[e->call[c].kernel]);
            e->scratch = need > e->scratch ? need : e->scratch;
        }
    }
    return true;
}
