// SPDX-License-Identifier: MIT
/*
 * A session's bytes on their way to its logs: held back until the user is
 * known, then delivered in order, with what is missing between them.
 */
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* What one session may hold back before its user is known, bytes. */
#define HELD_MAX (1024 * 1024)

/* Takes the first one that is held; NULL: there is none. */
static struct held *unhold(struct session *session)
{
	struct held *held = session->held;

	if (!held)
		return NULL;
	session->held = held->next;
	if (!session->held)
		session->held_end = &session->held;
	session->held_size -= held->rec.len;
	return held;
}

void delivery_drop_held(struct session *session)
{
	struct held *held;

	while ((held = unhold(session)) != NULL)
		free(held);
}

void delivery_drop_behind(struct session *session, struct held **end)
{
	struct held *held = *end, *next;

	*end = NULL;
	session->held_end = end;
	for (; held; held = next) {
		next = held->next;
		session->held_size -= held->rec.len;
		free(held);
	}
}

static void write_failed(struct engine *engine, struct session *session, struct rawlog *log,
			 int error)
{
	struct rl_write write = {
		.session = session->id,
		.way = log - session->logs,
		.error = -error,
	};

	if (error == 0)
		return;
	engine->sink->ops->sizes(engine->sink, log->handle, write.size);
	engine->world.write_failed(engine->world.context, &write);
}

static void mark_dirty(struct engine *engine, struct session *session)
{
	if (session->dirty)
		return;
	session->dirty = true;
	session->next_dirty = engine->dirty;
	engine->dirty = session;
}

static void to_logs(struct engine *engine, struct session *session, const struct chunk *chunk)
{
	struct rawlog *log;

	for (log = session->logs; log < session->logs + engine->rules->ways_count; log++)
		if (rawlog_is_open(log))
			write_failed(engine, session, log, rawlog_write(log, chunk));
}

struct redact_context {
	struct engine *engine;
	struct session *session;
};

static void deliver_redacted(int dir, const struct chunk *chunk, void *context_p)
{
	struct redact_context *context = context_p;
	struct chunk with_dir = *chunk;

	with_dir.dir = dir;
	to_logs(context->engine, context->session, &with_dir);
}

/* What is replaced is what opens doors: where a login is made. */
static struct redact *redact_for(const struct session *session)
{
	switch (session->traffic) {
	case TRAFFIC_LOGIN:
		return redact_new(session->service->redact, RL_IN);
	case TRAFFIC_RELAY:
	case TRAFFIC_LMTP_PROXY:
		return redact_new(session->service->redact, RL_OUT);
	case TRAFFIC_NONE:
	case TRAFFIC_MAIL:
	case TRAFFIC_LMTP:
		break;
	}
	return NULL;
}

/* From the first byte on, and be it lost: who begins behind a gap must know. */
static void redact_begin(const struct engine *engine, struct session *session)
{
	if (engine->rules->redact && !session->redact)
		session->redact = redact_for(session);
}

static void deliver_gap(struct engine *engine, struct session *session, int dir, uint64_t time_ns,
			uint64_t size, const char *why)
{
	uint64_t *next = &session->passed[dir];
	/* what came with the login request is in the file as well, in front; what stood in front
	 * of the session is not */
	const struct chunk_gap gap = {
		.realtime_ns = engine_realtime(engine, time_ns),
		.offset = *next + (dir == RL_IN ? session->input.len - session->front : 0),
		.size = size,
		.reason = why,
		.dir = dir,
	};
	struct redact_context context = {engine, session};
	struct rawlog *log;
	bool wanted = false;

	redact_begin(engine, session);
	if (session->redact)
		redact_gap(session->redact, dir, size, deliver_redacted, &context);

	for (log = session->logs; log < session->logs + engine->rules->ways_count; log++) {
		if (!rawlog_is_open(log) || !log_flags_has(&log->way->flags, dir))
			continue;
		wanted = true;
		write_failed(engine, session, log, rawlog_gap(log, &gap));
	}
	*next += size;
	if (!wanted)
		return;
	engine->summary.lost_bytes += size;
	engine->summary.gaps++;
	mark_dirty(engine, session);
}

static void deliver_chunk(struct engine *engine, struct session *session, const struct chunk *chunk)
{
	struct redact_context context = {engine, session};

	redact_begin(engine, session);
	if (session->redact)
		redact_feed(session->redact, chunk->dir, chunk, deliver_redacted, &context);
	else
		to_logs(engine, session, chunk);
	engine->summary.bytes[chunk->dir] += chunk->len;
	mark_dirty(engine, session);
}

/*
 * What came with the login request. The mail process looks at it once it has
 * answered the login, and that is where it stands in a stream of both
 * directions.
 */
static void deliver_input(struct engine *engine, struct session *session, uint64_t time_ns)
{
	const struct chunk input = {
		.data = (const unsigned char *)session->input.data,
		.len = session->input.len,
		.realtime_ns = engine_realtime(engine, time_ns),
		.dir = RL_IN,
	};

	if (session->input_delivered)
		return;
	session->input_delivered = true;
	if (input.len)
		deliver_chunk(engine, session, &input);
}

void delivery_end(struct engine *engine, struct session *session)
{
	struct redact_context context = {engine, session};

	if (session->state == SESSION_RECORDING)
		deliver_input(engine, session, session->input_time_ns);
	if (session->redact)
		redact_end(session->redact, deliver_redacted, &context);
	redact_free(&session->redact);
}

/* To the logs, with what is missing before it. */
void delivery_event(struct engine *engine, struct session *session, const struct event *event)
{
	const struct rl_data *data = event->data;
	const struct rl_gap *gap = event->gap;
	bool is_gap = event->type == RL_GAP;
	int dir = is_gap ? gap->dir : data->dir;
	uint64_t offset = is_gap ? gap->offset : data->offset;
	uint64_t *next = &session->passed[dir];
	struct chunk chunk;

	if (offset < *next) {
		engine_malformed(engine, "bytes that came before", event->rec->tgid);
		return;
	}
	if (dir == RL_IN)
		deliver_input(engine, session, event->rec->time_ns);
	if (offset > *next)
		deliver_gap(engine, session, dir, event->rec->time_ns, offset - *next,
			    event_gap_text(RL_GAP_RING));
	if (is_gap) {
		deliver_gap(engine, session, dir, event->rec->time_ns, gap->size,
			    event_gap_text(gap->reason));
		return;
	}
	chunk = (struct chunk){
		.data = data->bytes,
		.len = data->size,
		.realtime_ns = engine_realtime(engine, event->rec->time_ns),
		.continues = event->rec->flags & RL_F_CONT,
		.more = event->rec->flags & RL_F_MORE,
		.dir = dir,
	};
	*next += data->size;
	deliver_chunk(engine, session, &chunk);
	if (!chunk.more)
		deliver_input(engine, session, event->rec->time_ns);
}

bool delivery_hold(struct session *session, const struct rl_rec *rec)
{
	struct held *held;

	if (session->held_size + rec->len > HELD_MAX)
		return false;
	held = mem_alloc(offsetof(struct held, rec) + rec->len);
	memcpy(&held->rec, rec, rec->len);
	*session->held_end = held;
	session->held_end = &held->next;
	session->held_size += rec->len;
	return true;
}

void delivery_held(struct engine *engine, struct session *session)
{
	struct event event;
	struct held *held;

	while (session->state == SESSION_RECORDING && (held = unhold(session)) != NULL) {
		if (event_parse(&held->rec, held->rec.len, &event) != 0)
			engine_malformed(engine, "what was held", session->tgid);
		else if (event.type == RL_TLS_BEGIN)
			logs_renew(engine, session, &held->rec, event.tls);
		else
			delivery_event(engine, session, &event);
		free(held);
	}
}

void delivery_flush(struct engine *engine, struct session *session)
{
	struct rawlog *log;

	for (log = session->logs; log < session->logs + engine->rules->ways_count; log++)
		write_failed(engine, session, log, rawlog_flush(log));
}

void delivery_up_to(struct engine *engine, struct session *session, int dir, uint64_t end,
		    uint64_t time_ns)
{
	if (end > session->passed[dir])
		deliver_gap(engine, session, dir, time_ns, end - session->passed[dir],
			    event_gap_text(RL_GAP_RING));
}

/* What was lost behind the last byte that came. */
void delivery_tail(struct engine *engine, struct session *session, const struct rl_rec *rec)
{
	int dir;

	if (session->state != SESSION_RECORDING)
		return;
	deliver_input(engine, session, rec->time_ns);
	for (dir = RL_IN; dir <= RL_OUT; dir++)
		delivery_up_to(engine, session, dir, session->end.end[dir], rec->time_ns);
}
