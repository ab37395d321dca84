// SPDX-License-Identifier: MIT
#include "engine/session_table.h"

#include <stdlib.h>

#include "engine/identity.h"
#include "engine/log_place.h"
#include "engine/session_logs.h"

struct session *session_new(struct engine *engine, struct proc *proc, enum traffic traffic)
{
	struct session *session = mem_alloc(sizeof(*session));

	session->id = ++engine->sessions_seen;
	session->traffic = traffic;
	session->proc = proc;
	session->tgid = proc->tgid;
	session->service = proc->service;
	session->release = proc_release(proc);
	identity_init(session);
	DL_APPEND(proc->sessions, session);
	HASH_ADD(by_id, engine->sessions_by_id, id, sizeof(session->id), session);
	return session;
}

void session_free(struct engine *engine, struct session **session_p)
{
	struct session *session = *session_p;

	*session_p = NULL;
	HASH_DELETE(by_id, engine->sessions_by_id, session);
	session_logs_free(session);
	log_place_free(session);
	identity_free(session);
	free(session);
}

struct session *session_by_id(const struct engine *engine, uint32_t id)
{
	struct session *session;

	HASH_FIND(by_id, engine->sessions_by_id, &id, sizeof(id), session);
	return session;
}

struct session *session_by_ino(const struct engine *engine, uint64_t ino)
{
	struct session *session;

	HASH_FIND(by_ino, engine->sessions_by_ino, &ino, sizeof(ino), session);
	return session;
}

void session_forget_ino(struct engine *engine, struct session *session)
{
	/* clang's analyzer does not see that there is a table as long as a session is in it */
	if (session->ino)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		HASH_DELETE(by_ino, engine->sessions_by_ino, session);
	session->ino = 0;
}

/* Inode numbers are reused: the newest login request says whose it is. */
void session_set_ino(struct engine *engine, struct session *session, uint64_t ino)
{
	struct session *old = session_by_ino(engine, ino);

	if (old == session)
		return;
	if (old)
		session_forget_ino(engine, old);
	session_forget_ino(engine, session);
	session->ino = ino;
	if (ino)
		HASH_ADD(by_ino, engine->sessions_by_ino, ino, sizeof(session->ino), session);
}

void session_bind(struct engine *engine, struct session *session, struct sock *sock)
{
	session->sock = sock;
	session->seen = true;
	sock->session = session;
	if (session->state == SESSION_REFUSED)
		engine_verdict(engine, sock, false);
}

void session_unbind(struct session *session)
{
	if (session->sock)
		session->sock->session = NULL;
	session->sock = NULL;
}
