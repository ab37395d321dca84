/* SPDX-License-Identifier: MIT */
/* What is to be recorded: the command line and -c FILE together. */
#ifndef CONFIG_H
#define CONFIG_H

#include "config/opts.h"
#include "rules/rules.h"

/* Fills `rules`, which must be empty and stay the caller's to free, also after an error; without
 * options and FILE, with --rawlog alone. `base_dir`: the only instance that is wanted, a canonical
 * path; NULL: any. 0; else the exit status, after an error that was logged: 2: wrong usage; 1: FILE, or
 * Dovecot's configuration. */
int config_rules(const struct opts *opts, const char *base_dir, struct rules *rules);

#endif
