/*
 * Counts every call that writes to a database (its file, its WAL, its shared index) and lets one of them go wrong.
 *
 * What is to happen stands in a small file that is mapped into memory, so that it can be read after a SIGKILL:
 *   SWEEP_BOARD   that file
 *   SWEEP_FILE    the path of the database; paths that begin with it are counted
 *   SWEEP_ACT     kill | torn | once | fail | full
 *   SWEEP_AT      the number of the call, from 1
 *   SWEEP_AFTER   fail and full: how many ms the fault lasts
 *   SWEEP_THEN    fail and full: heal | kill, at the first call after that
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  atomic_long calls;  /* so far */
  atomic_long struck; /* ms of a monotonic clock, 0 before the fault */
  atomic_long healed; /* the same for its end */
  atomic_long failed; /* calls that failed */
} board;

enum fate { PASS, FAIL_EIO, FAIL_ENOSPC, TORN };
enum kind { WRITE, SYNC, CUT, UNLINK };

static board none, *the = &none;
static const char *file = "", *act = "";
static long at = 0, after = 0;
static int then_kill = 0;

static long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000L + time.tv_nsec / 1000000L;
}

static const char *said(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

__attribute__((constructor)) static void begin(void) {
  int fd = open(said("SWEEP_BOARD"), O_RDWR);
  if (fd < 0) return;
  void *mapped = mmap(NULL, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped == MAP_FAILED) return;
  the = mapped;
  file = said("SWEEP_FILE");
  act = said("SWEEP_ACT");
  at = atol(said("SWEEP_AT"));
  after = atol(said("SWEEP_AFTER"));
  then_kill = strcmp(said("SWEEP_THEN"), "kill") == 0;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int is_ours(int fd) {
  char link[64], path[PATH_MAX];
  if (!*file) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, file, strlen(file)) == 0;
}

/* EIO meets every kind of call, ENOSPC only those that want room. */
static enum fate failing(enum kind kind) {
  int full = strcmp(act, "full") == 0;
  if (full && kind != WRITE) return PASS;
  atomic_fetch_add(&the->failed, 1);
  return full ? FAIL_ENOSPC : FAIL_EIO;
}

static enum fate fate_of(enum kind kind) {
  long call = atomic_fetch_add(&the->calls, 1) + 1;
  if (!at || call < at) return PASS;
  long begun = 0;
  int first = atomic_compare_exchange_strong(&the->struck, &begun, now());
  if (strcmp(act, "kill") == 0) die();
  if (strcmp(act, "torn") == 0) return TORN;
  if (first && strcmp(act, "once") == 0) {
    atomic_store(&the->healed, now());
    return failing(kind);
  }
  if (atomic_load(&the->healed)) return PASS;
  if (!first && now() - begun >= after) {
    if (then_kill) die();
    atomic_store(&the->healed, now());
    return PASS;
  }
  return failing(kind);
}

static int refused(enum fate fate) {
  if (fate == FAIL_EIO) errno = EIO;
  if (fate == FAIL_ENOSPC) errno = ENOSPC;
  return fate == FAIL_EIO || fate == FAIL_ENOSPC;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
/* A call that writes: half of it is there when the process dies in its middle. */
#define WRITES(call, half)                            \
  do {                                                \
    if (!is_ours(fd)) return call;                    \
    enum fate fate = fate_of(WRITE);                  \
    if (refused(fate)) return -1;                     \
    if (fate == TORN) { if (half < 0) errno = 0; die(); } \
    return call;                                      \
  } while (0)
#define DOES(kind, ours, call)                        \
  do {                                                \
    if (!(ours)) return call;                         \
    enum fate fate = fate_of(kind);                   \
    if (refused(fate)) return -1;                     \
    if (fate == TORN) { if (call < 0) errno = 0; die(); } \
    return call;                                      \
  } while (0)

ssize_t pwrite64(int fd, const void *from, size_t size, off64_t to) { REAL(pwrite64); WRITES(real(fd, from, size, to), real(fd, from, size / 2, to)); }
ssize_t pwrite(int fd, const void *from, size_t size, off_t to) { REAL(pwrite); WRITES(real(fd, from, size, to), real(fd, from, size / 2, to)); }
ssize_t write(int fd, const void *from, size_t size) { REAL(write); WRITES(real(fd, from, size), real(fd, from, size / 2)); }
int fsync(int fd) { REAL(fsync); DOES(SYNC, is_ours(fd), real(fd)); }
int fdatasync(int fd) { REAL(fdatasync); DOES(SYNC, is_ours(fd), real(fd)); }
int ftruncate(int fd, off_t size) { REAL(ftruncate); DOES(CUT, is_ours(fd), real(fd, size)); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); DOES(CUT, is_ours(fd), real(fd, size)); }
int unlink(const char *path) { REAL(unlink); DOES(UNLINK, *file && strncmp(path, file, strlen(file)) == 0, real(path)); }
