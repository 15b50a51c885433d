/* Scoped table of values that are already computed in the region being emitted. */
#include "codegen/llvm.h"

void memo_clear(Memo *m) {
    m->n = 0;
    for (int i = 0; i < MEMO_CHAINS; i++)
        m->head[i] = -1;
}

static uint32_t chain_of(int slot, const void *key) {
    uint64_t h = (uint64_t)(slot + 3) * 0x9e3779b97f4a7c15u;
    if (slot == MEMO_EXPR) {
        h ^= (uint64_t)((const Expr *)key)->id * 0xff51afd7ed558ccdu;
    } else {
        const Ix *ix = key;
        for (int i = 0; i < ix->n; i++)
            h = (h ^ (uintptr_t)ix->term[i].atom ^ (uint64_t)ix->term[i].coef << 40) *
                0xff51afd7ed558ccdu;
    }
    return (uint32_t)(h >> 32) % MEMO_CHAINS;
}

static bool same_terms(const Ix *a, const Ix *b) {
    bool same = a->n == b->n;
    for (int i = 0; same && i < a->n; i++)
        same = a->term[i].atom == b->term[i].atom && a->term[i].coef == b->term[i].coef;
    return same;
}

Val memo_find(const Memo *m, int slot, const void *key) {
    for (int i = m->head[chain_of(slot, key)]; i >= 0; i = m->known[i].next) {
        const Known *k = &m->known[i];
        if (k->slot == slot &&
            (k->key == key || (slot != MEMO_EXPR && same_terms(k->key, key))))
            return k->value;
    }
    return NULL;
}

void memo_put(Emit *e, int slot, const void *key, Val v) {
    Memo *m = e->memo;
    uint32_t c = chain_of(slot, key);
    if (m->n == m->cap) {
        size_t old = (size_t)m->cap * sizeof *m->known;
        m->cap = m->cap ? 2 * m->cap : 256;
        m->known = arena_grow(e->arena, m->known, old, (size_t)m->cap * sizeof *m->known);
    }
    m->known[m->n] = (Known){key, slot, m->head[c], c, v};
    m->head[c] = m->n++;
}

void memo_release(Memo *m, int mark) {
    while (m->n > mark) {
        const Known *k = &m->known[--m->n];
        m->head[k->chain] = k->next;
    }
}

void memo_forget_values(Memo *m, int mark) {
    int n = m->n;
    memo_release(m, mark);
    for (int i = mark; i < n; i++) {
        Known k = m->known[i];
        if (k.slot == MEMO_EXPR)
            continue;
        k.next = m->head[k.chain];
        m->head[k.chain] = m->n;
        m->known[m->n++] = k;
    }
}
