// SPDX-License-Identifier: MIT
/* Messages to a service manager, over real sockets. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "host/notify_socket.h"

#define PATH_MAX_LEN 107 /* of an AF_UNIX address, without its NUL */

static char folder[] = "/tmp/rawtap-unit-XXXXXX";

static int setup(void **state)
{
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	unsetenv("NOTIFY_SOCKET");
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static int init(const char *address, struct notify_socket *manager_r)
{
	int ret;

	if (address)
		setenv("NOTIFY_SOCKET", address, 1);
	else
		unsetenv("NOTIFY_SOCKET");
	memset(manager_r, 0xff, sizeof(*manager_r));
	ret = notify_socket_init(manager_r);
	assert_null(getenv("NOTIFY_SOCKET")); /* no child inherits it */
	return ret;
}

/* Fills up `text` to this length. */
static const char *lengthen(const char *begin, size_t len)
{
	static char text[256];

	memset(text, 'x', len);
	memcpy(text, begin, strlen(begin));
	text[len] = '\0';
	return text;
}

static void test_nobody(void **state)
{
	const struct {
		const char *address;
		int expect;
	} examples[] = {
		{NULL, 0},
		{"", -EINVAL},
		{"@", -EINVAL},
		{"/", -EINVAL},
		{"relative/path", -EINVAL},
		{"vsock:2:1234", -EINVAL},
		{lengthen("/", PATH_MAX_LEN + 1), -ENAMETOOLONG},
	};
	struct notify_socket manager;
	unsigned int i;

	for (i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		assert_int_equal(init(examples[i].address, &manager), examples[i].expect);
		assert_int_equal(notify_socket_send(&manager, "READY=1"), 0);
	}
	assert_int_equal(init(lengthen("@", PATH_MAX_LEN + 1), &manager), -ENAMETOOLONG);
	assert_int_equal(notify_socket_send(&manager, "READY=1"), 0);
}

/* A service manager's socket at this address, as in the variable. */
static int listen_at(const char *text)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, text, strlen(text));
	if (text[0] == '@')
		address.sun_path[0] = '\0';
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address,
			      offsetof(struct sockaddr_un, sun_path) + strlen(text)),
			 0);
	return fd;
}

static void check_datagram(int listener, const char *expect)
{
	char text[256];
	ssize_t len = recv(listener, text, sizeof(text), 0);

	assert_int_equal(len, strlen(expect));
	assert_memory_equal(text, expect, len);
}

static void check_messages(const char *address)
{
	int listener = listen_at(address);
	struct notify_socket manager;

	assert_int_equal(init(address, &manager), 0);
	assert_int_equal(notify_socket_send(&manager, "READY=1\nSTATUS=recording"), 0);
	assert_int_equal(notify_socket_send(&manager, "STOPPING=1"), 0);
	check_datagram(listener, "READY=1\nSTATUS=recording");
	check_datagram(listener, "STOPPING=1");
	assert_int_equal(recv(listener, &(char){0}, 1, 0), -1);
	close(listener);
}

static void test_addresses(void **state)
{
	char address[128];

	snprintf(address, sizeof(address), "%s/notify", folder);
	check_messages(address);
	snprintf(address, sizeof(address), "@%s/notify", folder);
	check_messages(address);
	/* the longest */
	snprintf(address, sizeof(address), "%s/", folder);
	check_messages(lengthen(address, PATH_MAX_LEN));
	snprintf(address, sizeof(address), "@%s/", folder);
	check_messages(lengthen(address, PATH_MAX_LEN));
}

static void test_unreachable(void **state)
{
	struct notify_socket manager;
	char address[128];

	snprintf(address, sizeof(address), "%s/none", folder);
	assert_int_equal(init(address, &manager), 0);
	assert_int_equal(notify_socket_send(&manager, "READY=1"), -ENOENT);
	snprintf(address, sizeof(address), "%s/closed", folder);
	close(listen_at(address));
	assert_int_equal(init(address, &manager), 0);
	assert_int_equal(notify_socket_send(&manager, "READY=1"), -ECONNREFUSED);
}

/* A service manager that reads nothing does not block us. */
static void test_full(void **state)
{
	struct notify_socket manager;
	char address[128];
	time_t begin;
	int listener, ret = 0, count;

	snprintf(address, sizeof(address), "%s/notify", folder);
	listener = listen_at(address);
	assert_int_equal(init(address, &manager), 0);
	begin = time(NULL);
	for (count = 0; ret == 0 && count < 100000; count++)
		ret = notify_socket_send(&manager, "READY=1");
	assert_int_equal(ret, -EAGAIN);
	assert_int_in_range(time(NULL) - begin, 0, 30);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreachable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
