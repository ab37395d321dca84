/* SPDX-License-Identifier: MIT */
/*
 * A session's life: it begins with a login request or with its socket, waits
 * for its user and for its logs, is recorded or refused, and ends. The states
 * are drawn in model.h; they change in session.c alone.
 */
#ifndef SESSION_H
#define SESSION_H

#include "engine/model.h"

/* The engine owns it; it is freed when it ends, which each function that can do so says. */
struct session *session_new(struct engine *engine, struct proc *proc, enum traffic traffic);
/* NULL: there is none. */
struct session *session_by_ino(const struct engine *engine, uint64_t ino);
struct session *session_by_id(const struct engine *engine, uint32_t id);
void session_set_ino(struct engine *engine, struct session *session, uint64_t ino);
/* This socket carries its bytes. */
void session_bind(struct engine *engine, struct session *session, struct sock *sock);

/* A connection without a login begins with its socket. */
void session_begin(struct engine *engine, struct session *session, const struct rl_rec *rec);
/* A mail process asks who the user is, with this id. */
void session_lookup(struct engine *engine, struct session *session, uint32_t lookup_id);
/* A post-login service is asked, and has the final say. */
void session_script(struct engine *engine, struct session *session);
/* Who it is; takes what `user` owns. */
void session_user(struct engine *engine, struct session *session, struct userdb_user *user,
		  const struct rl_rec *rec);

/* DATA, GAP or TLS_BEGIN of the socket: to the logs, or held until it is known whether there are
 * some. */
void session_event(struct engine *engine, struct session *session, const struct event *event);
/* The text inside TLS begins. `where`: zeroes if it is not known. */
void session_tls(struct engine *engine, struct session *session, const struct rl_rec *rec,
		 const struct rl_tls *where);

/* Before the login: a mail process was asked to take the client over. */
void session_handover(struct session *session, uint32_t tag);
/* It has answered. `ok`: it did; the session ends and is freed. */
void session_handover_answered(struct engine *engine, struct session *session,
			       const struct rl_rec *rec, bool ok);

/* FACT_LOG. Frees it if it has ended meanwhile. */
void session_log_answered(struct engine *engine, struct session *session,
			  const struct event *event);
/* FACT_WRITE */
void session_write_failed(struct engine *engine, struct session *session,
			  const struct event *event);
/* Don't record it. Does nothing if it is recorded already, or refused. */
void session_refuse(struct engine *engine, struct session *session, enum reason reason);

/* Its process ends: sessions without a socket end and are freed, the others go on without it, as a
 * connection can be handed to another process. */
void session_leave_process(struct engine *engine, struct proc *proc, const struct rl_rec *rec);
/* The connection has ended; `close`: NULL: nothing is known of offsets. Frees it, now or when what
 * was asked is answered. */
void session_end(struct engine *engine, struct session *session, const struct rl_rec *rec,
		 const struct rl_close *close);
/* The stream has ended before it. Frees it. */
void session_finish(struct engine *engine, struct session *session);

#endif
