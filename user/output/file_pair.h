/* SPDX-License-Identifier: MIT */
/*
 * The .in and .out file of one log, open for writing. A log whose format has
 * both directions in one file has only that of RL_IN. Each function may wait for
 * a file system.
 */
#ifndef FILE_PAIR_H
#define FILE_PAIR_H

#include <sys/uio.h>

#include "rawlog/sink.h"

struct file_pair {
	int fds[2];	/* by file, RL_IN and RL_OUT; -1: there is no such file */
	__u64 sizes[2]; /* written, bytes */
};

#define FILE_PAIR_NONE ((struct file_pair){.fds = {-1, -1}})

/* Creates the log's files in the directory `at`, with mode 0600. All or none: if one can't be created
 * the other is removed. 0: the caller closes them; -EEXIST: a name is taken; -errno. */
int file_pair_create(const struct log_place *place, int at, uint32_t serial,
		     struct file_pair *pair_r);
/* Appends to a file (RL_IN or RL_OUT); changes the vectors. 0, or -errno: some of it may have been
 * written, which is in `sizes`. */
int file_pair_write(struct file_pair *pair, int file, struct iovec *vectors, int count);
/* 0; -errno of close(): what was written may not be in the files. They are closed in any case. */
int file_pair_close(struct file_pair *pair);

#endif
