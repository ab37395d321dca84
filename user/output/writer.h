/* SPDX-License-Identifier: MIT */
/*
 * The process that writes logs, as the recorder sees it: it looks for
 * directories, creates, writes and closes files, all of which may hang in a file
 * system. Nothing here waits, but for writer_start() and writer_wait().
 *
 * It is a process of its own, not a thread, as a thread that hangs in the kernel
 * would keep the recorder from ending. And it has the privileges for users'
 * files, which the recorder does not need then.
 */
#ifndef WRITER_H
#define WRITER_H

#include <stdbool.h>

#include "rawlog/sink.h"
#include "rl_abi.h"

struct writer;

/* What may wait for one log, and for all, in bytes. One whose file system does not answer gets a quarter
 * of what others leave, but never less than the least. If there is no room at all one log loses what it
 * has: the one that has most, of those first whose file systems do not answer. */
#define WRITER_LOG_MIN	   (1 * 1024 * 1024)
#define WRITER_LOG_MAX	   (64 * 1024 * 1024)
#define WRITER_ALL_MAX	   (512 * 1024 * 1024)
#define WRITER_ADOPTED_MAX (256 * 1024 * 1024)

/* What came of a log's requests. `owner`: as in writer_create(). */
struct writer_events {
	/* `status`, `error`, `serial` of `fact` are set. Unless it is OPENED the log is freed. */
	void (*created)(void *owner, struct rl_log *fact);
	/* Something was written: writer_sizes() has changed. */
	void (*written)(void *owner);
	/* A write failed (errno): what waits was dropped, and what comes later will be. */
	void (*failed)(void *owner, int error);
	/* Others needed the room that it took: what waits was dropped, but for what is being written now,
	 * and what comes later will be. The log is being closed. */
	void (*dropped)(void *owner);
	/* After writer_close(). `error`: errno of close(), or 0. The log is freed. */
	void (*closed)(void *owner, int error);
};

/*
 * Forks: call it before there are threads, or descriptors that the writer must not have. `kept`: enum
 * capabilities_kept. `adopted_fd`, -1: none: a file that is open already, at `adopted_path`; it is
 * closed here, and written to as the log WRITER_ADOPTED (only its file RL_IN), whose owner is
 * `adopted_owner`. 0; -errno.
 */
#define WRITER_ADOPTED 0
int writer_start(const struct writer_events *events, unsigned int kept, int adopted_fd,
		 const char *adopted_path, void *adopted_owner, struct writer **writer_r);
/* The process. */
pid_t writer_pid(const struct writer *writer);
/* Is readable when writer_take() has something to do. The writer closes it. */
int writer_fd(const struct writer *writer);

/* Asks for a log. `place` is used during the call only. Returns its number; -EMFILE, -ENOBUFS: there
 * is no room for it. */
int writer_create(struct writer *writer, const struct log_place *place, void *owner);
/* Appends to a file (RL_IN or RL_OUT) of a log. 0; -ENOBUFS: there is no room, nothing was taken. It
 * can be another log that loses its room: see writer_events. */
int writer_append(struct writer *writer, uint32_t log, int file, const void *data, size_t size);
/* Nothing more is appended: the log is closed when all is written. */
void writer_close(struct writer *writer, uint32_t log);
/* Nobody wants to know of it any more: no event names this owner. */
void writer_disown(struct writer *writer, uint32_t log);
/* What was written so far, bytes, by file; where a call hangs, a part of that can be missing. */
void writer_sizes(const struct writer *writer, uint32_t log, __u64 sizes_r[2]);
/* Does more wait for this log than may? `share`: so much of it, in percent. */
bool writer_has_more_than(const struct writer *writer, uint32_t log, unsigned int share);

/* Hands over what was asked for and appended. */
void writer_submit(struct writer *writer);
/* Takes what has come back, calls the events. 0; -EPIPE: the process has ended: nothing will come any
 * more. */
int writer_take(struct writer *writer);
/* Before the caller waits for writer_fd(). False: it must not, there is something to take. */
bool writer_sleep(struct writer *writer);
/* Waits until there is something to take, for at most `timeout_ms`. */
void writer_wait(struct writer *writer, int timeout_ms);
/* Gives back memory that nothing needs now. */
void writer_trim(struct writer *writer);

/* Ends the process, whatever it is at; waits a moment for that. NULL afterwards. */
void writer_free(struct writer **writer);

#endif
