// SPDX-License-Identifier: MIT
/* 2.3's variables, as 2.4 has them. What 2.4 has under the same name is not here. */
#include <string.h>

#include "dovecot/expand_2_4.h"

static const struct {
	char letter;
	const char *name, *instead;
} variables[] = {
	{'u', "", "user"},
	{'n', "username", "user | username"},
	{'d', "domain", "user | domain"},
	{'s', "", "service"},
	{'h', "", "home"},
	{'l', "lip", "local_ip"},
	{'r', "rip", "remote_ip"},
	{'p', "pid", "process:pid"},
	{'i', "uid", "process:uid"},
	{0, "gid", "process:gid"},
	{0, "auth_username", "auth_user | username"},
	{0, "auth_domain", "auth_user | domain"},
};
#define VARIABLES (sizeof(variables) / sizeof(variables[0]))

/* The others have no filter that does the same for every value. */
static const struct {
	char letter;
	const char *filter;
} modifiers[] = {
	{'L', "lower"},
	{'U', "upper"},
	{'M', "md5"},
	{'R', "reverse"},
};

static const char *filter_of(char modifier)
{
	size_t i;

	for (i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++)
		if (modifiers[i].letter == modifier)
			return modifiers[i].filter;
	return NULL;
}

/* %{NAME}: how long it is; 0: 2.4 may have it. */
static size_t find_long(const char *text, size_t *variable_r)
{
	size_t len = strcspn(text, "}"), i;

	for (i = 0; text[len] && i < VARIABLES; i++)
		if (strlen(variables[i].name) == len - 2 &&
		    !strncmp(text + 2, variables[i].name, len - 2)) {
			*variable_r = i;
			return *variables[i].name ? len + 1 : 0;
		}
	return 0;
}

/* %, what is to become of the value, and a letter: how long it is; 0: it is none of 2.3's. */
static size_t find_short(const char *text, size_t *variable_r)
{
	size_t len = 1 + strspn(text + 1, "-.0123456789"), i;

	len += strspn(text + len, "LUERXHMDTN");
	for (i = 0; text[len] && i < VARIABLES; i++)
		if (variables[i].letter == text[len]) {
			*variable_r = i;
			return len + 1;
		}
	return 0;
}

/* The variable of 2.3's at the text's beginning: how long it is; 0: there is none. What 2.4 has for it
 * is appended to `instead`; nothing: that has no filter for it. */
static size_t find(const char *text, struct str *instead)
{
	bool is_long = text[1] == '{';
	size_t variable = 0;
	size_t len = is_long ? find_long(text, &variable) : find_short(text, &variable);
	bool is_plain = is_long || len == 2;
	const char *filter = len == 3 ? filter_of(text[1]) : NULL;

	if (len && (is_plain || filter))
		str_printf(instead, "%%{%s%s%s}", variables[variable].instead,
			   is_plain ? "" : " | ", is_plain ? "" : filter);
	return len;
}

bool expand_is_old(const char *text, struct str *why)
{
	struct str right = {0}, instead = {0};
	bool found = false;
	size_t len;

	for (str_clear(why); *text && !why->len; text += len) {
		str_clear(&instead);
		len = *text == '%' ? find(text, &instead) : 0;
		found = found || len;
		if (len && !instead.len)
			str_printf(why,
				   "%.*s is a variable of Dovecot 2.3's, and literal text here",
				   (int)len, text);
		if (!len && !strncmp(text, "%%", 2)) { /* one percent sign in 2.3 */
			len = 2;
			str_append_text(&instead, "%{literal('%')}");
		}
		len += !len;
		str_append(&right, instead.len ? instead.data : text,
			   instead.len ? instead.len : len);
	}
	if (found && !why->len)
		str_printf(why, "its variables are Dovecot 2.3's; write %s", str_text(&right));
	str_free(&right);
	str_free(&instead);
	return found;
}
