/* SPDX-License-Identifier: MIT */
/* What rawtap needs of root, and what it keeps once everything is attached. */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

#include <stddef.h>

/* 0, or -EPERM and the missing ones in words. */
int privileges_check(char *missing_r, size_t size);
/* Drops all capabilities that are not needed any more. 0 or -errno. */
int privileges_drop(void);

#endif
