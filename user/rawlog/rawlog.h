/* SPDX-License-Identifier: MIT */
/*
 * One log of one session: formats the bytes of both directions and hands them
 * to the sink in batches.
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
	struct str pending[2];	      /* formatted, not handed over yet; by file */
};

/* `rawlog` is zeroed or closed. `sink` and `flags` stay the caller's and outlive it. 0 or -errno of
 * the sink. */
int rawlog_open(struct rawlog *rawlog, struct sink *sink, const struct log_place *place,
		const struct log_flags *flags, uint32_t serial);
bool rawlog_is_open(const struct rawlog *rawlog);

/* Does it log this direction? */
bool rawlog_wants(const struct rawlog *rawlog, int dir);

/* 0, or -errno of a flush that became necessary. Nothing is done for a log that is not open, or
 * does not want this direction. */
int rawlog_write(struct rawlog *rawlog, const struct chunk *chunk);
int rawlog_gap(struct rawlog *rawlog, const struct chunk_gap *gap);
int rawlog_flush(struct rawlog *rawlog);

/* Writes what the format has to say at the end, and closes. 0 or -errno of the last flush. */
int rawlog_close(struct rawlog *rawlog);
/* Closes without another byte; what is pending is dropped, the files are cut to `sizes`. */
void rawlog_abandon(struct rawlog *rawlog, const __u64 sizes[2]);

#endif
