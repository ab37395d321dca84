/* SPDX-License-Identifier: MIT */
/*
 * The environment of Dovecot's processes: what import_environment gives them, as
 * doveconf prints it: "NAME=VALUE NAME ..." in 2.3, and a line "NAME = VALUE" each
 * in 2.4. Pure.
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdbool.h>

#include "base/str.h"

/* Does Dovecot itself give its processes a variable of this name? */
bool environment_is_own(const char *name);

/* What a variable is worth. `import_environment` NULL: not known. 1: the value replaces what `value`
 * held; of several the last one; 0: it is not set; -ENODATA: not known: it is Dovecot's own, or has the
 * value that the master was started with (NAME alone; in 2.4, no value, or one with other variables).
 * Without a value `value` is empty. */
int environment_get(const char *import_environment, const char *name, struct str *value);

#endif
