// SPDX-License-Identifier: MIT
#include "engine/delivery.h"

#include <string.h>

void delivery_set_input(struct session *session, const void *data, size_t size, uint64_t time_ns)
{
	str_append(&session->delivery.input, data, size);
	session->delivery.input_time_ns = time_ns;
}

void delivery_strip(struct session *session, uint64_t size)
{
	session->delivery.stripped = session->delivery.next[RL_IN] = size;
}

bool delivery_wants(const struct engine *engine, const struct session *session, int dir)
{
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++)
		if (session->logs.open[i] && rawlog_wants(&session->logs.open[i]->rawlog, dir) &&
		    !session->logs.open[i]->rawlog.behind)
			return true;
	return false;
}

void delivery_write_failed(struct engine *engine, const struct session *session,
			   const struct session_log *log, int error)
{
	struct rl_write write = {
		.session = session->id,
		.rule = log->rule,
		.turn = log->turn,
		.status = RL_WRITE_ENDED,
		.error = -error,
	};

	if (error == 0)
		return;
	engine->sink->ops->sizes(engine->sink, log->rawlog.handle, write.size);
	engine->world.write_failed(engine->world.context, &write);
}

static void mark_dirty(struct engine *engine, struct session *session)
{
	if (session->delivery.dirty)
		return;
	session->delivery.dirty = true;
	DL_APPEND2(engine->dirty, session, delivery.dirty_prev, delivery.dirty_next);
}

/* `plain`: for the logs of modes that have the main channel alone; `chunk`, NULL: nothing, for others. */
static void to_each(struct engine *engine, struct session *session, const struct chunk *chunk,
		    const struct chunk *plain)
{
	const struct chunk *its;
	struct session_log *log;
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++) {
		log = session->logs.open[i];
		its = engine->rules->all[i].mode->main_channel ? plain : chunk;
		if (log && its)
			delivery_write_failed(engine, session, log,
					      rawlog_write(&log->rawlog, its));
	}
}

static void to_logs(struct engine *engine, struct session *session, const struct chunk *chunk)
{
	struct chunk plain = *chunk;
	struct str out = {0};

	if (!session->who.login.multiplex || chunk->dir != RL_OUT) {
		to_each(engine, session, chunk, chunk);
		return;
	}
	multiplex_read(&session->delivery.multiplex, chunk->data, chunk->len, &out);
	plain.data = (const unsigned char *)str_text(&out);
	plain.len = out.len;
	to_each(engine, session, chunk, &plain);
	str_free(&out);
}

/* Bytes are missing, or the connection has ended. */
static void break_multiplex(struct engine *engine, struct session *session, int64_t realtime_ns)
{
	struct chunk rest = {.realtime_ns = realtime_ns, .dir = RL_OUT};
	struct str out = {0};

	multiplex_break(&session->delivery.multiplex, &out);
	rest.data = (const unsigned char *)str_text(&out);
	rest.len = out.len;
	if (rest.len)
		to_each(engine, session, NULL, &rest);
	str_free(&out);
}

void delivery_note(struct engine *engine, struct session *session, struct session_log *log,
		   uint64_t time_ns, const char *text)
{
	delivery_write_failed(engine, session, log,
			      rawlog_note(&log->rawlog, engine_realtime(engine, time_ns), text));
	mark_dirty(engine, session);
}

struct step_context {
	struct engine *engine;
	struct session *session;
};

static void deliver_redacted(const struct chunk *chunk, void *context_p)
{
	struct step_context *context = context_p;

	to_logs(context->engine, context->session, chunk);
}

/* Credentials are replaced on connections where a client logs in. */
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

/* Before the first byte or gap of a log: redaction must see a connection from its start. */
static void redact_begin(const struct engine *engine, struct session *session)
{
	if (engine->rules->redact && !session->delivery.redact)
		session->delivery.redact = redact_for(session);
}

/* The logs and the summary are told that bytes are missing. */
static void tell_gap(struct engine *engine, struct session *session, int dir, int64_t realtime_ns,
		     uint64_t size, const char *why)
{
	const struct chunk_gap gap = {
		.realtime_ns = realtime_ns,
		.size = size,
		.reason = why,
		.dir = dir,
	};
	struct session_log *log;
	bool wanted = false;
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++) {
		log = session->logs.open[i];
		if (!log || !rawlog_wants(&log->rawlog, dir))
			continue;
		wanted = true;
		delivery_write_failed(engine, session, log, rawlog_gap(&log->rawlog, &gap));
	}
	if (!wanted)
		return;
	engine->summary.lost_bytes += size;
	engine->summary.gaps++;
	mark_dirty(engine, session);
}

static void delivered(struct engine *engine, struct session *session, const struct chunk *chunk)
{
	if (delivery_wants(engine, session, chunk->dir))
		engine->summary.bytes[chunk->dir] += chunk->len;
	mark_dirty(engine, session);
}

static void deliver_inflated(const struct chunk *chunk, void *context_p)
{
	struct step_context *context = context_p;

	to_logs(context->engine, context->session, chunk);
	delivered(context->engine, context->session, chunk);
}

static void deliver_lost(int dir, uint64_t size, int64_t realtime_ns, void *context_p)
{
	struct step_context *context = context_p;

	tell_gap(context->engine, context->session, dir, realtime_ns, size,
		 event_gap_text(RL_GAP_DEFLATE));
}

static struct compress_out compress_out(struct step_context *context)
{
	return (struct compress_out){deliver_inflated, deliver_lost, context};
}

/* With channels (x-multiplex) it is the other Dovecot, the proxy, that compresses: cmd_compress(),
 * 2.4.1. */
static void compress_begin(struct session *session)
{
	if (!session->delivery.compress && session->traffic == TRAFFIC_MAIL &&
	    session->service->compress && !session->who.login.multiplex)
		session->delivery.compress = compress_new(!session->found);
}

static void deliver_gap(struct engine *engine, struct session *session, int dir, uint64_t time_ns,
			uint64_t size, const char *why)
{
	struct delivery *delivery = &session->delivery;
	struct step_context context = {engine, session};
	const struct compress_out out = compress_out(&context);
	int64_t realtime_ns = engine_realtime(engine, time_ns);

	redact_begin(engine, session);
	compress_begin(session);
	if (delivery->redact)
		redact_gap(delivery->redact, dir, size, deliver_redacted, &context);
	if (delivery->compress)
		compress_gap(delivery->compress, dir, size, realtime_ns, &out);
	if (dir == RL_OUT)
		break_multiplex(engine, session, realtime_ns);
	tell_gap(engine, session, dir, realtime_ns, size, why);
	delivery->next[dir] += size;
}

/* Bytes that are missing before the offset `end` become a gap. */
static void deliver_up_to(struct engine *engine, struct session *session, int dir, uint64_t end,
			  uint64_t time_ns, enum rl_gap_reason reason)
{
	if (end > session->delivery.next[dir])
		deliver_gap(engine, session, dir, time_ns, end - session->delivery.next[dir],
			    event_gap_text(reason));
}

static void deliver_chunk(struct engine *engine, struct session *session, const struct chunk *chunk)
{
	struct step_context context = {engine, session};
	const struct compress_out out = compress_out(&context);

	redact_begin(engine, session);
	compress_begin(session);
	if (session->delivery.compress) {
		compress_feed(session->delivery.compress, chunk, &out);
		return;
	}
	if (session->delivery.redact)
		redact_feed(session->delivery.redact, chunk, deliver_redacted, &context);
	else
		to_logs(engine, session, chunk);
	delivered(engine, session, chunk);
}

/*
 * Input that came with the login request. The mail process reads it after it has
 * answered the login, so that is its place in a log of both directions.
 */
static void deliver_input(struct engine *engine, struct session *session, uint64_t time_ns)
{
	const struct chunk input = {
		.data = (const unsigned char *)session->delivery.input.data,
		.len = session->delivery.input.len,
		.realtime_ns = engine_realtime(engine, time_ns),
		.dir = RL_IN,
	};

	if (session->delivery.input_delivered)
		return;
	session->delivery.input_delivered = true;
	if (input.len)
		deliver_chunk(engine, session, &input);
}

void delivery_event(struct engine *engine, struct session *session, const struct event *event)
{
	const struct rl_data *data = event->data;
	const struct rl_gap *gap = event->gap;
	bool is_gap = event->type == RL_GAP;
	int dir = is_gap ? gap->dir : data->dir;
	uint64_t offset = is_gap ? gap->offset : data->offset;
	uint64_t *next = &session->delivery.next[dir];
	struct chunk chunk;

	if (offset < *next) {
		engine_malformed(engine, "bytes that came before", event->rec->tgid);
		return;
	}
	if (dir == RL_IN)
		deliver_input(engine, session, event->rec->time_ns);
	deliver_up_to(engine, session, dir, offset, event->rec->time_ns, RL_GAP_RING);
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

bool delivery_restart(struct engine *engine, struct session *session, const struct rl_tls *where,
		      uint64_t time_ns)
{
	struct delivery *delivery = &session->delivery;
	bool used;

	deliver_up_to(engine, session, RL_IN, where->offset, time_ns, RL_GAP_RING);
	deliver_up_to(engine, session, RL_OUT, where->out_end, time_ns, RL_GAP_RING);
	used = delivery->next[RL_IN] > delivery->stripped || delivery->next[RL_OUT];
	delivery->next[RL_IN] = delivery->next[RL_OUT] = delivery->stripped = 0;
	return used;
}

void delivery_tail(struct engine *engine, struct session *session, uint64_t time_ns)
{
	int dir;

	deliver_input(engine, session, time_ns);
	for (dir = RL_IN; dir <= RL_OUT; dir++)
		deliver_up_to(engine, session, dir, session->end.end[dir], time_ns,
			      session->end_reason);
}

void delivery_finish(struct engine *engine, struct session *session, bool recorded,
		     uint64_t time_ns)
{
	struct step_context context = {engine, session};
	const struct compress_out out = compress_out(&context);

	if (recorded) {
		deliver_input(engine, session, session->delivery.input_time_ns);
		if (session->delivery.compress)
			compress_end(session->delivery.compress, engine_realtime(engine, time_ns),
				     &out);
		break_multiplex(engine, session, engine_realtime(engine, time_ns));
	}
	if (session->delivery.redact)
		redact_end(session->delivery.redact, deliver_redacted, &context);
	redact_free(&session->delivery.redact);
	compress_free(&session->delivery.compress);
}

static void unmark_dirty(struct engine *engine, struct session *session)
{
	if (!session->delivery.dirty)
		return;
	session->delivery.dirty = false;
	DL_DELETE2(engine->dirty, session, delivery.dirty_prev, delivery.dirty_next);
}

void delivery_flush_all(struct engine *engine)
{
	struct session_log *log;
	struct session *session;
	unsigned int i;

	while ((session = engine->dirty) != NULL) {
		unmark_dirty(engine, session);
		for (i = 0; i < engine->rules->count; i++) {
			log = session->logs.open[i];
			if (log)
				delivery_write_failed(engine, session, log,
						      rawlog_flush(&log->rawlog));
		}
	}
}

void delivery_free(struct engine *engine, struct session *session)
{
	unmark_dirty(engine, session);
	redact_free(&session->delivery.redact);
	compress_free(&session->delivery.compress);
	str_free(&session->delivery.input);
}
