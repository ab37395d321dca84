/* SPDX-License-Identifier: MIT */
/* What rawtap needs of root, and what it keeps once everything is attached. */
#ifndef CAPABILITIES_H
#define CAPABILITIES_H

#include <stddef.h>

/* 0, or -EPERM and the missing ones in words. */
int capabilities_check(char *missing_r, size_t size);
/* What some rules need to the end, besides. */
enum capabilities_kept {
	CAPABILITIES_ROOT_FILES = 1 << 0, /* to write as root, where lmtp would */
};

/* Drops all capabilities that are not needed any more; `kept`: enum capabilities_kept. 0 or -errno. */
int capabilities_drop(unsigned int kept);

#endif
