// SPDX-License-Identifier: MIT
#include "dovecot/expand.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dovecot/environment.h"
#include "dovecot/expand_2_3.h"
#include "base/mem.h"

#define MODIFIERS_MAX 10    /* for one variable; lib/var-expand.c: MAX_MODIFIER_COUNT */
#define NUMBER_MAX    65535 /* Dovecot has no limit: %0999999999u is a gigabyte there */
#define DEPTH_MAX     50    /* of %{} in %{}; Dovecot has no limit */

enum part {
	WHOLE,
	BEFORE_AT,
	AFTER_AT,
	PID,
	UID,
	GID,
};

#define VAR(member) offsetof(struct expand_vars, member)

/* lib-storage/mail-user.c: mail_user_var_expand_table() */
static const struct variable {
	char letter;
	const char *name;
	enum part part;
	size_t offset;
} variables[] = {
	{'u', "user", WHOLE, VAR(user)},
	{'n', "username", BEFORE_AT, VAR(user)},
	{'d', "domain", AFTER_AT, VAR(user)},
	{'s', "service", WHOLE, VAR(service)},
	{'h', "home", WHOLE, VAR(home)},
	{'l', "lip", WHOLE, VAR(local_ip)},
	{'r', "rip", WHOLE, VAR(remote_ip)},
	{'p', "pid", PID, 0},
	{'i', "uid", UID, 0},
	{0, "gid", GID, 0},
	{0, "session", WHOLE, VAR(session)},
	{0, "auth_user", WHOLE, VAR(auth_user)},
	{0, "auth_username", BEFORE_AT, VAR(auth_user)},
	{0, "auth_domain", AFTER_AT, VAR(auth_user)},
	{0, "hostname", WHOLE, VAR(hostname)},
	{0, "local_ip", WHOLE, VAR(local_ip)},
	{0, "remote_ip", WHOLE, VAR(remote_ip)},
};

#define VARIABLES (sizeof(variables) / sizeof(variables[0]))

/* Functions of the plugin var_expand_crypt, which a mail process may have loaded. */
static const char *const unsupported[] = {"encrypt", "decrypt"};

static void append_part(const char *text, enum part part, struct str *out)
{
	const char *at = strchr(text, '@');

	if (part == WHOLE || (part == BEFORE_AT && !at))
		str_append_text(out, text);
	else if (part == BEFORE_AT)
		str_append(out, text, at - text);
	else if (at)
		str_append_text(out, at + 1);
}

static void append_variable(const struct expand_vars *vars, const struct variable *variable,
			    struct str *out)
{
	const char *text;

	switch (variable->part) {
	case PID:
		str_printf(out, "%jd", (intmax_t)vars->pid);
		return;
	case UID:
		str_printf(out, "%ju", (uintmax_t)vars->uid);
		return;
	case GID:
		str_printf(out, "%ju", (uintmax_t)vars->gid);
		return;
	case WHOLE:
	case BEFORE_AT:
	case AFTER_AT:
		break;
	}
	text = *(const char *const *)((const char *)vars + variable->offset);
	if (!text && variable->offset == VAR(auth_user))
		text = vars->user;
	append_part(text ? text : "", variable->part, out);
}

static int unknown(struct expansion *x, const char *name, struct str *out)
{
	str_printf(out, "UNSUPPORTED_VARIABLE_%s", name);
	return expansion_fail(x, -ENOENT, "unknown variable '%%%s'", name);
}

static int expand_short(struct expansion *x, char letter, struct str *out)
{
	size_t i;

	for (i = 0; i < VARIABLES; i++) {
		if (variables[i].letter == letter) {
			append_variable(x->vars, &variables[i], out);
			return 0;
		}
	}
	if (letter != '%')
		return unknown(x, (char[]){letter, '\0'}, out);
	str_append_text(out, "%");
	return 0;
}

static int append_env(struct expansion *x, const char *name, struct str *out)
{
	struct str value = {0};
	int ret = environment_get(x->is_check ? "" : x->vars->import_environment, name, &value);

	str_append(out, str_text(&value), value.len);
	str_free(&value);
	return ret < 0 ? expansion_fail(x, -EINVAL, "%%{env:%s} is not known here", name) : 0;
}

/* %{NAME:FIELD}; `name` includes the function's arguments, "sha256;rounds=2". */
static int call_function(struct expansion *x, const char *name, const char *field, struct str *out)
{
	size_t len = strcspn(name, ";"), i;

	if (expand_is_hash(name, len))
		return expand_hash(x, name, field, out);
	if (len == 2 && !strncasecmp(name, "if", 2))
		return expand_if(x, name, field, out);
	if (!strcmp(name, "env"))
		return append_env(x, field, out);
	for (i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++) {
		if (len == strlen(unsupported[i]) && !strncasecmp(name, unsupported[i], len))
			return expansion_fail(x, -EINVAL, "%%{%s} is not supported",
					      unsupported[i]);
	}
	return unknown(x, name, out);
}

static int expand_long(struct expansion *x, const char *key, struct str *out)
{
	const char *colon = strchr(key, ':');
	char *name;
	size_t i;
	int ret;

	for (i = 0; i < VARIABLES; i++) {
		if (!strcmp(variables[i].name, key)) {
			append_variable(x->vars, &variables[i], out);
			return 0;
		}
	}
	if (x->depth >= DEPTH_MAX)
		return expansion_fail(x, -EINVAL, "more than %d levels of %%{}", DEPTH_MAX);
	x->depth++;
	name = mem_strdup(key);
	if (colon)
		name[colon - key] = '\0';
	ret = call_function(x, name, colon ? colon + 1 : "", out);
	free(name);
	x->depth--;
	return ret;
}

static int parse_number(struct expansion *x, const char **text, int *number_r)
{
	*number_r = 0;
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		*number_r = *number_r * 10 + (**text - '0');
		if (*number_r > NUMBER_MAX)
			return expansion_fail(x, -EINVAL, "a width or offset above %d", NUMBER_MAX);
	}
	return 0;
}

/* [-][0]WIDTH (the '-' is ignored), or [-]OFFSET.[0][-]WIDTH */
static int parse_cut(struct expansion *x, const char **text, struct cut *cut)
{
	int sign = 1;

	*cut = (struct cut){0};
	if (**text == '-') {
		sign = -1;
		(*text)++;
	}
	cut->zeros = **text == '0';
	if (parse_number(x, text, &cut->width))
		return -EINVAL;
	if (**text != '.')
		return 0;
	(*text)++;
	cut->offset = sign * cut->width;
	sign = 1;
	cut->zeros = **text == '0';
	if (cut->zeros)
		(*text)++;
	if (**text == '-') {
		sign = -1;
		(*text)++;
	}
	if (parse_number(x, text, &cut->width))
		return -EINVAL;
	cut->width *= sign;
	return 0;
}

/* Appends what `cut` selects of the value. With `zeros` it is padded, and never shortened. */
static void append_cut(struct str *out, const struct str *value, const struct cut *cut)
{
	size_t from_end = cut->offset < 0 ? -cut->offset : 0, skip, len, width;

	if (cut->offset < 0)
		skip = value->len > from_end ? value->len - from_end : 0;
	else
		skip = value->len > (size_t)cut->offset ? (size_t)cut->offset : value->len;
	len = value->len - skip;
	if (cut->zeros && cut->width > 0) {
		for (width = cut->width; width > len; width--)
			str_append_text(out, "0");
	} else if (!cut->zeros && cut->width < 0) {
		/* without its last bytes; a value that is shorter than that stays whole */
		if (len >= (size_t)-cut->width)
			len -= -cut->width;
	} else if (!cut->zeros && cut->width > 0 && len > (size_t)cut->width) {
		len = cut->width;
	}
	str_append(out, str_text(value) + skip, len);
}

/* The '}' that closes the '{' at `open`; NULL: there is none. */
static const char *find_close(const char *open)
{
	unsigned int depth = 1;
	bool is_escaped = false;
	const char *at;

	for (at = open + 1; *at; at++) {
		if (is_escaped)
			is_escaped = false;
		else if (*at == '\\')
			is_escaped = true;
		else if (*at == '{')
			depth++;
		else if (*at == '}' && --depth == 0)
			return at;
	}
	return NULL;
}

/* The variable at *text. Afterwards *text is its last byte. */
static int expand_variable(struct expansion *x, const char **text, struct str *value)
{
	const char *close;
	char *key;
	int ret;

	if (**text != '{' || !strchr(*text, '}'))
		return expand_short(x, **text, value);
	close = find_close(*text);
	if (!close)
		return expansion_fail(x, -EINVAL, "'%%%s' has no closing brace", *text);
	key = mem_alloc(close - *text);
	memcpy(key, *text + 1, close - *text - 1);
	ret = expand_long(x, key, value);
	free(key);
	*text = close;
	return ret;
}

/* What follows a '%'. Afterwards *text is its last byte. */
static int expand_field(struct expansion *x, const char **text, struct str *out)
{
	char modifiers[MODIFIERS_MAX];
	struct str value = {0};
	struct cut cut;
	int count = 0, i, ret;

	if (parse_cut(x, text, &cut))
		return -EINVAL;
	while (count < MODIFIERS_MAX && expand_is_modifier(**text))
		modifiers[count++] = *(*text)++;
	if (!**text) { /* the text ends here: nothing to write, and no mistake */
		(*text)--;
		return 0;
	}
	ret = expand_variable(x, text, &value);
	for (i = 0; i < count && !ret; i++)
		expand_modify(modifiers[i], &value, &cut);
	if (!ret)
		append_cut(out, &value, &cut);
	else
		str_append(out, str_text(&value), value.len);
	str_free(&value);
	return ret;
}

static int expand_text(struct expansion *x, const char *text, struct str *out)
{
	int ret = 0, field;

	for (; *text; text++) {
		if (*text != '%') {
			str_append(out, text, 1);
			continue;
		}
		text++;
		field = expand_field(x, &text, out);
		if (field == -EINVAL)
			return field;
		if (field)
			ret = field;
	}
	return ret;
}

static int check_2_3(const struct expander *expander, const char *text, struct str *error)
{
	const struct expand_vars nothing = {0};
	struct expansion x = {.vars = &nothing,
			      .error = error,
			      .is_check = true,
			      .text = expand_text,
			      .variable = expand_long};
	struct str out = {0};
	int ret = expand_text(&x, text, &out);

	str_free(&out);
	return ret ? -EINVAL : 0;
}

static int expand_2_3(const struct expander *expander, const char *text,
		      const struct expand_vars *vars, struct str *out)
{
	struct expansion x = {.vars = vars, .text = expand_text, .variable = expand_long};
	struct str result = {0};
	int ret = expand_text(&x, text, &result);

	if (!ret)
		str_append(out, str_text(&result), result.len);
	str_free(&result);
	return ret ? -EINVAL : 0;
}

const struct expander expander_2_3 = {.check = check_2_3, .expand = expand_2_3};
