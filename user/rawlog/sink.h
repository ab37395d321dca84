/* SPDX-License-Identifier: MIT */
/*
 * Where logs go: directories and TCP connections of this host
 * (output/sink_host.c), or a tree below one directory (output/sink_tree.c, for
 * replay). Nothing else writes logs.
 */
#ifndef SINK_H
#define SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/types.h>

#include "rawlog/format.h"

struct sink;

/* All that the sink has to know to create one log. Pointers are valid during the call only. */
struct log_place {
	uint32_t session, rule; /* as in struct rl_log */
	uint32_t turn;		/* as in struct rl_write */
	uint32_t tgid;		/* the process whose connection it is; 0: none */
	/* The owner's supplementary groups; none: those of the process `tgid`, if it still runs. */
	const uint32_t *groups;
	uint32_t groups_count;
	const struct format *format;
	bool files[2]; /* which of the format's files there are: see format_has_file() */
	/* "HOST:PORT", where the bytes of the only file are sent; then chroot, base, dir and the ids
	 * have no meaning. NULL: the log is in files. */
	const char *tcp;
	const char *chroot; /* NULL: none */
	const char *base;   /* where `dir` begins: absolute, inside the chroot */
	/* The directory, inside the chroot: a name in `base`; with `iostream` any path, absolute or
	 * relative to `base`. */
	const char *dir;
	const char *name; /* of the files, without serial ("-2") and extension (".in") */
	/* How Dovecot (2.3.19.1) looks for the directory. false: as util/rawlog.c, with lstat(); true:
	 * as lib/iostream-rawlog.c, with stat(). */
	bool iostream;
	/* the files' owner */
	uid_t uid;
	gid_t gid;
};

struct sink_ops {
	/* Looks for the directory and creates the files. The result comes to the engine as a FACT_LOG
	 * record, after this call: the engine must not be called from here. A sink for replay does
	 * nothing: its stream has the record. */
	void (*create)(struct sink *sink, const struct log_place *place);
	/* Called when FACT_LOG has said that the files were created with this serial. Returns a handle,
	 * 0 or more, which is valid until release(); or -errno. */
	int (*claim)(struct sink *sink, const struct log_place *place, uint32_t serial);
	/* Appends to a file (RL_IN or RL_OUT). 0: it is taken, and if it can't be written a FACT_WRITE
	 * will say so; -errno: some of it may have been written, which sizes() includes, and only
	 * release() is left to call. */
	int (*write)(struct sink *sink, int handle, int file, const void *data, size_t size);
	/* The bytes that were written or sent so far, by file. */
	void (*sizes)(struct sink *sink, int handle, __u64 sizes_r[2]);
	/* No write() will follow. What came of the log comes as a FACT_WRITE, RL_WRITE_ENDED, after
	 * this call; for replay its stream has that. 0; -errno: what was written may not be in the
	 * files. */
	int (*end)(struct sink *sink, int handle);
	/* The handle is invalid afterwards. `sizes`, by file: a FACT_WRITE has said that the log ends
	 * with them, and longer files are cut. NULL: they are as they are. */
	void (*release)(struct sink *sink, int handle, const __u64 sizes[2]);
};

struct sink {
	const struct sink_ops *ops;
};

/* The serial makes a log's names unique: 1 for the first log of a name, 2 for the next, ... */
#define SINK_SERIAL_MAX 1000
#define SINK_SERIAL_LEN 16

/* How the serial shows in names: "" for 1, else "-N". Returns `text_r`. */
const char *sink_serial_text(uint32_t serial, char text_r[SINK_SERIAL_LEN]);
/* "NAME[-N].EXTENSION" of one of the files, NUL-terminated. 0; -ENAMETOOLONG: `size` is too small. */
int sink_file_name(const struct log_place *place, uint32_t serial, int file, char *name_r,
		   size_t size);

#endif
