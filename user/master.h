/* SPDX-License-Identifier: MIT */
/*
 * Dovecot's master processes, as /proc shows them: is it one, may it be
 * trusted, which version, which instance.
 */
#ifndef MASTER_H
#define MASTER_H

#include <stdbool.h>
#include <sys/types.h>

#include "rl_abi.h"

/* Looks at a process. `base_dir`: the only instance that is wanted, canonical; NULL: any. */
void master_look(pid_t pid, const char *base_dir, struct rl_master *fact_r);

/* Calls `found` for each process whose program is a service of service.h: masters first, then
 * their children. The order makes a scan that runs while programs watch exec complete. */
void master_scan(void (*found)(void *context, pid_t pid, pid_t parent, const char *comm),
		 void *context);

/* The configuration file that a running master uses: base_dir/dovecot.conf. 0 or -errno. */
int master_config(const struct rl_master *fact, char *path_r, size_t size);

#endif
