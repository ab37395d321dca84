/* SPDX-License-Identifier: MIT */
/* Which files are trusted. */
#ifndef TRUSTED_FILE_H
#define TRUSTED_FILE_H

#include <stdbool.h>

struct stat;

/* Is it a regular file that belongs to root and that nobody else can write? (Write access by an ACL
 * shows in the mode's group bits: acl(5).) Then only root can have created it, or change it. */
bool is_trusted_file(const struct stat *st);

#endif
