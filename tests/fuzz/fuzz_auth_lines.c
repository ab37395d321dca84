// SPDX-License-Identifier: MIT
/* An input is one direction of auth-master, or a post-login service's answer: lines. */
#include "fuzz.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "dovecot/auth_lines.h"
#include "base/mem.h"
#include "base/str.h"

static void append_escaped(struct str *str, const char *text)
{
	static const char special[] = "\001\t\r\n", codes[] = "1trn";

	for (; *text; text++) {
		const char *found = strchr(special, *text);

		str_append(str, found ? "\001" : text, 1);
		if (found)
			str_append(str, &codes[found - special], 1);
	}
}

static void append_user(struct str *str, const struct userdb_user *user)
{
	append_escaped(str, user->name);
	if (user->home) {
		str_append_text(str, "\thome=");
		append_escaped(str, user->home);
	}
	if (user->chroot) {
		str_append_text(str, "\tchroot=");
		append_escaped(str, user->chroot);
	}
	if (user->uid != (uid_t)-1)
		str_printf(str, "\tuid=%u", user->uid);
	if (user->gid != (gid_t)-1)
		str_printf(str, "\tgid=%u", user->gid);
}

static void check_none(const struct userdb_user *user)
{
	assert(!user->name && !user->home && !user->chroot);
	assert(user->uid == (uid_t)-1 && user->gid == (gid_t)-1);
}

static void check_same_text(const char *a, const char *b)
{
	assert(!a == !b);
	assert(!a || strcmp(a, b) == 0);
}

static void check_user(const struct userdb_user *user, size_t line_len)
{
	assert(user->name && user->name[0]);
	assert(strlen(user->name) <= line_len);
	assert(!user->home || strlen(user->home) + strlen("home=") < line_len);
	assert(!user->chroot || strlen(user->chroot) + strlen("chroot=") < line_len);
	assert(user->uid == (uid_t)-1 || user->uid <= INT_MAX);
	assert(user->gid == (gid_t)-1 || user->gid <= INT_MAX);
}

/* A user that was parsed, written as a line and parsed again, must be the same. */
static void check_round_trip(const struct userdb_user *user)
{
	struct userdb_user again;
	struct str line = {0};

	append_user(&line, user);
	assert(postlogin_line_parse(line.data, line.len, &again) == 0);
	check_same_text(user->name, again.name);
	check_same_text(user->home, again.home);
	check_same_text(user->chroot, again.chroot);
	assert(user->uid == again.uid && user->gid == again.gid);
	userdb_user_free(&again);
	check_none(&again);
	str_free(&line);
}

static void check_postlogin(const char *text, size_t len)
{
	char *copy = mem_dup(text, len); /* without the NUL that follows it */
	struct userdb_user user;
	int ret = postlogin_line_parse(copy, len, &user);

	assert(ret == 0 || ret == -EINVAL);
	if (ret == 0) {
		check_user(&user, len);
		check_round_trip(&user);
		userdb_user_free(&user);
	}
	check_none(&user);
	free(copy);
}

static void check_auth(const char *text, size_t len)
{
	char *copy = mem_dup(text, len);
	struct auth_line auth;
	int ret = auth_line_parse(copy, len, &auth);

	assert(ret == 0 || ret == -EINVAL);
	assert(auth.type <= AUTH_LINE_FAIL);
	if (ret == 0 && auth.type == AUTH_LINE_USER) {
		check_user(&auth.user, len);
		check_round_trip(&auth.user);
		userdb_user_free(&auth.user);
	}
	check_none(&auth.user);
	if (memchr(text, '\0', len))
		assert(ret == -EINVAL);
	free(copy);
}

static void collect(char *text, size_t len, void *context)
{
	struct str *lines = context;

	assert(text[len] == '\0' && len <= AUTH_LINE_MAX && !memchr(text, '\n', len));
	str_append(lines, text, len);
	str_append_text(lines, "\n");
}

static void check_line(char *text, size_t len, void *context)
{
	check_auth(text, len);
	check_postlogin(text, len);
}

/* In whatever chunks the bytes arrive, the lines are all of the input up to the last LF. */
static void check_lines(const uint8_t *data, size_t len, size_t chunk)
{
	struct line_reader feeder = {0};
	struct str lines = {0};
	size_t pos, size;

	for (pos = 0; pos < len; pos += size) {
		size = chunk < len - pos ? chunk : len - pos;
		assert(line_reader_feed(&feeder, data + pos, size, collect, &lines) == 0);
	}
	assert(lines.len <= len);
	assert(!lines.len || memcmp(lines.data, data, lines.len) == 0);
	assert(!memchr(data + lines.len, '\n', len - lines.len));
	line_reader_free(&feeder);
	str_free(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct line_reader lines = {0};

	if (len > AUTH_LINE_MAX)
		return 0;
	check_lines(data, len, 1);
	check_lines(data, len, len % 7 + 2);
	check_lines(data, len, len + 1);
	line_reader_feed(&lines, data, len, check_line, NULL);
	line_reader_resync(&lines);
	line_reader_feed(&lines, data, len, check_line, NULL);
	line_reader_free(&lines);
	return 0;
}
