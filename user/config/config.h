/* SPDX-License-Identifier: MIT */
/* What is to be recorded: the command line and -c FILE together. */
#ifndef CONFIG_H
#define CONFIG_H

#include "config/opts.h"
#include "rules/rules.h"

/* Fills `rules`; with neither, --rawlog alone. `base_dir`: the only instance that is wanted,
 * canonical; NULL: any. 0, or -EINVAL, which was said. */
int config_rules(const struct opts *opts, const char *base_dir, struct rules *rules);

#endif
