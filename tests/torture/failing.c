/*
 * LD_PRELOAD: one call of the C library fails, for torture.sh. Every call of a class is counted in the file GPUFLEET_FAIL_COUNTS,
 * which outlives the process however it ends.
 *
 *	GPUFLEET_FAIL=memory:1000        the 1000th allocation of the process fails
 *	GPUFLEET_FAIL=write:17:28:50     writes 17 … 66 fail with errno 28
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum class { MEMORY, WRITE, READ, SYNC, OPEN, SOCKET, CLASSES };
static const char *const names[CLASSES] = { "memory", "write", "read", "sync", "open", "socket" };
static const int usual[CLASSES] = { ENOMEM, ENOSPC, EIO, EIO, EMFILE, EMFILE };

static uint64_t spare[CLASSES], *counts = spare;
static int which = -1, number;
static uint64_t first = UINT64_MAX, last;

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t count, size_t n);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);

static int fails(enum class c)
{
	uint64_t n = __atomic_add_fetch(&counts[c], 1, __ATOMIC_RELAXED);

	if ((int)c != which || n < first || n > last)
		return 0;
	errno = number;
	return 1;
}

/* Files and sockets fail in life; libuv's own wake-up descriptors do not, and it aborts when they do. */
static int fails_on(enum class c, int fd)
{
	struct stat st;
	int kept = errno;

	if (fstat(fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISSOCK(st.st_mode))) {
		errno = kept;
		return 0;
	}
	errno = kept;
	if (!fails(c))
		return 0;
	if (S_ISSOCK(st.st_mode) && number == usual[c])
		errno = ECONNRESET;
	return 1;
}

/* ENOMEM without a word: whoever allocates may hold any lock. */
void *malloc(size_t n)
{
	return fails(MEMORY) ? NULL : __libc_malloc(n);
}

void *calloc(size_t count, size_t n)
{
	return fails(MEMORY) ? NULL : __libc_calloc(count, n);
}

void *realloc(void *p, size_t n)
{
	return fails(MEMORY) ? NULL : __libc_realloc(p, n);
}

int posix_memalign(void **out, size_t align, size_t n)
{
	void *p = fails(MEMORY) ? NULL : __libc_memalign(align, n);

	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

#define NEXT(name)                                                                                 \
	static __typeof__(name) *next;                                                             \
	if (!next)                                                                                 \
	next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define WRAP_FD(class, name, params, args)                                                         \
	ssize_t name params                                                                        \
	{                                                                                          \
		NEXT(name);                                                                        \
		return fails_on(class, fd) ? -1 : next args;                                       \
	}

#define WRAP(type, class, name, params, args)                                                      \
	type name params                                                                           \
	{                                                                                          \
		NEXT(name);                                                                        \
		return fails(class) ? -1 : next args;                                              \
	}

WRAP_FD(WRITE, write, (int fd, const void *p, size_t n), (fd, p, n))
WRAP_FD(WRITE, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP_FD(WRITE, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
WRAP_FD(WRITE, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at))
WRAP_FD(WRITE, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
WRAP_FD(WRITE, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
WRAP_FD(READ, read, (int fd, void *p, size_t n), (fd, p, n))
WRAP_FD(READ, pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
WRAP_FD(READ, pread64, (int fd, void *p, size_t n, off64_t at), (fd, p, n, at))
WRAP_FD(READ, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags))
WRAP(int, SYNC, fsync, (int fd), (fd))
WRAP(int, SYNC, fdatasync, (int fd), (fd))
WRAP(int, SYNC, ftruncate64, (int fd, off64_t n), (fd, n))
WRAP(int, SYNC, rename, (const char *from, const char *to), (from, to))
WRAP(int, SOCKET, socket, (int family, int type, int protocol), (family, type, protocol))
WRAP(int, SOCKET, socketpair, (int family, int type, int protocol, int pair[2]), (family, type, protocol, pair))
WRAP(int, SOCKET, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags))
WRAP(int, SOCKET, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))

#define WRAP_OPEN(name)                                                                            \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		va_list ap;                                                                        \
		mode_t mode;                                                                       \
		NEXT(name);                                                                        \
                                                                                                   \
		va_start(ap, flags);                                                               \
		mode = va_arg(ap, mode_t);                                                         \
		va_end(ap);                                                                        \
		return fails(OPEN) ? -1 : next(path, flags, mode);                                 \
	}

WRAP_OPEN(open)
WRAP_OPEN(open64)

/* No core of a process that keeps secrets: the way to the crash goes to its log instead. */
static void on_crash(int sig)
{
	void *way[64];

	backtrace_symbols_fd(way, backtrace(way, 64), 2);
	signal(sig, SIG_DFL);
	raise(sig);
}

__attribute__((constructor)) static void begin(void)
{
	void *first_use[1];

	const char *file = getenv("GPUFLEET_FAIL_COUNTS"), *what = getenv("GPUFLEET_FAIL");
	char name[16] = "";
	uint64_t from = 0, times = 1;
	int error = 0, fd = file ? open(file, O_RDWR | O_CREAT, 0600) : -1;
	void *map;

	if (fd >= 0 && ftruncate64(fd, sizeof(spare)) == 0) {
		map = mmap(NULL, sizeof(spare), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (map != MAP_FAILED)
			counts = map;
	}
	if (fd >= 0)
		close(fd);
	memset(counts, 0, sizeof(spare));
	backtrace(first_use, 1); /* loads what it needs, which allocates */
	signal(SIGSEGV, on_crash);
	if (!what || sscanf(what, "%15[a-z]:%lu:%d:%lu", name, &from, &error, &times) < 2)
		return;
	for (int k = 0; k < CLASSES; k++)
		if (!strcmp(name, names[k]))
			which = k;
	if (which < 0)
		return;
	number = error ? error : usual[which];
	first = from;
	last = from + times - 1;
}
