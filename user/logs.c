// SPDX-License-Identifier: MIT
/* The logs of one session, one for each way that applies: asked for, opened, begun anew, given up,
 * closed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "model.h"

void logs_ask(struct engine *engine, struct session *session, uint64_t time_ns)
{
	const struct rules *rules = engine->rules;
	struct log_place place;
	enum reason reason;
	unsigned int i;

	session->state = SESSION_ASKED;
	session->way_reason = REASON_NO_WAY;
	for (i = 0; i < rules->ways_count; i++) {
		if (!rules_way_takes(rules, i, session->traffic, session->service->protocol))
			continue;
		reason = files_name(engine, session, i, time_ns);
		if (reason == REASON_NONE) {
			session->asked |= UINT32_C(1) << i;
		} else {
			session->way = i;
			session->way_reason = reason;
		}
	}
	if (!session->asked) {
		session_refuse(engine, session, session->way_reason);
		return;
	}
	for (i = 0; i < rules->ways_count; i++) {
		if (!(session->asked & UINT32_C(1) << i))
			continue;
		files_place(engine, session, i, &place);
		engine->sink->ops->ask(engine->sink, &place);
	}
}

static enum reason reason_of(enum rl_log_status status)
{
	switch (status) {
	case RL_LOG_OPENED:
		return REASON_NONE;
	case RL_LOG_MISSING:
		return REASON_NO_DIR;
	case RL_LOG_NOT_DIR:
		return REASON_NOT_DIR;
	case RL_LOG_LSTAT_FAILED:
		return REASON_LSTAT;
	case RL_LOG_CREATE_FAILED:
		return REASON_CREATE;
	}
	return REASON_CREATE;
}

static void open_way(struct engine *engine, struct session *session, const struct rl_log *fact)
{
	struct rawlog *log = &session->logs[fact->way];
	struct str dir = {0}, name = {0};
	char serial[SINK_SERIAL_LEN];
	struct log_place place;
	int ret;

	files_place(engine, session, fact->way, &place);
	ret = rawlog_open(log, engine->sink, &engine->rules->ways[fact->way], &place, fact->serial);
	if (ret < 0) {
		session->way = fact->way;
		session->way_reason = REASON_CREATE;
		session->way_errno = -ret;
		engine->summary.given_up++;
		return;
	}
	if (!place.tcp)
		engine->summary.files += place.wanted[RL_IN] + place.wanted[RL_OUT];
	str_printf(&name, "%s%s", place.name, sink_serial_text(fact->serial, serial));
	free(session->names[fact->way]);
	session->names[fact->way] = name.data;
	files_dir_text(engine, session, fact->way, &dir);
	log_debug("%s: recorded: %s%s%s", session_label(session), dir.data, place.tcp ? "" : "/",
		  place.tcp ? "" : name.data);
	str_free(&dir);
}

bool logs_answer(struct engine *engine, struct session *session, const struct rl_log *fact)
{
	if (fact->way >= engine->rules->ways_count ||
	    !(session->asked & UINT32_C(1) << fact->way)) {
		engine_malformed(engine, "an answer that nobody asked for", session->tgid);
		return false;
	}
	session->asked &= ~(UINT32_C(1) << fact->way);
	if (fact->status == RL_LOG_OPENED || fact->status == RL_LOG_CREATE_FAILED)
		files_count(engine, session, fact->way);
	if (fact->status == RL_LOG_OPENED) {
		open_way(engine, session, fact);
	} else {
		session->way = fact->way;
		session->way_reason = reason_of(fact->status);
		session->way_errno = fact->error;
	}
	return !session->asked;
}

bool logs_open(const struct engine *engine, const struct session *session)
{
	unsigned int i;

	for (i = 0; i < engine->rules->ways_count; i++)
		if (rawlog_is_open(&session->logs[i]))
			return true;
	return false;
}

static void give_up(struct engine *engine, const struct session *session, uint32_t way, int error)
{
	log_warn("%s: write(%s) failed: %s; the log ends there", session_label(session),
		 session->names[way], strerror(error));
	engine->summary.given_up++;
}

static void close_way(struct engine *engine, struct session *session, uint32_t way)
{
	int ret = rawlog_close(&session->logs[way]);

	if (ret)
		give_up(engine, session, way, -ret);
}

void logs_renew(struct engine *engine, struct session *session, const struct rl_rec *rec,
		const struct rl_tls *where)
{
	unsigned int i, renewed = 0;
	const struct way *way;
	bool used;

	delivery_up_to(engine, session, RL_IN, where->offset, rec->time_ns);
	delivery_up_to(engine, session, RL_OUT, where->out_end, rec->time_ns);
	used = session->passed[RL_IN] > session->front || session->passed[RL_OUT];
	session->passed[RL_IN] = session->passed[RL_OUT] = session->front = 0;
	for (i = 0; i < engine->rules->ways_count; i++) {
		way = &engine->rules->ways[i];
		if (!rawlog_is_open(&session->logs[i]) ||
		    !(way->mode->tls == TLS_RENEWS || (way->mode->tls == TLS_RENEWS_USED && used)))
			continue;
		close_way(engine, session, i);
		renewed++;
	}
	if (renewed)
		logs_ask(engine, session, rec->time_ns);
}

void logs_write_failed(struct engine *engine, struct session *session, const struct event *event)
{
	const struct rl_write *write = event->write;
	struct rawlog *log;

	if (write->way >= engine->rules->ways_count)
		return;
	log = &session->logs[write->way];
	if (!rawlog_is_open(log))
		return;
	give_up(engine, session, write->way, write->error);
	rawlog_abandon(log, write->size);
	if (!logs_open(engine, session) && session->sock)
		engine->world.verdict(engine->world.context, session->sock->cookie, false);
}

void logs_close(struct engine *engine, struct session *session)
{
	unsigned int i;

	for (i = 0; i < engine->rules->ways_count; i++) {
		close_way(engine, session, i);
		free(session->names[i]);
		free(session->dirs[i]);
		session->names[i] = session->dirs[i] = NULL;
	}
}
