// SPDX-License-Identifier: MIT
#include "engine/tls.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/proxy_strip.h"
#include "engine/session.h"

/* The first byte of a TLS handshake, and its major version (RFC 8446, 5.1). */
static const unsigned char tls_handshake[] = {0x16, 0x03};

/* For TLS that began at offsets that are not known. */
static const struct rl_tls unknown;

/* Which direction speaks first in TLS: the client's. */
static int hello_dir(const struct sock *sock)
{
	return sock->class == RL_CLASS_RELAY ? RL_OUT : RL_IN;
}

static void note_last(struct sock *sock, const struct rl_data *data)
{
	size_t len = data->size < STARTTLS_LEN ? data->size : STARTTLS_LEN;

	memmove(sock->tls.last, sock->tls.last + len, STARTTLS_LEN - len);
	memcpy(sock->tls.last + STARTTLS_LEN - len, data->bytes + data->size - len, len);
}

static void pass_on(struct engine *engine, struct sock *sock, const struct event *event)
{
	if (event->type == RL_DATA && event->data->dir == hello_dir(sock))
		note_last(sock, event->data);
	/* once TLS has begun, what is not marked is its ciphertext */
	if (sock->session && sock->tls.begun == !!(event->rec->flags & RL_F_TLS))
		proxy_strip_event(engine, sock, event);
}

/* The text inside TLS begins. What comes now is the session's own, no PROXY header. */
static void begin_text(struct engine *engine, struct sock *sock, const struct rl_rec *rec,
		       const struct rl_tls *where)
{
	if (!sock->session)
		return;
	proxy_strip_end(engine, sock);
	session_tls(engine, sock->session, rec, where);
}

static void pass_one(struct engine *engine, struct sock *sock, const struct held *held)
{
	struct event event;

	if (event_parse(&held->rec, held->rec.len, &event) == 0)
		pass_on(engine, sock, &event);
}

static void pass_held(struct engine *engine, struct sock *sock)
{
	struct held *held;

	sock->tls.awaited = false;
	while ((held = held_take(&sock->tls.undecided)) != NULL) {
		pass_one(engine, sock, held);
		held_free(&held);
	}
}

static void set_undecided(struct engine *engine, struct proc *proc, struct sock *sock)
{
	if (!proc || proc->undecided == sock)
		return;
	engine->undecided += !proc->undecided;
	engine->undecided -= !sock;
	proc->undecided = sock;
}

/* Can these bytes be TLS's handshake from its byte `at` on? */
static bool can_be_handshake(const struct rl_data *data, size_t at)
{
	size_t size = at < sizeof(tls_handshake) ? sizeof(tls_handshake) - at : 0;

	return memcmp(data->bytes, tls_handshake + at, size < data->size ? size : data->size) == 0;
}

/* Do the held records begin like TLS's handshake, as far as they go? `size_r`: how far, in bytes. */
static bool begins_as_handshake(const struct held *held, size_t *size_r)
{
	const struct rl_data *data;
	size_t at;

	for (at = 0; held && at < sizeof(tls_handshake); held = held->next) {
		data = (const struct rl_data *)(const void *)(&held->rec + 1);
		if (held->rec.type != RL_DATA || !can_be_handshake(data, at))
			return false;
		at += data->size;
	}
	*size_r = at;
	return true;
}

static bool is_handshake(const struct held *held)
{
	size_t size;

	return begins_as_handshake(held, &size) && size >= sizeof(tls_handshake);
}

/* Ciphertext of TLS whose text does not come. */
static void note_unread(struct sock *sock, const struct event *event)
{
	if (sock->session)
		session_unread(sock->session, event);
}

/* The undecided bytes are TLS, but no TLS_BEGIN came: the kernel side does not know its SSL object. */
static void begin_unread(struct sock *sock)
{
	struct event event;
	struct held *held;

	sock->tls.awaited = false;
	sock->tls.begun = sock->tls.unread = true;
	while ((held = held_take(&sock->tls.undecided)) != NULL) {
		if (event_parse(&held->rec, held->rec.len, &event) == 0)
			note_unread(sock, &event);
		held_free(&held);
	}
}

/* Was STARTTLS the last that the client sent? */
static bool says_starttls(const struct sock *sock)
{
	return strncasecmp(sock->tls.last, "STARTTLS\r\n", STARTTLS_LEN) == 0;
}

/* Do these bytes begin a TLS handshake where one can begin, though the kernel side knows of none? A
 * mail process never does TLS with its client. */
static bool can_begin_unseen(const struct sock *sock, const struct event *event)
{
	return event->type == RL_DATA && event->data->dir == hello_dir(sock) &&
	       can_be_handshake(event->data, 0) &&
	       (event->data->offset == 0 || says_starttls(sock)) && sock->session &&
	       sock->session->traffic != TRAFFIC_MAIL;
}

/* TLS's answer to a handshake: another one, or an alert (RFC 8446, 5.1). Its first byte will do, no
 * mail protocol's answer begins so. */
static bool is_tls_answer(const struct event *event)
{
	return event->type == RL_DATA && event->data->size &&
	       (event->data->bytes[0] == 0x16 || event->data->bytes[0] == 0x15);
}

/* Must it be held? What Dovecot sends (as a TLS client) only if it begins like a handshake. */
static bool can_be_tls(const struct sock *sock, const struct event *event)
{
	return event_dir(event) == RL_IN || sock->tls.undecided.first ||
	       (event->type == RL_DATA && can_be_handshake(event->data, 0));
}

/* The undecided bytes look like a handshake, and the other side has answered. */
static void take_answer(struct engine *engine, struct sock *sock, const struct event *answer)
{
	if (is_tls_answer(answer))
		begin_unread(sock);
	else
		pass_held(engine, sock);
}

/* No TLS_BEGIN has come for the undecided bytes. If they look like a handshake, the answer tells. */
static void pass_undecided(struct engine *engine, struct sock *sock)
{
	struct event event;
	struct held *held;

	if (!is_handshake(sock->tls.undecided.first)) {
		pass_held(engine, sock);
		return;
	}
	DL_FOREACH(sock->tls.undecided.first, held) {
		if (event_parse(&held->rec, held->rec.len, &event) == 0 &&
		    event_dir(&event) != hello_dir(sock)) {
			take_answer(engine, sock, &event);
			return;
		}
	}
	sock->tls.awaited = true;
}

/* An event while the answer to what looks like a handshake is awaited. True: it was taken. */
static bool take_awaited(struct engine *engine, struct sock *sock, const struct event *event)
{
	size_t size;

	if (event_dir(event) != hello_dir(sock)) {
		take_answer(engine, sock, event);
		return false;
	}
	held_add(&sock->tls.undecided, event->rec);
	if (!begins_as_handshake(sock->tls.undecided.first, &size))
		pass_held(engine, sock);
	return true;
}

static void forget_undecided(struct engine *engine, const struct sock *sock)
{
	struct proc *proc = proc_find(engine, sock->tgid);

	if (proc && proc->undecided == sock)
		set_undecided(engine, proc, NULL);
}

void tls_event(struct engine *engine, struct sock *sock, const struct event *event)
{
	if (event->type == RL_DATA && event->data->size == 0)
		return;
	if (event->rec->flags & RL_F_TLS && (!sock->tls.begun || sock->tls.unread)) {
		/* its TLS_BEGIN was lost (and counted as such); undecided bytes are ciphertext */
		sock->tls.unread = false;
		tls_free(engine, sock);
		sock->tls.begun = true;
		begin_text(engine, sock, event->rec, &unknown);
	}
	if (sock->tls.awaited && take_awaited(engine, sock, event))
		return;
	if (sock->tls.unread) {
		note_unread(sock, event);
		return;
	}
	if (event->rec->flags & RL_F_UNDECIDED && !sock->tls.begun && can_be_tls(sock, event)) {
		held_add(&sock->tls.undecided, event->rec);
		if (event_dir(event) == RL_IN)
			set_undecided(engine, proc_find(engine, sock->tgid), sock);
		return;
	}
	pass_undecided(engine, sock);
	forget_undecided(engine, sock);
	if (!sock->tls.awaited && !sock->tls.begun && can_begin_unseen(sock, event))
		sock->tls.awaited = true;
	if (!sock->tls.awaited || !take_awaited(engine, sock, event))
		pass_on(engine, sock, event);
}

/* Does this record say that the undecided bytes are not TLS? */
static bool decides(const struct sock *sock, const struct event *event)
{
	if (event->rec->cookie != sock->cookie)
		return true;
	if (event->type == RL_DATA)
		return !(event->rec->flags & (RL_F_TLS | RL_F_CONT));
	return event->type != RL_TLS_BEGIN;
}

void tls_decide(struct engine *engine, const struct event *event)
{
	struct proc *proc = proc_find(engine, event->rec->tgid);
	struct sock *sock = proc ? proc->undecided : NULL;

	if (!sock || !decides(sock, event))
		return;
	set_undecided(engine, proc, NULL);
	pass_undecided(engine, sock);
}

/* Passes on the bytes before the offset `begin`, where TLS begins; `held` is cut there. */
static void pass_plain_in(struct engine *engine, struct sock *sock, struct held *held,
			  uint64_t begin)
{
	struct rl_data *data = (struct rl_data *)(void *)(&held->rec + 1);

	if (held->rec.type != RL_DATA || data->offset >= begin)
		return;
	if (data->offset + data->size > begin)
		data->size = begin - data->offset;
	held->rec.len = sizeof(held->rec) + sizeof(*data) + data->size;
	pass_one(engine, sock, held);
}

void tls_begin(struct engine *engine, struct sock *sock, const struct event *event)
{
	struct held_queue *undecided = &sock->tls.undecided;
	struct rl_tls where = *event->tls;
	bool hello = false, is_out;
	struct held *held;
	struct event of;

	set_undecided(engine, proc_find(engine, sock->tgid), NULL);
	while (undecided->first) {
		is_out = event_parse(&undecided->first->rec, undecided->first->rec.len, &of) == 0 &&
			 event_dir(&of) == RL_OUT;
		if (is_out && !hello && is_handshake(undecided->first)) {
			where.out_end = of.data->offset;
			hello = true;
		}
		held = held_take(undecided);
		if (!is_out)
			pass_plain_in(engine, sock, held, where.offset);
		else if (!hello)
			pass_one(engine, sock, held);
		held_free(&held);
	}
	sock->tls.awaited = false;
	if (sock->tls.begun && !sock->tls.unread)
		return;
	sock->tls.begun = true;
	sock->tls.unread = false;
	begin_text(engine, sock, event->rec, &where);
}

/* Only where TLS means new files: elsewhere a client can send STARTTLS, but nothing begins. */
static bool can_begin_tls(const struct session *session)
{
	return session->traffic == TRAFFIC_LMTP || session->sock->class == RL_CLASS_RELAY;
}

/* Which connection of the process was it? The only one that sent a TLS handshake (`hello`), or else
 * STARTTLS; NULL: none, or several. */
static struct session *given_up_one(struct proc *proc, bool hello)
{
	struct session *session, *only = NULL;
	unsigned int count = 0;

	DL_FOREACH(proc->sessions, session) {
		if (session->tls || !session->sock)
			continue;
		if (hello ? is_handshake(session->sock->tls.undecided.first) :
			    can_begin_tls(session) && says_starttls(session->sock)) {
			only = session;
			count++;
		}
	}
	return count == 1 ? only : NULL;
}

/* By then Dovecot has begun new files (lib-smtp, see mode.c): so does begin_text(). */
void tls_given_up(struct engine *engine, struct proc *proc, const struct rl_rec *rec)
{
	struct session *session = given_up_one(proc, true);

	if (!session)
		session = given_up_one(proc, false);
	if (!session)
		return;
	tls_free(engine, session->sock);
	session->sock->tls.begun = session->sock->tls.given_up = true;
	begin_text(engine, session->sock, rec, &unknown);
}

void tls_free(struct engine *engine, struct sock *sock)
{
	forget_undecided(engine, sock);
	held_clear(&sock->tls.undecided);
	mem_wipe(sock->tls.last, sizeof(sock->tls.last)); /* can be of a password */
}

void tls_end(struct engine *engine, struct sock *sock, const struct rl_rec *rec)
{
	const struct held *first = sock->tls.undecided.first;

	if (!first || !is_handshake(first) || !(first->rec.flags & RL_F_UNDECIDED))
		pass_held(engine, sock);
	else
		begin_text(engine, sock, rec, &unknown); /* a handshake without an answer */
	proxy_strip_end(engine, sock);
	tls_free(engine, sock);
}
