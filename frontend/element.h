/* How files store numbers: one table for all formats. */
#ifndef KILN_FRONTEND_ELEMENT_H
#define KILN_FRONTEND_ELEMENT_H

#include "ir/type.h"

typedef enum {
#define ELEMENT(id, npy, safetensors, idx, bytes, dtype) ELEMENT_##id,
#include "frontend/elements.def"
    NELEMENT
} Element;

typedef struct ElementInfo {
    const char *npy;                   /* code behind the byte order, "" = none */
    const char *safetensors;
    int idx;                           /* third byte of the magic, 0 = none */
    int bytes;                         /* in the file */
    DType dtype;                       /* in memory: the same, or wider */
} ElementInfo;
extern const ElementInfo element_info[NELEMENT];

Element element_of(DType d);                           /* stored without change */
bool element_of_npy(const char *code, size_t len, Element *out);
bool element_of_safetensors(const char *name, Element *out);
bool element_of_idx(int code, Element *out);
/* n elements from a file's bytes to the dtype of `e`; any byte but 0 is a true bool. */
void element_load(Element e, bool big_endian, const void *src, int64_t n, void *dst);
/* n elements of dtype `d` to little-endian bytes. */
void element_store(DType d, const void *src, int64_t n, void *dst);

#endif
