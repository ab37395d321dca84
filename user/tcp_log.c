// SPDX-License-Identifier: MIT
#include "tcp_log.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "host_port.h"
#include "log.h"
#include "mem.h"

/* How long a closed log is kept whose other end takes nothing. */
#define STALL_MS   30000
#define EVENTS_MAX 64

struct target {
	char *text; /* "HOST:PORT" */
	struct sockaddr_storage address;
	socklen_t address_len;
};

struct tcp_log {
	struct tcp_logs *logs;
	char *target;
	int fd;		 /* -1: it is over */
	int error;	 /* errno why it is over, or 0 */
	bool error_told; /* to whom writes */
	bool watched;	 /* by the table's epoll: something is kept */
	struct str kept; /* the first `gone` bytes of it are sent already */
	size_t gone;
	uint64_t sent;
	int64_t stalled_at_ms; /* closed: given up then, unless more is sent */
	struct tcp_log *prev, *next;
};

struct tcp_logs {
	int epoll;
	struct target *targets;
	unsigned int targets_count;
	size_t kept; /* of all connections, bytes */
	struct tcp_log *open, *closed;
	unsigned int failed; /* closed logs, not sent to their end */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Targets */

static const struct target *find_target(const struct tcp_logs *logs, const char *text)
{
	unsigned int i;

	for (i = 0; i < logs->targets_count; i++)
		if (strcmp(logs->targets[i].text, text) == 0)
			return &logs->targets[i];
	return NULL;
}

/* The first address that there is, as Dovecot does. 0, or an error of getaddrinfo(). */
static int add_target(struct tcp_logs *logs, const char *text, const char *host, uint16_t port,
		      int flags)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
	struct addrinfo *found;
	struct target *target;
	char service[8];
	int ret;

	snprintf(service, sizeof(service), "%u", (unsigned int)port);
	ret = getaddrinfo(host, service, &hints, &found);
	if (ret)
		return ret;
	logs->targets = mem_resize(logs->targets, (logs->targets_count + 1) * sizeof(*target));
	target = &logs->targets[logs->targets_count++];
	*target = (struct target){.text = mem_strdup(text), .address_len = found->ai_addrlen};
	memcpy(&target->address, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return 0;
}

static int resolve(struct tcp_logs *logs, const char *text, int flags, struct str *error)
{
	struct str host = {0};
	uint16_t port;
	int ret;

	if (find_target(logs, text))
		return 0;
	if (host_port_split(text, &host, &port)) {
		str_printf(error, "not HOST:PORT: %s", text);
		ret = -EINVAL;
	} else {
		ret = add_target(logs, text, str_text(&host), port, flags);
		if (ret)
			str_printf(error, "looking up %s: %s", str_text(&host),
				   ret == EAI_SYSTEM ? strerror(errno) : gai_strerror(ret));
	}
	str_free(&host);
	return ret ? -EINVAL : 0;
}

int tcp_logs_resolve(struct tcp_logs *logs, const char *target, struct str *error)
{
	return resolve(logs, target, 0, error);
}

/* One connection */

static size_t kept_len(const struct tcp_log *log)
{
	return log->kept.len - log->gone;
}

static int watch(struct tcp_log *log, bool on)
{
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = log};

	if (log->watched == on)
		return 0;
	if (epoll_ctl(log->logs->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, log->fd, &event))
		return -errno;
	log->watched = on;
	return 0;
}

static void drop_kept(struct tcp_log *log)
{
	log->logs->kept -= kept_len(log);
	str_free(&log->kept);
	log->gone = 0;
}

static void end(struct tcp_log *log, int error)
{
	if (log->fd < 0)
		return;
	log->error = error;
	drop_kept(log);
	watch(log, false);
	close(log->fd);
	log->fd = -1;
}

/* As much as it takes now; 0 where it takes nothing, or is over. */
static size_t send_some(struct tcp_log *log, const char *data, size_t size)
{
	size_t sent = 0;
	ssize_t ret;

	while (sent < size && log->fd >= 0) {
		ret = send(log->fd, data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (ret >= 0)
			sent += ret;
		else if (errno == EAGAIN || errno == ENOBUFS)
			break;
		else if (errno != EINTR)
			end(log, errno);
	}
	log->sent += sent;
	return sent;
}

static void send_kept(struct tcp_log *log)
{
	size_t sent;

	if (!kept_len(log))
		return;
	sent = send_some(log, log->kept.data + log->gone, kept_len(log));
	if (log->fd < 0)
		return;
	log->logs->kept -= sent;
	log->gone += sent;
	if (sent)
		log->stalled_at_ms = now_ms() + STALL_MS;
	if (!kept_len(log)) {
		drop_kept(log);
		watch(log, false);
	} else if (log->gone > log->kept.len / 2) {
		str_consume(&log->kept, log->gone);
		log->gone = 0;
	}
}

static void keep(struct tcp_log *log, const char *data, size_t size)
{
	int ret;

	if (size > TCP_LOG_KEPT_MAX - kept_len(log) || size > TCP_LOGS_KEPT_MAX - log->logs->kept) {
		end(log, ENOBUFS);
		return;
	}
	str_append(&log->kept, data, size);
	log->logs->kept += size;
	ret = watch(log, true);
	if (ret)
		end(log, -ret);
}

int tcp_log_write(struct tcp_log *log, const void *data, size_t size)
{
	size_t sent;

	send_kept(log);
	sent = kept_len(log) ? 0 : send_some(log, data, size);
	if (log->fd >= 0 && sent < size)
		keep(log, (const char *)data + sent, size - sent);
	if (log->fd >= 0)
		return 0;
	log->error_told = true;
	return -log->error;
}

uint64_t tcp_log_sent(const struct tcp_log *log)
{
	return log->sent;
}

/* A connection is not known to be there until later, but on this host a refusal comes at once. */
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

int tcp_logs_connect(struct tcp_logs *logs, const char *text, struct tcp_log **log_r)
{
	const struct target *target;
	struct str error = {0};
	int fd, ret;

	ret = resolve(logs, text, AI_NUMERICHOST, &error);
	str_free(&error);
	if (ret)
		return -EDESTADDRREQ;
	target = find_target(logs, text);
	fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = start_connecting(fd, target);
	if (ret) {
		close(fd);
		return ret;
	}
	*log_r = mem_alloc(sizeof(**log_r));
	**log_r = (struct tcp_log){.logs = logs, .target = mem_strdup(text), .fd = fd};
	DL_APPEND(logs->open, *log_r);
	return 0;
}

static void log_free(struct tcp_log *log)
{
	end(log, 0);
	free(log->target);
	free(log);
}

/* It is sent, or never will be. */
static void let_go(struct tcp_log *log)
{
	struct tcp_logs *logs = log->logs;

	if (log->error && !log->error_told) {
		log_warn("tcp:%s: the end of a log was not sent: %s", log->target,
			 strerror(log->error));
		logs->failed++;
	}
	DL_DELETE(logs->closed, log);
	log_free(log);
}

void tcp_log_close(struct tcp_log **log_p)
{
	struct tcp_log *log = *log_p;

	*log_p = NULL;
	if (!log)
		return;
	DL_DELETE(log->logs->open, log);
	DL_APPEND(log->logs->closed, log);
	log->stalled_at_ms = now_ms() + STALL_MS;
	send_kept(log);
	if (!kept_len(log))
		let_go(log);
}

/* All of them */

struct tcp_logs *tcp_logs_new(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct tcp_logs *logs;

	if (epoll < 0)
		return NULL;
	logs = mem_alloc(sizeof(*logs));
	logs->epoll = epoll;
	return logs;
}

int tcp_logs_fd(const struct tcp_logs *logs)
{
	return logs->epoll;
}

static void end_closed(struct tcp_logs *logs)
{
	struct tcp_log *log, *next;
	int64_t now = now_ms();

	DL_FOREACH_SAFE(logs->closed, log, next) {
		send_kept(log);
		if (kept_len(log) && now >= log->stalled_at_ms)
			end(log, ETIMEDOUT);
		if (!kept_len(log))
			let_go(log);
	}
}

void tcp_logs_turn(struct tcp_logs *logs)
{
	struct epoll_event events[EVENTS_MAX];
	int i, count = epoll_wait(logs->epoll, events, EVENTS_MAX, 0);

	for (i = 0; i < count; i++)
		send_kept(events[i].data.ptr);
	end_closed(logs);
}

unsigned int tcp_logs_finish(struct tcp_logs *logs, int timeout_ms)
{
	int64_t until = now_ms() + timeout_ms, left;
	struct epoll_event event;
	struct tcp_log *log;

	tcp_logs_turn(logs);
	while (logs->closed && (left = until - now_ms()) > 0) {
		if (epoll_wait(logs->epoll, &event, 1, left) < 0 && errno != EINTR)
			break;
		tcp_logs_turn(logs);
	}
	while ((log = logs->closed) != NULL) {
		end(log, ETIMEDOUT);
		let_go(log);
	}
	return logs->failed;
}

void tcp_logs_free(struct tcp_logs **logs_p)
{
	struct tcp_logs *logs = *logs_p;
	struct tcp_log *log, *next;

	*logs_p = NULL;
	if (!logs)
		return;
	DL_CONCAT(logs->open, logs->closed);
	DL_FOREACH_SAFE(logs->open, log, next)
		log_free(log);
	while (logs->targets_count)
		free(logs->targets[--logs->targets_count].text);
	free(logs->targets);
	close(logs->epoll);
	free(logs);
}
