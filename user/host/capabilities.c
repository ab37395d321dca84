// SPDX-License-Identifier: MIT
#include "host/capabilities.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct {
	int capability;
	unsigned int kept_for; /* enum capabilities_kept */
} needed[] = {
	{CAP_BPF, 0},				/* maps, programs */
	{CAP_PERFMON, 0},			/* tracing programs */
	{CAP_SETUID, CAPABILITIES_USERS_FILES}, /* to act as a user: see output/as_user.h */
	{CAP_SETGID, CAPABILITIES_USERS_FILES},
	/* The next two are not in force while acting as a user. */
	/* to get into a chroot; to read configurations that are not root's */
	{CAP_DAC_READ_SEARCH, CAPABILITIES_USERS_FILES | CAPABILITIES_READ},
	{CAP_DAC_OVERRIDE, CAPABILITIES_ROOT_FILES}, /* to write in others' directories */
	{CAP_SYS_PTRACE, CAPABILITIES_PROCESSES},    /* /proc/PID/exe of master processes */
};
#define NEEDED_COUNT (sizeof(needed) / sizeof(needed[0]))

int capabilities_check(struct str *missing)
{
	const char *name;
	unsigned int i;

	if (geteuid() != 0)
		str_append_text(missing, " root");
	if (capng_get_caps_process())
		return -EPERM;
	for (i = 0; i < NEEDED_COUNT; i++) {
		if (capng_have_capability(CAPNG_EFFECTIVE, needed[i].capability))
			continue;
		name = capng_capability_to_name(needed[i].capability);
		str_printf(missing, " cap_%s", name ? name : "?");
	}
	return missing->len ? -EPERM : 0;
}

static int apply(void)
{
	if (capng_apply(CAPNG_SELECT_CAPS))
		return -EPERM;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

int capabilities_drop(unsigned int kept)
{
	bool keep[NEEDED_COUNT];
	unsigned int i;

	if (capng_get_caps_process())
		return -EPERM;
	for (i = 0; i < NEEDED_COUNT; i++)
		keep[i] = kept & needed[i].kept_for &&
			  capng_have_capability(CAPNG_PERMITTED, needed[i].capability);
	capng_clear(CAPNG_SELECT_BOTH);
	for (i = 0; i < NEEDED_COUNT; i++)
		if (keep[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
				     needed[i].capability);
	return apply();
}
