/* Tagged sentences: words and the tag of each, padded or cut to the model's length. */
#include "train/load.h"

#include <string.h>

#include "train/cast.h"

typedef struct {
    Vocab *words, *tags;               /* all that the file has, in order of appearance */
    int64_t *nword, *ntag;             /* how often */
    int n, nend;
    int32_t *word, *tag;               /* of the file, in turn */
    int *end;                          /* of each sentence */
} Sentences;

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static int32_t number_add(Arena *a, Vocab *v, int64_t **count, const char *s, size_t n) {
    int known = v->n, id = vocab_add(v, s, n);
    if (id == known)
        PUSH(a, *count, known) = 0;
    ++(*count)[id];
    return id;
}

/* Files that the model names have tags, those that are to be told have none. */
static bool has_tags(const Load *l) { return l->section != NULL; }

/* A word, and its tag behind the last slash. */
static bool read_word(Load *l, const Source *src, Sentences *s, const char *at, size_t n) {
    size_t cut = n;
    while (has_tags(l) && cut && at[cut - 1] != '/')
        cut--;
    if (has_tags(l) && (cut < 2 || cut == n))
        return diag_error(text_place(src, (size_t)(at - src->text)),
                          "got '%.*s', expected a word, a slash and its tag",
                          (int)(n < 40 ? n : 40), at);
    size_t nword = has_tags(l) ? cut - 1 : n;
    char *word = arena_alloc(l->temp, nword + 1);
    memcpy(word, at, nword);
    for (size_t i = 0; l->m->set.data.lower && i < nword; i++)
        word[i] = (char)(word[i] + (word[i] >= 'A' && word[i] <= 'Z' ? 'a' - 'A' : 0));
    int32_t id = number_add(l->temp, s->words, &s->nword, word, nword);
    int32_t tag = l->labelled ? number_add(l->temp, s->tags, &s->ntag, at + cut, n - cut) : 0;
    int k = s->n;
    PUSH(l->temp, s->word, k) = id;
    PUSH(l->temp, s->tag, s->n) = tag;
    return true;
}

static bool read_sentences(Load *l, const Source *src, Sentences *s) {
    const char *p = src->text, *end = p + src->size;
    bool ok = true;
    while (p < end && !diag_full(l->m->diag)) {
        const char *word = p;
        while (p < end && *p != '\n' && !is_blank(*p))
            p++;
        if (p > word)
            ok &= read_word(l, src, s, word, (size_t)(p - word));
        bool line = p == end || *p == '\n';
        if (line && s->n > (s->nend ? s->end[s->nend - 1] : 0))
            PUSH(l->temp, s->end, s->nend) = s->n;
        p += p < end;
    }
    return ok && (s->n || diag_error((Loc){src, 0, 0}, "there are no words in it"));
}

static void make_vocabs(Load *l, const Sentences *s) {
    static const char *const first[] = {[WORD_PAD] = "<pad>", [WORD_UNKNOWN] = "<unknown>"};
    if (!l->vocab->tokens)
        l->vocab->tokens = vocab_ranked(l->arena, s->words, s->nword, l->m->set.data.min_count,
                                        WORD_FIRST, first);
    if (!l->vocab->tags && l->labelled)
        l->vocab->tags = vocab_ranked(l->arena, s->tags, s->ntag, 1, 0, NULL);
}

static bool suffices(const Load *l, const Field *f, const Source *src, int n) {
    const ModelTensor *t = f->tensor;
    if (!t->ranged || n <= t->hi)
        return true;
    if (f == l->set->field)
        return diag_error(load_key(l, "tagged"), "'%s' has %d words that come %lld times or more, "
                          "but input '%s' takes numbers below %lld: its embedding needs a size of "
                          "%d, or data.words.min_count a larger number", src->name, n,
                          (long long)l->m->set.data.min_count, t->name, (long long)t->hi, n);
    return diag_error(load_key(l, "tagged"), "'%s' has %d different tags, but the output that "
                      "'%s' judges has %lld classes: it needs %d", src->name, n, t->name,
                      (long long)t->hi, n);
}

/* Numbers of the vocabulary for those of the file. */
static int32_t *translate(Load *l, const Vocab *from, const Vocab *to, int absent) {
    int32_t *number = arena_array(l->temp, (size_t)from->n + 1, sizeof *number);
    for (int i = 0; i < from->n; i++) {
        number[i] = vocab_find(to, from->token[i].s, from->token[i].n);
        if (number[i] < 0)
            number[i] = absent;
    }
    return number;
}

static bool tags_known(const Load *l, const Source *src, const Sentences *s) {
    bool ok = true;
    for (int i = 0; i < s->tags->n; i++) {
        const Token *t = &s->tags->token[i];
        if (vocab_find(l->vocab->tags, t->s, t->n) < 0)
            ok = diag_error((Loc){src, 0, 0}, "the tag '%.*s' is not among the %d of the "
                            "sentences that the model is trained on", (int)t->n, t->s,
                            l->vocab->tags->n);
    }
    return ok;
}

/* Row e of a field: n numbers, then `fill`. */
static void put_row(const Field *f, int64_t e, const int32_t *number, const int32_t *as,
                    int64_t n, int32_t fill) {
    unsigned char *to = f->data + e * f->stride;
    const int bytes = dtype_info[f->tensor->type.dtype].bytes;
    for (int64_t i = 0; i < f->count; i++) {
        int32_t v = i < n ? as[number[i]] : fill;
        cast_array(I32, &v, 1, f->tensor->type.dtype, to + i * bytes);
    }
}

/* A sentence that is longer than a row goes on in the next. */
static void put_sentences(Load *l, const Sentences *s, const Field *lengths,
                          const Field *label) {
    const Field *x = l->set->field;
    const int32_t *word = translate(l, s->words, l->vocab->tokens, WORD_UNKNOWN);
    const int32_t *tag = label ? translate(l, s->tags, l->vocab->tags, -1) : NULL;
    int64_t e = 0;
    for (int i = 0, at = 0; i < s->nend; i++)
        for (int n; at < s->end[i]; at += n, e++) {
            n = s->end[i] - at < x->count ? s->end[i] - at : (int)x->count;
            int32_t length = n, same[] = {0};
            put_row(x, e, s->word + at, word, n, WORD_PAD);
            if (label)
                put_row(label, e, s->tag + at, tag, n, (int32_t)label->tensor->ignored);
            if (lengths)
                put_row(lengths, e, same, &length, 1, 0);
        }
}

static int64_t count_rows(const Sentences *s, int64_t length) {
    int64_t rows = 0;
    for (int i = 0, at = 0; i < s->nend; at = s->end[i], i++)
        rows += (s->end[i] - at + length - 1) / length;
    return rows;
}

/* Words, perhaps their number in a second input, and a tag for each word. */
static bool find_fields(Load *l, Field **lengths, Field **label) {
    Dataset *s = l->set;
    int nlabel = s->nfield - s->ninput;
    Field *x = s->field;
    *lengths = s->ninput == 2 ? x + 1 : NULL;
    *label = nlabel ? x + s->ninput : NULL;
    if (s->ninput > 2 || nlabel > 1 || (*lengths && (*lengths)->count != 1))
        return diag_error(load_key(l, "tagged"), "tagged sentences fill an input of words, one "
                          "of a single length where there is a second, and one label; the "
                          "model has %d inputs and %d labels", s->ninput, nlabel);
    if (*label && !(*label)->tensor->ignores)
        return diag_error((*label)->tensor->loc, "tagged sentences need labels that do not count, "
                          "behind a sentence's end: {cross_entropy: {ignore_index: -1}}");
    return !*label || (*label)->count == x->count ||
           diag_error((*label)->tensor->loc, "label '%s' is %s, expected a tag for each of the "
                      "%lld words of input '%s'", (*label)->tensor->name,
                      load_shape(l->temp, &(*label)->tensor->type, 1), (long long)x->count,
                      x->tensor->name);
}

bool load_tagged(Load *l, const DataFiles *f) {
    Sentences s = {.words = vocab_new(l->temp), .tags = vocab_new(l->temp)};
    const Source *src = load_source(l, load_key(l, "tagged"), load_path(l, f->tagged));
    Field *lengths, *label;
    if (!src || !find_fields(l, &lengths, &label) || !read_sentences(l, src, &s))
        return false;
    l->set->rows = count_rows(&s, l->set->field->count);
    make_vocabs(l, &s);
    if (!suffices(l, l->set->field, src, l->vocab->tokens->n) ||
        (label && (!suffices(l, label, src, l->vocab->tags->n) || !tags_known(l, src, &s))))
        return false;
    for (int i = 0; i < l->set->nfield; i++)
        load_room(l, &l->set->field[i], l->set->field[i].bytes);
    put_sentences(l, &s, lengths, label);
    return true;
}
