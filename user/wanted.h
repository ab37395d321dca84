/* SPDX-License-Identifier: MIT */
/* What is to be recorded: the command line and -c FILE together. */
#ifndef WANTED_H
#define WANTED_H

#include "opts.h"
#include "rules.h"

/* Fills `rules`; with neither, the home rule. `base_dir`: the only instance that is wanted,
 * canonical; NULL: any. 0, or -EINVAL, which was said. */
int config_rules(const struct opts *opts, const char *base_dir, struct rules *rules);

#endif
