// SPDX-License-Identifier: MIT
#include "file_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"
#include "rl_abi.h"

#define OPEN_FLAGS (O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

static bool is_own_file(const struct stat *st, uid_t owner)
{
	return S_ISREG(st->st_mode) && st->st_uid == owner && st->st_nlink == 1;
}

/*
 * The file of this name that is there already. It is looked at before it is
 * opened, because to open a fifo or a device is felt by others, and again
 * afterwards, because the directory may be somebody else's who exchanges it.
 */
static int open_own(int at, const char *name, uid_t owner)
{
	struct stat st;
	int fd;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (!is_own_file(&st, owner))
		return -EEXIST;
	fd = openat(at, name, OPEN_FLAGS);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && is_own_file(&st, owner))
		return fd;
	close(fd);
	return -EEXIST;
}

/* Its descriptor, or -errno. */
static int open_file(const struct log_place *place, int at, const char *name,
		     enum file_pair_how how, bool *made_r)
{
	int fd = openat(at, name, OPEN_FLAGS | O_CREAT | O_EXCL, 0600);

	*made_r = fd >= 0;
	if (fd >= 0)
		return fd;
	return errno == EEXIST && how == FILE_PAIR_APPEND ? open_own(at, name, place->uid) : -errno;
}

int file_pair_create(const struct log_place *place, int at, uint32_t serial, enum file_pair_how how,
		     struct file_pair *pair_r)
{
	char names[2][NAME_MAX + 1];
	bool made[2] = {false, false};
	int dir, ret = 0;

	*pair_r = (struct file_pair){
		.used = true,
		.session = place->session,
		.way = place->way,
		.fds = {-1, -1},
	};
	for (dir = RL_IN; dir <= RL_OUT && ret == 0; dir++) {
		if (!(place->tcp ? dir == RL_IN : place->wanted[dir]))
			continue;
		ret = sink_file_name(place, serial, dir, names[dir], sizeof(names[dir]));
		if (ret)
			break;
		pair_r->fds[dir] = open_file(place, at, names[dir], how, &made[dir]);
		ret = pair_r->fds[dir] < 0 ? pair_r->fds[dir] : 0;
	}
	if (ret && pair_r->fds[RL_IN] >= 0) {
		close(pair_r->fds[RL_IN]);
		if (made[RL_IN])
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

int file_pairs_find(const struct file_pairs *pairs, uint32_t session, uint32_t way)
{
	int handle;

	for (handle = 0; handle < pairs->count; handle++)
		if (pairs->all[handle].used && pairs->all[handle].session == session &&
		    pairs->all[handle].way == way)
			return handle;
	return -ENOENT;
}

int file_pairs_write(struct file_pairs *pairs, int handle, int dir, const void *data, size_t size)
{
	struct file_pair *pair = &pairs->all[handle];
	const char *at = data;
	ssize_t ret;

	while (size) {
		ret = write(pair->fds[dir], at, size);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return ret ? -errno : -EIO;
		at += ret;
		size -= ret;
		pair->sizes[dir] += ret;
	}
	return 0;
}

void file_pairs_close(struct file_pairs *pairs, int handle)
{
	struct file_pair *pair = &pairs->all[handle];
	int dir;

	for (dir = RL_IN; dir <= RL_OUT; dir++)
		if (pair->fds[dir] >= 0)
			close(pair->fds[dir]);
	*pair = (struct file_pair){0};
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
