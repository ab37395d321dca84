/* SPDX-License-Identifier: MIT */
/*
 * Logs in the users' own directories on this host, or sent over TCP. Files are
 * the writer's (output/writer.h), so that nothing here waits for a file system:
 * what came of a log is told later.
 */
#ifndef SINK_HOST_H
#define SINK_HOST_H

#include <stdbool.h>

#include "rl_abi.h"
#include "rawlog/sink.h"

struct tcp_conns;

/* What is told of logs. Each belongs into a record, but the engine must not be called from there
 * (sink.h): some are told while it calls the sink. */
struct sink_host_answers {
	/* FACT_LOG */
	void (*log)(void *context, const struct rl_log *fact);
	/* FACT_WRITE */
	void (*write)(void *context, const struct rl_write *fact);
	/* The adopted file could not be written to, or closed (errno). */
	void (*adopted_failed)(void *context, int error);
	void *context; /* must outlive the sink, which the caller frees */
};

/*
 * Starts the writer: before there are threads, or descriptors that it must not have. `kept`: enum
 * capabilities_kept. `adopted_fd`, -1: none: a file that is open already, at `adopted_path`, which
 * the sink takes over: see sink_host_append(). 0; -errno: `sink_r` must be freed, too.
 */
int sink_host_new(const struct sink_host_answers *answers, unsigned int kept, int adopted_fd,
		  const char *adopted_path, struct sink **sink_r);
/* Descriptor that is readable when sink_host_take() has something to do. */
int sink_host_fd(struct sink *sink);

/* Appends to the adopted file. 0; -RL_ERROR_BEHIND: the file system does not keep up, nothing was taken. */
int sink_host_append(struct sink *sink, const void *data, size_t size);

/* Hands over what was asked and written so far. */
void sink_host_submit(struct sink *sink);
/* Tells what has come of it. 0; -EPIPE: the writer has ended, which was told of each log. */
int sink_host_take(struct sink *sink);
/* Before the caller waits for sink_host_fd(). False: it must not, there is something to take. */
bool sink_host_sleep(struct sink *sink);
/* Is one being created? Then call sink_host_take() soon, to be told when that takes long. */
bool sink_host_is_creating(struct sink *sink);
/* Gives back memory that nothing needs now. */
void sink_host_trim(struct sink *sink);

/* At the end: is an answer to come? */
bool sink_host_is_busy(struct sink *sink);
/* Waits for sink_host_take() to have something to do, for at most `timeout_ms`. */
void sink_host_wait(struct sink *sink, int timeout_ms);
/* Of what was not answered, tells that it took too long. */
void sink_host_give_up(struct sink *sink);
/* Closes the adopted file. 0; -errno: not all of it was written within `timeout_ms`, which was told. */
int sink_host_close_adopted(struct sink *sink, int timeout_ms);

/* The sink's connections, for the main loop: tcp_conns_resolve() before the first log;
 * tcp_conns_send() when tcp_conns_fd() is readable; tcp_conns_finish() at the end. */
struct tcp_conns *sink_host_connections(struct sink *sink);

/* Ends the writer. Free the engine, which writes to it, first. NULL afterwards. */
void sink_host_free(struct sink **sink);

#endif
