/* SPDX-License-Identifier: MIT */
/*
 * An engine_world for an engine that is fed any records, a sink that keeps
 * nothing and checks how it is called, and what must hold after each record.
 */
#ifndef ENGINE_WORLD_H
#define ENGINE_WORLD_H

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/model.h"
#include "engine/session.h"

/* In the place of user/base/log.c: formats the text, and prints nothing. */
void log_set_debug(bool on)
{
}

bool log_is_debug(void)
{
	return true;
}

void log_line(enum log_level level, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
}

#define HANDLES_MAX 256
#define FACTS_MAX   64

/* With world->secrets, a byte of ciphertext: no log may ever have it. */
#define SECRET 0xee

struct fact {
	struct rl_rec rec;
	union {
		struct rl_log log;
		struct rl_write write;
	};
};

struct world {
	struct sink sink;
	struct engine *engine;
	struct {
		bool open;
		bool ended;
		bool files[2];
		__u64 sizes[2];
		uint32_t session, rule, turn;
	} logs[HANDLES_MAX];
	int logs_open;
	bool answers;	/* questions are answered at once, as when recording */
	uint64_t space; /* bytes until the disk is full */
	struct fact facts[FACTS_MAX];
	unsigned int facts_count;
	bool secrets; /* SECRET is only in ciphertext */
};

static inline void world_tell(struct world *world, enum rl_type type, const void *payload,
			      size_t size)
{
	struct fact *fact = &world->facts[world->facts_count];

	if (world->facts_count == FACTS_MAX)
		return;
	world->facts_count++;
	fact->rec = (struct rl_rec){.len = sizeof(fact->rec) + size, .type = type};
	memcpy(&fact->log, payload, size);
}

/* Do the files belong to the session's user? Else they belong to the process's. */
static inline bool is_users(enum traffic traffic)
{
	return traffic == TRAFFIC_MAIL || traffic == TRAFFIC_RELAY;
}

static inline const struct mode *session_mode(const struct engine *engine,
					      const struct log_place *place)
{
	assert(place->rule < engine->rules->count);
	return engine->rules->all[place->rule].mode;
}

static inline void world_create(struct sink *sink, const struct log_place *place)
{
	struct world *world = (struct world *)sink;
	struct rl_log log = {.session = place->session, .rule = place->rule, .serial = 1};

	const struct session *session = session_by_id(world->engine, place->session);

	assert(session);
	assert(place->tcp || (place->base && place->base[0] == '/'));
	assert(!place->chroot || place->chroot[0] == '/');
	assert(place->uid != (uid_t)-1 && place->gid != (gid_t)-1);
	if (is_users(session->traffic))
		assert(place->uid != 0);
	assert(place->iostream == !session_mode(world->engine, place)->home_dir);
	assert(place->dir && (place->iostream || place->dir[0]));
	assert(!place->iostream || place->files[RL_OUT] == !place->tcp);
	assert(place->name[0] && !strchr(place->name, '/') && place->name[0] != '.');
	assert(place->files[RL_IN] || place->files[RL_OUT]);
	if (world->answers)
		world_tell(world, RL_FACT_LOG, &log, sizeof(log));
}

static inline int world_claim(struct sink *sink, const struct log_place *place, uint32_t serial)
{
	struct world *world = (struct world *)sink;
	int handle;

	assert(serial >= 1 && place->base[0] == '/');
	for (handle = 0; handle < HANDLES_MAX; handle++) {
		if (world->logs[handle].open)
			continue;
		memset(&world->logs[handle], 0, sizeof(world->logs[handle]));
		world->logs[handle].open = true;
		memcpy(world->logs[handle].files, place->files, sizeof(place->files));
		world->logs[handle].session = place->session;
		world->logs[handle].rule = place->rule;
		world->logs[handle].turn = place->turn;
		world->logs_open++;
		return handle;
	}
	return -EMFILE;
}

static inline int world_write(struct sink *sink, int handle, int dir, const void *data, size_t size)
{
	struct world *world = (struct world *)sink;

	assert(handle >= 0 && handle < HANDLES_MAX && world->logs[handle].open);
	assert(!world->logs[handle].ended);
	assert(size > 0 && world->logs[handle].files[dir]);
	assert(((const char *)data)[size - 1] || true); /* its last byte can be read */
	assert(!world->secrets || !memchr(data, SECRET, size));
	if (size > world->space) {
		world->logs[handle].sizes[dir] += world->space;
		world->space = 0;
		return -ENOSPC;
	}
	world->space -= size;
	world->logs[handle].sizes[dir] += size;
	return 0;
}

static inline void world_sizes(struct sink *sink, int handle, __u64 sizes_r[2])
{
	struct world *world = (struct world *)sink;

	assert(world->logs[handle].open);
	memcpy(sizes_r, world->logs[handle].sizes, sizeof(world->logs[handle].sizes));
}

static inline int world_log_end(struct sink *sink, int handle)
{
	struct world *world = (struct world *)sink;
	struct rl_write write = {
		.session = world->logs[handle].session,
		.rule = world->logs[handle].rule,
		.turn = world->logs[handle].turn,
	};

	assert(world->logs[handle].open && !world->logs[handle].ended);
	world->logs[handle].ended = true;
	memcpy(write.size, world->logs[handle].sizes, sizeof(write.size));
	if (world->answers)
		world_tell(world, RL_FACT_WRITE, &write, sizeof(write));
	return 0;
}

static inline void world_release(struct sink *sink, int handle, const __u64 sizes[2])
{
	struct world *world = (struct world *)sink;

	assert(world->logs[handle].open);
	world->logs[handle].open = false;
	world->logs_open--;
}

static inline void world_new_process(void *context, const struct service *service)
{
}

static inline void world_ask_users(void *context, uint32_t tgid)
{
}

static inline void world_ask_master(void *context, uint32_t tgid, const struct str *base_dirs)
{
}

static inline void world_verdict(void *context, uint64_t cookie, uint16_t role, bool record)
{
}

static inline void world_forget(void *context, uint32_t tgid, uint64_t time_ns)
{
}

static inline void world_write_failed(void *context, const struct rl_write *write)
{
	world_tell(context, RL_FACT_WRITE, write, sizeof(*write));
}

static const struct sink_ops world_sink_ops = {
	world_create, world_claim, world_write, world_sizes, world_log_end, world_release,
};

static inline void world_begin(struct world *world, const struct rules *rules)
{
	const struct engine_world callbacks = {
		.context = world,
		.ask_master = world_ask_master,
		.ask_users = world_ask_users,
		.new_process = world_new_process,
		.verdict = world_verdict,
		.forget = world_forget,
		.write_failed = world_write_failed,
	};

	world->sink.ops = &world_sink_ops;
	world->engine = engine_new(rules, &world->sink, &callbacks);
}

static inline bool is_open(const struct engine *engine, const struct session *session)
{
	unsigned int i;

	for (i = 0; i < engine->rules->count; i++)
		if (session->logs.open[i])
			return true;
	return false;
}

static inline void check_held(const struct held_queue *queue)
{
	const struct held *held;
	uint64_t size = 0;

	for (held = queue->first; held; held = held->next)
		size += held->rec.len;
	assert(size == queue->size);
}

static inline void check_session(const struct engine *engine, const struct session *session)
{
	struct session *found;

	assert(session->id >= 1 && session->id <= engine->sessions_seen);
	assert(!session->sock || session->sock->session == session);
	assert(!session->sock ||
	       service_traffic(session->service, session->sock->class) == session->traffic);
	assert((!session->handover.pending && !session->handover.doubts) ||
	       session->traffic == TRAFFIC_LOGIN);
	assert(!session->delivery.redact || session->traffic != TRAFFIC_MAIL);
	if (session->ino) {
		HASH_FIND(by_ino, engine->sessions_by_ino, &session->ino, sizeof(session->ino),
			  found);
		assert(found == session);
	}
	assert((session->state == SESSION_ASKED) ==
		       (session->logs.asked != 0 || session->put_off) ||
	       session->state >= SESSION_REFUSED);
	check_held(&session->held);
	check_held(&session->handover.held);
	assert(session->held.size - session->held_for_logs + session->handover.held.size <=
	       1024 * 1024);
	assert(session->handover.pending || session->handover.doubts ||
	       !session->handover.held.first);
	if (session->state >= SESSION_REFUSED)
		assert(!session->held.first && !session->handover.held.first);
	if (session->state == SESSION_RECORDING)
		assert(!session->held.first);
	if (session->state != SESSION_RECORDING && session->state != SESSION_ASKED &&
	    session->state != SESSION_REFUSED)
		assert(session->state == SESSION_ENDED || !session->logs.ending);
	if (session->state < SESSION_ASKED || session->state == SESSION_ENDED)
		assert(!is_open(engine, session));
	if (session->state >= SESSION_SCRIPT && session->state <= SESSION_RECORDING)
		assert(session->who.user.name || !is_users(session->traffic));
	if (session->traffic != TRAFFIC_MAIL)
		assert(session->state >= SESSION_READY);
	assert((session->state == SESSION_REFUSED) == (session->reason != REASON_NONE) ||
	       session->state == SESSION_ENDED);
	if (session->state == SESSION_ENDED)
		assert(session->logs.ending && !session->sock && !session->proc &&
		       !session->held.first);
}

static inline bool sock_has_bytes(const struct sock *sock)
{
	return sock->class == RL_CLASS_CLIENT || sock->class == RL_CLASS_RELAY;
}

/* What waits for an answer, and the ids that have to wait. */
static inline void check_awaited(const struct engine *engine)
{
	const struct awaited *awaited;
	const struct awaited_id *id;
	const struct held *held;
	unsigned int count = 0;
	uint64_t size = 0;

	for (awaited = engine->awaited; awaited; awaited = awaited->next) {
		assert(!engine->awaited_ended);
		check_held(&awaited->held);
		size += awaited->held.size;
		for (id = awaited->ids; id; id = id->next) {
			assert(id->awaited == awaited);
			assert(!id->gaps[RL_IN] || id->gaps[RL_IN]->rec.type == RL_GAP);
			assert(!id->gaps[RL_OUT] || id->gaps[RL_OUT]->rec.type == RL_GAP);
			count++;
		}
		/* its answer has come: only that of a log can be missing */
		held = awaited->held.first;
		assert(awaited->asked || (held && held->rec.cookie));
	}
	assert(size == engine->awaited_size);
	assert(count == HASH_COUNT(engine->awaited_ids));
}

static inline void check_engine(const struct engine *engine)
{
	const struct session *session;
	struct session *found;
	const struct sock *sock;
	const struct proc *proc;
	unsigned int undecided = 0;
	uint64_t held_for_logs = 0;

	for (session = engine->sessions_by_id; session; session = session->by_id.next) {
		check_session(engine, session);
		held_for_logs += session->held_for_logs;
	}
	assert(held_for_logs == engine->held_for_logs);
	for (sock = engine->socks; sock; sock = sock->hh.next) {
		assert(!sock->session || sock->session->sock == sock);
		check_held(&sock->tls.undecided);
		assert(!sock->tls.begun || !sock->tls.undecided.first);
		assert(!sock->tls.undecided.first || sock_has_bytes(sock));
		if (sock->session) {
			HASH_FIND(by_id, engine->sessions_by_id, &sock->session->id,
				  sizeof(sock->session->id), found);
			assert(found == sock->session);
		}
	}
	for (proc = engine->procs; proc; proc = proc->hh.next) {
		for (session = proc->sessions; session; session = session->next)
			assert(session->proc == proc && session->tgid == proc->tgid);
		undecided += proc->undecided != NULL;
		assert(!proc->undecided || proc->undecided->tls.undecided.first);
	}
	assert(undecided == engine->undecided);
	check_awaited(engine);
}

/* Feeds one record and then the facts that answer it, as the pipeline does. */
static inline void world_feed(struct world *world, const void *data, size_t size)
{
	struct fact facts[FACTS_MAX];
	unsigned int i, count;

	engine_feed(world->engine, data, size);
	check_engine(world->engine);
	while ((count = world->facts_count) != 0) {
		memcpy(facts, world->facts, sizeof(facts));
		world->facts_count = 0;
		for (i = 0; i < count; i++)
			engine_feed(world->engine, &facts[i], facts[i].rec.len);
		check_engine(world->engine);
	}
}

static inline void world_flush(struct world *world)
{
	engine_flush(world->engine);
	assert(!world->engine->dirty);
}

/* Ends the engine: each session must be counted once, each log must be closed. */
static inline void world_end(struct world *world)
{
	const struct engine_summary *summary = engine_summary(world->engine);
	uint64_t sum = 0;
	unsigned int i;

	engine_finish(world->engine);
	for (i = 0; i < REASONS_COUNT; i++)
		if (i != REASON_OPEN_BEFORE && i != REASON_NO_LOGIN && i != REASON_MASTER &&
		    i != REASON_UNANSWERED && i != REASON_UNEXAMINED)
			sum += summary->sessions[i];
	/* REASON_OPEN_BEFORE and REASON_NO_LOGIN are of sockets without a session, or of a relay's */
	assert(sum <= world->engine->sessions_seen);
	if (!rules_record(world->engine->rules, TRAFFIC_RELAY))
		assert(sum == world->engine->sessions_seen);
	assert(sum + summary->sessions[REASON_NO_LOGIN] + summary->sessions[REASON_OPEN_BEFORE] >=
	       world->engine->sessions_seen);
	assert(summary->sessions_open <= summary->sessions[REASON_NONE]);
	assert(!world->engine->sessions_by_id && !world->engine->sessions_by_ino);
	assert(world->logs_open == 0);
	engine_has_lost(world->engine);
	engine_free(&world->engine);
	assert(!world->engine);
}

#endif
