/* Threads: the outermost FREE loop of a kernel that is worth it.
 * in: final loops   out: at most one LOOP_PARALLEL, outermost   keeps: values: iterations
 * are independent, and parts end at multiples of the step */
#include "passes/pass.h"

enum { WORTH = 20000 };                /* scalar operations that pay for waking threads */

bool pass_parallel(Module *m, Kernel *k) {
    Stmt *loop = NULL;
    (void)m;
    for (Stmt *s = k->body; s; s = s->next) {
        if (s->kind == S_FOR && (loop || s->loop != LOOP_FREE))
            return true;               /* several loops: they would need a barrier */
        if (s->kind == S_FOR)
            loop = s;
        else if (s->kind != S_LET && s->kind != S_COMMENT)
            return true;
    }
    if (loop && k->work >= WORTH) {
        loop->loop = LOOP_PARALLEL;
        k->parallel = true;
    }
    return true;
}
