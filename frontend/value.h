/* Values: the types that keys of the schema and options of layers have. */
#ifndef KILN_FRONTEND_VALUE_H
#define KILN_FRONTEND_VALUE_H

#include "frontend/model.h"
#include "frontend/number.h"

/* VALUE(id, name in layers.def, what a reader of an error is told, what `out` points to) */
#define VALUES \
    VALUE(INT,   "int",   "a whole number", int64_t) \
    VALUE(NUM,   "num",   "a number", double) \
    VALUE(NUMS2, "nums2", "a list of two numbers", double) \
    VALUE(BOOL,  "bool",  "true or false", bool) \
    VALUE(TEXT,  "text",  "a text", const char *) \
    VALUE(ONE,   "one",   "a word", const char *) \
    VALUE(TEXTS, "texts", "a text or a list of texts", Words) \
    VALUE(SET,   "set",   "a list of words", Words) \
    VALUE(SPAN,  "span",  "a number of steps, of epochs, or a percentage", Span) \
    VALUE(PART,  "part",  "a percentage such as 10% or last 10%", Part) \
    VALUE(PAIR,  "pair",  "a whole number or a pair [height, width]", int64_t) \
    VALUE(PAD,   "pad",   "a whole number, [height, width], same or valid", int64_t) \
    VALUE(PAD1,  "pad1",  "a whole number, same, valid or causal", int64_t) \
    VALUE(INTS,  "ints",  "a whole number or a list of them", Ints) \
    VALUE(CEIL,  "ceil",  "true or false", bool) \
    VALUE(AXIS,  "axis",  "a whole number", int64_t)

typedef enum {
#define VALUE(id, ...) VALUE_##id,
    VALUES
#undef VALUE
    NVALUE
} ValueKind;

typedef struct { int n; int64_t item[MAX_RANK]; } Ints;

enum { PAD_SAME = -1, PAD_CAUSAL = -2 };           /* VALUE_PAD: both of the pair */

typedef struct {
    ValueKind kind;
    const char *rule;                  /* numbers: ">=1", ">0", "0..1"; words: "a|b|c";
                                          "" or NULL: anything */
} ValueType;

/* The value of t in *out (see VALUES); false: an error was reported. `what` names it in
 * messages: "train.batch", "linear 'fc2': units". */
bool value_read(Arena *a, const Scope *s, const Tree *t, ValueType type, const char *what,
                void *out);
/* The bounds that a rule sets for numbers, or infinity; open: lo itself is not allowed. */
void value_bounds(const char *rule, double *lo, double *hi, bool *open);
ValueKind value_kind(const char *name, size_t len);    /* NVALUE: there is none */
/* Reports `message` about `word`, with the nearest of the known ones, and all of them. */
bool unknown_word(Loc loc, const char *word, const char *message, int n,
                  const char *const *known);
/* Splits "a|b|c" into interned words. */
int rule_words(Arena *a, const char *rule, const char ***word);

#endif
