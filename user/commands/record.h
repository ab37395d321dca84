/* SPDX-License-Identifier: MIT */
/* The command `record`: connects all parts, and runs until a signal. */
#ifndef RECORD_H
#define RECORD_H

#include "config/opts.h"

/* The exit status. */
int record_run(const struct opts *opts);

#endif
