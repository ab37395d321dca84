// SPDX-License-Identifier: MIT
#include "host/core_dump.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Both are needed: the first does not survive output/as_user.h, for whose calls Linux sets it to
 * fs.suid_dumpable, and root can raise the second. */
int core_dump_forbid(void)
{
	struct rlimit limit;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || getrlimit(RLIMIT_CORE, &limit))
		return -errno;
	/* 0 does not stop a dump to a program (core_pattern begins with '|'); 1 stops both: do_coredump()
	 * of Linux */
	limit.rlim_cur = limit.rlim_max = limit.rlim_max ? 1 : 0;
	return setrlimit(RLIMIT_CORE, &limit) ? -errno : 0;
}
