// SPDX-License-Identifier: MIT
#include "engine/proxy_strip.h"

#include <errno.h>
#include <string.h>

#include "engine/delivery.h"
#include "dovecot/proxy_header.h"
#include "engine/identity.h"
#include "engine/session.h"

/* The DATA record in which the pieces of a header are collected. */
static struct rl_data *header_data(const struct sock *sock)
{
	return (struct rl_data *)(void *)(sock->proxy.header.data + sizeof(struct rl_rec));
}

static void add(struct sock *sock, const struct event *event)
{
	struct str *header = &sock->proxy.header;
	struct rl_rec *rec;

	if (header->len) {
		str_append(header, event->data->bytes, event->data->size);
		header_data(sock)->size += event->data->size;
	} else {
		str_append(header, event->rec, sizeof(*event->rec));
		str_append(header, event->data, sizeof(*event->data) + event->data->size);
	}
	rec = (struct rl_rec *)(void *)header->data;
	rec->len = header->len;
	rec->flags = event->rec->flags & ~RL_F_CONT;
}

/* Is it the connection's first operation, or the next piece of it? */
static bool is_first(const struct sock *sock, const struct event *event)
{
	if (event->type != RL_DATA || event->rec->flags & RL_F_TLS || event->data->dir != RL_IN)
		return false;
	return event->data->offset == (sock->proxy.header.len ? header_data(sock)->size : 0) &&
	       !sock->proxy.header.len == !(event->rec->flags & RL_F_CONT);
}

/* The first operation is complete: is it a header, and nothing else? */
static void take(struct engine *engine, struct sock *sock)
{
	const struct rl_data *data = header_data(sock);
	struct proxy_header proxy;

	if (proxy_header_parse(sock->session->release->proxy, data->bytes, data->size, &proxy) !=
	    (int)data->size) {
		proxy_strip_end(engine, sock);
		return;
	}
	delivery_strip(sock->session, data->size);
	if (proxy.has_addresses)
		identity_set_addresses(sock->session, &proxy.addresses);
	str_free(&sock->proxy.header);
	sock->proxy.done = true;
}

static bool can_have_header(const struct sock *sock)
{
	return sock->family != RL_AF_UNIX &&
	       (sock->session->traffic == TRAFFIC_LOGIN || sock->session->traffic == TRAFFIC_LMTP);
}

void proxy_strip_event(struct engine *engine, struct sock *sock, const struct event *event)
{
	bool more = event->rec->flags & RL_F_MORE;

	if (sock->proxy.done || !can_have_header(sock) || !is_first(sock, event)) {
		proxy_strip_end(engine, sock);
		session_event(engine, sock->session, event);
		return;
	}
	add(sock, event);
	if (!more)
		take(engine, sock);
	else if (header_data(sock)->size > sock->session->release->proxy->v2_max)
		proxy_strip_end(engine, sock);
}

void proxy_strip_end(struct engine *engine, struct sock *sock)
{
	struct str header = sock->proxy.header;
	struct event event;

	sock->proxy.header = (struct str){0};
	sock->proxy.done = true;
	if (sock->session && header.len && event_parse(header.data, header.len, &event) == 0)
		session_event(engine, sock->session, &event);
	str_free(&header);
}

void proxy_strip_free(struct sock *sock)
{
	str_free(&sock->proxy.header);
}
