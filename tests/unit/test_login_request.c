// SPDX-License-Identifier: MIT
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "guard.h"
#include "dovecot/login_request.h"

/* As a 2.3.19.1 imap-login sent it: 127.0.0.1, port 45266 to 43365, secured. */
static const char request[] = "\x01\0\0\0\x9f\x69\0\0"		 /* tag, auth_pid */
			      "\x01\0\0\0\x9d\x69\0\0"		 /* auth_id, client_pid */
			      "\x6b\xc7\x3c\x97\x33\x7d\x43\x57" /* cookie */
			      "\x23\xa1\xe6\x23\xcd\x41\x3f\x29"
			      "\x02\0\0\0\x7f\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0" /* local_ip */
			      "\x02\0\0\0\x7f\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0" /* remote_ip */
			      "\x65\xa9\xd2\xb0\x02\0\0\0" /* local_port, remote_port, flags */
			      "\x26\0\0\0\0\0\0\0"	   /* data_size */
			      "\x5b\xcb\0\0\0\0\0\0";	   /* ino */
#define REQUEST_LEN (sizeof(request) - 1)
static const char imap_data[] = "YysPcd9g0rB/AAAB\0"
				"0a1\0"
				"a2 SELECT INBOX\r\n";
static const char pop3_data[] = "3Hs1cd9gZtR/AAAB\0"
				"STAT\r\n";

static int parse(const void *data, size_t len, struct login_request *login_r)
{
	void *guarded = guard_dup(data, len);
	int ret = login_request_parse(&login_layout_2_3, guarded, len, login_r);

	guard_free(guarded, len);
	return ret;
}

/* Parses the request with a field changed. */
static int parse_with(size_t offset, const void *value, size_t size, struct login_request *login_r)
{
	unsigned char changed[REQUEST_LEN];

	memcpy(changed, request, sizeof(changed));
	memcpy(changed + offset, value, size);
	return login_request_parse(&login_layout_2_3, changed, sizeof(changed), login_r);
}

static void fields(void **state)
{
	struct login_request login;
	char text[IP_TEXT_LEN];

	assert_int_equal(parse(request, REQUEST_LEN, &login), 0);
	assert_int_equal(login.auth_id, 1);
	assert_int_equal(login.client_pid, 27037);
	assert_memory_equal(login.cookie,
			    "\x6b\xc7\x3c\x97\x33\x7d\x43\x57"
			    "\x23\xa1\xe6\x23\xcd\x41\x3f\x29",
			    LOGIN_COOKIE_LEN);
	assert_int_equal(login.addresses.local_port, 43365);
	assert_int_equal(login.addresses.remote_port, 45266);
	assert_false(login.multiplex);
	assert_int_equal(login.data_size, sizeof(imap_data) - 1);
	assert_int_equal(login.ino, 52059);
	ip_addr_text(&login.addresses.local, text);
	assert_string_equal(text, "127.0.0.1");
	ip_addr_text(&login.addresses.remote, text);
	assert_string_equal(text, "127.0.0.1");
}

/* Each field is read from its own bytes and no others. `remote`, `ports`: where they are; what is
 * before and behind is at the same place, or as far from there. */
static void check_apart(const struct login_layout *layout, size_t remote, size_t ports)
{
	unsigned char data[128];
	const uint16_t inet = AF_INET, inet6 = AF_INET6;
	const uint32_t data_size = 1218;
	struct login_request login;
	size_t i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = i;
	memcpy(data + 32, &inet6, sizeof(inet6));
	memcpy(data + remote, &inet, sizeof(inet));
	memcpy(data + ports + 8, &data_size, sizeof(data_size));
	assert_int_equal(layout->size, ports + 24);
	assert_int_equal(login_request_parse(layout, data, layout->size, &login), 0);
	assert_memory_equal(&login.tag, data, 4);
	assert_memory_equal(&login.auth_id, data + 8, 4);
	assert_memory_equal(&login.client_pid, data + 12, 4);
	assert_memory_equal(login.cookie, data + 16, 16);
	assert_int_equal(login.addresses.local.family, AF_INET6);
	assert_memory_equal(login.addresses.local.addr, data + 36, 16);
	assert_int_equal(login.addresses.remote.family, AF_INET);
	assert_memory_equal(login.addresses.remote.addr, data + remote + 4, 4);
	assert_memory_equal(login.addresses.remote.addr + 4, "\0\0\0\0\0\0\0\0\0\0\0", 12);
	assert_memory_equal(&login.addresses.local_port, data + ports, 2);
	assert_memory_equal(&login.addresses.remote_port, data + ports + 2, 2);
	assert_int_equal(login.data_size, 1218);
	assert_memory_equal(&login.ino, data + ports + 16, 8);
}

static void fields_apart(void **state)
{
	check_apart(&login_layout_2_3, 52, 72);
	check_apart(&login_layout_2_4, 56, 80);
}

/* 2.4 alone has such a flag. */
static void multiplexed(void **state)
{
	const uint32_t all = UINT32_MAX, others = ~UINT32_C(16), flag = 16;
	unsigned char data[104] = {0};
	struct login_request login;

	assert_int_equal(parse_with(76, &all, sizeof(all), &login), 0);
	assert_false(login.multiplex);
	memcpy(data + 84, &others, sizeof(others));
	assert_int_equal(login_request_parse(&login_layout_2_4, data, sizeof(data), &login), 0);
	assert_false(login.multiplex);
	memcpy(data + 84, &flag, sizeof(flag));
	assert_int_equal(login_request_parse(&login_layout_2_4, data, sizeof(data), &login), 0);
	assert_true(login.multiplex);
}

static void other_sizes(void **state)
{
	unsigned char data[2 * REQUEST_LEN] = {0};
	struct login_request login;
	size_t len;

	memcpy(data, request, REQUEST_LEN);
	for (len = 0; len < sizeof(data); len++)
		assert_int_equal(parse(data, len, &login), len == REQUEST_LEN ? 0 : -EINVAL);
}

static void data_sizes(void **state)
{
	const uint32_t none = 0, most = 1218, too_many = 1219, all = UINT32_MAX;
	struct login_request login;

	assert_int_equal(parse_with(80, &none, 4, &login), 0);
	assert_int_equal(login.data_size, 0);
	assert_int_equal(parse_with(80, &most, 4, &login), 0);
	assert_int_equal(login.data_size, 1218);
	assert_int_equal(parse_with(80, &too_many, 4, &login), -EINVAL);
	assert_int_equal(parse_with(80, &all, 4, &login), -EINVAL);
}

static void families(void **state)
{
	struct login_request login;
	unsigned int family;

	for (family = 0; family <= UINT16_MAX; family++) {
		const uint16_t value = family;
		const int ret =
			family == 0 || family == AF_INET || family == AF_INET6 ? 0 : -EINVAL;

		assert_int_equal(parse_with(32, &value, sizeof(value), &login), ret);
		assert_int_equal(parse_with(52, &value, sizeof(value), &login), ret);
	}
}

static void ip_texts(void **state)
{
	static const struct {
		struct ip_addr ip;
		const char *text;
	} cases[] = {
		{{0, {1, 2, 3, 4}}, ""},
		{{AF_UNIX, {1, 2, 3, 4}}, ""},
		{{AF_INET, {0}}, "0.0.0.0"},
		{{AF_INET, {192, 0, 2, 7, 9, 9}}, "192.0.2.7"},
		{{AF_INET6, {0}}, "::"},
		{{AF_INET6, {0x20, 0x01, 0x0d, 0xb8, [15] = 1}}, "2001:db8::1"},
		{{AF_INET6, {[10] = 0xff, 0xff, 192, 0, 2, 7}}, "::ffff:192.0.2.7"},
		{{AF_INET6,
		  {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		   0xff, 0xff, 0xff}},
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	char text[IP_TEXT_LEN];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ip_addr_text(&cases[i].ip, text);
		assert_string_equal(text, cases[i].text);
	}
}

static int parse_data(const void *data, size_t len, unsigned int prefix_strings,
		      char session_r[SESSION_ID_LEN], size_t *input_offset_r, size_t *input_len_r)
{
	unsigned char *guarded = guard_dup(data, len);
	const unsigned char *input = NULL;
	int ret = login_request_data_parse(guarded, len, prefix_strings, session_r, &input,
					   input_len_r);

	if (ret == 0) {
		*input_offset_r = input - guarded;
		assert_int_equal(*input_offset_r + *input_len_r, len);
	}
	guard_free(guarded, len);
	return ret;
}

static void data_parts(void **state)
{
	char session[SESSION_ID_LEN];
	size_t offset, len;

	assert_int_equal(parse_data(BYTES(imap_data), 1, session, &offset, &len), 0);
	assert_string_equal(session, "YysPcd9g0rB/AAAB");
	assert_int_equal(offset, 21);
	assert_int_equal(len, strlen("a2 SELECT INBOX\r\n"));

	assert_int_equal(parse_data(BYTES(pop3_data), 0, session, &offset, &len), 0);
	assert_string_equal(session, "3Hs1cd9gZtR/AAAB");
	assert_int_equal(offset, 17);
	assert_int_equal(len, strlen("STAT\r\n"));

	/* submission has two strings of its own; NULs in the input are the client's. */
	assert_int_equal(parse_data(BYTES("id\0helo\0\0\0in\0"), 2, session, &offset, &len), 0);
	assert_int_equal(offset, 9);
	assert_int_equal(len, 4);

	assert_int_equal(parse_data(BYTES("\0"), 0, session, &offset, &len), 0);
	assert_string_equal(session, "");
	assert_int_equal(len, 0);
	assert_int_equal(login_request_data_parse(NULL, 0, 0, session, NULL, NULL), -EINVAL);
}

static void data_truncated(void **state)
{
	const size_t size = sizeof(imap_data) - 1;
	const size_t whole[] = {17, 21}; /* what is needed, by the number of prefix strings */
	char session[SESSION_ID_LEN];
	size_t len, offset, input_len;
	unsigned int strings;

	for (strings = 0; strings < 3; strings++)
		for (len = 0; len <= size; len++) {
			int ret = parse_data(imap_data, len, strings, session, &offset, &input_len);

			if (strings == 2 || len < whole[strings]) {
				assert_int_equal(ret, -EINVAL);
				continue;
			}
			assert_int_equal(ret, 0);
			assert_string_equal(session, "YysPcd9g0rB/AAAB");
			assert_int_equal(offset, whole[strings]);
		}
}

static void long_sessions(void **state)
{
	char session[SESSION_ID_LEN], data[LOGIN_DATA_MAX];
	size_t len, offset, input_len;

	for (len = 0; len < sizeof(data); len++) {
		memset(data, 's', len);
		data[len] = '\0';
		assert_int_equal(parse_data(data, len + 1, 0, session, &offset, &input_len), 0);
		assert_int_equal(strlen(session), len < SESSION_ID_LEN ? len : SESSION_ID_LEN - 1);
		assert_int_equal(offset, len + 1);
	}
}

static struct login_reply reply_of(const char *bytes, size_t len)
{
	struct login_reply reply;
	void *guarded = guard_dup(bytes, len);

	assert_int_equal(len, LOGIN_REPLY_LEN);
	login_reply_parse(guarded, &reply);
	guard_free(guarded, len);
	return reply;
}

/* As a 2.3.19.1 imap answered the request above: its tag, the status, its pid. */
static void replies(void **state)
{
	struct login_reply reply = reply_of(BYTES("\x01\0\0\0\0\0\0\0\xa2\x69\0\0"));
	struct login_request login;

	assert_int_equal(parse(request, REQUEST_LEN, &login), 0);
	assert_int_equal(reply.tag, login.tag);
	assert_true(reply.ok);
	/* MASTER_AUTH_STATUS_INTERNAL_ERROR, and a status that no version sends */
	assert_false(reply_of(BYTES("\x01\0\0\0\x01\0\0\0\0\0\0\0")).ok);
	assert_false(reply_of(BYTES("\x01\0\0\0\0\0\0\x80\0\0\0\0")).ok);
	reply = reply_of(BYTES("\x04\x03\x02\x01\0\0\0\0\xff\xff\xff\xff"));
	assert_int_equal(reply.tag, 0x01020304);
	assert_true(reply.ok);
}

/* A reply belongs to the request with the same tag: all 32 bits count. */
static void tags(void **state)
{
	static const uint32_t values[] = {0, 1, 0x80000000, UINT32_MAX};
	struct login_request login;
	unsigned int i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_int_equal(parse_with(0, &values[i], sizeof(values[i]), &login), 0);
		assert_int_equal(login.tag, values[i]);
		assert_int_equal(login.auth_id, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),	  cmocka_unit_test(multiplexed),
		cmocka_unit_test(fields_apart),	  cmocka_unit_test(other_sizes),
		cmocka_unit_test(data_sizes),	  cmocka_unit_test(families),
		cmocka_unit_test(ip_texts),	  cmocka_unit_test(data_parts),
		cmocka_unit_test(data_truncated), cmocka_unit_test(long_sessions),
		cmocka_unit_test(replies),	  cmocka_unit_test(tags),
	};

	return cmocka_run_group_tests_name("login_request", tests, NULL, NULL);
}
