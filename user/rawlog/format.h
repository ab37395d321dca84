/* SPDX-License-Identifier: MIT */
/*
 * How a log looks: bytes of one direction in, bytes for a file out. A format is
 * a row in formats[] and a file of its own; it never does I/O, and the time
 * comes with the bytes. A log has a state for each of its files; format_init()
 * sets it up, format_free() ends it.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* The rawlog binary's flags. */
struct log_flags {
	bool boundaries; /* -b */
	bool timestamps; /* -t */
	bool ip_in_name; /* -I */
	bool only[2];	 /* by enum rl_dir; -f in, -i: only[RL_IN]. None set: both */
};

/* Sets one by its letter; `argument` for 'f' ("in", "out"). 0; -EINVAL: no such flag, or argument. */
int log_flags_set(struct log_flags *flags, int letter, const char *argument);
/* Adds those of `more`; which directions are logged is what `more` says, if it says it. */
void log_flags_add(struct log_flags *flags, const struct log_flags *more);
/* Appends their letters, "btIio". */
void log_flags_text(const struct log_flags *flags, struct str *text);
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
	/* both directions in one file: a line's begin, by direction; when the last byte came */
	struct str held[2];
	int64_t last_ns;
};

struct format {
	const char *name;
	/* Of the files, by direction. Where both directions are in one file, in their true order, it
	 * is the one for RL_IN, and RL_OUT has none: NULL. */
	const char *extension[2];
	void (*write)(struct format_state *state, const struct log_flags *flags,
		      const struct chunk *chunk, struct str *out);
	void (*gap)(struct format_state *state, const struct log_flags *flags,
		    const struct chunk_gap *gap, struct str *out);
	/* The log ends. */
	void (*end)(struct format_state *state, const struct log_flags *flags, struct str *out);
};

/* A pair of files, as Dovecot writes it (util/rawlog.c, lib/iostream-rawlog.c, 2.3.19.1). */
extern const struct format format_pair;
/* One stream, as rawlog_dir = tcp:HOST:PORT sends it (lib/iostream-rawlog.c, 2.3.19.1). */
extern const struct format format_single;

/* All of them. */
extern const struct format *const formats[];
extern const unsigned int formats_count;

/* In which of its files a direction is: RL_IN or RL_OUT. */
int format_file(const struct format *format, int dir);
/* Does a log with these flags have this file? */
bool format_has_file(const struct format *format, const struct log_flags *flags, int file);

void format_init(struct format_state *state);
void format_free(struct format_state *state);

#endif
