/* SPDX-License-Identifier: MIT */
/*
 * Takes the header of the PROXY protocol off a connection's first bytes. Dovecot
 * does so with a recv() of its own, before there are streams that could be
 * logged (lib-master/master-service-haproxy.c, 2.3.19.1 and 2.4.1); nothing has been sent
 * by then. From then on the addresses in the header are those of the session.
 */
#ifndef PROXY_STRIP_H
#define PROXY_STRIP_H

#include "engine/model.h"

/* DATA or GAP of a socket that has a session: passes on what is no header. */
void proxy_strip_event(struct engine *engine, struct sock *sock, const struct event *event);
/* There will be no header: bytes that looked like one so far are passed on. */
void proxy_strip_end(struct engine *engine, struct sock *sock);
/* Frees bytes that were kept as they could be a header; the socket stays. */
void proxy_strip_free(struct sock *sock);

#endif
