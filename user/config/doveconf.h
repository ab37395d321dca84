/* SPDX-License-Identifier: MIT */
/*
 * Rules from the manual's configuration blocks, in a FILE. doveconf reads the
 * running configuration with FILE on top, and without: what differs is what FILE
 * sets. What the running Dovecot already records is left to it.
 */
#ifndef DOVECONF_H
#define DOVECONF_H

#include <stdbool.h>

#include "rules/rules.h"
#include "base/str.h"

/* Adds the rules that `file` switches on. `running`: Dovecot's own configuration file; NULL: none.
 * `debug_r`: does `file` put DEBUG into import_environment? 0; -EINVAL: one line in `error`, which
 * must be empty, and some rules may have been added. */
int doveconf_read(const char *file, const char *running, struct rules *rules, bool *debug_r,
		  struct str *error);

#endif
