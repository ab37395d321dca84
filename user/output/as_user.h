/* SPDX-License-Identifier: MIT */
/*
 * Access to files as another user: this thread gets the user's file system ids
 * and supplementary groups, and loses root's capabilities for files, which the
 * kernel drops when fsuid is not 0 (capabilities(7)).
 */
#ifndef AS_USER_H
#define AS_USER_H

#include <sys/types.h>

/* `groups`: the supplementary ones. Calls can't be nested. 0; -errno: we are still root. */
int as_user_begin(uid_t uid, gid_t gid, const gid_t *groups, size_t groups_count);
/* Root again, without supplementary groups. Aborts if that fails: nothing must run with the ids of
 * both. */
void as_user_end(void);

#endif
