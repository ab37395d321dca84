/* SPDX-License-Identifier: MIT */
/* Which of root's powers rawtap needs, and which it keeps once everything is attached. */
#ifndef CAPABILITIES_H
#define CAPABILITIES_H

#include "base/str.h"

/* Do we have all that are needed? 0; -EPERM: some are missing, or that can't be found out. `missing`,
 * which must be empty, gets their names, a blank before each: " root cap_bpf". */
int capabilities_check(struct str *missing);

/* Flags: what is done after the start. */
enum capabilities_kept {
	CAPABILITIES_USERS_FILES = 1 << 0, /* files are created as users */
	CAPABILITIES_ROOT_FILES = 1 << 1,  /* root's, too, as lmtp's are */
	CAPABILITIES_PROCESSES = 1 << 2,   /* other users' processes are looked at */
	CAPABILITIES_READ = 1 << 3,	   /* any file is read */
};

/* Drops what is not needed for these, for good, for this thread, the threads that it starts, and
 * the programs that it runs: each thread has capabilities of its own. `kept`: flags of enum
 * capabilities_kept. 0; -errno: not everything was dropped. */
int capabilities_drop(unsigned int kept);

#endif
