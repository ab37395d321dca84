// SPDX-License-Identifier: MIT
#include "output/file_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "rl_abi.h"

#define OPEN_FLAGS (O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

int file_pair_create(const struct log_place *place, int at, uint32_t serial,
		     struct file_pair *pair_r)
{
	char names[2][NAME_MAX + 1];
	int file, ret = 0;

	*pair_r = (struct file_pair){
		.used = true,
		.session = place->session,
		.rule = place->rule,
		.fds = {-1, -1},
	};
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
	}
	return ret;
}

int file_pairs_add(struct file_pairs *pairs, const struct file_pair *pair)
{
	int handle;

	for (handle = 0; handle < pairs->count && pairs->all[handle].used; handle++)
		;
	if (handle == pairs->count)
		pairs->all = mem_resize(pairs->all, ++pairs->count * sizeof(*pairs->all));
	pairs->all[handle] = *pair;
	return handle;
}

int file_pairs_find(const struct file_pairs *pairs, uint32_t session, uint32_t rule)
{
	int handle;

	for (handle = 0; handle < pairs->count; handle++)
		if (pairs->all[handle].used && pairs->all[handle].session == session &&
		    pairs->all[handle].rule == rule)
			return handle;
	return -ENOENT;
}

int file_pairs_write(struct file_pairs *pairs, int handle, int file, const void *data, size_t size)
{
	struct file_pair *pair = &pairs->all[handle];
	const char *at = data;
	ssize_t ret;

	while (size) {
		ret = write(pair->fds[file], at, size);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return ret ? -errno : -EIO;
		at += ret;
		size -= ret;
		pair->sizes[file] += ret;
	}
	return 0;
}

int file_pairs_close(struct file_pairs *pairs, int handle)
{
	struct file_pair *pair = &pairs->all[handle];
	int file, ret = 0;

	/* after an error, EINTR too, the descriptor is closed: close(2) */
	for (file = RL_IN; file <= RL_OUT; file++)
		if (pair->fds[file] >= 0 && close(pair->fds[file]) && errno != EINTR)
			ret = -errno;
	*pair = (struct file_pair){0};
	return ret;
}

void file_pairs_free(struct file_pairs *pairs)
{
	int handle;

	for (handle = 0; handle < pairs->count; handle++)
		if (pairs->all[handle].used)
			file_pairs_close(pairs, handle);
	free(pairs->all);
	*pairs = (struct file_pairs){0};
}
