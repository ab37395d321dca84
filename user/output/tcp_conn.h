/* SPDX-License-Identifier: MIT */
/*
 * TCP connections that logs are sent over, and a table of them. Only
 * tcp_conns_resolve() and tcp_conns_finish() wait: what a connection can't take
 * now is kept, up to a limit, and sent later.
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
/* Closes all connections, and drops what is kept. No tcp_conn can be used afterwards. */
void tcp_conns_free(struct tcp_conns **conns);

/* Looks up "HOST:PORT", which may wait for the DNS; its first address is used from then on. 0;
 * -EINVAL, with a text in `error`. */
int tcp_conns_resolve(struct tcp_conns *conns, const char *target, struct str *error);
/* A new connection to a target that was looked up, or whose HOST is an address. It is the table's
 * until tcp_conn_close(). 0; -EDESTADDRREQ: the target was not looked up; -errno: it was refused at
 * once. */
int tcp_conns_connect(struct tcp_conns *conns, const char *target, struct tcp_conn **conn_r);
/* Readable when tcp_conns_send() can send something. Stays the table's. */
int tcp_conns_fd(const struct tcp_conns *conns);
/* Sends what can be sent, and gives up closed connections that took nothing for 30 s: call it from
 * time to time, too. */
void tcp_conns_send(struct tcp_conns *conns);
/* Waits until what closed connections keep is sent, at most `timeout_ms`. Returns on how many closed
 * connections, ever, something was left unsent; each was logged. */
unsigned int tcp_conns_finish(struct tcp_conns *conns, int timeout_ms);

/* Sends or keeps all of it. 0; -ENOBUFS: more than may be kept; -errno: the connection broke. After
 * an error it is closed, what it kept is dropped, and all that can be done is tcp_conn_close(). */
int tcp_conn_write(struct tcp_conn *conn, const void *data, size_t size);
/* How many bytes the kernel took. */
uint64_t tcp_conn_sent(const struct tcp_conn *conn);
/* NULL afterwards. The table sends what is kept, and frees it then. */
void tcp_conn_close(struct tcp_conn **conn);

#endif
