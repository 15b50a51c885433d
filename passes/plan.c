/* Memory: where every value lives.
 * in: schedules of launches   out: the program, each argument a place
 * keeps: values
 *
 * A result is written straight to its output or slot where every read of that slot comes
 * first; else it is copied there at the end. A value may take the bytes of an operand
 * that dies with it, if the kernel reads each element of it just where it writes. */
#include "passes/fuse.h"
#include "passes/lower.h"

#include <string.h>

#include "base/map.h"

typedef struct {
    Ref ref;                           /* base reference (no views) */
    int def, last;                     /* launches: made by, read last by */
    int64_t bytes;
    int heir;                          /* value whose bytes it shares, or -1 */
    bool placed;                       /* place is final: leaf, output, slot */
    bool taken;                        /* another value has its bytes after it */
    Place place;
} Value;

typedef struct {
    Module *m;
    const Graph *g;
    Schedule *s;
    const EntryInfo *info;
    Program *prog;
    int nvalue;
    Value *value;
    Map number;                        /* of values, by reference */
    Map leaf;                          /* of values that are slots, by name and node kind */
    Map slot;                          /* numbers in a block, by name and space */
    Map kernel;                        /* numbers of kernels in the program */
    int outputs;                       /* TO_OUTPUT results seen */
} Plan;

static Value *find(const Plan *pl, Ref r) {
    int i = map_get(&pl->number, r.node, r.res);
    return i < 0 ? NULL : &pl->value[i];
}

static Value *touch(Plan *pl, Ref r, int at) {
    Value *v = find(pl, r);
    if (!v) {
        Value fresh = {.ref = r, .def = at, .heir = -1, .bytes = type_bytes(ref_type(r))};
        Arena *temp = pl->m->temp;
        map_put(temp, &pl->number, r.node, r.res, pl->nvalue);
        if (r.node->kind == N_PARAM || r.node->kind == N_STATE)
            map_put(temp, &pl->leaf, r.node->name, (int)r.node->kind, pl->nvalue);
        v = &PUSH(temp, pl->value, pl->nvalue);
        *v = fresh;
    }
    v->last = at;
    return v;
}

/* --- leaves --- */

/* The block of a space, by number. */
static const Block *block_of(const Module *m, Space space) {
    switch (space) {
    case AT_PARAM:  return &m->param;
    case AT_STATE:  return &m->state;
    case AT_STREAM: return &m->stream;
    case AT_VALUE:  return &m->value;
    case AT_ARENA: case AT_GRAD: case AT_CONST: case AT_INPUT: case AT_OUTPUT: break;
    }
    bug("a space of slots %d", space);
}

static void index_slots(Plan *pl, Space space) {
    const Block *b = block_of(pl->m, space);
    for (int i = 0; i < b->n; i++)
        map_put(pl->m->temp, &pl->slot, strs_z(pl->m->strs, b->slot[i].name), space, i);
}

static Place slot_place(const Plan *pl, Space space, const char *name) {
    Space block = space == AT_GRAD ? AT_PARAM : space;   /* gradients lie as parameters */
    int i = map_get(&pl->slot, strs_z(pl->m->strs, name), block);
    if (i < 0)
        bug("no slot '%s'", name);
    return (Place){.space = space, .offset = block_of(pl->m, block)->slot[i].offset};
}

/* What a stream keeps has a block of its own; it reads the model's state too. */
static Space state_space(const Plan *pl, const char *name) {
    bool own = map_get(&pl->slot, strs_z(pl->m->strs, name), AT_STREAM) >= 0;
    return own && pl->info->stream ? AT_STREAM : AT_STATE;
}

static int64_t constant_at(Plan *pl, const Node *n) {
    Program *p = pl->prog;
    int64_t bytes = type_bytes(&n->types[0]), at = size_align(p->constant.bytes, 64);
    for (int i = 0; i < p->constant.n; i++) {
        const Slot *s = &p->constant.slot[i];
        if (type_equal(&s->type, &n->types[0]) &&
            memcmp(p->const_data + s->offset, n->data, (size_t)bytes) == 0)
            return s->offset;
    }
    unsigned char *data = arena_grow(pl->m->arena, (void *)(uintptr_t)p->const_data,
                                     (size_t)p->constant.bytes, (size_t)(at + bytes));
    memcpy(data + at, n->data, (size_t)bytes);
    p->const_data = data;
    Slot s = {.name = arena_printf(pl->m->arena, "c%d", p->constant.n),
              .type = n->types[0], .offset = at};
    PUSH(pl->m->arena, p->constant.slot, p->constant.n) = s;
    p->constant.bytes = at + bytes;
    return at;
}

static int input_number(Plan *pl, const char *name) {
    for (int i = 0; i < pl->info->nin; i++)
        if (strcmp(pl->m->input.slot[pl->info->in[i]].name, name) == 0)
            return i;
    bug("entry %s has no input '%s'", pl->g->name, name);
}

static bool leaf_place(Plan *pl, const Node *n, Place *out) {
    switch (n->kind) {
    case N_INPUT: *out = (Place){.space = AT_INPUT, .index = input_number(pl, n->name)}; return true;
    case N_PARAM: *out = slot_place(pl, AT_PARAM, n->name); return true;
    case N_STATE: *out = slot_place(pl, state_space(pl, n->name), n->name); return true;
    case N_VALUE: *out = slot_place(pl, AT_VALUE, n->name); return true;
    case N_CONST: *out = (Place){.space = AT_CONST, .offset = constant_at(pl, n)}; return true;
    case N_EQ: case N_SCAN: case N_ARGSORT: return false;
    }
    bug("node of kind %d", n->kind);
}

/* --- in place --- */

typedef struct { int read, write; bool ok, stored; const Ix *at; } Overlap;

static void check_read(const Expr *e, void *user) {
    Overlap *o = user;
    if (e->kind == X_READ && e->u.slot == o->read)
        o->ok &= e->lanes == 1 && e->sub[0] == o->at && !o->stored;
}

static void ix_reads_slot(const Ix *x, int slot, bool *yes) {
    for (int i = 0; i < x->n; i++) {
        const IxAtom *t = x->term[i].atom;
        *yes |= t->kind == IX_READ && t->id == slot;
        for (int j = 0; j < t->n; j++)
            ix_reads_slot(t->a[j], slot, yes);
    }
}

/* The single address at which `slot` is stored; NULL if there are several. */
static const Ix *store_address(const Stmt *s, int slot, int *stores) {
    const Ix *at = NULL;
    for (; s; s = s->next) {
        if (s->kind == S_STORE && s->buf == slot) {
            at = s->at;
            ++*stores;
        }
        const Ix *in = store_address(s->body, slot, stores);
        at = in ? in : at;
    }
    return at;
}

static void check_stmts(const Stmt *s, Overlap *o) {
    for (; s; s = s->next) {
        bool index = false;
        if (s->value)
            x_visit(s->value, check_read, o);
        if (s->kind == S_STORE) {
            ix_reads_slot(s->at, o->read, &index);
            o->ok &= s->buf != o->read;
            o->stored |= s->buf == o->write;
        }
        for (int i = 0; s->kind == S_IF && i < s->cond.n; i++)
            ix_reads_slot(s->cond.cmp[i].e, o->read, &index);
        o->ok &= !index;
        check_stmts(s->body, o);
    }
}

/* One store, and every read before it, at its address. */
static bool in_place(const Kernel *k, int read, int write) {
    int stores = 0;
    Overlap o = {.read = read, .write = write};
    o.ok = k->buf[read].dtype == k->buf[write].dtype;
    o.at = store_address(k->body, write, &stores);
    if (stores != 1 || k->buf[write].read)
        return false;
    check_stmts(k->body, &o);
    return o.ok;
}

static int arg_slot(const Kernel *k, int arg) {
    for (int i = 0; i < k->nbuf; i++)
        if (k->buf[i].kind == BUF_ARG && arg-- == 0)
            return i;
    bug("kernel without argument");
}

static int arg_of(const Launch *la, Ref r) {
    for (int i = 0; i < la->narg; i++)
        if (ref_equal(la->arg[i], r))
            return i;
    return -1;
}

bool plan_share(Kernel *k, int read, int write) {
    int a = arg_slot(k, read), b = arg_slot(k, write);
    if (!in_place(k, a, b))
        return false;
    k->buf[a].restricted = k->buf[b].restricted = false;
    return true;
}

/* --- results --- */

/* Is the slot's old value done with when launch `def` writes the new one? */
static bool slot_free(const Plan *pl, const Result *r, int def, int write) {
    int kind = r->to == TO_PARAM ? (int)N_PARAM : r->to == TO_STATE ? (int)N_STATE : -1;
    int old = map_get(&pl->leaf, r->name, kind);
    if (old < 0)
        return true;
    const Value *v = &pl->value[old];
    int read = v->last == def ? arg_of(&pl->s->launch[def], v->ref) : -1;
    return v->last <= def &&
           (read < 0 || plan_share(pl->s->launch[def].kernel, read, write));
}

/* Is launch `def` of node n to write the changed elements of its slot alone? */
static bool updates(const Plan *pl, const Result *r, const Node *n, int def) {
    const Node *slot = r->to == TO_STATE ? fuse_update(n) : NULL;
    int old = slot && slot->name == r->name ? map_get(&pl->leaf, r->name, (int)N_STATE) : -1;
    return old >= 0 && pl->value[old].last <= def && !pl->s->launch[def].turn;
}

static Place result_place(Plan *pl, const Result *r, int output) {
    switch (r->to) {
    case TO_OUTPUT: return (Place){.space = AT_OUTPUT, .index = output};
    case TO_PARAM:  return slot_place(pl, AT_PARAM, r->name);
    case TO_STATE:  return slot_place(pl, state_space(pl, r->name), r->name);
    case TO_GRAD:   return slot_place(pl, AT_GRAD, r->name);
    }
    bug("result of kind %d", r->to);
}

/* A launch that copies a value at the end of the entry. */
static void add_copy(Plan *pl, Ref from, int result) {
    Module *m = pl->m;
    Launch la = {.kind = C_KERNEL, .kernel = lower_copy(m, ref_type(from)), .narg = 2,
                 .arg = NEW(m->arena, 2, Ref)};
    la.arg[0] = from;
    la.arg[1] = (Ref){NULL, result};   /* the result's own place */
    PUSH(m->arena, pl->s->launch, pl->s->n) = la;
}

/* Decides for each result: written in place by its kernel, or copied. */
static void place_results(Plan *pl) {
    int launches = pl->s->n;
    for (int i = 0; i < pl->g->nresult; i++) {
        const Result *r = &pl->g->result[i];
        int output = r->to == TO_OUTPUT ? pl->outputs++ : 0;
        Ref base = lower_base(pl->g, r->ref);
        Value *v = find(pl, base);
        bool made = v && !v->placed && v->def < launches && base.node->kind == N_EQ;
        int write = made ? arg_of(&pl->s->launch[v->def], base) : -1;
        if (made && updates(pl, r, base.node, v->def)) {
            pl->s->launch[v->def] = lower_update(pl->m, pl->g, base.node);
            v->place = result_place(pl, r, output);
            v->placed = true;
        } else if (made && write >= 0 && slot_free(pl, r, v->def, write)) {
            v->place = result_place(pl, r, output);
            v->placed = true;
        } else {
            add_copy(pl, base, i);
            touch(pl, base, pl->s->n - 1);
        }
    }
}

/* --- values in the arena --- */

static bool moves(const Launch *la, int arg) {
    return la->turn && (la->turn[arg].offset || la->turn[arg].stride);
}

/* Values that die where another is born may hand over their bytes. */
static void share_bytes(Plan *pl) {
    for (int i = 0; i < pl->nvalue; i++) {
        Value *v = &pl->value[i];
        const Launch *la = &pl->s->launch[v->def];
        if (v->placed || la->kind != C_KERNEL)
            continue;
        int write = arg_of(la, v->ref);
        for (int a = 0; a < la->narg && v->heir < 0; a++) {
            Value *d = la->arg[a].node ? find(pl, la->arg[a]) : NULL;
            if (!d || d == v || d->placed || d->last != v->def || d->bytes != v->bytes ||
                d->def == v->def || moves(la, a) || moves(la, write))
                continue;
            if (d->taken || !plan_share(la->kernel, a, write))
                continue;
            v->heir = (int)(d - pl->value);
            d->taken = true;
        }
    }
}

static int root(const Plan *pl, int i) {
    while (pl->value[i].heir >= 0)
        i = pl->value[i].heir;
    return i;
}

static void place_arena(Plan *pl, Entry *e) {
    Module *m = pl->m;
    int n = 0, *life_of = NEW(m->temp, pl->nvalue + 1, int);
    Life *life = NEW(m->temp, pl->nvalue + 1, Life);
    for (int i = 0; i < pl->nvalue; i++) {
        const Value *v = &pl->value[i];
        if (v->placed)
            continue;
        if (v->heir < 0) {
            life_of[i] = n;
            life[n++] = (Life){v->def, v->last + 1, v->bytes, 0};
        } else {
            Life *l = &life[life_of[root(pl, i)]];
            life_of[i] = life_of[root(pl, i)];
            l->upper = v->last + 1 > l->upper ? v->last + 1 : l->upper;
        }
    }
    e->arena = plan_offsets(m->temp, n, life, 64);
    e->arena_bound = plan_bound(m->temp, n, life);
    for (int i = 0; i < pl->nvalue; i++)
        if (!pl->value[i].placed)
            pl->value[i].place = (Place){.space = AT_ARENA, .offset = life[life_of[i]].offset};
}

/* --- the entry --- */

/* What a loop uses and others make or use, and what it stacks, lives for all its turns. */
static void outlive_loop(Plan *pl, int from, int to) {
    for (int i = 0; i < pl->nvalue; i++) {
        Value *v = &pl->value[i];
        bool used = v->last >= from && v->def <= to;
        if (!used || (v->def >= from && v->last <= to && v->ref.node->kind != N_SCAN))
            continue;
        v->def = v->def < from ? v->def : from;
        v->last = v->last > to ? v->last : to;
    }
}

static void outlive_loops(Plan *pl) {
    for (int i = 0; i < pl->s->n; i++) {
        int end = i, depth = 0;
        do {
            depth += pl->s->launch[end].kind == C_LOOP;
            depth -= pl->s->launch[end].kind == C_END;
        } while (depth > 0 && ++end < pl->s->n);
        if (pl->s->launch[i].kind == C_LOOP)
            outlive_loop(pl, i, end);
    }
}

static void collect(Plan *pl) {
    for (int i = 0; i < pl->s->n; i++) {
        const Launch *la = &pl->s->launch[i];
        for (int a = 0; a < la->narg; a++) {
            Value *v = touch(pl, la->arg[a], i);
            v->placed = leaf_place(pl, la->arg[a].node, &v->place);
        }
    }
    outlive_loops(pl);
    for (int i = 0; i < pl->g->nresult; i++) {
        Ref base = lower_base(pl->g, pl->g->result[i].ref);
        Value *v = find(pl, base) ? find(pl, base) : touch(pl, base, 0);
        if (!v->placed)
            v->placed = leaf_place(pl, base.node, &v->place);
    }
}

static int add_kernel(Plan *pl, Kernel *k) {
    Program *p = pl->prog;
    int at = map_get(&pl->kernel, k, 0);
    if (at >= 0)                       /* a step that stands beside its loop */
        return at;
    map_put(pl->m->temp, &pl->kernel, k, 0, p->nkernel);
    PUSH(p->arena, p->kernel, p->nkernel) = k;
    return p->nkernel - 1;
}

static void add_calls(Plan *pl, Entry *e) {
    Arena *a = pl->m->arena;
    for (int i = 0; i < pl->s->n; i++) {
        const Launch *la = &pl->s->launch[i];
        Call c = {.kind = la->kind, .times = la->times};
        if (la->kind == C_KERNEL) {
            c.kernel = add_kernel(pl, la->kernel);
            c.arg = NEW(a, la->narg, Place);
        }
        for (int j = 0; j < la->narg; j++) {
            if (la->arg[j].node) {
                c.arg[j] = find(pl, la->arg[j])->place;
                c.arg[j].offset += la->turn ? la->turn[j].offset : 0;
                c.arg[j].stride = la->turn ? la->turn[j].stride : 0;
                continue;
            }
            int number = 0;            /* the copy's target */
            for (int r = 0; r < la->arg[j].res; r++)
                number += pl->g->result[r].to == TO_OUTPUT;
            c.arg[j] = result_place(pl, &pl->g->result[la->arg[j].res], number);
        }
        PUSH(a, e->call, e->ncall) = c;
    }
}

static void plan_entry(Module *m, int i, Entry *e) {
    Plan pl = {.m = m, .g = m->graph[i], .s = &m->schedule[i], .info = &m->info[i],
               .prog = m->program};
    e->name = pl.g->name;
    e->training = pl.info->training;
    e->judged = pl.info->judged;
    e->stream = pl.info->stream;
    e->nin = pl.info->nin;
    e->in = NEW(m->arena, e->nin, int);
    memcpy(e->in, pl.info->in, (size_t)e->nin * sizeof *e->in);
    for (int r = 0; r < pl.g->nresult; r++)
        if (pl.g->result[r].to == TO_OUTPUT) {
            Slot s = {.name = pl.g->result[r].name, .type = *ref_type(pl.g->result[r].ref)};
            PUSH(m->arena, e->out, e->nout) = s;
        }
    index_slots(&pl, AT_PARAM);
    index_slots(&pl, AT_STATE);
    index_slots(&pl, AT_STREAM);
    index_slots(&pl, AT_VALUE);
    collect(&pl);
    place_results(&pl);
    share_bytes(&pl);
    place_arena(&pl, e);
    add_calls(&pl, e);
}

bool pass_plan(Module *m) {
    Program *p = m->program = NEW(m->arena, 1, Program);
    *p = (Program){.arena = m->arena, .pool = m->pool, .strs = m->strs, .name = m->name,
                   .target = m->target, .strict = m->strict, .batch = m->batch,
                   .input = m->input, .param = m->param,
                   .state = m->state, .stream = m->stream, .value = m->value};
    for (int i = 0; i < m->ngraph; i++)
        for (int r = 0; r < m->graph[i]->nresult; r++)
            if (m->graph[i]->result[r].to == TO_GRAD)
                p->grad = m->param;    /* gradients lie as the parameters do */
    p->nentry = m->ngraph;
    p->entry = NEW(m->arena, m->ngraph, Entry);
    for (int i = 0; i < m->ngraph; i++)
        plan_entry(m, i, &p->entry[i]);
    return true;
}
