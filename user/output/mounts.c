// SPDX-License-Identifier: MIT
#include "output/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOUNTS_FILE "/proc/self/mounts"

int mounts_read(struct mounts *mounts)
{
	char line[4 * PATH_MAX]; /* escapes can make a path four times as long */
	FILE *file = setmntent(MOUNTS_FILE, "re");
	struct mntent entry;

	if (!file)
		return -errno;
	str_clear(&mounts->points);
	while (getmntent_r(file, &entry, line, sizeof(line)))
		str_append(&mounts->points, entry.mnt_dir, strlen(entry.mnt_dir) + 1);
	endmntent(file);
	return 0;
}

int mounts_open(struct mounts *mounts)
{
	int ret;

	*mounts = (struct mounts){.fd = open(MOUNTS_FILE, O_RDONLY | O_CLOEXEC)};
	if (mounts->fd < 0)
		return -errno;
	ret = mounts_read(mounts);
	if (ret)
		mounts_close(mounts);
	return ret;
}

static bool is_below(const char *path, const char *point, size_t len)
{
	return strncmp(path, point, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

const char *mounts_point(const struct mounts *mounts, const char *path)
{
	const char *point, *end = str_text(&mounts->points) + mounts->points.len, *best = "/";
	size_t len, best_len = 0;

	for (point = str_text(&mounts->points); point < end; point += len + 1) {
		len = strlen(point);
		if (len > best_len && strcmp(point, "/") != 0 && is_below(path, point, len)) {
			best = point;
			best_len = len;
		}
	}
	return best;
}

void mounts_close(struct mounts *mounts)
{
	if (mounts->fd >= 0)
		close(mounts->fd);
	mounts->fd = -1;
	str_free(&mounts->points);
}
