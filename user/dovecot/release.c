// SPDX-License-Identifier: MIT
#include "dovecot/release.h"

#include <string.h>

static const struct release releases[] = {
	{"2.3.", &login_layout_2_3, &proxy_rules_2_3, false},
	{"2.4.", &login_layout_2_4, &proxy_rules_2_4, true},
};

const struct release *release_find(const char *version)
{
	size_t i;

	for (i = 0; i < sizeof(releases) / sizeof(releases[0]); i++)
		if (strncmp(version, releases[i].prefix, strlen(releases[i].prefix)) == 0)
			return &releases[i];
	return NULL;
}
