/* SPDX-License-Identifier: MIT */
/*
 * One log of one session: formats the bytes of both directions, collects them,
 * and hands them to the sink when rawlog_flush() is called.
 */
#ifndef RAWLOG_H
#define RAWLOG_H

#include "rawlog/format.h"
#include "rawlog/sink.h"

struct rawlog {
	const struct format *format;
	const struct log_flags *flags;
	struct sink *sink;	      /* NULL: not open */
	int handle;		      /* the sink's */
	struct format_state state[2]; /* by file: see format_file() */
	struct str pending[2];	      /* formatted, not handed to the sink yet; by file */
	uint64_t formatted[2];	      /* bytes that the formats have made so far; by file */
	uint64_t taken[2];	      /* a connection's bytes in these, by enum rl_dir */
};

/* Opens the log whose files the sink has created with `serial`. `rawlog` is zeroed or closed; `sink`
 * and `flags` stay the caller's and must outlive it; `place` is used during the call only. 0, or
 * -errno of the sink: it is not open. */
int rawlog_open(struct rawlog *rawlog, struct sink *sink, const struct log_place *place,
		const struct log_flags *flags, uint32_t serial);
bool rawlog_is_open(const struct rawlog *rawlog);

/* Does it log this direction? */
bool rawlog_wants(const struct rawlog *rawlog, int dir);

/* 0, or -errno of the sink, if something was handed to it: then call rawlog_abandon() or
 * rawlog_close(). Nothing is done for a log that is not open, or does not want this direction. */
int rawlog_write(struct rawlog *rawlog, const struct chunk *chunk);
int rawlog_gap(struct rawlog *rawlog, const struct chunk_gap *gap);
int rawlog_flush(struct rawlog *rawlog);

/* Lets the format end the log, flushes and closes. 0, or -errno: it is closed, too. */
int rawlog_close(struct rawlog *rawlog);
/* Closes without writing: what is pending is dropped, the files are cut to `sizes` (bytes, by file).
 * `lost_r`: how many of the connection's bytes are not in the files, by enum rl_dir; at most, where
 * formats add bytes of their own. */
void rawlog_abandon(struct rawlog *rawlog, const __u64 sizes[2], uint64_t lost_r[2]);

#endif
