// SPDX-License-Identifier: MIT
#include "dovecot/expand.h"

#include <errno.h>
#include <string.h>

int expand_check(const struct expander *expander, const char *text, struct str *error)
{
	return expander->check(expander, text, error);
}

int expand(const struct expander *expander, const char *text, const struct expand_vars *vars,
	   struct str *out)
{
	return expander->expand(expander, text, vars, out);
}

int expand_check_dir(const struct expander *expander, const char *text, struct str *error)
{
	if (expander->is_old && expander->is_old(text, error))
		return -EINVAL;
	return expand_check(expander, text, error);
}

void expand_home(const char *path, const char *home, struct str *out)
{
	if (home && path[0] == '~' && (path[1] == '/' || !path[1])) {
		str_append_text(out, home);
		path++;
	}
	str_append_text(out, path);
}

bool expand_may_show(const char *field, size_t len)
{
	static const char *const secrets[] = {"pass", "token", "secret", "cookie", "nonce"};
	size_t i, at;

	for (i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		for (at = 0; at + strlen(secrets[i]) <= len; at++)
			if (!strncasecmp(field + at, secrets[i], strlen(secrets[i])))
				return false;
	return true;
}
