// SPDX-License-Identifier: MIT
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "dovecot/service.h"

/* Each service is found by its name, and by what the kernel shows of that: 15 bytes. */
static void names(void **state)
{
	char comm[RL_COMM_LEN];
	unsigned int i, j;

	for (i = 0; i < services_count; i++) {
		strncpy(comm, services[i].name, sizeof(comm) - 1);
		comm[sizeof(comm) - 1] = '\0';
		assert_ptr_equal(service_find(services[i].name), &services[i]);
		assert_ptr_equal(service_find(comm), &services[i]);
		for (j = 0; j < i; j++) /* names differ in the first 15 bytes */
			assert_int_not_equal(strncmp(comm, services[j].name, RL_COMM_LEN - 1), 0);
		comm[0] ^= 1;
		assert_null(service_find(comm));
	}
	assert_ptr_equal(service_find("submission-logi"), service_find("submission-login"));
	assert_null(service_find(""));
	assert_null(service_find("ima"));
	assert_null(service_find("imaps"));
	assert_null(service_find("imap-hibernate"));
	assert_null(service_find("submission-log"));
	assert_null(service_find("managesieve"));
}

/* A mail process and the login process of the same protocol use the same socket, with the same number
 * of strings in a request. */
static void logins(void **state)
{
	static const char *const protocols[] = {"imap", "pop3", "submission"};
	char login[32];
	unsigned int i;

	for (i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		const struct service *mail = service_find(protocols[i]), *before;

		assert_true(snprintf(login, sizeof(login), "%s-login", protocols[i]) > 0);
		before = service_find(login);
		assert_non_null(before);
		assert_int_equal(mail->role, RL_ROLE_MAIL);
		assert_int_equal(before->role, RL_ROLE_LOGIN);
		assert_string_equal(mail->protocol, protocols[i]);
		assert_string_equal(before->protocol, protocols[i]);
		assert_string_equal(mail->login_suffix, before->login_suffix);
		assert_int_equal(mail->prefix_strings, before->prefix_strings);
		assert_false(before->tcp);
	}
	assert_true(service_find("imap")->tcp && service_find("pop3")->tcp);
	assert_false(service_find("submission")->tcp || service_find("lmtp")->tcp);
}

/* Which traffic each class of sockets carries. */
static void traffics(void **state)
{
	static const struct {
		const char *name;
		enum traffic client, relay;
	} expected[] = {
		{"dovecot", TRAFFIC_NONE, TRAFFIC_NONE},
		{"imap", TRAFFIC_MAIL, TRAFFIC_NONE},
		{"pop3", TRAFFIC_MAIL, TRAFFIC_NONE},
		{"submission", TRAFFIC_MAIL, TRAFFIC_RELAY},
		{"imap-login", TRAFFIC_LOGIN, TRAFFIC_NONE},
		{"pop3-login", TRAFFIC_LOGIN, TRAFFIC_NONE},
		{"submission-login", TRAFFIC_LOGIN, TRAFFIC_NONE},
		{"lmtp", TRAFFIC_LMTP, TRAFFIC_LMTP_PROXY},
	};
	const struct service *service;
	unsigned int i;
	enum rl_class kind;

	assert_int_equal(services_count, sizeof(expected) / sizeof(expected[0]));
	for (i = 0; i < services_count; i++) {
		service = service_find(expected[i].name);
		assert_non_null(service);
		for (kind = 0; kind <= RL_CLASS_MAX; kind++)
			assert_int_equal(service_traffic(service, kind),
					 kind == RL_CLASS_CLIENT ? expected[i].client :
					 kind == RL_CLASS_RELAY	 ? expected[i].relay :
								   TRAFFIC_NONE);
	}
}

/* The user's own connection, and what is done for that user. */
static void users(void **state)
{
	enum traffic traffic;

	for (traffic = TRAFFIC_NONE; traffic <= TRAFFIC_RELAY; traffic++)
		assert_int_equal(traffic_has_user(traffic),
				 traffic == TRAFFIC_MAIL || traffic == TRAFFIC_RELAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(logins),
		cmocka_unit_test(traffics),
		cmocka_unit_test(users),
	};

	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
