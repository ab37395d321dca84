// SPDX-License-Identifier: MIT
/* Logs over TCP, with real sockets of this host. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/clock.h"
#include "output/sink_host.h"
#include "output/tcp_conn.h"

#define MB (1024 * 1024)

static struct sink *sink;
static struct tcp_conns *conns;
static struct rl_log fact;
static int listener;
static char target[64];
static char block[MB];

static void tell_log(void *context, const struct rl_log *told)
{
	fact = *told;
}

static void tell_write(void *context, const struct rl_write *told)
{
	assert_int_equal(told->status, RL_WRITE_ENDED);
	assert_int_equal(told->error, 0);
}

static const struct sink_host_answers answers = {.log = tell_log, .write = tell_write};

static void end_log(int handle)
{
	assert_int_equal(sink->ops->end(sink, handle), 0);
	sink->ops->release(sink, handle, NULL);
}

/* A socket on a free port of this host; `backlog` -1: it does not listen. */
static int listen_at(int family, int backlog)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	bool is_in6 = family == AF_INET6;
	struct sockaddr *address = is_in6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;
	socklen_t len = is_in6 ? sizeof(in6) : sizeof(in);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), window = 65536;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window)) ||
	    bind(fd, address, len) || (backlog >= 0 && listen(fd, backlog)) ||
	    getsockname(fd, address, &len)) {
		if (fd >= 0)
			close(fd);
		return -errno;
	}
	snprintf(target, sizeof(target), is_in6 ? "[::1]:%u" : "127.0.0.1:%u",
		 (unsigned int)ntohs(is_in6 ? in6.sin6_port : in.sin_port));
	return fd;
}

static int setup(void **state)
{
	unsigned int i;

	for (i = 0; i < sizeof(block); i++)
		block[i] = i * 31 >> 3;
	if (sink_host_new(&answers, 0, -1, NULL, &sink))
		return -1;
	conns = sink_host_connections(sink);
	listener = listen_at(AF_INET, 16);
	return listener < 0;
}

static int teardown(void **state)
{
	sink_host_free(&sink);
	return listener >= 0 && close(listener);
}

static const struct log_place place_1 = {
	.session = 1,
	.tcp = target,
	.name = "log",
	.format = &format_single,
	.files = {true, false},
};

static int ask(uint32_t session, enum rl_log_status status, int error)
{
	struct log_place place = place_1;

	place.session = session;
	sink->ops->create(sink, &place);
	assert_int_equal(fact.session, session);
	assert_int_equal(fact.status, status);
	assert_int_equal(fact.error, error);
	return sink->ops->claim(sink, &place, 1);
}

static int write_log(int handle, const void *data, size_t size)
{
	return sink->ops->write(sink, handle, RL_IN, data, size);
}

static uint64_t sent(int handle)
{
	__u64 sizes[2];

	sink->ops->sizes(sink, handle, sizes);
	assert_int_equal(sizes[RL_OUT], 0);
	return sizes[RL_IN];
}

static int accept_log(void)
{
	struct pollfd wait = {.fd = listener, .events = POLLIN};

	assert_int_equal(poll(&wait, 1, 10000), 1);
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

/* Reads to the end of the connection, while the sink sends. Returns how many bytes. */
static size_t read_all(int fd, char *data, size_t size)
{
	size_t len = 0;
	ssize_t ret = 1;

	while (ret) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};

		tcp_conns_send(conns);
		if (poll(&wait, 1, 10) == 0)
			continue;
		ret = recv(fd, data + len, size - len, MSG_DONTWAIT);
		assert_true(ret >= 0);
		len += ret;
	}
	close(fd);
	return len;
}

/* Writes until the connection takes no more. Returns how many bytes. */
static size_t fill(int handle)
{
	size_t size = 0;

	for (; sent(handle) == size; size += sizeof(block))
		assert_int_equal(write_log(handle, block, sizeof(block)), 0);
	return size;
}

/* Then writes so much more that the kernel's buffers can't take it all, even if they grow. */
static void fill_up(int handle)
{
	int i;

	fill(handle);
	for (i = 0; i < TCP_CONN_KEPT_MAX / MB - 1; i++)
		assert_int_equal(write_log(handle, block, sizeof(block)), 0);
}

static void check_blocks(const char *data, size_t size)
{
	size_t i;

	assert_int_equal(size % sizeof(block), 0);
	for (i = 0; i < size; i += sizeof(block))
		assert_memory_equal(data + i, block, sizeof(block));
}

static void one_connection(void **state)
{
	int first = ask(1, RL_LOG_OPENED, 0), second = ask(2, RL_LOG_OPENED, 0);
	int one = accept_log(), two = accept_log();
	char text[100];

	assert_int_equal(write_log(first, "first\n", 6), 0);
	assert_int_equal(write_log(second, "other\n", 6), 0);
	assert_int_equal(write_log(first, "second\n", 7), 0);
	assert_int_equal(sent(first), 13);
	end_log(first);
	end_log(second);
	assert_int_equal(read_all(one, text, sizeof(text)), 13);
	assert_memory_equal(text, "first\nsecond\n", 13);
	assert_int_equal(read_all(two, text, sizeof(text)), 6);
	assert_memory_equal(text, "other\n", 6);
	assert_int_equal(tcp_conns_finish(conns, 0), 0);
}

static void refused(void **state)
{
	close(listener);
	listener = listen_at(AF_INET, -1);
	assert_true(listener >= 0);
	assert_int_equal(ask(1, RL_LOG_CREATE_FAILED, ECONNREFUSED), -ENOENT);
	assert_int_equal(tcp_conns_finish(conns, 0), 0);
}

static void ipv6(void **state)
{
	int handle, fd = listen_at(AF_INET6, 16);
	char text[100];

	if (fd < 0) {
		print_message("no IPv6 here: %s\n", strerror(-fd));
		skip();
	}
	close(listener);
	listener = fd;
	handle = ask(1, RL_LOG_OPENED, 0);
	fd = accept_log();
	assert_int_equal(write_log(handle, "six", 3), 0);
	end_log(handle);
	assert_int_equal(read_all(fd, text, sizeof(text)), 3);
}

/* Names are looked up by tcp_conns_resolve() only, never when a log is created. */
static void names(void **state)
{
	struct str error = {0};

	snprintf(target, sizeof(target), "localhost:1");
	ask(1, RL_LOG_CREATE_FAILED, EDESTADDRREQ);
	assert_int_equal(tcp_conns_resolve(conns, target, &error), 0);
	assert_string_equal(str_text(&error), "");
	ask(1, RL_LOG_CREATE_FAILED, ECONNREFUSED); /* nothing listens on tcpmux's port */
	assert_int_equal(tcp_conns_resolve(conns, "..:1", &error), -EINVAL);
	assert_non_null(strstr(str_text(&error), "looking up ..: "));
	str_free(&error);
	assert_int_equal(tcp_conns_resolve(conns, "host", &error), -EINVAL);
	assert_string_equal(str_text(&error), "not HOST:PORT: host");
	str_free(&error);
}

/* What the other end does not take yet is kept, and arrives in order. */
static void kept(void **state)
{
	int handle = ask(1, RL_LOG_OPENED, 0), fd = accept_log();
	size_t size = fill(handle);
	char *data = malloc(64 * MB);

	assert_true(size < 60 * MB);
	assert_int_equal(write_log(handle, block, sizeof(block)), 0);
	size += sizeof(block);
	end_log(handle);
	assert_int_equal(read_all(fd, data, 64 * MB), size);
	check_blocks(data, size);
	free(data);
	assert_int_equal(tcp_conns_finish(conns, 0), 0);
}

/* A connection whose other end takes nothing is given up; the others are not affected. */
static void too_much_kept(void **state)
{
	int slow = ask(1, RL_LOG_OPENED, 0), slow_fd = accept_log();
	int good = ask(2, RL_LOG_OPENED, 0), good_fd = accept_log();
	size_t size = fill(slow), taken;
	char text[100], *data = malloc(64 * MB);
	int ret;

	while ((ret = write_log(slow, block, sizeof(block))) == 0)
		size += sizeof(block);
	assert_int_equal(ret, -ENOBUFS);
	taken = sent(slow);
	assert_true(size - taken <= TCP_CONN_KEPT_MAX);
	assert_true(size - taken > TCP_CONN_KEPT_MAX - 2 * sizeof(block));
	assert_int_equal(write_log(slow, "x", 1), -ENOBUFS); /* it stays disconnected */
	end_log(slow);
	assert_int_equal(write_log(good, "good", 4), 0);
	end_log(good);
	assert_int_equal(read_all(good_fd, text, sizeof(text)), 4);
	assert_int_equal(read_all(slow_fd, data, 64 * MB), taken);
	free(data);
	assert_int_equal(tcp_conns_finish(conns, 0), 0); /* write() has returned the error */
}

/* There is a limit for all connections together, too. */
static void too_much_kept_together(void **state)
{
	int handles[40], fds[40], i, ret = 0;
	size_t total = 0;

	for (i = 0; i < 40 && ret == 0; i++) {
		handles[i] = ask(i, RL_LOG_OPENED, 0);
		fds[i] = accept_log();
		total -= sent(handles[i]);
		total += fill(handles[i]);
		while (ret == 0 && total < (size_t)(i + 1) * 3 * MB) {
			ret = write_log(handles[i], block, sizeof(block));
			total += ret ? 0 : sizeof(block);
		}
		if (ret == 0)
			total -= sent(handles[i]);
	}
	assert_int_equal(ret, -ENOBUFS);
	while (--i >= 0) {
		end_log(handles[i]);
		close(fds[i]);
	}
}

/* The other end hangs up: write() returns an error, and there is no SIGPIPE. */
static void hung_up(void **state)
{
	int handle = ask(1, RL_LOG_OPENED, 0), ret = 0;
	int64_t until = clock_now_ms() + 10000;

	close(accept_log());
	while (ret == 0 && clock_now_ms() < until)
		ret = write_log(handle, "x", 1);
	assert_true(ret == -EPIPE || ret == -ECONNRESET);
	end_log(handle);
	assert_int_equal(tcp_conns_finish(conns, 0), 0);
}

/* A log's end that is lost after the log was closed is counted. */
static void hung_up_at_the_end(void **state)
{
	int handle = ask(1, RL_LOG_OPENED, 0), fd = accept_log();

	fill_up(handle);
	end_log(handle);
	close(fd); /* with unread bytes: a reset */
	assert_int_equal(tcp_conns_finish(conns, 2000), 1);
}

/* The wait at the end is bounded; connections with unsent bytes are counted then. */
static void never_taken(void **state)
{
	int handle = ask(1, RL_LOG_OPENED, 0), fd = accept_log();
	int64_t begin = clock_now_ms();

	fill_up(handle);
	end_log(handle);
	assert_int_equal(tcp_conns_finish(conns, 300), 1);
	assert_int_in_range(clock_now_ms() - begin, 300, 5000);
	close(fd);
}

/* The other end does not accept yet: what is written meanwhile arrives later. */
static void in_progress(void **state)
{
	int handles[3], fds[3], i;
	char text[100];

	close(listener);
	listener =
		listen_at(AF_INET, 0); /* one waits to be accepted, the next one's SYN is dropped */
	for (i = 0; i < 3; i++) {
		handles[i] = ask(i, RL_LOG_OPENED, 0);
		assert_int_equal(write_log(handles[i], "hello", 5), 0);
	}
	assert_int_equal(sent(handles[0]), 5);
	assert_int_equal(sent(handles[2]), 0);
	for (i = 0; i < 3; i++)
		end_log(handles[i]);
	for (i = 0; i < 3; i++) {
		fds[i] = accept_log();
		assert_int_equal(read_all(fds[i], text, sizeof(text)), 5);
	}
	assert_int_equal(tcp_conns_finish(conns, 0), 0);
}

/* The descriptor becomes readable when there is something to send. */
static void wakes(void **state)
{
	int handle = ask(1, RL_LOG_OPENED, 0), fd = accept_log();
	struct pollfd wait = {.fd = tcp_conns_fd(conns), .events = POLLIN};
	int64_t until = clock_now_ms() + 10000;
	char data[4096];

	assert_int_equal(poll(&wait, 1, 0), 0);
	fill(handle);
	assert_int_equal(poll(&wait, 1, 0), 0);
	while (poll(&wait, 1, 0) == 0 && clock_now_ms() < until)
		recv(fd, data, sizeof(data), MSG_DONTWAIT);
	assert_int_equal(poll(&wait, 1, 0), 1);
	close(fd);
	end_log(handle);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_connection),
		TEST(refused),
		TEST(ipv6),
		TEST(names),
		TEST(kept),
		TEST(too_much_kept),
		TEST(too_much_kept_together),
		TEST(hung_up),
		TEST(hung_up_at_the_end),
		TEST(never_taken),
		TEST(in_progress),
		TEST(wakes),
	};

	return cmocka_run_group_tests_name("sink_tcp", tests, NULL, NULL);
}
