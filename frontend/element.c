/* How files store numbers: lookup by each format's code, byte order, widening. */
#include "frontend/element.h"

#include <string.h>

const ElementInfo element_info[NELEMENT] = {
#define ELEMENT(id, npy, safetensors, idx, bytes, dtype) \
    {npy, safetensors, idx, bytes, dtype},
#include "frontend/elements.def"
};

Element element_of(DType d) {
    for (int i = 0; i < NELEMENT; i++)
        if (element_info[i].dtype == d && element_info[i].bytes == dtype_info[d].bytes)
            return (Element)i;
    bug("no file format stores %s", dtype_info[d].name);
}

bool element_of_npy(const char *code, size_t len, Element *out) {
    for (int i = 0; i < NELEMENT; i++)
        if (len == 2 && !strncmp(element_info[i].npy, code, 2)) {
            *out = (Element)i;
            return true;
        }
    return false;
}

bool element_of_safetensors(const char *name, Element *out) {
    for (int i = 0; i < NELEMENT; i++)
        if (!strcmp(element_info[i].safetensors, name)) {
            *out = (Element)i;
            return true;
        }
    return false;
}

bool element_of_idx(int code, Element *out) {
    for (int i = 0; i < NELEMENT; i++)
        if (code && element_info[i].idx == code) {
            *out = (Element)i;
            return true;
        }
    return false;
}

static bool host_is_big(void) {
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 0;
}

static uint32_t half_bits(uint32_t h) {
    uint32_t sign = (h & 0x8000) << 16, exp = h >> 10 & 31, man = h & 0x3ff;
    if (exp == 31)
        return sign | 0x7f800000 | man << 13;
    if (exp)
        return sign | (exp + 112) << 23 | man << 13;
    if (!man)
        return sign;
    for (exp = 113; !(man & 0x400); exp--)
        man <<= 1;
    return sign | exp << 23 | (man & 0x3ff) << 13;
}

static uint64_t assemble(const unsigned char *p, int bytes, bool big) {
    uint64_t u = 0;
    for (int i = 0; i < bytes; i++)
        u = u << 8 | p[big ? i : bytes - 1 - i];
    return u;
}

/* A stored element's bits as those of its dtype. */
static uint64_t widen(Element e, uint64_t u) {
    switch (e) {
    case ELEMENT_F16:
        return half_bits((uint32_t)u);
    case ELEMENT_BF16:
        return u << 16;
    case ELEMENT_I8:
        return (uint64_t)((int64_t)(u ^ 0x80) - 0x80);
    case ELEMENT_I16:
        return (uint64_t)((int64_t)(u ^ 0x8000) - 0x8000);
    case ELEMENT_BOOL:
        return u != 0;
    case ELEMENT_F32: case ELEMENT_F64: case ELEMENT_I32: case ELEMENT_I64:
    case ELEMENT_U32:
    case ELEMENT_U64:
    case ELEMENT_U8:
    case ELEMENT_U16:
    case NELEMENT: break;
    }
    return u;
}

static void put_bits(void *dst, int bytes, uint64_t u) {
    const uint32_t u32 = (uint32_t)u;
    const uint8_t u8 = (uint8_t)u;
    memcpy(dst, bytes == 8 ? (const void *)&u : bytes == 4 ? (const void *)&u32 : &u8,
           (size_t)bytes);
}

void element_load(Element e, bool big_endian, const void *src, int64_t n, void *dst) {
    const ElementInfo *info = &element_info[e];
    const int from = info->bytes, to = dtype_info[info->dtype].bytes;
    const unsigned char *p = src;
    unsigned char *q = dst;
    bool plain = from == to && e != ELEMENT_BOOL;
    if (plain && (from == 1 || big_endian == host_is_big())) {
        if (n)
            memcpy(dst, src, (size_t)n * (size_t)from);
        return;
    }
    for (int64_t i = 0; i < n; i++, p += from, q += to)
        put_bits(q, to, widen(e, assemble(p, from, big_endian)));
}

void element_store(DType d, const void *src, int64_t n, void *dst) {
    const int bytes = dtype_info[d].bytes;
    if (n)
        memcpy(dst, src, (size_t)(n * bytes));
    if (!host_is_big())
        return;
    unsigned char *p = dst;
    for (int64_t i = 0; i < n * bytes; i += bytes)
        for (int j = 0; j < bytes / 2; j++) {
            unsigned char b = p[i + j];
            p[i + j] = p[i + bytes - 1 - j];
            p[i + bytes - 1 - j] = b;
        }
}
