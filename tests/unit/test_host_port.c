// SPDX-License-Identifier: MIT
#include "unit.h"

#include <errno.h>

#include "dovecot/host_port.h"

struct example {
	const char *text, *host; /* host NULL: refused */
	uint16_t port;
};

static void split(void **state)
{
	static const struct example examples[] = {
		{"127.0.0.1:4000", "127.0.0.1", 4000},
		{"log.example.org:1", "log.example.org", 1},
		{"[::1]:65535", "::1", 65535},
		{"[127.0.0.1]:4000", "127.0.0.1", 4000},
		{":4000", "", 4000},
		{"[]:4000", "", 4000},
		{"h:007", "h", 7},
		{"", NULL, 0},
		{"h", NULL, 0},
		{"h:", NULL, 0},
		{"h:0", NULL, 0},
		{"h:65536", NULL, 0},
		{"h:99999999999999999999", NULL, 0},
		{"h:-1", NULL, 0},
		{"h:+1", NULL, 0},
		{"h: 1", NULL, 0},
		{"h:1 ", NULL, 0},
		{"h:imap", NULL, 0},
		{"::1", NULL, 0},
		{"::1:4000", NULL, 0},
		{"h:1:2", NULL, 0},
		{"[::1", NULL, 0},
		{"[::1]", NULL, 0},
		{"[::1]4000", NULL, 0},
		{"[::1]:", NULL, 0},
		{"x[::1]:4000", NULL, 0},
	};
	unsigned int i;

	for (i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *example = &examples[i];
		struct str host = {0};
		uint16_t port = 0;
		int ret = host_port_split(example->text, &host, &port);

		assert_int_equal(ret, example->host ? 0 : -EINVAL);
		if (example->host) {
			assert_string_equal(str_text(&host), example->host);
			assert_int_equal(port, example->port);
		}
		str_free(&host);
	}
}

/* Whatever is not tcp:HOST:PORT is taken for a directory, without an error. */
static void of_dir(void **state)
{
	static const char *const directories[] = {
		"",	     "/var/log",       "tcp",	       "tcp:",	     "tcp:host", "tcp:/h:1",
		"tcp:h/x:1", "TCP:h:1",	       " tcp:h:1",     "tcp:h:imap", "tcp:h:0",	 "tcp:h:1/",
		"tcp:::1",   "tcp:fe80::1:25", "tcp:[::1]:x1", "unix:h:1",
	};
	unsigned int i;

	assert_string_equal(host_port_of_dir("tcp:127.0.0.1:4000"), "127.0.0.1:4000");
	assert_string_equal(host_port_of_dir("tcp:[::1]:4000"), "[::1]:4000");
	assert_string_equal(host_port_of_dir("tcp::4000"), ":4000");
	for (i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		assert_null(host_port_of_dir(directories[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split),
		cmocka_unit_test(of_dir),
	};

	return cmocka_run_group_tests_name("host_port", tests, NULL, NULL);
}
