// SPDX-License-Identifier: MIT
/*
 * A session's life from the login request to its end: who it is, whether it is
 * recorded, what is held back until that is known, and its logs.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "model.h"

struct session *session_new(struct engine *engine, struct proc *proc, enum traffic traffic)
{
	struct session *session = mem_alloc(sizeof(*session));

	session->id = ++engine->sessions_seen;
	session->traffic = traffic;
	session->proc = proc;
	session->tgid = proc->tgid;
	session->service = proc->service;
	session->held_end = &session->held;
	session->user = HS_USER_NONE;
	DL_APPEND(proc->sessions, session);
	HASH_ADD(by_id, engine->sessions_by_id, id, sizeof(session->id), session);
	return session;
}

struct session *session_by_id(struct engine *engine, uint32_t id)
{
	struct session *session;

	HASH_FIND(by_id, engine->sessions_by_id, &id, sizeof(id), session);
	return session;
}

struct session *session_by_ino(struct engine *engine, uint64_t ino)
{
	struct session *session;

	HASH_FIND(by_ino, engine->sessions_by_ino, &ino, sizeof(ino), session);
	return session;
}

static void forget_ino(struct engine *engine, struct session *session)
{
	if (session->ino)
		HASH_DELETE(by_ino, engine->sessions_by_ino, session);
	session->ino = 0;
}

/* Inode numbers are used again: the newest login request says whose it is. */
void session_set_ino(struct engine *engine, struct session *session, uint64_t ino)
{
	struct session *old = session_by_ino(engine, ino);

	if (old == session)
		return;
	if (old)
		forget_ino(engine, old);
	forget_ino(engine, session);
	session->ino = ino;
	if (ino)
		HASH_ADD(by_ino, engine->sessions_by_ino, ino, sizeof(session->ino), session);
}

void session_refuse(struct engine *engine, struct session *session, enum reason reason)
{
	if (session->state == SESSION_REFUSED || session->state == SESSION_RECORDING)
		return;
	session->state = SESSION_REFUSED;
	session->reason = reason;
	if (!session->counted)
		engine->summary.sessions[reason]++;
	session->counted = true;
	session_explain(engine, session, reason);
	delivery_drop_held(session);
	if (session->sock)
		engine->world.verdict(engine->world.context, session->sock->cookie, false);
}

/*
 * userdb need not return uid and gid: then mail_uid and mail_gid count, and the
 * process has taken them before it writes its first byte to the client.
 * False: not yet.
 */
static bool ids_settle(struct session *session, const struct rl_rec *rec)
{
	struct hs_user *user = &session->user;

	if (user->uid != (uid_t)-1 && user->gid != (gid_t)-1)
		return true;
	if (!rec || rec->uid == 0)
		return false;
	if (user->uid == (uid_t)-1)
		user->uid = rec->uid;
	if (user->gid == (gid_t)-1)
		user->gid = rec->gid;
	return true;
}

/* Do the user and what userdb returned allow it at all? */
static enum reason check_user(const struct engine *engine, const struct session *session)
{
	const struct hs_user *user = &session->user;
	bool has_ids = user->uid != (uid_t)-1 && user->gid != (gid_t)-1;

	if (!rules_want_user(engine->rules, user->name ? user->name : ""))
		return REASON_NOT_WANTED;
	if (session->traffic != TRAFFIC_MAIL && session->traffic != TRAFFIC_RELAY)
		return has_ids ? REASON_NONE : REASON_NO_IDS; /* the files are the process's */
	if ((user->home && user->home[0] != '/') || (user->chroot && user->chroot[0] != '/'))
		return REASON_RELATIVE_HOME;
	if (!has_ids)
		return REASON_NO_IDS;
	if (user->uid == 0)
		return REASON_ROOT;
	/* a process that runs as one user can't log in another: somebody makes this up */
	if (session->proc_uid != 0 &&
	    (session->proc_uid != user->uid || session->proc_gid != user->gid))
		return REASON_FORGED_IDS;
	return REASON_NONE;
}

static void give_up(struct engine *engine, const struct session *session, uint32_t way, int error)
{
	log_warn("%s: write(%s) failed: %s; the log ends there", session_label(session),
		 session->names[way], strerror(error));
	engine->summary.given_up++;
}

static void log_close(struct engine *engine, struct session *session, uint32_t way)
{
	int ret = rawlog_close(&session->logs[way]);

	if (ret)
		give_up(engine, session, way, -ret);
}

/* Names the files of each way that applies and asks whether they can be. */
static void ask_ways(struct engine *engine, struct session *session, uint64_t time_ns)
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

static void decide(struct engine *engine, struct session *session, const struct rl_rec *rec)
{
	enum reason reason = check_user(engine, session);

	if (reason != REASON_NONE) {
		session_refuse(engine, session, reason);
		return;
	}
	files_base(engine, session);
	ask_ways(engine, session, rec->time_ns);
}

/* Whose relay connection is this? The newest login's, as a process connects when its client is
 * there (submission/submission-client.c); with client_limit > 1 that can be another's. */
static const struct session *relay_owner(const struct session *session)
{
	const struct session *owner = NULL, *other;

	if (!session->proc)
		return NULL;
	DL_FOREACH(session->proc->sessions, other) {
		if (other->traffic == TRAFFIC_MAIL && other->user.name)
			owner = other;
	}
	return owner;
}

static void take_owner(struct engine *engine, struct session *session, const struct rl_rec *rec)
{
	const struct session *owner = relay_owner(session);

	if (!owner) {
		session_refuse(engine, session,
			       session->proc && session->proc->found ? REASON_OPEN_BEFORE :
								       REASON_NO_LOGIN);
		return;
	}
	hs_user_copy(&session->user, &owner->user);
	session->login = owner->login;
	memcpy(session->session_id, owner->session_id, sizeof(session->session_id));
	session->proc_uid = owner->proc_uid;
	session->proc_gid = owner->proc_gid;
	if (session->user.uid == (uid_t)-1)
		session->user.uid = rec->uid;
	if (session->user.gid == (gid_t)-1)
		session->user.gid = rec->gid;
}

/* What the client's log is called first: it was there first (submission-client.c). */
static void decide_owner(struct engine *engine, struct session *session, const struct rl_rec *rec)
{
	struct session *other;

	DL_FOREACH(session->proc->sessions, other) {
		if (other->traffic == TRAFFIC_MAIL && other->state == SESSION_READY &&
		    ids_settle(other, rec)) {
			decide(engine, other, rec);
			break;
		}
	}
}

void session_begin(struct engine *engine, struct session *session, const struct rl_rec *rec)
{
	session->state = SESSION_READY;
	if (session->traffic == TRAFFIC_RELAY) {
		decide_owner(engine, session, rec);
		take_owner(engine, session, rec);
		return; /* with its first byte, or TLS: the owner's log takes the number before */
	}
	session->user.uid = rec->uid;
	session->user.gid = rec->gid;
	decide(engine, session, rec);
}

void session_renew(struct engine *engine, struct session *session, const struct rl_rec *rec,
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
		if (!rawlog_is_open(&session->logs[i]) || way->mode->tls == TLS_GOES_ON ||
		    (way->mode->tls == TLS_RENEWS_USED && !used))
			continue;
		log_close(engine, session, i);
		renewed++;
	}
	if (renewed)
		ask_ways(engine, session, rec->time_ns);
}

/* What was held until now comes before it. */
void session_tls(struct engine *engine, struct session *session, const struct rl_rec *rec,
		 const struct rl_tls *where)
{
	struct {
		struct rl_rec rec;
		struct rl_tls where;
	} begin = {*rec, *where};

	if (session->sock)
		front_end(engine, session->sock);
	session->tls = true;
	if (session->state == SESSION_READY && ids_settle(session, rec))
		decide(engine, session, rec); /* it has had its first files by then */
	begin.rec.type = RL_TLS_BEGIN;
	begin.rec.len = sizeof(begin);
	if (session->state == SESSION_RECORDING && !session->parting)
		session_renew(engine, session, rec, where);
	else if (session->state != SESSION_REFUSED && !delivery_hold(session, &begin.rec))
		session_refuse(engine, session, REASON_BACKLOG);
}

void session_part(struct session *session, uint32_t tag)
{
	session->parting = true;
	session->part_tag = tag;
	session->part_at = session->held_end;
}

/* Nobody takes over: what was held since is of this log. */
static void stay(struct engine *engine, struct session *session)
{
	session->parting = false;
	delivery_held(engine, session);
}

void session_parted(struct engine *engine, struct session *session, const struct rl_rec *rec,
		    bool ok)
{
	if (ok && session->state != SESSION_REFUSED)
		delivery_drop_behind(session, session->part_at);
	stay(engine, session);
	if (!ok)
		return;
	if (session->sock) {
		engine->world.verdict(engine->world.context, session->sock->cookie, false);
		session->sock->session = NULL;
		session->sock = NULL;
	}
	session_end(engine, session, rec, NULL);
}

void session_client(struct engine *engine, struct session *session, const struct event *event)
{
	if (session->state == SESSION_READY && ids_settle(session, event->rec))
		decide(engine, session, event->rec);
	switch (session->state) {
	case SESSION_LOGIN:
	case SESSION_LOOKUP:
	case SESSION_SCRIPT:
	case SESSION_READY:
	case SESSION_ASKED:
		if (!delivery_hold(session, event->rec))
			session_refuse(engine, session, REASON_BACKLOG);
		break;
	case SESSION_RECORDING:
		if (session->parting && delivery_hold(session, event->rec))
			break;
		if (session->parting) /* for so long: the answer was lost */
			stay(engine, session);
		delivery_event(engine, session, event);
		break;
	case SESSION_REFUSED:
		break;
	}
}

static void start_recording(struct engine *engine, struct session *session)
{
	session->state = SESSION_RECORDING;
	if (!session->counted)
		engine->summary.sessions[REASON_NONE]++;
	session->counted = true;
	if (!session->parting)
		delivery_held(engine, session);
	if (session->sock)
		engine->world.verdict(engine->world.context, session->sock->cookie, true);
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

static void log_open(struct engine *engine, struct session *session, const struct rl_log *fact)
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

static bool is_logged(const struct engine *engine, const struct session *session)
{
	unsigned int i;

	for (i = 0; i < engine->rules->ways_count; i++)
		if (rawlog_is_open(&session->logs[i]))
			return true;
	return false;
}

void session_answer(struct engine *engine, struct session *session, const struct event *event)
{
	const struct rl_log *fact = event->log;

	if (session->state == SESSION_REFUSED)
		return; /* a replay whose options refuse what the recorder asked about */
	if (fact->way >= engine->rules->ways_count ||
	    !(session->asked & UINT32_C(1) << fact->way)) {
		engine_malformed(engine, "an answer that nobody asked for", session->tgid);
		return;
	}
	session->asked &= ~(UINT32_C(1) << fact->way);
	if (fact->status == RL_LOG_OPENED || fact->status == RL_LOG_CREATE_FAILED)
		files_count(engine, session, fact->way);
	if (fact->status == RL_LOG_OPENED) {
		log_open(engine, session, fact);
	} else {
		session->way = fact->way;
		session->way_reason = reason_of(fact->status);
		session->way_errno = fact->error;
	}
	if (session->asked)
		return;
	if (is_logged(engine, session))
		start_recording(engine, session);
	else
		session_refuse(engine, session, session->way_reason);
	if (session->ended)
		session_end(engine, session, event->rec, NULL);
}

void session_write_failed(struct engine *engine, struct session *session, const struct event *event)
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
	if (!is_logged(engine, session) && session->sock)
		engine->world.verdict(engine->world.context, session->sock->cookie, false);
}

void session_end(struct engine *engine, struct session *session, const struct rl_rec *rec,
		 const struct rl_close *close)
{
	if (close) {
		session->end = *close;
		session->end_live = rec->flags & RL_F_LIVE;
	}
	session->ended = true;
	if (session->parting)
		stay(engine, session);
	if (session->state == SESSION_READY && ids_settle(session, NULL))
		decide(engine, session,
		       rec); /* logged in and never a byte: the files are there all the same */
	if (session->state == SESSION_ASKED)
		return; /* goes on when it is answered */
	delivery_tail(engine, session, rec);
	if (session->state == SESSION_RECORDING && session->end_live)
		engine->summary.sessions_open++;
	if (session->state == SESSION_READY)
		session_refuse(engine, session, REASON_NO_IDS);
	session_refuse(engine, session, REASON_ENDED);
	session_free(engine, &session);
}

void session_free(struct engine *engine, struct session **session_p)
{
	struct session *session = *session_p, **link;
	unsigned int i;

	*session_p = NULL;
	if (!session)
		return;
	if (session->parting)
		stay(engine, session);
	delivery_end(engine, session);
	for (i = 0; i < engine->rules->ways_count; i++) {
		log_close(engine, session, i);
		free(session->names[i]);
		free(session->dirs[i]);
	}
	free(session->base);
	for (link = &engine->dirty; *link; link = &(*link)->next_dirty) {
		if (*link == session) {
			*link = session->next_dirty;
			break;
		}
	}
	if (session->sock)
		session->sock->session = NULL;
	if (session->proc)
		DL_DELETE(session->proc->sessions, session);
	forget_ino(engine, session);
	HASH_DELETE(by_id, engine->sessions_by_id, session);
	hs_user_free(&session->user);
	delivery_drop_held(session);
	str_free(&session->input);
	free(session);
}
