// SPDX-License-Identifier: MIT
#include "output/tcp_conn.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "host/clock.h"
#include "dovecot/host_port.h"
#include "base/log.h"
#include "base/mem.h"

/* How long a closed connection with unsent bytes is kept while its other end takes nothing. */
#define STALL_MS   30000
#define EVENTS_MAX 64

struct target {
	char *text; /* "HOST:PORT" */
	struct sockaddr_storage address;
	socklen_t address_len;
};

struct tcp_conn {
	struct tcp_conns *conns;
	char *target;
	int fd;		     /* -1: disconnected */
	int error;	     /* the errno that ended it, or 0 */
	bool error_returned; /* tcp_conn_write() has returned it */
	bool watched;	     /* by the table's epoll: something is kept */
	struct str kept;     /* unsent, but for its first `gone` bytes */
	size_t gone;
	uint64_t sent;
	int64_t stalled_at_ms; /* once closed: given up at that time, unless more is sent */
	struct tcp_conn *prev, *next;
};

struct tcp_conns {
	int epoll;
	struct target *targets;
	unsigned int targets_count;
	size_t kept; /* of all connections, bytes */
	struct tcp_conn *open, *closed;
	unsigned int failed; /* closed connections on which something was left unsent */
};

/* Targets */

static const struct target *find_target(const struct tcp_conns *conns, const char *text)
{
	unsigned int i;

	for (i = 0; i < conns->targets_count; i++)
		if (strcmp(conns->targets[i].text, text) == 0)
			return &conns->targets[i];
	return NULL;
}

/* Uses the host's first address, as Dovecot does. 0, or an error of getaddrinfo(). */
static int look_up(const char *host, uint16_t port, int flags, struct target *target_r)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
	struct addrinfo *found;
	char service[8];
	int ret;

	snprintf(service, sizeof(service), "%u", (unsigned int)port);
	ret = getaddrinfo(host, service, &hints, &found);
	if (ret)
		return ret;
	*target_r = (struct target){.address_len = found->ai_addrlen};
	memcpy(&target_r->address, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return 0;
}

static int resolve(const char *text, int flags, struct target *target_r, struct str *error)
{
	struct str host = {0};
	uint16_t port;
	int ret;

	if (host_port_split(text, &host, &port)) {
		str_printf(error, "not HOST:PORT: %s", text);
		ret = -EINVAL;
	} else {
		ret = look_up(str_text(&host), port, flags, target_r);
		if (ret)
			str_printf(error, "looking up %s: %s", str_text(&host),
				   ret == EAI_SYSTEM ? strerror(errno) : gai_strerror(ret));
	}
	str_free(&host);
	return ret ? -EINVAL : 0;
}

int tcp_conns_resolve(struct tcp_conns *conns, const char *target, struct str *error)
{
	struct target found;
	int ret;

	if (find_target(conns, target))
		return 0;
	ret = resolve(target, 0, &found, error);
	if (ret)
		return ret;
	found.text = mem_strdup(target);
	conns->targets = mem_resize(conns->targets, (conns->targets_count + 1) * sizeof(found));
	conns->targets[conns->targets_count++] = found;
	return 0;
}

/* One connection */

static size_t kept_len(const struct tcp_conn *conn)
{
	return conn->kept.len - conn->gone;
}

static int watch(struct tcp_conn *conn, bool on)
{
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = conn};

	if (conn->watched == on)
		return 0;
	if (epoll_ctl(conn->conns->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, conn->fd, &event))
		return -errno;
	conn->watched = on;
	return 0;
}

static void drop_kept(struct tcp_conn *conn)
{
	conn->conns->kept -= kept_len(conn);
	str_free(&conn->kept);
	conn->gone = 0;
}

static void disconnect(struct tcp_conn *conn, int error)
{
	if (conn->fd < 0)
		return;
	conn->error = error;
	drop_kept(conn);
	watch(conn, false);
	close(conn->fd);
	conn->fd = -1;
}

/* Returns how many bytes the kernel took now. Disconnects after an error. */
static size_t send_some(struct tcp_conn *conn, const char *data, size_t size)
{
	size_t sent = 0;
	ssize_t ret;

	while (sent < size && conn->fd >= 0) {
		ret = send(conn->fd, data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (ret >= 0)
			sent += ret;
		else if (errno == EAGAIN || errno == ENOBUFS)
			break;
		else if (errno != EINTR)
			disconnect(conn, errno);
	}
	conn->sent += sent;
	return sent;
}

static void send_kept(struct tcp_conn *conn)
{
	size_t sent;

	if (!kept_len(conn))
		return;
	sent = send_some(conn, conn->kept.data + conn->gone, kept_len(conn));
	if (conn->fd < 0)
		return;
	conn->conns->kept -= sent;
	conn->gone += sent;
	if (sent)
		conn->stalled_at_ms = clock_now_ms() + STALL_MS;
	if (!kept_len(conn)) {
		drop_kept(conn);
		watch(conn, false);
	} else if (conn->gone > conn->kept.len / 2) {
		str_consume(&conn->kept, conn->gone);
		conn->gone = 0;
	}
}

static void keep(struct tcp_conn *conn, const char *data, size_t size)
{
	int ret;

	if (size > TCP_CONN_KEPT_MAX - kept_len(conn) ||
	    size > TCP_CONNS_KEPT_MAX - conn->conns->kept) {
		disconnect(conn, ENOBUFS);
		return;
	}
	str_append(&conn->kept, data, size);
	conn->conns->kept += size;
	ret = watch(conn, true);
	if (ret)
		disconnect(conn, -ret);
}

int tcp_conn_write(struct tcp_conn *conn, const void *data, size_t size)
{
	size_t sent;

	send_kept(conn);
	sent = kept_len(conn) ? 0 : send_some(conn, data, size);
	if (conn->fd >= 0 && sent < size)
		keep(conn, (const char *)data + sent, size - sent);
	if (conn->fd >= 0)
		return 0;
	conn->error_returned = true;
	return -conn->error;
}

uint64_t tcp_conn_sent(const struct tcp_conn *conn)
{
	return conn->sent;
}

/* Whether another host accepts it shows only later; this host refuses it at once. */
static int start_connecting(int fd, const struct target *target)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (connect(fd, (const struct sockaddr *)&target->address, target->address_len) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) ? -errno : -error;
}

int tcp_conns_connect(struct tcp_conns *conns, const char *text, struct tcp_conn **conn_r)
{
	const struct target *target = find_target(conns, text);
	struct str error = {0};
	struct target numeric;
	int fd, ret;

	if (!target) { /* not kept: variables in it can make it another for each session */
		ret = resolve(text, AI_NUMERICHOST, &numeric, &error);
		str_free(&error);
		if (ret)
			return -EDESTADDRREQ;
		target = &numeric;
	}
	fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = start_connecting(fd, target);
	if (ret) {
		close(fd);
		return ret;
	}
	*conn_r = mem_alloc(sizeof(**conn_r));
	**conn_r = (struct tcp_conn){.conns = conns, .target = mem_strdup(text), .fd = fd};
	DL_APPEND(conns->open, *conn_r);
	return 0;
}

static void conn_free(struct tcp_conn *conn)
{
	disconnect(conn, 0);
	free(conn->target);
	free(conn);
}

/* For a closed connection whose bytes are sent, or are given up. */
static void remove_closed(struct tcp_conns *conns, struct tcp_conn *conn)
{
	if (conn->error && !conn->error_returned) {
		log_warn("tcp:%s: the end of a log was not sent: %s", conn->target,
			 strerror(conn->error));
		conns->failed++;
	}
	DL_DELETE(conns->closed, conn);
	conn_free(conn);
}

void tcp_conn_close(struct tcp_conn **conn_p)
{
	struct tcp_conn *conn = *conn_p;

	*conn_p = NULL;
	if (!conn)
		return;
	DL_DELETE(conn->conns->open, conn);
	DL_APPEND(conn->conns->closed, conn);
	conn->stalled_at_ms = clock_now_ms() + STALL_MS;
	send_kept(conn);
	if (!kept_len(conn))
		remove_closed(conn->conns, conn);
}

/* All of them */

struct tcp_conns *tcp_conns_new(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct tcp_conns *conns;

	if (epoll < 0)
		return NULL;
	conns = mem_alloc(sizeof(*conns));
	conns->epoll = epoll;
	return conns;
}

int tcp_conns_fd(const struct tcp_conns *conns)
{
	return conns->epoll;
}

static void end_closed(struct tcp_conns *conns)
{
	struct tcp_conn *conn, *next;
	int64_t now = clock_now_ms();

	DL_FOREACH_SAFE(conns->closed, conn, next) {
		send_kept(conn);
		if (kept_len(conn) && now >= conn->stalled_at_ms)
			disconnect(conn, ETIMEDOUT);
		if (!kept_len(conn))
			remove_closed(conns, conn);
	}
}

void tcp_conns_send(struct tcp_conns *conns)
{
	struct epoll_event events[EVENTS_MAX];
	int i, count = epoll_wait(conns->epoll, events, EVENTS_MAX, 0);

	for (i = 0; i < count; i++)
		send_kept(events[i].data.ptr);
	end_closed(conns);
}

unsigned int tcp_conns_finish(struct tcp_conns *conns, int timeout_ms)
{
	int64_t until = clock_now_ms() + timeout_ms, left;
	struct epoll_event event;
	struct tcp_conn *conn;

	tcp_conns_send(conns);
	while (conns->closed && (left = until - clock_now_ms()) > 0) {
		if (epoll_wait(conns->epoll, &event, 1, left) < 0 && errno != EINTR)
			break;
		tcp_conns_send(conns);
	}
	while ((conn = conns->closed) != NULL) {
		disconnect(conn, ETIMEDOUT);
		remove_closed(conns, conn);
	}
	return conns->failed;
}

void tcp_conns_free(struct tcp_conns **conns_p)
{
	struct tcp_conns *conns = *conns_p;
	struct tcp_conn *conn, *next;

	*conns_p = NULL;
	if (!conns)
		return;
	DL_CONCAT(conns->open, conns->closed);
	DL_FOREACH_SAFE(conns->open, conn, next)
		conn_free(conn);
	while (conns->targets_count)
		free(conns->targets[--conns->targets_count].text);
	free(conns->targets);
	close(conns->epoll);
	free(conns);
}
