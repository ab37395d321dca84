/* SPDX-License-Identifier: MIT */
/*
 * The .in and .out file of one log, open for writing, and a table of them, for
 * the sinks. A log whose format has both directions in one file has only that
 * of RL_IN.
 */
#ifndef FILE_PAIR_H
#define FILE_PAIR_H

#include "rawlog/sink.h"

struct tcp_conn;

struct file_pair {
	bool used;
	uint32_t session, rule; /* as in struct rl_log */
	int fds[2];		/* by file, RL_IN and RL_OUT; -1: there is no such file */
	__u64 sizes[2];		/* written, bytes */
	struct tcp_conn *tcp;	/* instead of files; the sink closes it */
};

/* Creates the log's files in the directory `at`, with mode 0600. All or none: if one can't be created
 * the other is removed. 0: the descriptors are the caller's until file_pairs_add(); -EEXIST: a name
 * is taken; -errno. */
int file_pair_create(const struct log_place *place, int at, uint32_t serial,
		     struct file_pair *pair_r);

/* Zero-initialise. A handle is an index into `all`, and valid until file_pairs_close(). */
struct file_pairs {
	struct file_pair *all;
	int count;
};

/* Copies the pair and takes over its descriptors. Returns its handle. */
int file_pairs_add(struct file_pairs *pairs, const struct file_pair *pair);
/* The handle of this log, or -ENOENT. */
int file_pairs_find(const struct file_pairs *pairs, uint32_t session, uint32_t rule);
/* Appends to a file (RL_IN or RL_OUT). 0, or -errno: some of it may have been written, which is in
 * `sizes`. */
int file_pairs_write(struct file_pairs *pairs, int handle, int file, const void *data, size_t size);
/* 0; -errno of close(): what was written may not be in the files. */
int file_pairs_close(struct file_pairs *pairs, int handle);
/* Closes what is open. Zeroed afterwards. */
void file_pairs_free(struct file_pairs *pairs);

#endif
