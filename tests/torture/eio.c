/* A disk that fails: the Nth write below a folder, and perhaps all after it, ends with EIO.
 *
 * Loaded before the C library (LD_PRELOAD). eio_arm() says where and when; eio_seen() how many
 * writes there were. Nothing fails until it is armed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[4096];
static atomic_long seen, fail_at;
static int for_good;

void eio_arm(const char *below, long number, int stays)
{
    snprintf(folder, sizeof folder, "%s", below);
    for_good = stays;
    atomic_store(&seen, 0);
    atomic_store(&fail_at, number);
}

long eio_seen(void)
{
    return atomic_load(&seen);
}

static int fails(const char *path)
{
    long at = atomic_load(&fail_at), number;
    if (at == 0 || strncmp(path, folder, strlen(folder)) != 0)
        return 0;
    number = atomic_fetch_add(&seen, 1) + 1;
    return number == at || (for_good && number > at);
}

static int fails_at(int descriptor)
{
    char link[64], path[4096];
    ssize_t size;
    if (atomic_load(&fail_at) == 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return 0;
    path[size] = 0;
    return fails(path);
}

#define FAIL_IF(broken)                                                                            \
    if (broken) {                                                                                  \
        errno = EIO;                                                                               \
        return -1;                                                                                 \
    }
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int descriptor, const void *data, size_t size)
{
    FAIL_IF(fails_at(descriptor))
    return REAL(write)(descriptor, data, size);
}

ssize_t writev(int descriptor, const struct iovec *data, int count)
{
    FAIL_IF(fails_at(descriptor))
    return REAL(writev)(descriptor, data, count);
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t at)
{
    FAIL_IF(fails_at(descriptor))
    return REAL(pwrite64)(descriptor, data, size, at);
}

int fsync(int descriptor)
{
    FAIL_IF(fails_at(descriptor))
    return REAL(fsync)(descriptor);
}

int rename(const char *from, const char *to)
{
    FAIL_IF(fails(to))
    return REAL(rename)(from, to);
}

int link(const char *from, const char *to)
{
    FAIL_IF(fails(to))
    return REAL(link)(from, to);
}

int linkat(int a, const char *from, int b, const char *to, int flags)
{
    FAIL_IF(fails(to))
    return REAL(linkat)(a, from, b, to, flags);
}
