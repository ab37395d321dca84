// SPDX-License-Identifier: MIT
#include "dovecot/environment.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

bool environment_get(const char *import_environment, const char *name, struct str *value)
{
	static const char passed_on[] = "%{env:";
	char *copy = mem_strdup(import_environment), *save = NULL, *word;
	bool list = strstr(copy, " = "), found = false;
	const char *separators = list ? "\n" : " \t\n", *equals = list ? " = " : "=";
	size_t len = strlen(name), equals_len = strlen(equals);

	str_clear(value);
	for (word = strtok_r(copy, separators, &save); word;
	     word = strtok_r(NULL, separators, &save)) {
		if (strncmp(word, name, len) != 0 || strncmp(word + len, equals, equals_len) != 0)
			continue;
		word += len + equals_len;
		str_clear(value);
		found = !list || strncmp(word, passed_on, strlen(passed_on)) != 0;
		if (found)
			str_append_text(value, word);
	}
	free(copy);
	return found;
}
