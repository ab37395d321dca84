// SPDX-License-Identifier: MIT
/*
 * LD_PRELOAD library: a system call on some files fails, or hangs.
 *
 *   FAULT_CALLS  CALL:NAME,CALL:NAME...: open, openat, openat2, fstat, write, writev, close or
 *                unlinkat, and how the file's name ends; or bpf:noexist, an update of a BPF map
 *   FAULT_ERROR  errno; 0 for write and writev: only one byte is written
 *   FAULT_UNTIL  instead: the call waits until this file exists
 *   FAULT_SKIP   so many such calls succeed before (default: 0)
 *   FAULT_TIMES  so many fail (default: all that follow)
 *   FAULT_HITS   this file gets a byte for each
 *
 * Each process counts for itself.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static int number_of(const char *name, int missing)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : missing;
}

static bool ends_with(const char *name, const char *end, size_t end_len)
{
	size_t len = strlen(name);

	return len >= end_len && strncmp(name + len - end_len, end, end_len) == 0;
}

static bool is_listed(const char *call, const char *name)
{
	const char *at = getenv("FAULT_CALLS");
	size_t call_len = strlen(call), len;

	for (; at && *at; at += len + (at[len] == ',')) {
		len = strcspn(at, ",");
		if (len > call_len && strncmp(at, call, call_len) == 0 && at[call_len] == ':' &&
		    ends_with(name, at + call_len + 1, len - call_len - 1))
			return true;
	}
	return false;
}

/* By the real functions: ours would come here again. */
static void report(void)
{
	const char *hits = getenv("FAULT_HITS");
	int fd = hits ? REAL(open)(hits, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;

	if (fd < 0)
		return;
	if (REAL(write)(fd, "x", 1) != 1)
		abort();
	REAL(close)(fd);
}

static void wait_for(const char *path)
{
	const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};

	while (access(path, F_OK))
		nanosleep(&moment, NULL);
}

/* Does this call have to fail? */
static bool fails(const char *call, const char *name)
{
	const char *until = getenv("FAULT_UNTIL");
	static atomic_int seen;
	int number;

	if (!is_listed(call, name))
		return false;
	number = atomic_fetch_add(&seen, 1) - number_of("FAULT_SKIP", 0);
	if (number < 0 || number >= number_of("FAULT_TIMES", INT_MAX))
		return false;
	report();
	if (until)
		wait_for(until);
	return !until;
}

static bool fails_on(const char *call, int fd)
{
	char link[64], name[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, name, sizeof(name) - 1);
	if (len < 0)
		return false;
	name[len] = '\0';
	return fails(call, name);
}

static int error(void)
{
	return number_of("FAULT_ERROR", 0);
}

static int fail(void)
{
	errno = error();
	return -1;
}

ssize_t write(int fd, const void *data, size_t size)
{
	if (!fails_on("write", fd))
		return REAL(write)(fd, data, size);
	return error() ? fail() : REAL(write)(fd, data, size ? 1 : 0);
}

ssize_t writev(int fd, const struct iovec *vectors, int count)
{
	if (!fails_on("writev", fd))
		return REAL(writev)(fd, vectors, count);
	return error() ? fail() : REAL(write)(fd, vectors[0].iov_base, vectors[0].iov_len ? 1 : 0);
}

/* Closed it is all the same, as by the kernel. */
int close(int fd)
{
	bool failed = fails_on("close", fd);
	int ret = REAL(close)(fd);

	return failed ? fail() : ret;
}

int fstat(int fd, struct stat *st)
{
	return fails_on("fstat", fd) ? fail() : REAL(fstat)(fd, st);
}

int unlinkat(int at, const char *name, int flags)
{
	return fails("unlinkat", name) ? fail() : REAL(unlinkat)(at, name, flags);
}

static mode_t take_mode(va_list args, int flags)
{
	return flags & O_CREAT ? va_arg(args, mode_t) : 0;
}

int openat(int at, const char *name, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = take_mode(args, flags);
	va_end(args);
	return fails("openat", name) ? fail() : REAL(openat)(at, name, flags, mode);
}

int open(const char *name, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = take_mode(args, flags);
	va_end(args);
	return fails("open", name) ? fail() : REAL(open)(name, flags, mode);
}

/* glibc has no function of its own for openat2, as openat2(2) says, nor for bpf. */
long syscall(long number, ...)
{
	long arg[6];
	va_list args;
	int i;

	va_start(args, number);
	for (i = 0; i < 6; i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_openat2 && fails("openat2", (const char *)arg[1]))
		return fail();
	if (number == SYS_bpf && arg[0] == BPF_MAP_UPDATE_ELEM &&
	    ((const union bpf_attr *)arg[1])->flags == BPF_NOEXIST && fails("bpf", "noexist"))
		return fail();
	return REAL(syscall)(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}
