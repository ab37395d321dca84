/* SPDX-License-Identifier: MIT */
/* Runs another program and takes what it prints. */
#ifndef RUN_PROGRAM_H
#define RUN_PROGRAM_H

#include "base/str.h"

/* Runs argv[0] (a path, or a name in PATH) without standard input; its standard output, and
 * error if it failed, are appended to `out`. An open descriptor that the program needs must not
 * be close-on-exec. 0; -EIO: it failed (its exit status is not 0); -ETIME: it took more than ten
 * seconds and was killed; -errno: it could not be run. */
int run_program(char *const argv[], struct str *out);

#endif
