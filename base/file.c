/* Files, read and written whole. */
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Says "cannot <what> '<path>': <the system's reason>". */
static bool file_error(Loc loc, const char *what, const char *path, int code) {
    char reason[128];
    if (strerror_r(code, reason, sizeof reason))
        snprintf(reason, sizeof reason, "error %d", code);
    return diag_system(loc, "cannot %s '%s': %s", what, path, reason);
}

static bool too_large(Loc loc, const char *path, int64_t max) {
    return diag_error(loc, "cannot read '%s': larger than %lld bytes", path,
                      (long long)max);
}

/* Reads until the end. What stat said is a hint only: pipes say 0, files may grow. */
static char *read_all(Arena *a, Loc loc, const char *path, int fd, int64_t max,
                      size_t *size) {
    struct stat st;
    if (fstat(fd, &st)) {
        file_error(loc, "read", path, errno);
        return NULL;
    }
    if (S_ISREG(st.st_mode) && st.st_size > max) {
        too_large(loc, path, max);
        return NULL;
    }
    size_t cap = S_ISREG(st.st_mode) ? (size_t)st.st_size + 1 : 4096, n = 0;
    char *p = arena_alloc(a, cap);
    for (;;) {
        if (n + 1 == cap) {            /* one byte stays for the end, one read finds it */
            p = arena_grow(a, p, cap, cap + cap / 2 + 4096);
            cap += cap / 2 + 4096;
        }
        ssize_t got = read(fd, p + n, cap - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            file_error(loc, "read", path, errno);
            return NULL;
        }
        n += (size_t)got;
        if ((int64_t)n > max) {
            too_large(loc, path, max);
            return NULL;
        }
        if (!got)
            break;
    }
    *size = n;
    return p;
}

char *file_read(Arena *a, Loc loc, const char *path, int64_t max, size_t *size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        file_error(loc, "read", path, errno);
        return NULL;
    }
    char *p = read_all(a, loc, path, fd, max, size);
    close(fd);
    return p;
}

static bool write_all(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

/* A rename is safe on disk once its directory is. Some file systems cannot sync one. */
static void sync_dir(const char *path) {
    const char *slash = strrchr(path, '/');
    Text dir = {0};
    if (slash)
        text_put(&dir, path, slash == path ? 1 : (size_t)(slash - path));
    int fd = open(slash ? dir.s : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    text_free(&dir);
}

/* Is what is open still what has the name? Another writer may have renamed it. */
static bool still_named(int fd, const char *name) {
    struct stat open_one, named;
    return !fstat(fd, &open_one) && !stat(name, &named) && open_one.st_ino == named.st_ino &&
           open_one.st_dev == named.st_dev;
}

/* Opens `name`, empty and locked: what a writer that was killed has left is used again, one
 * that is at work is waited for. A new file has the mode that umask leaves. */
static int open_temporary(const char *name, const char *path) {
    struct stat old;
    for (;;) {
        int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0)
            return fd;
        while (flock(fd, LOCK_EX) && errno == EINTR)
            continue;
        bool same = still_named(fd, name), replaces = !stat(path, &old);
        if (same && !ftruncate(fd, 0) && (!replaces || !fchmod(fd, old.st_mode & 0777)))
            return fd;
        int code = errno;
        close(fd);
        errno = code;
        if (same)
            return -1;
    }
}

/* Devices and pipes cannot be replaced by a rename: they are written to. */
static bool write_special(Loc loc, const char *path, const void *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write_all(fd, data, size);
    int code = errno;
    if (fd >= 0 && close(fd) && ok) {
        ok = false;
        code = errno;
    }
    return ok || file_error(loc, "write", path, code);
}

bool file_write(Loc loc, const char *path, const void *data, size_t size) {
    struct stat st;
    if (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return write_special(loc, path, data, size);
    Text name = {0};
    text_printf(&name, "%s.tmp", path);
    int fd = open_temporary(name.s, path);
    bool ok = fd >= 0 && write_all(fd, data, size) && !fsync(fd) && !rename(name.s, path);
    int code = errno;
    if (fd >= 0 && !ok)
        unlink(name.s);
    if (fd >= 0)
        close(fd);                     /* the lock goes last */
    text_free(&name);
    if (!ok)
        return file_error(loc, "write", path, code);
    sync_dir(path);
    return true;
}
