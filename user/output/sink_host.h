/* SPDX-License-Identifier: MIT */
/*
 * Logs in the users' own directories, on this host, or over TCP connections.
 * Whatever is looked up or created is looked up and created as the user:
 * nobody's directory leads root astray, and what the user could not have
 * created is refused. What is there already stays as it is: the log is beside
 * it, as "NAME-2", "NAME-3", ...
 */
#ifndef SINK_HOST_H
#define SINK_HOST_H

#include "rl_abi.h"
#include "rawlog/sink.h"

struct tcp_conns;

/* `answer` is called for each question, with what is to become a FACT_LOG record. NULL: errno says
 * why. */
struct sink *sink_host_new(void (*answer)(void *context, const struct rl_log *fact), void *context);
/* For whoever runs the main loop: tcp_conns_resolve() before, tcp_conns_send() each time that
 * tcp_conns_fd() is readable, tcp_conns_finish() at the end. Stays the sink's. */
struct tcp_conns *sink_host_connections(struct sink *sink);
void sink_host_free(struct sink **sink);

#endif
