/* Weights files: 64 bytes of header (magic, version, layout hash, size, CRC-32C; little
 * endian), then the parameter block, byte for byte as the generated code has it. */
#define _DEFAULT_SOURCE
#include "runtime/krt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER = 64, VERSION = 1 };
enum { AT_VERSION = 4, AT_HASH = 8, AT_BYTES = 16, AT_CRC = 24, AT_REST = 28 };
static const char magic[4] = "KRTW";

const char *krt_strerror(KrtStatus status) {
    switch (status) {
    case KRT_OK: return "no error";
    case KRT_CANNOT_OPEN: return "the file cannot be opened";
    case KRT_CANNOT_READ: return "the file cannot be read";
    case KRT_CANNOT_WRITE: return "the file cannot be written";
    case KRT_NO_MEMORY: return "out of memory";
    case KRT_BAD_MAGIC: return "the file is not a weights file";
    case KRT_BAD_VERSION: return "the weights file has an unknown version";
    case KRT_OTHER_LAYOUT:
        return "the weights have another layout than the code expects";
    case KRT_OTHER_SIZE: return "the weights have another size than the code expects";
    case KRT_TRUNCATED: return "the weights file is cut off";
    case KRT_TOO_LONG: return "the weights file is longer than its header says";
    case KRT_BAD_CHECKSUM: return "the weights file is damaged: its checksum is wrong";
    }
    return "unknown error";
}

/* ---- header */

static void put_number(unsigned char *p, int bytes, uint64_t x) {
    for (int i = 0; i < bytes; i++)
        p[i] = (unsigned char)(x >> 8 * i);
}

static uint64_t get_number(const unsigned char *p, int bytes) {
    uint64_t x = 0;
    for (int i = bytes; i-- > 0;)
        x = x << 8 | p[i];
    return x;
}

/* CRC-32C of what stands before it and of the block, eight bytes at a time. The tables are
 * made anew each time: a few microseconds, and no state. */
static uint32_t checksum(const unsigned char *header, const unsigned char *p,
                         size_t n) {
    uint32_t t[8][256], c = ~UINT32_C(0);
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t x = i;
        for (int k = 0; k < 8; k++)
            x = x >> 1 ^ (x & 1 ? UINT32_C(0x82f63b78) : 0);
        t[0][i] = x;
    }
    for (int k = 1; k < 8; k++)
        for (int i = 0; i < 256; i++)
            t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 255];
    for (int i = 0; i < AT_CRC; i++)
        c = c >> 8 ^ t[0][(c ^ header[i]) & 255];
    for (; n >= 8; n -= 8, p += 8) {
        const uint64_t x = get_number(p, 8) ^ c;
        c = 0;
        for (int k = 0; k < 8; k++)
            c ^= t[7 - k][x >> 8 * k & 255];
    }
    for (; n; n--, p++)
        c = c >> 8 ^ t[0][(c ^ *p) & 255];
    return ~c;
}

static void make_header(unsigned char h[HEADER], uint64_t hash, const void *data,
                        size_t bytes) {
    memset(h, 0, HEADER);
    memcpy(h, magic, sizeof magic);
    put_number(h + AT_VERSION, 4, VERSION);
    put_number(h + AT_HASH, 8, hash);
    put_number(h + AT_BYTES, 8, bytes);
    put_number(h + AT_CRC, 4, checksum(h, data, bytes));
}

/* f: the whole file, `size` bytes of it. */
static KrtStatus check(const unsigned char *f, uint64_t size, uint64_t hash,
                       size_t bytes) {
    if (size < sizeof magic || memcmp(f, magic, sizeof magic))
        return KRT_BAD_MAGIC;
    if (size < HEADER)
        return KRT_TRUNCATED;
    if (get_number(f + AT_VERSION, 4) != VERSION)
        return KRT_BAD_VERSION;
    if (get_number(f + AT_HASH, 8) != hash)
        return KRT_OTHER_LAYOUT;
    if (get_number(f + AT_BYTES, 8) != bytes)
        return KRT_OTHER_SIZE;
    if (size - HEADER != bytes)
        return size - HEADER < bytes ? KRT_TRUNCATED : KRT_TOO_LONG;
    for (int i = AT_REST; i < HEADER; i++)
        if (f[i])
            return KRT_BAD_CHECKSUM;
    if (get_number(f + AT_CRC, 4) != checksum(f, f + HEADER, bytes))
        return KRT_BAD_CHECKSUM;
    return KRT_OK;
}

/* ---- reading */

KrtStatus krt_weights_map(const char *path, uint64_t hash, size_t bytes, void **data) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return KRT_CANNOT_OPEN;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        return KRT_CANNOT_READ;
    }
    const size_t size = (size_t)st.st_size;
    unsigned char *f =
        size ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0)
             : MAP_FAILED;
    close(fd);
    if (f == MAP_FAILED)
        return size ? KRT_CANNOT_READ : KRT_BAD_MAGIC;
    KrtStatus status = check(f, size, hash, bytes);
    if (status)
        munmap(f, size);
    else
        *data = f + HEADER;
    return status;
}

void krt_weights_unmap(void *data, size_t bytes) {
    munmap((unsigned char *)data - HEADER, HEADER + bytes);
}

KrtStatus krt_weights_read(const char *path, uint64_t hash, void *dst, size_t bytes) {
    void *data;
    KrtStatus status = krt_weights_map(path, hash, bytes, &data);
    if (status)
        return status;
    if (bytes)
        memcpy(dst, data, bytes);
    krt_weights_unmap(data, bytes);
    return KRT_OK;
}

/* ---- writing */

static int write_all(int fd, const void *data, size_t n) {
    const char *p = data;
    while (n) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno != EINTR)
            return -1;
        p += put > 0 ? put : 0;
        n -= put > 0 ? (size_t)put : 0;
    }
    return 0;
}

/* Opens `path`, empty and locked: what a writer that was killed has left is used again,
 * one that is at work is waited for. */
static int open_locked(const char *path) {
    struct stat mine, named;
    for (;;) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0)
            return -1;
        while (flock(fd, LOCK_EX) && errno == EINTR)
            continue;
        const int same = !fstat(fd, &mine) && !stat(path, &named) &&
                         mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
        if (same && !ftruncate(fd, 0))
            return fd;
        close(fd);
        if (same)
            return -1;
    }
}

KrtStatus krt_weights_write(const char *path, uint64_t hash, const void *data,
                            size_t bytes) {
    unsigned char header[HEADER];
    const size_t size = strlen(path) + 5;
    char *beside = malloc(size);
    if (!beside)
        return KRT_NO_MEMORY;
    snprintf(beside, size, "%s.tmp", path);
    make_header(header, hash, data, bytes);
    const int fd = open_locked(beside);
    const int bad = fd < 0 || write_all(fd, header, HEADER) || write_all(fd, data, bytes) ||
                    fsync(fd) || rename(beside, path);
    if (fd >= 0 && bad)
        unlink(beside);
    if (fd >= 0)
        close(fd);                     /* the lock goes last */
    free(beside);
    return bad ? KRT_CANNOT_WRITE : KRT_OK;
}
