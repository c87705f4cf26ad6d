/* A machine with a bad day: preloaded into a program under test, it delays or refuses what is written below one folder
   and sets the program's clock. What it shall do stands in a file that the test maps too, so it changes while the
   program runs; there each fsync is noted with its beginning and end on the monotonic clock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { NOTES = 16384, NAME = 48 };

struct orders { /* as tests/faults/machine.py packs it */
    int64_t clock_nanoseconds;  /* added to the time of day */
    int64_t fsync_microseconds; /* slept before each fsync */
    int64_t refusal;            /* errno of whatever would write; 0 for none */
    int64_t noted;              /* fsyncs so far */
    struct { int64_t begun, ended; char name[NAME]; } notes[NOTES];
};

static struct orders *orders;
static char folder[4096];

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) void begin(void) {
    const char *path = getenv("MACHINE_ORDERS"), *below = getenv("MACHINE_FOLDER");
    if (!path || !below) return;
    snprintf(folder, sizeof folder, "%s/", below);
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void *found = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (found != MAP_FAILED) orders = found;
}

static int64_t monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int ours(const char *path) {
    if (path[0] == '/') return strncmp(path, folder, strlen(folder)) == 0;
    char whole[8192];
    if (!getcwd(whole, 4096)) return 0;
    strcat(whole, "/");
    strncat(whole, path, 4000);
    return strncmp(whole, folder, strlen(folder)) == 0;
}

static int name_of(int file, char *into, size_t size) { /* whether an open file is below the folder */
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, into, size - 1);
    if (length <= 0) return 0;
    into[length] = 0;
    return ours(into);
}

static int refuses_path(const char *path) {
    if (!orders || !orders->refusal || !ours(path)) return 0;
    errno = (int)orders->refusal;
    return 1;
}

static int refuses_file(int file) {
    char name[4096];
    if (!orders || !orders->refusal || !name_of(file, name, sizeof name)) return 0;
    errno = (int)orders->refusal;
    return 1;
}

static int refuses_open(const char *path, int flags) {
    if (orders && orders->refusal == ENOSPC) /* a full disk opens what is there */
        return (flags & O_CREAT) && access(path, F_OK) != 0 && refuses_path(path);
    return (flags & (O_ACCMODE | O_CREAT)) != O_RDONLY && refuses_path(path);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more); \
        return refuses_open(path, flags) ? -1 : real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define WRITE(result, name, parameters, ...) \
    result name parameters { REAL(name); return refuses_file(file) ? -1 : real(__VA_ARGS__); }
WRITE(ssize_t, write, (int file, const void *bytes, size_t size), file, bytes, size)
WRITE(ssize_t, pwrite, (int file, const void *bytes, size_t size, off_t at), file, bytes, size, at)
WRITE(ssize_t, pwrite64, (int file, const void *bytes, size_t size, off64_t at), file, bytes, size, at)
WRITE(int, ftruncate, (int file, off_t size), file, size)
WRITE(int, ftruncate64, (int file, off64_t size), file, size)

int mkdir(const char *path, mode_t mode) { REAL(mkdir); return refuses_path(path) ? -1 : real(path, mode); }

static int removes(const char *path) { /* a full disk lets go, a read-only one does not */
    return orders && orders->refusal != ENOSPC && refuses_path(path);
}
int rename(const char *from, const char *to) { REAL(rename); return removes(from) ? -1 : real(from, to); }
int unlink(const char *path) { REAL(unlink); return removes(path) ? -1 : real(path); }

static int sync_noted(int file, int (*real)(int)) {
    char name[4096];
    if (!orders || !name_of(file, name, sizeof name)) return real(file);
    int64_t begun = monotonic();
    if (orders->fsync_microseconds) {
        struct timespec pause = {orders->fsync_microseconds / 1000000, orders->fsync_microseconds % 1000000 * 1000};
        nanosleep(&pause, NULL);
    }
    int result = real(file);
    int64_t at = __atomic_fetch_add(&orders->noted, 1, __ATOMIC_SEQ_CST);
    if (at < NOTES) {
        size_t length = strlen(name), cut = length < NAME ? 0 : length - NAME + 1;
        memcpy(orders->notes[at].name, name + cut, length - cut + 1);
        orders->notes[at].begun = begun;
        __atomic_store_n(&orders->notes[at].ended, monotonic(), __ATOMIC_SEQ_CST);
    }
    return result;
}
int fsync(int file) { REAL(fsync); return sync_noted(file, real); }
int fdatasync(int file) { REAL(fdatasync); return sync_noted(file, real); }

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    int result = real(clock, now);
    if (orders && result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t all = now->tv_sec * INT64_C(1000000000) + now->tv_nsec + orders->clock_nanoseconds;
        now->tv_sec = all / INT64_C(1000000000);
        now->tv_nsec = all % INT64_C(1000000000);
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec;
    now->tv_usec = found.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (into) *into = found.tv_sec;
    return found.tv_sec;
}
