/* What the files of the C emitter share. */
#ifndef KILN_CODEGEN_C_EMIT_H
#define KILN_CODEGEN_C_EMIT_H

#include "codegen/c.h"
#include "ir/loop_range.h"

/* Names in one C scope: each is given once. */
typedef struct { int n; const char **name; } NameSet;

typedef struct Emit {
    const Program *program;
    const EmitC *o;
    const Target *target;
    Arena *arena;
    const char *prefix;                /* "digits" */
    const char *upper;                 /* "DIGITS" */
    Text *out;
    int indent;
    /* the kernel being written */
    const Kernel *k;
    const char **buf;                  /* C names of its buffers */
    bool *buf_used;
    const char **loop;                 /* C names of loop variables */
    bool *live;                        /* locals whose value matters */
    bool batch_used;
    Scope scope;
    int *temp;                         /* by expression id: number of its temporary, or 0 */
    uint32_t *stamp;                   /* by expression id: last walk that met it */
    int *index;                        /* and its place in that walk */
    uint32_t temp_cap, walk;
    int ntemp;
    const char *mask;                  /* lanes that may be read; NULL = all */
} Emit;

/* One line at the current indent; long ones are broken after commas and operators. */
void c_line(Emit *e, const char *fmt, ...) PRINTF(2, 3);
void c_open(Emit *e, const char *fmt, ...) PRINTF(2, 3);   /* line ending in " {" */
void c_close(Emit *e);
/* Text from outside that may stand in a comment, whatever it holds. */
const char *c_safe(Emit *e, const char *text);
void c_string(Text *out, const char *text);                /* a C string literal */

/* Names (c_ident.c). */
bool c_reserved(const char *name);
const char *c_name(Emit *e, NameSet *set, const char *text, const char *fallback);
/* A struct's fields for a block, or a table's: injective, and unlike the fixed ones. */
const char *c_field(Emit *e, const char *text);

/* Types: "float", "f32x8", "mask8"; bool scalars are `int` in expressions. */
const char *c_type(Emit *e, DType t, int lanes);
const char *c_vtype(Emit *e, DType t, int lanes);          /* "f32", "f32x8", "mask8" */
void c_number(Text *out, const Expr *num);

/* Expressions (c_ix.c, c_expr.c, c_value.c). prec: what the context binds. */
enum { PREC_ANY, PREC_SUM, PREC_MUL, PREC_ONE };
void c_ix(Emit *e, Text *out, const Ix *x, int prec);
void c_cond(Emit *e, Text *out, Cond c);
void c_expr(Emit *e, Text *out, const Expr *x, int prec);
/* What the C text of x is made of; nothing behind guards, nor of other lanes where a mask
 * holds. */
int c_operands(const Emit *e, const Expr *x, const Expr *arg[3]);
/* The statements that x needs before it, then x itself into out; c_done forgets their
 * names. */
typedef struct { int n; const Expr **temp; } Temps;
Temps c_value(Emit *e, Text *out, const Expr *x);
void c_done(Emit *e, Temps t);

/* Helper functions at the top of the file (c_help.c): those that `body` names. */
void c_helpers(Emit *e, Text *out, const char *body);
bool c_helper_name(const char *name, size_t len);

void c_kernel(Emit *e, const Kernel *k);
/* "const float *x" for each argument that kernel k uses; returns how many. */
typedef struct {
    int n;
    int *buf;                          /* used BUF_ARGs */
    const char **name;
    bool batch, scratch;
} Signature;
Signature c_signature(Emit *e, const Kernel *k);
const char *c_pointer(Emit *e, const Buf *b, bool restricted); /* "const float *RESTRICT " */
void c_header(Emit *e);
void c_entries(Emit *e);
void c_init(Emit *e);
bool c_init_needs(Emit *e, Space s);               /* may that block not be NULL? */
bool c_streams(const Program *p);      /* has an entry that goes on */
void c_stream_header(Emit *e);
void c_stream(Emit *e);
void c_constants(Emit *e);
void c_weights(Emit *e);
void c_tables(Emit *e);
void c_prototype(Emit *e, const Entry *n, Text *out);      /* without the semicolon */
bool c_features(const Target *t);                          /* needs a check at run time */

#endif
