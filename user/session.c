// SPDX-License-Identifier: MIT
/*
 * A session's life from the login request to its end: who it is, whether it is
 * recorded, and what is held back until that is known.
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

static void decide(struct engine *engine, struct session *session, const struct rl_rec *rec)
{
	enum reason reason = check_user(engine, session);

	if (reason != REASON_NONE) {
		session_refuse(engine, session, reason);
		return;
	}
	files_base(engine, session);
	logs_ask(engine, session, rec->time_ns);
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
		logs_renew(engine, session, rec, where);
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

void session_answer(struct engine *engine, struct session *session, const struct event *event)
{
	if (session->state == SESSION_REFUSED)
		return; /* a replay whose options refuse what the recorder asked about */
	if (!logs_answer(engine, session, event->log))
		return;
	if (logs_open(engine, session))
		start_recording(engine, session);
	else
		session_refuse(engine, session, session->way_reason);
	if (session->ended)
		session_end(engine, session, event->rec, NULL);
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

	*session_p = NULL;
	if (!session)
		return;
	if (session->parting)
		stay(engine, session);
	delivery_end(engine, session);
	logs_close(engine, session);
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
