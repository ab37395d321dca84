// SPDX-License-Identifier: MIT
#include "host/preemption.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* Where the preemption is chosen when the kernel boots, or later: "none (voluntary) full". */
#define MODE_PATH "/sys/kernel/debug/sched/preempt"

static bool mode_preempts(void)
{
	FILE *file = fopen(MODE_PATH, "re");
	char modes[128] = "";
	bool known;

	if (!file)
		return true;
	known = fgets(modes, sizeof(modes), file);
	fclose(file);
	return !known || (!strstr(modes, "(none)") && !strstr(modes, "(voluntary)"));
}

bool kernel_preempts(void)
{
	struct utsname name;

	/* "#1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1": init/Makefile */
	if (uname(&name) || strstr(name.version, "PREEMPT_DYNAMIC"))
		return mode_preempts();
	return strstr(name.version, "PREEMPT");
}

unsigned int kernel_version(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return major * 100 + minor;
}
