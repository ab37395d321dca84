/* SPDX-License-Identifier: MIT */
/*
 * One log of one session: formats the bytes of both directions, collects them,
 * and hands them to the sink when rawlog_flush() is called.
 */
#ifndef RAWLOG_H
#define RAWLOG_H

#include "rawlog/format.h"
#include "rawlog/sink.h"

/* `size` bytes are missing here. */
struct chunk_gap {
	int64_t realtime_ns;
	uint64_t size;
	const char *reason; /* see event_gap_text(); valid during the call */
	int dir;	    /* enum rl_dir */
};

struct rawlog {
	const struct format *format;
	const struct log_flags *flags;
	struct sink *sink;	      /* NULL: not open */
	int handle;		      /* the sink's */
	struct format_state state[2]; /* by file: see format_file() */
	struct str pending[2];	      /* formatted, not handed to the sink yet; by file */
	uint64_t formatted[2];	      /* bytes that the formats have made so far; by file */
	uint64_t taken[2];	      /* a connection's bytes in these, by enum rl_dir */
	uint64_t passed[2];	      /* all of its bytes, those that are missing too, likewise */
	bool behind;		      /* the sink can't take more now */
	uint64_t dropped[2];	      /* since then, likewise; */
	uint64_t dropped_bytes;	      /* without those that were missing anyway */
};

/* Opens the log whose files the sink has created with `serial`. `rawlog` is zeroed; `sink`
 * and `flags` stay the caller's and must outlive it; `place` is used during the call only. 0, or
 * -errno of the sink: it is not open. */
int rawlog_open(struct rawlog *rawlog, struct sink *sink, const struct log_place *place,
		const struct log_flags *flags, uint32_t serial);
bool rawlog_is_open(const struct rawlog *rawlog);

/* Does it log this direction? */
bool rawlog_wants(const struct rawlog *rawlog, int dir);

/* 0, or -errno of the sink: then call rawlog_release(). Nothing is done for a log that is not open, or
 * does not want this direction. */
int rawlog_write(struct rawlog *rawlog, const struct chunk *chunk);
int rawlog_gap(struct rawlog *rawlog, const struct chunk_gap *gap);
/* A note in each of its files, beside the connection's bytes. */
int rawlog_note(struct rawlog *rawlog, int64_t realtime_ns, const char *text);
int rawlog_flush(struct rawlog *rawlog);

/* From now on bytes are dropped, ... */
void rawlog_fall_behind(struct rawlog *rawlog);
/* ... and now they are not any more: a gap tells of those that were, with this `reason`.
 * `dropped_r`: how many that were. 0 or -errno: as rawlog_write(). */
int rawlog_go_on(struct rawlog *rawlog, int64_t realtime_ns, const char *reason,
		 uint64_t *dropped_r);

/* Lets the format end the log, and hands the rest to the sink; nothing is written afterwards. 0 or
 * -errno: as rawlog_write(). */
int rawlog_end(struct rawlog *rawlog);
/* How many of the connection's bytes are not in files of these sizes (bytes, by file), by enum rl_dir;
 * at most, where formats add bytes of their own. */
void rawlog_count_lost(const struct rawlog *rawlog, const __u64 sizes[2], uint64_t lost_r[2]);
/* What is pending is dropped. `sizes`: see release() of struct sink_ops. Zeroed afterwards. */
void rawlog_release(struct rawlog *rawlog, const __u64 sizes[2]);

#endif
