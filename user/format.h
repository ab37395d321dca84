/* SPDX-License-Identifier: MIT */
/*
 * Bytes of one direction in, bytes for the file out; never does I/O. A format
 * is a row in formats[]. State is kept for each direction of a log, or for the
 * log, if both directions go into one stream; format_init() sets it up, and
 * format_free() ends it.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "str.h"

/* The rawlog binary's flags. */
struct log_flags {
	bool boundaries; /* -b */
	bool timestamps; /* -t */
	bool ip_in_name; /* -I */
	bool only[2];	 /* by enum rl_dir; -f in, -i: only[RL_IN]. None set: both */
};

/* Is this direction logged? */
bool log_flags_has(const struct log_flags *flags, int dir);

struct chunk {
	const unsigned char *data;
	size_t len;
	int64_t realtime_ns;
	bool continues; /* the same system call's bytes began in an earlier chunk */
	bool more;	/* they go on in the next one */
	int dir;	/* enum rl_dir */
};

/* Bytes are missing here: `size` of them, from `offset` of the direction on. */
struct chunk_gap {
	int64_t realtime_ns;
	uint64_t offset, size;
	const char *reason;
	int dir; /* enum rl_dir */
};

struct format_state {
	bool line_ended;    /* the next byte begins a line */
	bool block_open;    /* -b: <<< is written, >>> is not */
	bool at_line_start; /* in the file, markers included */
	/* format_stream: a line's begin, by direction, and when the last byte came */
	struct str held[2];
	int64_t last_ns;
};

struct format {
	const char *name;
	bool one_stream; /* both directions go into one, in their true order */
	void (*write)(struct format_state *state, const struct log_flags *flags,
		      const struct chunk *chunk, struct str *out);
	void (*gap)(struct format_state *state, const struct log_flags *flags,
		    const struct chunk_gap *gap, struct str *out);
	/* The log ends. */
	void (*end)(struct format_state *state, const struct log_flags *flags, struct str *out);
};

/* What the rawlog binary writes (util/rawlog.c, 2.3.19.1). */
extern const struct format format_binary;
/* What rawlog_dir = tcp:HOST:PORT sends (lib/iostream-rawlog.c, 2.3.19.1). */
extern const struct format format_stream;

void format_init(struct format_state *state);
void format_free(struct format_state *state);

#endif
