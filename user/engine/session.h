/* SPDX-License-Identifier: MIT */
/*
 * A session's life: it begins with a login request or with its socket, waits
 * for its user and for its logs, is recorded or refused, and ends. The states
 * are drawn in model.h; they change in session_state.c alone.
 */
#ifndef SESSION_H
#define SESSION_H

#include "engine/model.h"
#include "engine/session_table.h"

/* A session that begins with its socket, without a login request: do the rules record it? `rec`,
 * here and below: the record that says so, for its time and its process's ids. */
void session_begin(struct engine *engine, struct session *session, const struct rl_rec *rec);
/* A session that was open before the recorder started: what comes is held until session_found_user().
 * `rec` has the process's ids. */
void session_found(struct engine *engine, struct session *session, const struct rl_rec *rec);
/* Whose such a session is: as session_user(). Its logs are asked for now. */
void session_found_user(struct engine *engine, struct session *session, struct userdb_user *user,
			const struct rl_rec *rec);
/* A mail process asks who the user is; the answer will have the same `lookup_id`. */
void session_lookup(struct engine *engine, struct session *session, uint32_t lookup_id);
/* A post-login service is asked: its answer replaces that of the user lookup. */
void session_script(struct engine *engine, struct session *session);
/* Who the user is; takes what `user` owns, which is USERDB_USER_NONE afterwards. */
void session_user(struct engine *engine, struct session *session, struct userdb_user *user,
		  const struct rl_rec *rec);

/* DATA, GAP or TLS_BEGIN of the socket: goes to the logs, or is held until it is known whether
 * there are any. It can end the session, which is freed then. */
void session_event(struct engine *engine, struct session *session, const struct event *event);
/* A DATA or GAP of ciphertext has passed whose text does not come: it becomes a gap. */
void session_unread(struct session *session, const struct event *event);
/* The text inside TLS begins. `where`: zeroes if it is not known. */
void session_tls(struct engine *engine, struct session *session, const struct rl_rec *rec,
		 const struct rl_tls *where);

/* Pre-login: a mail process was asked to take a client over, and it may be this one. What comes from
 * now on is held. Call session_doubt_over() as often. */
void session_doubt(struct session *session);
/* It was not this one, or session_handover() was called: if no doubt is left, what was held is
 * recorded. */
void session_doubt_over(struct engine *engine, struct session *session);
/* Pre-login: a mail process was asked to take the client over, at `time_ns` (monotonic); its answer
 * will have the same `tag`. What came before that, and was held, is recorded. */
void session_handover(struct engine *engine, struct session *session, uint32_t tag,
		      uint64_t time_ns);
/* The mail process has answered. `ok`: it took the client over; the session ends here, as with
 * session_end(), or, over TLS, with session_linked(). */
void session_handover_answered(struct engine *engine, struct session *session,
			       const struct rl_rec *rec, bool ok);

/* There was an answer, which is lost: what came since the request is held to the end. */
void session_handover_unknown(struct session *session);
/* It was taken over, but not seen when. Frees the session. */
void session_part(struct engine *engine, struct session *session, const struct rl_rec *rec);

/* RL_LINK: this is the client that was, or will be, taken over; the record says where it stood. Can
 * end the session, as session_end(). */
void session_linked(struct engine *engine, struct session *session, const struct event *event);

/* FACT_LOG. Frees the session if its connection has ended meanwhile. */
void session_log_answered(struct engine *engine, struct session *session,
			  const struct event *event);
/* FACT_WRITE. Frees the session if its connection has ended, and this was the last log. */
void session_written(struct engine *engine, struct session *session, const struct event *event);
/* Its process ends: sessions without a socket end and are freed, the others go on without it, as a
 * connection can be handed to another process. */
void session_leave_process(struct engine *engine, struct proc *proc, const struct rl_rec *rec);
/* The connection has ended; `close` NULL: its last offsets are not known. Frees the session: now,
 * or when the FACT_LOG and FACT_WRITE records that it waits for have come. */
void session_end(struct engine *engine, struct session *session, const struct rl_rec *rec,
		 const struct rl_close *close);
/* The stream has ended, but for such records, and the session perhaps has not. As session_end(). */
void session_stream_ends(struct engine *engine, struct session *session, uint64_t time_ns);
/* Nothing more will come. Frees it, if necessary at a second call. */
void session_finish(struct engine *engine, struct session *session, uint64_t time_ns);

#endif
