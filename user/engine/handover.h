/* SPDX-License-Identifier: MIT */
/*
 * A login process asks a mail process to take a client over: which client of
 * its is that? There its pre-login log ends, so it must be certain.
 *
 * Without TLS the client's own socket is passed along. With TLS it is one end of
 * a socketpair (login-common/client-common.c, 2.3.19.1): whose, is known when the login
 * process passes on the first bytes that come from there (RL_LINK). Until then
 * what comes from and to each of its TLS clients is held. Addresses prove
 * nothing: IMAP's ID and XCLIENT change them in the request.
 */
#ifndef HANDOVER_H
#define HANDOVER_H

#include "engine/model.h"

/* The process has asked over `sock`. `rec`, here and below: the record that says so. */
void handover_asked(struct engine *engine, struct proc *proc, const struct sock *sock,
		    const struct login_request *request, const struct rl_rec *rec);
/* A mail process has answered: it takes the client over, or not. */
void handover_answered(struct engine *engine, struct proc *proc, const struct login_reply *reply,
		       const struct rl_rec *rec);
/* The process has asked, and what is lost, or makes no sense: it can have been about any of its clients
 * over TLS. What comes from and to these is held, as nobody will ever say whose it is. */
void handover_lost(const struct proc *proc);
/* The process's connection `sock` has ended: what was asked over it gets no answer any more, or that is
 * not known. */
void handover_unanswered(struct engine *engine, struct proc *proc, const struct sock *sock,
			 const struct rl_rec *rec);
/* RL_LINK: the client is known. */
void handover_linked(struct engine *engine, struct proc *proc, const struct event *event);
/* Forgets what the process has asked. */
void handover_free(struct proc *proc);

#endif
