/* SPDX-License-Identifier: MIT */
/*
 * Who the user is. Three kinds of sockets tell: the login request names the
 * client's socket, the user lookup names the user, and the post-login service,
 * where there is one, can replace both.
 */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include "engine/model.h"

/* DATA or GAP of such a socket; other sockets are ignored. Sessions can begin, be refused, or end
 * and be freed. */
void handshake_event(struct engine *engine, struct sock *sock, const struct event *event);
/* The socket has ended: a login process that waits for an answer on it gets none. `close` NULL: its last
 * offsets are not known. */
void handshake_end(struct engine *engine, struct sock *sock, const struct rl_rec *rec,
		   const struct rl_close *close);
/* Frees what was read of the socket; the socket stays. */
void handshake_free(struct sock *sock);

#endif
