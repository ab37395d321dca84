/* SPDX-License-Identifier: MIT */
/* The command `record`: connects all parts, and runs until a signal. */
#ifndef RECORD_H
#define RECORD_H

#include "config/opts.h"

/* The exit status: 0; 1: it could not start, or not read all records; 3: something was lost. */
int record_run(const struct opts *opts);

#endif
