// SPDX-License-Identifier: MIT
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "dovecot/doveadm.h"

/* What both say, and the sessions that follow from it, each in a line. */
static void expect(const char *who, const char *const users[], const char *service,
		   const char *sessions)
{
	struct doveadm_list list = {0};
	struct str text = {0};
	char *said = mem_strdup(who), *user;
	size_t i;

	assert_int_equal(doveadm_who_parse(said, &list), 0);
	for (; *users; users++) {
		user = mem_strdup(*users);
		doveadm_user_parse(user, service_find(service), &list);
		free(user);
	}
	for (i = 0; i < list.count; i++) {
		doveadm_session_text(&list, &list.all[i], &text);
		str_append_text(&text, "\n");
	}
	assert_string_equal(str_text(&text), sessions);
	doveadm_list_free(&list);
	str_free(&text);
	free(said);
}

#define WHO_2_3 "username\tproto\tpid\tip\n"

/* Two sessions of one user; one of whom userdb says nothing; the same user's of another service. */
static void both_releases(void **state)
{
	static const char *const users[] = {"\nuserdb: ann\n  user      : ann\n"
					    "  uid       : 5000\n  home      : /home/a: b\n"
					    "  nologin\n\nuserdb: joe\n  user      : joe\n"
					    "\nuserdb lookup: user nobody doesn't exist\n",
					    NULL};

	expect(WHO_2_3 "joe\timap\t12\t192.0.2.1\nann\timap\t10\t\nann\timap\t11\t::1\n"
		       "ann\tpop3\t13\t::1\n",
	       users, "imap",
	       "10\t\tann\tuid=5000\thome=/home/a: b\tnologin\n"
	       "11\t::1\tann\tuid=5000\thome=/home/a: b\tnologin\n"
	       "12\t192.0.2.1\tjoe\n13\t::1\tann\n");
	expect("username\tservice\tpid\tip\tdest_ip\njoe\timap\t12\t192.0.2.1\t\n", users, "imap",
	       "12\t192.0.2.1\tjoe\n");
}

/* Whatever userdb says can't be taken for more fields than it has. */
static void values_are_escaped(void **state)
{
	static const char *const users[] = {"userdb: ann\n  a         : b\tuid=0\001\n", NULL};

	expect(WHO_2_3 "ann\timap\t12\t\n", users, "imap", "12\t\tann\ta=b\001tuid=0\0011\n");
}

/* A value of joe's that looks like another user: which of both is true can't be known. */
static void a_line_end_in_a_value(void **state)
{
	static const char *const users[] = {"userdb: joe\n  home : /x\nuserdb: ann\n  uid : 0\n"
					    "\nuserdb: ann\n  uid : 5000\n",
					    NULL};

	expect(WHO_2_3 "ann\timap\t12\t\njoe\timap\t13\t\n", users, "imap",
	       "12\t\tann\n13\t\tjoe\thome=/x\n");
}

/* No fields for somebody who has no session, of another service, or before any name. */
static void others(void **state)
{
	static const char *const users[] = {"  uid : 1\nuserdb: joe\n  uid : 2\n", NULL},
				 *const none[] = {"", NULL};

	expect(WHO_2_3 "ann\timap\t12\t\n", users, "imap", "12\t\tann\n");
	expect(WHO_2_3 "joe\timap\t12\t\n", users, "pop3", "12\t\tjoe\n");
	expect(WHO_2_3, users, "imap", "");
	expect(WHO_2_3 "short\timap\n\tlmtp\t1\t\nx\tlmtp\t1\t\n\timap\t1\t\n\n", none, "imap", "");
}

static void no_answer(void **state)
{
	static const char *const texts[] = {
		"", "\n", "username\n", "username\tpid\tip\n", "proto\tpid\tip\n", "Error: x\n"};
	struct doveadm_list list = {0};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *text = mem_strdup(texts[i]);

		assert_int_equal(doveadm_who_parse(text, &list), -EINVAL);
		assert_int_equal(list.count, 0);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_releases),
		cmocka_unit_test(values_are_escaped),
		cmocka_unit_test(a_line_end_in_a_value),
		cmocka_unit_test(others),
		cmocka_unit_test(no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
