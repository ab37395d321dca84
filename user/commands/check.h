/* SPDX-License-Identifier: MIT */
/* The command `check`: can this host be recorded? Prints a line for each thing that is needed: is
 * it there, and what to do if not. */
#ifndef CHECK_H
#define CHECK_H

#include "config/opts.h"

/* The exit status: 0: it can be recorded; 1: it can't. */
int check_run(const struct opts *opts);

#endif
