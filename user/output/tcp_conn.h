/* SPDX-License-Identifier: MIT */
/*
 * Connections that logs are sent over. Nothing here waits, but
 * tcp_conns_resolve() and tcp_conns_finish(): what a connection can't take is
 * kept, up to a limit, and sent when it can.
 */
#ifndef TCP_CONN_H
#define TCP_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* What may be kept for one connection, and for all of them, bytes. */
#define TCP_CONN_KEPT_MAX  (4 * 1024 * 1024)
#define TCP_CONNS_KEPT_MAX (64 * 1024 * 1024)

struct tcp_conns;
struct tcp_conn;

/* NULL: errno says why. */
struct tcp_conns *tcp_conns_new(void);
/* Looks up where "HOST:PORT" is, once and for all; asks the DNS, and waits for it. 0; -EINVAL, with
 * a text in `error`. */
int tcp_conns_resolve(struct tcp_conns *conns, const char *target, struct str *error);
/* A new connection to a target that was looked up, or whose HOST is an address. 0; -errno: it is
 * refused already, or EDESTADDRREQ: nobody knows where that is. */
int tcp_conns_connect(struct tcp_conns *conns, const char *target, struct tcp_conn **conn_r);
/* Readable when tcp_conns_send() has something to do. Stays the table's. */
int tcp_conns_fd(const struct tcp_conns *conns);
/* Sends what can be sent. To be called now and then all the same: it also gives up. */
void tcp_conns_send(struct tcp_conns *conns);
/* Waits until what is kept for closed logs is sent, at most `timeout_ms`. How many closed logs were
 * not sent to their end, since the beginning; each was told. */
unsigned int tcp_conns_finish(struct tcp_conns *conns, int timeout_ms);
/* Everything is closed as it is. */
void tcp_conns_free(struct tcp_conns **conns);

/* 0, or -errno when the connection is lost; ENOBUFS: it does not take so much. Then it is over: what
 * was kept is dropped. */
int tcp_conn_write(struct tcp_conn *conn, const void *data, size_t size);
/* Bytes that the kernel took. */
uint64_t tcp_conn_sent(const struct tcp_conn *conn);
/* What is kept is still sent. */
void tcp_conn_close(struct tcp_conn **conn);

#endif
