/* Texts: tokens in turn, each window's labels one token further on. */
#include "train/load.h"

#include <string.h>

#include "train/cast.h"

/* How many numbers a field holds; the text's vocabulary must not need more. */
static bool numbers_suffice(const Load *l, const Field *f, const Source *src, bool bytes) {
    const ModelTensor *t = f->tensor;
    int n = l->vocab->tokens->n;
    if (!t->ranged || n <= t->hi)
        return true;
    const char *what = bytes ? "bytes" : "characters";
    if (f == l->set->field)
        diag_error(load_key(l, "text"), "'%s' has %d different %s, but input '%s' takes numbers "
                   "below %lld: its embedding needs a size of %d", src->name, n, what, t->name,
                   (long long)t->hi, n);
    else
        diag_error(load_key(l, "text"), "'%s' has %d different %s, but the output that '%s' "
                   "judges has %lld classes: it needs %d", src->name, n, what, t->name,
                   (long long)t->hi, n);
    return diag_note(t->loc, "'%s' is %s here", t->name,
                     f == l->set->field ? "declared" : "judged");
}

/* All numbers as the field's elements, or those of a field that has the same. */
static bool put_tokens(Load *l, Field *f, const int32_t *number) {
    const Field *first = l->set->field;
    DType d = f->tensor->type.dtype;
    if (f != first && d == first->tensor->type.dtype) {
        f->stride = first->stride;
        f->data = first->data;
        return true;
    }
    load_room(l, f, dtype_info[d].bytes);
    return cast_array(I32, number, l->set->rows, d, f->data) < 0 ||
           diag_error(f->tensor->loc, "%s '%s': %s is too narrow for %d tokens", load_kind(l, f),
                      f->tensor->name, dtype_info[d].name, l->vocab->tokens->n);
}

/* A label of fewer elements than the input judges its last ones; of one, the token behind
 * the window. */
static bool put_windows(Load *l, Loc loc, const Source *src, const int32_t *number) {
    Dataset *s = l->set;
    Field *x, *label;
    if (!load_pair(l, "text", "texts", &x, &label))
        return false;
    if (label && label->count > x->count)
        return diag_error(loc, "label '%s' has %lld elements, a window of input '%s' has %lld",
                          label->tensor->name, (long long)label->count, x->tensor->name,
                          (long long)x->count);
    s->span = x->count + (label != NULL);
    s->judged = x->count;
    s->stride = l->m->set.data.stride       ? l->m->set.data.stride
                : l->m->set.data.shuffle ? 1 : x->count;
    if (s->rows < s->span)
        return diag_error((Loc){src, 0, 0}, "got %lld tokens, expected %lld or more: a window "
                          "of input '%s' has %lld%s", (long long)s->rows, (long long)s->span,
                          x->tensor->name, (long long)x->count,
                          label ? ", the last label is the next one" : "");
    if (!put_tokens(l, x, number) || (label && !put_tokens(l, label, number)))
        return false;
    if (label)
        label->data += (x->count - label->count + 1) * label->stride;
    return true;
}

bool load_text(Load *l, const DataFiles *f) {
    const bool bytes = !strcmp(l->m->set.data.tokens, "bytes");
    Loc loc = load_key(l, "text");
    const Source *src = load_source(l, loc, load_path(l, f->text));
    if (!src)
        return false;
    if (!l->vocab->tokens)
        l->vocab->tokens = bytes ? vocab_bytes(l->arena) : vocab_chars(l->arena, src);
    if (!l->vocab->tokens)
        return false;
    for (int i = 0; i < l->set->nfield; i++)
        if (!numbers_suffice(l, &l->set->field[i], src, bytes))
            return false;
    const int32_t *number = vocab_encode(l->temp, l->vocab->tokens, src, bytes, &l->set->rows);
    return number && put_windows(l, loc, src, number);
}
