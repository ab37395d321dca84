/* SPDX-License-Identifier: MIT */
/* Runs another program and collects its output. */
#ifndef RUN_PROGRAM_H
#define RUN_PROGRAM_H

#include "base/str.h"

/*
 * Runs argv[0] (a path, or a name in $PATH) with our environment and with
 * /dev/null as standard input, and waits until it ends, for at most ten
 * seconds. Its standard output and standard error are appended to `out`, also
 * if it fails. It inherits the descriptors that are not close-on-exec. 0; -EIO:
 * its exit status was not 0, or a signal killed it; -ETIME: it took too long
 * and was killed; -errno: it could not be run.
 */
int run_program(char *const argv[], struct str *out);

#endif
