/* SPDX-License-Identifier: MIT */
/*
 * Which of a socket's bytes are TLS. The kernel side learns it only after it has
 * reported them: when Dovecot hands them to OpenSSL. So it marks bytes that can
 * be TLS as undecided, and the next record of the process decides: TLS_BEGIN
 * says that they are, any other record that they are not. Where Dovecot is the
 * TLS client (RELAY), its first bytes are decided together with the server's
 * answer. They are held only if they begin like a TLS handshake: other bytes are
 * plaintext, and may be many.
 */
#ifndef TLS_H
#define TLS_H

#include "engine/model.h"

/* DATA or GAP of a socket that carries traffic: passes on plaintext, and drops ciphertext. */
void tls_event(struct engine *engine, struct sock *sock, const struct event *event);
/* TLS_BEGIN */
void tls_begin(struct engine *engine, struct sock *sock, const struct event *event);
/* TLS_BEGIN without a socket: OpenSSL was set up for one of the process's connections and closed
 * before it was known for which. Finds out, if only one is possible. */
void tls_given_up(struct engine *engine, struct proc *proc, const struct rl_rec *rec);
/* To be called for each record before it is handled, if engine->undecided: it can decide what the
 * undecided bytes of its process are. */
void tls_decide(struct engine *engine, const struct event *event);
/* The socket has ended: undecided bytes that look like a TLS handshake are taken for one. */
void tls_end(struct engine *engine, struct sock *sock, const struct rl_rec *rec);
/* Drops undecided bytes, and what was said last; the socket stays. */
void tls_free(struct engine *engine, struct sock *sock);

#endif
