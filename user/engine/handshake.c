// SPDX-License-Identifier: MIT
#include "engine/handshake.h"

#include <string.h>

#include "engine/delivery.h"
#include "engine/handover.h"
#include "engine/identity.h"
#include "engine/session.h"
#include "engine/session_state.h"
#include "engine/trial.h"

static unsigned int prefix_strings(const struct session *session)
{
	unsigned int count = session->service->prefix_strings;

	return count == 2 && session->release->one_helo ? 1 : count;
}

/* A login request has come to a mail process: a session begins. */
static void mail_begin(struct engine *engine, struct proc *proc, struct login_reader *reader,
		       const struct rl_rec *rec)
{
	struct session *session = session_new(engine, proc, TRAFFIC_MAIL);
	char session_id[SESSION_ID_LEN] = "";
	const unsigned char *input = NULL;
	size_t input_len = 0;

	session_set_ino(engine, session, reader->head.ino);
	if (login_request_data_parse(reader->bytes.data, reader->head.data_size,
				     prefix_strings(session), session_id, &input, &input_len))
		engine_malformed(engine, "login request's data", proc->tgid);
	identity_set_login(session, &reader->head, session_id);
	delivery_set_input(session, input, input_len, rec->time_ns);
}

static void login_complete(struct engine *engine, struct sock *sock, const struct rl_rec *rec)
{
	struct proc *proc = proc_find(engine, sock->tgid);
	struct login_reader *reader = &sock->login;

	if (!proc)
		return;
	if (proc->service->role == RL_ROLE_MAIL) {
		mail_begin(engine, proc, reader, rec);
		return;
	}
	reader->unanswered++;
	handover_asked(engine, proc, sock, &reader->head, rec);
}

static void login_replies(struct engine *engine, struct sock *sock, const struct event *event)
{
	struct proc *proc = proc_find(engine, sock->tgid);
	struct str *bytes = &sock->login.reply;
	struct login_reply reply;
	size_t at;

	if (!proc || trial_has_failed(proc))
		return;
	str_append(bytes, event->data->bytes, event->data->size);
	for (at = 0; bytes->len - at >= LOGIN_REPLY_LEN; at += LOGIN_REPLY_LEN) {
		login_reply_parse(bytes->data + at, &reply);
		if (sock->login.unanswered)
			sock->login.unanswered--;
		else if (reply.ok)
			handover_lost(proc);
		handover_answered(engine, proc, &reply, event->rec);
	}
	str_consume(bytes, at);
}

/* Drops a request of which bytes are missing. The next one can be read: its first bytes pass a
 * descriptor. */
static void login_lost(struct engine *engine, struct sock *sock)
{
	struct proc *proc = proc_find(engine, sock->tgid);

	str_clear(&sock->login.bytes);
	sock->login.has_head = false;
	if (!proc)
		return;
	proc->lost_login = true;
	if (proc->service->role != RL_ROLE_LOGIN)
		return;
	sock->login.unanswered++;
	handover_lost(proc);
}

/* Each request is a structure, then its data. */
static void login_bytes(struct engine *engine, struct sock *sock, const struct event *event)
{
	struct proc *proc = proc_find(engine, sock->tgid);
	const struct release *release = proc ? proc_release(proc) : NULL;
	struct login_reader *reader = &sock->login;

	if (!release || !trial_allows(engine, proc, sock, event))
		return;
	if (event->data->passed_ino && (reader->has_head || reader->bytes.len)) {
		engine_malformed(engine, "a login request without its end", sock->tgid);
		login_lost(engine, sock);
	}
	str_append(&reader->bytes, event->data->bytes, event->data->size);
	for (;;) {
		if (!reader->has_head) {
			if (reader->bytes.len < release->login->size)
				return;
			if (login_request_parse(release->login, reader->bytes.data,
						release->login->size, &reader->head)) {
				engine_malformed(engine, "login request", sock->tgid);
				login_lost(engine, sock);
				return;
			}
			str_consume(&reader->bytes, release->login->size);
			reader->has_head = true;
		}
		if (reader->bytes.len < reader->head.data_size)
			return;
		login_complete(engine, sock, event->rec);
		str_consume(&reader->bytes, reader->head.data_size);
		reader->has_head = false;
	}
}

/* A line and where it came from, for the callbacks of line_reader_feed(). */
struct line_context {
	struct engine *engine;
	struct sock *sock;
	const struct event *event;
};

static struct session *session_by_cookie(struct proc *proc, const struct auth_line *auth)
{
	struct session *session;

	DL_FOREACH(proc->sessions, session) {
		if (session->state == SESSION_LOGIN &&
		    session->who.login.auth_id == auth->auth_id &&
		    session->who.login.client_pid == auth->client_pid &&
		    memcmp(session->who.login.cookie, auth->cookie, LOGIN_COOKIE_LEN) == 0)
			return session;
	}
	return NULL;
}

static struct session *session_by_lookup(struct proc *proc, uint32_t id)
{
	struct session *session;

	DL_FOREACH(proc->sessions, session) {
		if (session->state == SESSION_LOOKUP && session->lookup_id == id)
			return session;
	}
	return NULL;
}

static void take_user(struct engine *engine, struct session *session, struct userdb_user *user,
		      const struct rl_rec *rec)
{
	identity_drop_fields(engine, session, user);
	session_user(engine, session, user, rec);
}

static void auth_line(char *text, size_t len, void *context_p)
{
	struct line_context *context = context_p;
	struct engine *engine = context->engine;
	const struct rl_rec *rec = context->event->rec;
	struct proc *proc = proc_find(engine, context->sock->tgid);
	struct session *session = NULL;
	struct auth_line auth;

	if (!proc)
		return;
	if (auth_line_parse(text, len, &auth)) {
		engine_malformed(engine, "line of auth-master", rec->tgid);
		session = auth.type == AUTH_LINE_USER ? session_by_lookup(proc, auth.id) : NULL;
		if (session)
			session_refuse(engine, session, REASON_NO_USER);
		return;
	}
	if ((auth.type == AUTH_LINE_REQUEST) != (context->event->data->dir == RL_OUT)) {
		userdb_user_free(&auth.user); /* lmtp's question is a line USER, too */
		return;
	}
	switch (auth.type) {
	case AUTH_LINE_OTHER:
		break;
	case AUTH_LINE_REQUEST:
		session = session_by_cookie(proc, &auth);
		if (session)
			session_lookup(engine, session, auth.id);
		break;
	case AUTH_LINE_USER:
		session = session_by_lookup(proc, auth.id);
		if (session)
			take_user(engine, session, &auth.user, rec);
		userdb_user_free(&auth.user);
		break;
	case AUTH_LINE_NOTFOUND:
	case AUTH_LINE_FAIL:
		session = session_by_lookup(proc, auth.id);
		if (session)
			session_refuse(engine, session, REASON_NO_USER);
		break;
	}
}

/* The mail process passes the client's descriptor along: it tells which session this is about. */
static void script_begin(struct engine *engine, struct sock *sock, const struct rl_data *data)
{
	struct session *session =
		data->passed_ino ? session_by_ino(engine, data->passed_ino) : NULL;

	if (!session || session->state != SESSION_READY || session->tgid != sock->tgid)
		return;
	session_script(engine, session);
	sock->script_session = session->id;
}

static void script_line(char *text, size_t len, void *context_p)
{
	struct line_context *context = context_p;
	struct session *session = session_by_id(context->engine, context->sock->script_session);
	struct userdb_user user;

	if (!session || session->state != SESSION_SCRIPT)
		return;
	if (postlogin_line_parse(text, len, &user)) {
		engine_malformed(context->engine, "answer of a post-login service",
				 context->sock->tgid);
		return;
	}
	take_user(context->engine, session, &user, context->event->rec);
	userdb_user_free(&user);
}

/* The answer's line has the user's fields; a descriptor with it replaces the client's socket. */
static void script_answer(struct engine *engine, struct sock *sock, const struct event *event)
{
	struct line_context context = {engine, sock, event};
	struct session *session = session_by_id(engine, sock->script_session);
	const struct rl_data *data = event->data;

	if (!session || session->state != SESSION_SCRIPT)
		return;
	if (event->rec->flags & RL_F_EOF) {
		session_refuse(engine, session, REASON_SCRIPT);
		return;
	}
	if (data->passed_ino)
		session_set_ino(engine, session, data->passed_ino);
	engine->summary.malformed += line_reader_feed(&sock->lines[RL_IN], data->bytes, data->size,
						      script_line, &context);
}

/* The direction of login requests: mail processes receive them, login processes send them. */
static int request_dir(struct engine *engine, const struct sock *sock)
{
	const struct proc *proc = proc_find(engine, sock->tgid);

	return proc && proc->service->role == RL_ROLE_LOGIN ? RL_OUT : RL_IN;
}

/* Bytes of one direction are missing. */
static void lost(struct engine *engine, struct sock *sock, int dir)
{
	engine_malformed(engine, "a handshake with bytes missing", sock->tgid);
	line_reader_resync(&sock->lines[dir]);
	if (sock->class == RL_CLASS_LOGIN && dir == request_dir(engine, sock))
		login_lost(engine, sock);
	else if (sock->class == RL_CLASS_LOGIN)
		sock->login.reply_lost = true;
	str_clear(&sock->login.reply);
}

static void take_data(struct engine *engine, struct sock *sock, const struct event *event)
{
	struct line_context context = {engine, sock, event};
	const struct rl_data *data = event->data;

	switch (sock->class) {
	case RL_CLASS_LOGIN:
		if (data->dir == request_dir(engine, sock))
			login_bytes(engine, sock, event);
		else if (request_dir(engine, sock) == RL_OUT)
			login_replies(engine, sock, event);
		break;
	case RL_CLASS_AUTH:
		engine->summary.malformed += line_reader_feed(&sock->lines[data->dir], data->bytes,
							      data->size, auth_line, &context);
		break;
	case RL_CLASS_POSTLOGIN:
		if (data->dir == RL_OUT)
			script_begin(engine, sock, data);
		else
			script_answer(engine, sock, event);
		break;
	case RL_CLASS_NONE:
	case RL_CLASS_CLIENT:
	case RL_CLASS_OTHER:
	case RL_CLASS_RELAY:
		break;
	}
}

void handshake_event(struct engine *engine, struct sock *sock, const struct event *event)
{
	bool is_gap = event->type == RL_GAP;
	int dir = is_gap ? event->gap->dir : event->data->dir;
	uint64_t offset = is_gap ? event->gap->offset : event->data->offset;

	if (is_gap || offset != sock->next[dir])
		lost(engine, sock, dir);
	sock->next[dir] = offset + (is_gap ? event->gap->size : event->data->size);
	if (!is_gap)
		take_data(engine, sock, event);
}

void handshake_end(struct engine *engine, struct sock *sock, const struct rl_rec *rec,
		   const struct rl_close *close)
{
	struct proc *proc = proc_find(engine, sock->tgid);
	int dir;

	if (!proc || sock->class != RL_CLASS_LOGIN || proc->service->role != RL_ROLE_LOGIN)
		return;
	for (dir = RL_IN; dir <= RL_OUT && close; dir++)
		if (close->end[dir] > sock->next[dir])
			lost(engine, sock, dir);
	handover_unanswered(engine, proc, sock, rec);
}

void handshake_free(struct sock *sock)
{
	str_free(&sock->login.bytes);
	str_free(&sock->login.reply);
	line_reader_free(&sock->lines[RL_IN]);
	line_reader_free(&sock->lines[RL_OUT]);
}
