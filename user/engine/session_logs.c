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

/* If the session is recorded, or was before TLS began, but not by these, each is counted. */
static void count_refused(struct engine *engine, const struct session *session)
{
	unsigned int i;

	if (!session->counted && !session_logs_open(engine, session))
		return;
	for (i = 0; i < engine->rules->count; i++)
		if (session->logs.refused & UINT32_C(1) << i)
			engine->summary.logs[session->logs.why[i].reason]++;
}

/* The rules whose logs have a number in their names, a bit each. */
static uint32_t numbered(const struct engine *engine, const struct session *session)
{
	uint32_t rules = 0;
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++)
		if (engine->rules->all[i].mode->iostream &&
		    rules_take(engine->rules, i, session->traffic, session->service->protocol))
			rules |= UINT32_C(1) << i;
	return rules;
}

/* The rules of whose logs it is open whether they take a number. Of late ones it is taken for granted. */
static uint32_t may_take_number(const struct engine *engine, const struct session *session)
{
	if (session->state != SESSION_ASKED)
		return 0;
	return session->logs.asked & ~session->logs.late & numbered(engine, session);
}

bool session_logs_must_wait(const struct engine *engine, const struct session *session)
{
	const struct session *other;

	if (!session->proc || !numbered(engine, session))
		return false;
	DL_FOREACH(session->proc->sessions, other) {
		if (other != session && may_take_number(engine, other))
			return true;
	}
	return false;
}

void session_logs_take_numbers(const struct engine *engine, struct proc *proc)
{
	struct session *session;
	uint32_t rules;

	DL_FOREACH(proc->sessions, session) {
		rules = may_take_number(engine, session);
		session->logs.late |= rules;
		for (; rules; rules &= rules - 1)
			proc->rawlogs++;
	}
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
		if (logs->open[i] ||
		    !rules_take(rules, i, session->traffic, session->service->protocol))
			continue;
		reason = log_place_name(engine, session, i, time_ns);
		if (reason == REASON_NONE)
			logs->asked |= UINT32_C(1) << i;
		else
			refuse_log(engine, session, i, reason, 0);
	}
	if (!logs->asked) {
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
	case RL_LOG_LATE:
		return REASON_CREATE;
	}
	return REASON_CREATE;
}

static void log_free(struct session_log *log, const __u64 sizes[2])
{
	rawlog_release(&log->rawlog, sizes);
	free(log->name);
	free(log);
}

static void open_log(struct engine *engine, struct session *session, const struct rl_log *fact)
{
	struct session_log *log = mem_alloc(sizeof(*log));
	struct log_place place;
	int ret;

	log->rule = fact->rule;
	log->turn = session->logs.turn;
	log_place_get(engine, session, fact->rule, &place);
	ret = rawlog_open(&log->rawlog, engine->sink, &place, &engine->rules->all[fact->rule].flags,
			  fact->serial);
	if (ret < 0) {
		free(log);
		refuse_log(engine, session, fact->rule, REASON_CREATE, -ret);
		return;
	}
	session->logs.open[fact->rule] = log;
	if (!place.tcp)
		engine->summary.files += place.files[RL_IN] + place.files[RL_OUT];
	log_place_set_serial(session, fact->rule, fact->serial);
	log->name = mem_strdup(session->names.log[fact->rule].name);
	explain_opened(engine, session, fact->rule);
	if (session->found)
		delivery_note(
			engine, session, log, session->asked_ns,
			"the connection was open before rawtap started: its beginning is missing");
}

/* Does a log take a number of which that is told? */
static bool takes_number(const struct session *session, const struct rl_log *fact)
{
	return (session->release->counts_missing && session->service->tcp) ||
	       fact->status == RL_LOG_OPENED || fact->status == RL_LOG_CREATE_FAILED;
}

bool session_logs_answer(struct engine *engine, struct session *session, const struct rl_log *fact)
{
	uint32_t *asked = &session->logs.asked;
	const uint32_t bit = UINT32_C(1) << fact->rule % RULES_MAX;

	if (fact->rule >= engine->rules->count || !(*asked & bit)) {
		engine_malformed(engine, "an answer that nobody asked for", session->tgid);
		return false;
	}
	if (!(session->logs.late & bit) &&
	    (takes_number(session, fact) || fact->status == RL_LOG_LATE))
		log_place_count(engine, session, fact->rule);
	if (fact->status == RL_LOG_LATE) {
		session->logs.late |= bit;
		return false;
	}
	if (session->logs.late & bit && !takes_number(session, fact))
		log_place_uncount(session);
	*asked &= ~bit;
	session->logs.late &= ~bit;
	if (fact->status == RL_LOG_OPENED)
		open_log(engine, session, fact);
	else
		refuse_log(engine, session, fact->rule, reason_of(fact->status), fact->error);
	if (!*asked)
		count_refused(engine, session);
	return !*asked;
}

bool session_logs_open(const struct engine *engine, const struct session *session)
{
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++)
		if (session->logs.open[i])
			return true;
	return false;
}

static void go_on(struct engine *engine, struct session *session, struct session_log *log,
		  uint64_t time_ns)
{
	uint64_t dropped;
	int ret = rawlog_go_on(&log->rawlog, engine_realtime(engine, time_ns),
			       event_gap_text(RL_GAP_BACKLOG), &dropped);

	engine->summary.lost_bytes += dropped;
	engine->summary.gaps += dropped > 0;
	delivery_write_failed(engine, session, log, ret);
}

static void end_log(struct engine *engine, struct session *session, uint32_t rule, uint64_t time_ns)
{
	struct session_log *log = session->logs.open[rule];

	if (!log)
		return;
	if (log->rawlog.behind)
		go_on(engine, session, log, time_ns);
	if (session->end_live)
		delivery_note(engine, session, log, time_ns,
			      "the recording ends here; the end of the connection was not seen");
	session->logs.open[rule] = NULL;
	DL_APPEND(session->logs.ending, log);
	delivery_write_failed(engine, session, log, rawlog_end(&log->rawlog));
}

bool session_logs_end_at_tls(struct engine *engine, struct session *session, bool used,
			     uint64_t time_ns)
{
	enum mode_tls tls;
	bool ended = false;
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++) {
		tls = engine->rules->all[i].mode->tls;
		if (!session->logs.open[i] ||
		    !(tls == TLS_RENEWS || (tls == TLS_RENEWS_USED && used)))
			continue;
		end_log(engine, session, i, time_ns);
		ended = true;
	}
	session->logs.turn += ended;
	return ended;
}

static struct session_log *find_log(const struct session *session, const struct rl_write *write)
{
	struct session_log *log = session->logs.open[write->rule];

	if (log && log->turn == write->turn)
		return log;
	DL_FOREACH(session->logs.ending, log) {
		if (log->rule == write->rule && log->turn == write->turn)
			break;
	}
	return log;
}

/* Has another log of the session the bytes that this one lacks, or may it still get them? */
static bool has_other(const struct engine *engine, const struct session *session, uint32_t turn,
		      int dir)
{
	const struct session_log *log;
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++) {
		log = session->logs.open[i];
		if (log && log->turn == turn && rawlog_wants(&log->rawlog, dir))
			return true;
	}
	DL_FOREACH(session->logs.ending, log) {
		if (log->turn == turn && rawlog_wants(&log->rawlog, dir))
			return true;
	}
	return session->logs.whole[turn % 2][dir];
}

static void count_lost(struct engine *engine, const struct session *session,
		       const struct session_log *log, const __u64 sizes[2])
{
	uint64_t lost[2];
	int dir;

	rawlog_count_lost(&log->rawlog, sizes, lost);
	for (dir = RL_IN; dir <= RL_OUT; dir++) {
		engine->summary.lost_bytes += lost[dir];
		if (!has_other(engine, session, log->turn, dir))
			engine->summary.bytes[dir] -= lost[dir];
	}
	engine->summary.lost_bytes += log->rawlog.dropped_bytes;
}

/* It is in neither list any more. */
static void log_ended(struct engine *engine, struct session *session, struct session_log *log,
		      const struct rl_write *write)
{
	int dir;

	if (write->error) {
		explain_write_failed(engine, session, log, write->error);
		engine->summary.given_up++;
		count_lost(engine, session, log, write->size);
	}
	for (dir = RL_IN; dir <= RL_OUT && !write->error; dir++)
		session->logs.whole[log->turn % 2][dir] |= rawlog_wants(&log->rawlog, dir);
	log_free(log, write->error ? write->size : NULL);
}

void session_logs_written(struct engine *engine, struct session *session,
			  const struct rl_write *write, uint64_t time_ns)
{
	struct session_log *log =
		write->rule < engine->rules->count ? find_log(session, write) : NULL;
	bool open;

	if (!log)
		return;
	open = session->logs.open[write->rule] == log;
	switch ((enum rl_write_status)write->status) {
	case RL_WRITE_BEHIND:
		if (!open || log->rawlog.behind)
			break;
		explain_behind(engine, session, log);
		rawlog_fall_behind(&log->rawlog);
		break;
	case RL_WRITE_GOES_ON:
		if (open && log->rawlog.behind)
			go_on(engine, session, log, time_ns);
		break;
	case RL_WRITE_ENDED:
		if (open && !write->error) /* it should have been asked to */
			end_log(engine, session, write->rule, time_ns);
		if (open && write->error)
			session->logs.open[write->rule] = NULL;
		else
			DL_DELETE(session->logs.ending, log);
		log_ended(engine, session, log, write);
		break;
	}
}

void session_logs_end(struct engine *engine, struct session *session, uint64_t time_ns)
{
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++)
		end_log(engine, session, i, time_ns);
}

void session_logs_free(struct session *session)
{
	struct session_log *log, *next;
	unsigned int i;

	for (i = 0; i < RULES_MAX; i++) {
		if (session->logs.open[i])
			log_free(session->logs.open[i], NULL);
		session->logs.open[i] = NULL;
	}
	DL_FOREACH_SAFE(session->logs.ending, log, next) {
		DL_DELETE(session->logs.ending, log);
		log_free(log, NULL);
	}
}
