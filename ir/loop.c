/* Loop IR: building statements and kernels, where locals lie, and a kernel's hash. */
#include "ir/loop.h"

#include "base/map.h"

static Stmt *stmt_new(Arena *a, StmtKind kind) {
    Stmt *s = NEW(a, 1, Stmt);
    s->kind = kind;
    return s;
}

Stmt *stmt_for(Arena *a, int var, LoopKind k, const Ix *lo, const Ix *hi, int64_t step,
               Stmt *body) {
    Stmt *s = stmt_new(a, S_FOR);
    s->var = var;
    s->loop = k;
    s->lo = lo;
    s->hi = hi;
    s->step = step;
    s->body = body;
    return s;
}

Stmt *stmt_if(Arena *a, Cond c, Stmt *body) {
    Stmt *s = stmt_new(a, S_IF);
    s->cond = c;
    s->body = body;
    return s;
}

Stmt *stmt_let(Arena *a, int var, const Expr *value) {
    Stmt *s = stmt_new(a, S_LET);
    s->var = var;
    s->value = value;
    return s;
}

Stmt *stmt_set(Arena *a, int var, const Expr *value) {
    Stmt *s = stmt_let(a, var, value);
    s->kind = S_SET;
    return s;
}

Stmt *stmt_store(Arena *a, int buf, const Ix *at, const Expr *value) {
    return stmt_vstore(a, buf, at, 1, value->lanes, value);
}

Stmt *stmt_vstore(Arena *a, int buf, const Ix *at, int64_t step, int active,
                  const Expr *value) {
    Stmt *s = stmt_new(a, S_STORE);
    s->buf = buf;
    s->at = at;
    s->step = step;
    s->active = active;
    s->value = value;
    return s;
}

Stmt *stmt_comment(Arena *a, const char *text) {
    Stmt *s = stmt_new(a, S_COMMENT);
    s->text = text;
    return s;
}

int kernel_var(Arena *a, Kernel *k, DType t, int lanes) {
    int id = k->nvar;
    PUSH(a, k->var, k->nvar).type = t;
    k->var[id].lanes = lanes;
    return id;
}

int kernel_loop(Kernel *k) { return k->nloop++; }

int kernel_buf(Arena *a, Kernel *k, Buf b) {
    int id = k->nbuf;
    PUSH(a, k->buf, k->nbuf) = b;
    return id;
}

/* Locals lie behind each other in a thread's slice, each on a border of 64 bytes. */
int64_t kernel_local(const Kernel *k, int buf) {
    int64_t at = 0;
    for (int i = 0; i < buf; i++)
        if (k->buf[i].kind == BUF_LOCAL)
            at += size_align(k->buf[i].size * dtype_info[k->buf[i].dtype].bytes, 64);
    return at;
}

int64_t kernel_scratch(const Kernel *k) { return kernel_local(k, k->nbuf); }

int64_t program_planned(const Program *p) {
    int64_t most = 0;
    for (int i = 0; i < p->nentry; i++)
        if (p->entry[i].arena > most)
            most = p->entry[i].arena;
    return size_align(most, 64);
}

int64_t program_scratch(const Program *p) {
    int64_t most = 0;
    for (int i = 0; i < p->nentry; i++)
        if (p->entry[i].scratch > most)
            most = p->entry[i].scratch;
    return size_align(most, 64);
}

bool entry_plain(const Entry *e) { return e->nin + e->nout == 0; }

/* Hashing: by content, so that it does not depend on the pool; each expression once. */
typedef struct {
    Arena *arena;
    Map number;                        /* of an expression in hash */
    int n;
    uint64_t *hash;
} Hasher;

static uint64_t hash_of(const Hasher *hs, const Expr *e) {
    return hs->hash[map_get(&hs->number, e, 0)];
}

static uint64_t mix(uint64_t h, uint64_t v) { return hash_bytes(&v, sizeof v, h); }

static uint64_t hash_ix(const Ix *x, uint64_t h) {
    h = mix(mix(h, (uint64_t)x->c), (uint64_t)x->n);
    for (int i = 0; i < x->n; i++) {
        const IxAtom *a = x->term[i].atom;
        h = mix(mix(h, (uint64_t)x->term[i].coef), (uint64_t)a->kind);
        h = mix(mix(h, (uint64_t)a->id), (uint64_t)a->k);
        for (int j = 0; j < a->n; j++)
            h = hash_ix(a->a[j], h);
    }
    return h;
}

static uint64_t hash_cond(Cond c, uint64_t h) {
    h = mix(h, (uint64_t)c.n);
    for (int i = 0; i < c.n; i++)
        h = hash_ix(c.cmp[i].e, mix(h, c.cmp[i].eq));
    return h;
}

static uint64_t hash_leaf(const Expr *e, uint64_t h) {
    uint64_t bits = (uint64_t)e->u.i;
    switch (e->kind) {
    case X_NUM: return mix(h, bits);
    case X_IX: return hash_ix(e->u.ix, mix(h, (uint64_t)e->step));
    case X_READ:
        h = mix(mix(h, (uint64_t)e->u.slot), (uint64_t)e->active);
        for (int i = 0; i < e->n; i++)
            h = hash_ix(e->sub[i], h);
        return mix(h, (uint64_t)e->step);
    case X_VAR: return mix(h, (uint64_t)e->u.slot);
    case X_WHEN: return hash_cond(e->cond, mix(h, (uint64_t)e->lane_var));
    case X_CALL: case X_SPLAT: case X_TREE: return h;
    }
    bug("expression kind %d", (int)e->kind);
}

static void hash_node(const Expr *e, void *user) {
    Hasher *hs = user;
    uint64_t h = mix(mix(0, (uint64_t)e->kind), (uint64_t)e->type * 64 + (uint64_t)e->lanes);
    h = hash_leaf(e, h);
    if (e->kind == X_CALL || e->kind == X_TREE)
        h = mix(h, (uint64_t)e->fn);
    if (e->kind != X_READ)
        for (int i = 0; i < e->n; i++)
            h = mix(h, hash_of(hs, e->arg[i]));
    map_put(hs->arena, &hs->number, e, 0, hs->n);
    PUSH(hs->arena, hs->hash, hs->n) = h;
}

static uint64_t hash_expr(Hasher *hs, const Expr *e, uint64_t h) {
    x_visit(e, hash_node, hs);
    return mix(h, hash_of(hs, e));
}

static uint64_t hash_body(Hasher *hs, const Stmt *s, uint64_t h) {
    for (; s; s = s->next) {
        if (s->kind == S_COMMENT)
            continue;
        h = mix(mix(h, (uint64_t)s->kind), (uint64_t)s->var);
        h = mix(mix(h, (uint64_t)s->loop), (uint64_t)s->step);
        h = mix(mix(h, (uint64_t)s->buf), (uint64_t)s->active);
        h = hash_cond(s->cond, h);
        const Ix *ix[] = {s->lo, s->hi, s->at};
        for (size_t i = 0; i < COUNT(ix); i++)
            h = ix[i] ? hash_ix(ix[i], h) : mix(h, i);
        if (s->value)
            h = hash_expr(hs, s->value, h);
        h = mix(hash_body(hs, s->body, h), 1);
    }
    return h;
}

/* Names, comments and origins do not count: twelve equal blocks share their kernels. */
uint64_t loop_hash(const Kernel *k) {
    Hasher hs = {.arena = arena_new()};
    uint64_t h = mix(mix(0, (uint64_t)k->nbuf), (uint64_t)k->nvar);
    for (int i = 0; i < k->nbuf; i++) {
        const Buf *b = &k->buf[i];
        h = mix(mix(mix(h, (uint64_t)b->kind), (uint64_t)b->dtype), (uint64_t)b->size);
        h = mix(h, (uint64_t)(b->read + 2 * b->written + 4 * b->restricted));
    }
    for (int i = 0; i < k->nvar; i++)
        h = mix(mix(h, (uint64_t)k->var[i].type), (uint64_t)k->var[i].lanes);
    h = hash_body(&hs, k->body, h);
    arena_free(hs.arena);
    return h;
}
