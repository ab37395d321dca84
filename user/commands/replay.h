/* SPDX-License-Identifier: MIT */
/* The command `replay`: a saved stream through the same rules, without root or kernel. */
#ifndef REPLAY_H
#define REPLAY_H

#include "config/opts.h"

/* The exit status: 0; 1: the stream or a log failed; 3: the recording had lost something. */
int replay_run(const struct opts *opts);

#endif
