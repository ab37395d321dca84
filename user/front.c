// SPDX-License-Identifier: MIT
/*
 * What stands in front of a connection's own bytes: the header of the PROXY
 * protocol. Dovecot takes it off, with a recv() of its own, before there are
 * streams that could be logged (lib-master/master-service-haproxy.c, 2.3.19.1);
 * nothing has been sent by then. The addresses in it count from there on.
 */
#include <errno.h>
#include <string.h>

#include "hs_proxy.h"
#include "model.h"

/* A record that grows by what is told in pieces. */
static struct rl_data *front_data(const struct sock *sock)
{
	return (struct rl_data *)(void *)(sock->front.data + sizeof(struct rl_rec));
}

static void add(struct sock *sock, const struct event *event)
{
	struct rl_rec *rec;

	if (sock->front.len) {
		str_append(&sock->front, event->data->bytes, event->data->size);
		front_data(sock)->size += event->data->size;
	} else {
		str_append(&sock->front, event->rec, sizeof(*event->rec));
		str_append(&sock->front, event->data, sizeof(*event->data) + event->data->size);
	}
	rec = (struct rl_rec *)(void *)sock->front.data;
	rec->len = sock->front.len;
	rec->flags = event->rec->flags & ~RL_F_CONT;
}

/* Is it the first operation, or another piece of that? */
static bool is_first(const struct sock *sock, const struct event *event)
{
	if (event->type != RL_DATA || event->rec->flags & RL_F_TLS || event->data->dir != RL_IN)
		return false;
	return event->data->offset == (sock->front.len ? front_data(sock)->size : 0) &&
	       !sock->front.len == !(event->rec->flags & RL_F_CONT);
}

/* The operation is told of in full. */
static void take(struct engine *engine, struct sock *sock)
{
	const struct rl_data *data = front_data(sock);
	struct session *session = sock->session;
	struct hs_proxy proxy;

	if (hs_proxy_parse(data->bytes, data->size, &proxy) != (int)data->size) {
		front_end(engine, sock);
		return;
	}
	session->front = session->passed[RL_IN] = data->size;
	if (proxy.has_addresses) {
		session->login.local = proxy.local;
		session->login.remote = proxy.remote;
		session->login.local_port = proxy.local_port;
		session->login.remote_port = proxy.remote_port;
	}
	str_free(&sock->front);
	sock->fronted = true;
}

static bool can_have_front(const struct sock *sock)
{
	return sock->family != RL_AF_UNIX &&
	       (sock->session->traffic == TRAFFIC_LOGIN || sock->session->traffic == TRAFFIC_LMTP);
}

void front_bytes(struct engine *engine, struct sock *sock, const struct event *event)
{
	bool more = event->rec->flags & RL_F_MORE;

	if (sock->fronted || !can_have_front(sock) || !is_first(sock, event)) {
		front_end(engine, sock);
		session_client(engine, sock->session, event);
		return;
	}
	add(sock, event);
	if (!more)
		take(engine, sock);
	else if (front_data(sock)->size > HS_PROXY_V2_MAX)
		front_end(engine, sock);
}

void front_end(struct engine *engine, struct sock *sock)
{
	struct str front = sock->front;
	struct event event;

	sock->front = (struct str){0};
	sock->fronted = true;
	if (sock->session && front.len && event_parse(front.data, front.len, &event) == 0)
		session_client(engine, sock->session, &event);
	str_free(&front);
}
