/* SPDX-License-Identifier: MIT */
/*
 * Sessions that were open before the recorder started: they are recorded from
 * their next byte on. No login request tells whose they are, so Dovecot is asked
 * (FACT_USERS): it knows the users of each process, but not their sockets. Where
 * a process serves one user, that is certain; else such sessions are not
 * recorded, as a log with another user's mail is worse than none.
 */
#ifndef FOUND_H
#define FOUND_H

#include "engine/model.h"

/* The session's socket is a client's in a process that was found. `rec` is its SOCK_OPEN. */
void found_begin(struct engine *engine, struct session *session, const struct rl_rec *rec);
/* A session ends, maybe a mail session of such a process. */
void found_end(const struct session *session);
/* FACT_USERS: sessions of this master's processes are recorded, or refused. */
void found_users(struct engine *engine, const struct event *event);
/* Forgets who uses the process. */
void found_free(struct proc *proc);

#endif
