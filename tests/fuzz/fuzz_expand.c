// SPDX-License-Identifier: MIT
/* An input is a template and the values (user, home, session, ...), each up to a NUL. Each release has
 * to do with it. */
#include "fuzz.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dovecot/expand.h"
#include "base/mem.h"

#define INPUT_MAX 4096

/* Skips many rounds of hashing, and patterns like a{9999}{9999}, which glibc's regcomp() is slow with. */
static bool is_endless(const char *text)
{
	const char *rounds;

	for (rounds = text; (rounds = strcasestr(rounds, "rounds=")); rounds++) {
		if (strtoul(rounds + strlen("rounds="), NULL, 10) > 20)
			return true;
	}
	/* of 2.4, where a variable can be the number, too */
	for (rounds = text; (rounds = strcasestr(rounds, "rounds")); rounds++) {
		if (rounds[strlen("rounds")] != '=')
			return true;
	}
	for (rounds = text; (rounds = strcasestr(rounds, "pkcs5")); rounds++) {
		if (!strstr(rounds, "rounds="))
			return true;
	}
	return strchr(text, '~') || strstr(text, "regexp");
}

static const char *next_value(char **values, const char *end)
{
	const char *value = *values;

	if (value == end)
		return NULL;
	*values += strlen(value) + 1;
	return value;
}

static void check_release(const struct expander *expander, const char *text,
			  const struct expand_vars *vars)
{
	struct str error = {0}, out = {0}, again = {0};
	bool is_refused = expand_check(expander, text, &error);
	int ret = expand_check_dir(expander, text, &again);

	assert(ret == (again.len ? -EINVAL : 0) && (ret || !is_refused));
	str_clear(&again);
	assert(is_refused == (error.len > 0) && !strpbrk(str_text(&error), "\n\r"));
	str_append_text(&out, "=");
	ret = expand(expander, text, vars, &out);
	assert(ret == 0 || ret == -EINVAL);
	assert(!is_refused || ret);
	assert(out.data[0] == '=' && strlen(out.data) == out.len);
	assert(!ret || out.len == 1);
	assert(strchr(text, '%') || !strcmp(out.data + 1, text));
	str_append_text(&again, "=");
	assert(expand(expander, text, vars, &again) == ret && !strcmp(again.data, out.data));
	str_free(&error);
	str_free(&out);
	str_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct expander *const expanders[] = {&expander_2_3, &expander_2_4_1,
							   &expander_2_4};
	struct expand_vars vars = {.service = "imap",
				   .pid = 1,
				   .uid = 5000,
				   .gid = 5000,
				   .import_environment = "A=1 B"};
	char *text = mem_alloc(len + 1), *values = text, *end = text + len;
	const char **texts[] = {&vars.user, &vars.home, &vars.session, &vars.auth_user,
				&vars.local_ip};
	size_t i;

	memcpy(text, data, len);
	next_value(&values, end + 1);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]) && values < end; i++)
		*texts[i] = next_value(&values, end);
	for (i = 0; i < sizeof(expanders) / sizeof(expanders[0]); i++)
		if (len <= INPUT_MAX && !is_endless(text))
			check_release(expanders[i], text, &vars);
	free(text);
	return 0;
}
