/* SPDX-License-Identifier: MIT */
/* Which of root's powers rawtap needs, and which it keeps once everything is attached. */
#ifndef CAPABILITIES_H
#define CAPABILITIES_H

#include "base/str.h"

/* 0; -EPERM: some are missing, or it can't be found out. `missing` must be empty; then it has the
 * names, a blank before each: " root cap_bpf". */
int capabilities_check(struct str *missing);

/* What only some rules need after the start. */
enum capabilities_kept {
	CAPABILITIES_ROOT_FILES = 1 << 0, /* to write as root, where lmtp would */
};

/* Drops for good what is not needed after the start, for us and for programs that we run. `kept`: of
 * enum capabilities_kept. 0, or -errno: not everything was dropped. */
int capabilities_drop(unsigned int kept);

#endif
