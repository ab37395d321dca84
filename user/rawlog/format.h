/* SPDX-License-Identifier: MIT */
/*
 * How a log looks: a connection's bytes in, the bytes of its files out. A
 * format is a file format_NAME.c with a struct format, declared below. It does
 * no I/O, and the time comes with the bytes. A log has one struct format_state
 * for each of its files.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* The flags of Dovecot's rawlog program (util/rawlog.c, 2.3.19.1). */
struct log_flags {
	bool boundaries; /* -b: mark what belongs to one system call */
	bool timestamps; /* -t: begin each line with the time */
	bool ip_in_name; /* -I: the client's address in the files' names */
	bool only[2];	 /* by enum rl_dir; -f in, -i: only[RL_IN]. None set: both directions */
};

/* Sets a flag by its letter; `argument` is "in" or "out" for 'f', else not used. 0; -EINVAL: no such
 * letter, or argument. */
int log_flags_set(struct log_flags *flags, int letter, const char *argument);
/* Adds the flags of `more`. If it names directions, they replace those of `flags`. */
void log_flags_add(struct log_flags *flags, const struct log_flags *more);
/* Appends the letters of the flags that are set, each without an argument: "tI", "bo". */
void log_flags_text(const struct log_flags *flags, struct str *text);
/* Appends all letters: as getopt() wants them, "btIf:io"; for a message, "-b, -t, -I, -f, -i and -o". */
void log_flags_getopt(struct str *text);
void log_flags_names(struct str *text);
/* Is this direction logged? */
bool log_flags_has(const struct log_flags *flags, int dir);

/* What one system call moved, or a part of it. Valid during the call that it is passed to. An empty one
 * that continues a system call, without more to come, says that it was all. */
struct chunk {
	const unsigned char *data;
	size_t len;
	int64_t realtime_ns; /* since 1970 */
	bool continues;	     /* the same system call's bytes began in an earlier chunk */
	bool more;	     /* the same system call's bytes continue in the next chunk */
	int dir;	     /* enum rl_dir */
};

/* What rawtap has to say of the log, in a place of it. */
struct note {
	int64_t realtime_ns;
	const char *text; /* a sentence, without an end; valid during the call */
	int dir;	  /* enum rl_dir */
};

/* What a format remembers of one file. */
struct format_state {
	bool line_ended;    /* the connection's next byte begins a line */
	bool block_open;    /* -b: <<< is written, >>> is not */
	bool at_line_start; /* the file's next byte begins a line */
	/* both directions in one file: the incomplete line, by direction; time of the last byte */
	struct str held[2];
	int64_t last_ns;
};

struct format {
	const char *name;
	/* Of the files' names, by enum rl_dir. If both directions are in one file, in their true
	 * order, it is that of RL_IN, and RL_OUT has NULL. */
	const char *extension[2];
	/* Each appends to `out` what goes to the file. write(): the next bytes; note(): "[rawtap: TEXT]" in
	 * a line of its own, which no protocol has; end(): the log ends. */
	void (*write)(struct format_state *state, const struct log_flags *flags,
		      const struct chunk *chunk, struct str *out);
	void (*note)(struct format_state *state, const struct log_flags *flags,
		     const struct note *note, struct str *out);
	void (*end)(struct format_state *state, const struct log_flags *flags, struct str *out);
};

/* A pair of files, as Dovecot writes it (util/rawlog.c, lib/iostream-rawlog.c, 2.3.19.1). */
extern const struct format format_pair;
/* One stream, as rawlog_dir = tcp:HOST:PORT sends it (lib/iostream-rawlog.c): in 2.3.19.1; and in 2.4.1,
 * where each piece of a long line has a line of its own. */
extern const struct format format_single;
extern const struct format format_lines;

/* All of them. */
extern const struct format *const formats[];
extern const unsigned int formats_count;
/* By name; NULL: there is none. */
const struct format *format_find(const char *name);

/* The file in which a direction is: RL_IN or RL_OUT. */
int format_file(const struct format *format, int dir);
/* Does a log with these flags have this file (RL_IN or RL_OUT)? */
bool format_has_file(const struct format *format, const struct log_flags *flags, int file);

/* For the beginning of a file, whatever `state` holds. */
void format_init(struct format_state *state);
void format_free(struct format_state *state);

#endif
