/* SPDX-License-Identifier: MIT */
/*
 * Access to files as another user: this thread has the user's file system ids
 * and supplementary groups, and none of root's capabilities for files
 * (the kernel drops them with fsuid 0: credentials(7)).
 */
#ifndef AS_USER_H
#define AS_USER_H

#include <sys/types.h>

/* `groups`: the supplementary ones. Not nested. 0; -errno: nothing has changed. */
int as_user_begin(uid_t uid, gid_t gid, const gid_t *groups, size_t groups_count);
/* Root again, without supplementary groups. Aborts if that fails: nothing may go on as half a user. */
void as_user_end(void);

#endif
