/* SPDX-License-Identifier: MIT */
/* The command `check`: can this host be recorded? One line each: what, and what to do. */
#ifndef CHECK_H
#define CHECK_H

#include "config/opts.h"

/* The exit status: 0 if it can. */
int check_run(const struct opts *opts);

#endif
