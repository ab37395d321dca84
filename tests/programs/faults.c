// SPDX-License-Identifier: MIT
/*
 * LD_PRELOAD library: a system call on some files fails.
 *
 *   FAULT_CALL   openat, write or close
 *   FAULT_ERROR  errno; 0 for write: only one byte is written
 *   FAULT_NAME   how the file's name ends
 *   FAULT_SKIP   so many such calls succeed before (default: 0)
 *   FAULT_TIMES  so many fail (default: all that follow)
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int number_of(const char *name, int missing)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : missing;
}

static bool is_ours(const char *call, const char *name)
{
	const char *which = getenv("FAULT_CALL"), *end = getenv("FAULT_NAME");
	static int seen;
	int first = number_of("FAULT_SKIP", 0), count = number_of("FAULT_TIMES", INT_MAX);
	size_t len = strlen(name), end_len = end ? strlen(end) : 0;

	if (!which || strcmp(which, call) != 0 || !end || len < end_len ||
	    strcmp(name + len - end_len, end) != 0)
		return false;
	seen++;
	return seen > first && seen - first <= count;
}

static bool is_our_file(const char *call, int fd)
{
	char link[64], name[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, name, sizeof(name) - 1);
	if (len < 0)
		return false;
	name[len] = '\0';
	return is_ours(call, name);
}

static int error(void)
{
	return number_of("FAULT_ERROR", 0);
}

ssize_t write(int fd, const void *data, size_t size)
{
	ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");

	if (!is_our_file("write", fd))
		return real(fd, data, size);
	if (!error())
		return real(fd, data, size ? 1 : 0);
	errno = error();
	return -1;
}

int close(int fd)
{
	int (*real)(int) = dlsym(RTLD_NEXT, "close");
	bool fails = is_our_file("close", fd);
	int ret = real(fd);

	if (!fails)
		return ret;
	errno = error();
	return -1;
}

static int open_or_fail(const char *call, int at, const char *name, int flags, mode_t mode)
{
	int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, call);

	if (!is_ours("openat", name))
		return real(at, name, flags, mode);
	errno = error();
	return -1;
}

int openat(int at, const char *name, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return open_or_fail("openat", at, name, flags, mode);
}

int openat64(int at, const char *name, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return open_or_fail("openat64", at, name, flags, mode);
}
