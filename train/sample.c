/* Sampling: softmax with a temperature over the best tokens, and one draw. */
#include "train/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/permutation.h"

typedef struct { float logit; int token; double weight; } Choice;

struct Sampler {
    SampleOptions o;
    int n;
    Choice *choice;                    /* the best first */
};

Sampler *sampler_new(Arena *a, const SampleOptions *o, int n) {
    Sampler *s = NEW(a, 1, Sampler);
    *s = (Sampler){.o = *o, .n = n, .choice = NEW(a, n, Choice)};
    return s;
}

/* What is not a number stands last. */
static int by_logit(const void *a, const void *b) {
    const Choice *x = a, *y = b;
    if (isnan(x->logit) != isnan(y->logit))
        return isnan(x->logit) ? 1 : -1;
    if (x->logit != y->logit && !isnan(x->logit))
        return x->logit < y->logit ? 1 : -1;
    return (x->token > y->token) - (x->token < y->token);
}

/* Uniform in [0, 1). */
static double draw_number(const Sampler *s, uint32_t draw) {
    static const char stream[] = "generate";
    const uint64_t purpose = hash_bytes(stream, sizeof stream - 1, 0);
    const uint32_t key[2] = {(uint32_t)s->o.seed, (uint32_t)(s->o.seed >> 32)};
    const uint32_t counter[4] = {draw, 0, (uint32_t)purpose, (uint32_t)(purpose >> 32)};
    uint32_t word[4];
    philox(counter, key, word);
    return (double)(((uint64_t)word[0] << 32 | word[1]) >> 11) * 0x1p-53;
}

/* How many of the choices may be drawn, and the sum of their weights. */
static int weigh(Sampler *s, double *total) {
    int n = s->o.top_k > 0 && s->o.top_k < s->n ? (int)s->o.top_k : s->n;
    double sum = 0, share = 0;
    for (int i = 0; i < n; i++) {
        double below = (double)s->choice[i].logit - (double)s->choice[0].logit;
        s->choice[i].weight = i ? exp(below / s->o.temperature) : 1;
        if (!(s->choice[i].weight > 0))
            s->choice[i].weight = 0;
        sum += s->choice[i].weight;
    }
    *total = 0;
    for (int i = 0; i < n; i++) {
        *total += s->choice[i].weight;
        share = *total / sum;
        if (share >= s->o.top_p)
            return i + 1;
    }
    return n;
}

int sampler_next(Sampler *s, const float *logits, uint32_t draw) {
    for (int i = 0; i < s->n; i++)
        s->choice[i] = (Choice){logits[i], i, 0};
    qsort(s->choice, (size_t)s->n, sizeof *s->choice, by_logit);
    if (s->o.temperature <= 0)
        return s->choice[0].token;
    double total, sum = 0;
    int n = weigh(s, &total), i = 0;
    double at = draw_number(s, draw) * total;
    for (; i + 1 < n; i++) {
        sum += s->choice[i].weight;
        if (at < sum)
            break;
    }
    return s->choice[i].token;
}
