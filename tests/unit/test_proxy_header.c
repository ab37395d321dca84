// SPDX-License-Identifier: MIT
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "dovecot/proxy_header.h"

#define V2   "\r\n\r\n\0\r\nQUIT\n"
#define IPV4 "\xc0\0\2\7\xc6\x33\x64\1\xc7\x38\x03\xe1" /* 192.0.2.7:51000 to 198.51.100.1:993 */
#define IPV6                                                                                       \
	"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7"                                                   \
	"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\xc7\x38\x03\xe1"
#define ALPN	"\1\0\4imap"
#define SSL_TLV "\x20\0\x0d\1\0\0\0\0\x21\0\5TLSv1"
#define SSL_CUT "\x20\0\x0d\1\0\0\0\0\x21\0\6TLSv1"
#define V1_REST " 192.0.2.7 198.51.100.1 51000 993"

#define HOST(len, name) "\2\0" len name

/* All tests are for both. */
static const struct proxy_rules *rules;
static struct proxy_header proxy;

static int parse(const void *data, size_t len)
{
	void *guarded = guard_dup(data, len);
	int ret;

	memset(&proxy, 0xff, sizeof(proxy));
	ret = proxy_header_parse(rules, guarded, len, &proxy);
	guard_free(guarded, len);
	return ret;
}

/* It is a header, also with bytes after it; cut anywhere, more bytes are needed. */
static void is_header(const char *data, size_t len)
{
	char more[PROXY_HEADER_V2_MAX + 10];
	size_t part;

	assert_int_equal(parse(data, len), len);
	memcpy(more, data, len);
	memcpy(more + len, "a1 LOGIN\r\n", 10);
	assert_int_equal(parse(more, len + 10), len);
	for (part = 0; part < len; part++)
		assert_int_equal(parse(data, part), -EAGAIN);
	assert_int_equal(parse(data, len), len);
}

static void has_addresses(const char *remote, const char *local)
{
	char text[IP_TEXT_LEN];

	assert_true(proxy.has_addresses);
	ip_addr_text(&proxy.addresses.remote, text);
	assert_string_equal(text, remote);
	ip_addr_text(&proxy.addresses.local, text);
	assert_string_equal(text, local);
	assert_int_equal(proxy.addresses.remote_port, 51000);
	assert_int_equal(proxy.addresses.local_port, 993);
}

static void version_1(void **state)
{
	static const struct ip_addr ip = {.family = AF_INET, .addr = {192, 0, 2, 7}};

	is_header(BYTES("PROXY TCP4" V1_REST "\r\n"));
	has_addresses("192.0.2.7", "198.51.100.1");
	assert_memory_equal(&proxy.addresses.remote, &ip, sizeof(ip));
	is_header(BYTES("PROXY TCP6 2001:db8::7 2001:db8::1 51000 993\r\n"));
	has_addresses("2001:db8::7", "2001:db8::1");
	is_header(BYTES("PROXY TCP6 [2001:db8::7] ::ffff:192.0.2.7 51000 993\r\n"));
	has_addresses("2001:db8::7", "::ffff:192.0.2.7");
	is_header(BYTES("PROXY UNKNOWN\r\n"));
	assert_false(proxy.has_addresses);
	is_header(BYTES("PROXY UNKNOWN ffff::1 x  99999\r\n"));
	is_header(BYTES("PROXY UNKNOWN\0\r\n"));
	assert_false(proxy.has_addresses);
}

/* Addresses are read as by net_addr2ip() of lib/net.c. */
static void version_1_addresses(void **state)
{
	is_header(BYTES("PROXY TCP4 3221225991 198.51.100.1 51000 993\r\n"));
	has_addresses("192.0.2.7", "198.51.100.1");
	is_header(BYTES("PROXY TCP4 192.000.002.010 0300.0.2.010 051000 00993\r\n"));
	has_addresses("192.0.2.10", "192.0.2.8");
	is_header(BYTES("PROXY TCP4 192.519 0xc0.0.0x0207 51000 993\r\n"));
	has_addresses("192.0.2.7", "192.0.2.7");
}

static void not_version_1(void **state)
{
	static const char *const lines[] = {
		"PROXY\r\n",
		"PROXY \r\n",
		"PROXYTCP4" V1_REST "\r\n",
		"proxy TCP4" V1_REST "\r\n",
		"PROXY  TCP4" V1_REST "\r\n",
		"PROXY tcp4" V1_REST "\r\n",
		"PROXY TCP5" V1_REST "\r\n",
		"PROXY UDP4" V1_REST "\r\n",
		"PROXY TCP4\r\n",
		"PROXY TCP6" V1_REST "\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 51000\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 51000 \r\n",
		"PROXY TCP4" V1_REST " \r\n",
		"PROXY TCP4" V1_REST " x\r\n",
		"PROXY TCP4 192.0.2.7  198.51.100.1 51000 993\r\n",
		"PROXY TCP4 192.0.2.7 2001:db8::1 51000 993\r\n",
		"PROXY TCP4 192.0.2.256 198.51.100.1 51000 993\r\n",
		"PROXY TCP4 192.0.2.7.1 198.51.100.1 51000 993\r\n",
		"PROXY TCP4 18446744073709551616 198.51.100.1 51000 993\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 0 993\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 51000 65536\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 51000 +993\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 51000 993x\r\n",
		"PROXY TCP6 [2001:db8::7 2001:db8::1 51000 993\r\n",
		"PROXY TCP6 2001:db8::g 2001:db8::1 51000 993\r\n",
		"PROXY TCP4" V1_REST "\r",
		"PROXY TCP4" V1_REST "\rx",
		"PROXY TCP4" V1_REST "\r\r\n",
		"a1 LOGIN PROXY\r\n",
		"\r\n\r\nx",
		"PROXIES\r\n",
	};
	unsigned int i;
	int ret;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		ret = parse(lines[i], strlen(lines[i]));
		if (lines[i][strlen(lines[i]) - 1] == '\r')
			assert_int_equal(ret, -EAGAIN);
		else if (ret)
			fail_msg("%s", lines[i]);
	}
}

/* Dovecot peeks at no more than 232 bytes. */
static void version_1_length(void **state)
{
	char line[PROXY_HEADER_V1_MAX + 2];
	int len;

	len = snprintf(line, sizeof(line), "PROXY UNKNOWN %*s\r\n", PROXY_HEADER_V1_MAX - 16, "");
	assert_int_equal(len, PROXY_HEADER_V1_MAX);
	is_header(line, len);
	len = snprintf(line, sizeof(line), "PROXY UNKNOWN %*s\r\n", PROXY_HEADER_V1_MAX - 15, "");
	assert_int_equal(parse(line, PROXY_HEADER_V1_MAX), 0);
	assert_int_equal(parse(line, len), 0);
	memset(line + 14, 'x', sizeof(line) - 14);
	assert_int_equal(parse(line, PROXY_HEADER_V1_MAX - 1), -EAGAIN);
	assert_int_equal(parse(line, PROXY_HEADER_V1_MAX), 0);
}

static void version_2(void **state)
{
	is_header(BYTES(V2 "\x21\x11\0\x0c" IPV4));
	has_addresses("192.0.2.7", "198.51.100.1");
	is_header(BYTES(V2 "\x21\x21\0\x24" IPV6));
	has_addresses("2001:db8::7", "2001:db8::1");
	is_header(BYTES(V2 "\x21\x11\0\x13" IPV4 ALPN));
	is_header(BYTES(V2 "\x21\x11\0\x23" IPV4 ALPN SSL_TLV));
	has_addresses("192.0.2.7", "198.51.100.1");
	is_header(BYTES(V2 "\x20\0\0\0"));
	assert_false(proxy.has_addresses);
	is_header(BYTES(V2 "\x20\x11\0\x0c" IPV4)); /* LOCAL: its addresses are ignored */
	assert_false(proxy.has_addresses);
	is_header(BYTES(V2 "\x20\xff\0\1x"));
	is_header(BYTES(V2 "\x21\1\0\0"));
	assert_false(proxy.has_addresses);
	is_header(BYTES(V2 "\x21\x31\0\7" ALPN));
	assert_false(proxy.has_addresses);
}

static void not_version_2(void **state)
{
	static const struct {
		const char *data;
		size_t len;
	} cases[] = {
		{BYTES(V2 "\x11\x11\0\x0c" IPV4)}, /* version */
		{BYTES(V2 "\x22\x11\0\x0c" IPV4)}, /* command */
		{BYTES(V2 "\x21\x12\0\x0c" IPV4)}, /* a datagram */
		{BYTES(V2 "\x21\x10\0\x0c" IPV4)}, /* neither stream nor datagram */
		{BYTES(V2 "\x21\x41\0\x0c" IPV4)}, /* family */
		{BYTES(V2 "\x21\x11\0\x0b" IPV4)}, /* too short */
		{BYTES(V2 "\x21\x21\0\x23" IPV6)},
		{BYTES(V2 "\x21\x11\0\x0e" IPV4 ALPN)},	   /* a TLV's head is cut */
		{BYTES(V2 "\x21\x11\0\x12" IPV4 ALPN)},	   /* a TLV is cut */
		{BYTES(V2 "\x21\x11\0\x1c" IPV4 SSL_CUT)}, /* a TLV in a TLV is cut */
		{BYTES(V2 "\x21\x11\0\x10" IPV4 "\x20\0\1x")},
		{BYTES(V2 "\x21\x31\0\7" IPV4)},   /* a unix address is no TLV */
		{BYTES(V2 "\x21\x11\5\xdd" IPV4)}, /* too long */
	};
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (parse(cases[i].data, cases[i].len))
			fail_msg("case %u", i);
}

static void version_2_length(void **state)
{
	char header[PROXY_HEADER_V2_MAX + 1] = V2 "\x21\x11\5\xcc" IPV4 "\xee\5\xbd";
	size_t more = rules->v2_max - 1500;

	header[15] += more;
	header[30] += more;
	is_header(header, rules->v2_max);
	header[15]++;
	assert_int_equal(parse(header, sizeof(header)), 0);
	assert_int_equal(parse(header, 16), 0);
}

/* The host name that the client asked for; what stands in a TLV of TLS is none. */
static void host_names(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		bool is_one;
	} cases[] = {
		{BYTES(V2 "\x21\x11\0\x1a" IPV4 HOST("\x0b", "example.org")), true},
		{BYTES(V2 "\x21\x11\0\x12" IPV4 HOST("\3", "A_:")), true},
		{BYTES(V2 "\x21\x11\0\x12" IPV4 HOST("\3", "a\0 ")), true},
		{BYTES(V2 "\x20\x11\0\x12" IPV4 HOST("\3", "a b")), true}, /* LOCAL */
		{BYTES(V2 "\x21\x11\0\x1a" IPV4 "\x20\0\x0b\1\0\0\0\0\2\0\3a b"), true},
		{BYTES(V2 "\x21\x11\0\x12" IPV4 HOST("\3", "a b")), false},
		{BYTES(V2 "\x21\x11\0\x13" IPV4 HOST("\4", "a..b")), false},
		{BYTES(V2 "\x21\x11\0\x0f" IPV4 HOST("\0", "")), false},
		{BYTES(V2 "\x21\x11\0\x10" IPV4 HOST("\1", "\0")), false},
		{BYTES(V2 "\x21\x11\0\x11" IPV4 HOST("\2", "\xc3\xa4")), false},
	};
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool takes = cases[i].is_one || !rules->checks_authority;

		if (parse(cases[i].data, cases[i].len) != (takes ? (int)cases[i].len : 0))
			fail_msg("case %u", i);
	}
}

static void long_host_names(void **state)
{
	char header[16 + 12 + 3 + 256] = V2 "\x21\x11\1\x0e" IPV4 "\2\0\xff";

	memset(header + 31, 'x', 256);
	assert_int_equal(parse(header, 16 + 12 + 3 + 255), 16 + 12 + 3 + 255);
	header[15]++;
	header[29]++;
	header[30]++;
	assert_int_equal(parse(header, sizeof(header)),
			 rules->checks_authority ? 0 : sizeof(header));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1),	    cmocka_unit_test(version_1_addresses),
		cmocka_unit_test(not_version_1),    cmocka_unit_test(version_1_length),
		cmocka_unit_test(version_2),	    cmocka_unit_test(not_version_2),
		cmocka_unit_test(version_2_length), cmocka_unit_test(host_names),
		cmocka_unit_test(long_host_names),
	};
	int failed;

	rules = &proxy_rules_2_3;
	failed = cmocka_run_group_tests_name("proxy_header, 2.3", tests, NULL, NULL);
	rules = &proxy_rules_2_4;
	failed += cmocka_run_group_tests_name("proxy_header, 2.4", tests, NULL, NULL);
	rules = &proxy_rules_2_4_5;
	return failed + cmocka_run_group_tests_name("proxy_header, 2.4.5", tests, NULL, NULL);
}
