/* Generation: a language model that is fed tokens and tells the scores of the next. */
#ifndef KILN_TRAIN_GENERATE_H
#define KILN_TRAIN_GENERATE_H

#include "train/session.h"
#include "train/vocab.h"

typedef struct Generator Generator;
/* Does the model need the entry stream for it, or forward? */
bool generator_streams(const Model *m);
/* The session has that entry, with outputs before `as`. NULL: the model is none of the next
 * token, reported. */
Generator *generator_new(Arena *a, Session *s, const Vocab *tokens);
/* The scores of what follows the tokens fed so far, this one the last; one for each of the
 * vocabulary. NULL: reported. */
const float *generator_feed(Generator *g, int token);

#endif
