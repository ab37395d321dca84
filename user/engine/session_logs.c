// SPDX-License-Identifier: MIT
#include "engine/session_logs.h"

#include <stdlib.h>
#include <string.h>

#include "engine/delivery.h"
#include "engine/explain.h"
#include "base/log.h"
#include "engine/log_place.h"

static void refuse_log(struct engine *engine, struct session *session, uint32_t rule,
		       enum reason reason, int error)
{
	struct session_logs *logs = &session->logs;

	logs->refused |= UINT32_C(1) << rule;
	logs->why[rule].reason = reason;
	logs->why[rule].error = error;
	explain_log_refused(engine, session, rule, reason, error);
}

enum reason session_logs_reason(const struct engine *engine, const struct session *session)
{
	const struct session_logs *logs = &session->logs;
	enum reason reason = REASON_NO_RULE;
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++)
		if (logs->refused & UINT32_C(1) << i &&
		    (reason == REASON_NO_RULE ||
		     reason_weight(logs->why[i].reason) > reason_weight(reason)))
			reason = logs->why[i].reason;
	return reason;
}

/* The session is recorded, but not by these: each is counted. */
static void count_refused(struct engine *engine, const struct session *session)
{
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++)
		if (session->logs.refused & UINT32_C(1) << i)
			engine->summary.logs[session->logs.why[i].reason]++;
}

enum reason session_logs_ask(struct engine *engine, struct session *session, uint64_t time_ns)
{
	const struct rules *rules = engine->rules;
	struct session_logs *logs = &session->logs;
	struct log_place place;
	enum reason reason;
	unsigned int i;

	logs->refused = 0;
	for (i = 0; i < rules->count; i++) {
		if (rawlog_is_open(&logs->open[i]) ||
		    !rules_take(rules, i, session->traffic, session->service->protocol))
			continue;
		reason = log_place_name(engine, session, i, time_ns);
		if (reason == REASON_NONE)
			logs->asked |= UINT32_C(1) << i;
		else
			refuse_log(engine, session, i, reason, 0);
	}
	if (!logs->asked) {
		if (session_logs_open(engine, session))
			count_refused(engine, session);
		return session_logs_reason(engine, session);
	}
	for (i = 0; i < rules->count; i++) {
		if (!(logs->asked & UINT32_C(1) << i))
			continue;
		log_place_get(engine, session, i, &place);
		engine->sink->ops->create(engine->sink, &place);
	}
	return REASON_NONE;
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

static void open_log(struct engine *engine, struct session *session, const struct rl_log *fact)
{
	struct log_place place;
	int ret;

	log_place_get(engine, session, fact->rule, &place);
	ret = rawlog_open(&session->logs.open[fact->rule], engine->sink, &place,
			  &engine->rules->all[fact->rule].flags, fact->serial);
	if (ret < 0) {
		refuse_log(engine, session, fact->rule, REASON_CREATE, -ret);
		return;
	}
	if (!place.tcp)
		engine->summary.files += place.files[RL_IN] + place.files[RL_OUT];
	log_place_set_serial(session, fact->rule, fact->serial);
	explain_opened(engine, session, fact->rule);
}

bool session_logs_answer(struct engine *engine, struct session *session, const struct rl_log *fact)
{
	uint32_t *asked = &session->logs.asked;

	if (fact->rule >= engine->rules->count || !(*asked & UINT32_C(1) << fact->rule)) {
		engine_malformed(engine, "an answer that nobody asked for", session->tgid);
		return false;
	}
	*asked &= ~(UINT32_C(1) << fact->rule);
	if (fact->status == RL_LOG_OPENED || fact->status == RL_LOG_CREATE_FAILED)
		log_place_count(engine, session, fact->rule);
	if (fact->status == RL_LOG_OPENED)
		open_log(engine, session, fact);
	else
		refuse_log(engine, session, fact->rule, reason_of(fact->status), fact->error);
	if (!*asked && session_logs_open(engine, session))
		count_refused(engine, session);
	return !*asked;
}

bool session_logs_open(const struct engine *engine, const struct session *session)
{
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++)
		if (rawlog_is_open(&session->logs.open[i]))
			return true;
	return false;
}

static void give_up(struct engine *engine, const struct session *session, uint32_t rule, int error)
{
	explain_write_failed(engine, session, rule, error);
	engine->summary.given_up++;
}

static void close_log(struct engine *engine, struct session *session, uint32_t rule)
{
	int ret = rawlog_close(&session->logs.open[rule]);

	if (ret)
		give_up(engine, session, rule, -ret);
}

bool session_logs_end_at_tls(struct engine *engine, struct session *session, bool used)
{
	enum mode_tls tls;
	bool closed = false;
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++) {
		tls = engine->rules->all[i].mode->tls;
		if (!rawlog_is_open(&session->logs.open[i]) ||
		    !(tls == TLS_RENEWS || (tls == TLS_RENEWS_USED && used)))
			continue;
		close_log(engine, session, i);
		closed = true;
	}
	return closed;
}

void session_logs_write_failed(struct engine *engine, struct session *session,
			       const struct rl_write *write)
{
	uint64_t lost[2];
	struct rawlog *log;
	int dir;

	if (write->rule >= engine->rules->count)
		return;
	log = &session->logs.open[write->rule];
	if (!rawlog_is_open(log))
		return;
	give_up(engine, session, write->rule, write->error);
	rawlog_abandon(log, write->size, lost);
	for (dir = RL_IN; dir <= RL_OUT; dir++) {
		engine->summary.lost_bytes += lost[dir];
		if (!delivery_wants(engine, session, dir))
			engine->summary.bytes[dir] -= lost[dir];
	}
}

void session_logs_close(struct engine *engine, struct session *session)
{
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++)
		close_log(engine, session, i);
}
