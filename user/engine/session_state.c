// SPDX-License-Identifier: MIT
#include "engine/session_state.h"

#include "engine/backlog.h"
#include "engine/delivery.h"
#include "engine/explain.h"
#include "engine/identity.h"
#include "engine/log_place.h"
#include "engine/session_logs.h"

static void count(struct engine *engine, struct session *session, enum reason reason)
{
	if (!session->counted)
		engine->summary.sessions[reason]++;
	session->counted = true;
}

void session_clear_held(struct session *session)
{
	held_clear(&session->held);
	held_clear(&session->handover.held);
	backlog_clear(session);
}

bool session_waits(enum session_state state)
{
	return state == SESSION_FOUND || state == SESSION_ASKED;
}

void session_set_state(struct engine *engine, struct session *session, enum session_state state)
{
	if (session_waits(session->state) &&
	    !session_waits(state)) /* ASKED again: it was put off */
		backlog_end(engine, session);
	session->state = state;
	switch (state) {
	case SESSION_FOUND:
	case SESSION_LOGIN:
	case SESSION_LOOKUP:
	case SESSION_SCRIPT:
	case SESSION_READY:
	case SESSION_ASKED:
	case SESSION_ENDED:
		break;
	case SESSION_RECORDING:
		engine->summary.sessions_found += session->found && !session->counted;
		count(engine, session, REASON_NONE);
		engine_verdict(engine, session->sock, !session->handover.taken);
		session_drain(engine, session);
		break;
	case SESSION_REFUSED:
		count(engine, session, session->reason);
		explain_refused(engine, session);
		session_clear_held(session);
		engine_verdict(engine, session->sock, false);
		break;
	}
}

static void refuse(struct engine *engine, struct session *session, enum reason reason)
{
	session->reason = reason;
	session_set_state(engine, session, SESSION_REFUSED);
}

void session_refuse(struct engine *engine, struct session *session, enum reason reason)
{
	if (session->state != SESSION_REFUSED && session->state != SESSION_RECORDING &&
	    session->state != SESSION_ENDED)
		refuse(engine, session, reason);
}

void session_ask_for_logs(struct engine *engine, struct session *session, uint64_t time_ns)
{
	enum reason reason;

	session->asked_ns = time_ns;
	session->put_off = session_logs_must_wait(engine, session);
	if (session->put_off) {
		session_set_state(engine, session, SESSION_ASKED);
		return;
	}
	reason = session_logs_ask(engine, session, time_ns);
	if (reason == REASON_NONE)
		session_set_state(engine, session, SESSION_ASKED);
	else if (!session_logs_open(engine, session))
		refuse(engine, session, reason);
}

void session_decide(struct engine *engine, struct session *session, const struct rl_rec *rec)
{
	enum reason reason = identity_check(engine, session);

	if (reason != REASON_NONE) {
		session_refuse(engine, session, reason);
		return;
	}
	log_place_set_base(engine, session);
	session_ask_for_logs(engine, session, rec->time_ns);
}

void session_decide_if_ready(struct engine *engine, struct session *session,
			     const struct rl_rec *ids, const struct rl_rec *rec)
{
	if (session->state == SESSION_READY && identity_complete(session, ids))
		session_decide(engine, session, rec);
}

/* TLS begins: new logs, where the mode wants them. */
static void begin_tls(struct engine *engine, struct session *session, const struct event *event)
{
	uint64_t time_ns = event->rec->time_ns;
	bool used = delivery_restart(engine, session, event->tls, time_ns);

	if (session_logs_end_at_tls(engine, session, used, time_ns))
		session_ask_for_logs(engine, session, time_ns);
}

void session_deliver(struct engine *engine, struct session *session, const struct event *event)
{
	if (event->type == RL_TLS_BEGIN)
		begin_tls(engine, session, event);
	else
		delivery_event(engine, session, event);
}

void session_drain(struct engine *engine, struct session *session)
{
	struct event event;
	struct held *held;

	while (session->state == SESSION_RECORDING && (held = held_take(&session->held)) != NULL) {
		if (event_parse(&held->rec, held->rec.len, &event) == 0)
			session_deliver(engine, session, &event);
		else
			engine_malformed(engine, "what was held", session->tgid);
		held_free(&held);
	}
}
