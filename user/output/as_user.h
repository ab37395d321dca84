/* SPDX-License-Identifier: MIT */
/*
 * Acting on files as somebody else: file system ids and supplementary groups
 * of this thread, and none of root's powers over files meanwhile (the kernel
 * takes the file capabilities away with fsuid 0: credentials(7)).
 */
#ifndef AS_USER_H
#define AS_USER_H

#include <sys/types.h>

/* `groups`: supplementary ones. 0 or -errno; then nothing changed. */
int as_user_begin(uid_t uid, gid_t gid, const gid_t *groups, size_t groups_count);
/* Root again. Aborts if that can't be: nothing must go on half-way. */
void as_user_end(void);

#endif
