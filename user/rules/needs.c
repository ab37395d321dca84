// SPDX-License-Identifier: MIT
#include "rules/needs.h"

#include <string.h>

#include "dovecot/host_port.h"

/* "%h" of 2.3, with or without what can stand between these letters: "%Lh", "%-1.2h". */
static bool has_home(const char *variables)
{
	const char *at = variables;

	for (; (at = strchr(at, '%')); at += at[0] != '\0') {
		at += 1 + strspn(at + 1, "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
		if (*at == 'h')
			return true;
	}
	return strstr(variables, "home");
}

unsigned int needs_of_dir(const char *dir)
{
	const char *variables = dir + strcspn(dir, "%");
	bool is_below_home = dir[0] != '/' && !host_port_of_dir(dir);

	return (is_below_home || has_home(variables) ? NEED_HOME : 0) |
	       (strstr(variables, "hostname") ? NEED_HOSTNAME : 0) |
	       (strstr(variables, "env") ? NEED_ENVIRONMENT : 0);
}

unsigned int needs_of_rules(const struct rules *rules)
{
	unsigned int needs = rules_need_zone(rules) ? NEED_ZONE : 0;
	const struct rule *rule;

	for (rule = rules->all; rule < rules->all + rules->count; rule++)
		if (rule->mode->variables)
			needs |= needs_of_dir(rule->dir);
	return needs;
}

const char *needs_next(unsigned int *needs)
{
	static const struct {
		unsigned int need;
		const char *name;
	} all[] = {
		{NEED_HOME, "mail_home"},
		{NEED_HOSTNAME, "hostname"},
		{NEED_ENVIRONMENT, "import_environment"},
		{NEED_ZONE, "zone"},
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (*needs & all[i].need) {
			*needs &= ~all[i].need;
			return all[i].name;
		}
	return NULL;
}
