/* SPDX-License-Identifier: MIT */
/*
 * Who is it? The bytes of the three sockets that tell: the login request that
 * names the client's socket, the user lookup, and the post-login service,
 * which has the final say where there is one.
 */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include "engine/model.h"

/* DATA or GAP of a socket of these classes; all others are ignored. */
void handshake_event(struct engine *engine, struct sock *sock, const struct event *event);
/* The socket has ended: who waits for an answer gets none. */
void handshake_end(struct engine *engine, struct sock *sock, const struct rl_rec *rec);
void handshake_free(struct sock *sock);

#endif
