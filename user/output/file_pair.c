// SPDX-License-Identifier: MIT
#include "output/file_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "rl_abi.h"

/* A file system in user space can say that of each call. */
#define INTERRUPTED_MAX 100

#define OPEN_FLAGS (O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

int file_pair_create(const struct log_place *place, int at, uint32_t serial,
		     struct file_pair *pair_r)
{
	char names[2][NAME_MAX + 1];
	int file, ret = 0;

	*pair_r = FILE_PAIR_NONE;
	for (file = RL_IN; file <= RL_OUT && ret == 0; file++) {
		if (!place->files[file])
			continue;
		ret = sink_file_name(place, serial, file, names[file], sizeof(names[file]));
		if (ret)
			break;
		pair_r->fds[file] = openat(at, names[file], OPEN_FLAGS, 0600);
		ret = pair_r->fds[file] < 0 ? -errno : 0;
	}
	if (ret && pair_r->fds[RL_IN] >= 0) {
		close(pair_r->fds[RL_IN]);
		unlinkat(at, names[RL_IN], 0);
		pair_r->fds[RL_IN] = -1;
	}
	return ret;
}

/* What is left of the vectors behind their first `size` bytes. */
static void advance(struct iovec **vectors, int *count, size_t size)
{
	while (*count && size >= (*vectors)->iov_len) {
		size -= (*vectors)->iov_len;
		++*vectors;
		--*count;
	}
	if (*count) {
		(*vectors)->iov_base = (char *)(*vectors)->iov_base + size;
		(*vectors)->iov_len -= size;
	}
}

int file_pair_write(struct file_pair *pair, int file, struct iovec *vectors, int count)
{
	unsigned int interrupted = 0;
	ssize_t ret;

	while (count) {
		ret = writev(pair->fds[file], vectors, count);
		if (ret < 0 && errno == EINTR && ++interrupted < INTERRUPTED_MAX)
			continue;
		if (ret <= 0)
			return ret ? -errno : -EIO;
		pair->sizes[file] += ret;
		advance(&vectors, &count, ret);
	}
	return 0;
}

int file_pair_close(struct file_pair *pair)
{
	int file, ret = 0;

	/* after an error, EINTR too, the descriptor is closed: close(2) */
	for (file = RL_IN; file <= RL_OUT; file++)
		if (pair->fds[file] >= 0 && close(pair->fds[file]) && errno != EINTR)
			ret = -errno;
	*pair = FILE_PAIR_NONE;
	return ret;
}
