/* SPDX-License-Identifier: MIT */
/* Which file system a path is on, without touching it: it may hang. */
#ifndef MOUNTS_H
#define MOUNTS_H

#include <stdbool.h>

#include "base/str.h"

struct mounts {
	struct str points; /* where file systems are mounted, each with its NUL */
	int fd;		   /* /proc/self/mounts; poll(2) gives POLLPRI when they have changed */
};

/* 0 or -errno. */
int mounts_open(struct mounts *mounts);
/* Reads them anew. 0; -errno: they are as they were. */
int mounts_read(struct mounts *mounts);
/* Where the file system is mounted that an absolute path is on, as its text says: symbolic links are
 * not looked at. Valid until mounts_read(). */
const char *mounts_point(const struct mounts *mounts, const char *path);
void mounts_close(struct mounts *mounts);

#endif
