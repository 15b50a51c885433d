/* Weights files: tensors by name to and from a session's memory. */
#include "train/weights.h"

#include <regex.h>
#include <string.h>

#include "frontend/npz.h"
#include "train/cast.h"

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s), k = strlen(end);
    return n >= k && !strcmp(s + n - k, end);
}

/* --- renaming --- */

enum { GROUPS = 10 };

/* The name with the match replaced. */
static const char *replaced(Arena *a, const char *name, const char *to, const regmatch_t *m) {
    Text s = {0};
    text_put(&s, name, (size_t)m[0].rm_so);
    for (; *to; to++) {
        int group = *to == '\\' && to[1] >= '0' && to[1] <= '9' ? to[1] - '0' : -1;
        if (group < 0)
            text_put(&s, to, 1);
        else if (m[group].rm_so >= 0)
            text_put(&s, name + m[group].rm_so, (size_t)(m[group].rm_eo - m[group].rm_so));
        to += group >= 0;
    }
    text_printf(&s, "%s", name + m[0].rm_eo);
    name = arena_printf(a, "%s", s.s);
    text_free(&s);
    return name;
}

static bool rename_all(Arena *a, Loc loc, Tensors *list, const Rename *r) {
    char said[200];
    regmatch_t match[GROUPS];
    regex_t pattern;
    int bad = regcomp(&pattern, r->pattern, REG_EXTENDED);
    if (bad) {
        regerror(bad, &pattern, said, sizeof said);
        return diag_error(loc, "rename: bad pattern '%s': %s", r->pattern, said);
    }
    for (int i = 0; i < list->n; i++)
        if (!regexec(&pattern, list->item[i].name, GROUPS, match, 0))
            list->item[i].name = replaced(a, list->item[i].name, r->replacement, match);
    regfree(&pattern);
    return true;
}

/* --- into the session --- */

static bool shape_equal(const Type *a, const Type *b) {
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++)
        same = a->dim[i].n == b->dim[i].n;
    return same;
}

static bool fits(Arena *temp, Loc file, const Tensor *to, const Tensor *from) {
    const DTypeInfo *x = &dtype_info[to->type.dtype], *y = &dtype_info[from->type.dtype];
    if (shape_equal(&to->type, &from->type) && x->is_float == y->is_float)
        return true;
    return diag_error(file, "tensor '%s': got %s, the model has %s", to->name,
                      type_text(temp, &from->type), type_text(temp, &to->type));
}

static bool may_stay(const Model *m, const char *name) {
    for (int i = 0; i < m->ntied; i++)
        if (!strcmp(m->tied[i].name, name))
            return true;
    return !strcmp(name, "num_batches_tracked") || ends_with(name, ".num_batches_tracked");
}

static const char *nearest(Arena *temp, const Tensors *list, const char *name) {
    const char **names = NEW(temp, list->n, const char *);
    for (int i = 0; i < list->n; i++)
        names[i] = list->item[i].name;
    const char *near = diag_nearest(name, names, (size_t)list->n);
    return near ? arena_printf(temp, "; did you mean '%s'?", near) : "";
}

static bool agree(Arena *temp, const Session *s, Loc file, const Tensors *to,
                  const Tensors *from) {
    bool ok = true;
    for (int i = 0; i < from->n; i++) {
        const char *name = from->item[i].name;
        for (int k = 0; k < i; k++)
            if (!strcmp(from->item[k].name, name))
                ok = diag_error(file, "tensor '%s' is there twice", name);
        if (!tensors_find(to, name) && !may_stay(s->model, name))
            ok = diag_error(file, "the model has no tensor '%s'%s", name,
                            nearest(temp, to, name));
    }
    for (int i = 0; i < to->n; i++) {
        const Tensor *t = &to->item[i], *f = tensors_find(from, t->name);
        if (!f)
            ok = diag_error(file, "tensor '%s', %s, is missing", t->name,
                            type_text(temp, &t->type));
        ok = ok && fits(temp, file, t, f);
    }
    return ok;
}

bool weights_set(Session *s, Loc file, const Tensors *from, PartOf part) {
    Arena *temp = arena_new();
    Tensors to = session_tensors(temp, s, part);
    bool ok = agree(temp, s, file, &to, from);
    for (int i = 0; ok && i < to.n; i++) {
        const Tensor *t = &to.item[i], *f = tensors_find(from, t->name);
        cast_array(f->type.dtype, f->data, type_bytes(&f->type) / dtype_info[f->type.dtype].bytes,
                   t->type.dtype, t->data);
    }
    arena_free(temp);
    return ok;
}

/* --- files --- */

static bool is_npz(const char *path) {
    char magic[2] = {0};
    FILE *f = fopen(path, "rb");
    bool zip = f && fread(magic, 1, 2, f) == 2 && !memcmp(magic, "PK", 2);
    if (f)
        fclose(f);
    return zip || ends_with(path, ".npz");
}

bool weights_read(Session *s, Loc loc, const char *path, int nrename, const Rename *rename) {
    Arena *temp = arena_new();
    Tensors list = {0};
    bool ok = is_npz(path) ? npz_read(temp, loc, path, &list)
                           : safetensors_read(temp, loc, path, &list, NULL);
    for (int i = 0; ok && i < nrename; i++)
        ok = rename_all(temp, loc, &list, &rename[i]);
    ok = ok && weights_set(s, tensor_file(loc, path), &list, PART_WEIGHTS);
    arena_free(temp);
    return ok;
}

bool weights_write(const Session *s, Loc loc, const char *path, const Metas *meta) {
    Arena *temp = arena_new();
    Tensors list = session_tensors(temp, s, PART_WEIGHTS);
    bool ok = ends_with(path, ".npz") ? npz_write(loc, path, &list)
                                      : safetensors_write(loc, path, &list, meta);
    arena_free(temp);
    return ok;
}
