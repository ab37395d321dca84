// SPDX-License-Identifier: MIT
#include "output/as_user.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The system call itself: glibc's setgroups() changes every thread. */
static int set_groups(const gid_t *groups, size_t count)
{
	return syscall(SYS_setgroups, count, groups) ? -errno : 0;
}

int as_user_begin(uid_t uid, gid_t gid, const gid_t *groups, size_t groups_count)
{
	int ret = set_groups(groups, groups_count);

	if (ret)
		return ret;
	setfsgid(gid);
	setfsuid(uid);
	/* neither call reports an error; with an impossible id they return the current one */
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
