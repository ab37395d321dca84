/* SPDX-License-Identifier: MIT */
/* Core dumps would write what sessions said, and passwords, into files that no rule names. */
#ifndef CORE_DUMP_H
#define CORE_DUMP_H

/* From now on this process and the programs that it runs leave none. 0 or -errno. */
int core_dump_forbid(void);

#endif
