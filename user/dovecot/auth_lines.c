// SPDX-License-Identifier: MIT
#include "dovecot/auth_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dovecot/expand.h"
#include "base/mem.h"

#define ESCAPE '\001'

/* Lines */

unsigned int line_reader_feed(struct line_reader *lines, const void *data, size_t len,
			      void (*line)(char *text, size_t len, void *context), void *context)
{
	const char *pos = data;
	unsigned int skipped = 0;

	while (len) {
		const char *lf = memchr(pos, '\n', len);
		size_t size = lf ? (size_t)(lf - pos) : len;

		if (!lines->skipping && size > AUTH_LINE_MAX - lines->partial.len) {
			line_reader_resync(lines);
			skipped++;
		}
		if (!lines->skipping)
			str_append(&lines->partial, pos, size);
		if (!lf)
			break;
		if (!lines->skipping)
			line(lines->partial.data, lines->partial.len, context);
		str_clear(&lines->partial);
		lines->skipping = false;
		pos += size + 1;
		len -= size + 1;
	}
	return skipped;
}

void line_reader_resync(struct line_reader *lines)
{
	str_clear(&lines->partial);
	lines->skipping = true;
}

void line_reader_free(struct line_reader *lines)
{
	str_free(&lines->partial);
	lines->skipping = false;
}

/* Fields */

struct span {
	char *text; /* not NUL-terminated */
	size_t len;
};

static size_t unescape(char *text, size_t len)
{
	static const char codes[] = "01trn", meanings[] = "\000\001\t\r\n";
	size_t from, to = 0;

	for (from = 0; from < len; from++) {
		char c = text[from];

		if (c == ESCAPE) {
			const char *code;

			/* At the end it is dropped; before any other byte it is that byte. */
			if (++from == len)
				break;
			c = text[from];
			code = memchr(codes, c, sizeof(codes) - 1);
			if (code)
				c = meanings[code - codes];
		}
		text[to++] = c;
	}
	return to;
}

/* Takes the next field from the line and unescapes it; false: there is none. */
static bool next_field(struct span *line, struct span *field_r)
{
	char *tab;
	size_t size;

	if (!line->text)
		return false;
	tab = memchr(line->text, '\t', line->len);
	size = tab ? (size_t)(tab - line->text) : line->len;
	*field_r = (struct span){line->text, unescape(line->text, size)};
	line->text = tab ? tab + 1 : NULL;
	line->len = tab ? line->len - size - 1 : 0;
	return true;
}

static bool field_is(struct span field, const char *text)
{
	return field.len == strlen(text) && memcmp(field.text, text, field.len) == 0;
}

static bool field_has_key(struct span field, const char *key, struct span *value_r)
{
	size_t len = strlen(key);

	if (field.len <= len || memcmp(field.text, key, len) != 0 || field.text[len] != '=')
		return false;
	*value_r = (struct span){field.text + len + 1, field.len - len - 1};
	return true;
}

static int parse_number(struct span text, uint32_t max, uint32_t *number_r)
{
	uint64_t number = 0;
	size_t i;

	if (!text.len)
		return -EINVAL;
	for (i = 0; i < text.len; i++) {
		if (text.text[i] < '0' || text.text[i] > '9')
			return -EINVAL;
		number = number * 10 + (text.text[i] - '0');
		if (number > max)
			return -EINVAL;
	}
	*number_r = number;
	return 0;
}

static int next_number(struct span *line, uint32_t *number_r)
{
	struct span field;

	return next_field(line, &field) ? parse_number(field, UINT32_MAX, number_r) : -EINVAL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int next_cookie(struct span *line, uint8_t cookie_r[LOGIN_COOKIE_LEN])
{
	struct span field;
	size_t i;

	if (!next_field(line, &field) || field.len != 2 * LOGIN_COOKIE_LEN)
		return -EINVAL;
	for (i = 0; i < LOGIN_COOKIE_LEN; i++) {
		int high = hex_digit(field.text[2 * i]), low = hex_digit(field.text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		cookie_r[i] = high << 4 | low;
	}
	return 0;
}

/* Users */

void userdb_user_free(struct userdb_user *user)
{
	free(user->name);
	free(user->home);
	free(user->chroot);
	free(user->auth_user);
	str_free(&user->fields);
	*user = USERDB_USER_NONE;
}

void userdb_user_drop_fields(struct userdb_user *user)
{
	str_free(&user->fields);
}

void userdb_user_copy(struct userdb_user *copy_r, const struct userdb_user *user)
{
	*copy_r = *user;
	copy_r->name = mem_strdup(user->name);
	copy_r->home = mem_strdup(user->home);
	copy_r->chroot = mem_strdup(user->chroot);
	copy_r->auth_user = mem_strdup(user->auth_user);
	copy_r->fields = (struct str){0};
	if (user->fields.len)
		str_append(&copy_r->fields, user->fields.data, user->fields.len);
}

static int set_text(char **text, struct span value)
{
	/* Dovecot would use what is before the NUL. A path must not be cut silently. */
	if (memchr(value.text, '\0', value.len))
		return -EINVAL;
	free(*text);
	*text = mem_alloc(value.len + 1);
	memcpy(*text, value.text, value.len);
	return 0;
}

/* As in Dovecot, an id that is not a number below 2^31 counts as not returned: verify_xid() in
 * lib/strnum.c. */
static void set_id(uid_t *id, struct span value)
{
	uint32_t number;

	if (parse_number(value, INT32_MAX, &number) == 0)
		*id = number;
}

static void keep_field(struct userdb_user *user, struct span field)
{
	const char *equals = memchr(field.text, '=', field.len);

	if (!equals || memchr(field.text, '\0', field.len) ||
	    !expand_may_show(field.text, equals - field.text))
		return;
	str_append(&user->fields, field.text, field.len);
	str_append(&user->fields, "", 1);
}

/* Later fields win: auth_user_fields_parse() in lib-auth/auth-master.c, 2.3.19.1, which reads
 * both the answer on auth-master and the post-login service's. */
static int set_field(struct userdb_user *user, struct span field)
{
	struct span value;

	keep_field(user, field);
	if (field_has_key(field, "home", &value))
		return set_text(&user->home, value);
	if (field_has_key(field, "chroot", &value))
		return set_text(&user->chroot, value);
	if (field_has_key(field, "auth_user", &value))
		return set_text(&user->auth_user, value);
	if (field_has_key(field, "uid", &value))
		set_id(&user->uid, value);
	else if (field_has_key(field, "gid", &value))
		set_id(&user->gid, value);
	return 0;
}

/* <name> <field>... */
static int parse_user(struct span *line, struct userdb_user *user_r)
{
	struct span field;
	int ret;

	if (!next_field(line, &field) || !field.len)
		return -EINVAL;
	ret = set_text(&user_r->name, field);
	while (ret == 0 && next_field(line, &field))
		ret = set_field(user_r, field);
	if (ret < 0)
		userdb_user_free(user_r);
	return ret;
}

static struct span line_start(char *text, size_t len)
{
	/* An empty line has no field, rather than an empty one. */
	return (struct span){len ? text : NULL, len};
}

/* Lines of auth-master */

static int parse_request(struct span *line, struct auth_line *auth)
{
	if (next_number(line, &auth->client_pid) < 0 || next_number(line, &auth->auth_id) < 0)
		return -EINVAL;
	return next_cookie(line, auth->cookie);
}

static enum auth_line_type type_find(struct span field)
{
	static const struct {
		const char *name;
		enum auth_line_type type;
	} types[] = {
		{"REQUEST", AUTH_LINE_REQUEST},
		{"USER", AUTH_LINE_USER},
		{"NOTFOUND", AUTH_LINE_NOTFOUND},
		{"FAIL", AUTH_LINE_FAIL},
	};
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (field_is(field, types[i].name))
			return types[i].type;
	return AUTH_LINE_OTHER;
}

int auth_line_parse(char *text, size_t len, struct auth_line *auth_r)
{
	struct span line, field;

	*auth_r = (struct auth_line){.user = USERDB_USER_NONE};
	/* Both sides read with i_stream_next_line(), which drops it: lib/istream.c, 2.3.19.1. */
	if (len && text[len - 1] == '\r')
		len--;
	line = line_start(text, len);
	if (len && memchr(text, '\0', len))
		return -EINVAL;
	if (!next_field(&line, &field))
		return 0;
	auth_r->type = type_find(field);
	if (auth_r->type == AUTH_LINE_OTHER)
		return 0;
	if (next_number(&line, &auth_r->id) < 0)
		return -EINVAL;
	if (auth_r->type == AUTH_LINE_REQUEST)
		return parse_request(&line, auth_r);
	if (auth_r->type == AUTH_LINE_USER)
		return parse_user(&line, &auth_r->user);
	return 0;
}

int postlogin_line_parse(char *text, size_t len, struct userdb_user *user_r)
{
	struct span line = line_start(text, len);

	*user_r = USERDB_USER_NONE;
	if (len && memchr(text, '\0', len))
		return -EINVAL;
	return parse_user(&line, user_r);
}
