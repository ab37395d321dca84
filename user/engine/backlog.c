// SPDX-License-Identifier: MIT
#include "engine/backlog.h"

/* How much one session, and all, may hold while their logs are being created. One session gets a
 * quarter of what others leave, but never less than the least. If that is too much for all, the one
 * that has most loses it. */
#define HELD_FOR_LOGS_MIN     (1024 * 1024)
#define HELD_FOR_LOGS_MAX     (64 * 1024 * 1024)
#define HELD_FOR_ALL_LOGS_MAX (256 * 1024 * 1024)

/* What was dropped while the logs were being created becomes gaps behind what was held. */
static void hold_late(struct session *session)
{
	struct gap_record *late;

	for (late = session->late; late < session->late + 2; late++) {
		if (!late->rec.len)
			continue;
		late->gap.reason = RL_GAP_BACKLOG;
		held_add(&session->held, &late->rec);
		late->rec.len = 0;
	}
}

void backlog_end(struct engine *engine, struct session *session)
{
	engine->held_for_logs -= session->held_for_logs;
	session->held_for_logs = 0;
	hold_late(session);
}

void backlog_clear(struct session *session)
{
	session->late[RL_IN].rec.len = session->late[RL_OUT].rec.len = 0;
}

bool backlog_has_dropped(const struct session *session)
{
	return session->late[RL_IN].rec.len || session->late[RL_OUT].rec.len;
}

/* What it holds becomes gaps. */
static void drop_held(struct engine *engine, struct session *session)
{
	struct gap_record later[2] = {session->late[RL_IN], session->late[RL_OUT]};
	struct held_queue queue = session->held;
	struct event event;
	struct held *held;
	int dir;

	session->held = (struct held_queue){0};
	backlog_clear(session);
	while ((held = held_take(&queue)) != NULL) {
		if (event_parse(&held->rec, held->rec.len, &event) == 0 && event_bytes(&event)) {
			gap_record_grow(&session->late[event_dir(&event)], &event);
		} else {
			hold_late(session);
			held_add(&session->held, &held->rec);
		}
		held_free(&held);
	}
	for (dir = RL_IN; dir <= RL_OUT; dir++) {
		event = (struct event){&later[dir].rec, RL_GAP, .payload = &later[dir].gap};
		if (later[dir].rec.len)
			gap_record_grow(&session->late[dir], &event);
	}
	engine->held_for_logs -= session->held_for_logs;
	session->held_for_logs = 0;
}

static struct session *holds_most(const struct engine *engine)
{
	struct session *session, *most = engine->sessions_by_id;

	for (session = most; session; session = session->by_id.next)
		if (session->held_for_logs > most->held_for_logs)
			most = session;
	return most;
}

static bool has_room(struct engine *engine, struct session *session, const struct rl_rec *rec)
{
	uint64_t others = engine->held_for_logs - session->held_for_logs;
	uint64_t most = others < HELD_FOR_ALL_LOGS_MAX ? (HELD_FOR_ALL_LOGS_MAX - others) / 4 : 0;

	most = most < HELD_FOR_LOGS_MAX ? most : HELD_FOR_LOGS_MAX;
	most = most > HELD_FOR_LOGS_MIN ? most : HELD_FOR_LOGS_MIN;
	if (session->held_for_logs + rec->len > most)
		return false;
	while (engine->held_for_logs + rec->len > HELD_FOR_ALL_LOGS_MAX)
		drop_held(engine, holds_most(engine));
	return !backlog_has_dropped(session);
}

void backlog_add(struct engine *engine, struct session *session, const struct event *event)
{
	if (event_bytes(event) &&
	    (backlog_has_dropped(session) || !has_room(engine, session, event->rec))) {
		gap_record_grow(&session->late[event_dir(event)], event);
		return;
	}
	if (event->type == RL_TLS_BEGIN) /* offsets begin anew */
		hold_late(session);
	held_add(&session->held, event->rec);
	session->held_for_logs += event->rec->len;
	engine->held_for_logs += event->rec->len;
}
