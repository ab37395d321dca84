/* SPDX-License-Identifier: MIT */
/*
 * Where logs go: the user's directory on this host, or a TCP connection
 * (sink_host.c), or a tree below a directory of the caller's (sink_tree.c, for
 * replay). A sink is the only thing below main that writes files.
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

/* All that is needed to make one log. Pointers are valid during the call only. */
struct log_place {
	uint32_t session, rule; /* as in struct rl_log */
	uint32_t tgid;		/* of the mail process */
	const uint32_t *groups; /* supplementary; none: as the process has them, if it is there */
	uint32_t groups_count;
	const struct format *format;
	bool files[2]; /* which of the format's files there are: see format_has_file() */
	/* "HOST:PORT": its only file's bytes are sent there; NULL: files. Then chroot, base, dir and
	 * the ids have no meaning. */
	const char *tcp;
	const char *chroot; /* NULL: none */
	const char *base;   /* absolute, inside the chroot: the home, or $base_dir/login */
	/* A name in `base`; with `iostream` absolute, or relative to `base`. All inside the chroot. */
	const char *dir;
	const char *name; /* of the files, without "-N", ".in", ".out" */
	/* false: what util/rawlog.c does (2.3.19.1): lstat().
	 * true: what lib/iostream-rawlog.c does: stat(). */
	bool iostream;
	uid_t uid;
	gid_t gid;
};

struct sink_ops {
	/* Looks whether the directory is there and creates the files. What came of it is a FACT_LOG
	 * record, later: the sink must not feed the engine now. A sink for replay does nothing, as the
	 * stream has the answer. */
	void (*create)(struct sink *sink, const struct log_place *place);
	/* FACT_LOG said that the files were created, with this serial: takes them over. A handle of 0 or
	 * more, which close() ends; or -errno. */
	int (*claim)(struct sink *sink, const struct log_place *place, uint32_t serial);
	/* Appends to one of the files. 0, or -errno: then what was written of it is in the file. */
	int (*write)(struct sink *sink, int handle, int file, const void *data, size_t size);
	/* What was written to each file, or sent, bytes. */
	void (*sizes)(struct sink *sink, int handle, __u64 sizes_r[2]);
	/* FACT_WRITE said how far the log got: cut what is beyond. */
	void (*cut)(struct sink *sink, int handle, const __u64 sizes[2]);
	void (*close)(struct sink *sink, int handle);
};

struct sink {
	const struct sink_ops *ops;
};

#define SINK_SERIAL_MAX 1000
#define SINK_SERIAL_LEN 16

/* What makes a name unique: "" for serial 1, else "-N". */
const char *sink_serial_text(uint32_t serial, char text_r[SINK_SERIAL_LEN]);
/* "NAME[-N].EXTENSION" of one of the files; at most NAME_MAX. 0; -ENAMETOOLONG. */
int sink_file_name(const struct log_place *place, uint32_t serial, int file, char *name_r,
		   size_t size);

#endif
