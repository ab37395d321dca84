// SPDX-License-Identifier: MIT
#include "dovecot/release.h"

#include <stddef.h>

/* From the oldest to the newest. */
static const struct release releases[] = {
	{"2.3", 2, 3, 0, &login_layout_2_3, true, &proxy_rules_2_3, &expander_2_3, false, false},
	{"2.3", 2, 3, 17, &login_layout_2_3, false, &proxy_rules_2_3, &expander_2_3, false, false},
	{"2.4", 2, 4, 0, &login_layout_2_4, false, &proxy_rules_2_4, &expander_2_4_0, true, false},
	{"2.4", 2, 4, 1, &login_layout_2_4, false, &proxy_rules_2_4, &expander_2_4_1, true, false},
	{"2.4", 2, 4, 2, &login_layout_2_4, false, &proxy_rules_2_4, &expander_2_4_2, true, true},
	{"2.4", 2, 4, 3, &login_layout_2_4, false, &proxy_rules_2_4, &expander_2_4_3, true, true},
	{"2.4", 2, 4, 4, &login_layout_2_4, false, &proxy_rules_2_4, &expander_2_4_4, true, true},
	{"2.4", 2, 4, 5, &login_layout_2_4, false, &proxy_rules_2_4_5, &expander_2_4, true, true},
};
#define RELEASES (sizeof(releases) / sizeof(releases[0]))

static bool is_after(const struct release *release, const unsigned int version[3])
{
	if (release->major != version[0])
		return release->major > version[0];
	if (release->minor != version[1])
		return release->minor > version[1];
	return release->patch > version[2];
}

/* A number, which *text is moved past. False: there is none. */
static bool read_number(const char **text, unsigned int *number_r)
{
	const char *begin = *text;

	for (*number_r = 0; **text >= '0' && **text <= '9' && *text - begin < 4; (*text)++)
		*number_r = *number_r * 10 + (**text - '0');
	return *text > begin;
}

const struct release *release_find(const char *version, bool *known_r)
{
	const struct release *found = releases;
	unsigned int numbers[3];
	size_t i;

	for (i = 0; i < 2; i++, version++)
		if (!read_number(&version, &numbers[i]) || *version != '.')
			return NULL;
	read_number(&version, &numbers[2]);
	for (i = 1; i < RELEASES && !is_after(&releases[i], numbers); i++)
		found = &releases[i];
	*known_r = found->major == numbers[0] && found->minor == numbers[1];
	return found;
}
