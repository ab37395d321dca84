/* SPDX-License-Identifier: MIT */
/*
 * A Dovecot whose release is not known: its login requests are read by the layout
 * of the release next to it, as long as each is like that. At the first one that
 * is not, no more are read: who is who could be wrong, and so could be a file.
 * What needs no login request (LMTP) is recorded all the same.
 */
#ifndef TRIAL_H
#define TRIAL_H

#include "engine/model.h"

/* A DATA record of login requests, at either end: may it be read? */
bool trial_allows(struct engine *engine, struct proc *proc, const struct sock *sock,
		  const struct event *event);
/* A mail process's session gets its socket: can it be the one of the request? */
bool trial_allows_socket(const struct session *session, const struct sock *sock);
/* Are the login requests of its Dovecot not read any more? */
bool trial_has_failed(const struct proc *proc);

#endif
