// SPDX-License-Identifier: MIT
#include "tracee.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG 128

void die(const char *what)
{
	fprintf(stderr, "tracee: %s: %s\n", what, strerror(errno));
	_exit(70);
}

void check(bool ok, const char *what)
{
	if (!ok)
		die(what);
}

void fill(void *buffer, size_t size, uint32_t seed)
{
	unsigned char *at = buffer;
	uint32_t x = seed * 2654435761u | 1;
	size_t i;

	for (i = 0; i < size; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		at[i] = x;
		/* What has many controls behind a gap is taken for IMAP's COMPRESS. */
		if (at[i] < ' ' && at[i] != '\n')
			at[i] += 'a';
	}
}

void write_all(int fd, const void *data, size_t size)
{
	const char *at = data;
	ssize_t len;

	for (; size; at += len, size -= len) {
		len = write(fd, at, size);
		check(len > 0, "write");
	}
}

static socklen_t unix_address(const char *dir, const char *name, struct sockaddr_un *address_r)
{
	*address_r = (struct sockaddr_un){.sun_family = AF_UNIX};
	check((size_t)snprintf(address_r->sun_path, sizeof(address_r->sun_path), "%s/%s", dir,
			       name) < sizeof(address_r->sun_path),
	      "path of a socket is too long");
	return sizeof(*address_r);
}

int unix_listen(const char *dir, const char *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	socklen_t len = unix_address(dir, name, &address);

	check(fd >= 0 && bind(fd, (void *)&address, len) == 0, "bind");
	check(listen(fd, LISTEN_BACKLOG) == 0, "listen");
	check(chmod(address.sun_path, 0666) == 0, "chmod");
	return fd;
}

int unix_connect(const char *dir, const char *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	socklen_t len = unix_address(dir, name, &address);

	check(fd >= 0 && connect(fd, (void *)&address, len) == 0, "connect");
	return fd;
}
