/* SPDX-License-Identifier: MIT */
/*
 * The states of a session, and what each of them requires. What makes it
 * change its state is in session.c. Times are monotonic.
 */
#ifndef SESSION_STATE_H
#define SESSION_STATE_H

#include "engine/model.h"

/* Nothing else changes a session's state. Does what the new state requires, too. */
void session_set_state(struct engine *engine, struct session *session, enum session_state state);
/* Don't record it. Does nothing in RECORDING, REFUSED and ENDED. One that waits for new logs because TLS has
 * begun can still be refused. */
void session_refuse(struct engine *engine, struct session *session, enum reason reason);
/* Does what comes for it wait in the backlog? */
bool session_waits(enum session_state state);
/* Drops what is held. */
void session_clear_held(struct session *session);

/* Do the rules record it? The user is known; without ids it is refused. */
void session_decide(struct engine *engine, struct session *session, const struct rl_rec *rec);
/* The same, if it is READY and has ids, if need be those of the record `ids`; NULL: there is none. */
void session_decide_if_ready(struct engine *engine, struct session *session,
			     const struct rl_rec *ids, const struct rl_rec *rec);
/* Its names are decided: ASKED; or refused, if there is nothing to ask for, and no log is open. */
void session_ask_for_logs(struct engine *engine, struct session *session, uint64_t time_ns);

/* DATA, GAP or TLS_BEGIN of one that is being recorded. */
void session_deliver(struct engine *engine, struct session *session, const struct event *event);
/* Delivers what was held, up to where new logs must be asked for. */
void session_drain(struct engine *engine, struct session *session);

#endif
