/* SPDX-License-Identifier: MIT */
/*
 * Text from outside (names, paths, what programs say), as it is shown to people.
 * It must not control a terminal, forge a line, or look like another text. What
 * is not plainly printable becomes \xHH for each byte, whatever the locale is.
 * Plainly printable are ASCII's printable characters, and in well-formed UTF-8
 * letters, marks, numbers, punctuation and symbols that can be seen.
 */
#ifndef PRINTABLE_H
#define PRINTABLE_H

#include "base/str.h"

void printable_append(struct str *out, const char *text, size_t size);

#endif
