// SPDX-License-Identifier: MIT
#include "engine/handover.h"

#include <stdlib.h>

#include "engine/session.h"

/* A client's own socket was passed along. NULL: it is not that of a session. */
static struct session *by_own_socket(const struct proc *proc, const struct login_request *request)
{
	struct session *session;

	DL_FOREACH(proc->sessions, session) {
		if (session->traffic == TRAFFIC_LOGIN && session->sock &&
		    !session->handover.pending && session->sock->ino == request->ino)
			return session;
	}
	return NULL;
}

static bool is_over_tls(const struct session *session)
{
	return session->traffic == TRAFFIC_LOGIN && session->sock &&
	       (session->tls || session->sock->tls.unread);
}

/* So far no request is known to be about it. */
static bool is_unasked(const struct session *session)
{
	return session->traffic == TRAFFIC_LOGIN && !session->handover.pending &&
	       !session->handover.taken;
}

static bool can_be_about(const struct session *session)
{
	return is_over_tls(session) && is_unasked(session);
}

void handover_lost(const struct proc *proc)
{
	struct session *session;

	DL_FOREACH(proc->sessions, session) {
		if (can_be_about(session))
			session_doubt(session);
	}
}

static void doubt_free(struct proc *proc, struct doubt **doubt)
{
	DL_DELETE(proc->doubts, *doubt);
	free((*doubt)->sessions);
	free(*doubt);
	*doubt = NULL;
}

/* It is clear whose request it was, or that it is nobody's any more. */
static void doubt_end(struct engine *engine, struct proc *proc, struct doubt **doubt)
{
	struct session *session;
	unsigned int i;

	for (i = 0; i < (*doubt)->count; i++) {
		session = session_by_id(engine, (*doubt)->sessions[i]);
		if (session)
			session_doubt_over(engine, session);
	}
	doubt_free(proc, doubt);
}

/* Of an answer that never became clear, all clients may have gone by now. */
static void forget_old(const struct engine *engine, struct proc *proc)
{
	struct doubt *doubt, *next;
	unsigned int i;

	DL_FOREACH_SAFE(proc->doubts, doubt, next) {
		for (i = 0; i < doubt->count && !session_by_id(engine, doubt->sessions[i]); i++)
			;
		if (i == doubt->count)
			doubt_free(proc, &doubt);
	}
}

/* One of the TLS clients: which, will be seen. If there is only one, it is that one, unless the
 * process is older than rawtap: it can have others that are not known. */
static void ask_in_doubt(struct engine *engine, struct proc *proc, const struct sock *sock,
			 const struct login_request *request, const struct rl_rec *rec)
{
	struct session *session, *one = NULL;
	struct doubt *doubt;
	unsigned int count = 0;

	DL_FOREACH(proc->sessions, session) {
		if (!can_be_about(session))
			continue;
		one = session;
		count++;
	}
	if (count == 1 && !proc->found) {
		session_handover(engine, one, request->tag, rec->time_ns);
		return;
	}
	if (!count)
		return;
	doubt = mem_alloc(sizeof(*doubt));
	*doubt = (struct doubt){
		.tag = request->tag,
		.ino = request->ino,
		.sock = sock->cookie,
		.time_ns = rec->time_ns,
		.sessions = mem_alloc(count * sizeof(*doubt->sessions)),
	};
	DL_FOREACH(proc->sessions, session) {
		if (!can_be_about(session))
			continue;
		doubt->sessions[doubt->count++] = session->id;
		session_doubt(session);
	}
	DL_APPEND(proc->doubts, doubt);
}

void handover_asked(struct engine *engine, struct proc *proc, const struct sock *sock,
		    const struct login_request *request, const struct rl_rec *rec)
{
	struct session *session = by_own_socket(proc, request);

	forget_old(engine, proc);
	if (session)
		session_handover(engine, session, request->tag, rec->time_ns);
	else
		ask_in_doubt(engine, proc, sock, request, rec);
}

void handover_answered(struct engine *engine, struct proc *proc, const struct login_reply *reply,
		       const struct rl_rec *rec)
{
	struct session *session, *next;
	struct doubt *doubt, *next_doubt;

	DL_FOREACH_SAFE(proc->sessions, session, next) {
		if (session->handover.pending && session->handover.tag == reply->tag) {
			session_handover_answered(engine, session, rec, reply->ok);
			return;
		}
	}
	DL_FOREACH_SAFE(proc->doubts, doubt, next_doubt) {
		if (doubt->tag != reply->tag || doubt->taken)
			continue;
		doubt->taken = reply->ok;
		if (!reply->ok)
			doubt_end(engine, proc, &doubt);
		return;
	}
}

/* An answer was lost. Without TLS that does no harm: a mail process that takes the client over has its
 * own socket, which then begins anew. */
static void answer_lost(struct engine *engine, struct proc *proc, const struct sock *sock,
			const struct rl_rec *rec)
{
	struct session *session, *next;
	struct doubt *doubt;

	DL_FOREACH_SAFE(proc->sessions, session, next) {
		if (!session->handover.pending || !is_over_tls(session) ||
		    session->handover.tag != sock->login.head.tag)
			continue;
		if (session->handover.linked)
			session_handover_answered(engine, session, rec, true);
		else
			session_handover_unknown(session);
	}
	DL_FOREACH(proc->doubts, doubt) {
		if (doubt->sock == sock->cookie)
			doubt->taken = true;
	}
}

void handover_unanswered(struct engine *engine, struct proc *proc, const struct sock *sock,
			 const struct rl_rec *rec)
{
	const struct login_reply no = {.tag = sock->login.head.tag, .ok = false};
	struct doubt *doubt, *next;

	if (sock->login.reply_lost)
		answer_lost(engine, proc, sock, rec);
	handover_answered(engine, proc, &no, rec);
	DL_FOREACH_SAFE(proc->doubts, doubt, next) {
		if (doubt->sock == sock->cookie && !doubt->taken)
			doubt_end(engine, proc, &doubt);
	}
}

void handover_linked(struct engine *engine, struct proc *proc, const struct event *event)
{
	struct sock *sock = sock_find(engine, event->rec->cookie);
	struct session *session;
	struct doubt *doubt;

	DL_FOREACH(proc->doubts, doubt) {
		if (doubt->ino == event->link->ino)
			break;
	}
	if (sock && sock->session && sock->session->traffic == TRAFFIC_LOGIN)
		session_linked(engine, sock->session, event);
	session = sock ? sock->session : NULL; /* that may have been the end of it */
	if (session && !is_unasked(session))
		session = NULL; /* it was certain from the beginning */
	if (session && !doubt && sock->ino != event->link->ino) { /* its request was lost */
		session_part(engine, session, event->rec);
	} else if (session && doubt) {
		session_handover(engine, session, doubt->tag, doubt->time_ns);
		if (doubt->taken)
			session_handover_answered(engine, session, event->rec, true);
	}
	if (doubt)
		doubt_end(engine, proc, &doubt);
}

void handover_free(struct proc *proc)
{
	struct doubt *doubt, *next;

	DL_FOREACH_SAFE(proc->doubts, doubt, next)
		doubt_free(proc, &doubt);
}
