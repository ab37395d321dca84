// SPDX-License-Identifier: MIT
/*
 * Who is it? The bytes of the three sockets that tell: the login request that
 * names the client's socket, the user lookup, and the post-login service,
 * which has the final say where there is one.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "log.h"
#include "model.h"

/* To a mail process: a session begins. */
static void mail_begin(struct engine *engine, struct proc *proc, struct login_reader *reader,
		       const struct rl_rec *rec)
{
	struct session *session = session_new(engine, proc, TRAFFIC_MAIL);
	const unsigned char *input;
	size_t input_len;

	session->login = reader->head;
	session_set_ino(engine, session, reader->head.ino);
	if (hs_login_data_parse(reader->bytes.data, reader->head.data_size,
				proc->service->prefix_strings, session->session_id, &input,
				&input_len)) {
		engine_malformed(engine, "login request's data", proc->tgid);
		return;
	}
	str_append(&session->input, input, input_len);
	session->input_time_ns = rec->time_ns;
}

static bool same_peer(const struct hs_login *a, const struct hs_login *b)
{
	return a->remote_port == b->remote_port && a->local_port == b->local_port &&
	       memcmp(a->remote.addr, b->remote.addr, sizeof(a->remote.addr)) == 0 &&
	       memcmp(a->local.addr, b->local.addr, sizeof(a->local.addr)) == 0;
}

/*
 * Which of a login process's clients is it that logs in? Without TLS its own
 * socket is passed along. With TLS that is one end of a socketpair, and the
 * addresses say it. These can be told by a proxy in front (front.c), and that
 * be lost: then there is but one client with TLS in the process, or it can't be
 * known.
 */
static struct session *login_client(struct proc *proc, const struct hs_login *request)
{
	struct session *session, *only = NULL;
	unsigned int count = 0;

	DL_FOREACH(proc->sessions, session) {
		if (session->traffic != TRAFFIC_LOGIN || !session->sock || session->parting)
			continue;
		if (session->sock->ino == request->ino ||
		    (session->tls && same_peer(&session->login, request)))
			return session;
		if (session->tls) {
			only = session;
			count++;
		}
	}
	return count == 1 && !proc->found_clients ? only : NULL;
}

static void login_complete(struct engine *engine, struct sock *sock, const struct rl_rec *rec)
{
	struct proc *proc = engine_proc(engine, sock->tgid);
	struct login_reader *reader = &sock->login;
	struct session *session;

	if (!proc)
		return;
	if (proc->service->role == RL_ROLE_MAIL) {
		mail_begin(engine, proc, reader, rec);
		return;
	}
	session = login_client(proc, &reader->head);
	if (session)
		session_part(session, reader->head.tag);
}

/* A mail process has taken over the client, or has not. */
static void login_answered(struct engine *engine, struct proc *proc,
			   const struct hs_login_reply *reply, const struct rl_rec *rec)
{
	struct session *session, *next;

	DL_FOREACH_SAFE(proc->sessions, session, next) {
		if (session->parting && session->part_tag == reply->tag) {
			session_parted(engine, session, rec, reply->ok);
			return;
		}
	}
}

static void login_replies(struct engine *engine, struct sock *sock, const struct event *event)
{
	struct proc *proc = engine_proc(engine, sock->tgid);
	struct str *bytes = &sock->login.reply;
	struct hs_login_reply reply;
	size_t at;

	str_append(bytes, event->data->bytes, event->data->size);
	for (at = 0; proc && bytes->len - at >= HS_LOGIN_REPLY_LEN; at += HS_LOGIN_REPLY_LEN) {
		hs_login_reply_parse(bytes->data + at, &reply);
		login_answered(engine, proc, &reply, event->rec);
	}
	str_consume(bytes, at);
}

/* The next request is understood again: it begins with the bytes that pass a descriptor. */
static void login_lost(struct engine *engine, struct sock *sock)
{
	struct proc *proc = engine_proc(engine, sock->tgid);

	str_clear(&sock->login.bytes);
	sock->login.has_head = false;
	if (proc)
		proc->lost_login = true;
}

/* A structure, then its data; one request after the other. */
static void login_bytes(struct engine *engine, struct sock *sock, const struct event *event)
{
	struct proc *proc = engine_proc(engine, sock->tgid);
	const struct hs_login_layout *layout = proc ? engine_layout(engine, proc) : NULL;
	struct login_reader *reader = &sock->login;

	if (!layout)
		return;
	if (event->data->passed_ino && (reader->has_head || reader->bytes.len)) {
		engine_malformed(engine, "a login request without its end", sock->tgid);
		login_lost(engine, sock);
	}
	str_append(&reader->bytes, event->data->bytes, event->data->size);
	for (;;) {
		if (!reader->has_head) {
			if (reader->bytes.len < layout->size)
				return;
			if (hs_login_parse(layout, reader->bytes.data, layout->size,
					   &reader->head)) {
				engine_malformed(engine, "login request", sock->tgid);
				login_lost(engine, sock);
				return;
			}
			str_consume(&reader->bytes, layout->size);
			reader->has_head = true;
		}
		if (reader->bytes.len < reader->head.data_size)
			return;
		login_complete(engine, sock, event->rec);
		str_consume(&reader->bytes, reader->head.data_size);
		reader->has_head = false;
	}
}

/* A line and where it came from, for the callbacks of hs_lines_feed(). */
struct line_context {
	struct engine *engine;
	struct sock *sock;
	const struct event *event;
};

static struct session *session_by_cookie(struct proc *proc, const struct hs_auth *auth)
{
	struct session *session;

	DL_FOREACH(proc->sessions, session) {
		if (session->state == SESSION_LOGIN && session->login.auth_id == auth->auth_id &&
		    session->login.client_pid == auth->client_pid &&
		    memcmp(session->login.cookie, auth->cookie, HS_COOKIE_LEN) == 0)
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

static void take_user(struct session *session, struct hs_user *user, const struct rl_rec *rec)
{
	hs_user_free(&session->user);
	session->user = *user;
	*user = HS_USER_NONE;
	session->proc_uid = rec->uid;
	session->proc_gid = rec->gid;
	session->state = SESSION_READY;
}

static void auth_line(char *text, size_t len, void *context_p)
{
	struct line_context *context = context_p;
	struct engine *engine = context->engine;
	const struct rl_rec *rec = context->event->rec;
	struct proc *proc = engine_proc(engine, context->sock->tgid);
	struct session *session = NULL;
	struct hs_auth auth;

	if (!proc)
		return;
	if (hs_auth_parse(text, len, &auth)) {
		engine_malformed(engine, "line of auth-master", rec->tgid);
		session = auth.type == HS_AUTH_USER ? session_by_lookup(proc, auth.id) : NULL;
		if (session)
			session_refuse(engine, session, REASON_NO_USER);
		return;
	}
	if ((auth.type == HS_AUTH_REQUEST) != (context->event->data->dir == RL_OUT)) {
		hs_user_free(&auth.user); /* lmtp asks with the word that answers */
		return;
	}
	switch (auth.type) {
	case HS_AUTH_OTHER:
		break;
	case HS_AUTH_REQUEST:
		session = session_by_cookie(proc, &auth);
		if (!session)
			break;
		session->lookup_id = auth.id;
		session->state = SESSION_LOOKUP;
		break;
	case HS_AUTH_USER:
		session = session_by_lookup(proc, auth.id);
		if (session)
			take_user(session, &auth.user, rec);
		hs_user_free(&auth.user);
		break;
	case HS_AUTH_NOTFOUND:
	case HS_AUTH_FAIL:
		session = session_by_lookup(proc, auth.id);
		if (session)
			session_refuse(engine, session, REASON_NO_USER);
		break;
	}
}

/* What the mail process sends names, by the descriptor passed along, whose login it is. */
static void script_begin(struct engine *engine, struct sock *sock, const struct rl_data *data)
{
	struct session *session =
		data->passed_ino ? session_by_ino(engine, data->passed_ino) : NULL;

	if (!session || session->state != SESSION_READY || session->tgid != sock->tgid)
		return;
	session->state = SESSION_SCRIPT;
	sock->script_session = session->id;
}

static void script_line(char *text, size_t len, void *context_p)
{
	struct line_context *context = context_p;
	struct session *session = session_by_id(context->engine, context->sock->script_session);
	struct hs_user user;

	if (!session || session->state != SESSION_SCRIPT)
		return;
	if (hs_postlogin_parse(text, len, &user)) {
		engine_malformed(context->engine, "answer of a post-login service",
				 context->sock->tgid);
		return;
	}
	take_user(session, &user, context->event->rec);
	hs_user_free(&user);
}

/* The answer: the client's socket may be replaced, the line has the user's fields. */
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
	engine->summary.malformed +=
		hs_lines_feed(&sock->lines[RL_IN], data->bytes, data->size, script_line, &context);
}

/* A mail process is sent requests, a login process sends them. */
static int request_dir(struct engine *engine, const struct sock *sock)
{
	const struct proc *proc = engine_proc(engine, sock->tgid);

	return proc && proc->service->role == RL_ROLE_LOGIN ? RL_OUT : RL_IN;
}

void handshake_data(struct engine *engine, struct sock *sock, const struct event *event)
{
	struct line_context context = {engine, sock, event};
	const struct rl_data *data = event->data;

	if (data->offset != sock->next[data->dir])
		handshake_lost(engine, sock, data->dir);
	sock->next[data->dir] = data->offset + data->size;
	switch (sock->class) {
	case RL_CLASS_LOGIN:
		if (data->dir == request_dir(engine, sock))
			login_bytes(engine, sock, event);
		else if (request_dir(engine, sock) == RL_OUT)
			login_replies(engine, sock, event);
		break;
	case RL_CLASS_AUTH:
		engine->summary.malformed += hs_lines_feed(&sock->lines[data->dir], data->bytes,
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

void handshake_lost(struct engine *engine, struct sock *sock, int dir)
{
	engine_malformed(engine, "a handshake with bytes missing", sock->tgid);
	hs_lines_resync(&sock->lines[dir]);
	if (sock->class == RL_CLASS_LOGIN && dir == request_dir(engine, sock))
		login_lost(engine, sock);
	str_clear(&sock->login.reply);
}

/* Who has no answer gets none. */
void handshake_end(struct engine *engine, struct sock *sock, const struct rl_rec *rec)
{
	struct proc *proc = engine_proc(engine, sock->tgid);
	struct hs_login_reply reply = {.tag = sock->login.head.tag, .ok = false};

	if (proc && sock->class == RL_CLASS_LOGIN && proc->service->role == RL_ROLE_LOGIN)
		login_answered(engine, proc, &reply, rec);
}
