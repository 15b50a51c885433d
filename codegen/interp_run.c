/* Runs tapes. Every access is checked; floats are computed in their own precision. */
#include "codegen/interp_tape.h"

#include <math.h>
#include <string.h>

typedef struct {
    Arena *arena;
    Loc loc;
    const Tape *t;
    int64_t *reg;
    Num *cell;
    const Memory *buf;
} Run;

Num interp_get(DType t, const void *data, int64_t i) {
    switch (t) {
    case F32:  return (Num){.f = ((const float *)data)[i]};
    case F64:  return (Num){.f = ((const double *)data)[i]};
    case I32:  return (Num){.i = ((const int32_t *)data)[i]};
    case U32:  return (Num){.i = ((const uint32_t *)data)[i]};
    case I64:
    case U64:  return (Num){.i = ((const int64_t *)data)[i]};
    case U8:   return (Num){.i = ((const uint8_t *)data)[i]};
    case BOOL: return (Num){.i = ((const uint8_t *)data)[i] != 0};
    case NDTYPE: break;
    }
    bug("an element without a type");
}

void interp_put(DType t, void *data, int64_t i, Num v) {
    switch (t) {
    case F32:  ((float *)data)[i] = (float)v.f; return;
    case F64:  ((double *)data)[i] = v.f; return;
    case I32:  ((int32_t *)data)[i] = (int32_t)v.i; return;
    case U32:  ((uint32_t *)data)[i] = (uint32_t)v.i; return;
    case I64:
    case U64:  ((int64_t *)data)[i] = v.i; return;
    case U8:
    case BOOL: ((uint8_t *)data)[i] = (uint8_t)v.i; return;
    case NDTYPE: break;
    }
    bug("an element without a type");
}

/* An integer as a number of type t. */
static Num number(DType t, int64_t v) {
    switch (t) {
    case F32:  return (Num){.f = (float)v};
    case F64:  return (Num){.f = (double)v};
    case I32:  return (Num){.i = (int32_t)v};
    case U32:  return (Num){.i = (uint32_t)v};
    case I64:
    case U64:  return (Num){.i = v};
    case U8:   return (Num){.i = (uint8_t)v};
    case BOOL: return (Num){.i = v != 0};
    case NDTYPE: break;
    }
    bug("a number without a type");
}

/* "k3: reads %1[800] of 784 elements at i0=3 i1=4, in: set v0 = ..." */
static bool outside(const Run *r, const Ins *in, int64_t at, const char *what) {
    Kernel one = *r->t->k;
    Stmt only = *in->stmt;
    Text where = {0}, text = {0};
    for (int i = 0; i < one.nloop; i++)
        text_printf(&where, " i%d=%lld", i, (long long)r->reg[i]);
    only.next = only.body = NULL;
    one.body = &only;
    one.nbuf = 0;
    loop_print(&text, &one);
    char *line = text.s ? strchr(text.s, '\n') : NULL, *end = line ? strchr(line + 1, '\n') : NULL;
    if (end)
        *end = '\0';
    diag_error(r->loc, "%s: %s %%%d[%lld] of %lld elements at%s, in:%s", one.name ? one.name : "",
               what, in->buf, (long long)at, (long long)r->buf[in->buf].size,
               where.s ? where.s : " no loop", line ? line + 2 : "");
    text_free(&where);
    text_free(&text);
    return false;
}

static bool fits(const Run *r, int buf, int64_t at) {
    return at >= 0 && at < r->buf[buf].size;
}

static bool read(const Run *r, const Ins *in) {
    const Memory *m = &r->buf[in->buf];
    Num *to = r->cell + in->to;
    int64_t at = r->reg[in->a];
    for (int l = 0; l < in->lanes; l++, at += in->k) {
        bool on = l < in->active && (in->b < 0 || r->cell[in->b + l].i);
        if (on && !fits(r, in->buf, at))
            return outside(r, in, at, "reads");
        to[l] = on ? interp_get(in->type, m->data, at) : (Num){0};
    }
    return true;
}

static bool store(const Run *r, const Ins *in) {
    const Memory *m = &r->buf[in->buf];
    int64_t at = r->reg[in->b];
    for (int l = 0; l < in->active; l++, at += in->k) {
        if (!fits(r, in->buf, at))
            return outside(r, in, at, "stores");
        interp_put(in->type, m->data, at, r->cell[in->a + l]);
    }
    return true;
}

/* The four folds; max and min keep a NaN. */
static Num fold2(Fn fn, DType t, Num a, Num b) {
    Num arg[] = {a, b};
    bool is_float = dtype_info[t].is_float;
    switch ((int)fn) {
    case FN_add:
    case FN_mul:
        return prim_eval(fn, t, arg);
    case FN_max:
        return is_float ? (a.f > b.f || a.f != a.f ? a : b)
                        : prim_eval(FN_lt, t, (Num[]){b, a}).i ? a : b;
    case FN_min:
        return is_float ? (a.f < b.f || a.f != a.f ? a : b)
                        : prim_eval(FN_lt, t, (Num[]){a, b}).i ? a : b;
    }
    bug("a tree of %s", fn_info[fn].name);
}

static void tree(const Run *r, const Ins *in) {
    Num v[64];
    memcpy(v, r->cell + in->a, (size_t)in->lanes * sizeof *v);
    for (int half = in->lanes / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            v[l] = fold2(in->fn, in->type, v[l], v[l + half]);
    r->cell[in->to] = v[0];
}

/* The commonest calls on f32 directly; false: another one. */
static bool call_f32(const Run *r, const Ins *in) {
    const Num *a = r->cell + in->a, *b = r->cell + in->b, *c = r->cell + in->c;
    Num *to = r->cell + in->to;
    switch ((int)in->fn) {
    case FN_add:
        for (int l = 0; l < in->lanes; l++)
            to[l].f = (float)a[l].f + (float)b[l].f;
        return true;
    case FN_sub:
        for (int l = 0; l < in->lanes; l++)
            to[l].f = (float)a[l].f - (float)b[l].f;
        return true;
    case FN_mul:
        for (int l = 0; l < in->lanes; l++)
            to[l].f = (float)a[l].f * (float)b[l].f;
        return true;
    case FN_fma:
        for (int l = 0; l < in->lanes; l++)
            to[l].f = fmaf((float)a[l].f, (float)b[l].f, (float)c[l].f);
        return true;
    }
    return false;
}

static void call(const Run *r, const Ins *in) {
    if (in->type == F32 && call_f32(r, in))
        return;
    for (int l = 0; l < in->lanes; l++) {
        Num arg[3] = {r->cell[in->a + l]};
        if (in->n > 1)
            arg[1] = r->cell[in->b + l];
        if (in->n > 2)
            arg[2] = r->cell[in->c + l];
        r->cell[in->to + l] = prim_eval(in->fn, in->type, arg);
    }
}

static bool any(const Run *r, const Ins *in) {
    for (int l = 0; l < in->lanes; l++)
        if (r->cell[in->b + l].i)
            return true;
    return false;
}

static void lanes(const Run *r, const Ins *in) {
    Num *to = r->cell + in->to;
    const Num *a = r->cell + in->a, *b = r->cell + in->b;
    for (int l = 0; l < in->lanes; l++)
        switch ((int)in->kind) {
        case V_NUMBER: to[l] = number(in->type, r->reg[in->a] + l * in->k); break;
        case V_MOVE:   to[l] = a[l]; break;
        case V_SPLAT:  to[l] = a[0]; break;
        case V_TRUE:   to[l].i = 1; break;
        case V_NOT:    to[l].i = !a[l].i; break;
        case V_AND:    to[l].i = a[l].i && b[l].i; break;
        case V_PICK:   to[l] = b[l].i ? a[l] : to[l]; break;
        }
}

static int64_t sum(const Run *r, const Ins *in) {
    int64_t v = in->k;
    for (int i = 0; i < in->n; i++)
        v += in->term[i].coef * r->reg[in->term[i].reg];
    return v;
}

static int64_t floor_div(int64_t a, int64_t k) { return a / k - (a % k < 0); }

static bool element(const Run *r, const Ins *in) {
    int64_t at = r->reg[in->a];
    if (!fits(r, in->buf, at))
        return outside(r, in, at, "reads");
    r->reg[in->to] = interp_get(r->t->k->buf[in->buf].dtype, r->buf[in->buf].data, at).i;
    return true;
}

static void integer(const Run *r, const Ins *in) {
    const int64_t *reg = r->reg;
    int64_t a = reg[in->a], *to = &r->reg[in->to];
    switch ((int)in->kind) {
    case I_DIV: *to = floor_div(a, in->k); break;
    case I_MOD: *to = a - in->k * floor_div(a, in->k); break;
    case I_MIN: *to = a < reg[in->b] ? a : reg[in->b]; break;
    case I_MAX: *to = a > reg[in->b] ? a : reg[in->b]; break;
    case I_ABS: *to = a < 0 ? -a : a; break;
    }
}

/* The next instruction, or -1 after a fault. */
static int step(const Run *r, int pc) {
    const Ins *in = &r->t->ins[pc];
    switch (in->kind) {
    case I_SUM:
        r->reg[in->to] = sum(r, in);
        return pc + 1;
    case I_DIV: case I_MOD: case I_MIN: case I_MAX: case I_ABS:
        integer(r, in);
        return pc + 1;
    case I_ELEMENT:
        return element(r, in) ? pc + 1 : -1;
    case I_FOR:
        r->reg[in->to] = r->reg[in->a];
        return r->reg[in->a] <= r->reg[in->b] ? pc + 1 : in->jump;
    case I_NEXT:
        r->reg[in->to] += in->k;
        return r->reg[in->to] <= r->reg[in->b] ? in->jump : pc + 1;
    case I_JUMP:
        return in->jump;
    case I_UNLESS_GE0:
        return r->reg[in->a] >= 0 ? pc + 1 : in->jump;
    case I_UNLESS_EQ0:
        return r->reg[in->a] == 0 ? pc + 1 : in->jump;
    case V_READ:
        return read(r, in) ? pc + 1 : -1;
    case V_STORE:
        return store(r, in) ? pc + 1 : -1;
    case V_CALL:
        call(r, in);
        return pc + 1;
    case V_TREE:
        tree(r, in);
        return pc + 1;
    case V_LANE_GE0:
        r->cell[in->to + in->k].i &= r->reg[in->a] >= 0;
        return pc + 1;
    case V_LANE_EQ0:
        r->cell[in->to + in->k].i &= r->reg[in->a] == 0;
        return pc + 1;
    case V_UNLESS_ANY:
        return any(r, in) ? pc + 1 : in->jump;
    case V_NUMBER: case V_MOVE: case V_SPLAT: case V_NOT: case V_AND: case V_PICK: case V_TRUE:
        lanes(r, in);
        return pc + 1;
    case I_END:
        break;
    }
    bug("instruction of kind %d", in->kind);
}

bool interp_run(Arena *a, Loc loc, const Tape *t, int64_t n, const Memory *buf) {
    Run r = {.arena = a, .loc = loc, .t = t, .buf = buf, .reg = NEW(a, t->nreg, int64_t),
             .cell = NEW(a, t->ncell + 1, Num)};
    if (t->ncell)
        memcpy(r.cell, t->preset, (size_t)t->ncell * sizeof *r.cell);
    r.reg[t->k->nloop] = n;
    int pc = 0;
    while (pc >= 0 && t->ins[pc].kind != I_END)
        pc = step(&r, pc);
    return pc >= 0;
}
