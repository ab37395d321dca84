/* SPDX-License-Identifier: MIT */
/*
 * Logs in the users' own directories on this host, or sent over TCP.
 * Everything is looked up and created as the user, never as root: users cannot
 * redirect root's writes, and what the user may not create is refused. Files
 * that exist already stay as they are: the new log is called "NAME-2",
 * "NAME-3", ...
 */
#ifndef SINK_HOST_H
#define SINK_HOST_H

#include "rl_abi.h"
#include "rawlog/sink.h"

struct tcp_conns;

/*
 * `answer` is called once in each sink->ops->create(), before that returns. The
 * fact is valid during the call; it belongs into a record FACT_LOG, but the
 * engine must not be called from there (sink.h). `context` must outlive the
 * sink, which the caller frees. NULL: errno says why.
 */
struct sink *sink_host_new(void (*answer)(void *context, const struct rl_log *fact), void *context);

/* The sink's connections, for the main loop: tcp_conns_resolve() before the first log;
 * tcp_conns_send() when tcp_conns_fd() is readable; tcp_conns_finish() at the end. */
struct tcp_conns *sink_host_connections(struct sink *sink);

/* Closes what is open. Free the engine, which writes to it, first. NULL afterwards. */
void sink_host_free(struct sink **sink);

#endif
