// SPDX-License-Identifier: MIT
#include "engine/backlog.h"

/* How much one session, and all, may hold while their logs are being created. One session never gets
 * more than a quarter of what others leave, so that there is always something for others. */
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

static bool has_room(const struct engine *engine, const struct session *session,
		     const struct rl_rec *rec)
{
	uint64_t others = engine->held_for_logs - session->held_for_logs;
	uint64_t quarter = (HELD_FOR_ALL_LOGS_MAX - others) / 4;
	uint64_t most = quarter < HELD_FOR_LOGS_MAX ? quarter : HELD_FOR_LOGS_MAX;

	return session->held_for_logs + rec->len <= most;
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
