/* SPDX-License-Identifier: MIT */
/* Which files root may believe. */
#ifndef TRUSTED_FILE_H
#define TRUSTED_FILE_H

#include <stdbool.h>

struct stat;

/* A regular file that belongs to root and that nobody else can write. (What an ACL grants shows in
 * the mode's bits of the group: acl(5).) Nobody but root can have made it, or can change it. */
bool is_trusted_file(const struct stat *st);

#endif
