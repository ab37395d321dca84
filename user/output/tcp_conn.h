/* SPDX-License-Identifier: MIT */
/*
 * TCP connections that logs are sent over, and a table of them. What a
 * connection can't take at once is kept, up to a limit, and sent later. Only
 * tcp_conns_resolve() and tcp_conns_finish() wait.
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

/* The caller frees it. NULL: errno says why. */
struct tcp_conns *tcp_conns_new(void);
/* Closes all connections, and drops what is kept. No tcp_conn can be used afterwards. */
void tcp_conns_free(struct tcp_conns **conns);

/* Looks up "HOST:PORT", which may wait for the DNS; its first address is used from then on. 0;
 * -EINVAL: a text is appended to `error`. */
int tcp_conns_resolve(struct tcp_conns *conns, const char *target, struct str *error);
/* A new connection to a target that was looked up, or whose HOST is an address. The table owns it;
 * the pointer is valid until tcp_conn_close(). 0, also while it is not accepted yet; -EDESTADDRREQ:
 * the target was not looked up; -errno: it was refused at once. */
int tcp_conns_connect(struct tcp_conns *conns, const char *target, struct tcp_conn **conn_r);
/* A descriptor that is readable when tcp_conns_send() can send something. The table closes it. */
int tcp_conns_fd(const struct tcp_conns *conns);
/* Sends what can be sent now, and gives up closed connections that took nothing for 30 s; for these,
 * call it from time to time even if the descriptor is not readable. */
void tcp_conns_send(struct tcp_conns *conns);
/* Waits until closed connections have sent what they keep, for at most `timeout_ms`, and gives them
 * up then. Returns how many closed connections, since the start, lost the end of their log without
 * an error of tcp_conn_write(); a warning was logged for each. */
unsigned int tcp_conns_finish(struct tcp_conns *conns, int timeout_ms);

/* Sends or keeps all of it. 0; -ENOBUFS: it is more than may be kept; -errno: the connection broke.
 * After an error it is disconnected, what it kept is dropped, and only tcp_conn_close() is left. */
int tcp_conn_write(struct tcp_conn *conn, const void *data, size_t size);
/* How many bytes the kernel took so far. */
uint64_t tcp_conn_sent(const struct tcp_conn *conn);
/* NULL afterwards. The table sends what is kept, then frees the connection. */
void tcp_conn_close(struct tcp_conn **conn);

#endif
