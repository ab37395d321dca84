/* SPDX-License-Identifier: MIT */
/*
 * Connections that logs are sent over. Nothing here waits, but
 * tcp_logs_resolve() and tcp_logs_finish(): what a connection can't take is
 * kept, up to a limit, and sent when it can.
 */
#ifndef TCP_LOG_H
#define TCP_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "str.h"

/* What may be kept for one connection, and for all of them, bytes. */
#define TCP_LOG_KEPT_MAX  (4 * 1024 * 1024)
#define TCP_LOGS_KEPT_MAX (64 * 1024 * 1024)

struct tcp_logs;
struct tcp_log;

/* NULL: errno says why. */
struct tcp_logs *tcp_logs_new(void);
/* Looks up where "HOST:PORT" is, once and for all; asks the DNS, and waits for it. 0; -EINVAL, with
 * a text in `error`. */
int tcp_logs_resolve(struct tcp_logs *logs, const char *target, struct str *error);
/* A new connection to a target that was looked up, or whose HOST is an address. 0; -errno: it is
 * refused already, or EDESTADDRREQ: nobody knows where that is. */
int tcp_logs_connect(struct tcp_logs *logs, const char *target, struct tcp_log **log_r);
/* Readable when tcp_logs_turn() has something to do. Stays the table's. */
int tcp_logs_fd(const struct tcp_logs *logs);
/* Sends what can be sent. To be called now and then all the same: it also gives up. */
void tcp_logs_turn(struct tcp_logs *logs);
/* Waits until what is kept for closed logs is sent, at most `timeout_ms`. How many closed logs were
 * not sent to their end, since the beginning; each was told. */
unsigned int tcp_logs_finish(struct tcp_logs *logs, int timeout_ms);
/* Everything is closed as it is. */
void tcp_logs_free(struct tcp_logs **logs);

/* 0, or -errno when the connection is lost; ENOBUFS: it does not take so much. Then it is over: what
 * was kept is dropped. */
int tcp_log_write(struct tcp_log *log, const void *data, size_t size);
/* Bytes that the kernel took. */
uint64_t tcp_log_sent(const struct tcp_log *log);
/* What is kept is still sent. */
void tcp_log_close(struct tcp_log **log);

#endif
