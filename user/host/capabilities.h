/* SPDX-License-Identifier: MIT */
/* Which of root's powers rawtap needs, and which it keeps once everything is attached. */
#ifndef CAPABILITIES_H
#define CAPABILITIES_H

#include "base/str.h"

/* Do we have all that are needed? 0; -EPERM: some are missing, or that can't be found out. `missing`,
 * which must be empty, gets their names, a blank before each: " root cap_bpf". */
int capabilities_check(struct str *missing);

/* Flags: what only some rules need after the start. */
enum capabilities_kept {
	CAPABILITIES_ROOT_FILES = 1 << 0, /* to write root's files, as lmtp does */
};

/* Drops what is not needed after the start, for good, for this thread and the programs that it
 * runs: each thread has capabilities of its own. `kept`: flags of enum capabilities_kept. 0; -errno:
 * not everything was dropped. */
int capabilities_drop(unsigned int kept);

/* The same for other threads: flags of enum capabilities_of_thread, 0: none. */
enum capabilities_of_thread {
	CAPABILITIES_PROCESSES = 1 << 0, /* to look at processes */
	CAPABILITIES_READ = 1 << 1,	 /* to read any file */
};
int capabilities_drop_but(unsigned int kept);

#endif
