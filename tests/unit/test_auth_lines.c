// SPDX-License-Identifier: MIT
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "dovecot/auth_lines.h"

/* As seen on 2.3.19.1's auth-master, but for the path and the token. */
static const char request_line[] =
	"REQUEST\t2598109185\t27037\t1\t6bc73c97337d435723a1e623cd413f29\tsession_pid=27043\t"
	"request_auth_token";
static const char user_line[] =
	"USER\t2598109185\talice@example.org\tquota_rule=*:storage=1G\tuid=5000\tgid=5001\t"
	"home=/home/alice@example.org\tauth_mech=PLAIN\t"
	"auth_token=0123456789abcdef0123456789abcdef01234567";

static int parse(const char *data, size_t len, struct auth_line *auth_r)
{
	char *guarded = guard_dup(data, len);
	int ret = auth_line_parse(guarded, len, auth_r);

	guard_free(guarded, len);
	if (ret < 0 || auth_r->type != AUTH_LINE_USER) {
		assert_null(auth_r->user.name);
		assert_null(auth_r->user.home);
		assert_null(auth_r->user.chroot);
		assert_true(auth_r->user.uid == (uid_t)-1);
		assert_true(auth_r->user.gid == (gid_t)-1);
	}
	return ret;
}

static int parse_postlogin(const char *data, size_t len, struct userdb_user *user_r)
{
	char *guarded = guard_dup(data, len);
	int ret = postlogin_line_parse(guarded, len, user_r);

	guard_free(guarded, len);
	return ret;
}

static void expect_user(struct userdb_user *user, const char *name, const char *home,
			const char *chroot, uid_t uid, gid_t gid)
{
	assert_string_equal(user->name, name);
	assert_string_equal(user->home ? user->home : "(none)", home ? home : "(none)");
	assert_string_equal(user->chroot ? user->chroot : "(none)", chroot ? chroot : "(none)");
	assert_int_equal(user->uid, uid);
	assert_int_equal(user->gid, gid);
	userdb_user_free(user);
	assert_null(user->name);
	assert_true(user->uid == (uid_t)-1);
}

static void others(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
		{BYTES("")},
		{BYTES("\r")},
		{BYTES("\t")},
		{BYTES("\t\t1")},
		{BYTES("VERSION\t1\t1")},
		{BYTES("SPID\t77")},
		{BYTES("USE")},
		{BYTES("USER ")},
		{BYTES("USERS\t1\talice")},
		{BYTES("user\t1\talice")},
		{BYTES("\tUSER\t1\talice")},
		{BYTES("PASS\t1\talice\tservice=lmtp")},
		{BYTES("\001")},
	};
	struct auth_line auth;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text, cases[i].len, &auth), 0);
		assert_int_equal(auth.type, AUTH_LINE_OTHER);
	}
}

static void requests(void **state)
{
	struct auth_line auth;

	assert_int_equal(parse(BYTES(request_line), &auth), 0);
	assert_int_equal(auth.type, AUTH_LINE_REQUEST);
	assert_int_equal(auth.id, 2598109185);
	assert_int_equal(auth.client_pid, 27037);
	assert_int_equal(auth.auth_id, 1);
	assert_memory_equal(auth.cookie,
			    "\x6b\xc7\x3c\x97\x33\x7d\x43\x57"
			    "\x23\xa1\xe6\x23\xcd\x41\x3f\x29",
			    LOGIN_COOKIE_LEN);

	assert_int_equal(parse(BYTES("REQUEST\t0\t4294967295\t0000\t"
				     "aAbBcCdDeEfF00000000000000000000"),
			       &auth),
			 0);
	assert_int_equal(auth.client_pid, UINT32_MAX);
	assert_memory_equal(auth.cookie, "\xaa\xbb\xcc\xdd\xee\xff", 6);
}

static void requests_malformed(void **state)
{
#define COOKIE "6bc73c97337d435723a1e623cd413f29"
	static const char *const cases[] = {
		"REQUEST",
		"REQUEST\t",
		"REQUEST\t\t1\t1\t" COOKIE,
		"REQUEST\t1\t\t1\t" COOKIE,
		"REQUEST\t1\t1\t\t" COOKIE,
		"REQUEST\t1\t1\t" COOKIE,
		"REQUEST\t-1\t1\t1\t" COOKIE,
		"REQUEST\t1\t+1\t1\t" COOKIE,
		"REQUEST\t1\t1\t 1\t" COOKIE,
		"REQUEST\t1x\t1\t1\t" COOKIE,
		"REQUEST\t4294967296\t1\t1\t" COOKIE,
		"REQUEST\t1\t18446744073709551617\t1\t" COOKIE,
		"REQUEST\t1\t1\t1",
		"REQUEST\t1\t1\t1\t",
		"REQUEST\t1\t1\t1\t" COOKIE "0",
		"REQUEST\t1\t1\t1\t" COOKIE "00",
		"REQUEST\t1\t1\t1\t6bc73c97337d435723a1e623cd413f2",
		"REQUEST\t1\t1\t1\t6bc73c97337d435723a1e623cd413f2g",
		"REQUEST\t1\t1\t1\tGbc73c97337d435723a1e623cd413f29",
		"REQUEST\t1\t1\t1\t6bc73c97 37d435723a1e623cd413f29",
	};
	struct auth_line auth;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(parse(cases[i], strlen(cases[i]), &auth), -EINVAL);
}

static void request_truncated(void **state)
{
	const size_t type_end = strlen("REQUEST");
	const size_t cookie_end = strlen("REQUEST\t2598109185\t27037\t1\t" COOKIE);
	struct auth_line auth;
	size_t len;

	for (len = 0; len < sizeof(request_line); len++) {
		const bool good = len < type_end || len >= cookie_end;

		assert_int_equal(parse(request_line, len, &auth), good ? 0 : -EINVAL);
		assert_int_equal(auth.type, len < type_end ? AUTH_LINE_OTHER : AUTH_LINE_REQUEST);
	}
}

static void users(void **state)
{
	struct auth_line auth;

	assert_int_equal(parse(BYTES(user_line), &auth), 0);
	assert_int_equal(auth.type, AUTH_LINE_USER);
	assert_int_equal(auth.id, 2598109185);
	expect_user(&auth.user, "alice@example.org", "/home/alice@example.org", NULL, 5000, 5001);

	assert_int_equal(parse(BYTES("USER\t1\tbob"), &auth), 0);
	expect_user(&auth.user, "bob", NULL, NULL, -1, -1);

	/* A key is the whole key, and "home" alone is how auth sends an empty value. */
	assert_int_equal(parse(BYTES("USER\t1\tbob\t\thome\thomes=/a\tmail_home=/b\tUID=1\t=/c\t"
				     "chroot=/srv/jail\tgid=0\tuid=0"),
			       &auth),
			 0);
	expect_user(&auth.user, "bob", NULL, "/srv/jail", 0, 0);
	assert_int_equal(parse(BYTES("USER\t1\tbob\thome=\tchroot="), &auth), 0);
	expect_user(&auth.user, "bob", "", "", -1, -1);
	assert_int_equal(parse(BYTES("USER\t1\tbob\thome=/a=b c\xff"), &auth), 0);
	expect_user(&auth.user, "bob", "/a=b c\xff", NULL, -1, -1);
}

/* As auth_user_fields_parse() of lib-auth/auth-master.c, 2.3.19.1. */
static void last_field_wins(void **state)
{
	struct auth_line auth;

	assert_int_equal(parse(BYTES("USER\t1\tbob\tuid=1\thome=/a\tgid=2\tchroot=/b\tuid=3\t"
				     "home=/c\tgid=4\tchroot=/d"),
			       &auth),
			 0);
	expect_user(&auth.user, "bob", "/c", "/d", 3, 4);
	assert_int_equal(parse(BYTES("USER\t1\tbob\tuid=1\tuid=3\tuid=x"), &auth), 0);
	expect_user(&auth.user, "bob", NULL, NULL, 3, -1);
}

static void users_unescaped(void **state)
{
	struct auth_line auth;

	assert_int_equal(parse(BYTES("USER\t1\tb\001tob\thome=/a\001tb\001nc\001rd\0011t\tchroot="
				     "\001x\001\xff"),
			       &auth),
			 0);
	expect_user(&auth.user, "b\tob", "/a\tb\nc\rd\001t", "x\xff", -1, -1);
	/* An escape at the end of a value is dropped. */
	assert_int_equal(parse(BYTES("USER\t1\tbob\001\thome=/a\001\001\tchroot=/b\001"), &auth),
			 0);
	expect_user(&auth.user, "bob", "/a\001", "/b", -1, -1);
	/* The name of a field is unescaped too. */
	assert_int_equal(parse(BYTES("US\001ER\t1\tbob\tho\001me\001=/a\tu\001id=\0015"), &auth),
			 0);
	expect_user(&auth.user, "bob", "/a", NULL, 5, -1);
}

static void nul_refused(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
		{BYTES("\0")},
		{BYTES("SPID\t77\0")},
		{BYTES("USER\0\t1\tbob")},
		{BYTES("USER\t1\tbob\0")},
		{BYTES("USER\t1\tb\0ob")},
		{BYTES("USER\t1\tbob\tquota=\0")},
		{BYTES("USER\t1\tbob\thome=/a\0b")},
		{BYTES("USER\t1\tbob\001"
		       "0")},
		{BYTES("USER\t1\t\001"
		       "0")},
		{BYTES("USER\t1\tbob\thome=/a\001"
		       "0b")},
		{BYTES("USER\t1\tbob\thome=/a\001"
		       "0")},
		{BYTES("USER\t1\tbob\thome=\001"
		       "0\thome=/a")},
		{BYTES("USER\t1\tbob\tchroot=/a\001"
		       "0b")},
		{BYTES("USER\t1\001"
		       "0\tbob")},
		{BYTES("FAIL\t1\001"
		       "0")},
		{BYTES("REQUEST\t1\t1\t1\t6bc73c97337d435723a1e623cd413f29\001"
		       "0")},
	};
	struct auth_line auth;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(parse(cases[i].text, cases[i].len, &auth), -EINVAL);

	/* In a field that is not used it does no harm. */
	assert_int_equal(parse(BYTES("USER\t1\tbob\tx=\001"
				     "0\thome=/a"),
			       &auth),
			 0);
	expect_user(&auth.user, "bob", "/a", NULL, -1, -1);
}

static void ids(void **state)
{
	static const struct {
		const char *text;
		int64_t id; /* -1: counts as not returned */
	} cases[] = {
		{"0", 0},
		{"00000000000000000000000005000", 5000},
		{"2147483647", 2147483647},
		{"2147483648", -1},
		{"4294967294", -1},
		{"4294967295", -1},
		{"4294967296", -1},
		{"18446744073709551615", -1},
		{"18446744073709551616", -1},
		{"340282366920938463463374607431768211456", -1},
		{"", -1},
		{"-1", -1},
		{"+1", -1},
		{" 1", -1},
		{"1 ", -1},
		{"0x10", -1},
		{"1e3", -1},
		{"100,200", -1},
		{"root", -1},
	};
	char line[128];
	size_t i, key;

	for (key = 0; key < 2; key++)
		for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			const char *id = cases[i].text;
			int len = snprintf(line, sizeof(line), "USER\t1\tbob\t%s=%s\thome=/a",
					   key ? "gid" : "uid", id);
			struct auth_line auth;

			assert_int_equal(parse(line, len, &auth), 0);
			assert_true((key ? auth.user.gid : auth.user.uid) == (uid_t)cases[i].id);
			userdb_user_free(&auth.user);
		}
}

static void user_truncated(void **state)
{
	const size_t type_end = strlen("USER"), name = strlen("USER\t2598109185\t");
	struct auth_line auth;
	size_t len;

	for (len = 0; len < sizeof(user_line); len++) {
		const bool good = len < type_end || len > name;

		assert_int_equal(parse(user_line, len, &auth), good ? 0 : -EINVAL);
		if (!good || len < type_end)
			continue;
		assert_int_equal(auth.type, AUTH_LINE_USER);
		assert_memory_equal(auth.user.name, "alice@example.org", strlen(auth.user.name));
		if (auth.user.home)
			assert_memory_equal(auth.user.home, "/home/alice@example.org",
					    strlen(auth.user.home));
		userdb_user_free(&auth.user);
	}
}

static void users_malformed(void **state)
{
	static const char *const cases[] = {
		"USER",
		"USER\t",
		"USER\t1",
		"USER\t1\t",
		"USER\t1\t\thome=/a",
		"USER\talice\t1",
		"USER\t4294967296\talice",
	};
	struct auth_line auth;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i], strlen(cases[i]), &auth), -EINVAL);
		assert_int_equal(auth.type, AUTH_LINE_USER);
	}

	/* The id is known, also of a line that is refused. */
	assert_int_equal(parse(BYTES("USER\t7\tbob\thome=/a\001"
				     "0"),
			       &auth),
			 -EINVAL);
	assert_int_equal(auth.id, 7);
}

static void refusals(void **state)
{
	struct auth_line auth;

	assert_int_equal(parse(BYTES("NOTFOUND\t7"), &auth), 0);
	assert_int_equal(auth.type, AUTH_LINE_NOTFOUND);
	assert_int_equal(auth.id, 7);
	assert_int_equal(parse(BYTES("FAIL\t8\treason=Try again"), &auth), 0);
	assert_int_equal(auth.type, AUTH_LINE_FAIL);
	assert_int_equal(auth.id, 8);
	assert_int_equal(parse(BYTES("NOTFOUND"), &auth), -EINVAL);
	assert_int_equal(parse(BYTES("FAIL\t"), &auth), -EINVAL);
	assert_int_equal(parse(BYTES("FAIL\treason=x"), &auth), -EINVAL);
}

static void carriage_return(void **state)
{
	struct auth_line auth;
	struct userdb_user user;

	assert_int_equal(parse(BYTES("NOTFOUND\t7\r"), &auth), 0);
	assert_int_equal(auth.id, 7);
	assert_int_equal(parse(BYTES("USER\t1\tbob\thome=/a\r\r"), &auth), 0);
	expect_user(&auth.user, "bob", "/a\r", NULL, -1, -1);
	/* Dovecot does not drop the CR here: it does not use i_stream_next_line(). */
	assert_int_equal(parse_postlogin(BYTES("bob\thome=/a\r"), &user), 0);
	expect_user(&user, "bob", "/a\r", NULL, -1, -1);
}

static void postlogin(void **state)
{
	/* As 2.3.19.1's script-login answers, but for the path. */
	static const char answer[] = "alice@example.org\tquota_rule=*:storage=1G\tuid=5000\t"
				     "gid=5001\thome=/home/alice@example.org\tauth_mech=PLAIN";
	struct userdb_user user;
	size_t len;

	assert_int_equal(parse_postlogin(BYTES(answer), &user), 0);
	expect_user(&user, "alice@example.org", "/home/alice@example.org", NULL, 5000, 5001);
	assert_int_equal(parse_postlogin(BYTES("bob\001t\thome=/a\thome=/b\001n"), &user), 0);
	expect_user(&user, "bob\t", "/b\n", NULL, -1, -1);

	assert_int_equal(parse_postlogin(BYTES(""), &user), -EINVAL);
	assert_int_equal(postlogin_line_parse(NULL, 0, &user), -EINVAL);
	assert_int_equal(parse_postlogin(BYTES("\thome=/a"), &user), -EINVAL);
	assert_int_equal(parse_postlogin(BYTES("b\0ob"), &user), -EINVAL);
	assert_int_equal(parse_postlogin(BYTES("bob\tx=\0"), &user), -EINVAL);
	assert_int_equal(parse_postlogin(BYTES("bob\thome=/a\001"
					       "0b"),
					 &user),
			 -EINVAL);
	assert_null(user.name);
	assert_true(user.uid == (uid_t)-1);

	for (len = 0; len < sizeof(answer); len++) {
		const bool good = len > 0;

		assert_int_equal(parse_postlogin(answer, len, &user), good ? 0 : -EINVAL);
		userdb_user_free(&user);
	}
}

/* For directories that name them, but not what may be a secret. */
static void fields(void **state)
{
	static const char expect[] = "home=/a\0quota=5\0q=\0quota=6\0x=a\tb";
	struct auth_line auth;
	struct userdb_user copy;

	assert_int_equal(parse(BYTES("USER\t1\tbob\thome=/a\tquota=5\timapc_password=x\tadmin\tq=\t"
				     "auth_token=1\tquota=6\tPASS=2\tx=a\001tb\tn=a\0010b"),
			       &auth),
			 0);
	assert_int_equal(auth.user.fields.len, sizeof(expect));
	assert_memory_equal(auth.user.fields.data, expect, sizeof(expect));
	userdb_user_copy(&copy, &auth.user);
	userdb_user_drop_fields(&auth.user);
	assert_int_equal(auth.user.fields.len, 0);
	assert_memory_equal(copy.fields.data, expect, sizeof(expect));
	userdb_user_free(&copy);
	assert_int_equal(copy.fields.len, 0);
	userdb_user_free(&auth.user);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others),
		cmocka_unit_test(requests),
		cmocka_unit_test(requests_malformed),
		cmocka_unit_test(request_truncated),
		cmocka_unit_test(users),
		cmocka_unit_test(last_field_wins),
		cmocka_unit_test(users_unescaped),
		cmocka_unit_test(nul_refused),
		cmocka_unit_test(ids),
		cmocka_unit_test(user_truncated),
		cmocka_unit_test(users_malformed),
		cmocka_unit_test(refusals),
		cmocka_unit_test(carriage_return),
		cmocka_unit_test(postlogin),
		cmocka_unit_test(fields),
	};

	return cmocka_run_group_tests_name("auth_lines", tests, NULL, NULL);
}
