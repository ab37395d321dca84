// SPDX-License-Identifier: MIT
#include "dovecot/environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* service-process.c and restrict-access.c, 2.3.19.1 and 2.4.4: with what they begin. The
 * variables of systemd are passed on in any case (lib-master/master-service.c). */
static const char *const own[] = {
	"ANVIL_RESTARTED", "CLIENT_LIMIT", "CONFIG_FILE", "DOVECO",	   "GENERATION",
	"IDLE_KILL",	   "LISTEN_",	   "LOG_",	  "NOTIFY_SOCKET", "PROCESS_",
	"RESTRICT_",	   "REUSE_PORT",   "SERVICE_",	  "SOCKET",	   "SSL_KEY_PASSWORD",
	"STATS_",	   "USE_SYSEXITS", "VERBOSE_",
};

bool environment_is_own(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strncmp(name, own[i], strlen(own[i])))
			return true;
	return false;
}

/* 2.4 expands it in the master, and takes an empty one for none. It may end at a blank: 2.4.1 splits
 * there, 2.4.4 does not. (With a '$' it is what reference.h is about.) */
static bool is_known(const char *value, bool list)
{
	return !list || (*value && *value != '$' && !strpbrk(value, "% \t"));
}

int environment_get(const char *import_environment, const char *name, struct str *value)
{
	bool list = import_environment && strstr(import_environment, " = ");
	const char *separators = list ? "\n" : " \t\n", *equals = list ? " = " : "=";
	size_t len = strlen(name), equals_len = strlen(equals);
	char *copy, *save = NULL, *word;
	int ret = 0;

	str_clear(value);
	if (!import_environment || environment_is_own(name))
		return -ENODATA;
	copy = mem_strdup(import_environment);
	for (word = strtok_r(copy, separators, &save); word;
	     word = strtok_r(NULL, separators, &save)) {
		if (strncmp(word, name, len) != 0 || (word[len] && !strchr("= ", word[len])))
			continue;
		word += len;
		if (!strncmp(word, equals, equals_len) && is_known(word + equals_len, list)) {
			str_clear(value);
			str_append_text(value, word + equals_len);
			ret = 1;
		} else if (!ret) {
			ret = -ENODATA;
		}
	}
	free(copy);
	return ret;
}
