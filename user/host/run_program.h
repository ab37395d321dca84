/* SPDX-License-Identifier: MIT */
/*
 * Runs other programs. Each leads a process group, and has our environment and
 * /dev/null as standard input. It inherits the descriptors that are not
 * close-on-exec.
 */
#ifndef RUN_PROGRAM_H
#define RUN_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/str.h"

#define RUN_PROGRAM_MS	       10000
#define RUN_PROGRAM_KILL_MS    1000	 /* what is killed is waited for */
#define RUN_PROGRAM_OUTPUT_MAX (1 << 20) /* of what it says beyond, nothing is kept */

/*
 * Runs argv[0] (a path, or a name in $PATH) and waits until it exits, for at most
 * RUN_PROGRAM_MS; then its process group is killed. Processes that it leaves
 * behind are not waited for, nor is one that can't be killed, as it hangs in the
 * kernel. Its standard output is appended to `out`, also if it fails; then its
 * standard error, too: else that has warnings, which are no answer. 0; -EIO: its exit status was not 0, or a signal killed it; -ETIME: it took
 * too long and was killed; -errno: it could not be run.
 */
int run_program(char *const argv[], struct str *out);

/* For good: what is run from now on is for whoever reads this pipe, and takes RUN_PROGRAM_MS in all. When
 * nobody reads it any more programs that run are killed, as if they took too long, and so is what is run
 * later. */
void run_program_for(int pipe);

/* A program that nobody waits for. The caller closes `out`, and calls waitpid(). */
struct program {
	pid_t pid;
	int out; /* what it says on its standard output; close-on-exec, nonblocking */
};

/* As above, but its standard error is /dev/null. 0 or -errno. */
int program_start(char *const argv[], struct program *program_r);
/* Appends what it has said to `out`. True: that is all, it has closed its output. */
bool program_read(const struct program *program, struct str *out);
/* And its group. Before waitpid(): its id can be another's then. */
void program_kill(const struct program *program);

#endif
