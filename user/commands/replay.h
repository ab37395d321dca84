/* SPDX-License-Identifier: MIT */
/* The command `replay`: a saved stream through the same rules, without root or kernel. */
#ifndef REPLAY_H
#define REPLAY_H

#include "config/opts.h"

/* The exit status. */
int replay_run(const struct opts *opts);

#endif
