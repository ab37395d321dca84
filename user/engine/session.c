// SPDX-License-Identifier: MIT
#include "engine/session.h"

#include <string.h>

#include "engine/backlog.h"
#include "engine/delivery.h"
#include "engine/explain.h"
#include "engine/identity.h"
#include "engine/log_place.h"
#include "engine/session_logs.h"
#include "engine/session_state.h"
#include "engine/session_table.h"

/* How much one session may hold until it is known whose it is, in bytes. */
#define HELD_MAX (1024 * 1024)

/* The connection goes on, and is not this session's any more. Frees the session, as session_end(). */
static void leave(struct engine *engine, struct session *session, const struct rl_rec *rec)
{
	engine_verdict(engine, session->sock, false);
	session_unbind(session);
	session_end(engine, session, rec, NULL);
}

/* Decides about a relay's owner, so that its log is numbered before the relay's: Dovecot opens it
 * first (submission-client.c). */
static void decide_owner(struct engine *engine, const struct session *relay,
			 const struct rl_rec *rec)
{
	struct session *other;

	DL_FOREACH(relay->proc->sessions, other) {
		if (other->traffic == TRAFFIC_MAIL && other->state == SESSION_READY &&
		    identity_complete(other, rec)) {
			session_decide(engine, other, rec);
			break;
		}
	}
}

void session_begin(struct engine *engine, struct session *session, const struct rl_rec *rec)
{
	enum reason reason;

	session_set_state(engine, session, SESSION_READY);
	if (session->traffic == TRAFFIC_RELAY) {
		decide_owner(engine, session, rec);
		reason = identity_set_owner(session, rec);
		if (reason != REASON_NONE)
			session_refuse(engine, session, reason);
		return; /* decided with its first byte, or TLS: after the owner */
	}
	identity_set_process(session, rec);
	session_decide(engine, session, rec);
}

void session_found(struct engine *engine, struct session *session, const struct rl_rec *rec)
{
	session->found = true;
	identity_set_process_ids(session, rec);
	session_set_state(engine, session, SESSION_FOUND);
}

void session_found_user(struct engine *engine, struct session *session, struct userdb_user *user,
			const struct rl_rec *rec)
{
	struct rl_rec ids = *rec;

	ids.uid = session->who.proc_uid;
	ids.gid = session->who.proc_gid;
	identity_set_user(session, user, &ids);
	identity_complete(session, &ids); /* if not, that is a reason */
	session_decide(engine, session, rec);
}

void session_lookup(struct engine *engine, struct session *session, uint32_t lookup_id)
{
	session->lookup_id = lookup_id;
	session_set_state(engine, session, SESSION_LOOKUP);
}

void session_script(struct engine *engine, struct session *session)
{
	session_set_state(engine, session, SESSION_SCRIPT);
}

void session_user(struct engine *engine, struct session *session, struct userdb_user *user,
		  const struct rl_rec *rec)
{
	identity_set_user(session, user, rec);
	session_set_state(engine, session, SESSION_READY);
}

/* It is clear that what was held for the sake of a handover belongs to this log. */
static void stay(struct engine *engine, struct session *session)
{
	held_append(&session->held, &session->handover.held);
	session_drain(engine, session);
}

static bool is_parting(const struct session *session)
{
	return session->handover.pending || session->handover.doubts;
}

/*
 * The log ends where the client may have logged in: what has come since then is dropped, and told as
 * missing. `event`: one more that is dropped; NULL: none.
 */
static void part_in_doubt(struct engine *engine, struct session *session, const struct event *event)
{
	struct held_queue *held = &session->handover.held;

	if (event)
		held_add(held, event->rec);
	held_replace_by_gaps(held, RL_GAP_DOUBT);
	session->handover.pending = false;
	session->handover.doubts = 0;
	stay(engine, session);
}

static bool has_room(const struct session *session, const struct rl_rec *rec)
{
	uint64_t held = session->held.size - session->held_for_logs + session->handover.held.size;

	return held + rec->len <= HELD_MAX;
}

/* Delivers it, or holds it, whatever room there is. */
static void take(struct engine *engine, struct session *session, const struct event *event)
{
	if (session->state == SESSION_REFUSED || session->handover.taken)
		return;
	if (is_parting(session))
		held_add(&session->handover.held, event->rec);
	else if (session->state == SESSION_RECORDING)
		session_deliver(engine, session, event);
	else if (session_waits(session->state))
		backlog_add(engine, session, event);
	else
		held_add(&session->held, event->rec);
}

/* Is there a limit for it here? */
static bool takes_any(const struct session *session)
{
	return !is_parting(session) &&
	       (session->state == SESSION_RECORDING || session_waits(session->state));
}

void session_event(struct engine *engine, struct session *session, const struct event *event)
{
	bool parting = is_parting(session);

	session_decide_if_ready(engine, session, event->rec, event->rec);
	if (takes_any(session) || has_room(session, event->rec)) {
		take(engine, session, event);
	} else if (parting && session->state != SESSION_REFUSED) {
		part_in_doubt(engine, session, event);
		leave(engine, session, event->rec);
	} else {
		session_refuse(engine, session, REASON_BACKLOG);
	}
}

void session_unread(struct session *session, const struct event *event)
{
	gap_record_grow(&session->unread[event_dir(event)], event);
}

/* They are two small records at most: there is always room. */
static void tell_unread(struct engine *engine, struct session *session)
{
	struct gap_record *unread;
	struct event event;

	for (unread = session->unread; unread < session->unread + 2; unread++) {
		if (!unread->rec.len)
			continue;
		unread->gap.reason = RL_GAP_CIPHER;
		if (event_parse(&unread->rec, unread->rec.len, &event) == 0)
			take(engine, session, &event);
		unread->rec.len = 0;
	}
}

void session_tls(struct engine *engine, struct session *session, const struct rl_rec *rec,
		 const struct rl_tls *where)
{
	struct {
		struct rl_rec rec;
		struct rl_tls where;
	} begin = {*rec, *where};
	const struct event event = {
		.rec = &begin.rec,
		.type = RL_TLS_BEGIN,
		.payload = &begin.where,
	};

	tell_unread(engine, session);
	begin.rec.type = RL_TLS_BEGIN;
	begin.rec.len = sizeof(begin);
	session->tls = true;
	session_event(engine, session, &event);
}

void session_doubt(struct session *session)
{
	session->handover.doubts++;
}

void session_doubt_over(struct engine *engine, struct session *session)
{
	if (session->handover.doubts)
		session->handover.doubts--;
	if (!is_parting(session))
		stay(engine, session);
}

void session_handover(struct engine *engine, struct session *session, uint32_t tag,
		      uint64_t time_ns)
{
	session->handover.pending = true;
	session->handover.tag = tag;
	held_move_before(&session->held, &session->handover.held, time_ns);
	session_drain(engine, session);
}

/* Its log ends where it was taken over. Over TLS it is not known before RL_LINK what is missing. */
static void leave_if_known(struct engine *engine, struct session *session, const struct rl_rec *rec)
{
	if (session->handover.linked || !session->tls || session->sock->tls.unread)
		leave(engine, session, rec);
	else
		engine_verdict(engine, session->sock, false);
}

void session_handover_answered(struct engine *engine, struct session *session,
			       const struct rl_rec *rec, bool ok)
{
	session->handover.pending = false;
	if (ok) {
		held_clear(&session->handover.held);
		session->handover.taken = true;
		leave_if_known(engine, session, rec);
	} else if (!is_parting(session)) {
		stay(engine, session);
	}
}

void session_handover_unknown(struct session *session)
{
	session->handover.pending = false;
	session->handover.doubts++;
}

void session_part(struct engine *engine, struct session *session, const struct rl_rec *rec)
{
	part_in_doubt(engine, session, NULL);
	leave(engine, session, rec);
}

void session_linked(struct engine *engine, struct session *session, const struct event *event)
{
	memcpy(session->end.end, event->link->end, sizeof(session->end.end));
	session->end_reason = session->tls ? RL_GAP_DOUBT : RL_GAP_RING;
	session->handover.linked = session->tls;
	if (session->handover.taken)
		leave(engine, session, event->rec);
}

static void go_on_if_answered(struct engine *engine, struct session *session,
			      const struct rl_rec *rec)
{
	if (session->ended && session->state != SESSION_ASKED)
		session_end(engine, session, rec, NULL);
}

/* Others of its process may have waited for what the logs of one are called. */
static void ask_put_off(struct engine *engine, const struct proc *proc, const struct rl_rec *rec)
{
	struct session *session, *next;

	DL_FOREACH_SAFE(proc->sessions, session, next) {
		if (!session->put_off || session_logs_must_wait(engine, session))
			continue;
		session_ask_for_logs(engine, session, session->asked_ns);
		go_on_if_answered(engine, session, rec);
	}
}

void session_log_answered(struct engine *engine, struct session *session, const struct event *event)
{
	const struct proc *proc = session->proc;

	/* not in a replay whose options refuse what the recorder asked about */
	if (session->state < SESSION_REFUSED && session_logs_answer(engine, session, event->log)) {
		if (session_logs_open(engine, session))
			session_set_state(engine, session, SESSION_RECORDING);
		else
			session_refuse(engine, session, session_logs_reason(engine, session));
		go_on_if_answered(engine, session, event->rec);
	}
	if (proc)
		ask_put_off(engine, proc, event->rec);
}

void session_written(struct engine *engine, struct session *session, const struct event *event)
{
	session_logs_written(engine, session, event->write, event->rec->time_ns);
	if (session->state == SESSION_ENDED && !session->logs.ending)
		session_free(engine, &session);
	else if (session->state == SESSION_RECORDING && !session_logs_open(engine, session))
		engine_verdict(engine, session->sock, false);
}

/* A mail process has always said something to its client: these files can't hold it. */
static void tell_unseen(struct engine *engine, struct session *session)
{
	if (session->state != SESSION_RECORDING || session->seen)
		return;
	engine->summary.sessions[REASON_NONE]--;
	engine->summary.sessions[REASON_UNSEEN]++;
	session->reason = REASON_UNSEEN;
	explain_refused(engine, session);
}

/* Its logs get what is still to come; it is freed, now or when all is written. */
static void finish(struct engine *engine, struct session *session, uint64_t time_ns)
{
	tell_unseen(engine, session);
	if (is_parting(session))
		part_in_doubt(engine, session, NULL);
	delivery_finish(engine, session, session->state == SESSION_RECORDING, time_ns);
	session_logs_end(engine, session, time_ns);
	session_unbind(session);
	if (session->proc)
		DL_DELETE(session->proc->sessions, session);
	session->proc = NULL;
	session_forget_ino(engine, session);
	delivery_free(engine, session);
	session_clear_held(session);
	session_set_state(engine, session, SESSION_ENDED);
	if (!session->logs.ending)
		session_free(engine, &session);
}

/* Of one whose state says that it is not decided yet. */
static enum reason ended_reason(const struct session *session)
{
	return held_has_bytes(&session->held) || held_has_bytes(&session->handover.held) ||
			       backlog_has_dropped(session) ?
		       REASON_CUT :
		       REASON_ENDED;
}

void session_end(struct engine *engine, struct session *session, const struct rl_rec *rec,
		 const struct rl_close *close)
{
	if (close) {
		session->end = *close;
		session->end_reason = session->handover.taken ? RL_GAP_DOUBT : RL_GAP_RING;
		session->end_live = rec->flags & RL_F_LIVE && !session->handover.taken;
	}
	session->ended = true;
	if (is_parting(session))
		part_in_doubt(engine, session, NULL);
	tell_unread(engine, session);
	/* a session without any bytes has files, too */
	session_decide_if_ready(engine, session, NULL, rec);
	if (session->state == SESSION_ASKED)
		return; /* session_log_answered() continues */
	if (session->state == SESSION_RECORDING) {
		delivery_tail(engine, session, rec->time_ns);
		engine->summary.sessions_open += session->end_live;
	}
	session_refuse(engine, session,
		       session->state == SESSION_READY ? REASON_NO_IDS : ended_reason(session));
	finish(engine, session, rec->time_ns);
}

void session_stream_ends(struct engine *engine, struct session *session, uint64_t time_ns)
{
	if (session->state == SESSION_ENDED)
		return;
	tell_unread(engine, session);
	if (session->state == SESSION_ASKED) {
		session->end_live |= !session->ended && !session->handover.taken;
		session->ended = true;
		return;
	}
	session->end_live = !session->handover.taken;
	if (session->state == SESSION_RECORDING)
		engine->summary.sessions_open += session->end_live;
	session_refuse(engine, session, ended_reason(session));
	finish(engine, session, time_ns);
}

void session_finish(struct engine *engine, struct session *session, uint64_t time_ns)
{
	if (session->state == SESSION_ENDED) {
		session_free(engine, &session);
	} else {
		session_refuse(engine, session, ended_reason(session));
		finish(engine, session, time_ns);
	}
}

void session_leave_process(struct engine *engine, struct proc *proc, const struct rl_rec *rec)
{
	struct session *session, *next;

	DL_FOREACH_SAFE(proc->sessions, session, next) {
		if (!session->sock)
			session_end(engine, session, rec, NULL);
	}
	session_logs_take_numbers(engine, proc);
	/* clang's analyzer does not see that session_free() takes what it frees off the list */
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	DL_FOREACH_SAFE(proc->sessions, session, next) {
		DL_DELETE(proc->sessions, session);
		log_place_leave_process(session);
		session->proc = NULL;
		if (session->put_off) {
			proc->rawlogs++;
			session_ask_for_logs(engine, session, session->asked_ns);
			go_on_if_answered(engine, session, rec);
		}
	}
}
