/* SPDX-License-Identifier: MIT */
/* Runs another program and collects its output. Any thread may. */
#ifndef RUN_PROGRAM_H
#define RUN_PROGRAM_H

#include "base/str.h"

#define RUN_PROGRAM_MS	       10000
#define RUN_PROGRAM_LOOK_MS    50	 /* how often it looks whether to give up */
#define RUN_PROGRAM_OUTPUT_MAX (1 << 20) /* of what it says beyond, nothing is kept */

/* Programs get the environment as it is now, whatever the calling process does to it later, for
 * instance while another thread runs one. Call it before there are threads. */
void run_program_init(void);

/*
 * Runs argv[0] (a path, or a name in $PATH) with our environment and with
 * /dev/null as standard input, and waits until it exits, for at most
 * RUN_PROGRAM_MS; then its process group is killed. Processes that it leaves
 * behind are not waited for. Its standard output and standard error are appended
 * to `out`, also if it fails. It inherits the descriptors that are not
 * close-on-exec. 0; -EIO: its exit status was not 0, or a signal killed it;
 * -ETIME: it took too long and was killed; -errno: it could not be run.
 */
int run_program(char *const argv[], struct str *out);

/* For good: programs that run are killed within RUN_PROGRAM_LOOK_MS, as if they took too long, and so is what is run
 * later. */
void run_program_end(void);

#endif
