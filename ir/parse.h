/* The one reader of expressions: op rows, scalar definitions and both text forms. */
#ifndef KILN_IR_PARSE_H
#define KILN_IR_PARSE_H

#include "ir/expr.h"

/* A cursor over text. Names are resolved by the two callbacks, so that each user decides
 * what a name means. After an error `failed` is set and everything returns quickly. */
typedef struct Parser Parser;
struct Parser {
    Pool *pool;
    Arena *arena;
    const char *at, *end;
    Loc loc;                           /* where errors are reported */
    const char *start;                 /* loc is the place of this byte; errors in texts
                                          from a file advance line and column from it */
    bool failed;
    bool quiet;                        /* errors are not reported */
    bool rows;                         /* no comments: # is an operand */
    bool bare;                         /* set by `value` when it returns a constant that
                                          may take any type, as a number in the text does */
    int depth;                         /* of nesting, bounded */
    const char *label;                 /* put before messages, "matmul"; or NULL */
    void *user;
    /* A name, `X.2` or `#` in an integer expression. With '[' next it is a read: the
     * callback parses the brackets. NULL: unknown (the parser reports). */
    const Ix *(*index)(Parser *ps, const char *name, size_t len);
    /* A name in a value. With '[' next it is a read: the callback parses the brackets.
     * NULL: unknown; then `index` is asked, for an integer expression in a value. */
    const Expr *(*value)(Parser *ps, const char *name, size_t len);
    DType number;                      /* type of bare numbers next to nothing typed */
};

/* Blanks, and comments: # and a blank, up to the end of the line. */
void parse_space(Parser *ps);
bool parse_is(Parser *ps, const char *token);          /* eats it if it is next */
bool parse_peek(Parser *ps, const char *token);        /* is it next? */
bool parse_need(Parser *ps, const char *token);        /* or an error */
bool parse_name(Parser *ps, const char **name, size_t *len); /* [%A-Za-z_][A-Za-z0-9_.]* */
bool parse_int(Parser *ps, int64_t *v);                /* at most 2^40 either way */
typedef struct { double f; int64_t i; bool whole; } Number; /* i: where it is whole */
bool parse_number(Parser *ps, Number *v);              /* unsigned; inf and nan too */
bool parse_fail(Parser *ps, const char *fmt, ...) PRINTF(2, 3); /* returns false */
/* Integer expressions: + - * / % ( ) min max abs, names, slot[...] reads. */
const Ix *parse_ix(Parser *ps);
/* The same operations for others who read integers: NULL after an error. '+' '-' '*'
 * '/' '%', 'm' is min, 'M' max. */
const Ix *parse_ix_op(Parser *ps, char op, const Ix *a, const Ix *b);
/* `[a, b, ...]` into sub[MAX_RANK]: how many, -1 after an error. */
int parse_subs(Parser *ps, const Ix **sub);
Cond parse_comparison(Parser *ps);                     /* a <= b */
Cond parse_cond(Parser *ps);                           /* a <= b && c == d && ... */
/* Values: + - * / unary -, f(a, b), when(cond, a, b), numbers (2, 0x1p-24, inf, nan), which
 * take the type of what stands beside them or state it (1:u32). An integer expression in a
 * value stands in a conversion, f32(i + 1), or num(i + 1), which is of its neighbours' type;
 * printed, it is #f32(i+1). Vector forms as x_print writes them. */
const Expr *parse_expr(Parser *ps);

#endif
