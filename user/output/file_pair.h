/* SPDX-License-Identifier: MIT */
/*
 * The .in and .out file of one log, open for writing, and a table of them.
 * What is common to the sinks that write files. A stream of both directions is
 * one file, that of RL_IN.
 */
#ifndef FILE_PAIR_H
#define FILE_PAIR_H

#include "rawlog/sink.h"

struct tcp_conn;

struct file_pair {
	bool used;
	uint32_t session, rule;
	int fds[2];	      /* by enum rl_dir; -1: not wanted */
	__u64 sizes[2];	      /* written, bytes */
	struct tcp_conn *tcp; /* instead of files; the sink's own business */
};

/* Both files that are wanted in the directory `at`, new ones, mode 0600, or none: what was made is
 * removed again. 0, or -errno; -EEXIST: one of the names is taken. */
int file_pair_create(const struct log_place *place, int at, uint32_t serial,
		     struct file_pair *pair_r);

/* Zero-initialise; file_pairs_free() closes what is open. */
struct file_pairs {
	struct file_pair *all;
	int count;
};

int file_pairs_add(struct file_pairs *pairs, const struct file_pair *pair); /* its handle */
/* The handle of this log, or -ENOENT. */
int file_pairs_find(const struct file_pairs *pairs, uint32_t session, uint32_t rule);
/* Appends all of it. 0 or -errno; what was written before the error counts. */
int file_pairs_write(struct file_pairs *pairs, int handle, int dir, const void *data, size_t size);
void file_pairs_close(struct file_pairs *pairs, int handle);
void file_pairs_free(struct file_pairs *pairs);

#endif
