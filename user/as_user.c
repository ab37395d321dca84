// SPDX-License-Identifier: MIT
#include "as_user.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The calls themselves: glibc's setgroups() tells every thread. */
static int set_groups(const gid_t *groups, size_t count)
{
	return syscall(SYS_setgroups, count, groups) ? -errno : 0;
}

static size_t parse_groups(const char *text, gid_t groups_r[AS_USER_GROUPS_MAX])
{
	size_t count = 0;
	char *end;

	while (count < AS_USER_GROUPS_MAX) {
		unsigned long gid = strtoul(text, &end, 10);

		if (end == text)
			break;
		groups_r[count++] = gid;
		text = end;
	}
	return count;
}

size_t as_user_groups(pid_t tgid, uid_t uid, gid_t groups_r[AS_USER_GROUPS_MAX])
{
	unsigned int real = (unsigned int)-1;
	char path[64], line[16384];
	size_t count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tgid);
	file = tgid ? fopen(path, "re") : NULL;
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "Uid:", 4) == 0)
			real = strtoul(line + 4, NULL, 10);
		else if (strncmp(line, "Groups:", 7) == 0 && real == uid)
			count = parse_groups(line + 7, groups_r);
	}
	fclose(file);
	return count;
}

int as_user_begin(uid_t uid, gid_t gid, const gid_t *groups, size_t groups_count)
{
	int ret = set_groups(groups, groups_count);

	if (ret)
		return ret;
	setfsgid(gid);
	setfsuid(uid);
	/* neither call tells: ask (an impossible id changes nothing and returns the current one) */
	if ((uid_t)setfsuid((uid_t)-1) == uid && (gid_t)setfsgid((gid_t)-1) == gid)
		return 0;
	as_user_end();
	return -EPERM;
}

void as_user_end(void)
{
	setfsuid(0);
	setfsgid(0);
	if (set_groups(NULL, 0) || setfsuid((uid_t)-1) != 0 || setfsgid((gid_t)-1) != 0)
		abort();
}
