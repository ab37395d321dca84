// SPDX-License-Identifier: MIT
#include "dovecot/release.h"

#include <stddef.h>

/* From the oldest to the newest. */
static const struct release releases[] = {
	{"2.3", 2, 3, &login_layout_2_3, &proxy_rules_2_3, false},
	{"2.4", 2, 4, &login_layout_2_4, &proxy_rules_2_4, true},
};
#define RELEASES (sizeof(releases) / sizeof(releases[0]))

static bool is_after(const struct release *release, unsigned int major, unsigned int minor)
{
	return release->major > major || (release->major == major && release->minor > minor);
}

/* A number and the dot behind it, which *text is moved past. */
static bool read_number(const char **text, unsigned int *number_r)
{
	const char *begin = *text;

	for (*number_r = 0; **text >= '0' && **text <= '9' && *text - begin < 4; (*text)++)
		*number_r = *number_r * 10 + (**text - '0');
	return *text > begin && *(*text)++ == '.';
}

const struct release *release_find(const char *version, bool *known_r)
{
	const struct release *found = releases;
	unsigned int major, minor;
	size_t i;

	if (!read_number(&version, &major) || !read_number(&version, &minor))
		return NULL;
	for (i = 1; i < RELEASES && !is_after(&releases[i], major, minor); i++)
		found = &releases[i];
	*known_r = found->major == major && found->minor == minor;
	return found;
}
