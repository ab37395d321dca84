/* SPDX-License-Identifier: MIT */
/*
 * One log of one session: the pair of files, or the stream, that one way makes.
 * Formats the bytes of both directions and hands them to the sink in batches.
 */
#ifndef RAWLOG_H
#define RAWLOG_H

#include "rules.h"
#include "sink.h"

struct rawlog {
	const struct way *way;
	const struct format *format;
	struct sink *sink;
	int handle;		      /* the sink's; -1: not open */
	struct format_state state[2]; /* by direction; a stream of both: the first */
	struct str pending[2];	      /* formatted, not handed over yet; likewise */
};

/* `rawlog` is zeroed or closed. 0 or -errno of the sink. */
int rawlog_open(struct rawlog *rawlog, struct sink *sink, const struct way *way,
		const struct log_place *place, uint32_t serial);
bool rawlog_is_open(const struct rawlog *rawlog);

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
