/* SPDX-License-Identifier: MIT */
/*
 * import_environment, as doveconf prints it: "NAME=VALUE NAME ..." in 2.3, and a
 * line "NAME = VALUE" each in 2.4. Pure.
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdbool.h>

#include "base/str.h"

/* The value that it gives a variable replaces what `value` held; the last one of several. False: it
 * gives it none, at most that of the master (NAME alone; in 2.4, %{env:NAME}), which is not known. */
bool environment_get(const char *import_environment, const char *name, struct str *value);

#endif
