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
    void *user;
    /* A name or `X.2` in an integer expression. NULL: unknown (the parser reports). */
    const Ix *(*index)(Parser *ps, const char *name, size_t len);
    /* A name in a value. With '[' next it is a read: the callback parses the brackets. */
    const Expr *(*value)(Parser *ps, const char *name, size_t len);
    DType number;                      /* type of bare numbers next to nothing typed */
};

void parse_space(Parser *ps);                          /* blanks and # comments */
bool parse_is(Parser *ps, const char *token);          /* eats it if it is next */
bool parse_need(Parser *ps, const char *token);        /* or an error */
bool parse_name(Parser *ps, const char **name, size_t *len); /* [%A-Za-z_][A-Za-z0-9_.]* */
bool parse_int(Parser *ps, int64_t *v);
bool parse_fail(Parser *ps, const char *fmt, ...) PRINTF(2, 3); /* returns false */
/* Integer expressions: + - * / % ( ) min max abs, names, %slot[...] reads. */
const Ix *parse_ix(Parser *ps);
Cond parse_cond(Parser *ps);                           /* a <= b && c == d && ... */
/* Values: + - * / unary -, f(a, b), numbers (2, 0x1p-24, inf, nan, 1:u32), f32(i + 1)
 * where the argument is `#ix(...)`, when(cond, a, b). Bare numbers take the type of what
 * stands beside them. Vector forms as x_print writes them. */
const Expr *parse_expr(Parser *ps);

#endif
