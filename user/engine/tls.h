/* SPDX-License-Identifier: MIT */
/*
 * Which of a socket's bytes are TLS. The kernel side knows it a moment after
 * they came: when Dovecot hands them to OpenSSL. It marks what can be TLS, and
 * the next record of the process says what it was: TLS_BEGIN, or anything else.
 * What a client of TLS sends first (RELAY, RL_OUT) is decided with the answer;
 * what does not begin as that does is plain at once: it can be long.
 */
#ifndef TLS_H
#define TLS_H

#include "engine/model.h"

/* DATA or GAP of a socket that carries traffic: passes on plaintext, and drops ciphertext. */
void tls_event(struct engine *engine, struct sock *sock, const struct event *event);
/* TLS_BEGIN */
void tls_begin(struct engine *engine, struct sock *sock, const struct event *event);
/* A process was ready for TLS on one of its connections, and nothing came of it. */
void tls_given_up(struct engine *engine, struct proc *proc, const struct rl_rec *rec);
/* Any record of a process with undecided bytes, before it is taken: does it decide what they are? */
void tls_decide(struct engine *engine, const struct event *event);
/* The socket has ended: what is undecided is what it looks like. */
void tls_end(struct engine *engine, struct sock *sock, const struct rl_rec *rec);
/* Forgets what is undecided. */
void tls_free(struct engine *engine, struct sock *sock);

#endif
