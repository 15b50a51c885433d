/* Runs of dims in a row: how many each stands for, and their extents. */
#include "ir/eq_row.h"

#include <string.h>

static bool word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '.' || c == '%';
}

Run *run_find(Row *r, const char *name, size_t len) {
    for (int i = 0; i < r->nrun; i++)
        if (r->run[i].len == len &&
            (len == 0 || memcmp(r->run[i].name, name, len) == 0))
            return &r->run[i];
    if (r->nrun == MAX_RUNS) {
        parse_fail(&r->ps, "more than %d runs of dims", MAX_RUNS);
        return NULL;
    }
    r->run[r->nrun] = (Run){.name = name, .len = len, .size = -1};
    return &r->run[r->nrun++];
}

bool run_place(Row *r, Run *run) {
    for (int d = 0; d < run->size && !r->ps.failed; d++) {
        run->index[d] = row_add_index(r, "", 0);
        if (run->fixed)
            r->idx[run->index[d]].ext = run->ext[d];
        r->idx[run->index[d]].known = run->fixed;
        r->idx[run->index[d]].from = "the shape asked for";
    }
    run->placed = true;
    r->inferred = true;
    return !r->ps.failed;
}

/* --- shapes given as a list --- */

static int64_t inner_count(const Type *t) {
    int64_t n = 1;
    for (int d = 0; d < t->rank; d++)
        n *= t->dim[d].batch ? 1 : t->dim[d].n;
    return n;
}

/* What -1 stands for. */
static bool rest(Row *r, const char *what, int n, Dim *dim, int at) {
    const Type *t = &r->src[0].type;
    int64_t given = 1;
    bool batch = false;
    for (int d = 0; d < n; d++) {
        batch |= d != at && dim[d].batch;
        if (d != at && !dim[d].batch && !size_mul(given, dim[d].n, &given))
            return parse_fail(&r->ps, "%s is too large", what);
    }
    int64_t all = inner_count(t);
    if (t->rank && t->dim[0].batch && !batch && given == all) {
        dim[at] = t->dim[0];
        return true;
    }
    if (all % given || (t->rank && t->dim[0].batch && !batch))
        return parse_fail(&r->ps, "no extent for -1 in %s makes the elements of %s",
                          what, type_text(r->ps.arena, t));
    dim[at] = (Dim){all / given, false};
    return true;
}

bool row_shape(Row *r, const char *name, size_t len, int *n, Dim *dim) {
    const Attr *a = row_attr(r, name, len);
    int open = -1;
    if (!a || a->kind != ATTR_LIST || a->i > MAX_RANK)
        return parse_fail(&r->ps, "'%.*s' is not a list of at most %d numbers",
                          (int)len, name, MAX_RANK);
    *n = (int)a->i;
    for (int d = 0; d < *n; d++) {
        int64_t v = a->list[d];
        if (v < -1 || v > INT64_C(1) << 40 || (v < 1 && r->nsrc == 0))
            return parse_fail(&r->ps, "%s has an extent of %lld", a->name,
                              (long long)v);
        if (v == 0 && d >= r->src[0].type.rank)
            return parse_fail(&r->ps, "%s has a 0 where %s has no dim", a->name,
                              r->src[0].name);
        if (v == -1 && open >= 0)
            return parse_fail(&r->ps, "%s has more than one -1", a->name);
        if (v == -1)
            open = d;
        dim[d] = v > 0    ? (Dim){v, false}
                 : v == 0 ? r->src[0].type.dim[d]
                          : (Dim){1, false};
    }
    return open < 0 || rest(r, a->name, *n, dim, open);
}

/* --- finding lists --- */

/* One item of a list; `from..to` is trimmed. */
static bool scan_item(Row *r, List *l, const char *from, const char *to) {
    const char *p = from;
    while (p < to && word(*p) && *p != '.')
        p++;
    if (to - p < 2 || p[0] != '.' || p[1] != '.') {
        l->number |= to - from == 1 && *from == '#';
        l->plain++;
        return true;
    }
    Run *run = run_find(r, from, (size_t)(p - from));
    if (!run || l->nrun == MAX_RANK)
        return parse_fail(&r->ps, "too many runs of dims");
    p += 2;
    if (to - p > 2 && p[0] == '<' && p[1] == '@' && !run->fixed) {
        run->fixed = true;
        if (!row_shape(r, p + 2, (size_t)(to - p - 2), &run->size, run->ext))
            return false;
    }
    l->run[l->nrun++] = run;
    return true;
}

static bool scan_list(Row *r, List *l) {
    const char *p = l->at + 1, *from = p;
    for (int depth = 0; p < r->ps.end; p++) {
        bool done = *p == ']' && depth == 0;
        if (*p == '[' || *p == '(')
            depth++;
        else if ((*p == ']' || *p == ')') && !done)
            depth--;
        if (!done && !(*p == ',' && depth == 0))
            continue;
        const char *to = p;
        while (from < to && (*from == ' ' || *from == '\n'))
            from++;
        while (to > from && (to[-1] == ' ' || to[-1] == '\n'))
            to--;
        if (from < to && !scan_item(r, l, from, to))
            return false;
        if (done)
            return true;
        from = p + 1;
    }
    l->src = -1; /* the parser will miss the bracket */
    return true;
}

/* --- settling --- */

/* An attribute of the run's name says its length; below 0 it counts from the end. */
static bool size_by_attr(Row *r, Run *run, const List *l) {
    const Attr *a = run->len ? row_attr(r, run->name, run->len) : NULL;
    if (run->size >= 0 || !a || a->kind != ATTR_INT || l->src < 0)
        return true;
    int rank = r->src[l->src].type.rank;
    int64_t size = a->i < 0 ? a->i + rank : a->i;
    if (size < 0 || size > rank)
        return parse_fail(&r->ps, "%s is %lld, but %s has %d dims", a->name,
                          (long long)a->i, r->src[l->src].name, rank);
    run->size = (int)size;
    return true;
}

static bool settle_list(Row *r, const List *l) {
    const Operand *o = &r->src[l->src];
    int left = o->type.rank - l->plain, nopen = 0;
    Run *open = NULL, *dots = NULL;
    if (l->nrun == 0 && left != 0)
        return parse_fail(&r->ps, "%s is %s, expected %d dim%s", o->name,
                          type_text(r->ps.arena, &o->type), l->plain,
                          l->plain == 1 ? "" : "s");
    for (int i = 0; i < l->nrun; i++) {
        Run *run = l->run[i];
        if (run->len == 0)
            dots = run;
        else if (run->size < 0)
            open = run, nopen++;
        else
            left -= run->size;
    }
    if (left < 0)
        return parse_fail(&r->ps, "%s is %s, expected at least %d dims", o->name,
                          type_text(r->ps.arena, &o->type), o->type.rank - left);
    if (dots && !open) {
        if (dots->fixed && left > dots->size)
            return parse_fail(&r->ps, "%s is %s, expected at most %d dims", o->name,
                              type_text(r->ps.arena, &o->type), dots->size);
        dots->size = left > dots->size ? left : dots->size;
    } else if (nopen == 1 && !dots) {
        open->size = left;
    }
    return true;
}

int run_others(const Row *r, const char *at) {
    for (const List *l = r->list; l < r->list + r->nlist; l++) {
        int n = l->plain;
        for (int k = 0; k < l->nrun; k++)
            n += l->run[k]->len ? l->run[k]->size : 0;
        if (l->at == at)
            return n;
    }
    bug("a list of subscripts that was not seen");
}

bool runs_settle(Row *r) {
    for (const char *p = r->ps.at; p < r->ps.end; p++) {
        const char *end = p;
        if (*p != '[')
            continue;
        while (end > r->ps.start && strchr(" \t\r\n", end[-1]))
            end--;
        const char *name = end;
        while (name > r->ps.start && word(name[-1]))
            name--;
        List *l = &PUSH(r->ps.arena, r->list, r->nlist);
        *l = (List){.at = p, .src = row_operand(r, name, (size_t)(end - name))};
        if (!scan_list(r, l))
            return false;
    }
    for (List *l = r->list; l < r->list + r->nlist; l++)
        for (int k = 0; k < l->nrun; k++)
            if (!size_by_attr(r, l->run[k], l))
                return false;
    for (int turn = 0; turn <= MAX_RUNS; turn++)
        for (List *l = r->list; l < r->list + r->nlist; l++)
            if (l->src >= 0 && !l->number && !settle_list(r, l))
                return false;
    for (int i = 0; i < r->nrun; i++) {
        Run *run = &r->run[i];
        if (run->size < 0 && run->len)
            return parse_fail(&r->ps, "nothing says how many dims '%.*s..' stands for",
                              (int)run->len, run->name);
        run->size = run->size < 0 ? 0 : run->size;
    }
    return true;
}
